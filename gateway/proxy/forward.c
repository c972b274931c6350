/*
 * The upstream's side of an exchange: choose and reach a server, pass the request on, take the
 * response in, and try another server where that is safe.
 *
 * Safe means (RFC 9110 9.2.2): no byte of the request body was passed on, or all of it is there to
 * be sent anew; nothing of a response arrived; and no byte of the request left for the server, or
 * the server said that it did nothing about it, or the method is idempotent.
 */
#include "proxy/forward.h"

#include "proxy/admit.h"
#include "proxy/body.h"
#include "proxy/grpc.h"

static void forward_open(struct exchange *x);

static struct exchange *exchange_of_call(struct upstream_call *c)
{
	return container_of(c, struct exchange, call);
}

/* ---- events of the origin ------------------------------------------------------------------ */

/* Why a head is not to be passed on; 0: it is. */
static int forward_judge(const struct exchange *x, const struct response_head *h)
{
	if (h->status == 101)
		return tunnel_is_agreed(x, h) ? 0 : ERR_UPSTREAM_BAD_HEAD;
	/* to an extended CONNECT any 2xx says that there is a tunnel */
	bool yes = h->status >= 200 && h->status < 300;
	return yes && x->px.request->upgrade_only ? ERR_UPSTREAM_NO_TUNNEL : 0;
}

static void forward_on_head(struct origin *o, struct response_head *h)
{
	struct exchange *x = o->user;
	int err = forward_judge(x, h);
	if (err) {
		forward_stop(x, err);
		respond_error(x, err);
		return;
	}
	if (h->status < 200 && h->status != 101) {
		/* 100 was answered by the codec, 101 needs a tunnel; the others are news for the
		 * client (RFC 9110 15.2) */
		if (h->status > 101 && x->px.request->version >= 11) {
			fields_drop_hop_by_hop(&h->fields);
			x->px.client->ops->head(x->px.client, h);
		}
		return;
	}
	x->head_ns = clock_ns();
	x->upstream_status = h->status;
	x->px.response = h;
	if (fields_for_client(x, h) < 0) {
		forward_stop(x, 0);
		respond_error(x, ERR_NO_MEMORY);
		return;
	}
	exchange_run_response(x);
}

static void forward_on_body(struct origin *o, struct buf *data)
{
	struct exchange *x = o->user;
	struct client *c = x->px.client;
	if (x->state == EXCHANGE_TUNNEL) {
		tunnel_from_upstream(x, data);
		return;
	}
	if (unlikely(x->px.stages[SLUICE_RESPONSE])) {
		body_from_upstream(x, data);
		return;
	}
	if (x->state != EXCHANGE_STREAM)
		return; /* held: it is offered again */
	if (c->ops->body(c, data))
		o->ops->hold(o);
}

static enum splice forward_on_waiting(struct origin *o, struct stream *from, uint64_t most,
	uint64_t *n)
{
	struct exchange *x = o->user;
	struct client *c = x->px.client;
	if (x->state != EXCHANGE_STREAM || !c->ops->splice || x->px.stages[SLUICE_RESPONSE])
		return SPLICE_UNABLE;
	enum splice r = c->ops->splice(c, from, most, n);
	if (r == SPLICE_FULL)
		o->ops->hold(o);
	return r;
}

void forward_finish(struct exchange *x)
{
	struct client *c = x->px.client;
	const struct fields *trailers = x->response_trailers;
	if (!x->request_done)
		c->ops->hold(c);
	forward_stop(x, 0);
	exchange_set_state(x, EXCHANGE_SENT);
	c->ops->end(c, trailers);
	if (x->gone)
		exchange_end(x, 0);
}

static void forward_on_end(struct origin *o, const struct fields *trailers)
{
	struct exchange *x = o->user;
	x->origin_done = true;
	if (trailers && trailers->n) {
		x->upstream_trailers = *trailers;
		x->response_trailers = &x->upstream_trailers;
	}
	if (unlikely(x->px.stages[SLUICE_RESPONSE]))
		body_upstream_ended(x);
	else if (x->state == EXCHANGE_STREAM)
		forward_finish(x);
	else if (x->state == EXCHANGE_TUNNEL)
		tunnel_upstream_ended(x);
}

static void forward_on_drained(struct origin *o)
{
	struct exchange *x = o->user;
	struct client *c = x->px.client;
	if (unlikely(x->px.stages[SLUICE_REQUEST]) && !x->gone && x->state != EXCHANGE_TUNNEL) {
		body_upstream_drained(x);
		return;
	}
	if (!x->request_done && !x->gone)
		c->ops->resume(c);
	if (x->state == EXCHANGE_TUNNEL)
		tunnel_upstream_sent(x);
}

/* What was passed on of the body is kept for the next server. */
static bool forward_has_body(struct exchange *x)
{
	struct origin *o = x->origin;
	return !x->body_begun || (o->untouched && o->ops->reclaim && o->ops->reclaim(o, &x->body));
}

static bool forward_is_safe(struct exchange *x, int err)
{
	const struct origin *o = x->origin;
	bool lost = err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET ||
		err == ERR_UPSTREAM_ABORTED || err == ERR_UPSTREAM_PROTOCOL;
	if (o->answered || x->gone || x->status)
		return false;
	if (o->sent && !o->untouched &&
		!(lost && method_is_idempotent((enum method)x->px.request->method)))
		return false;
	return forward_has_body(x);
}

/* The codec's explanation is copied; it may take a little more than the exchange's budget. */
static void forward_keep_detail(struct exchange *x, sluice_str detail)
{
	x->px.arena->budget += detail.len + 1;
	x->detail = detail.len ? arena_str(x->px.arena, detail) : STR_NONE;
}

static void forward_on_fail(struct origin *o, int err)
{
	struct exchange *x = o->user;
	forward_keep_detail(x, o->detail);
	bool again = x->state == EXCHANGE_FORWARD && forward_is_safe(x, err);
	/* where the server chose HTTP/2 but has no tunnels there, HTTP/1.1 may have */
	if (again && err == ERR_UPSTREAM_NO_TUNNEL)
		upstream_want_http1(&x->call);
	forward_stop(x, err);
	if (again && upstream_may_retry(&x->call)) {
		x->retried = true;
		stat_inc(STAT_UPSTREAM_RETRIES);
		if (!x->request_done)
			/* until there is somebody to take it */
			x->px.client->ops->hold(x->px.client);
		exchange_set_state(x, EXCHANGE_CONNECT);
		forward_open(x);
		return;
	}
	if (x->status == 0) {
		run_cancel(&x->px);
		x->px.response = NULL;
		respond_error(x, err);
		return;
	}
	forward_break_off(x, err);
}

static const struct origin_events forward_origin_events = {
	.on_head = forward_on_head,
	.on_body = forward_on_body,
	.on_waiting = forward_on_waiting,
	.on_end = forward_on_end,
	.on_drained = forward_on_drained,
	.on_fail = forward_on_fail,
};

/* ---- reaching a server --------------------------------------------------------------------- */

static void forward_head(struct exchange *x)
{
	struct origin *o = x->origin;
	if (likely(!x->px.stages[SLUICE_REQUEST] && !x->px.te_trailers)) {
		o->ops->head(o, x->px.request);
		return;
	}
	/* the client's codec goes by what the client said */
	struct request_head h = *x->px.request;
	body_request_head(x, &h);
	o->ops->head(o, &h);
}

static void forward_ready(struct exchange *x)
{
	struct origin *o = x->call.origin;
	struct client *c = x->px.client;
	x->origin = o;
	x->sent_ns = clock_ns();
	exchange_set_state(x, EXCHANGE_FORWARD);
	forward_head(x);
	x->body_begun |= x->body.len > 0;
	/* what another server did not want, or was held */
	bool full = x->body.len && o->ops->body(o, &x->body);
	if (unlikely(x->px.stages[SLUICE_REQUEST]))
		body_to_upstream(x, full);
	else if (x->request_done)
		o->ops->end(o,
			x->request_trailers ? fields_request_trailers(x, x->request_trailers)
					    : NULL);
	else if (!full)
		c->ops->resume(c);
}

static void forward_failed(struct exchange *x, int err)
{
	bool connecting = err == ERR_CONNECT_FAILED || err == ERR_UPSTREAM_TLS ||
		err == ERR_UPSTREAM_PROTOCOL;
	if (connecting && x->call.endpoint)
		forward_keep_detail(x, str_of(endpoint_why(x->call.endpoint)));
	respond_error(x, err);
}

static void forward_on_ready(struct upstream_call *call)
{
	forward_ready(exchange_of_call(call));
}

static void forward_on_open_fail(struct upstream_call *call, int err)
{
	forward_failed(exchange_of_call(call), err);
}

static void forward_open(struct exchange *x)
{
	struct upstream *u = x->view->upstreams[x->route->upstream];
	int r = upstream_open(&x->call, u, &forward_origin_events, x, x->px.arena);
	if (r == 1)
		forward_ready(x);
	else if (r < 0)
		forward_failed(x, r);
}

void forward_init(struct exchange *x)
{
	upstream_call_init(&x->call, forward_on_ready, forward_on_open_fail);
}

void forward_start(struct exchange *x)
{
	int refused = admit_request(x);
	if (unlikely(refused)) {
		respond_error(x, refused);
		return;
	}
	int version = x->view->snap->upstreams[x->route->upstream].conf->proxy_protocol;
	if (version)
		x->call.proxy_header = who_proxy_header(x, version);
	x->call.request = x->px.request;
	if (fields_for_upstream(x) < 0 || x->px.arena->failed) {
		respond_error(x, ERR_NO_MEMORY);
		return;
	}
	if (x->upgrade && !tunnel_is_well_asked(x)) {
		respond_error(x, ERR_BAD_FIELD);
		return;
	}
	exchange_set_state(x, EXCHANGE_CONNECT);
	forward_open(x);
}

/* ---- passing on ---------------------------------------------------------------------------- */

void forward_body(struct exchange *x, struct buf *data)
{
	struct origin *o = x->origin;
	if (unlikely(x->px.stages[SLUICE_REQUEST])) {
		body_from_client(x, data);
		return;
	}
	if (!o) { /* answered without it */
		buf_drain(data, data->len);
		return;
	}
	x->body_begun = true;
	if (o->ops->body(o, data))
		x->px.client->ops->hold(x->px.client);
}

void forward_end(struct exchange *x, const struct fields *trailers)
{
	x->request_trailers = trailers;
	if (unlikely(x->px.stages[SLUICE_REQUEST]))
		body_client_ended(x, trailers);
	else if (x->origin)
		x->origin->ops->end(x->origin, fields_request_trailers(x, trailers));
}

void forward_response(struct exchange *x)
{
	struct client *c = x->px.client;
	x->status = x->px.response->status;
	if (x->status == 101) {
		tunnel_begin(x);
		return;
	}
	exchange_set_state(x, EXCHANGE_STREAM);
	c->ops->head(c, x->px.response);
	if (x->origin_done)
		forward_finish(x);
	else
		x->origin->ops->resume(x->origin); /* had the hooks waited, it was held */
}

void forward_break_off(struct exchange *x, int err)
{
	x->err = err;
	x->code = err_code(err);
	if (x->grpc && (x->response_trailers = grpc_farewell(x, err))) {
		forward_finish(x);
		return;
	}
	x->px.client->ops->abort(x->px.client);
	exchange_end(x, 0);
}

void forward_stop(struct exchange *x, int err)
{
	struct origin *o = x->origin;
	if (!o) {
		upstream_cancel(&x->call);
		return;
	}
	x->origin = NULL;
	upstream_report(&x->call, err);
	o->ops->release(o);
}
