/* upstream/pick: drawing by share. */
#include "upstream/pick.h"

#include "balance_kit.h"

enum { DRAWS = 100000 };

static struct bench bench;
static unsigned counts[BENCH_MOST];

static const struct pick *pick(void)
{
	return bench.balance.own;
}

static void draw(unsigned n)
{
	memset(counts, 0, sizeof(counts));
	for (unsigned i = 0; i < n; i++) {
		const struct candidate *c = pick_draw(pick());
		unsigned k = 0;
		while (bench.candidates[k] != c)
			k++;
		counts[k]++;
	}
}

TEST(each_gets_its_share)
{
	static const unsigned weights[] = { 1, 2, 3, 5, 8, 13, 100 };
	unsigned sum = 0, n = sizeof(weights) / sizeof(*weights);
	bench_init(&bench, "u", BALANCE_RANDOM_TWO, NULL);
	for (unsigned i = 0; i < n; i++) {
		bench_add(&bench, i, TIER_LOCAL, weights[i]);
		sum += weights[i];
	}
	draw(DRAWS);
	for (unsigned i = 0; i < n; i++) {
		unsigned want = DRAWS / sum * weights[i];
		assert_in_range(counts[i], want * 85 / 100, want * 115 / 100);
	}
	bench_fini(&bench);
}

TEST(who_is_not_ready_is_not_drawn)
{
	bench_init(&bench, "u", BALANCE_RANDOM_TWO, NULL);
	bench_add_many(&bench, 10);
	for (unsigned i = 0; i < 10; i += 2)
		bench_down(&bench, i);
	assert_int_equal(pick()->n, 5);
	draw(10000);
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(counts[i], i % 2 ? 1800 : 0, i % 2 ? 2200 : 0);
	for (unsigned i = 0; i < 10; i++)
		bench_up(&bench, i);
	assert_int_equal(pick()->n, 10);
	bench_fini(&bench);
}

TEST(sums_hold_while_weights_change)
{
	uint64_t sum = 0;
	bench_init(&bench, "u", BALANCE_RANDOM_TWO, NULL);
	bench_add_many(&bench, 50);
	for (unsigned i = 0; i < 1000; i++)
		balance_set_weight(bench.candidates[i * 7 % 50], i % 101);
	for (unsigned i = 0; i < 50; i++)
		sum += bench.candidates[i]->weight ? bench.candidates[i]->share : 0;
	assert_int_equal(pick()->sum, sum);
	for (unsigned i = 0; i < 50; i++)
		balance_set_weight(bench.candidates[i], 0);
	assert_int_equal(pick()->n, 0);
	assert_int_equal(pick()->used, 0);
	assert_int_equal(pick()->sum, 0);
	assert_int_equal(bench_choose(&bench), -1); /* nobody may be asked */
	bench_fini(&bench);
}

TEST(tried_ones_are_not_drawn)
{
	uint64_t tried[3];
	bench_init(&bench, "u", BALANCE_RANDOM_TWO, NULL);
	bench_add_many(&bench, 4);
	/* the one that is left has next to no weight */
	for (unsigned i = 0; i < 3; i++) {
		balance_set_weight(bench.candidates[i], 100);
		tried[i] = bench.endpoints[i]->id;
	}
	const struct balance_ask ask = { .tried = tried, .n_tried = 3 };
	for (int i = 0; i < 100; i++)
		assert_ptr_equal(pick_draw_untried(pick(), &ask), bench.candidates[3]);
	bench_down(&bench, 3);
	assert_null(pick_draw_untried(pick(), &ask));
	bench_fini(&bench);
}

TEST_GROUP(kit_setup, kit_teardown);
