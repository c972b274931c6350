/* upstream/latency: percentiles of the latest responses. */
#include "upstream/latency.h"

#include "unit.h"

enum { MS = 1000000 };

/* Within an eighth above. */
static void assert_near(uint64_t is, uint64_t want)
{
	if (is < want || is > want + want / 8 + 1)
		fail_msg("%llu is not about %llu", (unsigned long long)is,
			(unsigned long long)want);
}

TEST(too_few_to_know)
{
	struct latency l = { 0 };
	for (unsigned i = 0; i < LATENCY_ENOUGH - 1; i++)
		latency_observe(&l, 5 * MS);
	assert_int_equal(latency_percentile(&l, 95), 0);
	latency_observe(&l, 5 * MS);
	assert_near(latency_percentile(&l, 95), 5 * MS);
}

TEST(percentiles)
{
	struct latency l = { 0 };
	for (unsigned i = 1; i <= 100; i++)
		latency_observe(&l, (uint64_t)i * MS);
	assert_near(latency_percentile(&l, 50), 50 * MS);
	assert_near(latency_percentile(&l, 95), 95 * MS);
	assert_near(latency_percentile(&l, 99), 99 * MS);
	assert_near(latency_percentile(&l, 1), 1 * MS);
}

TEST(what_came_last_counts_most)
{
	struct latency l = { 0 };
	for (unsigned i = 0; i < 5000; i++)
		latency_observe(&l, 1 * MS);
	assert_near(latency_percentile(&l, 90), 1 * MS);
	for (unsigned i = 0; i < 4 * LATENCY_MOST; i++)
		latency_observe(&l, 80 * MS);
	assert_near(latency_percentile(&l, 10), 80 * MS);
}

TEST(extremes)
{
	struct latency l = { 0 };
	for (unsigned i = 0; i < LATENCY_ENOUGH; i++)
		latency_observe(&l, 0);
	assert_true(latency_percentile(&l, 99) <= UINT64_C(1) << LATENCY_SHIFT);
	for (unsigned i = 0; i < 100 * LATENCY_ENOUGH; i++)
		latency_observe(&l, UINT64_MAX);
	assert_true(latency_percentile(&l, 50) >= UINT64_C(1) << 39);
}

/* Each time lies below the end of its class, and not far below. */
TEST(classes)
{
	for (uint64_t ns = 70000; ns < UINT64_C(1) << 38; ns += ns / 7) {
		struct latency l = { 0 };
		for (unsigned i = 0; i < LATENCY_ENOUGH; i++)
			latency_observe(&l, ns);
		assert_near(latency_percentile(&l, 50), ns);
	}
}
