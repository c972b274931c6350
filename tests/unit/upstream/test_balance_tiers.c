/* upstream/balance: zones, backups, panic, weights that change, and slow start, with every
 * algorithm. */
#include <stdio.h>

#include "balance_kit.h"

static struct bench bench;
static unsigned counts[BENCH_MOST];

static const enum upstream_balance kinds[] = { BALANCE_ROUND_ROBIN, BALANCE_LEAST_REQUESTS,
	BALANCE_RANDOM_TWO, BALANCE_LEAST_LATENCY, BALANCE_HASH };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* n choices, with keys of their own for the hash. */
static void count(unsigned n)
{
	memset(counts, 0, sizeof(counts));
	for (unsigned i = 0; i < n; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "k%u", i);
		int c = bench_choose_key(&bench, balance_hash(str_n(text, (size_t)len)));
		assert_true(c >= 0);
		counts[c]++;
	}
}

static void start(enum upstream_balance kind, uint32_t panic, uint64_t slow_ns)
{
	const struct balance_rules rules = { .tiers = { .panic = panic * 100, .local_min = 7000 },
		.hash_bound = 125,
		.slow_ns = slow_ns };
	bench_init(&bench, "u", kind, &rules);
}

TEST(a_backup_serves_when_no_other_can)
{
	for (unsigned k = 0; k < KINDS; k++) {
		start(kinds[k], 0, 0);
		bench_add(&bench, 0, TIER_BACKUP, 1);
		bench_add(&bench, 1, TIER_LOCAL, 1);
		bench_add(&bench, 2, TIER_LOCAL, 1);
		count(100);
		assert_int_equal(counts[0], 0);
		bench_down(&bench, 1);
		count(100);
		assert_int_equal(counts[2], 100);
		bench_down(&bench, 2);
		count(100);
		assert_int_equal(counts[0], 100);
		assert_true(bench.n_room > 0);
		/* the trial of one that was down goes to it, though its tier does not serve */
		bench_pass(90 * NS_PER_S);
		assert_int_equal(bench.endpoints[1]->state, ENDPOINT_TRIAL);
		count(400);
		assert_true(counts[1] + counts[2] > 0);
		bench_up(&bench, 1);
		count(100);
		assert_int_equal(counts[0], 0);
		bench_fini(&bench);
	}
}

TEST(a_retry_may_go_to_a_backup)
{
	for (unsigned k = 0; k < KINDS; k++) {
		start(kinds[k], 0, 0);
		bench_add(&bench, 0, TIER_BACKUP, 1);
		bench_add(&bench, 1, TIER_LOCAL, 1);
		uint64_t tried = bench.endpoints[1]->id;
		assert_true(balance_has_untried(&bench.balance, &tried, 1));
		assert_int_equal(
			bench_ask(&bench,
				&(struct balance_ask){ .key = 7, .tried = &tried, .n_tried = 1 }),
			0);
		bench_fini(&bench);
	}
}

TEST(full_servers_are_waited_for_and_no_backup_is_asked)
{
	struct candidate *c = NULL;
	start(BALANCE_ROUND_ROBIN, 0, 0);
	bench_add(&bench, 0, TIER_BACKUP, 1);
	bench_add(&bench, 1, TIER_LOCAL, 1);
	bench.endpoints[1]->bounds.max_links = 1;
	bench_load(&bench, 1, 1);
	assert_int_equal(balance_choose(&bench.balance, &(struct balance_ask){ .key = 0 }, &c),
		BALANCE_BUSY);
	bench_load(&bench, 1, -1);
	assert_int_equal(bench_choose(&bench), 1);
	bench_fini(&bench);
}

TEST(panic_uses_all)
{
	for (unsigned k = 0; k < KINDS; k++) {
		start(kinds[k], 50, 0);
		for (unsigned i = 0; i < 10; i++)
			bench_add(&bench, i, TIER_LOCAL, 1);
		for (unsigned i = 0; i < 5; i++)
			bench_down(&bench, i);
		count(200);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(counts[i], 0);
		bench_down(&bench, 5);
		count(1000);
		for (unsigned i = 0; i < 10; i++)
			assert_in_range(counts[i], 30, 300);
		/* one of weight 0 stays out of it, and one that comes back ends it */
		balance_set_weight(bench.candidates[9], 0);
		count(200);
		assert_int_equal(counts[9], 0);
		balance_set_weight(bench.candidates[9], 1);
		bench_up(&bench, 5);
		count(200);
		assert_int_equal(counts[0], 0);
		bench_fini(&bench);
	}
}

TEST(other_zones_get_their_part)
{
	for (unsigned k = 0; k < KINDS; k++) {
		start(kinds[k], 0, 0);
		for (unsigned i = 0; i < 20; i++)
			bench_add(&bench, i, i < 10 ? TIER_LOCAL : TIER_REMOTE, 1);
		for (unsigned i = 0; i < 3; i++)
			bench_down(&bench, i);
		count(200);
		for (unsigned i = 10; i < 20; i++)
			assert_int_equal(counts[i], 0);
		/* 3 of 10: 43 of 100 stay */
		for (unsigned i = 3; i < 7; i++)
			bench_down(&bench, i);
		/* least requests has no shares without load: there each is as good */
		if (kinds[k] == BALANCE_LEAST_REQUESTS || kinds[k] == BALANCE_HASH) {
			for (unsigned i = 0; i < 20; i++)
				bench_load(&bench, i, kinds[k] == BALANCE_HASH);
		} else {
			unsigned here = 0;
			count(2000);
			for (unsigned i = 0; i < 10; i++)
				here += counts[i];
			assert_in_range(here, 2000 * 33 / 100, 2000 * 58 / 100);
		}
		for (unsigned i = 7; i < 10; i++)
			bench_down(&bench, i);
		count(200);
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(counts[i], 0);
		bench_fini(&bench);
	}
}

TEST(zones_by_requests_in_progress)
{
	unsigned load[BENCH_MOST] = { 0 }, here = 0;
	start(BALANCE_LEAST_REQUESTS, 0, 0);
	for (unsigned i = 0; i < 20; i++)
		bench_add(&bench, i, i < 10 ? TIER_LOCAL : TIER_REMOTE, 1);
	for (unsigned i = 0; i < 7; i++)
		bench_down(&bench, i);
	for (unsigned i = 0; i < 1000; i++) { /* none of them ends */
		unsigned c = (unsigned)bench_choose(&bench);
		bench_load(&bench, c, 1);
		load[c]++;
	}
	for (unsigned i = 0; i < 10; i++)
		here += load[i];
	assert_in_range(here, 420, 440);
	bench_fini(&bench);
}

TEST(a_server_that_comes_takes_a_growing_share)
{
	for (unsigned k = 0; k < KINDS; k++) {
		if (kinds[k] == BALANCE_HASH || kinds[k] == BALANCE_LEAST_REQUESTS)
			continue; /* a bound of the load, and the load: below */
		start(kinds[k], 0, 40 * NS_PER_S);
		bench_add(&bench, 0, TIER_LOCAL, 1);
		bench_add(&bench, 1, TIER_LOCAL, 1);
		bench_pass(60 * NS_PER_S);
		count(1000);
		assert_in_range(counts[0], 400, 600);
		bench_add(&bench, 2, TIER_LOCAL, 1);
		count(2100); /* 0.1 of 2.1 */
		assert_in_range(counts[2], 20, 240);
		for (int i = 0; i < 20; i++)
			bench_pass(NS_PER_S);
		count(2550); /* 0.55 of 2.55 */
		assert_in_range(counts[2], 250, 850);
		for (int i = 0; i < 30; i++)
			bench_pass(NS_PER_S);
		assert_int_equal(bench.candidates[2]->share, SHARE_ONE);
		count(3000);
		assert_in_range(counts[2], 850, 1150);
		/* nothing ramps: no timer runs */
		assert_true(bench.balance.ramp.due_ns == TIMER_NEVER);
		bench_fini(&bench);
	}
}

TEST(a_server_that_is_back_starts_slowly_too)
{
	start(BALANCE_LEAST_REQUESTS, 0, 40 * NS_PER_S);
	bench_add(&bench, 0, TIER_LOCAL, 1);
	bench_add(&bench, 1, TIER_LOCAL, 1);
	bench_pass(60 * NS_PER_S);
	bench_down(&bench, 1);
	bench_up(&bench, 1);
	assert_int_equal(bench.candidates[1]->share, SHARE_SLOWEST);
	unsigned load = 0;
	for (unsigned i = 0; i < 110; i++) {
		unsigned c = (unsigned)bench_choose(&bench);
		bench_load(&bench, c, 1);
		load += c == 1;
	}
	assert_in_range(load, 9, 11);
	for (int i = 0; i < 45; i++)
		bench_pass(NS_PER_S);
	assert_int_equal(bench.candidates[1]->share, SHARE_ONE);
	bench_fini(&bench);
}

TEST(a_hash_bounds_the_load_of_one_that_starts)
{
	start(BALANCE_HASH, 0, 40 * NS_PER_S);
	for (unsigned i = 0; i < 9; i++)
		bench_add(&bench, i, TIER_LOCAL, 1);
	bench_pass(60 * NS_PER_S);
	bench_add(&bench, 9, TIER_LOCAL, 1);
	unsigned load = 0;
	for (unsigned i = 0; i < 1000; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "k%u", i);
		unsigned c =
			(unsigned)bench_choose_key(&bench, balance_hash(str_n(text, (size_t)len)));
		bench_load(&bench, c, 1);
		load += c == 9;
	}
	/* a tenth of a share, a quarter more: 0.125 of 9.1 */
	assert_in_range(load, 5, 15);
	bench_fini(&bench);
}

TEST(weights_change_while_it_runs)
{
	for (unsigned k = 0; k < KINDS; k++) {
		if (kinds[k] == BALANCE_LEAST_REQUESTS)
			continue;
		start(kinds[k], 0, 0);
		bench_add_many(&bench, 4);
		balance_set_weight(bench.candidates[0], 0);
		count(300);
		assert_int_equal(counts[0], 0);
		balance_set_weight(bench.candidates[0], 3);
		count(600); /* 3 of 6 */
		assert_in_range(counts[0], 200, 400);
		balance_set_tier(bench.candidates[0], TIER_BACKUP);
		count(300);
		assert_int_equal(counts[0], 0);
		bench_fini(&bench);
	}
}

TEST(a_plugin_sees_who_serves)
{
	start(BALANCE_RANDOM_TWO, 0, 0);
	bench_add(&bench, 0, TIER_BACKUP, 1);
	bench_add(&bench, 1, TIER_LOCAL, 1);
	assert_false(bench.candidates[0]->ready);
	assert_true(bench.candidates[1]->ready);
	bench_down(&bench, 1);
	assert_true(bench.candidates[0]->ready);
	assert_false(bench.candidates[1]->ready);
	bench_fini(&bench);
}

TEST_GROUP(kit_setup, kit_teardown);
