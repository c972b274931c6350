/*
 * Runs in processes of their own, so that a plugin that crashes, hangs or leaks ends its run alone.
 * What a run prints is kept, and shown when the run is not as it should be.
 */
#ifndef TOOL_CHILD_H
#define TOOL_CHILD_H

#include "outcome.h"

enum child_end {
	CHILD_DONE,    /* the outcome is whole */
	CHILD_CRASHED, /* status: the signal */
	CHILD_EXITED,  /* status: another exit status than 0, as of a sanitizer; or no outcome */
	CHILD_HANGS,   /* it took longer than it may, and was killed */
};

struct child {
	struct outcome outcome; /* owned */
	enum child_end end;
	int status;
	sluice_str said; /* what it printed, in outcome.arena; cut to CHILD_SAID bytes */
};

enum { CHILD_SAID = 16384 };

/* Run fn(ctx, outcome) in a process of its own, for at most seconds. To be released by
 * child_fini(). */
void child_run(struct child *c, void (*fn)(void *ctx, struct outcome *o), void *ctx,
	unsigned seconds);
void child_fini(struct child *c);

#endif
