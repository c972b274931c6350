/*
 * How many of an upstream's requests may be tried again: a share of those with rules that came in
 * the last seconds, so that retries cannot multiply the load of servers that are failing. A few in
 * each second may be, however little traffic there is. One for each worker and upstream; its
 * worker's thread only.
 */
#ifndef UPSTREAM_BUDGET_H
#define UPSTREAM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum {
	BUDGET_SHIFT = 30, /* 2^30 ns, about a second: a slot */
	BUDGET_SLOTS = 8,
	BUDGET_ALL = 10000,              /* hundredths of a percent: no bound */
	BUDGET_FLOOR = 3 * BUDGET_SLOTS, /* retries of all slots that need no requests */
};

struct budget {
	uint64_t slot; /* the one that is counted in */
	/* of each slot, by its number modulo BUDGET_SLOTS */
	uint32_t requests[BUDGET_SLOTS], retries[BUDGET_SLOTS];
};

/* Time has come to another slot. */
void budget_turn(struct budget *b, uint64_t slot);

/* A request comes. */
static inline void budget_request(struct budget *b, uint64_t now_ns)
{
	uint64_t slot = now_ns >> BUDGET_SHIFT;
	if (unlikely(slot != b->slot))
		budget_turn(b, slot);
	b->requests[slot % BUDGET_SLOTS]++;
}
/* Whether one more may be tried again, of a budget of so many hundredths of a percent;
 * it is then taken. */
must_use bool budget_take(struct budget *b, unsigned share, uint64_t now_ns);
/* The same of what need not be: it leaves half of the budget. */
must_use bool budget_take_spare(struct budget *b, unsigned share, uint64_t now_ns);

#endif
