/*
 * One connection to an upstream server: how it opens, the events of its stream, how long its server
 * may be silent, and how it ends.
 */
#include "http1/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "http1/client_impl.h"
#include "net/shortage.h"
#include "net/tunnel_transport.h"
#include "tls/info.h"

enum { WHY_TEXT = 160 }; /* bytes of an explanation */

/* ---- ending -------------------------------------------------------------------------------- */

static void conn_free(struct grave *g)
{
	free(container_of(g, struct http1_conn, grave));
}

static void conn_end(struct http1_conn *c)
{
	conn_set_state(c, CONN_GONE);
	buf_fini(&c->body);
	stream_close(&c->s);
	worker_bury(c->s.worker, &c->grave, conn_free);
}

void http1_conn_gone(struct http1_conn *c, int err)
{
	conn_end(c);
	c->owner->on_gone(c, err);
}

void http1_conn_count(struct http1_conn *c)
{
	c->o.sent = c->s.bytes_out != c->out_start;
	c->o.bytes_out = c->s.bytes_out - c->out_start;
	c->o.bytes_in = c->s.bytes_in - c->in_start;
}

void http1_conn_fail(struct http1_conn *c, int err)
{
	if (c->state != CONN_BUSY)
		return;
	conn_set_state(c, CONN_FAILED);
	http1_conn_count(c);
	buf_fini(&c->body);
	stream_close(&c->s);
	c->o.events->on_fail(&c->o, err);
}

/* Whether bytes of the server are due. Between a 1xx and the end of the request they are not. */
static bool conn_is_due(const struct http1_conn *c)
{
	if (c->state != CONN_BUSY || c->delivery == DELIVERY_HELD ||
		c->response >= RESPONSE_WHOLE || c->tunnel)
		return false;
	return c->request != REQUEST_OPEN || c->response != RESPONSE_HEAD || c->s.in.len ||
		stream_is_full(&c->s);
}

void http1_conn_await(struct http1_conn *c)
{
	c->out_mark = c->s.bytes_out;
	if (conn_is_due(c))
		stream_deadline(&c->s, c->response == RESPONSE_HEAD ? c->o.begin_ns : c->o.idle_ns);
	else
		stream_no_deadline(&c->s);
}

uint64_t http1_conn_waits_since(const struct http1_conn *c)
{
	/* the deadline was set when the wait began, by http1_conn_await() */
	uint64_t due = c->s.timer.due_ns;
	return !c->o.answered && conn_is_due(c) && due != TIMER_NEVER ? due - c->o.begin_ns : 0;
}

uint64_t http1_conn_received(const struct http1_conn *c)
{
	return c->s.bytes_in;
}

/* ---- the events of the stream -------------------------------------------------------------- */

static void conn_on_readable(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_BUSY && c->response != RESPONSE_DONE)
		http1_conn_read(c);
	/* the end of the stream, or bytes without a request */
	else if (c->state == CONN_FREE && stream_fill(s) != IO_AGAIN)
		http1_conn_gone(c, 0);
	/* BUSY and DONE: what comes now is seen at release */
}

static void conn_on_open(struct stream *s)
{
	struct http1_conn *c = s->data;
	/* the exchange that it was opened for may have ended */
	stream_deadline(s, c->conf.idle_ns);
	conn_set_state(c, CONN_FREE);
	c->owner->on_open(c);
}

static void conn_on_drained(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state != CONN_BUSY)
		return;
	if (c->tunnel && c->request != REQUEST_OPEN) {
		if (stream_has_unsent(s))
			return; /* less full, but not empty */
		stream_shut(s);
		c->o.events->on_drained(&c->o);
		return;
	}
	http1_conn_await(c);
	c->o.events->on_drained(&c->o);
}

static void conn_on_fail(struct stream *s, int error)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_OPENING) {
		char why[WHY_TEXT];
		const char *tunnel = tunnel_why(s);
		if (tunnel[0])
			(void)snprintf(why, sizeof(why), "%s", tunnel);
		else if (error == -1)
			(void)tls_error_text(s, why, sizeof(why));
		else
			(void)snprintf(why, sizeof(why), "%s", strerror(error));
		c->why = why;
		if (tunnel[0])
			error = ERR_CONNECT_FAILED;
		else
			error = error == -1 ? ERR_UPSTREAM_TLS : shortage_of(error);
		http1_conn_gone(c, error);
		c->why = NULL;
	} else if (c->state == CONN_FREE) {
		http1_conn_gone(c, 0);
	} else if (c->state == CONN_BUSY && (c->response != RESPONSE_DONE || c->tunnel)) {
		/* the server may have answered before it stopped reading, so read the answer */
		stream_salvage(s);
		if (c->tunnel && c->request == REQUEST_ENDED)
			stream_tell_empty(s); /* nothing is left to be sent */
		conn_set_request(c, REQUEST_CUT);
		http1_conn_await(c);
		http1_conn_read(c);
	}
}

static void conn_on_timeout(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_OPENING) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		http1_conn_gone(c, ERR_CONNECT_TIMEOUT);
	} else if (c->state == CONN_FREE) {
		http1_conn_gone(c, 0);
	} else if (c->state == CONN_BUSY && c->s.out.len && c->s.bytes_out != c->out_mark) {
		http1_conn_await(c); /* the server is slow to read the request, but not silent */
	} else if (c->state == CONN_BUSY) {
		stat_inc(STAT_TIMEOUT_RESPONSE);
		http1_conn_fail(c,
			c->response == RESPONSE_HEAD ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM_STALLED);
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

static struct http1_conn *conn_new(const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data)
{
	struct http1_conn *c = mem_new(struct http1_conn);
	c->conf = *conf;
	c->owner = owner;
	c->owner_data = owner_data;
	c->o.ops = &http1_origin_ops;
	return c;
}

struct http1_conn *http1_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data, int *err)
{
	struct http1_conn *c = conn_new(conf, owner, owner_data);
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

struct http1_conn *http1_conn_adopt(struct stream *s, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data)
{
	struct http1_conn *c = conn_new(conf, owner, owner_data);
	if (stream_move(&c->s, s, &conn_user, c) < 0) {
		free(c);
		return NULL;
	}
	conn_set_state(c, CONN_FREE);
	stream_deadline(&c->s, conf->idle_ns);
	return c;
}

void *http1_conn_owner_data(struct http1_conn *c)
{
	return c->owner_data;
}

const char *http1_conn_why(const struct http1_conn *c)
{
	return c->why ? c->why : "";
}

struct origin *http1_conn_begin(struct http1_conn *c, const struct origin_events *events,
	void *user, struct arena *arena)
{
	conn_set_state(c, CONN_BUSY);
	c->request = REQUEST_OPEN;
	c->response = RESPONSE_HEAD;
	c->delivery = DELIVERY_ON;
	c->framing = BODY_NONE;
	c->request_framing = BODY_NONE;
	c->interim = c->empty_lines = 0;
	c->searched = 0;
	c->keep_alive = c->upgrade = c->tunnel = false;
	c->out_start = c->s.bytes_out;
	c->in_start = c->s.bytes_in;
	c->o.sent = c->o.answered = c->o.headed = false;
	c->o.events = events;
	c->o.user = user;
	c->o.arena = arena;
	c->o.bytes_in = c->o.bytes_out = 0;
	c->o.begin_ns = c->o.idle_ns = c->conf.response_ns;
	c->o.detail = STR_NONE;
	stream_no_deadline(&c->s);
	return &c->o;
}

bool http1_conn_check_stale(struct http1_conn *c)
{
	if (c->state != CONN_FREE || c->s.in.len || stream_has_ended(&c->s) ||
		stream_is_broken(&c->s))
		return true;
	return stream_may_read(&c->s) && stream_fill(&c->s) != IO_AGAIN;
}

void http1_conn_close(struct http1_conn *c)
{
	check(c->state == CONN_FREE || c->state == CONN_OPENING, "closing a connection in state %d",
		c->state);
	conn_end(c);
}
