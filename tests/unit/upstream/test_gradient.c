/* upstream/gradient: the limit in front of a simulated service. */
#include "upstream/gradient.h"

#include "base/clock.h"
#include "unit.h"

static const struct gradient_conf conf = { .min = 4, .max = 400, .tolerance = 15000 };

/* A service that answers `capacity` requests at a time in 10 ms; further ones wait for their turn.
 * Clients want `wanted` at a time; what the limit does not let through waits in front of it. */
static void run(struct gradient *g, uint64_t *now, unsigned ms, unsigned capacity, unsigned wanted)
{
	for (uint64_t end = *now + ms * NS_PER_MS; *now < end;) {
		unsigned n = gradient_limit(g) < wanted ? gradient_limit(g) : wanted;
		uint64_t latency = 10 * NS_PER_MS * (n > capacity ? n : capacity) / capacity;
		*now += 10 * NS_PER_MS;
		for (unsigned i = 0; i < 5; i++)
			(void)gradient_sample(g, *now, latency, n);
	}
}

TEST(the_limit_finds_what_a_service_takes)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 1);
	run(&g, &now, 20000, 40, 1000);
	/* more than it takes at a time, because half of the usual latency is tolerated; but not all
	 * that clients want */
	assert_in_range(gradient_limit(&g), 40, 90);
	/* a service that has lost most of its capacity gets fewer within seconds */
	run(&g, &now, 5000, 10, 1000);
	assert_in_range(gradient_limit(&g), 8, 25);
	/* and more again when it is back */
	run(&g, &now, 10000, 40, 1000);
	assert_in_range(gradient_limit(&g), 40, 90);
}

TEST(responses_without_a_latency_leave_a_limit)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 1);
	for (unsigned i = 0; i < 1000; i++)
		(void)gradient_sample(&g, now += 10 * NS_PER_MS, 0, 4);
	assert_in_range(gradient_limit(&g), conf.min, conf.max);
}

TEST(an_idle_limit_does_not_grow)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 1);
	run(&g, &now, 20000, 40, 3);
	/* twice as much as was needed at a time */
	assert_in_range(gradient_limit(&g), 4, 8);
}

TEST(bounds_are_divided_among_workers)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 8);
	run(&g, &now, 20000, 4000, 4000);
	assert_int_equal(gradient_limit(&g), 50);
	run(&g, &now, 20000, 1, 4000); /* a tiny one */
	assert_in_range(gradient_limit(&g), 1, 3);
	gradient_init(&g, &conf, 0);
	assert_int_equal(g.max, 400);
}

TEST(timeouts_halve_it)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 1);
	run(&g, &now, 20000, 4000, 4000);
	uint32_t before = gradient_limit(&g);
	assert_int_equal(before, 400);
	for (int i = 0; i < 60; i++) {
		now += 100 * NS_PER_MS;
		(void)gradient_drop(&g, now, before);
	}
	assert_in_range(gradient_limit(&g), 4, before / 2);
}

TEST(a_service_that_is_slower_for_good_is_found_out)
{
	struct gradient g;
	uint64_t now = NS_PER_S;
	gradient_init(&g, &conf, 1);
	run(&g, &now, 10000, 40, 20);
	assert_true(g.usual_ns < 11e6);
	/* every request takes twice as long, whatever the load: the limit shrinks at first */
	for (unsigned s = 0; s < 3600; s++) {
		for (unsigned i = 0; i < 100; i++) {
			now += 10 * NS_PER_MS;
			(void)gradient_sample(&g, now, 20 * NS_PER_MS, gradient_limit(&g));
		}
	}
	assert_true(g.usual_ns > 18e6);
	assert_int_equal(gradient_limit(&g), 400);
}
