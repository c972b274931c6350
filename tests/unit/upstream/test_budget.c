/* upstream/budget: a share of the requests, a floor, and a window that slides. */
#include "upstream/budget.h"

#include "unit.h"

static const uint64_t SECOND = UINT64_C(1) << BUDGET_SHIFT;

static unsigned take_all(struct budget *b, unsigned share, uint64_t now, unsigned most)
{
	unsigned n = 0;
	while (n < most && budget_take(b, share, now))
		n++;
	return n;
}

static void ask(struct budget *b, unsigned n, uint64_t now)
{
	while (n--)
		budget_request(b, now);
}

TEST(a_few_may_always)
{
	struct budget b = { 0 };
	assert_int_equal(take_all(&b, 100, 100 * SECOND, 1000), BUDGET_FLOOR);
	/* and again when the window is over */
	assert_int_equal(take_all(&b, 100, 101 * SECOND, 1000), 0);
	assert_int_equal(take_all(&b, 100, (100 + BUDGET_SLOTS) * SECOND, 1000), BUDGET_FLOOR);
}

TEST(a_share_of_the_requests)
{
	struct budget b = { 0 };
	ask(&b, 1000, 7 * SECOND);
	assert_int_equal(take_all(&b, 2000, 7 * SECOND, 1000), 200);
	ask(&b, 5, 8 * SECOND);
	assert_int_equal(take_all(&b, 2000, 8 * SECOND, 1000), 1);
}

TEST(the_window_slides)
{
	struct budget b = { 0 };
	for (unsigned i = 0; i < 3 * BUDGET_SLOTS; i++)
		ask(&b, 100, (50 + i) * SECOND);
	uint64_t now = (50 + 3 * BUDGET_SLOTS - 1) * SECOND;
	assert_int_equal(take_all(&b, 5000, now, 1000), 50 * BUDGET_SLOTS);
	/* half of the requests are too old */
	now += BUDGET_SLOTS / 2 * SECOND;
	assert_int_equal(take_all(&b, 5000, now, 1000), 0);
	/* all of them, and the retries too */
	now += 100 * SECOND;
	assert_int_equal(take_all(&b, 5000, now, 1000), BUDGET_FLOOR);
}

/* What need not be, such as a second server, leaves half to what failed. */
TEST(a_spare_half)
{
	struct budget b = { 0 };
	unsigned spare = 0, n;
	ask(&b, 1000, 7 * SECOND);
	for (n = 0; n < 1000; n++)
		spare += budget_take_spare(&b, 2000, 7 * SECOND);
	assert_int_equal(spare, 100);
	assert_int_equal(take_all(&b, 2000, 7 * SECOND, 1000), 100);
	/* of the few that always may, too */
	b = (struct budget){ 0 };
	for (n = spare = 0; n < 1000; n++)
		spare += budget_take_spare(&b, 100, 7 * SECOND);
	assert_int_equal(spare, BUDGET_FLOOR / 2);
	assert_int_equal(take_all(&b, 100, 7 * SECOND, 1000), BUDGET_FLOOR / 2);
	assert_true(budget_take_spare(&b, BUDGET_ALL, 7 * SECOND)); /* no limit */
}

TEST(no_limit)
{
	struct budget b = { 0 };
	assert_int_equal(take_all(&b, BUDGET_ALL, SECOND, 5000), 5000);
	/* they count for others, who have one */
	assert_false(budget_take(&b, 9900, SECOND));
}
