/* Notations of single values. */
#include <string.h>

#include "config/value.h"
#include "unit.h"

#define M VALUE_MALFORMED
#define N VALUE_NO_UNIT
#define L VALUE_TOO_LARGE

struct row {
	const char *text;
	enum value_result result;
	uint64_t value;
};

static void all(enum value_result (*parse)(sluice_str, uint64_t *), const struct row *rows)
{
	for (; rows->text; rows++) {
		uint64_t v = 12345;
		enum value_result r = parse(str_of(rows->text), &v);
		if (r != rows->result || (r == VALUE_OK && v != rows->value))
			fail_msg("%s: result %d, value %llu", rows->text, (int)r,
				(unsigned long long)v);
	}
}

TEST(uint)
{
	all(value_uint,
		(const struct row[]){ { "0", 0, 0 }, { "7", 0, 7 },
			{ "18446744073709551615", 0, UINT64_MAX }, { "18446744073709551616", L, 0 },
			{ "", M, 0 }, { "-1", M, 0 }, { "+1", M, 0 }, { "010", M, 0 },
			{ "00", M, 0 }, { "0x10", M, 0 }, { "1_000", M, 0 }, { "1.0", M, 0 },
			{ " 1", M, 0 }, { "1 ", M, 0 }, { "1e3", M, 0 }, { NULL, 0, 0 } });
}

TEST(int)
{
	int64_t v;
	assert_int_equal(value_int(STR("-9223372036854775808"), &v), VALUE_OK);
	assert_true(v == INT64_MIN);
	assert_int_equal(value_int(STR("9223372036854775807"), &v), VALUE_OK);
	assert_true(v == INT64_MAX);
	assert_int_equal(value_int(STR("-0"), &v), VALUE_OK);
	assert_int_equal(v, 0);
	assert_int_equal(value_int(STR("9223372036854775808"), &v), L);
	assert_int_equal(value_int(STR("-9223372036854775809"), &v), L);
	assert_int_equal(value_int(STR("-"), &v), M);
	assert_int_equal(value_int(STR("--1"), &v), M);
	assert_int_equal(value_int(STR(""), &v), M);
}

TEST(size)
{
	all(value_size,
		(const struct row[]){ { "4096", 0, 4096 }, { "0", 0, 0 }, { "16KiB", 0, 16384 },
			{ "1MiB", 0, 1048576 }, { "2GiB", 0, 2147483648 },
			{ "1TiB", 0, 1ull << 40 }, { "3KB", 0, 3000 }, { "3MB", 0, 3000000 },
			{ "3GB", 0, 3000000000 }, { "5B", 0, 5 }, { "16777216TiB", L, 0 },
			{ "99999999999999999999KiB", L, 0 }, { "1kb", M, 0 }, { "1K", M, 0 },
			{ "1 KiB", M, 0 }, { "KiB", M, 0 }, { "-1", M, 0 }, { "1.5MiB", M, 0 },
			{ "08KiB", M, 0 }, { "", M, 0 }, { NULL, 0, 0 } });
}

TEST(duration)
{
	all(value_duration,
		(const struct row[]){ { "250ms", 0, 250 }, { "30s", 0, 30000 }, { "5m", 0, 300000 },
			{ "1h", 0, 3600000 }, { "7d", 0, 604800000 }, { "0", 0, 0 }, { "0s", 0, 0 },
			{ "30", N, 0 }, { "1", N, 0 }, { "213503982335d", L, 0 }, { "1w", M, 0 },
			{ "1min", M, 0 }, { "s", M, 0 }, { "1 s", M, 0 }, { "1S", M, 0 },
			{ "1h30m", M, 0 }, { "-1s", M, 0 }, { "00", M, 0 }, { "", M, 0 },
			{ NULL, 0, 0 } });
}

TEST(percent)
{
	all(value_percent,
		(const struct row[]){ { "50%", 0, 5000 }, { "12.5%", 0, 1250 }, { "0.05%", 0, 5 },
			{ "0%", 0, 0 }, { "100%", 0, 10000 }, { "250%", 0, 25000 }, { "50", N, 0 },
			{ "12.5", N, 0 }, { "1.%", M, 0 }, { "1.234%", M, 0 }, { "%", M, 0 },
			{ "-1%", M, 0 }, { "01%", M, 0 }, { "5 %", M, 0 }, { "5%%", M, 0 },
			{ "99999999999999999999%", L, 0 }, { "18446744073709551615%", L, 0 },
			{ "", M, 0 }, { NULL, 0, 0 } });
}

TEST(rate)
{
	static const struct {
		const char *text;
		enum value_result result;
		uint64_t count, period;
	} rows[] = {
		{ "100/s", 0, 100, 1000 },
		{ "100/min", 0, 100, 60000 },
		{ "5000/h", 0, 5000, 3600000 },
		{ "1/d", 0, 1, 86400000 },
		{ "10/30s", 0, 10, 30000 },
		{ "0/s", 0, 0, 1000 },
		{ "1/250ms", 0, 1, 250 },
		{ "1/1m", 0, 1, 60000 },
		{ "100", N, 0, 0 },
		{ "100/", M, 0, 0 },
		{ "/s", M, 0, 0 },
		{ "1/m", M, 0, 0 },
		{ "1/0s", M, 0, 0 },
		{ "1/0", M, 0, 0 },
		{ "1/5", M, 0, 0 },
		{ "1 / s", M, 0, 0 },
		{ "1/s/s", M, 0, 0 },
		{ "-1/s", M, 0, 0 },
		{ "99999999999999999999/s", L, 0, 0 },
		{ "1/213503982335d", L, 0, 0 },
		{ "", M, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sluice_rate v = { 0 };
		enum value_result r = value_rate(str_of(rows[i].text), &v);
		if (r != rows[i].result || v.count != rows[i].count ||
			v.period_ms != rows[i].period)
			fail_msg("%s: result %d", rows[i].text, (int)r);
	}
	assert_int_equal(value_rate_compare(&(sluice_rate){ 60, 60000 }, &(sluice_rate){ 1, 1000 }),
		0);
	assert_int_equal(value_rate_compare(&(sluice_rate){ 61, 60000 }, &(sluice_rate){ 1, 1000 }),
		1);
	assert_int_equal(value_rate_compare(&(sluice_rate){ UINT64_MAX, 2 },
				 &(sluice_rate){ UINT64_MAX, 1 }),
		-1);
}

TEST(bool)
{
	bool b = false;
	assert_int_equal(value_bool(STR("true"), &b), VALUE_OK);
	assert_true(b);
	assert_int_equal(value_bool(STR("false"), &b), VALUE_OK);
	assert_false(b);
	assert_int_equal(value_bool(STR("True"), &b), M);
	assert_int_equal(value_bool(STR("yes"), &b), M);
	assert_int_equal(value_bool(STR(""), &b), M);
}

TEST(choices)
{
	static const char *const choices[] = { "round-robin", "least-requests", "h2", NULL };
	assert_int_equal(value_choice(choices, STR("h2")), 2);
	assert_int_equal(value_choice(choices, STR("h")), -1);
	assert_int_equal(value_choice(NULL, STR("h")), -1);
	assert_string_equal(value_nearest(choices, STR("least_requests")), "least-requests");
	assert_string_equal(value_nearest(choices, STR("ROUND-ROBIN")), "round-robin");
	assert_string_equal(value_nearest(choices, STR("h1")), "h2");
	assert_null(value_nearest(choices, STR("random")));
	unsigned d;
	assert_false(value_is_near(STR("a"), STR("b"), &d)); /* all of it differs */
	assert_true(value_is_near(STR("ab"), STR("ac"), &d));
}
