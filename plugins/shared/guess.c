/* Budgets for wrong secrets: see guess.h. */
#include "guess.h"

#include <sluice/str.h>
#include <stdio.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

enum { SWAPS_MAX = 100, V6_PREFIX = 64 };

void guess_init(struct guess *g, sluice_instance *inst, const char *plugin, sluice_rate rate)
{
	char table[128];
	sluice_str name = sluice_instance_name(inst);
	int n = snprintf(table, sizeof(table), "%s:%.*s", plugin,
		name.len < 96 ? (int)name.len : 96, name.data);
	g->store =
		sluice_store_table(inst, sluice_store_local(inst), sluice_str_n(table, (size_t)n));
	g->burst = rate.count;
	g->interval_ns = rate.period_ms * NS_PER_MS / rate.count;
	g->interval_ns = g->interval_ns ? g->interval_ns : 1;
}

static bool cell_of(const struct guess *g, sluice_str address, uint64_t now, sluice_cell *out)
{
	char network[SLUICE_IP_NETWORK];
	return sluice_store_cell(g->store, sluice_ip_network(address, 32, V6_PREFIX, network), now,
		out);
}

static uint64_t seconds_until(uint64_t full, uint64_t most)
{
	return (full - most + NS_PER_S - 1) / NS_PER_S;
}

/* The time at which the budget is full again may not be beyond this, if one is to be taken. */
static uint64_t most_of(const struct guess *g, uint64_t now)
{
	return now + (g->burst - 1) * g->interval_ns;
}

/* The cell holds the time at which the budget is full again. A store without cells limits nothing:
 * what a check costs has a bound of its own. */
bool guess_take(const struct guess *g, sluice_str address, uint64_t *retry_s)
{
	uint64_t now = sluice_now_ns(), most = most_of(g, now);
	sluice_cell cell;
	if (!cell_of(g, address, now, &cell))
		return true;
	for (unsigned i = 0; i < SWAPS_MAX; i++) {
		uint64_t full = cell.value > now ? cell.value : now;
		if (full > most) {
			*retry_s = seconds_until(full, most);
			return false;
		}
		if (sluice_store_cell_swap(&cell, full + g->interval_ns) || !cell.slot)
			return true;
	}
	*retry_s = 1;
	return false;
}

void guess_give(const struct guess *g, sluice_str address)
{
	uint64_t now = sluice_now_ns();
	sluice_cell cell;
	if (!cell_of(g, address, now, &cell))
		return;
	for (unsigned i = 0; i < SWAPS_MAX && cell.slot && cell.value > now; i++) {
		uint64_t left = cell.value - now;
		uint64_t full = left > g->interval_ns ? cell.value - g->interval_ns : now;
		if (sluice_store_cell_swap(&cell, full))
			return;
	}
}

bool guess_may(const struct guess *g, sluice_str address, uint64_t *retry_s)
{
	uint64_t now = sluice_now_ns(), most = most_of(g, now);
	sluice_cell cell;
	if (!cell_of(g, address, now, &cell) || cell.value <= most)
		return true;
	*retry_s = seconds_until(cell.value, most);
	return false;
}
