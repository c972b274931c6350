/*
 * How many passwords or keys a client may try. Each address has a budget: a check takes one from it
 * when it begins, and gives it back when the secret was right. So wrong secrets use it up, and so
 * do checks that are under way, by which one client can never have all threads, or a store, for
 * itself. The budget fills again with time (GCRA). Cells of a memory store hold it, shared by all
 * workers. Compiled into each module that needs it.
 *
 * A secret that is right without a check (it is remembered, or in a table) must not pass from an
 * address whose budget is spent: else the answer tells a guesser that he is right. One that was
 * right from that address before is known, and passes whatever others do there.
 */
#ifndef PLUGINS_SHARED_GUESS_H
#define PLUGINS_SHARED_GUESS_H

#include <sluice/plugin.h>

#include <stdatomic.h>

struct guess {
	const sluice_store *store; /* borrowed: a table of its own */
	uint64_t interval_ns;      /* in which one comes back */
	uint64_t burst;
	uint64_t full_ns;                /* after which a budget is full again */
	const sluice_store *known;       /* borrowed: secrets that were right, by address */
	atomic_uint_least64_t *taken_ns; /* of a budget that was not full, last; 0: never */
};

/* Main thread, in check(): `rate.count` at once, which come back within `rate.period_ms`; neither
 * is 0. plugin: its name, so that instances of different plugins do not share budgets. */
void guess_init(struct guess *g, sluice_instance *inst, const char *plugin, sluice_rate rate);

/* Worker: take one from the budget of the address. False: there is none, and one comes back in
 * *retry_s seconds. An address of IPv6 shares the budget of its /64. */
bool guess_take(const struct guess *g, sluice_str address, uint64_t *retry_s);
/* Give it back. */
void guess_give(const struct guess *g, sluice_str address);
/* Whether a secret that is right may pass, if it is not known: as guess_may(), but where nothing
 * was taken for so long that every budget is full, nobody has to look. */
bool guess_admits(const struct guess *g, sluice_str address, uint64_t *retry_s);
/* Whether a secret of at most 32 bytes (its digest) was right from the address within a day; and
 * remember that it was. */
bool guess_is_known(const struct guess *g, sluice_str address, sluice_str secret);
void guess_set_known(const struct guess *g, sluice_str address, sluice_str secret);
/* Whether somebody may be guessing: budgets need not be full. */
bool guess_is_at_work(const struct guess *g);
/* Whether there is one to take; if not, as guess_take(). */
bool guess_may(const struct guess *g, sluice_str address, uint64_t *retry_s);

#endif
