/*
 * Frames: the calls of plugins' code in an exchange that run or are parked. A frame is one hook
 * that was called and has not decided yet, with its plugin, its phase, its stage of a body, and
 * what it waits for. Frames lie on a stack, because a body hook of the request may run while a
 * response hook is parked, and a hook may read a fact that another plugin states. Every call of a
 * plugin's code in an exchange stands between frame_enter() and frame_leave(). Worker's thread.
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
struct instance_worker;
struct stage;

enum run_phase {
	RUN_NONE,
	RUN_REQUEST,
	RUN_REQUEST_BODY,
	RUN_ATTEMPT,
	RUN_RESPONSE,
	RUN_RESPONSE_BODY,
	RUN_WRITE, /* the write hook of a streamed answer */
	RUN_COMPLETE
};

enum run_result {
	RUN_NEXT,  /* all hooks of the phase returned SLUICE_NEXT */
	RUN_REPLY, /* x->answer is to be sent */
	RUN_WAIT,  /* parked: on_resumed follows */
	RUN_FAIL,  /* a plugin could not do its work */
	RUN_OVER,  /* a body is longer than a plugin's max, and its plan says to refuse it */
};

enum frame_state { FRAME_IDLE, FRAME_RUNS, FRAME_PARKED };

/* What a parked frame waits for. Embedded in the wait. */
struct frame_wait {
	void (*cancel)(struct frame_wait *w); /* the callback is dropped */
	const char *what;                     /* for people, with its article: "a timer" */
};

struct frame {
	struct frame *below;           /* the frame below it on the stack; NULL: none */
	const struct chain_item *item; /* borrowed: of the chain; the plugin */
	struct stage *stage;           /* of a body hook; NULL: another hook */
	struct frame_wait *wait;       /* NULL: it waits for nothing */
	/* RUNS: when it was entered, 0: its time is not measured. PARKED: since when. IDLE: 0 */
	uint64_t since_ns;
	uint8_t state; /* enum frame_state; frame_set_state() (policy/frame_call.h) writes it */
	uint8_t call;  /* enum run_phase, or enum running_call for what is no hook */
	bool may_wait;
	bool sampled; /* its time counts for the metrics */
	/* of a body hook: its last verdict was not carried out, by on_error: skip or mode: report
	 */
	bool is_passed_over;
};

/* Before a call of a plugin's code: push f, whose item, call, stage and may_wait the caller has
 * set, or go on with f, whose wait has ended. f lives until it is left. */
void frame_enter(sluice_exchange *x, struct frame *f);
/* After the call: the code returned v. RUN_WAIT: its frame stays on the stack, parked. Else the
 * frame is off the stack, and if the result is not RUN_NEXT, x->decided_by is its plugin. */
enum run_result frame_leave(sluice_exchange *x, sluice_verdict v);
/* A call of a plugin's code, whose frame f was, is a failure of the plugin; why: a sentence for the
 * log, without a full stop. Count it and tell it, and return what the exchange does then. */
enum run_result frame_failed(sluice_exchange *x, struct frame *f, const char *why);
/* Whether the plugin whose code runs only reports (mode: report): then its change to the exchange,
 * whose kind is the code, is not to be made, and is noted. In a frame. */
bool frame_reports(sluice_exchange *x, const char *code);
/* Note what a plugin that only reports would have done; code: as in metrics, a string constant. */
void frame_report(sluice_exchange *x, const struct chain_item *item, const char *code);
/* Take all parked frames off the stack and drop their callbacks. No frame may be running. */
void frame_cancel_all(sluice_exchange *x);

/* Add a note of the running plugin, for the log and the metrics; code: a string constant. A note
 * that is repeated is kept once; more than RUN_NOTES are not kept. */
void frame_note(sluice_exchange *x, const char *code);
/* The same for a plugin whose hook is not called. */
void frame_note_of(sluice_exchange *x, const struct chain_item *item, const char *code);

#endif
