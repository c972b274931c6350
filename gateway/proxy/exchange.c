/* The walk of an exchange, and its client's side. See exchange.h for the path. */
#include "proxy/exchange.h"

#include "policy/stage.h"
#include "proxy/admit.h"
#include "proxy/body.h"
#include "proxy/forward.h"
#include "proxy/grpc.h"

static const struct {
	const char *name;
	unsigned next;
} states[EXCHANGE_STATES] = {
#define TO(name) (1u << EXCHANGE_##name)
#define S(name, text, next) { text, next },
#include "proxy/exchange_state.def"
#undef S
#undef TO
};

const char *exchange_state_name(enum exchange_state s)
{
	return states[s].name;
}

void exchange_set_state(struct exchange *x, enum exchange_state to)
{
	check(states[x->state].next & (1u << to), "an exchange goes from %s to %s",
		states[x->state].name, states[to].name);
	x->state = (uint8_t)to;
}

/* ---- the client's side --------------------------------------------------------------------- */

static void exchange_on_body(struct client *c, struct buf *data)
{
	struct exchange *x = exchange_of_client(c);
	if (x->state == EXCHANGE_TUNNEL)
		tunnel_from_client(x, data);
	else
		forward_body(x, data);
}

static void exchange_on_end(struct client *c, const struct fields *trailers)
{
	struct exchange *x = exchange_of_client(c);
	x->request_done = true;
	if (x->state == EXCHANGE_TUNNEL)
		tunnel_client_ended(x);
	else
		forward_end(x, trailers);
}

static void exchange_on_drained(struct client *c)
{
	struct exchange *x = exchange_of_client(c);
	if (unlikely(x->px.stages[SLUICE_RESPONSE]) && x->state == EXCHANGE_STREAM)
		body_client_drained(x);
	else if (x->origin && (x->state == EXCHANGE_STREAM || x->state == EXCHANGE_TUNNEL))
		x->origin->ops->resume(x->origin);
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
	forward_stop(x, err);
	if (can_answer && x->status == 0) {
		respond_error(x, err);
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

/* ---- the walk ------------------------------------------------------------------------------ */

static void exchange_after_request_hooks(struct exchange *x, enum run_result r)
{
	if (r == RUN_WAIT)
		return;
	if (r == RUN_REPLY)
		respond_plugin(x);
	else if (r == RUN_FAIL)
		respond_error(x, ERR_PLUGIN_FAILED);
	else if (unlikely(x->px.stages[SLUICE_REQUEST]))
		body_begin_request(x);
	else
		exchange_go_on(x);
}

void exchange_go_on(struct exchange *x)
{
	int err = 0;
	/* a plugin may have made a gRPC call of it */
	if (unlikely(x->px.te_trailers) && !x->grpc) {
		grpc_begin(x);
		err = x->grpc ? grpc_start(x) : 0;
	}
	if (x->px.arena->failed)
		err = ERR_NO_MEMORY;
	if (unlikely(err))
		respond_error(x, err);
	else if (x->route->upstream < 0)
		respond_builtin(x);
	else
		forward_start(x);
}

static void exchange_after_response_hooks(struct exchange *x, enum run_result r)
{
	if (r == RUN_WAIT) {
		if (x->origin)
			x->origin->ops->hold(x->origin); /* until they are through */
		return;
	}
	if (r == RUN_REPLY) {
		forward_stop(x, 0);
		respond_plugin(x);
	} else if (r == RUN_FAIL || x->px.arena->failed) {
		forward_stop(x, 0);
		respond_error(x, r == RUN_FAIL ? ERR_PLUGIN_FAILED : ERR_NO_MEMORY);
	} else if (unlikely(x->px.stages[SLUICE_RESPONSE]) && body_begin_response(x)) {
		return; /* plugins work on its body */
	} else if (x->own_answer) {
		respond_send(x);
	} else {
		forward_response(x);
	}
}

void exchange_run_response(struct exchange *x)
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

static void exchange_on_resumed(sluice_exchange *px, enum run_result r)
{
	struct exchange *x = container_of(px, struct exchange, px);
	if (x->state == EXCHANGE_REQUEST_HOOKS)
		exchange_after_request_hooks(x, r);
	else if (x->state == EXCHANGE_REQUEST_BODY)
		body_request_resumed(x, r);
	else if (x->state == EXCHANGE_RESPONSE_BODY)
		body_response_resumed(x, r);
	else
		exchange_after_response_hooks(x, r);
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Between exchange_end() and the end of the turn the client may still say something. */
static void ended_on_body(struct client *c, struct buf *data)
{
	(void)c;
	buf_drain(data, data->len);
}

static void ended_on_end(struct client *c, const struct fields *trailers)
{
	(void)c, (void)trailers;
}

static void ended_on_event(struct client *c)
{
	(void)c;
}

static void ended_on_gone(struct client *c, int err, bool can_answer)
{
	(void)c, (void)err, (void)can_answer;
}

static const struct client_events ended_events = {
	.on_body = ended_on_body,
	.on_end = ended_on_end,
	.on_drained = ended_on_event,
	.on_sent = ended_on_event,
	.on_gone = ended_on_gone,
};

void exchange_end(struct exchange *x, int err)
{
	if (x->state == EXCHANGE_DONE)
		return;
	if (err && !x->code) {
		x->err = err;
		x->code = err_code(err);
	}
	exchange_set_state(x, EXCHANGE_DONE);
	x->done_ns = clock_ns();
	x->px.client->events = &ended_events;
	run_cancel(&x->px);
	forward_stop(x, 0);
	tunnel_fini(x);
	grpc_fini(x);
	worker_at_turn_end(x->px.worker, &x->end);
}

/* Nobody up the stack looks at x: hooks, log, memory. */
static void exchange_complete(struct turn_hook *h)
{
	struct exchange *x = container_of(h, struct exchange, end);
	struct proxy *p = x->proxy;
	struct client *c = x->px.client;
	struct view *v = x->view;
	admit_leave(x);
	run_complete(&x->px);
	if (p->on_complete)
		p->on_complete(p, x);
	upstream_call_fini(&x->call);
	buf_fini(&x->body);
	p->active--;
	c->ops->finish(c);
	view_unref(v);
}

/* ---- the beginning ------------------------------------------------------------------------- */

static struct exchange *exchange_new(struct proxy *p, struct client *c)
{
	/* a head that took all there is must still be answered */
	c->arena.budget += 2 * ARENA_BLOCK;
	struct exchange *x = arena_zalloc(&c->arena, sizeof(*x));
	check(x, "a request's arena is too small for its exchange");
	x->px.client = c;
	x->px.request = c->head;
	x->px.worker = p->worker;
	x->px.on_resumed = exchange_on_resumed;
	x->proxy = p;
	x->view = view_ref(p->view);
	x->px.slots = x->view->slots;
	run_init(&x->px);
	/* now: a client that says `Connection: X-User` must not take away what a plugin will set */
	who_begin(x);
	who_identify(x);
	forward_init(x);
	turn_hook_init(&x->end, exchange_complete);
	c->events = &exchange_client_events;
	c->user = x;
	p->active++;
	stat_inc(STAT_REQUESTS_ACTIVE);
	x->px.request_id = fields_request_id(p, c);
	if (c->head->method == METHOD_POST)
		grpc_begin(x);
	return x;
}

/* For plugins and expressions: path:NAME. */
static void exchange_keep_captures(struct exchange *x, const struct path_captures *found)
{
	struct path_captures *c = arena_alloc(x->px.arena, sizeof(*c));
	if (c)
		*c = *found;
	x->px.captures = c;
}

static void exchange_route(struct exchange *x)
{
	struct request_head *h = x->px.request;
	struct route_result res;
	const struct route_rule *rule =
		route_find(x->view->snap->router, h, x->px.client->conn->listener->name, &res);
	if (!rule) {
		if (res.err == ERR_METHOD_NOT_ALLOWED)
			x->allow = route_allow(x->view->snap->router, &res, x->px.arena);
		respond_error(x, res.err);
		return;
	}
	x->route = rule->data;
	x->px.route_name = x->route->name;
	if (x->route->upstream >= 0)
		x->px.upstream_name = x->view->snap->upstreams[x->route->upstream].conf->name;
	if (res.captures.n)
		exchange_keep_captures(x, &res.captures);
	int err = x->grpc ? grpc_start(x) : 0;
	/* there is no other answer to it, RFC 9220 3 */
	if (h->upgrade_only && !tunnel_is_allowed(x))
		err = ERR_UPGRADE_REFUSED;
	if (err) {
		respond_error(x, err);
		return;
	}
	exchange_set_state(x, EXCHANGE_REQUEST_HOOKS);
	exchange_after_request_hooks(x, run_request(&x->px, &x->route->chain));
}

void exchange_on_request(void *ctx, struct client *c)
{
	struct exchange *x = exchange_new(ctx, c);
	const struct request_head *h = c->head;
	x->request_done = h->body == BODY_NONE || (h->body == BODY_LENGTH && h->body_length == 0);
	if (h->method == METHOD_CONNECT || h->method == METHOD_TRACE)
		respond_error(x, ERR_METHOD_NOT_SUPPORTED);
	else if (unlikely(!conn_takes(c->conn, h->host)))
		respond_error(x, ERR_MISDIRECTED);
	else
		exchange_route(x);
}

void exchange_on_bad_request(void *ctx, struct client *c, int err)
{
	struct exchange *x = exchange_new(ctx, c);
	x->request_done = true;
	respond_error(x, err);
}
