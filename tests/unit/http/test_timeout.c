/* http/timeout: how long a client waits, as fields say it. */
#include "base/clock.h"
#include "http/timeout.h"
#include "unit.h"

TEST(texts)
{
	static const struct {
		const char *text;
		bool is_ms;
		uint64_t ns;
	} good[] = {
		{ "0", false, 0 },
		{ "2", false, 2 * NS_PER_S },
		{ "2", true, 2 * NS_PER_MS },
		{ "2s", true, 2 * NS_PER_S },
		{ "2MS", false, 2 * NS_PER_MS },
		{ "2.5", false, 2500 * NS_PER_MS },
		{ "2.5", true, 2500000 },
		{ "0.000000001", false, 1 },
		{ "007", false, 7 * NS_PER_S },
		{ "999999999", false, 999999999 * NS_PER_S },
		{ "999999999.999999999s", true, UINT64_C(999999999999999999) },
	};
	static const char *const bad[] = { "", "s", "ms", "-1", "+1", ".5", "1.", "1.s", "1 s",
		"1h", "1m", "1s ", " 1", "1ss", "1000000000", "1.0000000000", "1e3", "0x1", "1,5",
		"1..5" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t ns = 42;
		assert_true(timeout_parse(str_of(good[i].text), good[i].is_ms, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ns = 42;
		if (timeout_parse(str_of(bad[i]), false, &ns))
			fail_msg("\"%s\" is none", bad[i]);
		assert_int_equal(ns, 42);
	}
}

static void assert_written(uint64_t ns, bool is_ms, const char *text)
{
	char buf[TIMEOUT_TEXT];
	sluice_str got = str_n(buf, timeout_write(ns, is_ms, buf));
	if (!str_eq(got, str_of(text)))
		fail_msg("%.*s, not %s", STR_ARG(got), text);
}

TEST(writing_rounds_down)
{
	assert_written(0, false, "0.000");
	assert_written(1999999, false, "0.001");
	assert_written(2500 * NS_PER_MS, false, "2.500");
	assert_written(2500 * NS_PER_MS + 999999, true, "2500");
	assert_written(UINT64_MAX, false, "18446744073.709");
	assert_written(UINT64_MAX, true, "18446744073709");
}

TEST(names_say_the_unit)
{
	assert_true(timeout_is_ms(STR("x-envoy-expected-rq-timeout-ms")));
	assert_true(timeout_is_ms(STR("X-Timeout-MS")));
	assert_false(timeout_is_ms(STR("x-request-timeout")));
	assert_false(timeout_is_ms(STR("ms")));
	assert_false(timeout_is_ms(STR("")));
}
