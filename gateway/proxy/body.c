/*
 * Bodies that plugins work on: between the codecs and the rows of stages of policy/stage.h. Only
 * exchanges for which a plugin asked come here; all others go by, at the price of one look at a
 * pointer.
 *
 * REQUEST_BODY is the state of a request, RESPONSE_BODY of a response whose head is held until its
 * buffering stages have decided. Whoever has no room stops its sender: the client or the upstream
 * is held, not what is in between emptied.
 */
#include "proxy/body.h"

#include "base/log.h"
#include "policy/stage.h"

static struct stages *request_row(const struct exchange *x)
{
	return x->px.stages[SLUICE_REQUEST];
}

static struct stages *response_row(const struct exchange *x)
{
	return x->px.stages[SLUICE_RESPONSE];
}

/* A stage has ended what it worked on: with an answer, or because it could not go on. The message
 * that it is part of cannot be completed; the client hears why, unless it is in the middle of a
 * response. */
static void body_failed(struct exchange *x, enum run_result r, int err_over)
{
	int err = r == RUN_OVER ? err_over : ERR_PLUGIN_FAILED;
	run_cancel(&x->px);
	forward_stop(x, 0);
	if (x->status == 0) {
		x->px.response = NULL;
		x->px.phase = RUN_NONE;
		if (r == RUN_REPLY)
			respond_plugin(x);
		else
			respond_error(x, err);
		return;
	}
	if (r == RUN_REPLY)
		log_warn("plugin",
			"%s: answers (%s) when a response is under way: it is broken off",
			x->px.chain->v[x->px.decided_by].plugin->name,
			x->px.answer.code ? x->px.answer.code : "with a body");
	forward_break_off(x, err);
}

/* ---- the request --------------------------------------------------------------------------- */

static void request_failed(struct exchange *x, enum run_result r)
{
	x->px.below = UINT32_MAX; /* its answer is the first response there is */
	body_failed(x, r, ERR_BODY_TOO_LARGE);
}

/* The head may go. What has left the row so far goes behind it. */
static void request_ready(struct exchange *x)
{
	if (!x->request_done)
		x->px.client->ops->hold(x->px.client); /* until there is somebody to take it */
	buf_move_all(&x->body, &request_row(x)->out);
	exchange_go_on(x);
}

/* In REQUEST_BODY. */
static void request_gather(struct exchange *x)
{
	struct stages *row = request_row(x);
	enum run_result r = stages_run(&x->px, row);
	if (r == RUN_WAIT)
		return;
	if (r != RUN_NEXT)
		request_failed(x, r);
	else if (!stages_hold(row))
		request_ready(x);
	else if (!x->request_done)
		x->px.client->ops->resume(x->px.client);
}

void body_begin_request(struct exchange *x)
{
	const struct request_head *h = x->px.request;
	struct stages *row = request_row(x);
	uint64_t length = h->body == BODY_CHUNKED ? STAGE_LENGTH_UNKNOWN
		: h->body == BODY_LENGTH          ? h->body_length
						  : 0;

	exchange_set_state(x, EXCHANGE_REQUEST_BODY);
	if (x->route->upstream < 0 && !stages_hold(row)) { /* nobody reads it */
		stages_forget(&x->px, SLUICE_REQUEST);
		exchange_go_on(x);
		return;
	}
	if (x->request_done)
		stages_end(row, NULL);
	if (stages_expect(&x->px, row, length) == RUN_OVER)
		request_failed(x, RUN_OVER);
	else
		request_gather(x);
}

void body_request_head(struct exchange *x, struct request_head *h)
{
	const struct stages *row = request_row(x);
	h->te_trailers |= x->px.te_trailers;
	if (!row || !stages_change(row))
		return;
	if (!row->done || row->trailers.n || row->out.len) {
		h->body = BODY_CHUNKED;
	} else if (x->body.len || h->body != BODY_NONE) {
		h->body = BODY_LENGTH;
		h->body_length = x->body.len;
	}
}

static void request_passed(struct exchange *x)
{
	const struct stages *row = request_row(x);
	x->request_passed = true;
	x->origin->ops->end(x->origin, row->trailers.n ? &row->trailers : NULL);
}

/* Towards the upstream, as much as it takes. */
static void request_push(struct exchange *x)
{
	struct client *c = x->px.client;
	struct origin *o = x->origin;
	struct stages *row = request_row(x);
	for (;;) {
		enum run_result r = stages_run(&x->px, row);
		if (r != RUN_NEXT) {
			request_failed(x, r);
			return;
		}
		if (row->out.len == 0)
			break;
		x->body_begun = true;
		if (o->ops->body(o, &row->out)) {
			c->ops->hold(c);
			return;
		}
	}
	if (row->done && !x->request_passed)
		request_passed(x);
	else if (!x->request_done && !x->gone)
		c->ops->resume(c);
}

void body_to_upstream(struct exchange *x, bool full)
{
	const struct stages *row = request_row(x);
	x->request_passed = false; /* another server may have had it */
	if (row->done && row->out.len == 0)
		request_passed(x);
	else if (!full)
		request_push(x);
}

void body_upstream_drained(struct exchange *x)
{
	request_push(x);
}

void body_from_client(struct exchange *x, struct buf *data)
{
	struct stages *row = request_row(x);
	bool gathers = x->state == EXCHANGE_REQUEST_BODY;
	if (!gathers && !x->origin) { /* answered without it */
		buf_drain(data, data->len);
		return;
	}
	if (stages_are_full(row)) {
		x->px.client->ops->hold(x->px.client); /* it is offered again */
		return;
	}
	stages_feed(row, data);
	if (gathers)
		request_gather(x);
	else
		request_push(x);
}

void body_client_ended(struct exchange *x, const struct fields *trailers)
{
	stages_end(request_row(x), fields_request_trailers(x, trailers));
	if (x->state == EXCHANGE_REQUEST_BODY)
		request_gather(x);
	else if (x->origin)
		request_push(x);
}

void body_request_resumed(struct exchange *x, enum run_result r)
{
	if (r == RUN_NEXT)
		request_gather(x);
	else if (r != RUN_WAIT)
		request_failed(x, r);
}

/* ---- the response -------------------------------------------------------------------------- */

static void response_failed(struct exchange *x, enum run_result r)
{
	x->px.below = x->px.decided_by; /* another response goes the rest of the way */
	body_failed(x, r, ERR_UPSTREAM_BODY_TOO_LARGE);
}

static void response_end(struct exchange *x)
{
	struct stages *row = response_row(x);
	x->response_trailers = row->trailers.n ? &row->trailers : NULL;
	forward_finish(x);
}

/* Towards the client, as much as it takes. */
static void response_push(struct exchange *x)
{
	struct client *c = x->px.client;
	struct stages *row = response_row(x);
	for (;;) {
		enum run_result r = stages_run(&x->px, row);
		if (r != RUN_NEXT) {
			response_failed(x, r);
			return;
		}
		if (row->out.len == 0)
			break;
		if (c->ops->body(c, &row->out) && !x->gone) {
			if (x->origin)
				x->origin->ops->hold(x->origin);
			return;
		}
	}
	if (row->done)
		response_end(x);
	else if (x->origin)
		x->origin->ops->resume(x->origin);
}

/* How the body ends is not what was said; but where all of it is there, it has a length again. */
static void response_frame(struct exchange *x, struct response_head *h)
{
	const struct stages *row = response_row(x);
	if (!stages_change(row))
		return;
	h->body = row->done && row->trailers.n == 0 ? BODY_LENGTH : BODY_CHUNKED;
	h->body_length = row->out.len;
}

/* In RESPONSE_BODY. */
static void response_gather(struct exchange *x)
{
	struct client *c = x->px.client;
	struct response_head *h = x->px.response;
	struct stages *row = response_row(x);
	enum run_result r = stages_run(&x->px, row);
	while (r == RUN_WAIT && x->gone) { /* a connection that ends has no time */
		r = stage_hurried(&x->px);
		if (r == RUN_NEXT)
			r = stages_run(&x->px, row);
	}
	if (r == RUN_WAIT)
		return;
	if (r != RUN_NEXT) {
		response_failed(x, r);
		return;
	}
	if (stages_hold(row)) {
		if (x->origin)
			x->origin->ops->resume(x->origin);
		return;
	}
	x->status = h->status;
	response_frame(x, h);
	exchange_set_state(x, EXCHANGE_STREAM);
	c->ops->head(c, h);
	response_push(x);
}

/* The upstream has said all: it is let go, whatever the client still has to take. */
static void response_whole(struct exchange *x)
{
	struct client *c = x->px.client;
	stages_end(response_row(x), x->response_trailers);
	if (!x->request_done)
		c->ops->hold(c);
	forward_stop(x, 0);
}

static uint64_t response_length(const struct exchange *x)
{
	const struct response_head *h = x->px.response;
	if (x->own_answer)
		return x->answer_body.len;
	return h->body == BODY_LENGTH ? h->body_length : STAGE_LENGTH_UNKNOWN;
}

bool body_begin_response(struct exchange *x)
{
	struct response_head *h = x->px.response;
	struct stages *row = response_row(x);
	if (h->status == 101 ||
		!response_may_have_body((enum method)x->px.request->method, h->status)) {
		if (stages_change(row))
			/* of what a GET would get, nobody knows the length */
			h->has_length = false;
		stages_forget(&x->px, SLUICE_RESPONSE);
		return false;
	}
	exchange_set_state(x, EXCHANGE_RESPONSE_BODY);
	x->px.phase = RUN_NONE;
	x->px.below = UINT32_MAX;
	if (stages_expect(&x->px, row, response_length(x)) == RUN_OVER) {
		response_failed(x, RUN_OVER);
		return true;
	}
	if (x->own_answer) {
		struct buf body;
		buf_init(&body);
		buf_append(&body, x->answer_body.data, x->answer_body.len);
		stages_feed(row, &body);
		stages_end(row, NULL);
	} else if (x->origin_done) {
		response_whole(x);
	}
	response_gather(x);
	return true;
}

void body_from_upstream(struct exchange *x, struct buf *data)
{
	struct stages *row = response_row(x);
	struct origin *o = x->origin;
	bool gathers = x->state == EXCHANGE_RESPONSE_BODY;
	if (!gathers && x->state != EXCHANGE_STREAM)
		return; /* held: it is offered again */
	if (stages_are_full(row)) {
		o->ops->hold(o);
		return;
	}
	stages_feed(row, data);
	if (gathers)
		response_gather(x);
	else
		response_push(x);
}

void body_upstream_ended(struct exchange *x)
{
	bool gathers = x->state == EXCHANGE_RESPONSE_BODY;
	if (!gathers && x->state != EXCHANGE_STREAM)
		return; /* the hooks are not through */
	response_whole(x);
	if (gathers)
		response_gather(x);
	else
		response_push(x);
}

void body_client_drained(struct exchange *x)
{
	response_push(x);
}

void body_response_resumed(struct exchange *x, enum run_result r)
{
	if (r == RUN_NEXT)
		response_gather(x);
	else if (r != RUN_WAIT)
		response_failed(x, r);
}
