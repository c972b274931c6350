/*
 * Calling a hook: frame_enter(), the hook and frame_leave() in one, inline, for the walks over a
 * chain (policy/run). It leaves out what a hook does not need that goes on at once and whose time
 * is not measured. Also the parts of frames that both have. Worker's thread.
 */
#ifndef POLICY_FRAME_CALL_H
#define POLICY_FRAME_CALL_H

#include "policy/run.h"
#include "policy/running.h"

/* from: the state that the caller knows it to have. */
static inline void frame_set_state(struct frame *f, enum frame_state from, enum frame_state to)
{
	static const uint8_t allowed[] = {
		[FRAME_IDLE] = 1 << FRAME_RUNS,
		[FRAME_RUNS] = 1 << FRAME_PARKED | 1 << FRAME_IDLE,
		[FRAME_PARKED] = 1 << FRAME_RUNS | 1 << FRAME_IDLE,
	};
	check(f->state == from && allowed[from] & 1 << to, "a frame of %s goes from state %u to %u",
		f->item->plugin->name, f->state, (unsigned)to);
	f->state = (uint8_t)to;
}

/* Tell policy/running which code the thread runs: that of the top frame, unless it is parked. */
static inline void frame_show(const sluice_exchange *x)
{
	const struct frame *f = x->frame;
	if (unlikely(f && f->state == FRAME_RUNS))
		running_set(x->worker, f->item->inst, f->call, x);
	else
		running_clear(x->worker);
}

enum run_result frame_call_measured(sluice_exchange *x, const struct chain_item *item,
	enum run_phase phase, sluice_hook hook);

/* Call a hook of the walk; result as of frame_leave(). Without a clock, and above no other frame,
 * this costs a few stores. */
static inline __attribute__((always_inline)) enum run_result frame_call(sluice_exchange *x,
	const struct chain_item *item, enum run_phase phase, sluice_hook hook)
{
	struct frame *f = &x->walk_frame;
	struct instance_worker *iw = x->slots[item->slot];
	uint64_t n = atomic_load_explicit(iw->calls, memory_order_relaxed);
	if (unlikely(n >= iw->next_sample || (uintptr_t)x->frame | (uintptr_t)x->timeline))
		return frame_call_measured(x, item, phase, hook);
	atomic_store_explicit(iw->calls, n + 1, memory_order_relaxed);
	f->item = item;
	frame_set_state(f, FRAME_IDLE, FRAME_RUNS);
	f->call = (uint8_t)phase;
	f->may_wait = phase != RUN_COMPLETE;
	f->sampled = false;
	x->frame = f;
	running_set(x->worker, item->inst, phase, x);
	sluice_verdict v = hook(x, item->conf);
	if (unlikely(x->acted | (unsigned)v))
		return frame_leave(x, v);
	frame_set_state(f, FRAME_RUNS, FRAME_IDLE);
	x->frame = NULL;
	running_clear(x->worker);
	return RUN_NEXT;
}

#endif
