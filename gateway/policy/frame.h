/*
 * Frames: what of the plugins' code runs in an exchange, or is parked. A frame is one hook that was
 * called and has not decided yet: of which plugin, in which phase, on which stage of a body, and
 * what it waits for. Frames lie on a stack: a body hook of the request runs while a response hook
 * is parked, and a hook asks for a fact that another plugin states. Every call of a plugin's code
 * in an exchange stands between frame_enter() and frame_leave(). Worker's thread.
 *
 *   FRAME_IDLE -> FRAME_RUNS -> FRAME_IDLE           the hook has decided
 *                 FRAME_RUNS -> FRAME_PARKED         it waits
 *                               FRAME_PARKED -> FRAME_RUNS   its answer has come: its callback runs
 *                               FRAME_PARKED -> FRAME_IDLE   nobody wants the answer any more
 */
#ifndef POLICY_FRAME_H
#define POLICY_FRAME_H

#include <sluice/plugin.h>

struct chain_item;
struct stage;

enum run_phase {
	RUN_NONE,
	RUN_REQUEST,
	RUN_REQUEST_BODY,
	RUN_RESPONSE,
	RUN_RESPONSE_BODY,
	RUN_COMPLETE
};

enum run_result {
	RUN_NEXT,  /* all hooks of the phase went on */
	RUN_REPLY, /* x->answer is to be sent */
	RUN_WAIT,  /* parked: on_resumed will tell */
	RUN_FAIL,  /* a plugin could not do its work */
	RUN_OVER,  /* a body is longer than a plugin holds, and the plugin refuses it unseen */
};

enum frame_state { FRAME_IDLE, FRAME_RUNS, FRAME_PARKED };

/* What a parked frame waits for. Embedded in what knows how to end the wait. */
struct frame_wait {
	void (*cancel)(struct frame_wait *w); /* the callback is dropped */
	const char *what;                     /* for people, with its article: "a timer" */
};

struct frame {
	struct frame *below;           /* entered before it, and not left yet; NULL: none */
	const struct chain_item *item; /* borrowed: of the chain; whose code runs */
	struct stage *stage;           /* of a body hook; NULL: it is another */
	struct frame_wait *wait;       /* NULL: it waits for nothing */
	/* RUNS: when it was entered, 0: its time is not measured. PARKED: since when. */
	uint64_t since_ns;
	uint8_t call;  /* enum run_phase, or enum running_call for what is no hook */
	uint8_t state; /* enum frame_state; frame_set_state() writes it */
	bool may_wait;
	bool sampled; /* its time is counted */
};

/* The time of the first FRAME_SAMPLE calls of an instance is measured on each worker, and of one in
 * FRAME_SAMPLE after that, which then stands for all of them. */
enum { FRAME_SAMPLE = 16 };

/* A plugin's code is called next: push f, whose item, call, stage and may_wait the caller has set,
 * or go on with f, which was parked and has nothing to wait for any more. f lives until it is left.
 */
void frame_enter(sluice_exchange *x, struct frame *f);
/* The code has returned v. RUN_WAIT: its frame stays on the stack, parked. Else it is off the
 * stack, and when the verdict is not RUN_NEXT, x->decided_by names its plugin. */
enum run_result frame_leave(sluice_exchange *x, sluice_verdict v);
/* Take parked frames off the stack and drop their callbacks. None runs. */
void frame_cancel_all(sluice_exchange *x);

/* A remark of the plugin that runs, for the log and the metrics; code: a string constant. Said
 * twice it is kept once; more than RUN_NOTES are not kept. */
void frame_note(sluice_exchange *x, const char *code);
/* The same of a plugin whose hook is not called. */
void frame_note_of(sluice_exchange *x, const struct chain_item *item, const char *code);

#endif
