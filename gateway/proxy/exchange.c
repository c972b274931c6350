/* The walk of an exchange. See exchange.h for the path and the files. */
#include "proxy/exchange.h"

#include "base/log.h"
#include "policy/edit.h"
#include "policy/producer.h"
#include "policy/stage.h"
#include "policy/wait.h"
#include "proxy/affinity.h"
#include "proxy/fields.h"
#include "proxy/forward.h"
#include "proxy/forwarded_fields.h"
#include "proxy/grpc.h"
#include "proxy/handshake.h"
#include "proxy/respond.h"
#include "proxy/routing.h"
#include "proxy/split.h"
#include "proxy/staged.h"
#include "proxy/tunnel.h"

static void exchange_run_response(struct exchange *x);

/* ---- sending the response ------------------------------------------------------------------ */

/* The final head goes to the client now. */
static void exchange_note_head(struct exchange *x)
{
	x->status = x->px.response->status;
	x->px.head_sent = true;
	if (unlikely(x->sticks))
		affinity_response(x);
}

/* All of the response was passed on, but for its trailers. Both messages are through, or the rest
 * of the request is not wanted any more. */
static void exchange_finish_response(struct exchange *x)
{
	struct client *c = x->px.client;
	if (!x->to_upstream.ended)
		lane_hold(&x->to_upstream, HOLD_UNWANTED);
	exchange_leave_upstream(x, 0);
	exchange_set_state(x, EXCHANGE_SENT);
	c->ops->end(c, x->to_client.trailers);
	if (x->gone)
		exchange_end(x, 0);
}

/* Our own head and body go to the client. */
static void exchange_send_answer(struct exchange *x)
{
	struct client *c = x->px.client;
	struct response_head *h = x->px.response;
	exchange_note_head(x);
	exchange_set_state(x, EXCHANGE_ANSWER);
	c->ops->head(c, h);
	if (h->body == BODY_LENGTH)
		(void)lane_put(&x->to_client, &x->answer_body);
	exchange_finish_response(x);
}

/* ---- what a plugin that writes the response tells ------------------------------------------ */

static struct exchange *exchange_of_plugins(sluice_exchange *px)
{
	return container_of(px, struct exchange, px);
}

static void exchange_on_written(sluice_exchange *px, struct buf *data)
{
	lane_take(&exchange_of_plugins(px)->to_client, data);
}

static void exchange_on_written_all(sluice_exchange *px, const struct fields *trailers)
{
	lane_end(&exchange_of_plugins(px)->to_client, trailers);
}

static void exchange_on_producer_failed(sluice_exchange *px)
{
	struct exchange *x = exchange_of_plugins(px);
	edit_forget(px, px->decided_by);
	x->events->on_failed(x, ERR_PLUGIN_FAILED);
}

static const struct producer_events producer_events = {
	.on_bytes = exchange_on_written,
	.on_end = exchange_on_written_all,
	.on_failed = exchange_on_producer_failed,
};

/* The plugin writes when the head has gone, or when stages want the body before that. What held an
 * earlier response does not hold this one. */
static void exchange_begin_stream(struct exchange *x)
{
	struct lane *l = &x->to_client;
	l->ended = false;
	producer_start(x->px.producer, &producer_events);
	lane_hold(l, HOLD_HOOKS);
	lane_release(l, HOLD_SINK | HOLD_FULL | HOLD_STAGES | HOLD_UNWANTED);
}

/* ---- failing ------------------------------------------------------------------------------- */

/* An answer of our own, with its head h. NULL: not even that fits into the exchange's memory. */
static void exchange_answer(struct exchange *x, struct response_head *h)
{
	if (!h) {
		exchange_set_reason(x, ERR_NO_MEMORY);
		x->px.client->ops->abort(x->px.client);
		exchange_end(x, 0);
		return;
	}
	x->own_answer = true;
	lane_reopen(&x->to_client, NULL);
	x->to_client.ended = true;
	if (unlikely(x->px.producer))
		exchange_begin_stream(x);
	if (x->upstream_status == 0)
		x->head_ns = clock_ns();
	x->px.response = h;
	x->px.arena->failed = false; /* what failed was given up; the answer fitted */
	/* it replaces a response whose hooks are running: they do not start over */
	if (x->px.phase == RUN_RESPONSE)
		x->px.response_start = x->px.at;
	exchange_run_response(x);
}

static void exchange_refuse(struct exchange *x, int err)
{
	exchange_answer(x, respond_error(x, err));
}

/* The plugin that decided has failed. */
static void exchange_refuse_failed(struct exchange *x)
{
	edit_forget(&x->px, x->px.decided_by);
	exchange_refuse(x, ERR_PLUGIN_FAILED);
}

static void exchange_answer_or_refuse(struct exchange *x, struct response_head *h)
{
	if (h)
		exchange_answer(x, h);
	else
		exchange_refuse(x, ERR_NO_MEMORY);
}

/* The response is under way and will not be complete: the client hears so. */
static void exchange_break_off(struct exchange *x, int err)
{
	exchange_set_reason(x, err);
	if (x->is_call && (x->to_client.trailers = grpc_farewell(x, err))) {
		x->to_client.passed = true;
		exchange_finish_response(x);
		return;
	}
	x->px.client->ops->abort(x->px.client);
	exchange_end(x, 0);
}

static void exchange_on_failed(struct exchange *x, int err)
{
	struct client *c = x->px.client;
	run_cancel(&x->px);
	/* the server of a tunnel has done its part */
	exchange_leave_upstream(x, x->state == EXCHANGE_TUNNEL ? 0 : err);
	if (x->state == EXCHANGE_SENT) {
		c->ops->abort(c);
		exchange_end(x, err);
	} else if (x->status == 0) {
		x->px.response = NULL;
		exchange_refuse(x, err);
	} else {
		exchange_break_off(x, err);
	}
}

/* The message that the stage is part of cannot be completed; the client hears why, unless it is in
 * the middle of a response. */
static void exchange_on_stage_failed(struct lane *l, enum run_result r)
{
	struct exchange *x = l->x;
	bool request = l->side == SLUICE_REQUEST;
	int over = request ? ERR_BODY_TOO_LARGE : ERR_UPSTREAM_BODY_TOO_LARGE;
	int err = r == RUN_OVER ? over : ERR_PLUGIN_FAILED;
	/* an answer to a request passes all response hooks, also those that have seen the response
	 * whose place it takes; in the place of a response it goes the rest of the way */
	x->px.response_start = request ? UINT32_MAX : x->px.decided_by;
	run_cancel(&x->px);
	exchange_leave_upstream(x, 0);
	if (x->status == 0) {
		x->px.response = NULL;
		x->px.phase = RUN_NONE;
		if (r == RUN_REPLY)
			exchange_answer_or_refuse(x, respond_plugin(x));
		else if (r == RUN_FAIL)
			exchange_refuse_failed(x);
		else
			exchange_refuse(x, err);
		return;
	}
	exchange_break_off(x, err);
}

/* ---- the response -------------------------------------------------------------------------- */

/* The upstream's head goes to the client. */
static void exchange_send_response(struct exchange *x)
{
	struct client *c = x->px.client;
	exchange_note_head(x);
	if (x->status == 101) {
		if (tunnel_begin(x) == 0)
			return;
		exchange_leave_upstream(x, 0);
		x->status = 0;
		x->px.head_sent = false;
		exchange_refuse(x, ERR_NO_MEMORY);
		return;
	}
	exchange_set_state(x, EXCHANGE_STREAM);
	c->ops->head(c, x->px.response);
	if (x->to_client.ended)
		lane_pass_end(&x->to_client, x->to_client.trailers);
	else
		lane_release(&x->to_client, HOLD_HOOKS);
}

static uint64_t response_length(const struct exchange *x)
{
	const struct response_head *h = x->px.response;
	if (x->own_answer && !x->px.producer)
		return x->answer_body.len;
	return h->body == BODY_LENGTH ? h->body_length : STAGE_LENGTH_UNKNOWN;
}

/* Plugins work on its body. False: this response passes without. */
static bool exchange_stage_response(struct exchange *x)
{
	struct response_head *h = x->px.response;
	struct stages *row = x->px.stages[SLUICE_RESPONSE];
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
	x->px.response_start = UINT32_MAX;
	uint64_t length = response_length(x);
	if (x->own_answer)
		stages_feed(row, &x->answer_body);
	staged_begin(&x->to_client, length);
	return true;
}

static void exchange_after_response_hooks(struct exchange *x, enum run_result r)
{
	if (r == RUN_WAIT) {
		lane_hold(&x->to_client, HOLD_HOOKS);
		return;
	}
	if (r == RUN_REPLY) {
		exchange_leave_upstream(x, 0);
		exchange_answer_or_refuse(x, respond_plugin(x));
	} else if (r == RUN_FAIL || x->px.arena->failed) {
		exchange_leave_upstream(x, 0);
		if (r == RUN_FAIL)
			exchange_refuse_failed(x);
		else
			exchange_refuse(x, ERR_NO_MEMORY);
	} else if (unlikely(x->px.stages[SLUICE_RESPONSE]) && exchange_stage_response(x)) {
		return;
	} else if (x->own_answer && !x->px.producer) {
		exchange_send_answer(x);
	} else {
		exchange_send_response(x);
	}
}

static void exchange_run_response(struct exchange *x)
{
	exchange_set_state(x, EXCHANGE_RESPONSE_HOOKS);
	if (unlikely(x->px.stages[SLUICE_RESPONSE]))
		stages_reset(&x->px);
	enum run_result r = run_response(&x->px);
	/* a connection that ends has no time, and nobody tells us when it is gone altogether */
	if (r == RUN_WAIT && x->gone)
		r = run_hurry(&x->px);
	exchange_after_response_hooks(x, r);
}

/* ---- the request --------------------------------------------------------------------------- */

/* To an upstream, or to the route's own answer. */
static void exchange_go_on(struct exchange *x)
{
	int err = 0;
	if (unlikely(x->route->split) && !x->px.upstream_name.len)
		split_choose(x); /* by what plugins found out */
	/* a plugin may have made a gRPC call of it */
	if (unlikely(x->px.te_trailers) && !x->is_call) {
		grpc_begin(x);
		err = x->is_call ? grpc_start(x) : 0;
	}
	if (unlikely(x->is_call && x->px.upstream != x->route->upstream) && !err)
		err = grpc_aim(x);
	if (x->px.arena->failed)
		err = ERR_NO_MEMORY;
	if (likely(!err) && x->px.upstream < 0) {
		exchange_answer_or_refuse(x, respond_builtin(x));
		return;
	}
	if (!err)
		err = forward_start(x);
	if (unlikely(err))
		exchange_refuse(x, err);
}

/* Plugins work on its body: it goes on when its head may. Or a request hook waits for the body. */
static void exchange_stage_request(struct exchange *x)
{
	const struct request_head *h = x->px.request;
	uint64_t length = h->body == BODY_CHUNKED ? STAGE_LENGTH_UNKNOWN
		: h->body == BODY_LENGTH          ? h->body_length
						  : 0;
	exchange_set_state(x, EXCHANGE_REQUEST_BODY);
	if (x->px.upstream < 0 && !stages_hold(x->px.stages[SLUICE_REQUEST])) {
		stages_forget(&x->px, SLUICE_REQUEST); /* nobody reads it */
		x->to_upstream.way = NULL;
		exchange_go_on(x);
		return;
	}
	staged_begin(&x->to_upstream, length);
}

static void exchange_after_request_hooks(struct exchange *x, enum run_result r)
{
	if (r == RUN_WAIT) {
		if (unlikely(x->px.waits_for_body))
			exchange_stage_request(x);
		return;
	}
	if (r == RUN_REPLY)
		exchange_answer_or_refuse(x, respond_plugin(x));
	else if (r == RUN_FAIL)
		exchange_refuse_failed(x);
	else if (unlikely(!x->route))
		routing_behind(x); /* these were the listener's */
	else if (unlikely(x->px.stages[SLUICE_REQUEST]))
		exchange_stage_request(x);
	else
		exchange_go_on(x);
}

/* ---- what its parts tell ------------------------------------------------------------------- */

static void exchange_on_gathered(struct lane *l)
{
	struct exchange *x = l->x;
	struct response_head *h = x->px.response;
	struct client *c = x->px.client;
	if (l->side == SLUICE_REQUEST) {
		lane_hold(l, HOLD_SINK);    /* until a server takes it */
		if (x->px.waits_for_body) { /* the plugins behind have not run yet */
			exchange_set_state(x,
				x->route ? EXCHANGE_REQUEST_HOOKS : EXCHANGE_LISTENER_HOOKS);
			wait_body_came(&x->px);
			return;
		}
		buf_move_all(&x->kept, &x->px.stages[SLUICE_REQUEST]->out);
		exchange_go_on(x);
		return;
	}
	exchange_note_head(x);
	staged_frame_response(l, h);
	exchange_set_state(x, EXCHANGE_STREAM);
	c->ops->head(c, h);
	staged_push(l);
}

static void exchange_on_through(struct lane *l)
{
	struct exchange *x = l->x;
	if (x->state == EXCHANGE_TUNNEL)
		exchange_end(x, 0);
	else
		exchange_finish_response(x);
}

static void exchange_on_options(struct exchange *x)
{
	exchange_answer_or_refuse(x, respond_options(x));
}

static const struct exchange_events walk_events = {
	.on_request_hooks = exchange_after_request_hooks,
	.on_options = exchange_on_options,
	.on_response = exchange_run_response,
	.on_failed = exchange_on_failed,
	.on_gathered = exchange_on_gathered,
	.on_stage_failed = exchange_on_stage_failed,
	.on_through = exchange_on_through,
};

/* A hook that waited has decided. */
static void exchange_on_resumed(sluice_exchange *px, enum run_result r)
{
	struct exchange *x = exchange_of_plugins(px);
	if (x->state == EXCHANGE_REQUEST_HOOKS || x->state == EXCHANGE_LISTENER_HOOKS)
		exchange_after_request_hooks(x, r);
	else if (x->state == EXCHANGE_REQUEST_BODY)
		staged_resumed(&x->to_upstream, r);
	else if (x->state == EXCHANGE_RESPONSE_BODY)
		staged_resumed(&x->to_client, r);
	else
		exchange_after_response_hooks(x, r);
}

/* ---- what the client tells ----------------------------------------------------------------- */

static void exchange_on_body(struct client *c, struct buf *data)
{
	struct lane *l = &exchange_of_client(c)->to_upstream;
	size_t had = data->len;
	lane_take(l, data);
	l->bytes += had - data->len;
}

static void exchange_on_end(struct client *c, const struct fields *trailers)
{
	lane_end(&exchange_of_client(c)->to_upstream, trailers);
}

static void exchange_on_drained(struct client *c)
{
	lane_drained(&exchange_of_client(c)->to_client);
}

static void exchange_on_sent(struct client *c)
{
	struct exchange *x = exchange_of_client(c);
	if (x->state == EXCHANGE_TUNNEL)
		tunnel_client_sent(x);
	else
		exchange_end(x, 0);
}

static void exchange_on_gone(struct client *c, int err, bool can_answer)
{
	struct exchange *x = exchange_of_client(c);
	x->gone = true;
	if (tunnel_client_is_through(x))
		return;
	run_cancel(&x->px);
	exchange_leave_upstream(x, err);
	if (can_answer && x->status == 0) {
		exchange_refuse(x, err);
		return;
	}
	if (x->status)
		c->ops->abort(c);
	exchange_end(x, err);
}

static const struct client_events exchange_client_events = {
	.on_body = exchange_on_body,
	.on_end = exchange_on_end,
	.on_drained = exchange_on_drained,
	.on_sent = exchange_on_sent,
	.on_gone = exchange_on_gone,
};

/* ---- the beginning ------------------------------------------------------------------------- */

static struct exchange *exchange_new(struct proxy *p, struct client *c)
{
	/* a head that took all there is must still be answered */
	c->arena.budget += 2 * ARENA_BLOCK;
	struct exchange *x = arena_new(&c->arena, struct exchange);
	check(x, "a request's arena is too small for its exchange");
	x->px.client = c;
	x->px.request = c->head;
	x->px.worker = p->worker;
	x->px.on_resumed = exchange_on_resumed;
	x->proxy = p;
	x->events = &walk_events;
	x->view = view_ref(p->view);
	if (unlikely(x->view->snap->stories.are_chosen || log_is_on(LOG_DEBUG)))
		x->px.timeline = timeline_new(&c->arena);
	x->px.slots = x->view->slots;
	x->px.keeper = &x->view->keeper;
	run_init(&x->px);
	/* now: a client that says `Connection: X-User` must not take away what a plugin will set */
	forwarded_clean(x);
	forwarded_identify(x);
	forward_init(x);
	lane_init(&x->to_upstream, x, SLUICE_REQUEST, worker_now(p->worker));
	lane_init(&x->to_client, x, SLUICE_RESPONSE, 0);
	exchange_end_init(x);
	c->events = &exchange_client_events;
	c->user = x;
	p->active++;
	list_push(&p->exchanges, &x->at);
	x->since = (uint32_t)(worker_now(p->worker) >> 20);
	stat_inc(STAT_REQUESTS_ACTIVE);
	x->px.request_id = fields_request_id(p, c);
	if (c->head->method == METHOD_POST)
		grpc_begin(x);
	return x;
}

void exchange_on_request(void *ctx, struct client *c)
{
	struct exchange *x = exchange_new(ctx, c);
	const struct request_head *h = c->head;
	x->to_upstream.ended = h->body == BODY_NONE ||
		(h->body == BODY_LENGTH && h->body_length == 0);
	if (h->method == METHOD_CONNECT || h->method == METHOD_TRACE)
		exchange_refuse(x, ERR_METHOD_NOT_SUPPORTED);
	else if (unlikely(!conn_takes(c->conn, h->host)))
		exchange_refuse(x, ERR_MISDIRECTED);
	else
		routing_start(x);
}

void exchange_on_bad_request(void *ctx, struct client *c, int err)
{
	struct exchange *x = exchange_new(ctx, c);
	x->to_upstream.ended = true;
	exchange_refuse(x, err);
}
