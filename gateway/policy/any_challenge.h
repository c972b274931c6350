/*
 * The challenges of alternatives (any_of.h): collected from those that answered 401, in their
 * order, and told together when no alternative admits the request (RFC 9110 11.6.1). Each scheme
 * is told once, since a client answers one challenge of a scheme. Worker's thread.
 */
#ifndef POLICY_ANY_CHALLENGE_H
#define POLICY_ANY_CHALLENGE_H

#include "policy/run.h"

struct any_challenge;
struct run_edit;

struct any_challenges {
	struct any_challenge *first, **end; /* in the arena */
	uint32_t n;
};

void any_challenges_init(struct any_challenges *c);
/* The 401 of the plugin at place by: the fields of the answer, and those that the plugin set beside
 * it. */
void any_challenges_add(sluice_exchange *x, struct any_challenges *c, uint32_t by,
	const struct run_answer *a, const struct run_edit *edits);
/* x->answer is the 401 of the plugin at place by, and edits what the plugin set beside it: put all
 * challenges in the place of its own. Where two have one scheme, that plugin's is told, else the
 * first. Returns the edits without challenges. */
struct run_edit *any_challenges_tell(sluice_exchange *x, const struct any_challenges *c,
	uint32_t by, struct run_edit *edits);

#endif
