/* Listeners and connections of one worker. Its thread. */
#include "front/front.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/series.h"
#include "http1/server.h"
#include "http2/server.h"
#include "net/listener.h"
#include "net/stream.h"
#include "tls/info.h"
#include "tls/server.h"
#include "tls/transport.h"

/* The settings a connection began with; a reload makes new ones and leaves these to whoever still has them. */
struct front_settings {
	unsigned refs;
	struct http1_server_conf http1;
	struct http2_server_conf http2;
	uint64_t protocols; /* enum front_protocol */
	struct addr addr;
	series_id accepted; /* its metric */
	char name[64 + 1];
};

struct front_listener {
	struct list link; /* front.listeners */
	struct front *front;
	struct acceptor acceptor;
	struct front_settings *settings; /* shared: ref */
	struct tls_server *tls;          /* borrowed: of the snapshot in force */
	bool marked;                     /* front_apply: it stays */
};

struct front_conn {
	struct list link; /* front.conns */
	struct front *front;
	struct front_settings *settings; /* shared: ref */
	struct http1_server *http1;      /* owned by itself; at most one of the two, and none until it is known */
	struct http2_server *http2;
	bool open;                       /* the handshake is through, or there is none */
	struct conn_info info;
	struct stream s;
	struct grave grave;
};

struct front {
	struct worker *worker;
	struct list listeners, conns;
	unsigned n_conns;
	uint64_t max_conns;
	uint64_t next_id;
	bool draining;
	bool uncounted;
	uint64_t drain_idle_ns;
	void (*on_empty)(void *ctx);
	void *on_empty_ctx;
};

/* ---- settings ----------------------------------------------------------------------------------------------------- */

static struct front_settings *settings_new(const struct front *f, const struct front_listener_args *a)
{
	struct front_settings *s = calloc(1, sizeof(*s));
	const struct listener_conf *c = a->conf;
	check(s, "out of memory: the settings of a listener");
	s->refs = 1;
	s->addr = *a->addr;
	if (!f->uncounted)
		s->accepted = series_find(FAMILY_LISTENER_CONNECTIONS, c->name, STR(""));
	memcpy(s->name, c->name.data, c->name.len < sizeof(s->name) ? c->name.len : sizeof(s->name) - 1);
	s->http1 = (struct http1_server_conf){ .head_ns = c->timeouts.head * NS_PER_MS,
		                               .body_ns = c->timeouts.body * NS_PER_MS,
		                               .idle_ns = c->timeouts.idle * NS_PER_MS,
		                               .max_body = c->max_body,
		                               .max_head = (uint32_t)c->max_head,
		                               .max_fields = (uint32_t)c->max_fields,
		                               .max_target = (uint32_t)c->max_target,
		                               .budget = (size_t)c->max_memory,
		                               .handler = a->handler };
	s->http2 = (struct http2_server_conf){ .head_ns = s->http1.head_ns,
		                               .body_ns = s->http1.body_ns,
		                               .idle_ns = s->http1.idle_ns,
		                               .max_body = s->http1.max_body,
		                               .max_head = s->http1.max_head,
		                               .max_fields = s->http1.max_fields,
		                               .max_target = s->http1.max_target,
		                               .budget = s->http1.budget,
		                               .handler = a->handler };
	s->protocols = c->protocols;
	return s;
}

static void settings_unref(struct front_settings *s)
{
	if (--s->refs == 0)
		free(s);
}

/* ---- connections -------------------------------------------------------------------------------------------------- */

static void conn_free(struct grave *g)
{
	struct front_conn *c = container_of(g, struct front_conn, grave);
	settings_unref(c->settings);
	free(c);
}

static void conn_close(struct front_conn *c)
{
	struct front *f = c->front;
	stream_close(&c->s);
	list_del(&c->link);
	f->n_conns--;
	if (!f->uncounted)
		stat_dec(STAT_CONNECTIONS_ACTIVE);
	worker_bury(f->worker, &c->grave, conn_free);
	if (f->draining && f->n_conns == 0 && f->on_empty)
		f->on_empty(f->on_empty_ctx);
}

static void conn_on_closed(void *owner)
{
	conn_close(owner);
}

static void conn_drain(struct front_conn *c)
{
	uint64_t idle_ns = c->front->drain_idle_ns;
	if (c->http1)
		http1_server_drain(c->http1, idle_ns);
	else if (c->http2)
		http2_server_drain(c->http2, idle_ns);
	else if (c->open)
		stream_deadline(&c->s, idle_ns); /* nothing came yet */
}

/* The protocol is known: from here on the stream belongs to its codec. */
static void conn_serve(struct front_conn *c, enum front_protocol p)
{
	if (p == FRONT_H2) {
		const struct http2_server_owner owner = { .on_closed = conn_on_closed, .owner = c };
		c->http2 = http2_server_new(&c->s, &c->info, &c->settings->http2, &owner);
	} else {
		const struct http1_server_owner owner = { .on_closed = conn_on_closed, .owner = c };
		c->http1 = http1_server_new(&c->s, &c->info, &c->settings->http1, &owner);
	}
	if (c->s.in.len)
		stream_resume(&c->s);
	if (c->front->draining)
		conn_drain(c);
}

/* Plain, with a choice of protocols: the first bytes tell (RFC 9113 3.3). */
static void conn_on_first_bytes(struct stream *s)
{
	struct front_conn *c = s->data;
	bool first = s->in.len == 0;
	enum io io = stream_fill(s);
	if (io == IO_AGAIN)
		return;
	if (io != IO_OK) {
		conn_close(c);
		return;
	}
	sluice_str bytes = buf_pullup(&s->in, s->in.len < HTTP2_PREFACE_LEN ? s->in.len : HTTP2_PREFACE_LEN);
	enum http2_preface is = http2_preface(bytes.data, bytes.len);
	if (is != HTTP2_PREFACE_MORE)
		conn_serve(c, is == HTTP2_PREFACE_YES ? FRONT_H2 : FRONT_HTTP1);
	else if (first)
		stream_deadline(s, c->settings->http1.head_ns);
}

static void conn_on_silence(struct stream *s)
{
	stat_inc(s->in.len ? STAT_TIMEOUT_HEAD : STAT_TIMEOUT_IDLE);
	conn_close(s->data);
}

static void conn_on_loss(struct stream *s, int error)
{
	(void)error;
	conn_close(s->data);
}

/* What nobody asks for at this point. */
static void conn_on_nothing(struct stream *s)
{
	(void)s;
}

static const struct stream_user conn_undecided = {
	.on_readable = conn_on_first_bytes,
	.on_drained = conn_on_nothing,
	.on_fail = conn_on_loss,
	.on_timeout = conn_on_silence,
};

/* The stream is open. */
static void conn_choose(struct front_conn *c, sluice_str agreed)
{
	uint64_t p = c->settings->protocols;
	c->open = true;
	if (str_eq(agreed, STR("h2")) || p == FRONT_H2) {
		conn_serve(c, FRONT_H2);
	} else if (!(p & FRONT_H2) || c->info.tls_version) {
		conn_serve(c, FRONT_HTTP1); /* over TLS, HTTP/2 must be agreed on (RFC 9113 3.2) */
	} else {
		c->s.user = &conn_undecided;
		stream_deadline(&c->s, c->settings->http1.idle_ns);
	}
}

static void conn_on_open(struct stream *s)
{
	struct front_conn *c = s->data;
	const char *sni = tls_sni(s);
	c->info.tls_version = tls_version_name(s);
	c->info.tls_cipher = tls_cipher_name(s);
	c->info.sni = *sni ? sni : NULL;
	stat_inc(STAT_TLS_HANDSHAKES);
	if (tls_was_resumed(s))
		stat_inc(STAT_TLS_RESUMED);
	conn_choose(c, tls_alpn(s));
}

static void conn_on_fail(struct stream *s, int error)
{
	(void)error;
	stat_inc(STAT_TLS_FAILURES);
	conn_close(s->data);
}

static void conn_on_timeout(struct stream *s)
{
	stat_inc(STAT_TIMEOUT_TLS);
	conn_close(s->data);
}

static const struct stream_user conn_user = {
	.on_open = conn_on_open,
	.on_readable = conn_on_nothing,
	.on_drained = conn_on_nothing,
	.on_fail = conn_on_fail,
	.on_timeout = conn_on_timeout,
};

static void front_on_accept(struct acceptor *a, int fd, const struct addr *peer)
{
	struct front_listener *l = a->data;
	struct front *f = l->front;
	struct front_settings *set = l->settings;

	if (f->max_conns && f->n_conns >= f->max_conns) {
		if (!f->uncounted)
			stat_inc(STAT_CONNECTIONS_REFUSED);
		(void)close(fd);
		return;
	}
	struct front_conn *c = calloc(1, sizeof(*c));
	if (!c) {
		(void)close(fd);
		return;
	}
	void *tls = l->tls ? tls_server_start(l->tls, f->worker->id) : NULL;
	c->front = f;
	c->settings = set;
	c->info.local = &set->addr;
	c->info.listener = str_of(set->name);
	c->info.id = (uint64_t)f->worker->id << 48 | ++f->next_id;
	c->info.peer_port = addr_port(peer);
	c->info.peer_ip_len = (uint8_t)addr_ip_text(peer, c->info.peer_ip);
	if (stream_init(&c->s, f->worker, fd, l->tls ? &transport_tls : &transport_plain, tls, &conn_user, c) < 0) {
		free(c);
		return;
	}
	set->refs++;
	list_push(&f->conns, &c->link);
	f->n_conns++;
	if (!f->uncounted) {
		stat_inc(STAT_CONNECTIONS_ACCEPTED);
		series_add(set->accepted, 1);
		stat_inc(STAT_CONNECTIONS_ACTIVE);
	}
	if (tls)
		stream_deadline(&c->s, set->http1.head_ns);
	else
		conn_choose(c, STR_NONE);
}

/* ---- listeners ---------------------------------------------------------------------------------------------------- */

static struct front_listener *front_find(struct front *f, const struct addr *a)
{
	list_each(e, &f->listeners) {
		struct front_listener *l = container_of(e, struct front_listener, link);
		if (addr_eq(&l->settings->addr, a))
			return l;
	}
	return NULL;
}

static void listener_stop(struct front_listener *l)
{
	acceptor_stop(&l->acceptor);
	list_del(&l->link);
	settings_unref(l->settings);
	free(l);
}

void front_apply(struct front *f, const struct front_listener_args *v, size_t n, uint64_t max_connections)
{
	f->max_conns = max_connections;
	for (size_t i = 0; i < n; i++) {
		struct front_listener *l = front_find(f, v[i].addr);
		if (l && v[i].fd >= 0)
			(void)close(v[i].fd);
		if (!l) {
			l = calloc(1, sizeof(*l));
			check(l, "out of memory: a listener");
			l->front = f;
			l->settings = settings_new(f, &v[i]);
			l->tls = v[i].tls;
			l->marked = true;
			if (acceptor_start(&l->acceptor, f->worker, v[i].fd, front_on_accept, l) < 0)
				check(false, "a listening socket cannot join the event loop");
			list_push(&f->listeners, &l->link);
			continue;
		}
		settings_unref(l->settings);
		l->settings = settings_new(f, &v[i]);
		l->tls = v[i].tls;
		l->marked = true;
	}
	list_each_safe(e, &f->listeners) {
		struct front_listener *l = container_of(e, struct front_listener, link);
		if (!l->marked)
			listener_stop(l);
		else
			l->marked = false;
	}
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

struct front *front_new(struct worker *w)
{
	struct front *f = calloc(1, sizeof(*f));
	check(f, "out of memory: the front of a worker");
	f->worker = w;
	list_init(&f->listeners);
	list_init(&f->conns);
	return f;
}

void front_leave_uncounted(struct front *f)
{
	f->uncounted = true;
}

void front_free(struct front **f)
{
	struct front *it = *f;
	*f = NULL;
	check(it->n_conns == 0, "a worker ends with %u connections open", it->n_conns);
	list_each_safe(e, &it->listeners)
		listener_stop(container_of(e, struct front_listener, link));
	free(it);
}

void front_drain(struct front *f, uint64_t idle_ns)
{
	f->drain_idle_ns = idle_ns;
	list_each_safe(e, &f->listeners)
		listener_stop(container_of(e, struct front_listener, link));
	f->draining = true;
	list_each_safe(e2, &f->conns) {
		conn_drain(container_of(e2, struct front_conn, link));
	}
	if (f->n_conns == 0 && f->on_empty)
		f->on_empty(f->on_empty_ctx);
}

void front_abort(struct front *f)
{
	list_each_safe(e, &f->conns) {
		struct front_conn *c = container_of(e, struct front_conn, link);
		if (c->http1)
			http1_server_abort(c->http1);
		else if (c->http2)
			http2_server_abort(c->http2);
		else
			conn_close(c);
	}
}

unsigned front_connections(const struct front *f)
{
	return f->n_conns;
}

void front_on_empty(struct front *f, void (*fn)(void *ctx), void *ctx)
{
	f->on_empty = fn;
	f->on_empty_ctx = ctx;
}
