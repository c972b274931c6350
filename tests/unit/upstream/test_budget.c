/* upstream/budget: a share of the requests of all workers, a floor, and a window that slides. */
#include "upstream/budget.h"

#include <pthread.h>

#include "unit.h"

static const uint64_t SECOND = UINT64_C(1) << BUDGET_SHIFT;

enum { WORKERS = 3 };
static struct budget *b;

static int make(void **state)
{
	(void)state;
	b = budget_get(STR("u"), WORKERS);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	budget_unref(&b);
	return 0;
}

static unsigned take_all(unsigned share, uint64_t now, unsigned most)
{
	unsigned n = 0;
	while (n < most && budget_take(b, share, now))
		n++;
	return n;
}

static void ask(unsigned worker, unsigned n, uint64_t now)
{
	while (n--)
		budget_request(budget_cell_of(b, worker), now);
}

TEST_WITH(a_few_may_always, make, unmake)
{
	assert_int_equal(take_all(100, 100 * SECOND, 1000), BUDGET_FLOOR);
	/* and again when the window is over */
	assert_int_equal(take_all(100, 101 * SECOND, 1000), 0);
	assert_int_equal(take_all(100, (100 + BUDGET_SLOTS) * SECOND, 1000), BUDGET_FLOOR);
}

TEST_WITH(a_share_of_the_requests, make, unmake)
{
	ask(0, 1000, 7 * SECOND);
	assert_int_equal(take_all(2000, 7 * SECOND, 1000), 200);
	ask(0, 5, 8 * SECOND);
	assert_int_equal(take_all(2000, 8 * SECOND, 1000), 1);
}

TEST_WITH(requests_of_all_workers_count, make, unmake)
{
	ask(0, 500, 7 * SECOND);
	ask(1, 300, 6 * SECOND);
	ask(2, 200, 5 * SECOND);
	assert_int_equal(take_all(2000, 7 * SECOND, 1000), 200);
	/* the few that always may are one number for all of them */
	assert_int_equal(take_all(2000, (7 + BUDGET_SLOTS) * SECOND, 1000), BUDGET_FLOOR);
}

TEST_WITH(the_window_slides, make, unmake)
{
	for (unsigned i = 0; i < 3 * BUDGET_SLOTS; i++)
		ask(i % WORKERS, 100, (50 + i) * SECOND);
	uint64_t now = (50 + 3 * BUDGET_SLOTS - 1) * SECOND;
	assert_int_equal(take_all(5000, now, 1000), 50 * BUDGET_SLOTS);
	/* half of the requests are too old */
	now += BUDGET_SLOTS / 2 * SECOND;
	assert_int_equal(take_all(5000, now, 1000), 0);
	/* all of them, and the retries too */
	now += 100 * SECOND;
	assert_int_equal(take_all(5000, now, 1000), BUDGET_FLOOR);
}

/* The number of a slot has 32 bits there, and begins anew. */
TEST_WITH(slots_after_136_years, make, unmake)
{
	uint64_t last = (UINT64_C(1) << 32) - 1;
	ask(0, 500, last * SECOND);
	ask(1, 500, (last + 1) * SECOND);
	assert_int_equal(take_all(2000, (last + 1) * SECOND, 1000), 200);
}

/* What need not be, such as a second server, leaves half to what failed. */
TEST_WITH(a_spare_half, make, unmake)
{
	unsigned spare = 0, n;
	uint64_t later = 107 * SECOND;
	ask(0, 1000, 7 * SECOND);
	for (n = 0; n < 1000; n++)
		spare += budget_take_spare(b, 2000, 7 * SECOND);
	assert_int_equal(spare, 100);
	assert_int_equal(take_all(2000, 7 * SECOND, 1000), 100);
	/* of the few that always may, too */
	for (n = spare = 0; n < 1000; n++)
		spare += budget_take_spare(b, 100, later);
	assert_int_equal(spare, BUDGET_FLOOR / 2);
	assert_int_equal(take_all(100, later, 1000), BUDGET_FLOOR / 2);
	assert_true(budget_take_spare(b, BUDGET_ALL, later)); /* no limit */
}

TEST_WITH(no_limit, make, unmake)
{
	assert_int_equal(take_all(BUDGET_ALL, SECOND, 5000), 5000);
	/* they count for others, who have one */
	assert_false(budget_take(b, 9900, SECOND));
}

TEST_WITH(one_for_each_name, make, unmake)
{
	struct budget *again = budget_get(STR("u"), WORKERS), *other = budget_get(STR("v"), 1);
	assert_ptr_equal(again, b);
	assert_ptr_not_equal(other, b);
	assert_int_equal(take_all(100, SECOND, 1000), BUDGET_FLOOR);
	budget_unref(&again);
	assert_null(again);
	budget_unref(&again);
	/* a reload: who is left has it still */
	assert_int_equal(take_all(100, SECOND, 1000), 0);
	assert_true(budget_take(other, 100, SECOND));
	budget_unref(&other);
}

/* ---- threads ------------------------------------------------------------------------------- */

static _Atomic unsigned taken;
static pthread_barrier_t asked;

static void *run(void *arg)
{
	ask((unsigned)(uintptr_t)arg, 1000, 7 * SECOND);
	(void)pthread_barrier_wait(&asked);
	taken += take_all(2000, 7 * SECOND, 1000);
	return NULL;
}

/* Workers that take at one moment take as much as one alone would, and no more. */
TEST_WITH(many_take_at_once, make, unmake)
{
	pthread_t threads[WORKERS];
	(void)pthread_barrier_init(&asked, NULL, WORKERS);
	for (uintptr_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)i), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(taken, WORKERS * 200);
	(void)pthread_barrier_destroy(&asked);
}
