/*
 * One request and its response, between the library and the exchange. It lies in its own arena and
 * is freed when two have let go of it: the exchange, by finish(), and the library, by closing the
 * stream. Whichever is first, the other finds it alive and idle.
 */
#include "base/stat.h"
#include "http2/state.h"

static const struct client_ops http2_client_ops;

static struct http2_request *request_of(struct client *c)
{
	return container_of(c, struct http2_request, c);
}

/* ---- from beginning to end ----------------------------------------------------------------- */

struct http2_request *request_new(struct http2_server *c, int32_t id)
{
	struct arena a;
	arena_init(&a, c->conf->budget);
	a.account = &c->memory;
	struct http2_request *rq = arena_zalloc(&a, sizeof(*rq));
	check(rq, "a budget of %zu bytes holds no request", c->conf->budget);
	rq->c.ops = &http2_client_ops;
	rq->c.arena = a;
	rq->c.head = &rq->head;
	rq->c.conn = c->info;
	rq->c.started_ns = worker_now(c->s->worker);
	rq->server = c;
	rq->id = id;
	rq->declared = UINT64_MAX;
	rq->sent_at = SENT_AT_UNKNOWN;
	rq->held = true;
	rq->counted = true;
	list_push(&c->requests, &rq->link);
	list_init(&rq->news_link);
	list_init(&rq->sent_link);
	timer_init(&rq->timer, request_on_due);
	c->n_busy++;
	return rq;
}

/* It costs nothing any more but the memory it lies in. */
static void request_uncount(struct http2_request *rq)
{
	rq->server->n_busy -= rq->counted;
	rq->counted = false;
}

static void request_drop_body(struct http2_request *rq)
{
	session_consume(rq->server, rq, rq->body.len);
	buf_fini(&rq->body);
}

void request_try_free(struct http2_request *rq)
{
	if (!rq->closed || rq->at_work || (rq->told && !rq->finished))
		return;
	if (rq->server->building == rq)
		rq->server->building = NULL;
	request_uncount(rq);
	request_drop_body(rq);
	buf_fini(&rq->out);
	rq->server->heads -= rq->head_size;
	list_del(&rq->link);
	list_del(&rq->news_link);
	list_del(&rq->sent_link);
	timer_drop(&rq->timer);
	struct arena a = rq->c.arena;
	arena_fini(&a); /* rq dies here */
}

void request_reset(struct http2_request *rq, uint32_t code)
{
	if (rq->closed || rq->reset)
		return;
	rq->reset = true;
	buf_fini(&rq->out);
	if (rq->server->state != SERVER_OPEN)
		return;
	(void)nghttp2_submit_rst_stream(rq->server->h2, NGHTTP2_FLAG_NONE, rq->id, code);
	request_watch(rq);
	server_wake(rq->server);
}

void request_refuse(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	server_crowded(c);
	if (!rq->closed && c->state == SERVER_OPEN) {
		(void)nghttp2_session_set_stream_user_data(c->h2, rq->id, NULL);
		session_refuse(c, rq->id);
	}
	rq->closed = true;
	request_try_free(rq);
}

static bool request_is_dead(const struct http2_request *rq)
{
	return rq->closed || rq->reset || rq->server->state != SERVER_OPEN;
}

/* ---- news for the exchange ----------------------------------------------------------------- */

void request_tell(struct http2_request *rq, unsigned news)
{
	struct http2_server *c = rq->server;
	if (rq->finished || rq->gone)
		return;
	rq->news |= (uint8_t)news;
	if (list_is_empty(&rq->news_link))
		list_push(&c->news, &rq->news_link);
	server_wake(c);
}

void request_fail(struct http2_request *rq, int err, uint32_t code)
{
	if (rq->finished || rq->gone || (rq->news & TELL_GONE))
		return;
	if (code == NGHTTP2_NO_ERROR && rq->head_sent && !rq->framed)
		/* NO_ERROR would say that the response is whole (RFC 9113 8.1) */
		code = NGHTTP2_CANCEL;
	rq->gone_err = err;
	rq->reset_code = code;
	if (rq->head_sent || err == ERR_CLIENT_STALLED || err == ERR_CLIENT_TOO_SLOW)
		request_reset(rq, code);
	request_tell(rq, TELL_GONE);
}

/* The client may still send, though all of ours is said. */
static bool request_is_half_open(const struct http2_request *rq)
{
	return rq->tunnel && !rq->end_received;
}

/* Both sides of a response's end: the exchange has said it, and the library has framed it. */
static void request_check_sent(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	if (!rq->framed || !rq->response_done || rq->finished || !list_is_empty(&rq->sent_link))
		return;
	list_push(&c->sending, &rq->sent_link);
	server_wake(c);
}

void request_framed(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	rq->framed = true;
	request_uncount(rq);
	/* whoever was malformed shall hear it; and where no body was to come, nothing is thrown
	 * away */
	if (rq->reset_code != NGHTTP2_NO_ERROR ||
		(!rq->end_received && !rq->tunnel && !request_has_rest(rq))) {
		rq->reset = true;
		(void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, rq->id, rq->reset_code);
	}
	request_linger(rq);
	request_check_sent(rq);
}

void request_closed(struct http2_request *rq)
{
	rq->closed = true;
	if (rq->told && !rq->reset && (!rq->framed || request_is_half_open(rq)))
		request_fail(rq, rq->client_reset ? ERR_CLIENT_GONE : ERR_CLIENT_PROTOCOL,
			NGHTTP2_NO_ERROR);
	request_try_free(rq);
}

static void tell_head(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	const struct handler *h = &c->conf->handler;
	rq->told = true;
	c->n_live++;
	if (++c->info->requests == c->conf->max_requests)
		server_retire(c);
	if (rq->bad)
		h->on_bad_request(h->ctx, &rq->c, rq->bad);
	else
		h->on_request(h->ctx, &rq->c);
}

static void tell_body(struct http2_request *rq)
{
	size_t before = rq->body.len;
	rq->c.events->on_body(&rq->c, &rq->body);
	if (!rq->finished)
		session_consume(rq->server, rq, before - rq->body.len);
}

static void tell_end(struct http2_request *rq)
{
	rq->end_told = true;
	rq->c.events->on_end(&rq->c, rq->has_trailers ? &rq->trailers : NULL);
}

static void tell_gone(struct http2_request *rq)
{
	rq->gone = true;
	rq->c.events->on_gone(&rq->c, rq->gone_err, !rq->head_sent && !request_is_dead(rq));
}

/* A client that is lost has no more to say, but what it was sent was sent. */
static void request_dispatch(struct http2_request *rq)
{
	unsigned news = rq->news;
	rq->news = 0;
	rq->at_work = true;
	if ((news & TELL_HEAD) && server_has_memory(rq->server)) {
		tell_head(rq);
	} else if (news & TELL_HEAD) {
		request_refuse(rq);
		news = 0;
	}
	if ((news & TELL_SENT) && !rq->finished) {
		timer_stop(&rq->timer);
		rq->c.events->on_sent(&rq->c);
	}
	if ((news & TELL_GONE) && !rq->finished) {
		tell_gone(rq);
		news = 0;
	}
	if ((news & TELL_BODY) && !rq->finished && !rq->held && rq->body.len)
		tell_body(rq);
	if ((news & TELL_END) && !rq->finished && !rq->end_told && rq->body.len == 0 &&
		(!rq->connect || rq->tunnel))
		tell_end(rq);
	if ((news & TELL_DRAINED) && !rq->finished)
		rq->c.events->on_drained(&rq->c);
	rq->at_work = false;
	request_try_free(rq);
}

void requests_dispatch(struct http2_server *c)
{
	struct list *e;
	while ((e = list_pop(&c->news)))
		request_dispatch(container_of(e, struct http2_request, news_link));
}

/* ---- what the exchange calls --------------------------------------------------------------- */

/* There is no room for the response's head or trailers. */
static void request_no_memory(struct http2_request *rq)
{
	rq->head_sent = true;
	request_fail(rq, ERR_NO_MEMORY, NGHTTP2_INTERNAL_ERROR);
}

static void client_head(struct client *cl, const struct response_head *h)
{
	struct http2_request *rq = request_of(cl);
	struct http2_server *c = rq->server;
	enum method m = (enum method)rq->head.method;
	nghttp2_nv stack[PAIRS_ON_STACK];
	struct pairs p = PAIRS_IN(stack);
	struct response_head agreed;

	/* RFC 9113 8.6: there is no such thing here */
	if (request_is_dead(rq) || (h->status == 101 && !rq->connect))
		return;
	if (h->status == 101) { /* RFC 8441 5: said like this */
		agreed = *h;
		agreed.status = 200;
		agreed.body = BODY_CHUNKED;
		h = &agreed;
	}
	if (pairs_of_response(&p, h, m, &cl->arena) < 0) {
		request_no_memory(rq);
		return;
	}
	if (h->status < 200) {
		(void)nghttp2_submit_headers(c->h2, NGHTTP2_FLAG_NONE, rq->id, NULL, p.v, p.n,
			NULL);
		server_wake(c);
		return;
	}
	enum body_kind framing = response_body_kind(h, m);
	rq->declared = framing == BODY_LENGTH ? (h->body == BODY_LENGTH ? h->body_length : 0)
					      : UINT64_MAX;
	rq->has_body = framing == BODY_CHUNKED || (framing == BODY_LENGTH && rq->declared > 0);
	rq->head_sent = true;
	rq->refused = h->status >= 400;
	rq->want_continue = false;
	nghttp2_data_provider body = { .source.ptr = rq, .read_callback = session_read };
	(void)nghttp2_submit_response(c->h2, rq->id, p.v, p.n, rq->has_body ? &body : NULL);
	server_wake(c);
}

/* The library is to ask for data again. */
static void request_offer(struct http2_request *rq)
{
	if (rq->deferred) {
		rq->deferred = false;
		(void)nghttp2_session_resume_data(rq->server->h2, rq->id);
	}
	server_wake(rq->server);
}

/* The response will not be complete. What there is of it goes first. */
static void request_cut(struct http2_request *rq)
{
	rq->response_done = false;
	if (rq->reset_code == NGHTTP2_NO_ERROR) /* RFC 8441 5: the reset of a tunnel */
		rq->reset_code = rq->tunnel ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
	if (request_is_dead(rq) || !rq->has_body) {
		request_reset(rq, rq->reset_code);
		return;
	}
	rq->cut = true;
	request_offer(rq);
	request_watch_sending(rq);
}

static bool client_body(struct client *cl, struct buf *data)
{
	struct http2_request *rq = request_of(cl);

	if (request_is_dead(rq) || !rq->has_body) {
		buf_drain(data, data->len);
		return false;
	}
	if (data->len == 0)
		return rq->full;
	rq->pushed += data->len;
	buf_move_all(&rq->out, data);
	request_offer(rq);
	if (!buf_holds(&rq->out, HTTP2_RESPONSE_HIGH))
		return false;
	if (!rq->full)
		request_begin_sending(rq);
	rq->full = true;
	request_watch_sending(rq);
	return true;
}

static void request_take_trailers(struct http2_request *rq, const struct fields *f)
{
	if (pairs_of_response_trailers(&rq->trailers_out, f, &rq->c.arena) < 0)
		request_no_memory(rq);
}

static void client_end(struct client *cl, const struct fields *trailers)
{
	struct http2_request *rq = request_of(cl);

	rq->response_done = true;
	request_check_sent(rq); /* without a body, the end went with the head */
	if (request_is_dead(rq))
		return;
	if (rq->has_body && rq->declared != UINT64_MAX && rq->pushed != rq->declared) {
		request_cut(rq); /* the client must not take it for whole */
		return;
	}
	if (trailers && rq->has_body)
		request_take_trailers(rq, trailers);
	if (rq->has_body)
		request_offer(rq);
	request_begin_sending(rq);
}

static void client_tunnel(struct client *cl)
{
	request_of(cl)->tunnel = true;
}

static void client_abort(struct client *cl)
{
	struct http2_request *rq = request_of(cl);
	if (!rq->framed)
		request_cut(rq);
}

static void client_hold(struct client *cl)
{
	struct http2_request *rq = request_of(cl);
	rq->held = true;
	pace_stop(&rq->pace_in);
}

static void client_resume(struct client *cl)
{
	struct http2_request *rq = request_of(cl);

	if (rq->gone || !rq->held)
		return;
	rq->held = false;
	if (rq->end_told)
		return;
	if (rq->want_continue && !request_is_dead(rq)) {
		nghttp2_nv status = { .name = (uint8_t *)":status",
			.namelen = 7,
			.value = (uint8_t *)"100",
			.valuelen = 3,
			.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
		(void)nghttp2_submit_headers(rq->server->h2, NGHTTP2_FLAG_NONE, rq->id, NULL,
			&status, 1, NULL);
		server_wake(rq->server);
	}
	rq->want_continue = false;
	if (rq->body.len || rq->end_received)
		request_tell(rq, TELL_BODY | (rq->end_received ? TELL_END : 0u));
	if (!rq->end_received || rq->head.call)
		request_watch_body(rq);
}

static void client_finish(struct client *cl)
{
	struct http2_request *rq = request_of(cl);
	struct http2_server *c = rq->server;

	rq->finished = true;
	c->n_live--;
	list_del(&rq->news_link);
	list_del(&rq->sent_link);
	request_drop_body(rq);
	if (!rq->response_done && !rq->cut)
		request_cut(rq);
	else if (rq->framed && request_is_half_open(rq))
		request_reset(rq, NGHTTP2_CANCEL);
	if (rq->closed || rq->reset)
		request_uncount(rq);
	request_linger(rq);
	server_wake(c);
	request_try_free(rq);
}

static const struct client_ops http2_client_ops = {
	.head = client_head,
	.body = client_body,
	.end = client_end,
	.tunnel = client_tunnel,
	.abort = client_abort,
	.hold = client_hold,
	.resume = client_resume,
	.finish = client_finish,
};
