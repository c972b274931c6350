/* See the header. */
#include "h2server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "unit.h"

/* ---- requests ------------------------------------------------------------------------------ */

static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	const char *name = source->ptr;
	size_t n = strlen(name);
	(void)h2, (void)id, (void)user;
	assert_true(n <= max);
	memcpy(buf, name, n);
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void conn_answer(struct h2_conn *c, int32_t id)
{
	struct h2_server *s = c->server;
	const nghttp2_nv status = { (uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200",
		7, 3, 0 };
	const nghttp2_data_provider body = { .source.ptr = s->name, .read_callback = on_read };
	atomic_fetch_add(&s->served, 1);
	(void)nghttp2_submit_response(c->h2, id, &status, 1, &body);
}

static bool server_takes_one(struct h2_server *s)
{
	unsigned n = atomic_load(&s->count);
	while (n && !atomic_compare_exchange_weak(&s->count, &n, n - 1))
		;
	return n > 0;
}

static void conn_request(struct h2_conn *c, int32_t id)
{
	struct h2_server *s = c->server;
	enum h2_mode mode = (enum h2_mode)atomic_load(&s->mode);
	unsigned count = atomic_load(&s->count);

	c->requests++;
	if (mode == H2_GOAWAY && c->requests > count)
		return; /* it is too late for this one */
	atomic_fetch_add(&s->begun, 1);
	if (mode == H2_HOLD) {
		c->pending[c->n_pending++] = id;
	} else if (mode == H2_ABORT) {
		(void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, id,
			NGHTTP2_INTERNAL_ERROR);
	} else if (mode == H2_REFUSE && server_takes_one(s)) {
		(void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, id,
			NGHTTP2_REFUSED_STREAM);
	} else if (mode == H2_DROP && c->requests >= count) {
		c->drop = true;
	} else {
		if (mode == H2_GOAWAY && c->requests == count)
			(void)nghttp2_submit_goaway(c->h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR,
				NULL, 0);
		conn_answer(c, id);
	}
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct h2_conn *c = user;
	(void)h2;
	if (f->headers.cat == NGHTTP2_HCAT_REQUEST && ++c->streams > atomic_load(&c->server->most))
		atomic_store(&c->server->most, c->streams);
	return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	(void)h2;
	if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
		(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		conn_request(user, f->hd.stream_id);
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct h2_conn *c = user;
	(void)h2, (void)code;
	c->streams--;
	for (unsigned i = 0; i < c->n_pending; i++) {
		if (c->pending[i] == id)
			c->pending[i--] = c->pending[--c->n_pending];
	}
	return 0;
}

/* ---- connections --------------------------------------------------------------------------- */

static void conn_close(struct h2_conn *c)
{
	nghttp2_session_del(c->h2);
	SSL_free(c->ssl);
	(void)close(c->fd);
	c->fd = -1;
	atomic_fetch_sub(&c->server->open, 1);
}

static void conn_flush(struct h2_conn *c)
{
	const uint8_t *p;
	ssize_t n;
	while (!c->drop && (n = nghttp2_session_mem_send(c->h2, &p)) > 0) {
		if (c->ssl)
			(void)SSL_write(c->ssl, p, (int)n);
		else
			(void)send(c->fd, p, (size_t)n, MSG_NOSIGNAL);
	}
	if (c->drop) {
		conn_close(c);
	} else if (!nghttp2_session_want_read(c->h2) && !nghttp2_session_want_write(c->h2)) {
		c->over = true; /* what comes is thrown away, lest a reset destroys what was sent */
		(void)shutdown(c->fd, SHUT_WR);
	}
}

static void conn_begin(struct h2_conn *c)
{
	struct h2_server *s = c->server;
	nghttp2_session_callbacks *cb;
	const nghttp2_settings_entry max = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
		s->max_streams };
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	assert_int_equal(nghttp2_session_server_new(&c->h2, cb, c), 0);
	nghttp2_session_callbacks_del(cb);
	(void)nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, &max, s->max_streams != UINT32_MAX);
	conn_flush(c);
}

static void conn_read(struct h2_conn *c)
{
	uint8_t bytes[16384];
	do {
		ssize_t n = c->ssl ? SSL_read(c->ssl, bytes, sizeof(bytes))
				   : recv(c->fd, bytes, sizeof(bytes), 0);
		if (n <= 0 || (!c->over && nghttp2_session_mem_recv(c->h2, bytes, (size_t)n) < 0)) {
			conn_close(c);
			return;
		}
	} while (c->ssl && SSL_has_pending(c->ssl));
	if (!c->over)
		conn_flush(c);
}

static void server_accept(struct h2_server *s)
{
	int one = 1, fd = accept(s->listen_fd, NULL, NULL);
	struct h2_conn *c = s->conns;
	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (c < s->conns + H2_CONNS && c->fd >= 0)
		c++;
	assert_true(c < s->conns + H2_CONNS);
	*c = (struct h2_conn){ .server = s, .fd = fd };
	atomic_fetch_add(&s->open, 1);
	atomic_fetch_add(&s->accepted, 1);
	if (s->tls) {
		c->ssl = SSL_new(s->tls);
		(void)SSL_set_fd(c->ssl, fd);
		if (SSL_accept(c->ssl) != 1) {
			conn_close(c);
			return;
		}
	}
	conn_begin(c);
}

static void server_woken(struct h2_server *s)
{
	bool drop = atomic_load(&s->drop_all) || atomic_load(&s->stop);
	for (struct h2_conn *c = s->conns; c < s->conns + H2_CONNS; c++) {
		if (c->fd < 0)
			continue;
		if (drop) {
			conn_close(c);
			continue;
		}
		while (c->n_pending && atomic_load(&s->mode) == H2_OK)
			conn_answer(c, c->pending[--c->n_pending]);
		if (!c->over)
			conn_flush(c);
	}
	atomic_store(&s->drop_all, false);
}

static void *server_run(void *arg)
{
	struct h2_server *s = arg;
	while (!atomic_load(&s->stop)) {
		struct pollfd p[H2_CONNS + 2];
		p[0] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->wake_fd, .events = POLLIN };
		for (int i = 0; i < H2_CONNS; i++)
			p[i + 2] = (struct pollfd){ .fd = s->conns[i].fd, .events = POLLIN };
		if (poll(p, H2_CONNS + 2, -1) < 0)
			continue;
		if (p[1].revents) {
			eventfd_t v;
			(void)eventfd_read(s->wake_fd, &v);
			server_woken(s);
			continue;
		}
		for (int i = 0; i < H2_CONNS; i++) {
			if (p[i + 2].revents)
				conn_read(&s->conns[i]);
		}
		if (p[0].revents)
			server_accept(s);
	}
	return NULL;
}

/* ---- for the tests ------------------------------------------------------------------------- */

void h2_server_up(struct h2_server *s, const char *name, uint32_t max_streams, SSL_CTX *tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	*s = (struct h2_server){ .max_streams = max_streams, .tls = tls };
	for (int i = 0; i < H2_CONNS; i++)
		s->conns[i].fd = -1;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(s->listen_fd, 128), 0);
	s->port = ntohs(a.sin_port);
	(void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", s->port);
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_wake(struct h2_server *s)
{
	(void)eventfd_write(s->wake_fd, 1);
}

void h2_server_mode(struct h2_server *s, enum h2_mode mode, unsigned count)
{
	atomic_store(&s->count, count);
	atomic_store(&s->mode, (int)mode);
	server_wake(s);
}

void h2_server_drop_all(struct h2_server *s)
{
	atomic_store(&s->drop_all, true);
	server_wake(s);
	while (atomic_load(&s->drop_all))
		(void)poll(NULL, 0, 1);
}

void h2_server_down(struct h2_server *s)
{
	atomic_store(&s->stop, true);
	server_wake(s);
	(void)pthread_join(s->thread, NULL);
	for (int i = 0; i < H2_CONNS; i++) {
		if (s->conns[i].fd >= 0)
			conn_close(&s->conns[i]);
	}
	(void)close(s->listen_fd);
	(void)close(s->wake_fd);
}
