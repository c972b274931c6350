/* Frames of running hooks. See frame.h. */
#include "policy/frame.h"

#include "base/clock.h"
#include "policy/blame.h"
#include "policy/frame_call.h"

/* Only hooks are counted: neither clean-ups nor providers of facts. */
static bool frame_is_hook(const struct frame *f)
{
	return f->call <= RUN_COMPLETE || f->call == RUNNING_CHOOSE;
}

/* ---- for the timeline of the exchange ------------------------------------------------------ */

static void frame_tell(const sluice_exchange *x, const struct frame *f, const char *what,
	uint64_t took_ns, const char *more)
{
	timeline_add_entry(x->timeline,
		(struct timeline_entry){ .what = what,
			.which = f->item->inst->name,
			.took_us = took_ns ? timeline_us(took_ns) : 0,
			.more = more });
}

static void frame_tell_parked(const sluice_exchange *x, const struct frame *f)
{
	frame_tell(x, f, "waits for plugin", 0, f->wait->what);
}

static void frame_tell_goes_on(const sluice_exchange *x, const struct frame *f)
{
	frame_tell(x, f, "waited for plugin", worker_now(x->worker) - f->since_ns + 1, NULL);
}

/* ---- the stack ----------------------------------------------------------------------------- */

/* Only hooks are counted. */
static void frame_count(const sluice_exchange *x, struct frame *f)
{
	f->sampled = instance_count_call(x->slots[f->item->slot]);
	if (f->sampled || x->timeline)
		f->since_ns = clock_ns();
}

void frame_enter(sluice_exchange *x, struct frame *f)
{
	if (f->state == FRAME_IDLE) {
		f->below = x->frame;
		x->frame = f;
	} else if (unlikely(x->timeline)) {
		frame_tell_goes_on(x, f);
	}
	check(x->frame == f && !f->wait, "a frame of %s is entered in the middle of the stack",
		f->item->plugin->name);
	frame_set_state(f, f->state, FRAME_RUNS);
	frame_show(x);
	f->since_ns = 0;
	if (frame_is_hook(f))
		frame_count(x, f);
}

static void frame_measure(const sluice_exchange *x, const struct frame *f)
{
	sluice_instance *inst = f->item->inst;
	uint64_t took = clock_ns() - f->since_ns;
	if (f->sampled)
		instance_count_time(x->slots[f->item->slot], took);
	blame_slow(inst, f->call, took, "route %.*s, request %.*s", STR_ARG(x->route_name),
		STR_ARG(x->request_id));
	if (unlikely(x->timeline))
		frame_tell(x, f, running_call_name(f->call), took, NULL);
}

static void frame_pop(sluice_exchange *x)
{
	struct frame *f = x->frame;
	if (f->wait)
		f->wait->cancel(f->wait);
	f->wait = NULL;
	f->since_ns = 0;
	frame_set_state(f, f->state, FRAME_IDLE);
	x->frame = f->below;
	x->acted = x->answer.status != 0 || (f->below && f->below->wait);
	f->below = NULL;
}

/* ---- what a hook has decided ---------------------------------------------------------------- */

void frame_report(sluice_exchange *x, const struct chain_item *item, const char *code)
{
	sluice_str note = arena_printf(x->arena, "report:%s", code);
	series_add(series_find(FAMILY_PLUGIN_REPORTS, item->inst->name, str_of(code)), 1);
	for (unsigned i = 0; note.data && i < x->n_notes; i++) {
		if (x->notes[i].inst == item->inst && strcmp(x->notes[i].code, note.data) == 0)
			return;
	}
	if (note.data)
		frame_note_of(x, item, note.data);
}

bool frame_reports(sluice_exchange *x, const char *code)
{
	const struct chain_item *item = run_item(x);
	if (likely(item->inst->mode != INSTANCE_REPORT))
		return false;
	frame_report(x, item, code);
	return true;
}

/* How the exchange goes on after a failure; NULL: it ends. An answer that was given already is not
 * taken back, nor one that is being written. */
static const char *frame_way_on(const sluice_exchange *x, const struct frame *f)
{
	const sluice_instance *inst = f->item->inst;
	if (f->call == RUN_WRITE)
		return NULL;
	if (inst->mode == INSTANCE_REPORT)
		return "; mode: report, so the request goes on";
	if (inst->on_error == INSTANCE_SKIP && !x->answer.status)
		return "; on_error: skip, so the request goes on";
	return NULL;
}

enum run_result frame_failed(sluice_exchange *x, struct frame *f, const char *why)
{
	sluice_instance *inst = f->item->inst;
	const char *way_on = frame_way_on(x, f);
	x->decided_by = f->item->place;
	run_drop_answer(x);
	series_add(inst->failures, 1);
	blame(inst, f->call, BLAME_FAILED, "%s%s; %s%.*s, request %.*s%s", why,
		x->arena->failed ? "; the memory of the request is spent" : "",
		x->route_name.len ? "route " : "no route", STR_ARG(x->route_name),
		STR_ARG(x->request_id), way_on ? way_on : "");
	if (!way_on)
		return RUN_FAIL;
	if (inst->mode == INSTANCE_REPORT)
		frame_report(x, f->item, "plugin-failed");
	else
		series_add(inst->skipped, 1);
	f->is_passed_over = true;
	return RUN_NEXT;
}

/* The hook of f has answered. */
static enum run_result frame_answered(sluice_exchange *x, struct frame *f)
{
	x->decided_by = f->item->place;
	if (likely(f->item->inst->mode != INSTANCE_REPORT))
		return RUN_REPLY;
	frame_report(x, f->item, x->answer.code ? x->answer.code : "reply");
	run_drop_answer(x);
	f->is_passed_over = true;
	return RUN_NEXT;
}

/* Why a verdict, which is no plain SLUICE_NEXT, is a failure; NULL: it is an answer. */
static const char *frame_verdict_wrong(const sluice_exchange *x, const struct frame *f,
	sluice_verdict v)
{
	if (f->call == RUN_ATTEMPT && v == SLUICE_REPLY)
		return "it answered in on_attempt, when the request is about to be sent";
	switch (v) {
	case SLUICE_NEXT:
		return "it returned SLUICE_NEXT after it had answered";
	case SLUICE_REPLY:
		return x->answer.status ? NULL : "it returned SLUICE_REPLY without an answer";
	case SLUICE_WAIT:
		return "it returned SLUICE_WAIT and waits for nothing";
	case SLUICE_FAIL:
		return "it returned SLUICE_FAIL";
	default:
		return "it returned a number that is no verdict";
	}
}

/* The hook of f, which is off the stack, has not just let the exchange go on. */
static enum run_result frame_judge(sluice_exchange *x, struct frame *f, sluice_verdict v)
{
	if (!frame_is_hook(f) || f->call == RUN_COMPLETE)
		return RUN_NEXT; /* it decides nothing */
	const char *wrong = frame_verdict_wrong(x, f, v);
	return wrong ? frame_failed(x, f, wrong) : frame_answered(x, f);
}

enum run_result frame_leave(sluice_exchange *x, sluice_verdict v)
{
	struct frame *f = x->frame;
	if (unlikely(f->since_ns))
		frame_measure(x, f);
	if (v == SLUICE_WAIT && f->wait) {
		frame_set_state(f, FRAME_RUNS, FRAME_PARKED);
		f->since_ns = worker_now(x->worker);
		running_clear(x->worker);
		if (unlikely(x->timeline))
			frame_tell_parked(x, f);
		return RUN_WAIT;
	}
	frame_pop(x);
	frame_show(x);
	if (likely(v == SLUICE_NEXT && !x->answer.status))
		return RUN_NEXT;
	return frame_judge(x, f, v);
}

enum run_result frame_call_measured(sluice_exchange *x, const struct chain_item *item,
	enum run_phase phase, sluice_hook hook)
{
	struct frame *f = &x->walk_frame;
	f->item = item;
	f->call = (uint8_t)phase;
	f->may_wait = phase != RUN_COMPLETE;
	frame_enter(x, f);
	return frame_leave(x, hook(x, item->conf));
}

void frame_cancel_all(sluice_exchange *x)
{
	while (x->frame) {
		check(x->frame->state == FRAME_PARKED, "a hook of %s is cancelled while it runs",
			x->frame->item->plugin->name);
		frame_pop(x);
	}
}

void frame_note_of(sluice_exchange *x, const struct chain_item *item, const char *code)
{
	const sluice_instance *inst = item->inst;
	for (unsigned i = 0; i < x->n_notes; i++) {
		if (x->notes[i].code == code && x->notes[i].inst == inst)
			return;
	}
	if (x->n_notes < RUN_NOTES)
		x->notes[x->n_notes++] = (struct run_note){ code, inst };
}

void frame_note(sluice_exchange *x, const char *code)
{
	frame_note_of(x, run_item(x), code);
}
