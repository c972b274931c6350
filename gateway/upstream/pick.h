/*
 * Drawing a candidate at random by its share, in constant time. Candidates are grouped by the power
 * of two that bounds their share: a group is drawn by the sum of its shares, a candidate of it
 * evenly, and it is kept with the probability share / bound, at least a half; else another one of
 * the group is drawn. Joining, leaving and a new share cost the same whatever the number.
 *
 *     bound 1024:  a b c d e f       all of share 1024: kept at once
 *     bound 2048:  g h               share 1500: kept in 3 of 4 cases
 */
#ifndef UPSTREAM_PICK_H
#define UPSTREAM_PICK_H

#include "upstream/balance.h"

enum { PICK_GROUPS = 32 };

struct pick_group {
	struct candidate **v; /* owned, of size cap */
	uint32_t n, cap;
	uint64_t sum; /* of the shares */
};

struct pick {
	uint32_t used; /* bits: groups that have candidates */
	uint32_t n;
	uint64_t sum;
	struct pick_group groups[PICK_GROUPS];
};

/* Not in a pick: of candidate.heap_place. */
#define PICK_OUT UINT32_MAX

void pick_fini(struct pick *p);
/* Have c in the pick with its share, or not, as `in` says. Uses its rank and heap_place. */
void pick_set(struct pick *p, struct candidate *c, bool in);
/* There is one. */
struct candidate *pick_draw(const struct pick *p);
/* One that was not tried, or NULL: there is none. */
struct candidate *pick_draw_untried(const struct pick *p, const struct balance_ask *ask);

#endif
