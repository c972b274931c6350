/*
 * The rows of stages. A hook is shown bytes that lie in one block; only bytes that it leaves are
 * copied together with those behind them. While the hook runs, nothing is taken out of the stage's
 * queue, so that the bytes it was shown stay valid whatever it does: they move when it has
 * returned.
 */
#include "policy/stage.h"

#include "policy/blame.h"
#include "policy/guard.h"

/* ---- asking -------------------------------------------------------------------------------- */

static sluice_body_hook stage_hook(const sluice_plugin *p, int side)
{
	/* the plugin may have been built before these hooks existed */
	if (p->size < offsetof(sluice_plugin, on_response_body) + sizeof(p->on_response_body))
		return NULL;
	return side == SLUICE_REQUEST ? p->on_request_body : p->on_response_body;
}

/* Whether the running hook may ask for the body. */
static bool stage_may_ask(const sluice_exchange *x, int side)
{
	if (x->frame->call == RUN_REQUEST)
		return side == SLUICE_REQUEST || side == SLUICE_RESPONSE;
	return x->frame->call == RUN_RESPONSE && side == SLUICE_RESPONSE;
}

static bool plan_is_sound(const sluice_body_plan *p)
{
	return p->size >= offsetof(sluice_body_plan, read_only) + sizeof(p->read_only) &&
		p->max > 0 && p->max <= STAGE_HELD_MAX && p->mode <= SLUICE_BODY_BUFFER &&
		p->over <= SLUICE_BODY_PASS;
}

static struct stages *stages_of(sluice_exchange *x, int side)
{
	struct stages *row = x->stages[side];
	if (!row)
		row = arena_zalloc(x->arena, sizeof(*row));
	if (row)
		row->side = (uint8_t)side;
	return row;
}

/* Whether bytes reach stage s before they reach plugin `at`. */
static bool stage_is_before(const struct stage *s, uint32_t at)
{
	return s->row->side == SLUICE_REQUEST ? s->at < at : s->at > at;
}

/* Why the running hook cannot have the body, as the rest of a sentence; NULL: it can. */
static const char *stage_refused(const sluice_exchange *x, int side, const sluice_body_plan *plan)
{
	if (!plan)
		return "the plan is NULL";
	if (!stage_may_ask(x, side))
		return "it is too late for this body, or the side is no body";
	if (!stage_hook(run_item(x)->plugin, side))
		return "the plugin has no hook for this body";
	return plan_is_sound(plan) ? NULL : "the plan cannot be";
}

/* The stage of the plugin at that place, which is made if need be. A row that has run already is
 * continued: what left it is the new stage's. NULL: no memory. */
static struct stage *stage_at(sluice_exchange *x, struct stages *row, uint32_t place)
{
	struct stage **at = &row->first;
	while (*at && stage_is_before(*at, place))
		at = &(*at)->next;
	struct stage *there = *at;
	if (there && there->at == place)
		return there;
	struct stage *s = arena_zalloc(x->arena, sizeof(*s));
	if (!s)
		return NULL;
	s->row = row;
	s->at = place;
	s->next = *at;
	s->early = x->frame->call == RUN_REQUEST;
	buf_init(&s->in);
	if (!s->next) {
		buf_move_all(&s->in, &row->out);
		s->eof = row->done;
		row->done = false;
	}
	*at = s;
	return s;
}

/* NULL: no memory, or a hook of the plugin has decided about this body already. */
static struct stage *stage_plan(sluice_exchange *x, int side, const sluice_body_plan *plan,
	const char *service)
{
	struct stages *row = stages_of(x, side);
	struct stage *s = row ? stage_at(x, row, run_item(x)->place) : NULL;
	if (!s)
		return NULL;
	x->stages[side] = row;
	if (s->state != STAGE_HOOKED || s->frame.state != FRAME_IDLE) {
		blame_misuse(service, "the plugin has decided about this body");
		return NULL;
	}
	s->mode = (uint8_t)plan->mode;
	s->over = (uint8_t)plan->over;
	s->max = plan->max;
	/* a plugin that only reports sees the body, which goes on by itself */
	s->read_only = plan->read_only || run_item(x)->inst->mode == INSTANCE_REPORT;
	return s;
}

bool stage_want(sluice_exchange *x, int side, const sluice_body_plan *plan)
{
	static const char service[] = "sluice_body_want()";
	if (!guard_hook(x, service))
		return false;
	const char *why = stage_refused(x, side, plan);
	if (why) {
		blame_misuse(service, why);
		return false;
	}
	struct stage *s = stage_plan(x, side, plan, service);
	if (s)
		s->hook = stage_hook(run_item(x)->plugin, side);
	return s != NULL;
}

bool stage_wait(sluice_exchange *x, const sluice_body_plan *plan, sluice_body_hook then,
	const char *service)
{
	if (!guard_given(plan, service, "the plan is NULL"))
		return false;
	if (!plan_is_sound(plan) || plan->mode != SLUICE_BODY_BUFFER)
		return guard_refuse(service, "the plan cannot be");
	struct stage *s = stage_plan(x, SLUICE_REQUEST, plan, service);
	if (!s)
		return false;
	s->hook = then;
	s->waits = true;
	return true;
}

/* ---- what a hook does ---------------------------------------------------------------------- */

/* States only advance, except that a stage begins again with another body. */
static void stage_set_state(struct stage *s, enum stage_state to)
{
	check(s->state < to || to == STAGE_HOOKED, "a stage goes from state %u to %u", s->state,
		(unsigned)to);
	s->state = (uint8_t)to;
}

static struct buf *stage_out(struct stage *s)
{
	return s->next ? &s->next->in : &s->row->out;
}

/* Whether the stage takes more bytes. Bytes that its hook holds do not count, since the hook waits
 * for those behind them; bytes that it left for want of room count. */
static bool stage_takes_more(const struct stage *s)
{
	if (s->mode == SLUICE_BODY_BUFFER && s->state != STAGE_OPEN)
		return s->in.len <= s->max && s->frame.state != FRAME_PARKED;
	return s->in.len - (s->room == STAGE_FULL ? 0 : s->left) < STAGE_HIGH;
}

static bool stage_has_room(const struct stage *s)
{
	return s->next ? stage_takes_more(s->next) : !buf_holds(&s->row->out, STAGE_HIGH);
}

enum stage_change { STAGE_CHANGES, STAGE_REPORTS, STAGE_REFUSES };

/* Whether the hook that runs may change bytes of *out. When it only reports, it changes nothing and
 * is not told; is_one: this is a change. */
static enum stage_change stage_for_change(sluice_exchange *x, const char *service, bool is_one,
	struct stage **out)
{
	if (!guard_hook(x, service))
		return STAGE_REFUSES;
	struct stage *s = x->frame->stage;
	*out = s;
	if (s && !s->read_only && s->state == STAGE_HOOKED)
		return STAGE_CHANGES;
	if (!s || run_item(x)->inst->mode != INSTANCE_REPORT) {
		blame_misuse(service,
			!s                     ? "no hook on a body runs"
				: s->read_only ? "the plugin asked only to read this body"
					       : "the body goes on unseen");
		return STAGE_REFUSES;
	}
	if (is_one)
		frame_report(x, run_item(x), "body");
	return STAGE_REPORTS;
}

static size_t stage_take(struct stage *s, size_t n)
{
	size_t rest = s->shown - s->taken;
	n = n < rest ? n : rest;
	s->taken += n;
	return n;
}

/* Other bytes will follow those that pass: so copy those that pass to the stage's output now. */
static void stage_flush(struct stage *s, size_t behind)
{
	if (s->pending)
		buf_append(stage_out(s), s->data + s->taken - behind - s->pending, s->pending);
	s->pending = 0;
}

void stage_pass(sluice_exchange *x, size_t n)
{
	struct stage *s;
	if (stage_for_change(x, "sluice_body_pass()", false, &s) == STAGE_CHANGES)
		s->pending += stage_take(s, n);
}

void stage_drop(sluice_exchange *x, size_t n)
{
	struct stage *s;
	if (stage_for_change(x, "sluice_body_drop()", n > 0, &s) == STAGE_CHANGES)
		stage_flush(s, stage_take(s, n));
}

bool stage_write(sluice_exchange *x, sluice_str bytes)
{
	struct stage *s;
	enum stage_change may = stage_for_change(x, "sluice_body_write()", bytes.len > 0, &s);
	if (may != STAGE_CHANGES)
		return may == STAGE_REPORTS;
	s->written += bytes.len;
	if (s->written > STAGE_WRITE_MAX + s->max) {
		s->room = STAGE_SPILLED;
		return false;
	}
	stage_flush(s, 0);
	buf_append(stage_out(s), bytes.data, bytes.len);
	/* a request hook decides in one call: what it writes waits with the head */
	s->room = s->waits || stage_has_room(s) ? STAGE_ROOM : STAGE_FULL;
	return s->room == STAGE_ROOM;
}

struct fields *stage_trailers(sluice_exchange *x, sluice_side side)
{
	int of = side == SLUICE_REQUEST_TRAILERS ? SLUICE_REQUEST : SLUICE_RESPONSE;
	const struct stage *s = x->frame ? x->frame->stage : NULL;
	return s && s->ending && s->row->side == of ? &s->row->trailers : NULL;
}

struct fields *stage_request_trailers(sluice_exchange *x)
{
	return x->stages[SLUICE_REQUEST] ? &x->stages[SLUICE_REQUEST]->trailers : NULL;
}

/* ---- running one --------------------------------------------------------------------------- */

static void stage_finish(struct stage *s)
{
	buf_move_all(stage_out(s), &s->in);
	stage_set_state(s, STAGE_DONE);
	if (s->next)
		s->next->eof = true;
	else
		s->row->done = true;
}

/* The bytes to show to the hook: those that it left, and behind them new ones, unless it left them
 * only for want of room. */
static sluice_str stage_window(struct stage *s)
{
	sluice_str run = buf_peek(&s->in);
	bool full = s->room == STAGE_FULL;
	size_t want = s->mode == SLUICE_BODY_BUFFER || s->in.len <= s->left ? s->in.len
									    : s->left + !full;
	if (run.len >= want)
		return run;
	/* at least a block of new bytes, so that the cost of copying does not grow with each
	 * call */
	if (want < s->in.len && !full)
		want = s->in.len - s->left > BUF_BLOCK ? s->left + BUF_BLOCK : s->in.len;
	return buf_pullup(&s->in, want);
}

/* Why this call of the hook is a failure of the plugin; NULL: it is none. */
static const char *stage_failure(const struct stage *s)
{
	if (s->room == STAGE_SPILLED)
		return "it writes too much at a time";
	if (!s->ending && s->room != STAGE_FULL && s->left > s->max)
		return "it holds more than the max of its plan";
	return NULL;
}

/* From here on bytes pass without the hook; those that it holds go first. */
static enum run_result stage_open(struct stage *s)
{
	if (s->state != STAGE_OPEN) /* else the body was unseen */
		stage_set_state(s, STAGE_OPEN);
	s->room = STAGE_ROOM;
	s->left = 0;
	return RUN_NEXT;
}

/* The hook has returned SLUICE_NEXT, or its verdict is not carried out. */
static enum run_result stage_called(sluice_exchange *x, struct stage *s)
{
	s->data = NULL;
	if (s->read_only)
		s->pending = s->taken = s->shown;
	s->left = s->shown - s->taken;
	if (s->room == STAGE_FULL && !s->left)
		s->room = STAGE_ROOM; /* nothing is left to be shown again */
	buf_drain(&s->in, s->taken - s->pending);
	buf_move(stage_out(s), &s->in, s->pending);
	s->pending = 0;
	const char *why = s->frame.is_passed_over ? NULL : stage_failure(s);
	if (why && frame_failed(x, &s->frame, why) == RUN_FAIL)
		return RUN_FAIL;
	if (s->frame.is_passed_over)
		return stage_open(s);
	if (s->ending && s->room == STAGE_ROOM)
		stage_finish(s);
	return RUN_NEXT;
}

enum run_result stage_left(sluice_exchange *x, struct stage *s, enum run_result r)
{
	if (likely(!s->waits || !x->put_off) || (r != RUN_REPLY && r != RUN_FAIL))
		return r;
	if (s->taken || s->written)
		return r; /* it has changed the body, which nobody can undo */
	x->put_off(x, r);
	s->frame.is_passed_over = true;
	return RUN_NEXT;
}

static enum run_result stage_call(sluice_exchange *x, struct stage *s)
{
	const struct chain_item *item = &x->chain->v[s->at];
	bool unseen = s->state == STAGE_UNSEEN;
	sluice_str data = unseen ? STR_NONE : stage_window(s);

	if (unseen)
		stage_set_state(s, STAGE_OPEN);
	s->data = data.data;
	s->shown = data.len;
	s->taken = s->pending = 0;
	s->written = 0;
	s->room = STAGE_ROOM;
	s->ending = !unseen && s->eof && data.len == s->in.len;
	run_drop_answer(x);
	s->frame.item = item;
	s->frame.stage = s;
	s->frame.is_passed_over = false;
	s->frame.call = s->waits                 ? RUN_REQUEST
		: s->row->side == SLUICE_REQUEST ? RUN_REQUEST_BODY
						 : RUN_RESPONSE_BODY;
	/* a hook that streams cannot wait, nor can one that runs while another is parked (a
	 * response hook may wait while the request's body goes on), unless that waits for it */
	s->frame.may_wait = s->mode == SLUICE_BODY_BUFFER && !s->left &&
		(!x->frame || x->waits_for_body);
	frame_enter(x, &s->frame);
	sluice_verdict v = s->hook(x, item->conf, data.len || unseen ? data : STR(""), s->ending);
	enum run_result r = stage_left(x, s, frame_leave(x, v));
	return r == RUN_NEXT ? stage_called(x, s) : r;
}

enum run_result stage_resumed(sluice_exchange *x, struct stage *s)
{
	return stage_called(x, s);
}

enum run_result stage_hurried(sluice_exchange *x)
{
	struct stage *s = x->frame->stage;
	frame_cancel_all(x);
	return stage_called(x, s);
}

/* The body is longer than the stage may hold. */
static enum run_result stage_over(sluice_exchange *x, struct stage *s)
{
	const struct chain_item *item = &x->chain->v[s->at];
	bool refuse = s->over == SLUICE_BODY_REFUSE;
	if (refuse && s->waits && x->put_off) {
		const struct err_info *e = err_info(ERR_BODY_TOO_LARGE);
		x->answer = (struct run_answer){ .status = e->status,
			.code = e->code,
			.detail = str_of(e->text) };
		x->put_off(x, RUN_REPLY);
		return RUN_NEXT;
	}
	if (refuse && item->inst->mode == INSTANCE_REPORT) {
		frame_report(x, item, "body-too-large");
	} else if (refuse) {
		x->decided_by = s->at;
		return RUN_OVER;
	}
	frame_note_of(x, item, "body-unseen");
	if (!s->waits)
		return stage_open(s);
	stage_set_state(s, STAGE_UNSEEN); /* on_request decides without it */
	s->left = 0;
	return RUN_NEXT;
}

/* ---- running a row ------------------------------------------------------------------------- */

static bool stage_can_run(const struct stage *s)
{
	if (s->state == STAGE_DONE || s->frame.state == FRAME_PARKED)
		return false;
	if (s->state == STAGE_UNSEEN)
		return true;
	if (!stage_has_room(s))
		return false;
	if (s->eof)
		return true;
	if (s->state == STAGE_OPEN)
		return s->in.len > 0;
	if (s->mode == SLUICE_BODY_BUFFER)
		return s->in.len > s->max;
	return s->in.len > s->left || s->room == STAGE_FULL;
}

static enum run_result stage_run(sluice_exchange *x, struct stage *s)
{
	if (s->state == STAGE_HOOKED && s->mode == SLUICE_BODY_BUFFER && s->in.len > s->max)
		return stage_over(x, s);
	if (s->state == STAGE_HOOKED || s->state == STAGE_UNSEEN)
		return stage_call(x, s);
	buf_move_all(stage_out(s), &s->in);
	if (s->eof)
		stage_finish(s);
	return RUN_NEXT;
}

/* The stage nearest to the receiver runs first, so that few bytes lie between stages. */
static struct stage *stages_next(const struct stages *row)
{
	struct stage *best = NULL;
	for (struct stage *s = row->first; s; s = s->next) {
		if (stage_can_run(s))
			best = s;
	}
	return best;
}

enum run_result stages_run(sluice_exchange *x, struct stages *row)
{
	enum run_result r = RUN_NEXT;
	struct stage *s;
	while (r == RUN_NEXT && (s = stages_next(row)))
		r = stage_run(x, s);
	return r;
}

enum run_result stages_expect(sluice_exchange *x, struct stages *row, uint64_t length)
{
	struct stage *s = row->first;
	if (length == STAGE_LENGTH_UNKNOWN)
		return RUN_NEXT;
	for (; s; s = s->next) {
		bool over = s->state == STAGE_HOOKED && s->mode == SLUICE_BODY_BUFFER &&
			length > s->max;
		if (over && stage_over(x, s) == RUN_OVER)
			return RUN_OVER;
		if (!over && !s->read_only)
			/* this stage may change the length, so that it is not known behind it */
			break;
	}
	return RUN_NEXT;
}

void stages_abandon(sluice_exchange *x, uint32_t first, uint32_t last)
{
	for (int side = 0; side < 2; side++) {
		struct stage *s = x->stages[side] ? x->stages[side]->first : NULL;
		for (; s; s = s->next) {
			if (s->at < first || s->at > last)
				continue;
			s->given_up = true;
			if (s->state != STAGE_DONE)
				(void)stage_open(s);
		}
	}
}

void stages_feed(struct stages *row, struct buf *data)
{
	buf_move_all(&row->first->in, data);
}

void stages_end(struct stages *row, const struct fields *trailers)
{
	if (trailers)
		row->trailers = *trailers;
	row->first->eof = true;
}

bool stages_have_end(const struct stages *row)
{
	return row->first->eof;
}

bool stages_hold(const struct stages *row)
{
	for (const struct stage *s = row->first; s; s = s->next) {
		if (s->state == STAGE_UNSEEN)
			return true;
		if (s->mode == SLUICE_BODY_BUFFER && s->state == STAGE_HOOKED &&
			s->room != STAGE_FULL)
			return true;
	}
	return false;
}

bool stages_change(const struct stages *row)
{
	for (const struct stage *s = row->first; s; s = s->next) {
		bool sees = s->state == STAGE_HOOKED || s->state == STAGE_DONE;
		if (sees && !s->read_only)
			return true;
	}
	return false;
}

bool stages_are_full(const struct stages *row)
{
	return !stage_takes_more(row->first);
}

/* ---- ends ---------------------------------------------------------------------------------- */

void stages_forget(sluice_exchange *x, sluice_side side)
{
	struct stages *row = x->stages[side];
	if (!row)
		return;
	for (struct stage *s = row->first; s; s = s->next)
		buf_fini(&s->in);
	buf_fini(&row->out);
	x->stages[side] = NULL;
}

void stages_fini(sluice_exchange *x)
{
	stages_forget(x, SLUICE_REQUEST);
	stages_forget(x, SLUICE_RESPONSE);
}

void stages_reset(sluice_exchange *x)
{
	struct stages *row = x->stages[SLUICE_RESPONSE];
	stages_forget(x, SLUICE_RESPONSE);
	row->done = false;
	row->trailers = (struct fields){ 0 };
	for (struct stage **at = &row->first; *at;) {
		struct stage *s = *at;
		if (!s->early || s->at >= x->response_start) {
			*at = s->next;
			continue;
		}
		s->left = 0;
		s->eof = false;
		if (!s->given_up)
			stage_set_state(s, STAGE_HOOKED);
		s->room = STAGE_ROOM;
		at = &s->next;
	}
	if (row->first)
		x->stages[SLUICE_RESPONSE] = row;
}
