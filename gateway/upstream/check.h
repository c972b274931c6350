/*
 * Active checks: each server is asked at intervals whether it is well, by one worker for the
 * process. Which worker follows from the server's address. What the checks say stands in the
 * record, from where all workers hear it: a server that is down gets no requests until it is up
 * again. Its worker's thread only.
 *
 *                  first check passes               fall in a row fail
 *     NEVER ----------------------------> UP ---------------------------> DOWN
 *       |                                  ^                              ^  |
 *       +---- first check fails -----------|------------------------------+  |
 *                                          +------- rise in a row pass ------+
 */
#ifndef UPSTREAM_CHECK_H
#define UPSTREAM_CHECK_H

#include "upstream/check_plan.h"
#include "upstream/endpoint.h"

/* A configuration has come that checks the endpoint's server so (NULL: not at all); serial: of its
 * upstream. A check that goes on keeps its count. */
void check_set(struct endpoint *e, struct check_plan *plan, uint64_t serial);
/* Check it at once, if this worker checks it and no check is under way. */
void check_now(struct endpoint *e);
/* No configuration uses the endpoint any more. */
void check_stop(struct endpoint *e);

#endif
