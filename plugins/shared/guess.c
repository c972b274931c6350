/* Budgets for wrong secrets: see guess.h. */
#include "guess.h"

#include <sluice/str.h>
#include <stdio.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

#define DAY_NS (UINT64_C(86400000) * NS_PER_MS)

enum { SWAPS_MAX = 100, V6_PREFIX = 64 };
enum { SECRET_MAX = 32, KNOWN_KEY = SLUICE_IP_NETWORK + SECRET_MAX };

static const sluice_store *table(sluice_instance *inst, const char *plugin, const char *what)
{
	char text[128];
	sluice_str name = sluice_instance_name(inst);
	int n = snprintf(text, sizeof(text), "%s%s:%.*s", plugin, what,
		name.len < 96 ? (int)name.len : 96, name.data);
	return sluice_store_table(inst, sluice_store_local(inst), sluice_str_n(text, (size_t)n));
}

void guess_init(struct guess *g, sluice_instance *inst, const char *plugin, sluice_rate rate)
{
	g->store = table(inst, plugin, "");
	g->known = table(inst, plugin, "-known");
	g->burst = rate.count;
	g->interval_ns = rate.period_ms * NS_PER_MS / rate.count;
	g->interval_ns = g->interval_ns ? g->interval_ns : 1;
	g->full_ns = g->burst * g->interval_ns;
	g->taken_ns = sluice_conf_alloc(inst, sizeof(*g->taken_ns));
	atomic_init(g->taken_ns, 0);
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
	/* before a budget is spent, something is taken from one that is not full */
	if (cell.value > now || g->burst == 1)
		atomic_store_explicit(g->taken_ns, now, memory_order_relaxed);
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

/* When nothing was taken for the time in which any budget is full again, none is spent. */
bool guess_is_at_work(const struct guess *g)
{
	uint64_t last = atomic_load_explicit(g->taken_ns, memory_order_relaxed);
	return last != 0 && sluice_now_ns() - last <= g->full_ns;
}

bool guess_admits(const struct guess *g, sluice_str address, uint64_t *retry_s)
{
	return !guess_is_at_work(g) || guess_may(g, address, retry_s);
}

/* ---- known secrets ------------------------------------------------------------------------- */

static sluice_str known_key(sluice_str address, sluice_str secret, char text[KNOWN_KEY])
{
	char network[SLUICE_IP_NETWORK];
	if (address.len && memchr(address.data, ':', address.len))
		address = sluice_ip_network(address, 32, V6_PREFIX, network);
	size_t n = address.len < SLUICE_IP_NETWORK ? address.len : SLUICE_IP_NETWORK;
	secret.len = secret.len < SECRET_MAX ? secret.len : SECRET_MAX;
	char *end = sluice_str_put(sluice_str_put(text, secret), sluice_str_n(address.data, n));
	return sluice_str_n(text, (size_t)(end - text));
}

bool guess_is_known(const struct guess *g, sluice_str address, sluice_str secret)
{
	char text[KNOWN_KEY];
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	return sluice_store_cell(g->known, known_key(address, secret, text), now, &c) &&
		c.value > now;
}

/* A cell is written when half of its time is over, so that most requests only read it. */
void guess_set_known(const struct guess *g, sluice_str address, sluice_str secret)
{
	char text[KNOWN_KEY];
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	if (sluice_store_cell(g->known, known_key(address, secret, text), now, &c) &&
		c.value < now + DAY_NS / 2)
		(void)sluice_store_cell_swap(&c, now + DAY_NS); /* or another worker has done so */
}
