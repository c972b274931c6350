/*
 * Streamed answers: a plugin is the source of the response's body, as an upstream is of others. Its
 * write hook is called while the lane to the client moves; what it writes waits here, bounded,
 * until the hook has returned. Worker's thread.
 *
 *   PRODUCER_HELD -> PRODUCER_DUE        the lane moves: the hook is called at the end of the turn
 *   PRODUCER_DUE -> PRODUCER_HELD        the lane stands still again
 *                   PRODUCER_CALLED      the hook runs, or is parked
 *   PRODUCER_CALLED -> PRODUCER_HELD, PRODUCER_DUE
 *   any -> PRODUCER_DONE                 all was handed on, or nobody wants it
 */
#ifndef POLICY_PRODUCER_H
#define POLICY_PRODUCER_H

#include "policy/run.h"

struct producer;

enum {
	PRODUCER_HIGH = 64 * 1024,   /* with so many bytes waiting there is no room */
	PRODUCER_MORE = 1024 * 1024, /* bytes that may be written beyond that */
};

/* What the owner of the exchange is told; it implements them. After each of them x is valid, and
 * may have ended. */
struct producer_events {
	/* Take what there is room for. */
	void (*on_bytes)(sluice_exchange *x, struct buf *data);
	/* All bytes were taken. trailers may be NULL. */
	void (*on_end)(sluice_exchange *x, const struct fields *trailers);
	/* The plugin failed: x->decided_by. */
	void (*on_failed)(sluice_exchange *x);
};

/* For an answer of the running plugin; it lies in the exchange's arena. NULL: no memory. */
struct producer *producer_new(sluice_exchange *x, const sluice_answer_stream *s);
/* Whether the body's length was said; then it is put into *out. */
bool producer_length(const struct producer *p, uint64_t *out);
/* x's answer is to be sent: its producer becomes x->producer. There was none. */
void producer_take(sluice_exchange *x);
/* It writes the response that is to be sent now. It is held until producer_resume(). */
void producer_start(struct producer *p, const struct producer_events *events);
/* The lane stands still, or moves. Neither calls back before it returns. */
void producer_hold(struct producer *p);
void producer_resume(struct producer *p);
/* Nobody wants the rest. x->producer may be NULL, and is NULL after it. Its hook does not run. */
void producer_drop(sluice_exchange *x);
/* The write hook, or the callback of its wait, has returned, with this result of its frame. */
void producer_left(sluice_exchange *x, enum run_result r);

/* For the host table. */
bool producer_write(sluice_exchange *x, sluice_str bytes);
bool producer_end(sluice_exchange *x, const sluice_pairs *trailers);

#endif
