/*
 * Alternatives in a chain: `any-of`. Its branches are tried in order until all plugins of one let
 * the request go on; the plugins behind it in the group then do not run at all, for this exchange.
 * A branch that refuses leaves what it answered; when no branch is left, the refusal that says most
 * is the answer, and a 401 has the challenges of all that answered 401 (RFC 9110 11.6.1). Called by
 * the walk (policy/run.c), which calls nothing here for a chain without a group. Worker's thread.
 */
#ifndef POLICY_ANY_OF_H
#define POLICY_ANY_OF_H

#include "policy/run.h"

/* A group of a chain: the plugins at first to end - 1, in branches. */
struct any_of {
	uint32_t first, end;
	const uint32_t
		*branches; /* for each, the place behind its last plugin; relative to first */
	uint32_t n_branches;
	bool reports; /* mode: report */
};

/* Where a chain begins at another place: its groups, by place more. */
void any_of_copy(struct any_of *to, const struct chain *from, uint32_t place);

/* The walk comes to that place: a group may begin there. */
void any_of_enter(sluice_exchange *x, uint32_t place);
/* In a group: the hook of the plugin at x->at has ended with r, which is not RUN_WAIT. *next is the
 * place to go on from when the result is RUN_NEXT. */
enum run_result any_of_judge(sluice_exchange *x, enum run_result r, uint32_t *next);
/* As sluice_credentials_used(). */
void any_of_credentials_used(sluice_exchange *x, int kind, sluice_str name);
/* The exchange ends: what was kept is given up. */
void any_of_drop(sluice_exchange *x);

#endif
