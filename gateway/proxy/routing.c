/* From a request's head to its route. See the header. */
#include "proxy/routing.h"

#include "policy/stage.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/grpc.h"
#include "proxy/handshake.h"
#include "proxy/limits.h"
#include "proxy/options.h"
#include "proxy/split.h"

/* The gateway answers by itself which methods there are. */
enum { ROUTING_OURS = 1 };

/* For plugins and expressions: path:NAME. */
static void routing_keep_captures(struct exchange *x, const struct path_captures *found)
{
	struct path_captures *c = arena_alloc(x->px.arena, sizeof(*c));
	if (c)
		*c = *found;
	x->px.captures = c;
}

/* What becomes of an OPTIONS: 0: it is routed; ROUTING_OURS; or an error. */
static must_use int routing_options(struct exchange *x, const struct route_asked *asked,
	const struct route_result *res)
{
	struct request_head *h = x->px.request;
	if (!options_is_ours(h, res))
		return options_count_down(h, x->px.arena);
	int err = options_allow(x->view->snap->router, asked, x->px.arena, &x->allow);
	return err ? err : ROUTING_OURS;
}

/* No route takes it: why (enum err). */
static must_use int routing_refusal(struct exchange *x, const struct route_result *res)
{
	if (res->err == ERR_PATTERN_LIMIT && x->px.arena->failed)
		return ERR_NO_MEMORY; /* for a fact */
	if (res->err == ERR_METHOD_NOT_ALLOWED)
		x->allow = route_allow(x->view->snap->router, res, x->px.arena);
	return res->err;
}

/* The route that takes it, in x->route. Else ROUTING_OURS, or an error: there is none. Inlined:
 * each request comes by, and this is most of routing_choose(). */
__attribute__((always_inline)) static inline must_use int routing_find(struct exchange *x)
{
	struct route_result res;
	const struct route_asked asked = { x->px.request, x->px.client->conn->listener->name,
		x->px.client_ip, x };
	const struct route_rule *rule = route_find(x->view->snap->router, &asked, &res);
	if (unlikely(x->px.request->method == METHOD_OPTIONS)) {
		int ours = routing_options(x, &asked, &res);
		if (ours)
			return ours;
	}
	if (unlikely(!rule))
		return routing_refusal(x, &res);
	if (unlikely(res.captures.n))
		routing_keep_captures(x, &res.captures);
	x->route = rule->data;
	return 0;
}

/* Its route is in x->route. Otherwise ROUTING_OURS, or an error: there is none, or none that may
 * take it. */
static must_use int routing_choose(struct exchange *x)
{
	int err = routing_find(x);
	if (unlikely(err))
		return err;
	const struct route *r = x->route;
	x->px.route_name = r->name;
	x->px.upstream = r->upstream;
	x->px.upstream_name = r->upstream_name;
	if (unlikely(r->split) && !r->split->is_late)
		split_choose(x);
	err = limits_start(x);
	if (!err && x->is_call)
		err = grpc_start(x);
	/* there is no other answer to it, RFC 9220 3 */
	if (unlikely(x->px.request->upgrade_only) && !handshake_is_allowed(x)) {
		handshake_tell_refused(x);
		err = ERR_UPGRADE_REFUSED;
	}
	if (!err)
		exchange_set_state(x, EXCHANGE_REQUEST_HOOKS);
	return err;
}

static void routing_not(struct exchange *x, int why)
{
	if (why == ROUTING_OURS)
		x->events->on_options(x);
	else
		x->events->on_failed(x, why);
}

static void routing_route(struct exchange *x)
{
	int err = routing_choose(x);
	if (unlikely(err))
		routing_not(x, err);
	else
		x->events->on_request_hooks(x, run_request(&x->px, &x->route->chain));
}

/* ---- the listener's plugins, which run before there is a route ----------------------------- */

/* What a plugin has set of the target is in the request's head; its upstream replaces the route's.
 */
static must_use int routing_choose_behind(struct exchange *x)
{
	int32_t upstream = x->px.upstream;
	sluice_str upstream_name = x->px.upstream_name;
	x->px.upstream_name = STR_NONE; /* of a request without a route it is no upstream */
	if (x->px.arena->failed)        /* what a plugin stated may be missing */
		return ERR_NO_MEMORY;
	int err = routing_choose(x);
	if (err)
		return err;
	if (x->px.stages[SLUICE_REQUEST]) /* a plugin has waited for them, before there was a route
					   */
		(void)fields_request_trailers(x, &x->px.stages[SLUICE_REQUEST]->trailers);
	if (upstream_name.len) {
		x->px.upstream = upstream;
		x->px.upstream_name = upstream_name;
	}
	return run_append(&x->px, &x->route->chain) ? 0 : ERR_NO_MEMORY;
}

void routing_behind(struct exchange *x)
{
	int err = routing_choose_behind(x);
	if (err)
		routing_not(x, err);
	else
		x->events->on_request_hooks(x, run_request_rest(&x->px));
}

/* Some listener has plugins. A connection may be older than the configuration: where the listener
 * that it came by is gone, nothing says which plugins have to judge its requests, and they are
 * refused in a way that makes clients open another one. */
__attribute__((noinline)) static void routing_start_at_listener(struct exchange *x)
{
	const struct snapshot_listener *l =
		snapshot_listener_of(x->view->snap, x->px.client->conn->listener);
	if (!l) {
		x->events->on_failed(x, ERR_MISDIRECTED);
	} else if (l->chain.n == 0) {
		routing_route(x);
	} else {
		exchange_set_state(x, EXCHANGE_LISTENER_HOOKS);
		x->events->on_request_hooks(x, run_request(&x->px, &l->chain));
	}
}

void routing_start(struct exchange *x)
{
	if (unlikely(x->view->snap->listeners_have_plugins))
		routing_start_at_listener(x);
	else
		routing_route(x);
}
