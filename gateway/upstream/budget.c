/* Retries as a share of requests. See budget.h. */
#include "upstream/budget.h"

void budget_turn(struct budget *b, uint64_t slot)
{
	/* the slots between are over as well */
	uint64_t n = slot - b->slot < BUDGET_SLOTS ? slot - b->slot : BUDGET_SLOTS;
	for (uint64_t i = 0; i < n; i++) {
		b->requests[(slot - i) % BUDGET_SLOTS] = 0;
		b->retries[(slot - i) % BUDGET_SLOTS] = 0;
	}
	b->slot = slot;
}

static bool budget_take_beyond(struct budget *b, unsigned share, unsigned floor, uint64_t now_ns)
{
	uint64_t slot = now_ns >> BUDGET_SHIFT, requests = 0, retries = 0;
	if (slot != b->slot)
		budget_turn(b, slot);
	for (unsigned i = 0; i < BUDGET_SLOTS; i++) {
		requests += b->requests[i];
		retries += b->retries[i];
	}
	if (share < BUDGET_ALL && retries >= floor && (retries + 1) * BUDGET_ALL > requests * share)
		return false;
	b->retries[slot % BUDGET_SLOTS]++;
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
