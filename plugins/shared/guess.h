/*
 * How many passwords or keys a client may try. Each address has a budget: a check takes one from it
 * when it begins, and gives it back when the secret was right. So wrong secrets use it up, and so
 * do checks that are under way, by which one client can never have all threads, or a store, for
 * itself. The budget fills again with time (GCRA). Cells of a memory store hold it, shared by all
 * workers. Compiled into each module that needs it.
 */
#ifndef PLUGINS_SHARED_GUESS_H
#define PLUGINS_SHARED_GUESS_H

#include <sluice/plugin.h>

struct guess {
	const sluice_store *store; /* borrowed: a table of its own */
	uint64_t interval_ns;      /* in which one comes back */
	uint64_t burst;
};

/* Main thread, in check(): `rate.count` at once, which come back within `rate.period_ms`; neither
 * is 0. plugin: its name, so that instances of different plugins do not share budgets. */
void guess_init(struct guess *g, sluice_instance *inst, const char *plugin, sluice_rate rate);

/* Worker: take one from the budget of the address. False: there is none, and one comes back in
 * *retry_s seconds. An address of IPv6 shares the budget of its /64. */
bool guess_take(const struct guess *g, sluice_str address, uint64_t *retry_s);
/* Give it back. */
void guess_give(const struct guess *g, sluice_str address);
/* Whether there is one to take; if not, as guess_take(). */
bool guess_may(const struct guess *g, sluice_str address, uint64_t *retry_s);

#endif
