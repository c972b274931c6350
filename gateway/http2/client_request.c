/*
 * One request on a connection to an upstream server, between the library and the exchange:
 * implements origin_ops. Whatever event the exchange gets, it may release the origin from within;
 * the memory stays until the turn is over.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/stat.h"
#include "http2/client_state.h"

static const struct origin_ops http2_origin_ops;

static struct conn_request *request_of(struct origin *o)
{
	return container_of(o, struct conn_request, o);
}

/* The library has it, and nothing went wrong: what is asked for has an effect. */
static bool request_is_live(const struct conn_request *r)
{
	return r->conn->state == CONN_OPEN && r->id && !r->closed && !r->err;
}

/* ---- deadlines ----------------------------------------------------------------------------- */

/* While the server owes us something, its silence is bounded. */
void conn_request_await(struct conn_request *r)
{
	struct worker *w = r->conn->s.worker;
	r->waits_since_ns = worker_now(w);
	r->out_mark = r->conn->s.bytes_out;
	bool due = r->asked ? !r->tunnel : r->request_done || r->o.answered || r->full || r->call;
	if (due && !r->held && r->phase != RESPONSE_DONE)
		worker_timer(w, &r->timer,
			r->call ? r->conn->conf.ping_ns : r->conn->conf.response_ns);
	else
		timer_stop(&r->timer);
}

/* Silence about a call may mean that there is nothing to say; but the connection has to live.
 * Whether it may yet; then the timer runs. One PING asks for all calls, and not often: servers of
 * gRPC end connections that ask every few seconds. */
static bool request_is_quiet(struct conn_request *r)
{
	struct http2_conn *c = r->conn;
	uint64_t now = worker_now(c->s.worker), due = c->ping_ns + c->conf.response_ns;
	if (!r->call)
		return false;
	if (c->ping_ns <= c->heard_ns && now < c->heard_ns + c->conf.ping_ns) {
		due = c->heard_ns + c->conf.ping_ns; /* it was heard of through another request */
	} else if (c->ping_ns <= c->heard_ns) {
		conn_ping(c);
		due = now + c->conf.response_ns;
	}
	if (now >= due)
		return false;
	worker_timer(c->s.worker, &r->timer, due - now);
	return true;
}

static void request_on_due(struct timer *t)
{
	struct conn_request *r = container_of(t, struct conn_request, timer);
	struct http2_conn *c = r->conn;
	if (c->s.bytes_out < r->out_end && c->s.bytes_out != r->out_mark) {
		conn_request_await(r); /* slow to read the request, but not silent */
		return;
	}
	if (request_is_quiet(r))
		return;
	/* it says nothing about the others either: no more of them */
	if (r->call || c->heard_ns <= r->waits_since_ns)
		conn_drain(c);
	stat_inc(STAT_TIMEOUT_RESPONSE);
	conn_request_fail(r,
		r->phase == RESPONSE_BODY ? ERR_UPSTREAM_STALLED : ERR_UPSTREAM_TIMEOUT);
	conn_reset(r, NGHTTP2_CANCEL);
}

/* ---- from beginning to end ----------------------------------------------------------------- */

struct conn_request *conn_request_new(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena, bool reused)
{
	struct conn_request *r = calloc(1, sizeof(*r));
	check(r, "out of memory: a request of %zu bytes", sizeof(*r));
	r->o.ops = &http2_origin_ops;
	r->o.events = events;
	r->o.user = user;
	r->o.arena = arena;
	r->o.reused = reused;
	r->conn = c;
	r->out_start = OUT_UNKNOWN;
	r->left = LENGTH_UNKNOWN;
	r->keeping = true;
	list_push(&c->requests, &r->link);
	list_init(&r->news_link);
	timer_init(&r->timer, request_on_due);
	return r;
}

static void request_free(struct grave *g)
{
	free(container_of(g, struct conn_request, grave));
}

/* ---- news for the exchange ----------------------------------------------------------------- */

void conn_request_news(struct conn_request *r, unsigned news)
{
	r->news |= (uint8_t)news;
	if (list_is_empty(&r->news_link))
		list_push(&r->conn->news, &r->news_link);
	conn_wake(r->conn);
}

void conn_request_explain(struct conn_request *r, const char *why)
{
	if (!r->detail[0])
		(void)snprintf(r->detail, sizeof(r->detail), "%s", why);
}

void conn_request_fail(struct conn_request *r, int err)
{
	if (r->err || r->fail_told)
		return;
	r->err = err;
	conn_request_news(r, 0);
}

static void request_tell_body(struct conn_request *r)
{
	size_t n = r->body.len;
	r->o.events->on_body(&r->o, &r->body);
	if (!r->released)
		conn_consume(r, n - r->body.len);
}

static void request_tell_fail(struct conn_request *r)
{
	struct http2_conn *c = r->conn;
	r->fail_told = true;
	r->o.sent = r->out_start != OUT_UNKNOWN && c->s.bytes_out > r->out_start;
	r->o.detail = str_of(r->detail);
	timer_stop(&r->timer);
	r->o.events->on_fail(&r->o, r->err);
}

static void request_tell(struct conn_request *r)
{
	unsigned news = r->news;
	r->news = 0;
	if (r->fail_told)
		return;
	if (news & NEWS_HEAD)
		r->o.events->on_head(&r->o, r->head);
	if (!r->released && !r->held && r->body.len)
		request_tell_body(r);
	if (!r->released && !r->held && !r->body.len && !r->end_told && r->phase == RESPONSE_DONE) {
		r->end_told = true;
		timer_stop(&r->timer);
		r->o.events->on_end(&r->o, r->has_trailers ? &r->trailers : NULL);
	}
	if (!r->released && (news & NEWS_DRAINED))
		r->o.events->on_drained(&r->o);
	if (!r->released && r->err)
		request_tell_fail(r);
}

void conn_tell(struct http2_conn *c)
{
	struct list *e;
	while ((e = list_pop(&c->news)))
		request_tell(container_of(e, struct conn_request, news_link));
}

/* ---- what the exchange calls --------------------------------------------------------------- */

static void origin_head(struct origin *o, const struct request_head *h)
{
	struct conn_request *r = request_of(o);
	if (r->conn->state != CONN_OPEN || r->err)
		return;
	r->asked = h->upgrade ? h : NULL;
	r->method = h->upgrade ? METHOD_CONNECT : h->method;
	r->call = h->call;
	r->request_done = !r->asked &&
		(h->body == BODY_NONE || (h->body == BODY_LENGTH && h->body_length == 0));
	int err = conn_must_wait(r) ? 0 : conn_submit(r, h);
	if (err)
		conn_request_fail(r, err);
	else if (r->call)
		conn_request_await(r);
}

/* A copy: the library's and the kernel's hands do not give back what they were given. */
static void request_keep(struct conn_request *r, const struct buf *data)
{
	if (!r->keeping)
		return;
	if (r->kept.len + data->len > CONN_KEEP_MAX) {
		r->keeping = false;
		buf_fini(&r->kept);
		return;
	}
	for (const struct block *b = data->first; b; b = b->next)
		buf_keep(&r->kept, b->data + b->off, b->end - b->off);
}

static bool origin_body(struct origin *o, struct buf *data)
{
	struct conn_request *r = request_of(o);
	request_keep(r, data);
	if (!request_is_live(r) || r->request_done) {
		buf_drain(data, data->len);
		return false;
	}
	buf_move_all(&r->out, data);
	conn_resume_body(r);
	if (!buf_holds(&r->out, CONN_BODY_HIGH))
		return false;
	if (!r->full) {
		r->full = true;
		conn_request_await(r);
	}
	return true;
}

static void origin_end(struct origin *o, const struct fields *trailers)
{
	struct conn_request *r = request_of(o);
	if (r->tunnel && r->closed) /* nothing of it is left to wait for */
		conn_request_news(r, NEWS_DRAINED);
	if (!request_is_live(r))
		return;
	if (r->asked && !r->tunnel) { /* the head was all there is, unless the server agrees */
		conn_request_await(r);
		return;
	}
	if (!r->request_done && trailers && trailers->n) {
		int err = pairs_of_request_trailers(&r->trailers_out, trailers, o->arena);
		if (err) {
			conn_request_fail(r, err);
			conn_reset(r, NGHTTP2_CANCEL);
			return;
		}
	}
	r->request_done = true;
	conn_resume_body(r);
	conn_request_await(r);
}

static void origin_tunnel(struct origin *o)
{
	const struct conn_request *r = request_of(o);
	check(r->tunnel, "a tunnel that the server has not agreed to, in phase %u", r->phase);
}

static void origin_hold(struct origin *o)
{
	struct conn_request *r = request_of(o);
	r->held = true;
	conn_request_await(r);
}

static void origin_resume(struct origin *o)
{
	struct conn_request *r = request_of(o);
	if (!r->held)
		return;
	r->held = false;
	conn_request_await(r);
	conn_request_news(r, 0);
}

static bool origin_reclaim(struct origin *o, struct buf *body)
{
	struct conn_request *r = request_of(o);
	if (!o->untouched || !r->keeping)
		return false;
	buf_move_all(body, &r->kept);
	r->keeping = false;
	return true;
}

static void origin_release(struct origin *o)
{
	struct conn_request *r = request_of(o);
	struct http2_conn *c = r->conn;

	r->released = true;
	stat_add(STAT_UPSTREAM_BYTES_OUT, o->bytes_out);
	stat_add(STAT_UPSTREAM_BYTES_IN, o->bytes_in);
	if (c->building == r)
		c->building = NULL;
	if (r->id && c->h2) {
		conn_reset(r, NGHTTP2_CANCEL); /* unless both messages are complete */
		(void)nghttp2_session_set_stream_user_data(c->h2, r->id, NULL);
	}
	o->events = NULL;
	o->user = NULL;
	o->arena = NULL;
	timer_drop(&r->timer);
	list_del(&r->link);
	list_del(&r->news_link);
	buf_fini(&r->body);
	buf_fini(&r->out);
	buf_fini(&r->kept);
	worker_bury(c->s.worker, &r->grave, request_free);
	conn_released(c);
}

static const struct origin_ops http2_origin_ops = {
	.head = origin_head,
	.body = origin_body,
	.end = origin_end,
	.tunnel = origin_tunnel,
	.hold = origin_hold,
	.resume = origin_resume,
	.reclaim = origin_reclaim,
	.release = origin_release,
};
