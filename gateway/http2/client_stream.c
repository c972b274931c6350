/*
 * One request on a connection to an upstream server, between the library and the exchange:
 * implements origin_ops. The exchange may release the origin from within any event; the memory
 * stays until the turn is over.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "http2/client_state.h"

static const struct origin_ops client_stream_ops;

static struct client_stream *stream_of(struct origin *o)
{
	return container_of(o, struct client_stream, o);
}

/* Whether the stream is open and has not failed, so that operations have an effect. */
static bool client_stream_is_live(const struct client_stream *r)
{
	return conn_is_open(r->conn) && r->st.wire == WIRE_OPEN && !r->st.error.err;
}

/* ---- deadlines ----------------------------------------------------------------------------- */

/* While something from the server is due, its silence is bounded. */
void client_stream_await(struct client_stream *r)
{
	struct worker *w = r->conn->s.worker;
	r->waits_since_ns = worker_now(w);
	r->out_mark = r->conn->s.bytes_out;
	bool due = r->asked ? r->st.kind != KIND_TUNNEL
			    : r->st.send == SEND_DONE || r->o.answered || r->st.full || r->call;
	if (due && !r->st.held && r->st.receive < RECEIVE_END)
		worker_timer(w, &r->st.timer,
			r->call                                 ? r->conn->conf.ping_ns
				: r->st.receive == RECEIVE_BODY ? r->o.idle_ns
								: r->o.begin_ns);
	else
		timer_stop(&r->st.timer);
}

/* A call may be silent as long as the connection is alive. Returns whether it may go on; then the
 * timer runs. PINGs are rare, because servers of gRPC close connections that send one every few
 * seconds. */
static bool client_stream_probe(struct client_stream *r)
{
	const struct http2_conn_conf *conf = &r->conn->conf;
	if (!r->call)
		return false;
	uint64_t left = http2_link_probe(&r->conn->l, conf->ping_ns, conf->response_ns);
	if (left)
		worker_timer(r->conn->s.worker, &r->st.timer, left);
	return left > 0;
}

static void client_stream_on_due(struct timer *t)
{
	struct client_stream *r = container_of(t, struct client_stream, st.timer);
	struct http2_conn *c = r->conn;
	if (c->s.bytes_out < r->out_end && c->s.bytes_out != r->out_mark) {
		client_stream_await(r); /* the server is slow to read the request, but not silent */
		return;
	}
	if (client_stream_probe(r))
		return;
	/* the server is silent about the other requests too: begin no more on this connection */
	if (r->call || c->l.heard_ns <= r->waits_since_ns)
		conn_drain(c);
	stat_inc(STAT_TIMEOUT_RESPONSE);
	client_stream_fail(r,
		http2_stream_error(r->st.receive == RECEIVE_BODY ? ERR_UPSTREAM_STALLED
								 : ERR_UPSTREAM_TIMEOUT,
			NGHTTP2_CANCEL));
}

/* ---- from beginning to end ----------------------------------------------------------------- */

struct client_stream *client_stream_new(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena)
{
	struct client_stream *r = mem_new(struct client_stream);
	http2_stream_init(&r->st, &c->l, client_stream_on_due);
	http2_stream_set_owner(&r->st, OWNER_TOLD);
	r->o.ops = &client_stream_ops;
	r->o.events = events;
	r->o.user = user;
	r->o.arena = arena;
	r->o.begin_ns = r->o.idle_ns = c->conf.response_ns;
	r->conn = c;
	r->out_start = OUT_UNKNOWN;
	r->left = LENGTH_UNKNOWN;
	r->keeping = true;
	return r;
}

static void client_stream_free(struct grave *g)
{
	free(container_of(g, struct client_stream, st.grave));
}

/* ---- news for the exchange ----------------------------------------------------------------- */

void client_stream_explain(struct client_stream *r, const char *why)
{
	if (!r->detail[0])
		(void)snprintf(r->detail, sizeof(r->detail), "%s", why);
}

void client_stream_fail(struct client_stream *r, struct http2_error e)
{
	if (!r->st.error.err && http2_stream_has_listener(&r->st)) {
		r->st.error = e;
		http2_stream_note(&r->st, NEWS_GONE);
	}
	(void)http2_stream_reset(&r->st, e.code);
}

static void tell_body(struct client_stream *r)
{
	size_t n = r->st.in.len;
	r->o.events->on_body(&r->o, &r->st.in);
	if (r->st.owner != OWNER_RELEASED)
		client_consume(r, n - r->st.in.len);
}

static void tell_end(struct client_stream *r)
{
	r->st.end_told = true;
	timer_stop(&r->st.timer);
	r->o.events->on_end(&r->o, r->st.at_end);
}

static void tell_fail(struct client_stream *r)
{
	http2_stream_set_owner(&r->st, OWNER_GONE);
	r->o.sent = r->out_start != OUT_UNKNOWN && r->conn->s.bytes_out > r->out_start;
	r->o.detail = str_of(r->detail);
	timer_stop(&r->st.timer);
	r->o.events->on_fail(&r->o, r->st.error.err);
}

/* What came before the failure is told before the failure. The exchange may release the stream in
 * each of these events; its memory stays until the turn ends. */
void client_stream_tell(struct http2_stream *st, unsigned news)
{
	struct client_stream *r = client_stream_of(st);
	if (!http2_stream_has_listener(st))
		return;
	if (news & NEWS_HEAD)
		r->o.events->on_head(&r->o, r->head);
	if (http2_stream_has_listener(st) && !st->held && st->in.len)
		tell_body(r);
	if (http2_stream_has_listener(st) && !st->held && !st->in.len && !st->end_told &&
		http2_stream_has_ended(st))
		tell_end(r);
	if (http2_stream_has_listener(st) && (news & NEWS_DRAINED))
		r->o.events->on_drained(&r->o);
	if (http2_stream_has_listener(st) && st->error.err)
		tell_fail(r);
}

/* ---- what the exchange calls --------------------------------------------------------------- */

static void origin_head(struct origin *o, const struct request_head *h)
{
	struct client_stream *r = stream_of(o);
	if (!conn_is_open(r->conn) || r->st.error.err)
		return;
	r->asked = h->upgrade ? h : NULL;
	r->method = h->upgrade ? METHOD_CONNECT : h->method;
	r->call = h->call;
	bool no_body = h->body == BODY_NONE || (h->body == BODY_LENGTH && h->body_length == 0);
	if (r->asked)
		http2_stream_set_kind(&r->st, KIND_CONNECT);
	http2_stream_set_send(&r->st, !r->asked && no_body ? SEND_DONE : SEND_BODY);
	int err = client_stream_must_wait(r) ? 0 : client_stream_submit(r, h);
	if (err)
		client_stream_fail(r, http2_stream_error(err, NGHTTP2_CANCEL));
	else if (r->call)
		client_stream_await(r);
}

/* Keep a copy, because the library and the kernel do not return the bytes that they were given. */
static void client_stream_keep(struct client_stream *r, const struct buf *data)
{
	if (!r->keeping)
		return;
	if (r->kept.len + data->len > CLIENT_KEEP_MAX) {
		r->keeping = false;
		buf_fini(&r->kept);
		return;
	}
	for (const struct block *b = data->first; b; b = b->next)
		buf_keep(&r->kept, b->data + b->off, b->end - b->off);
}

static bool origin_body(struct origin *o, struct buf *data)
{
	struct client_stream *r = stream_of(o);
	client_stream_keep(r, data);
	if (!client_stream_is_live(r) || r->st.send == SEND_DONE) {
		buf_drain(data, data->len);
		return false;
	}
	buf_move_all(&r->st.out, data);
	http2_stream_offer(&r->st);
	if (!buf_holds(&r->st.out, HTTP2_SEND_HIGH))
		return false;
	if (!r->st.full) {
		r->st.full = true;
		client_stream_await(r);
	}
	return true;
}

static void origin_end(struct origin *o, const struct fields *trailers)
{
	struct client_stream *r = stream_of(o);
	bool is_tunnel = r->st.kind == KIND_TUNNEL;
	if (is_tunnel && r->st.wire == WIRE_CLOSED) /* nothing more comes of it */
		http2_stream_note(&r->st, NEWS_DRAINED);
	if (!client_stream_is_live(r))
		return;
	/* the request is complete with its head, unless the server agrees to a tunnel */
	if (r->asked && !is_tunnel) {
		client_stream_await(r);
		return;
	}
	if (is_tunnel) /* from now on on_drained means that all bytes went out */
		r->st.full = false;
	if (r->st.send != SEND_DONE && trailers && trailers->n) {
		int err = pairs_of_request_trailers(&r->st.trailers_out, trailers, o->arena);
		if (err) {
			client_stream_fail(r, http2_stream_error(err, NGHTTP2_CANCEL));
			return;
		}
	}
	http2_stream_set_send(&r->st, SEND_DONE);
	http2_stream_offer(&r->st);
	client_stream_await(r);
}

static void origin_tunnel(struct origin *o)
{
	const struct client_stream *r = stream_of(o);
	check(r->st.kind == KIND_TUNNEL, "a tunnel that the server has not agreed to, in state %u",
		r->st.receive);
}

static void origin_hold(struct origin *o)
{
	struct client_stream *r = stream_of(o);
	r->st.held = true;
	client_stream_await(r);
}

static void origin_resume(struct origin *o)
{
	struct client_stream *r = stream_of(o);
	if (!r->st.held)
		return;
	r->st.held = false;
	client_stream_await(r);
	http2_stream_note(&r->st, NEWS_BODY);
}

static bool origin_reclaim(struct origin *o, struct buf *body)
{
	struct client_stream *r = stream_of(o);
	if (!o->not_processed || !r->keeping)
		return false;
	buf_move_all(body, &r->kept);
	r->keeping = false;
	return true;
}

static void origin_release(struct origin *o)
{
	struct client_stream *r = stream_of(o);
	struct http2_conn *c = r->conn;

	http2_stream_set_owner(&r->st, OWNER_RELEASED);
	stat_add(STAT_UPSTREAM_BYTES_OUT, o->bytes_out);
	stat_add(STAT_UPSTREAM_BYTES_IN, o->bytes_in);
	if (c->building == r)
		c->building = NULL;
	if (r->st.wire != WIRE_IDLE && c->l.h2) {
		(void)http2_stream_reset(&r->st, NGHTTP2_CANCEL); /* unless both are complete */
		(void)nghttp2_session_set_stream_user_data(c->l.h2, r->st.id, NULL);
	}
	o->events = NULL;
	o->user = NULL;
	o->arena = NULL;
	http2_stream_fini(&r->st);
	buf_fini(&r->kept);
	worker_bury(c->s.worker, &r->st.grave, client_stream_free);
	conn_released(c);
}

static const struct origin_ops client_stream_ops = {
	.head = origin_head,
	.body = origin_body,
	.end = origin_end,
	.tunnel = origin_tunnel,
	.hold = origin_hold,
	.resume = origin_resume,
	.reclaim = origin_reclaim,
	.release = origin_release,
};
