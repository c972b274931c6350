/*
 * Bodies that plugins work on: between the codecs and the rows of stages of policy/stage.h.
 *
 * While the exchange is in REQUEST_BODY or RESPONSE_BODY, stages gather what they hold, and the
 * head waits. Afterwards what leaves the row is pushed into the sink. Whoever has no room holds the
 * lane: the client or the upstream stops, not what is in between is emptied.
 */
#include "proxy/staged.h"

#include "policy/stage.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"

static struct stages *row_of(const struct lane *l)
{
	return l->x->px.stages[l->side];
}

static bool staged_gathers(const struct lane *l)
{
	return l->x->state ==
		(l->side == SLUICE_REQUEST ? EXCHANGE_REQUEST_BODY : EXCHANGE_RESPONSE_BODY);
}

static void staged_fail(struct lane *l, enum run_result r)
{
	l->x->events->on_stage_failed(l, r);
}

/* ---- running the row ----------------------------------------------------------------------- */

static void staged_gather(struct lane *l)
{
	struct sluice_exchange *px = &l->x->px;
	struct stages *row = row_of(l);
	enum run_result r = stages_run(px, row);
	while (r == RUN_WAIT && l->x->gone) { /* a connection that ends has no time */
		r = stage_hurried(px);
		if (r == RUN_NEXT)
			r = stages_run(px, row);
	}
	if (r == RUN_WAIT)
		return;
	if (r != RUN_NEXT)
		staged_fail(l, r);
	else if (stages_hold(row))
		lane_release(l, HOLD_SINK | HOLD_HOOKS | HOLD_STAGES);
	else
		l->x->events->on_gathered(l);
}

void staged_push(struct lane *l)
{
	struct stages *row = row_of(l);
	for (;;) {
		enum run_result r = stages_run(&l->x->px, row);
		if (r != RUN_NEXT) {
			staged_fail(l, r);
			return;
		}
		if (row->out.len == 0)
			break;
		if (lane_put(l, &row->out)) {
			lane_hold(l, HOLD_FULL);
			return;
		}
	}
	if (!row->done)
		lane_release(l, HOLD_FULL | HOLD_HOOKS | HOLD_STAGES);
	else if (!l->passed)
		lane_pass_end(l, row->trailers.n ? &row->trailers : NULL);
}

/* A hook has worked, or may work, on what there is now. */
static void staged_run(struct lane *l)
{
	if (staged_gathers(l))
		staged_gather(l);
	else if (lane_has_sink(l))
		staged_push(l);
}

void staged_resumed(struct lane *l, enum run_result r)
{
	if (r == RUN_NEXT)
		staged_gather(l);
	else if (r != RUN_WAIT)
		staged_fail(l, r);
}

/* ---- the way ------------------------------------------------------------------------------- */

static void staged_take(struct lane *l, struct buf *data)
{
	if (!staged_gathers(l) && !lane_has_sink(l)) { /* answered without it */
		buf_drain(data, data->len);
		return;
	}
	if (stages_are_full(row_of(l))) {
		lane_hold(l, HOLD_STAGES); /* it is offered again */
		return;
	}
	stages_feed(row_of(l), data);
	staged_run(l);
}

static void staged_ended(struct lane *l)
{
	struct exchange *x = l->x;
	if (l->side == SLUICE_REQUEST) {
		stages_end(row_of(l), fields_request_trailers(x, l->trailers));
	} else {
		stages_end(row_of(l), l->trailers);
		/* the upstream is let go, whatever the client still has to take */
		lane_hold(&x->to_upstream, HOLD_UNWANTED);
		exchange_leave_upstream(x, 0);
	}
	staged_run(l);
}

static void staged_drained(struct lane *l)
{
	if (!l->passed && !staged_gathers(l))
		staged_push(l);
}

/* What was kept went first. */
static void staged_connected(struct lane *l)
{
	const struct stages *row = row_of(l);
	if (row->done && row->out.len == 0)
		lane_pass_end(l, row->trailers.n ? &row->trailers : NULL);
	else if (!(l->holds & HOLD_FULL))
		staged_push(l);
}

static const struct lane_way staged_way = {
	.name = "staged",
	.take = staged_take,
	.ended = staged_ended,
	.drained = staged_drained,
	.connected = staged_connected,
};

void staged_begin(struct lane *l, uint64_t length)
{
	l->way = &staged_way;
	if (stages_expect(&l->x->px, row_of(l), length) == RUN_OVER)
		staged_fail(l, RUN_OVER);
	else if (l->ended && !stages_have_end(row_of(l)))
		staged_ended(l);
	else
		staged_gather(l);
}

/* ---- heads --------------------------------------------------------------------------------- */

void staged_frame_request(const struct lane *l, struct request_head *h)
{
	const struct stages *row = row_of(l);
	h->te_trailers |= l->x->px.te_trailers;
	if (!row || !stages_change(row))
		return;
	if (!row->done || row->trailers.n || row->out.len) {
		h->body = BODY_CHUNKED;
	} else if (l->x->kept.len || h->body != BODY_NONE) {
		h->body = BODY_LENGTH;
		h->body_length = l->x->kept.len;
	}
}

void staged_frame_response(const struct lane *l, struct response_head *h)
{
	const struct stages *row = row_of(l);
	if (!stages_change(row))
		return;
	h->body = row->done && row->trailers.n == 0 ? BODY_LENGTH : BODY_CHUNKED;
	h->body_length = row->out.len;
}
