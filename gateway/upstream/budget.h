/*
 * How many of an upstream's requests may be tried again: a share of those with rules that came in
 * the last seconds, so that retries cannot multiply the load of servers that are failing. A few in
 * each second may be, however little traffic there is. There is one for each upstream of the
 * process, found by the upstream's name, so that it stays over reloads.
 *
 * Each worker counts its requests in a cell of its own, so that a request writes nothing that other
 * threads read or write often. A retry adds up the cells, and is taken by compare and exchange. Any
 * thread; a lock in get and unref alone.
 */
#ifndef UPSTREAM_BUDGET_H
#define UPSTREAM_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "base/str.h"

enum {
	BUDGET_SHIFT = 30, /* 2^30 ns, about a second: a slot */
	BUDGET_SLOTS = 8,
	BUDGET_ALL = 10000,              /* hundredths of a percent: no bound */
	BUDGET_FLOOR = 3 * BUDGET_SLOTS, /* retries of all slots that need no requests */
	BUDGET_ALIGN = 64,               /* a line of a processor's cache */
};

/* Of each slot, by its number modulo BUDGET_SLOTS: the number in the upper half, and what came in
 * it. */
struct budget_cell {
	_Alignas(BUDGET_ALIGN) _Atomic uint64_t slots[BUDGET_SLOTS];
};

struct budget {
	struct list at;
	unsigned refs;
	unsigned n_cells;
	sluice_str name; /* owned: of the upstream */
	struct budget_cell retries;
	struct budget_cell requests[]; /* one for each worker, that writes it alone */
};

/* The budget of that upstream, made if need be; the caller gets a reference. workers: at least 1.
 */
struct budget *budget_get(sluice_str upstream, unsigned workers);
void budget_unref(struct budget **b);

/* Where the worker of that number counts. */
static inline struct budget_cell *budget_cell_of(struct budget *b, unsigned worker)
{
	return &b->requests[worker % b->n_cells];
}

/* What a slot is after one more has come in it. */
static inline uint64_t budget_one_more(uint64_t was, uint64_t slot)
{
	return was >> 32 == (uint32_t)slot ? was + 1 : slot << 32 | 1;
}

/* A request comes, to the worker whose cell that is. */
static inline void budget_request(struct budget_cell *own, uint64_t now_ns)
{
	uint64_t slot = now_ns >> BUDGET_SHIFT;
	_Atomic uint64_t *at = &own->slots[slot % BUDGET_SLOTS];
	uint64_t was = atomic_load_explicit(at, memory_order_relaxed);
	atomic_store_explicit(at, budget_one_more(was, slot), memory_order_relaxed);
}
/* Whether one more may be tried again, of a budget of so many hundredths of a percent;
 * it is then taken. */
must_use bool budget_take(struct budget *b, unsigned share, uint64_t now_ns);
/* The same of what need not be: it leaves half of the budget. */
must_use bool budget_take_spare(struct budget *b, unsigned share, uint64_t now_ns);

#endif
