/* The plugin fault in the kit: who is hit, how often, for how long, and bad options. */
#include <string.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static sluice_instance *started(const char *option, const char *value, const char *option2,
	const char *value2)
{
	sluice_instance *i =
		kit_instance(&sluice_plugin_record, option, value, option2, value2, NULL);
	kit_start(i);
	return i;
}

TEST_WITH(a_delayed_request_goes_on_after_its_time, setup, NULL)
{
	sluice_instance *i = started("delay", "{ time: 300ms }", NULL, NULL);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	assert_true(kit_noted(x, "fault-delay"));
	kit_advance(299);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(an_aborted_request_is_answered, setup, NULL)
{
	sluice_instance *i = started("abort", "{ status: 502, share: 100% }", "delay",
		"{ time: 10ms, jitter: 20ms }");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(30);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 502);
	assert_string_equal(kit_code(x), "fault-injected");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(only_requests_that_meet_the_condition, setup, NULL)
{
	sluice_instance *i =
		started("abort", "{ share: 100% }", "when", "{ headers: { X-Fault: '*' } }");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	x = kit_request(i, "GET", "/", "X-Fault", "1", NULL);
	assert_int_equal(kit_status(x), 503);
	kit_end(x);
	kit_stop(i);
}

/* 20,000 draws of 1/4: further than 400 from 5,000 would be 6 standard deviations off. */
TEST_WITH(a_share_is_hit, setup, NULL)
{
	sluice_instance *i = started("abort", "{ share: 25.0000% }", NULL, NULL);
	int hit = 0;
	for (int k = 0; k < 20000; k++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		hit += kit_verdict(x) == SLUICE_REPLY;
		kit_end(x);
	}
	assert_in_range(hit, 4600, 5400);
	kit_stop(i);
}

TEST_WITH(a_bound_of_those_that_wait, setup, NULL)
{
	sluice_instance *i = started("delay", "{ time: 1s }", "max_delayed", "2");
	sluice_exchange *x[4];
	for (int k = 0; k < 3; k++)
		x[k] = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x[1]), SLUICE_WAIT);
	assert_int_equal(kit_verdict(x[2]), SLUICE_NEXT);
	kit_end(x[0]); /* its client leaves */
	x[0] = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x[0]), SLUICE_WAIT);
	kit_advance(1000);
	x[3] = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x[3]), SLUICE_WAIT);
	for (int k = 0; k < 4; k++)
		kit_end(x[k]);
	kit_stop(i);
}

TEST_WITH(bad_options, setup, NULL)
{
	static const struct {
		const char *option, *value, *words;
	} rows[] = {
		{ "max_delayed", "5", "neither `delay` nor `abort`" },
		{ "abort", "{ share: 0% }", "no share" },
		{ "abort", "{ share: 10 }", "no share" },
		{ "abort", "{ share: 101% }", "no share" },
		{ "abort", "{ share: 100.1% }", "no share" },
		{ "abort", "{ share: 0.00001% }", "no share" },
		{ "abort", "{ share: -1% }", "no share" },
		{ "abort", "{ status: 200, share: 1% }", "between 400 and 599" },
		{ "abort", "{ status: 500 }", "share is required" },
		{ "delay", "{ share: 10% }", "time is required" },
		{ "delay", "{ time: 6m }", "between 1ms and 5m" },
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		sluice_instance *i =
			kit_instance(&sluice_plugin_record, rows[k].option, rows[k].value, NULL);
		assert_int_equal(kit_check(i), -1);
		if (!strstr(kit_errors(i), rows[k].words))
			fail_msg("%s %s: %s", rows[k].option, rows[k].value, kit_errors(i));
		kit_stop(i);
	}
}
