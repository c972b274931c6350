/*
 * For the algorithms of balances. A new one is a table here, a choice of `balance` in
 * upstream/conf, and a row in balance.c.
 */
#ifndef UPSTREAM_BALANCE_OPS_H
#define UPSTREAM_BALANCE_OPS_H

#include "upstream/balance.h"

extern const struct balance_ops balance_round_robin;    /* balance_heap.c */
extern const struct balance_ops balance_least_requests; /* balance_heap.c */
extern const struct balance_ops balance_random_two;     /* balance_two.c */
extern const struct balance_ops balance_least_latency;  /* balance_two.c */
extern const struct balance_ops balance_consistent;     /* balance_hash.c */

static inline bool candidate_was_tried(const struct candidate *c, const uint64_t *tried,
	unsigned n_tried)
{
	for (unsigned i = 0; i < n_tried; i++) {
		if (tried[i] == c->endpoint->id)
			return true;
	}
	return false;
}

static inline void candidate_take_turn(struct candidate *c)
{
	c->turn = ++c->balance->turn;
}

#endif
