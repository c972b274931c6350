/* Balances for tests, without sockets: servers 10.A.B.C:80 by their number, whose load and health
 * the test sets, and a clock that it moves. */
#ifndef BALANCE_KIT_H
#define BALANCE_KIT_H

#include "kit.h"
#include "upstream/balance.h"

enum { BENCH_MOST = 1200 };

struct bench {
	struct balance balance;
	char name[16];
	unsigned n;
	struct endpoint *endpoints[BENCH_MOST]; /* by number; NULL: removed */
	struct candidate *candidates[BENCH_MOST];
	unsigned n_room; /* how often it was told of room */
};

void bench_init(struct bench *b, const char *name, enum upstream_balance kind,
	const struct balance_rules *rules);
void bench_fini(struct bench *b);
void bench_add(struct bench *b, unsigned i, enum balance_tier tier, unsigned weight);
void bench_add_many(struct bench *b, unsigned n); /* 0 to n - 1, of weight 1 */
void bench_remove(struct bench *b, unsigned i);
/* The number of the server chosen; -1: none. */
int bench_ask(struct bench *b, const struct balance_ask *ask);
int bench_choose(struct bench *b);
int bench_choose_key(struct bench *b, uint64_t key);
void bench_load(struct bench *b, unsigned i, int change);
void bench_down(struct bench *b, unsigned i);
void bench_up(struct bench *b, unsigned i);
/* Of n choices without load: how many each server got. */
void bench_count(struct bench *b, unsigned n, unsigned counts[BENCH_MOST]);

void bench_pass(uint64_t ns); /* move the clock, and fire timers */

#endif
