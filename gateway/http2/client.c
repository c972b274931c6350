/*
 * One connection to an upstream server, from the stream's side: when to read, when to write, how
 * long to wait, and when it is over. See client_state.h for how the files share the work.
 *
 *   OPENING --connected--> OPEN --broken--> LOST --last origin released--> GONE
 *       \--failed--> GONE   \--draining, or idle for too long; no request--> GONE
 */
#include "http2/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/stat.h"
#include "http2/client_state.h"
#include "net/shortage.h"
#include "tls/info.h"
#include "tls/transport.h"

/* ---- ending -------------------------------------------------------------------------------- */

static void conn_free(struct grave *g)
{
	free(container_of(g, struct http2_conn, grave));
}

static void conn_end(struct http2_conn *c)
{
	c->state = CONN_GONE;
	conn_session_free(c);
	stream_close(&c->s);
	list_del(&c->turn.link);
	worker_bury(c->s.worker, &c->grave, conn_free);
}

/* Carrying nothing. */
static void conn_gone(struct http2_conn *c, int err)
{
	conn_end(c);
	c->owner->on_gone(c, err);
}

/* What is queued, the reason for the end above all, leaves as far as the socket takes it now. */
static void conn_last_words(struct http2_conn *c)
{
	conn_pump(c);
	stream_flush_now(&c->s);
}

/* How a request fares whose connection breaks. */
static int conn_lost_err(const struct conn_request *r, int err)
{
	if (r->phase == RESPONSE_BODY && !r->tunnel &&
		(err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET))
		return ERR_UPSTREAM_TRUNCATED;
	return err;
}

/* The connection is over, whatever it carries. */
static void conn_lose(struct http2_conn *c, int err)
{
	conn_last_words(c);
	if (c->n_requests == 0) {
		conn_gone(c, 0);
		return;
	}
	c->state = CONN_LOST;
	c->changed = false;
	conn_session_free(c);
	stream_close(&c->s);
	list_each (e, &c->requests) {
		struct conn_request *r = container_of(e, struct conn_request, link);
		r->closed = true;
		if (!c->settled)
			conn_request_explain(r,
				"the connection ended before the SETTINGS of HTTP/2: does the "
				"server speak it?");
		if (r->phase != RESPONSE_DONE)
			conn_request_fail(r, conn_lost_err(r, err));
	}
	c->owner->on_change(c); /* first: it is not chosen any more when they look for another */
	conn_tell(c);
}

/* ---- what changes -------------------------------------------------------------------------- */

void conn_wake(struct http2_conn *c)
{
	if (c->state == CONN_OPEN || c->state == CONN_LOST)
		worker_at_turn_end(c->s.worker, &c->turn);
}

void conn_drain(struct http2_conn *c)
{
	c->changed = c->changed || !c->draining;
	c->draining = true;
}

/* Between two frames, when no function of the library is on the stack: tell whom it concerns.
 * False: c is over. */
static bool conn_settle(struct http2_conn *c)
{
	if (c->trouble) {
		conn_lose(c, c->trouble);
		return false;
	}
	if (!list_is_empty(&c->news))
		conn_tell(c);
	if (c->state == CONN_OPEN && c->draining && c->n_requests == 0)
		conn_gone(c, 0);
	if (c->state == CONN_OPEN && c->changed) {
		c->changed = false;
		c->owner->on_change(c);
	}
	return c->state == CONN_OPEN;
}

void conn_released(struct http2_conn *c)
{
	c->n_requests--;
	if (c->n_requests == 0 &&
		(c->state == CONN_LOST || (c->state == CONN_OPEN && c->draining))) {
		conn_gone(c, 0);
	} else if (c->state == CONN_OPEN) {
		if (c->n_requests == 0 && c->settled)
			stream_deadline(&c->s, c->conf.idle_ns);
		c->changed = false;
		c->owner->on_change(c);
	}
}

/* ---- the stream ---------------------------------------------------------------------------- */

static void conn_on_turn(struct turn_hook *h)
{
	struct http2_conn *c = container_of(h, struct http2_conn, turn);
	if (c->state == CONN_OPEN)
		conn_pump(c);
	if (c->state == CONN_OPEN)
		(void)conn_settle(c);
	else if (c->state == CONN_LOST)
		conn_tell(c);
}

/* All that has come. False: c is over. */
static bool conn_use(struct http2_conn *c)
{
	while (c->s.in.len) {
		conn_feed(c);
		/* should the library have given up, its last words are noticed now */
		if (c->invalid) {
			c->invalid = false;
			conn_pump(c);
		}
		if (!conn_settle(c))
			return false;
	}
	if (nghttp2_session_want_write(c->h2)) /* answers, and what the server has made room for */
		conn_wake(c);
	return true;
}

static void conn_read(struct http2_conn *c)
{
	struct read_turn turn = stream_turn(&c->s);
	bool awaits = c->n_requests > 0;

	while (conn_use(c)) {
		enum io io = stream_read(&c->s, &turn, awaits);
		if (io == IO_AGAIN)
			return;
		if (io != IO_OK) {
			conn_lose(c, io == IO_EOF ? ERR_UPSTREAM_CLOSED : ERR_UPSTREAM_RESET);
			return;
		}
		c->heard_ns = worker_now(c->s.worker);
	}
}

static void conn_on_readable(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (c->state == CONN_OPEN)
		conn_read(c);
}

static void conn_on_drained(struct stream *s)
{
	conn_wake(s->data);
}

static void conn_not_opened(struct http2_conn *c, int err, const char *why)
{
	c->why = why;
	conn_gone(c, err);
	c->why = NULL;
}

/* The server chose, by ALPN, what the connection speaks; without a choice it is what it always was.
 * True: HTTP/2. */
static bool conn_agree(struct http2_conn *c)
{
	char why[CONN_WHY];
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

static void conn_on_open(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (!conn_agree(c))
		return;
	c->state = CONN_OPEN;
	c->heard_ns = worker_now(s->worker);
	conn_session_new(c);
	stream_deadline(s, c->conf.connect_ns); /* for its settings */
	conn_wake(c);
	c->owner->on_open(c);
}

static void conn_on_fail(struct stream *s, int error)
{
	struct http2_conn *c = s->data;
	char why[CONN_WHY];
	if (c->state == CONN_OPENING) {
		if (error == -1)
			(void)tls_error_text(s, why, sizeof(why));
		else
			(void)snprintf(why, sizeof(why), "%s", strerror(error));
		conn_not_opened(c, error == -1 ? ERR_UPSTREAM_TLS : shortage_of(error), why);
		return;
	}
	if (c->state != CONN_OPEN)
		return;
	/* the server may have said which requests it has seen before it stopped reading */
	stream_salvage(s);
	conn_drain(c);
	conn_read(c);
	if (c->state == CONN_OPEN)
		conn_lose(c, ERR_UPSTREAM_RESET);
}

static void conn_on_timeout(struct stream *s)
{
	struct http2_conn *c = s->data;
	if (c->state == CONN_OPENING) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		conn_gone(c, ERR_CONNECT_TIMEOUT);
	} else if (c->state == CONN_OPEN && !c->settled) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		conn_lose(c, ERR_UPSTREAM_TIMEOUT);
	} else if (c->state == CONN_OPEN && c->n_requests == 0) {
		(void)nghttp2_session_terminate_session(c->h2, NGHTTP2_NO_ERROR);
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
	struct http2_conn *c = calloc(1, sizeof(*c));
	check(c, "out of memory: a connection of %zu bytes", sizeof(*c));
	check(!conf->may_http1 || owner->on_http1, "nobody takes a connection that speaks %s",
		"HTTP/1.1");
	c->conf = *conf;
	c->limits = (struct head_limits){ .max_head = (uint32_t)conf->max_head,
		.max_fields = conf->max_fields };
	c->owner = owner;
	c->owner_data = owner_data;
	c->https = t == &transport_tls;
	list_init(&c->requests);
	list_init(&c->news);
	turn_hook_init(&c->turn, conn_on_turn);
	int error = stream_connect(&c->s, w, to, t, tls, &conn_user, c);
	if (error) {
		free(c);
		*err = shortage_tell(-error, to, worker_now(w));
		errno = -error; /* for the pool, which tells why */
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
	if (c->state == CONN_OPEN)
		return c->settled ? HTTP2_OPEN : HTTP2_NEW;
	return c->state == CONN_OPENING ? HTTP2_CONNECTING : HTTP2_LOST;
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
	return c->state == CONN_OPEN && !c->draining && c->n_requests < max ? max - c->n_requests
									    : 0;
}

uint32_t http2_conn_load(const struct http2_conn *c)
{
	return c->n_requests;
}

void http2_conn_retire(struct http2_conn *c)
{
	bool had_room = http2_conn_room(c) > 0;
	check(c->state == CONN_OPEN, "retiring a connection in state %d", c->state);
	c->draining = true;
	if (had_room)
		c->owner->on_change(c);
	conn_wake(c);
}

struct origin *http2_conn_begin(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena, bool reused)
{
	check(http2_conn_room(c) > 0, "beginning on a connection in state %d with %u requests",
		c->state, (unsigned)c->n_requests);
	c->n_requests++;
	if (c->settled)
		stream_no_deadline(&c->s);
	return &conn_request_new(c, events, user, arena, reused)->o;
}

bool http2_conn_is_stale(struct http2_conn *c)
{
	if (http2_conn_room(c) == 0 || stream_has_ended(&c->s) || stream_is_broken(&c->s))
		return true;
	if (!stream_may_read(&c->s))
		return false;
	enum io io = stream_fill(&c->s);
	if (io == IO_OK)
		stream_resume(&c->s); /* whatever the server says: it lives */
	return io != IO_OK && io != IO_AGAIN;
}

void http2_conn_close(struct http2_conn *c)
{
	check(c->n_requests == 0 && c->state != CONN_GONE,
		"closing a connection in state %d with %u requests", c->state,
		(unsigned)c->n_requests);
	if (c->h2) {
		(void)nghttp2_session_terminate_session(c->h2, NGHTTP2_NO_ERROR);
		conn_last_words(c);
	}
	conn_end(c);
}
