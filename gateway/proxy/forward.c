/*
 * The upstream's side of an exchange: choose and reach a server, pass the request on, take the
 * response in, and try another server where that is safe.
 *
 * Safe means (RFC 9110 9.2.2): no byte of the request body was passed on, or all of it is there to
 * be sent anew; no final head arrived; and no byte of the request left for the server, or
 * the server said that it did nothing about it, or the method is idempotent. Where there are rules
 * (proxy/retry), they say which methods may be repeated, and after what else than a lost
 * connection.
 */
#include "proxy/forward.h"

#include "proxy/admit.h"
#include "proxy/affinity.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/forwarded_fields.h"
#include "proxy/handshake.h"
#include "proxy/hedge.h"
#include "proxy/limits.h"
#include "proxy/mirror.h"
#include "proxy/staged.h"

static must_use int forward_open(struct exchange *x);
__attribute__((noinline)) static bool forward_holds_back(struct exchange *x,
	struct response_head *h);

static struct exchange *exchange_of_call(struct upstream_call *c)
{
	return container_of(c, struct exchange, call);
}

/* ---- events of the origin ------------------------------------------------------------------ */

/* Why a head is not to be passed on; 0: it is. */
static int forward_judge(const struct exchange *x, const struct response_head *h)
{
	if (h->status == 101)
		return handshake_is_agreed(x, h) ? 0 : ERR_UPSTREAM_BAD_HEAD;
	/* to an extended CONNECT any 2xx says that there is a tunnel */
	bool yes = h->status >= 200 && h->status < 300;
	return yes && x->px.request->upgrade_only ? ERR_UPSTREAM_NO_TUNNEL : 0;
}

static void forward_on_head(struct origin *o, struct response_head *h)
{
	struct exchange *x = o->user;
	int err = forward_judge(x, h);
	if (err) {
		x->events->on_failed(x, err);
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
	o->headed = true;
	upstream_answered(&x->call, h->status);
	if (unlikely(x->retry) && forward_holds_back(x, h))
		return;
	x->head_ns = clock_ns();
	x->upstream_status = h->status;
	x->upstream_version = h->version;
	x->px.response = h;
	if (fields_for_client(x, h) < 0) {
		exchange_leave_upstream(x, 0); /* the server has done its part */
		x->events->on_failed(x, ERR_NO_MEMORY);
		return;
	}
	x->events->on_response(x);
}

static void forward_on_body(struct origin *o, struct buf *data)
{
	struct exchange *x = o->user;
	lane_take(&x->to_client, data);
}

static enum splice forward_on_waiting(struct origin *o, struct stream *from, uint64_t most,
	uint64_t *n)
{
	struct exchange *x = o->user;
	return lane_splice(&x->to_client, from, most, n);
}

static void forward_on_end(struct origin *o, const struct fields *trailers)
{
	struct exchange *x = o->user;
	bool has_trailers = trailers && trailers->n;
	if (has_trailers)
		x->upstream_trailers = *trailers;
	lane_end(&x->to_client, has_trailers ? &x->upstream_trailers : NULL);
}

static void forward_on_drained(struct origin *o)
{
	struct exchange *x = o->user;
	lane_drained(&x->to_upstream);
}

/* What was passed on of the body is kept for the next server. */
static bool forward_has_body(struct exchange *x)
{
	struct origin *o = x->origin;
	return !x->to_upstream.begun || (x->retry && x->retry->kept) ||
		(o->not_processed && o->ops->reclaim && o->ops->reclaim(o, &x->kept));
}

static bool forward_may_repeat(const struct exchange *x, int err)
{
	return unlikely(x->retry)
		? retry_may_repeat(x->retry, x->origin, err)
		: upstream_may_repeat(x->origin, (enum method)x->px.request->method, err);
}

static bool forward_is_safe(struct exchange *x, int err)
{
	return !x->gone && !x->status && forward_may_repeat(x, err) && forward_has_body(x);
}

/* The request goes to another server. 0, or why there is none. */
static must_use int forward_again(struct exchange *x)
{
	if (x->to_upstream.begun && x->retry && x->retry->kept)
		kept_lend(x->retry->kept, &x->kept);
	lane_disconnect(&x->to_upstream);
	exchange_set_state(x, EXCHANGE_CONNECT);
	return forward_open(x);
}

/* The codec's explanation is copied. */
static void forward_keep_detail(struct exchange *x, sluice_str detail)
{
	x->detail = detail.len ? arena_note(x->px.arena, detail) : STR_NONE;
}

/* By its rules the second server has the request as well: it answers now. */
static bool forward_is_taken_over(struct exchange *x, int err, const struct response_head *h)
{
	struct retry *r = x->retry;
	retry_stop_timers(r);
	if (x->state != EXCHANGE_FORWARD || !hedge_take_over(r, err, h))
		return false;
	if (r->rules->try_ns)
		worker_timer(x->px.worker, &r->timer, r->rules->try_ns);
	return true;
}

/* The server that has the request did not do its part. */
static void forward_try_failed(struct exchange *x, int err)
{
	bool again = x->state == EXCHANGE_FORWARD && forward_is_safe(x, err);
	/* where the server chose HTTP/2 but has no tunnels there, HTTP/1.1 may have */
	if (again && err == ERR_UPSTREAM_NO_TUNNEL)
		upstream_want_http1(&x->call);
	timeline_add(x->px.timeline, "server failed", x->detail, err);
	if (unlikely(x->retry) && forward_is_taken_over(x, err, NULL))
		return;
	exchange_leave_upstream(x, err);
	if (again && upstream_take_retry(&x->call))
		err = forward_again(x);
	else if (again && x->retry)
		retry_note_stop(x->retry);
	if (err)
		x->events->on_failed(x, err);
}

static void forward_on_fail(struct origin *o, int err)
{
	struct exchange *x = o->user;
	forward_keep_detail(x, o->detail);
	forward_try_failed(x, err);
}

/* It is passed on. is_unwanted: for want of another try. */
static void forward_keep_response(struct exchange *x, bool is_unwanted)
{
	struct retry *r = x->retry;
	x->call.unwanted = NULL;
	if (is_unwanted)
		retry_note_stop(r);
	else
		upstream_observe(x->view->upstreams[x->px.upstream], clock_ns() - x->sent_ns);
	retry_stop_timers(r);
	hedge_drop(r, ERR_OVERTAKEN);
}

/* The final head of a response: whether another server is asked in its place. Else it is passed on,
 * whatever it is, and no other server is asked any more. */
static bool forward_holds_back(struct exchange *x, struct response_head *h)
{
	struct retry *r = x->retry;
	struct origin *o = x->origin;
	const char *why = x->gone || x->status ? NULL : retry_unwanted(r, h);
	bool repeats = why && (!x->to_upstream.begun || r->kept);
	x->call.unwanted = repeats ? why : NULL;
	if (repeats && forward_is_taken_over(x, 0, h))
		return true;
	if (!repeats || !upstream_take_retry(&x->call)) {
		forward_keep_response(x, repeats);
		return false;
	}
	timeline_add(x->px.timeline, "unwanted response:", str_of(why), 0);
	retry_stop_timers(r);
	x->origin = NULL;
	upstream_report(&x->call, 0);
	retry_discard(r, o, h);
	int err = forward_again(x);
	if (err)
		x->events->on_failed(x, err);
	return true;
}

static const struct origin_events forward_origin_events = {
	.on_head = forward_on_head,
	.on_body = forward_on_body,
	.on_waiting = forward_on_waiting,
	.on_end = forward_on_end,
	.on_drained = forward_on_drained,
	.on_fail = forward_on_fail,
};

/* ---- times of a try ------------------------------------------------------------------------ */

/* timeouts.try has passed. */
static void forward_on_late(struct timer *t)
{
	struct retry *r = container_of(t, struct retry, timer);
	struct exchange *x = r->x;
	if (x->state != EXCHANGE_FORWARD || !x->origin)
		return;
	if (!x->to_upstream.passed) { /* the client has not sent all of it yet */
		worker_timer(x->px.worker, t, r->rules->try_ns);
		return;
	}
	stat_inc(STAT_TIMEOUT_TRY);
	x->origin->sent = true; /* the codec has not counted yet: it may be so */
	x->detail = STR_NONE;
	forward_try_failed(x, ERR_UPSTREAM_TIMEOUT);
}

static void forward_on_slow(struct timer *t)
{
	hedge_start(container_of(t, struct retry, hedge_timer), &forward_origin_events);
}

/* The request has gone to a server: bound its answer. */
__attribute__((noinline)) static void forward_watch(struct exchange *x)
{
	struct retry *r = x->retry;
	if (r->rules->try_ns)
		worker_timer(x->px.worker, &r->timer, r->rules->try_ns);
	hedge_watch(r);
}

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
	staged_frame_request(&x->to_upstream, &h);
	o->ops->head(o, &h);
}

static void forward_note_server(struct exchange *x)
{
	sluice_str address = endpoint_address(x->call.endpoint);
	timeline_add(x->px.timeline, x->call.reused ? "asks again" : "asks",
		arena_note(x->px.arena, address), 0);
}

static bool forward_has_attempt_hooks(const struct exchange *x)
{
	return x->px.chain && x->px.chain->has_attempt;
}

/* A connection to a server is there. 0, or why the request is not sent to it. */
static must_use int forward_ready(struct exchange *x)
{
	x->origin = x->call.origin;
	if (unlikely(forward_has_attempt_hooks(x)) && run_attempt(&x->px) != RUN_NEXT) {
		exchange_leave_upstream(x, 0); /* it is not the server's fault */
		return ERR_PLUGIN_FAILED;
	}
	if (unlikely(x->limits || x->deadline)) {
		int late = limits_aim(x);
		if (late) {
			exchange_leave_upstream(x, late);
			return late;
		}
	}
	x->sent_ns = clock_ns();
	if (unlikely(x->px.timeline))
		forward_note_server(x);
	exchange_set_state(x, EXCHANGE_FORWARD);
	forward_head(x);
	if (unlikely(x->retry))
		forward_watch(x);
	lane_connect(&x->to_upstream);
	return 0;
}

/* Returns err. */
static int forward_not_opened(struct exchange *x, int err)
{
	bool connecting = err == ERR_CONNECT_FAILED || err == ERR_UPSTREAM_TLS ||
		err == ERR_UPSTREAM_PROTOCOL;
	if (connecting && x->call.endpoint)
		forward_keep_detail(x, str_of(endpoint_why(x->call.endpoint)));
	timeline_add(x->px.timeline, "no server", x->detail, err);
	return err;
}

static void forward_on_ready(struct upstream_call *call)
{
	struct exchange *x = exchange_of_call(call);
	int err = forward_ready(x);
	if (err)
		x->events->on_failed(x, err);
}

static void forward_on_open_fail(struct upstream_call *call, int err)
{
	struct exchange *x = exchange_of_call(call);
	x->events->on_failed(x, forward_not_opened(x, err));
}

/* 0, or why there is no server; on_failed is not called for it. */
static int forward_open(struct exchange *x)
{
	struct upstream *u = x->view->upstreams[x->px.upstream];
	int late = unlikely(x->deadline) ? limits_late(x) : 0;
	if (unlikely(late))
		return late;
	int r = upstream_open(&x->call, u, &forward_origin_events, x, x->px.arena);
	if (r < 0)
		return forward_not_opened(x, r);
	return r == 1 ? forward_ready(x) : 0;
}

void forward_init(struct exchange *x)
{
	upstream_call_init(&x->call, forward_on_ready, forward_on_open_fail);
}

/* How tries of a request are ruled by a route that says so, on some listener. NULL: as the upstream
 * says. */
static const struct retry_rules *forward_route_rules(const struct exchange *x)
{
	const struct route *r = x->route;
	size_t i = 0;
	if (!r->rules)
		return NULL;
	if (r->rules_differ)
		i = snapshot_listener_index(x->view->snap, x->px.client->conn->listener);
	return r->rules[i];
}

/* What its route and upstream have beyond servers. */
__attribute__((noinline)) static must_use int forward_take_extras(struct exchange *x,
	const struct snapshot_upstream *u)
{
	int version = u->conf->proxy_protocol;
	const struct retry_rules *rules = forward_route_rules(x);
	if (!rules) /* the upstream may be one that a plugin has chosen */
		rules = u->rules;
	if (rules && retry_begin(x, rules, forward_on_late, forward_on_slow) < 0)
		return ERR_NO_MEMORY;
	if (version)
		x->call.proxy_header = forwarded_proxy_header(x, version);
	x->call.priority = (uint8_t)x->route->conf->priority;
	return affinity_request(x, u);
}

int forward_start(struct exchange *x)
{
	int refused = admit_request(x);
	if (unlikely(refused))
		return refused;
	const struct snapshot_upstream *u = &x->view->snap->upstreams[x->px.upstream];
	if (unlikely(x->route->has_extras || u->has_extras) && forward_take_extras(x, u) < 0)
		return ERR_NO_MEMORY;
	x->call.request = x->px.request;
	x->call.exchange = &x->px;
	if (fields_for_upstream(x) < 0 || x->px.arena->failed)
		return ERR_NO_MEMORY;
	if (x->px.request->upgrade && !handshake_is_well_asked(x))
		return ERR_BAD_FIELD;
	if (unlikely(x->route->mirror))
		mirror_begin(x);
	exchange_set_state(x, EXCHANGE_CONNECT);
	return forward_open(x);
}
