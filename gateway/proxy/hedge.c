/* Second servers. See hedge.h. */
#include "proxy/hedge.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proxy/limits.h"

enum hedge_state { HEDGE_OPENING, HEDGE_ASKED, HEDGE_OVER };

struct hedge {
	struct retry *r; /* borrowed: as long as its exchange */
	struct upstream_call call;
	const struct origin_events *events; /* of the exchange */
	uint64_t sent_ns;
	uint8_t state; /* enum hedge_state */
};

static const struct origin_events hedge_origin_events;

static void hedge_set_state(struct hedge *h, enum hedge_state to)
{
	check(to > h->state, "a hedge goes from state %d to %d", h->state, to);
	h->state = (uint8_t)to;
}

/* ---- when ---------------------------------------------------------------------------------- */

void hedge_watch(struct retry *r)
{
	const struct exchange *x = r->x;
	if (!r->hedges || r->hedge)
		return;
	/* a hook that changes the request for each server would change it under the first */
	if (x->px.chain && x->px.chain->has_attempt)
		return;
	uint64_t after = upstream_hedge_after(x->view->upstreams[x->px.upstream], r->rules);
	if (after)
		worker_timer(x->px.worker, &r->hedge_timer, after);
}

/* Whether all of the request is here to be sent. */
static bool hedge_has_request(const struct retry *r)
{
	const struct lane *l = &r->x->to_upstream;
	return l->passed && (!l->begun || r->kept) && !l->trailers;
}

/* ---- how it ends --------------------------------------------------------------------------- */

/* err: as for upstream_report(). */
static void hedge_leave(struct hedge *h, int err)
{
	struct origin *o = h->call.origin;
	if (!o) {
		upstream_cancel(&h->call);
		return;
	}
	upstream_report(&h->call, err);
	o->ops->release(o);
}

static void hedge_end(struct hedge *h, const char *result)
{
	hedge_set_state(h, HEDGE_OVER);
	upstream_hedge_over(&h->call, &h->r->x->call, result);
	timeline_add(h->r->x->px.timeline, "second server", str_of(result), 0);
}

/* It becomes the exchange's origin; the first, if it has not ended yet, ends so. */
static void hedge_win(struct hedge *h, int err, const struct response_head *unwanted)
{
	struct exchange *x = h->r->x;
	struct origin *first = x->origin;
	upstream_observe(x->view->upstreams[x->px.upstream], clock_ns() - x->sent_ns);
	upstream_report(&x->call, err);
	if (unwanted)
		retry_discard(h->r, first, unwanted);
	else
		first->ops->release(first);
	upstream_hedge_wins(&h->call, &x->call);
	x->origin = x->call.origin;
	x->origin->events = h->events;
	x->origin->user = x;
	x->sent_ns = h->sent_ns;
	hedge_end(h, "won");
}

bool hedge_take_over(struct retry *r, int err, const struct response_head *head)
{
	struct hedge *h = r->hedge;
	if (!h || h->state == HEDGE_OVER)
		return false;
	if (h->state == HEDGE_OPENING) {
		hedge_drop(r, ERR_OVERTAKEN);
		return false;
	}
	hedge_win(h, err, head);
	return true;
}

void hedge_drop(struct retry *r, int err)
{
	struct hedge *h = r->hedge;
	if (!h || h->state == HEDGE_OVER)
		return;
	hedge_leave(h, err);
	hedge_end(h, "lost");
}

void hedge_leave_all(struct retry *r, int err)
{
	retry_stop_timers(r);
	hedge_drop(r, err);
}

void hedge_free(struct retry *r)
{
	if (!r->hedge)
		return;
	upstream_call_fini(&r->hedge->call);
	free(r->hedge);
	r->hedge = NULL;
}

/* ---- events of the second server ----------------------------------------------------------- */

static void hedge_on_head(struct origin *o, struct response_head *head)
{
	struct hedge *h = o->user;
	if (head->status < 200) /* of a try that may not count */
		return;
	h->call.unwanted = retry_unwanted(h->r, head);
	if (h->call.unwanted) {
		upstream_answered(&h->call, head->status);
		upstream_report(&h->call, 0);
		retry_discard(h->r, o, head);
		hedge_end(h, "failed");
		return;
	}
	hedge_win(h, ERR_OVERTAKEN, NULL);
	h->events->on_head(o, head);
}

static void hedge_on_body(struct origin *o, struct buf *data)
{
	(void)o, (void)data; /* there is none before a head */
}

static enum splice hedge_on_waiting(struct origin *o, struct stream *from, uint64_t most,
	uint64_t *n)
{
	const struct hedge *h = o->user;
	return h->events->on_waiting(o, from, most, n);
}

static void hedge_on_end(struct origin *o, const struct fields *trailers)
{
	(void)o, (void)trailers;
}

static void hedge_on_drained(struct origin *o)
{
	(void)o;
}

static void hedge_on_fail(struct origin *o, int err)
{
	struct hedge *h = o->user;
	hedge_leave(h, err);
	hedge_end(h, "failed");
}

static const struct origin_events hedge_origin_events = {
	.on_head = hedge_on_head,
	.on_body = hedge_on_body,
	.on_waiting = hedge_on_waiting,
	.on_end = hedge_on_end,
	.on_drained = hedge_on_drained,
	.on_fail = hedge_on_fail,
};

/* ---- asking it ----------------------------------------------------------------------------- */

static void hedge_send(struct hedge *h)
{
	const struct exchange *x = h->r->x;
	struct origin *o = h->call.origin;
	struct request_head head = *x->px.request;
	struct buf body;
	buf_init(&body);
	if (x->to_upstream.begun)
		kept_lend(h->r->kept, &body);
	/* plugins may have left nothing of what the client sent */
	if (body.len || head.body != BODY_NONE) {
		head.body = BODY_LENGTH;
		head.body_length = body.len;
	}
	head.te_trailers |= x->px.te_trailers;
	hedge_set_state(h, HEDGE_ASKED);
	h->sent_ns = clock_ns();
	timeline_add(x->px.timeline, "asks a second server",
		arena_note(x->px.arena, endpoint_address(h->call.endpoint)), 0);
	limits_bound(x, o);
	o->ops->head(o, &head);
	if (body.len)
		(void)o->ops->body(o, &body);
	o->ops->end(o, NULL);
}

static void hedge_on_ready(struct upstream_call *c)
{
	hedge_send(container_of(c, struct hedge, call));
}

static void hedge_on_open_fail(struct upstream_call *c, int err)
{
	(void)err; /* the call has noted it */
	hedge_end(container_of(c, struct hedge, call), "failed");
}

void hedge_start(struct retry *r, const struct origin_events *events)
{
	struct exchange *x = r->x;
	if (x->state != EXCHANGE_FORWARD || !x->origin || x->origin->answered ||
		!hedge_has_request(r))
		return;
	if (limits_aim(x)) /* also for what is left of its deadline */
		return;
	struct hedge *h = mem_new(struct hedge);
	h->r = r;
	h->events = events;
	upstream_call_init(&h->call, hedge_on_ready, hedge_on_open_fail);
	r->hedge = h;
	if (!upstream_hedge(&h->call, &x->call)) {
		h->state = HEDGE_OVER;
		return;
	}
	int err = upstream_open(&h->call, x->view->upstreams[x->px.upstream], &hedge_origin_events,
		h, x->px.arena);
	if (err > 0) {
		hedge_send(h);
	} else if (err < 0) {
		hedge_end(h, "failed");
	} else if (h->call.state == UPSTREAM_CALL_QUEUED) {
		hedge_drop(r,
			0); /* it would wait where other requests wait for their first server */
	}
}
