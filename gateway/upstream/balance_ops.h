/*
 * What an algorithm does for a balance. A new one is a table here, a choice of `balance` in
 * upstream/conf, and a row in balance.c.
 */
#ifndef UPSTREAM_BALANCE_OPS_H
#define UPSTREAM_BALANCE_OPS_H

#include "upstream/balance.h"

struct balance_ops {
	void (*init)(struct balance *b);
	void (*fini)(struct balance *b); /* no candidate is left */
	/* See balance_key(). NULL: it does not look at requests. */
	uint64_t (*key)(const struct balance *b, const struct request_head *request);
	/* c was made, and is not ready; update() follows. */
	void (*add)(struct balance *b, struct candidate *c);
	void (*remove)(struct balance *b, struct candidate *c); /* not ready any more */
	/* c->ready, or the load of its endpoint, changed. was_ready: before. */
	void (*update)(struct balance *b, struct candidate *c, bool was_ready);
	/* One that is ready and not among the tried, marked by candidate_take_turn(); or NULL. */
	struct candidate *(*choose)(struct balance *b, const struct balance_ask *ask);
};

extern const struct balance_ops balance_round_robin;    /* balance_heap.c */
extern const struct balance_ops balance_least_requests; /* balance_heap.c */

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
