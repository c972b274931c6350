/* upstream/share: which tiers serve, and how much a server counts. */
#include "upstream/share.h"

#include "unit.h"

static struct tier_count counts[TIERS];
static struct tier_plan plan;
static struct tier_rules rules;

/* Servers of weight 1. */
static void tier(enum balance_tier t, uint32_t n, uint32_t n_well)
{
	counts[t] =
		(struct tier_count){ .n = n, .n_well = n_well, .weight = n, .well_weight = n_well };
}

static void decide(uint32_t panic, uint32_t local_min)
{
	rules = (struct tier_rules){ panic * 100, local_min * 100 };
	tier_plan_make(&plan, &rules, counts);
}

static int setup(void **state)
{
	(void)state;
	memset(counts, 0, sizeof(counts));
	return 0;
}

#define ENTRIES(local, remote, backup, remote_backup)                            \
	do {                                                                     \
		assert_int_equal(plan.entry[TIER_LOCAL], local);                 \
		assert_int_equal(plan.entry[TIER_REMOTE], remote);               \
		assert_int_equal(plan.entry[TIER_BACKUP], backup);               \
		assert_int_equal(plan.entry[TIER_REMOTE_BACKUP], remote_backup); \
	} while (0)

TEST_WITH(backups_wait_for_the_last_server, setup, NULL)
{
	tier(TIER_LOCAL, 3, 1);
	tier(TIER_BACKUP, 2, 2);
	decide(0, 70);
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_BARRED, TIER_BARRED);
	tier(TIER_LOCAL, 3, 0);
	decide(0, 70);
	/* the first ones stay open, so that they get their trials */
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_OPEN, TIER_OPEN);
}

TEST_WITH(backups_alone_serve, setup, NULL)
{
	tier(TIER_BACKUP, 2, 2);
	decide(50, 70);
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_OPEN, TIER_OPEN);
}

TEST_WITH(below_panic_backups_help_first, setup, NULL)
{
	tier(TIER_LOCAL, 10, 5);
	tier(TIER_BACKUP, 2, 2);
	decide(50, 70);
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_BARRED, TIER_BARRED);
	tier(TIER_LOCAL, 10, 4);
	decide(50, 70);
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_OPEN, TIER_OPEN); /* 6 of 10 */
	tier(TIER_LOCAL, 10, 2);
	decide(50, 70);
	ENTRIES(TIER_PANICS, TIER_PANICS, TIER_PANICS, TIER_PANICS); /* 4 of 10 */
}

TEST_WITH(panic_off_never_comes, setup, NULL)
{
	tier(TIER_LOCAL, 10, 1);
	decide(0, 70);
	ENTRIES(TIER_OPEN, TIER_OPEN, TIER_BARRED, TIER_BARRED);
	tier(TIER_LOCAL, 10, 0);
	decide(0, 70);
	assert_int_equal(plan.entry[TIER_LOCAL], TIER_OPEN);
}

TEST_WITH(the_own_zone_serves_alone_while_it_can, setup, NULL)
{
	tier(TIER_LOCAL, 10, 7);
	tier(TIER_REMOTE, 10, 10);
	decide(0, 70);
	ENTRIES(TIER_OPEN, TIER_BARRED, TIER_BARRED, TIER_BARRED);
}

/* What part of the requests stays, in percent. */
static double stays(void)
{
	double here = (double)counts[TIER_LOCAL].well_weight * plan.factor[TIER_LOCAL];
	double there = (double)counts[TIER_REMOTE].well_weight * plan.factor[TIER_REMOTE];
	return 100 * here / (here + there);
}

TEST_WITH(other_zones_take_over_in_proportion, setup, NULL)
{
	tier(TIER_REMOTE, 20, 20);
	tier(TIER_LOCAL, 100, 35); /* half of the 70 % that would do */
	decide(0, 70);
	assert_int_equal(plan.entry[TIER_REMOTE], TIER_OPEN);
	assert_true(stays() > 49.5 && stays() < 50.5);
	tier(TIER_LOCAL, 100, 7);
	decide(0, 70);
	assert_true(stays() > 9.5 && stays() < 10.5);
	tier(TIER_LOCAL, 100, 69);
	decide(0, 70);
	assert_true(stays() > 98 && stays() < 99.5);
	tier(TIER_LOCAL, 100, 0);
	decide(0, 70);
	assert_int_equal(plan.factor[TIER_REMOTE], SHARE_ONE);
	assert_int_equal(plan.entry[TIER_REMOTE], TIER_OPEN);
}

TEST_WITH(a_zone_without_own_servers_uses_all, setup, NULL)
{
	tier(TIER_REMOTE, 4, 3);
	decide(0, 70);
	assert_int_equal(plan.entry[TIER_REMOTE], TIER_OPEN);
	assert_int_equal(plan.factor[TIER_REMOTE], SHARE_ONE);
}

TEST_WITH(local_min_0_stays_at_home_to_the_last, setup, NULL)
{
	tier(TIER_LOCAL, 10, 1);
	tier(TIER_REMOTE, 10, 10);
	decide(0, 0);
	assert_int_equal(plan.entry[TIER_REMOTE], TIER_BARRED);
	tier(TIER_LOCAL, 10, 0);
	decide(0, 0);
	assert_int_equal(plan.entry[TIER_REMOTE], TIER_OPEN);
}

TEST(a_slow_start_grows_evenly)
{
	assert_int_equal(share_ramp(0, 1000), SHARE_SLOWEST);
	assert_in_range(share_ramp(500, 1000), SHARE_ONE * 54 / 100, SHARE_ONE * 56 / 100);
	assert_int_equal(share_ramp(1000, 1000), SHARE_ONE);
	assert_int_equal(share_ramp(UINT64_MAX, 1000), SHARE_ONE);
	/* an hour, in nanoseconds */
	assert_in_range(share_ramp(1800ull * 1000000000, 3600ull * 1000000000),
		SHARE_ONE * 54 / 100, SHARE_ONE * 56 / 100);
}

TEST(a_share_is_never_nothing)
{
	assert_int_equal(share_of(1, SHARE_ONE, SHARE_ONE), SHARE_ONE);
	assert_int_equal(share_of(100, SHARE_ONE, SHARE_ONE), 100 * SHARE_ONE);
	assert_int_equal(share_of(1, 1, SHARE_SLOWEST), 1);
	assert_int_equal(share_of(0, SHARE_ONE, SHARE_ONE), 1);
}
