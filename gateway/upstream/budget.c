/* Retries as a share of requests. See budget.h. */
#include "upstream/budget.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all = { &all, &all }; /* under the lock, like refs */

/* ---- which there are ----------------------------------------------------------------------- */

static struct budget *budget_new(sluice_str upstream, unsigned workers)
{
	struct budget *b = mem_zeroed_at(BUDGET_ALIGN,
		sizeof(*b) + workers * sizeof(b->requests[0]), "struct budget");
	b->name = str_n(mem_text(upstream.data, upstream.len), upstream.len);
	b->n_cells = workers;
	list_push(&all, &b->at);
	return b;
}

/* Under the lock. */
static struct budget *budget_find(sluice_str upstream)
{
	list_each (at, &all) {
		struct budget *b = container_of(at, struct budget, at);
		if (str_eq(b->name, upstream))
			return b;
	}
	return NULL;
}

struct budget *budget_get(sluice_str upstream, unsigned workers)
{
	check(workers > 0, "a budget for %u workers", workers);
	(void)pthread_mutex_lock(&lock);
	struct budget *b = budget_find(upstream);
	if (!b)
		b = budget_new(upstream, workers);
	b->refs++;
	(void)pthread_mutex_unlock(&lock);
	return b;
}

void budget_unref(struct budget **at)
{
	struct budget *b = *at;
	*at = NULL;
	if (!b)
		return;
	(void)pthread_mutex_lock(&lock);
	bool is_last = --b->refs == 0;
	if (is_last)
		list_del(&b->at);
	(void)pthread_mutex_unlock(&lock);
	if (!is_last)
		return;
	free((char *)(uintptr_t)b->name.data);
	free(b);
}

/* ---- taking -------------------------------------------------------------------------------- */

/* What came in that slot and those before it that count still. */
static uint64_t budget_sum(struct budget_cell *c, uint64_t slot)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		uint64_t v = atomic_load_explicit(&c->slots[i], memory_order_relaxed);
		if ((uint32_t)slot - (uint32_t)(v >> 32) < BUDGET_SLOTS)
			n += (uint32_t)v;
	}
	return n;
}

static bool budget_has_room(struct budget *b, unsigned share, unsigned floor, uint64_t slot)
{
	uint64_t requests = 0, retries;
	if (share >= BUDGET_ALL)
		return true;
	retries = budget_sum(&b->retries, slot);
	if (retries < floor)
		return true;
	for (unsigned i = 0; i < b->n_cells; i++)
		requests += budget_sum(&b->requests[i], slot);
	return (retries + 1) * BUDGET_ALL <= requests * share;
}

/* Retries of other workers change the slot, so that room is never given away twice. */
static bool budget_take_beyond(struct budget *b, unsigned share, unsigned floor, uint64_t now_ns)
{
	uint64_t slot = now_ns >> BUDGET_SHIFT;
	_Atomic uint64_t *at = &b->retries.slots[slot % BUDGET_SLOTS];
	uint64_t was = atomic_load(at);
	do {
		if (!budget_has_room(b, share, floor, slot))
			return false;
	} while (!atomic_compare_exchange_weak(at, &was, budget_one_more(was, slot)));
	return true;
}

bool budget_take(struct budget *b, unsigned share, uint64_t now_ns)
{
	return budget_take_beyond(b, share, BUDGET_FLOOR, now_ns);
}

bool budget_take_spare(struct budget *b, unsigned share, uint64_t now_ns)
{
	return budget_take_beyond(b, share < BUDGET_ALL ? share / 2 : share, BUDGET_FLOOR / 2,
		now_ns);
}
