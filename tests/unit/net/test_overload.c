/* net/overload: where the marks lie, and that a level does not come and go. */
#include "net/overload.h"

#include "unit.h"

static const struct overload_mark ninety = { .percent = 90 }, amount = { .amount = 1600 },
				  off = { 0 };

TEST(levels_of_a_share)
{
	assert_int_equal(overload_first(1000, &ninety), 900);
	assert_int_equal(overload_level(OVERLOAD_NONE, 899, 1000, &ninety), OVERLOAD_NONE);
	assert_int_equal(overload_level(OVERLOAD_NONE, 900, 1000, &ninety), OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_NONE, 949, 1000, &ninety), OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_NONE, 950, 1000, &ninety), OVERLOAD_CONNECTIONS);
	assert_int_equal(overload_level(OVERLOAD_NONE, 2000, 1000, &ninety), OVERLOAD_CONNECTIONS);
}

TEST(a_level_ends_a_sixteenth_below_its_mark)
{
	assert_int_equal(overload_level(OVERLOAD_CONNECTIONS, 900, 1000, &ninety),
		OVERLOAD_CONNECTIONS);
	assert_int_equal(overload_level(OVERLOAD_CONNECTIONS, 890, 1000, &ninety),
		OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_REQUESTS, 844, 1000, &ninety), OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_REQUESTS, 843, 1000, &ninety), OVERLOAD_NONE);
	assert_int_equal(overload_level(OVERLOAD_CONNECTIONS, 0, 1000, &ninety), OVERLOAD_NONE);
	/* also where the share is small */
	const struct overload_mark one = { .percent = 1 };
	assert_int_equal(overload_level(OVERLOAD_REQUESTS, 9, 1000, &one), OVERLOAD_NONE);
}

TEST(an_amount)
{
	assert_int_equal(overload_level(OVERLOAD_NONE, 1599, 2000, &amount), OVERLOAD_NONE);
	assert_int_equal(overload_level(OVERLOAD_NONE, 1600, 2000, &amount), OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_NONE, 1800, 2000, &amount), OVERLOAD_CONNECTIONS);
	/* of more than there is, or of nobody knows how much */
	assert_int_equal(overload_level(OVERLOAD_NONE, 1799, 1000, &amount), OVERLOAD_REQUESTS);
	assert_int_equal(overload_level(OVERLOAD_NONE, 1800, 0, &amount), OVERLOAD_CONNECTIONS);
}

TEST(what_is_not_watched)
{
	assert_int_equal(overload_level(OVERLOAD_CONNECTIONS, 1000, 1000, &off), OVERLOAD_NONE);
	/* a share of what is not known */
	assert_int_equal(overload_level(OVERLOAD_NONE, 1000, 0, &ninety), OVERLOAD_NONE);
	assert_int_equal(overload_first(UINT64_MAX, &(struct overload_mark){ .percent = 100 }),
		UINT64_MAX);
}
