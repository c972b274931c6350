/*
 * One request and its response, between the library and the exchange. It lies in its own arena, and
 * is freed when both have released it: the exchange, by finish(), and the library, by closing the
 * stream. Until then the other may use it. The second release buries it, so that it lives until the
 * turn ends.
 */
#include "base/stat.h"
#include "http2/server_state.h"

static const struct client_ops server_stream_ops;

static struct server_stream *stream_of(struct client *c)
{
	return container_of(c, struct server_stream, c);
}

/* ---- from beginning to end ----------------------------------------------------------------- */

struct server_stream *server_stream_new(struct http2_server *c, int32_t id)
{
	struct arena a;
	arena_init(&a, c->conf->budget);
	a.account = &c->memory;
	struct server_stream *rq = arena_zalloc(&a, sizeof(*rq));
	check(rq, "a budget of %zu bytes holds no request", c->conf->budget);
	http2_stream_init(&rq->st, &c->l, server_stream_on_due);
	rq->st.id = id;
	http2_stream_set_wire(&rq->st, WIRE_OPEN);
	rq->st.held = true;
	rq->c.ops = &server_stream_ops;
	rq->c.arena = a;
	rq->c.head = &rq->head;
	rq->c.conn = c->info;
	rq->c.started_ns = server_now(c);
	rq->c.silence_ns = c->conf->body_ns;
	rq->c.max_body = c->conf->max_body;
	rq->server = c;
	rq->sent_at = SENT_AT_UNKNOWN;
	rq->counted = true;
	list_init(&rq->sent_link);
	c->n_busy++;
	return rq;
}

/* The request takes nothing any more but its memory. */
static void server_stream_uncount(struct server_stream *rq)
{
	rq->server->n_busy -= rq->counted;
	rq->counted = false;
}

static void server_stream_drop_body(struct server_stream *rq)
{
	server_consume(rq, rq->st.in.len);
	buf_fini(&rq->st.in);
}

static void server_stream_free(struct grave *g)
{
	struct server_stream *rq = container_of(g, struct server_stream, st.grave);
	struct arena a = rq->c.arena;
	arena_fini(&a); /* this frees rq */
}

void server_stream_try_free(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	if (rq->st.wire != WIRE_CLOSED || http2_stream_has_owner(&rq->st))
		return;
	if (c->building == rq)
		c->building = NULL;
	server_stream_uncount(rq);
	server_stream_drop_body(rq);
	c->heads -= rq->head_size;
	list_del(&rq->sent_link);
	http2_stream_fini(&rq->st);
	/* An exchange up the stack may still use it. A request that no exchange was told of is
	 * freed at once: many can be refused in one turn, and their heads must not add up. */
	if (rq->st.owner == OWNER_NONE)
		server_stream_free(&rq->st.grave);
	else
		worker_bury(c->l.stream->worker, &rq->st.grave, server_stream_free);
}

void server_stream_reset(struct server_stream *rq, uint32_t code)
{
	if (http2_stream_reset(&rq->st, code) && server_is_open(rq->server))
		server_stream_watch(rq);
}

void server_stream_refuse(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	server_note_no_memory(c);
	if (rq->st.wire != WIRE_CLOSED && server_is_open(c)) {
		(void)nghttp2_session_set_stream_user_data(c->l.h2, rq->st.id, NULL);
		server_refuse(c, rq->st.id);
	}
	http2_stream_set_wire(&rq->st, WIRE_CLOSED);
	server_stream_try_free(rq);
}

/* Whether operations of the exchange have no effect. */
static bool server_stream_is_dead(const struct server_stream *rq)
{
	return rq->st.wire != WIRE_OPEN || !server_is_open(rq->server);
}

/* ---- news for the exchange ----------------------------------------------------------------- */

void server_stream_fail(struct server_stream *rq, struct http2_error e)
{
	bool head_said = rq->st.send != SEND_HEAD;
	if (!http2_stream_has_listener(&rq->st) || (rq->st.news & NEWS_GONE))
		return;
	if (e.code == NGHTTP2_NO_ERROR && head_said && !rq->framed)
		/* NO_ERROR would say that the response is whole (RFC 9113 8.1) */
		e.code = NGHTTP2_CANCEL;
	rq->st.error = e;
	if (head_said || e.err == ERR_CLIENT_STALLED || e.err == ERR_CLIENT_TOO_SLOW)
		server_stream_reset(rq, e.code);
	http2_stream_note(&rq->st, NEWS_GONE);
}

/* A response has ended when the exchange has given its end and the library has framed it. The next
 * end of http2_link_pump() looks for its last byte. */
static void server_stream_check_sent(struct server_stream *rq)
{
	if (rq->framed && server_stream_is_answered(rq) && rq->st.owner != OWNER_RELEASED &&
		list_is_empty(&rq->sent_link))
		list_push(&rq->server->sending, &rq->sent_link);
}

void server_stream_framed(struct server_stream *rq)
{
	uint32_t code = rq->st.error.code;
	rq->framed = true;
	server_stream_uncount(rq);
	/* Reset the stream to report an error, or so that the client stops sending a body that
	 * nobody reads (RFC 9113 8.1). */
	if (code != NGHTTP2_NO_ERROR ||
		(!http2_stream_has_ended(&rq->st) && rq->st.kind != KIND_TUNNEL &&
			!server_stream_has_rest(rq)))
		(void)http2_stream_reset(&rq->st, code);
	server_stream_linger(rq);
	server_stream_check_sent(rq);
}

/* The last events for the exchange, when the library has closed the stream. */
static void server_stream_close(struct server_stream *rq, bool failed, int err)
{
	http2_stream_set_wire(&rq->st, WIRE_CLOSED);
	if (failed && rq->st.owner != OWNER_NONE)
		server_stream_fail(rq, http2_stream_error(err, NGHTTP2_NO_ERROR));
	server_stream_try_free(rq);
}

void server_stream_closed(struct server_stream *rq)
{
	bool failed = rq->st.wire != WIRE_RESET && (!rq->framed || server_stream_is_half_open(rq));
	server_stream_close(rq, failed,
		rq->st.receive == RECEIVE_RESET ? ERR_CLIENT_GONE : ERR_CLIENT_PROTOCOL);
}

void server_stream_cut_off(struct server_stream *rq, int err, bool lost)
{
	server_stream_close(rq, !rq->framed || lost || server_stream_is_half_open(rq), err);
}

static void tell_head(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	const struct handler *h = &c->conf->handler;
	http2_stream_set_owner(&rq->st, OWNER_TOLD);
	c->n_live++;
	if (++c->info->requests == c->conf->max_requests)
		server_retire(c);
	if (rq->head_err)
		h->on_bad_request(h->ctx, &rq->c, rq->head_err);
	else
		h->on_request(h->ctx, &rq->c);
	/* what came before the exchange knew how much may come */
	if (http2_stream_has_listener(&rq->st) && server_stream_is_too_large(rq))
		server_stream_fail(rq, http2_stream_error(ERR_BODY_TOO_LARGE, NGHTTP2_NO_ERROR));
}

static void tell_body(struct server_stream *rq)
{
	size_t before = rq->st.in.len;
	rq->c.events->on_body(&rq->c, &rq->st.in);
	server_consume(rq, before - rq->st.in.len);
}

static void tell_end(struct server_stream *rq)
{
	rq->st.end_told = true;
	rq->c.events->on_end(&rq->c, rq->st.at_end);
}

static void tell_gone(struct server_stream *rq)
{
	http2_stream_set_owner(&rq->st, OWNER_GONE);
	rq->c.events->on_gone(&rq->c, rq->st.error.err,
		rq->st.send == SEND_HEAD && !server_stream_is_dead(rq));
}

/* Nothing more comes from a client that is lost, but what it was sent counts as sent. */
void server_stream_tell(struct http2_stream *st, unsigned news)
{
	struct server_stream *rq = server_stream_of(st);
	if ((news & NEWS_HEAD) && !server_has_memory(rq->server)) {
		server_stream_refuse(rq);
		return;
	}
	if (news & NEWS_HEAD)
		tell_head(rq);
	if ((news & NEWS_SENT) && http2_stream_has_listener(st)) {
		timer_stop(&st->timer);
		rq->c.events->on_sent(&rq->c);
	}
	if ((news & NEWS_GONE) && http2_stream_has_listener(st)) {
		tell_gone(rq);
		return;
	}
	if ((news & NEWS_BODY) && http2_stream_has_listener(st) && !st->held && st->in.len)
		tell_body(rq);
	if ((news & NEWS_END) && http2_stream_has_listener(st) && !st->end_told &&
		st->in.len == 0 && st->kind != KIND_CONNECT)
		tell_end(rq);
	if ((news & NEWS_DRAINED) && http2_stream_has_listener(st))
		rq->c.events->on_drained(&rq->c);
}

/* ---- what the exchange calls --------------------------------------------------------------- */

/* There is no room for the response's head or trailers. */
static void server_stream_no_memory(struct server_stream *rq)
{
	if (rq->st.send == SEND_HEAD)
		http2_stream_set_send(&rq->st, SEND_BODY);
	server_stream_fail(rq, http2_stream_error(ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR));
}

/* Bytes of its body; 0: it has none; LENGTH_UNKNOWN: it ends when it ends. */
static uint64_t response_length(const struct response_head *h, enum method m)
{
	switch (response_body_kind(h, m)) {
	case BODY_LENGTH:
		return h->body == BODY_LENGTH ? h->body_length : 0;
	case BODY_CHUNKED:
		return LENGTH_UNKNOWN;
	default:
		return 0;
	}
}

static void client_head(struct client *cl, const struct response_head *h)
{
	struct server_stream *rq = stream_of(cl);
	struct http2_server *c = rq->server;
	enum method m = (enum method)rq->head.method;
	nghttp2_nv stack[PAIRS_ON_STACK];
	struct pairs p = PAIRS_IN(stack);
	struct response_head agreed;

	/* RFC 9113 8.6: HTTP/2 has no 101 */
	if (server_stream_is_dead(rq) || (h->status == 101 && rq->st.kind == KIND_MESSAGES))
		return;
	if (h->status == 101) { /* RFC 8441 5: HTTP/2 says 200 instead */
		agreed = *h;
		agreed.status = 200;
		agreed.body = BODY_CHUNKED;
		h = &agreed;
	}
	if (pairs_of_response(&p, h, m, &cl->arena) < 0) {
		server_stream_no_memory(rq);
		return;
	}
	if (h->status < 200) {
		(void)nghttp2_submit_headers(c->l.h2, NGHTTP2_FLAG_NONE, rq->st.id, NULL, p.v, p.n,
			NULL);
		http2_link_wake(&c->l);
		return;
	}
	rq->declared = response_length(h, m);
	rq->status = h->status;
	rq->want_continue = false;
	http2_stream_set_send(&rq->st, SEND_BODY);
	nghttp2_data_provider body = http2_stream_body();
	(void)nghttp2_submit_response(c->l.h2, rq->st.id, p.v, p.n, rq->declared ? &body : NULL);
	http2_link_wake(&c->l);
}

/* The response will not be complete. The part that exists is sent before the reset. */
static void server_stream_cut(struct server_stream *rq)
{
	http2_stream_set_send(&rq->st, SEND_CUT);
	if (rq->st.error.code == NGHTTP2_NO_ERROR) /* RFC 8441 5: the reset of a tunnel */
		rq->st.error.code = rq->st.kind == KIND_TUNNEL ? NGHTTP2_CANCEL
							       : NGHTTP2_INTERNAL_ERROR;
	if (server_stream_is_dead(rq) || !rq->declared) {
		server_stream_reset(rq, rq->st.error.code);
		return;
	}
	http2_stream_offer(&rq->st);
	server_stream_watch_sending(rq);
}

static bool client_body(struct client *cl, struct buf *data)
{
	struct server_stream *rq = stream_of(cl);

	if (server_stream_is_dead(rq) || !rq->declared) {
		buf_drain(data, data->len);
		return false;
	}
	if (data->len == 0)
		return rq->st.full;
	rq->pushed += data->len;
	buf_move_all(&rq->st.out, data);
	http2_stream_offer(&rq->st);
	if (!buf_holds(&rq->st.out, HTTP2_SEND_HIGH))
		return false;
	if (!rq->st.full)
		server_stream_begin_sending(rq);
	rq->st.full = true;
	server_stream_watch_sending(rq);
	return true;
}

static void server_stream_take_trailers(struct server_stream *rq, const struct fields *f)
{
	if (pairs_of_response_trailers(&rq->st.trailers_out, f, &rq->c.arena) < 0)
		server_stream_no_memory(rq);
}

static void client_end(struct client *cl, const struct fields *trailers)
{
	struct server_stream *rq = stream_of(cl);

	if (rq->st.send != SEND_CUT)
		http2_stream_set_send(&rq->st, SEND_DONE);
	server_stream_check_sent(rq); /* without a body, the end went with the head */
	http2_link_wake(&rq->server->l);
	if (server_stream_is_dead(rq)) {
		if (!list_is_empty(&rq->sent_link))
			server_stream_watch_sending(rq);
		return;
	}
	if (rq->declared != LENGTH_UNKNOWN && rq->pushed != rq->declared) {
		server_stream_cut(rq); /* the client must not take it for complete */
		return;
	}
	if (trailers && rq->declared)
		server_stream_take_trailers(rq, trailers);
	if (rq->declared)
		http2_stream_offer(&rq->st);
	server_stream_begin_sending(rq);
}

static void client_tunnel(struct client *cl)
{
	http2_stream_set_kind(&stream_of(cl)->st, KIND_TUNNEL);
}

static void client_abort(struct client *cl)
{
	struct server_stream *rq = stream_of(cl);
	if (!rq->framed)
		server_stream_cut(rq);
}

static void client_hold(struct client *cl)
{
	struct server_stream *rq = stream_of(cl);
	rq->st.held = true;
	pace_stop(&rq->pace_in);
}

static void client_resume(struct client *cl)
{
	struct server_stream *rq = stream_of(cl);

	if (rq->st.owner == OWNER_GONE || !rq->st.held)
		return;
	rq->st.held = false;
	if (rq->st.end_told)
		return;
	if (rq->want_continue && !server_stream_is_dead(rq)) {
		nghttp2_nv status = { .name = (uint8_t *)":status",
			.namelen = 7,
			.value = (uint8_t *)"100",
			.valuelen = 3,
			.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
		(void)nghttp2_submit_headers(rq->server->l.h2, NGHTTP2_FLAG_NONE, rq->st.id, NULL,
			&status, 1, NULL);
		http2_link_wake(&rq->server->l);
	}
	rq->want_continue = false;
	bool ended = http2_stream_has_ended(&rq->st);
	if (rq->st.in.len || ended)
		http2_stream_note(&rq->st, NEWS_BODY | (ended ? NEWS_END : 0u));
	if (!ended || rq->head.call)
		server_stream_watch_body(rq);
}

static void client_finish(struct client *cl)
{
	struct server_stream *rq = stream_of(cl);
	struct http2_server *c = rq->server;

	http2_stream_set_owner(&rq->st, OWNER_RELEASED);
	c->n_live--;
	list_del(&rq->st.news_link);
	list_del(&rq->sent_link);
	server_stream_drop_body(rq);
	if (rq->st.send < SEND_DONE)
		server_stream_cut(rq);
	else if (rq->framed && server_stream_is_half_open(rq))
		server_stream_reset(rq, NGHTTP2_CANCEL);
	if (rq->st.wire != WIRE_OPEN)
		server_stream_uncount(rq);
	if (rq->st.wire == WIRE_RESET)
		server_stream_watch(rq); /* watch that it is sent */
	server_stream_linger(rq);
	http2_link_wake(&c->l);
	server_stream_try_free(rq);
}

static bool client_keeps(const struct client *c)
{
	const struct http2_server *server = container_of(c, const struct server_stream, c)->server;
	return server_is_open(server) && server->drain == DRAIN_NONE &&
		!stream_is_broken(server->l.stream) && !stream_has_ended(server->l.stream);
}

static const struct client_ops server_stream_ops = {
	.head = client_head,
	.body = client_body,
	.end = client_end,
	.tunnel = client_tunnel,
	.abort = client_abort,
	.hold = client_hold,
	.resume = client_resume,
	.keeps = client_keeps,
	.finish = client_finish,
};
