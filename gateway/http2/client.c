/*
 * One connection to an upstream server, from the socket's side: when to read, when to write, how
 * long to wait, and when it is over. See client_state.h for how the files share the work.
 *
 *   OPENING --connected--> OPEN --broken--> DEAD --last origin released--> CLOSED
 *       \--failed--> CLOSED \--draining, or idle for too long; no request--> CLOSED
 */
#include "http2/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "http2/client_state.h"
#include "http2/memory.h"
#include "net/shortage.h"
#include "tls/info.h"
#include "tls/transport.h"

/* ---- ending -------------------------------------------------------------------------------- */

static void conn_free(struct grave *g)
{
	free(container_of(g, struct http2_conn, l.grave));
}

static void conn_end(struct http2_conn *c)
{
	http2_link_set_state(&c->l, LINK_CLOSED);
	http2_link_close(&c->l);
	stream_close(&c->s);
	worker_bury(c->s.worker, &c->l.grave, conn_free);
}

/* The connection carries no request. */
static void conn_gone(struct http2_conn *c, int err)
{
	conn_end(c);
	c->owner->on_gone(c, err);
}

/* Send what is queued, above all the GOAWAY with the reason, as far as the socket takes it now. */
static void conn_flush(struct http2_conn *c)
{
	http2_link_pump(&c->l);
	stream_flush_now(&c->s);
}

/* The error of a request whose connection breaks. */
static int conn_lost_err(const struct client_stream *r, int err)
{
	if (r->st.receive == RECEIVE_BODY && r->st.kind != KIND_TUNNEL &&
		(err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET))
		return ERR_UPSTREAM_TRUNCATED;
	return err;
}

/* The connection has ended, whatever it carries. */
static void conn_lose(struct http2_conn *c, int err)
{
	if (c->l.error.err)
		(void)nghttp2_session_terminate_session(c->l.h2, c->l.error.code);
	conn_flush(c);
	if (c->n_requests == 0) {
		conn_gone(c, 0);
		return;
	}
	http2_link_set_state(&c->l, LINK_DEAD);
	c->changed = false;
	http2_link_close(&c->l);
	c->building = NULL;
	stream_close(&c->s);
	list_each (e, &c->l.streams) {
		struct client_stream *r = container_of(e, struct client_stream, st.all_link);
		http2_stream_set_wire(&r->st, WIRE_CLOSED);
		if (!c->settled)
			client_stream_explain(r,
				"the connection ended before the SETTINGS of HTTP/2: does the "
				"server speak it?");
		if (r->st.receive < RECEIVE_END)
			client_stream_fail(r,
				http2_connection_error(conn_lost_err(r, err), NGHTTP2_NO_ERROR));
	}
	/* before the requests fail: this connection must not be chosen when they look for
	 * another */
	c->owner->on_change(c);
	http2_link_tell(&c->l);
}

/* ---- what changes -------------------------------------------------------------------------- */

void conn_drain(struct http2_conn *c)
{
	c->changed = c->changed || !c->draining;
	c->draining = true;
}

/* Tell exchanges and owner their news. Called between two frames, when no function of the library
 * is on the stack. */
static void conn_settle(struct http2_conn *c)
{
	if (c->l.error.err) {
		conn_lose(c, c->l.error.err);
		return;
	}
	if (!list_is_empty(&c->l.news))
		http2_link_tell(&c->l);
	if (conn_is_open(c) && c->draining && c->n_requests == 0)
		conn_gone(c, 0);
	if (conn_is_open(c) && c->changed) {
		c->changed = false;
		c->owner->on_change(c);
	}
}

void conn_released(struct http2_conn *c)
{
	c->n_requests--;
	if (c->n_requests == 0 && (c->l.state == LINK_DEAD || (conn_is_open(c) && c->draining))) {
		conn_gone(c, 0);
	} else if (conn_is_open(c)) {
		if (c->n_requests == 0 && c->settled)
			stream_deadline(&c->s, c->conf.idle_ns);
		c->changed = false;
		c->owner->on_change(c);
	}
}

/* ---- what the engine asks for -------------------------------------------------------------- */

static void conn_set_up(nghttp2_session_callbacks *cb, nghttp2_option *o)
{
	client_receive_set_up(cb);
	client_send_set_up(cb, o);
}

/* If anything comes before the server's SETTINGS (RFC 9113 3.4), the server most often speaks
 * another protocol. */
static void conn_look_at_start(struct http2_conn *c)
{
	static const char http1[] = { 'H', 'T', 'T', 'P', '/' };
	if (memcmp(c->l.meter.head, http1, sizeof(http1)) != 0)
		return;
	list_each (e, &c->l.streams)
		client_stream_explain(container_of(e, struct client_stream, st.all_link),
			"the server answers in HTTP/1: write `protocol: http/1.1`");
}

static bool conn_admits(struct http2_link *l, const struct frame_head *f)
{
	/* RFC 9218 7.1: only clients send it. The library would ignore it. */
	if (f->type != FRAME_PRIORITY_UPDATE)
		return true;
	list_each (e, &l->streams)
		client_stream_explain(container_of(e, struct client_stream, st.all_link),
			"the server sent PRIORITY_UPDATE, which is for clients");
	http2_link_fail(l, NGHTTP2_PROTOCOL_ERROR);
	return false;
}

static void conn_frame_fed(struct http2_link *l)
{
	struct http2_conn *c = conn_of(l);
	if (unlikely(!c->settled))
		conn_look_at_start(c);
	conn_settle(c);
}

static int conn_why(uint32_t code)
{
	(void)code;
	return ERR_UPSTREAM_PROTOCOL;
}

static const struct http2_end conn_end_ops = {
	.set_up = conn_set_up,
	.admit = conn_admits,
	.settle = conn_frame_fed,
	.tell = client_stream_tell,
	.data_sent = client_data_sent,
	.why = conn_why,
};

/* ---- the socket ---------------------------------------------------------------------------- */

static void conn_on_turn_end(struct turn_hook *h)
{
	struct http2_conn *c = container_of(h, struct http2_conn, l.turn);
	http2_link_pump(&c->l);
	if (conn_is_open(c))
		conn_settle(c);
	else if (c->l.state == LINK_DEAD)
		http2_link_tell(&c->l);
}

static void conn_read(struct http2_conn *c)
{
	enum io io = http2_link_read(&c->l, c->n_requests > 0);
	if (conn_is_open(c) && io != IO_AGAIN)
		conn_lose(c, io == IO_EOF ? ERR_UPSTREAM_CLOSED : ERR_UPSTREAM_RESET);
}

static void conn_on_readable(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (conn_is_open(c))
		conn_read(c);
}

static void conn_on_drained(struct stream *s)
{
	struct http2_conn *c = s->data;
	http2_link_wake(&c->l);
}

static void conn_not_opened(struct http2_conn *c, int err, const char *why)
{
	c->why = why;
	conn_gone(c, err);
	c->why = NULL;
}

/* Act on the protocol that the server chose by ALPN; without TLS it is HTTP/2. True: HTTP/2. */
static bool conn_agree(struct http2_conn *c)
{
	char why[CLIENT_WHY];
	/* prior knowledge, RFC 9113 3.3 */
	sluice_str alpn = c->https ? tls_alpn(&c->s) : STR("h2");
	if (str_eq(alpn, STR("h2")))
		return true;
	if (c->conf.may_http1 && (alpn.len == 0 || str_eq(alpn, STR("http/1.1")))) {
		c->owner->on_http1(c, &c->s);
		conn_end(c);
		return false;
	}
	(void)snprintf(why, sizeof(why), "ALPN: the server does not choose h2%s%.*s",
		alpn.len ? " but " : "", STR_ARG(alpn));
	conn_not_opened(c, ERR_UPSTREAM_PROTOCOL, why);
	return false;
}

static void conn_open_session(struct http2_conn *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CLIENT_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->limits.max_head },
	};
	const struct http2_opening o = { .settings = settings,
		.n_settings = sizeof(settings) / sizeof(settings[0]),
		.window = CLIENT_WINDOW,
		.max_head = c->limits.max_head };
	http2_link_open(&c->l, &o, memory_lists());
}

static void conn_on_open(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (!conn_agree(c))
		return;
	http2_link_set_state(&c->l, LINK_OPEN);
	conn_open_session(c);
	stream_deadline(s, c->conf.connect_ns); /* for its settings */
	http2_link_wake(&c->l);
	c->owner->on_open(c);
}

static void conn_on_fail(struct stream *s, int error)
{
	struct http2_conn *c = s->data;
	char why[CLIENT_WHY];
	if (c->l.state == LINK_OPENING) {
		if (error == -1)
			(void)tls_error_text(s, why, sizeof(why));
		else
			(void)snprintf(why, sizeof(why), "%s", strerror(error));
		conn_not_opened(c, error == -1 ? ERR_UPSTREAM_TLS : shortage_of(error), why);
		return;
	}
	if (!conn_is_open(c))
		return;
	/* read what the server sent: it may say which requests it has seen */
	stream_salvage(s);
	conn_drain(c);
	conn_read(c);
	if (conn_is_open(c))
		conn_lose(c, ERR_UPSTREAM_RESET);
}

static void conn_on_timeout(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (c->l.state == LINK_OPENING) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		conn_gone(c, ERR_CONNECT_TIMEOUT);
	} else if (conn_is_open(c) && !c->settled) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		conn_lose(c, ERR_UPSTREAM_TIMEOUT);
	} else if (conn_is_open(c) && c->n_requests == 0) {
		(void)nghttp2_session_terminate_session(c->l.h2, NGHTTP2_NO_ERROR);
		conn_lose(c, 0);
	}
}

static const struct stream_user conn_user = {
	.on_open = conn_on_open,
	.on_readable = conn_on_readable,
	.on_drained = conn_on_drained,
	.on_fail = conn_on_fail,
	.on_timeout = conn_on_timeout,
};

/* ---- what the owner calls ------------------------------------------------------------------ */

struct http2_conn *http2_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http2_conn_conf *conf,
	const struct http2_conn_owner *owner, void *owner_data, int *err)
{
	struct http2_conn *c = mem_new(struct http2_conn);
	http2_link_init(&c->l, &conn_end_ops, &c->s, LINK_OPENING, conn_on_turn_end);
	c->l.queue_max = HTTP2_QUEUE_MAX + 2 * conf->max_requests;
	check(!conf->may_http1 || owner->on_http1, "nobody takes a connection that speaks %s",
		"HTTP/1.1");
	c->conf = *conf;
	c->limits = (struct head_limits){ .max_head = (uint32_t)conf->max_head,
		.max_fields = conf->max_fields };
	c->owner = owner;
	c->owner_data = owner_data;
	c->https = t == &transport_tls;
	int error = stream_connect(&c->s, w, to, t, tls, &conn_user, c);
	if (error) {
		free(c);
		*err = shortage_tell(-error, to, worker_now(w));
		errno = -error; /* for the pool, which logs the reason */
		return NULL;
	}
	stream_deadline(&c->s, conf->connect_ns);
	return c;
}

void *http2_conn_owner_data(struct http2_conn *c)
{
	return c->owner_data;
}

const char *http2_conn_why(const struct http2_conn *c)
{
	return c->why ? c->why : "";
}

enum http2_stage http2_conn_stage(const struct http2_conn *c)
{
	if (conn_is_open(c))
		return c->settled ? HTTP2_OPEN : HTTP2_NEW;
	return c->l.state == LINK_OPENING ? HTTP2_CONNECTING : HTTP2_LOST;
}

uint32_t http2_conn_limit(const struct http2_conn *c)
{
	if (!c->settled)
		return 0;
	return c->peer_max < c->conf.max_requests ? c->peer_max : c->conf.max_requests;
}

uint32_t http2_conn_room(const struct http2_conn *c)
{
	uint32_t max = c->settled ? http2_conn_limit(c) : c->conf.early;
	return conn_is_open(c) && !c->draining && c->n_requests < max ? max - c->n_requests : 0;
}

uint32_t http2_conn_load(const struct http2_conn *c)
{
	return c->n_requests;
}

uint64_t http2_conn_waits_since(const struct http2_conn *c)
{
	uint64_t since = 0;
	list_each (e, &c->l.streams) {
		const struct client_stream *r = client_stream_of(
			container_of(e, struct http2_stream, link));
		bool waits = r->st.send == SEND_DONE && !r->o.answered && !r->st.error.err;
		if (waits && (!since || r->waits_since_ns < since))
			since = r->waits_since_ns;
	}
	return since;
}

uint64_t http2_conn_received(const struct http2_conn *c)
{
	return c->s.bytes_in;
}

void http2_conn_retire(struct http2_conn *c)
{
	bool had_room = http2_conn_room(c) > 0;
	check(conn_is_open(c), "retiring a connection in state %d", c->l.state);
	c->draining = true;
	if (had_room)
		c->owner->on_change(c);
	http2_link_wake(&c->l);
}

struct origin *http2_conn_begin(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena)
{
	check(http2_conn_room(c) > 0, "beginning on a connection in state %d with %u requests",
		c->l.state, (unsigned)c->n_requests);
	c->n_requests++;
	if (c->settled)
		stream_no_deadline(&c->s);
	return &client_stream_new(c, events, user, arena)->o;
}

bool http2_conn_check_stale(struct http2_conn *c)
{
	if (http2_conn_room(c) == 0 || stream_has_ended(&c->s) || stream_is_broken(&c->s))
		return true;
	if (!stream_may_read(&c->s))
		return false;
	enum io io = stream_fill(&c->s);
	if (io == IO_OK)
		stream_resume(&c->s); /* anything that the server sends shows that it is alive */
	return io != IO_OK && io != IO_AGAIN;
}

void http2_conn_close(struct http2_conn *c)
{
	check(c->n_requests == 0 && c->l.state != LINK_CLOSED,
		"closing a connection in state %d with %u requests", c->l.state,
		(unsigned)c->n_requests);
	if (c->l.h2) {
		(void)nghttp2_session_terminate_session(c->l.h2, NGHTTP2_NO_ERROR);
		conn_flush(c);
	}
	conn_end(c);
}
