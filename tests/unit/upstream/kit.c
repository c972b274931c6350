/* Servers on threads, and a loop to talk to them. */
#include "kit.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/resolve.h"
#include "upstream/endpoint.h"

/* ---- servers ------------------------------------------------------------------------------- */

static void server_forget(struct test_server *s, int i)
{
	SSL_free(s->ssl[i]);
	(void)close(s->fds[i]);
	s->n_fds--;
	s->fds[i] = s->fds[s->n_fds];
	s->ssl[i] = s->ssl[s->n_fds];
	atomic_fetch_sub(&s->open, 1);
}

static ssize_t server_read(struct test_server *s, int i)
{
	size_t room = sizeof(s->request) - 1;
	return s->ssl[i] ? SSL_read(s->ssl[i], s->request, (int)room)
			 : recv(s->fds[i], s->request, room, 0);
}

static void server_write(struct test_server *s, int i, const char *text)
{
	if (s->ssl[i])
		(void)SSL_write(s->ssl[i], text, (int)strlen(text));
	else
		(void)send(s->fds[i], text, strlen(text), MSG_NOSIGNAL);
}

/* Requests of the tests come in one piece, without a body. False: the connection is gone. */
static bool server_answer(struct test_server *s, int i)
{
	char out[256];
	ssize_t n = server_read(s, i);
	int mode = atomic_load(&s->mode);
	if (n <= 0 || mode == SERVE_ABORT) {
		if (n > 0)
			atomic_fetch_add(&s->served, 1);
		server_forget(s, i);
		return false;
	}
	s->request[n] = 0;
	atomic_fetch_add(&s->served, 1);
	if (mode == SERVE_SILENT)
		return true;
	if (mode == SERVE_REPLY) {
		server_write(s, i, s->reply);
		return true;
	}
	(void)snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(s->name), s->name);
	server_write(s, i, mode == SERVE_GARBAGE ? "SSH-2.0-nonsense\r\n\r\n" : out);
	if (mode == SERVE_OK)
		return true;
	server_forget(s, i);
	return false;
}

static void server_accept(struct test_server *s)
{
	int fd = accept(s->listen_fd, NULL, NULL);
	if (fd < 0 || s->n_fds == SERVER_CONNS)
		return;
	int i = s->n_fds++;
	s->fds[i] = fd;
	s->ssl[i] = NULL;
	atomic_fetch_add(&s->open, 1);
	atomic_fetch_add(&s->accepted, 1);
	if (!s->tls)
		return;
	s->ssl[i] = SSL_new(s->tls);
	(void)SSL_set_fd(s->ssl[i], fd);
	if (SSL_accept(s->ssl[i]) != 1) /* blocks: one client at a time */
		server_forget(s, i);
}

static void *server_run(void *arg)
{
	struct test_server *s = arg;
	for (;;) {
		struct pollfd p[SERVER_CONNS + 2];
		int n = s->n_fds;
		p[0] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->wake_fd, .events = POLLIN };
		for (int i = 0; i < n; i++)
			p[i + 2] = (struct pollfd){ .fd = s->fds[i], .events = POLLIN };
		if (poll(p, (nfds_t)n + 2, -1) < 0)
			continue;
		if (p[1].revents) {
			eventfd_t v;
			(void)eventfd_read(s->wake_fd, &v);
			while (s->n_fds)
				server_forget(s, s->n_fds - 1);
			if (!atomic_exchange(&s->drop_all, false))
				return NULL;
			continue;
		}
		for (int i = n; i-- > 0;) {
			if (p[i + 2].revents)
				(void)server_answer(s, i);
		}
		if (p[0].revents)
			server_accept(s);
	}
}

static int listen_at(uint16_t port, uint16_t *got)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*got = ntohs(a.sin_port);
	return fd;
}

static void server_start(struct test_server *s, const char *name, uint16_t port, SSL_CTX *tls)
{
	*s = (struct test_server){ .mode = SERVE_OK, .tls = tls };
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->listen_fd = listen_at(port, &s->port);
	assert_int_equal(listen(s->listen_fd, 128), 0);
	(void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", s->port);
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

void server_up(struct test_server *s, const char *name, uint16_t port)
{
	server_start(s, name, port, NULL);
}

void server_up_tls(struct test_server *s, const char *name, SSL_CTX *tls)
{
	server_start(s, name, 0, tls);
}

void server_down(struct test_server *s)
{
	(void)eventfd_write(s->wake_fd, 1);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->listen_fd);
	(void)close(s->wake_fd);
}

void server_drop_all(struct test_server *s)
{
	atomic_store(&s->drop_all, true);
	(void)eventfd_write(s->wake_fd, 1);
	while (atomic_load(&s->drop_all) || atomic_load(&s->open))
		(void)poll(NULL, 0, 1);
}

uint16_t port_unused(void)
{
	uint16_t port;
	(void)close(listen_at(0, &port));
	return port;
}

/* ---- the loop ------------------------------------------------------------------------------ */

struct worker kit_worker;
static const bool *kit_flag;
static bool kit_never;
static struct timer kit_timer;

static void kit_on_due(struct timer *t)
{
	(void)t;
	worker_stop(&kit_worker);
}

int kit_setup(void **state)
{
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	assert_int_equal(worker_init(&kit_worker, 0), 0);
	timer_init(&kit_timer, kit_on_due);
	return 0;
}

int kit_teardown(void **state)
{
	(void)state;
	timer_drop(&kit_timer);
	worker_fini(&kit_worker);
	resolve_fini();
	buf_thread_fini();
	arena_thread_fini();
	return 0;
}

void kit_stop(void)
{
	if (kit_flag && *kit_flag)
		worker_stop(&kit_worker);
}

bool kit_run(const bool *flag, unsigned ms)
{
	if (*flag)
		return true;
	kit_flag = flag;
	kit_worker.clock_is_fresh = false;
	atomic_store(&kit_worker.stop, false);
	worker_timer(&kit_worker, &kit_timer, ms * NS_PER_MS);
	worker_run(&kit_worker);
	timer_stop(&kit_timer);
	kit_flag = NULL;
	return *flag;
}

void kit_pass(unsigned ms)
{
	(void)kit_run(&kit_never, ms);
}

void kit_sees(const _Atomic unsigned *n, unsigned want)
{
	kit_pass(20);
	for (int i = 0; i < 500 && atomic_load(n) != want; i++)
		kit_pass(10);
	assert_int_equal(atomic_load(n), want);
}

/* ---- the probe ----------------------------------------------------------------------------- */

static void probe_end(struct probe *p, int err)
{
	p->err = err;
	p->done = true;
	kit_stop();
}

void probe_finish(struct probe *p, int err)
{
	struct origin *o = p->call.origin;
	upstream_report(&p->call, err);
	o->ops->release(o);
}

static void probe_on_head(struct origin *o, struct response_head *h)
{
	struct probe *p = o->user;
	p->status = h->status;
}

static void probe_on_body(struct origin *o, struct buf *data)
{
	struct probe *p = o->user;
	size_t n = data->len < sizeof(p->body) - 1 - p->body_len
		? data->len
		: sizeof(p->body) - 1 - p->body_len;
	buf_copy(data, p->body + p->body_len, n);
	p->body_len += (unsigned)n;
	buf_drain(data, data->len);
}

static void probe_on_end(struct origin *o, const struct fields *trailers)
{
	struct probe *p = o->user;
	(void)trailers;
	p->ended = true;
	if (p->auto_finish)
		probe_finish(p, 0);
	probe_end(p, 0);
}

static void probe_on_drained(struct origin *o)
{
	(void)o;
}

static void probe_on_origin_fail(struct origin *o, int err)
{
	struct probe *p = o->user;
	bool again = p->retry && !o->answered;
	if (p->auto_finish)
		probe_finish(p, err);
	if (again && upstream_may_retry(&p->call))
		probe_open(p, p->upstream);
	else
		probe_end(p, err);
}

static const struct origin_events probe_events = {
	.on_head = probe_on_head,
	.on_body = probe_on_body,
	.on_end = probe_on_end,
	.on_drained = probe_on_drained,
	.on_fail = probe_on_origin_fail,
};

void probe_send(struct probe *p)
{
	struct origin *o = p->call.origin;
	struct request_head h = {
		.method_text = STR("GET"),
		.method = METHOD_GET,
		.target = STR("/"),
		.path = STR("/"),
		.authority = STR("test"),
		.host = STR("test"),
		.version = 11,
		.form = TARGET_ORIGIN,
		.body = BODY_NONE,
		.keep_alive = true,
	};
	o->ops->head(o, &h);
	o->ops->end(o, NULL);
	o->ops->resume(o);
}

static void probe_on_ready(struct upstream_call *c)
{
	struct probe *p = container_of(c, struct probe, call);
	assert_int_equal(c->state, UPSTREAM_CALL_READY);
	p->ready = true;
	if (p->auto_finish)
		probe_send(p);
	kit_stop();
}

static void probe_on_fail(struct upstream_call *c, int err)
{
	struct probe *p = container_of(c, struct probe, call);
	assert_true(err < 0);
	probe_end(p, err);
}

void probe_init(struct probe *p)
{
	*p = (struct probe){ .auto_finish = true };
	arena_init(&p->arena, 0);
	upstream_call_init(&p->call, probe_on_ready, probe_on_fail);
}

void probe_open(struct probe *p, struct upstream *u)
{
	p->ready = p->ended = p->done = false;
	p->err = 0;
	p->status = 0;
	p->body_len = 0;
	p->upstream = u;
	p->opens++;
	memset(p->body, 0, sizeof(p->body));
	int r = upstream_open(&p->call, u, &probe_events, p, &p->arena);
	if (r > 0)
		probe_on_ready(&p->call);
	else if (r < 0)
		probe_end(p, r);
}

void probe_fini(struct probe *p)
{
	upstream_call_fini(&p->call);
	arena_fini(&p->arena);
}

int kit_get(struct upstream *u, struct probe *p)
{
	probe_init(p);
	probe_open(p, u);
	if (!kit_run(&p->done, 5000))
		fail_msg("a request came to no end");
	probe_fini(p);
	return p->err;
}

/* ---- configurations ------------------------------------------------------------------------ */

void conf_make(struct test_conf *c, const char *name, const char *const *addresses)
{
	size_t n = 0;
	*c = (struct test_conf){
		.conf = { .name = str_of(name),
			.balance = { .algorithm = BALANCE_ROUND_ROBIN },
			.timeouts = { .connect = 500,
				.response = 300,
				.idle = 10000,
				.queue = 200 },
			.health = { .failures = 3, .retry_after = 100, .retry_after_max = 400 },
			.retries = 2,
			.keepalive = 16,
			.max_queue = 8,
			.max_head = 65536,
			.max_fields = 100,
			.resolve_interval = 1000 },
	};
	for (; addresses[n]; n++) {
		(void)snprintf(c->text[n], sizeof(c->text[n]), "%s", addresses[n]);
		char *star = strchr(c->text[n], '*');
		if (star)
			*star = 0;
		c->servers[n].address = str_of(c->text[n]);
		c->servers[n].weight = star ? strtoull(star + 1, NULL, 10) : 1;
	}
	c->conf.servers = (sluice_blocks){ c->servers, n };
}

struct view_search {
	const char *address;
	struct endpoint_view found;
};

static void view_one(void *ctx, const struct endpoint_view *v)
{
	struct view_search *s = ctx;
	if (str_eq(v->address, str_of(s->address)))
		s->found = *v;
}

struct endpoint_view kit_view(const char *address)
{
	struct view_search s = { .address = address };
	upstream_each_endpoint(&kit_worker, view_one, &s);
	return s.found;
}

bool kit_tries(struct endpoint *e)
{
	bool trial;
	return endpoint_begin_trial(e, &trial) && trial;
}
