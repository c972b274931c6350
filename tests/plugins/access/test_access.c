/* The plugin access in the kit: which rule decides, words in lists, times, and bad options. */
#include <string.h>

#include "hours.h"
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static sluice_instance *started(const char *rules, const char *option, const char *value)
{
	sluice_instance *i =
		kit_instance(&sluice_plugin_record, "rules", rules, option, value, NULL);
	kit_start(i);
	return i;
}

/* What a request gets: 200 stands for what goes on. */
static int status_of(sluice_instance *i, const char *method, const char *target, const char *name,
	const char *value)
{
	sluice_exchange *x = kit_request(i, method, target, name, value, NULL);
	int status = kit_verdict(x) == SLUICE_NEXT ? 200
		: kit_verdict(x) == SLUICE_FAIL    ? 500
						   : kit_status(x);
	kit_end(x);
	return status;
}

static int status_at(sluice_instance *i, uint64_t unix_ms)
{
	kit_set_unix_ms(unix_ms);
	return status_of(i, "GET", "/", NULL, NULL);
}

/* ---- which rule decides -------------------------------------------------------------------- */

TEST_WITH(the_first_rule_that_applies_decides, setup, NULL)
{
	sluice_instance *i =
		started("[{ name: a, action: deny, when: { path: /a/secret } },"
			" { name: b, action: allow, when: { path: /a/*, methods: [GET, HEAD] } },"
			" { name: c, action: deny, code: no-post, when: { path: /a/* } }]",
			"decide", "first");
	assert_int_equal(status_of(i, "GET", "/a/x", NULL, NULL), 200);
	assert_int_equal(status_of(i, "GET", "/a/secret", NULL, NULL), 403);
	assert_int_equal(status_of(i, "GET", "/b", NULL, NULL), 403);
	sluice_exchange *x = kit_request(i, "POST", "/a/x", NULL);
	assert_string_equal(kit_code(x), "no-post");
	kit_end(x);
	x = kit_request(i, "GET", "/b", NULL);
	assert_string_equal(kit_code(x), "access-no-rule");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_denial_counts_before_all_permits, setup, NULL)
{
	sluice_instance *i = started("[{ name: a, action: allow, when: { path: /a/* } },"
				     " { name: b, action: deny, when: { path: /a/secret } }]",
		"decide", "all");
	assert_int_equal(status_of(i, "GET", "/a/x", NULL, NULL), 200);
	assert_int_equal(status_of(i, "GET", "/a/secret", NULL, NULL), 403);
	assert_int_equal(status_of(i, "GET", "/b", NULL, NULL), 403);
	kit_stop(i);
}

TEST_WITH(what_no_rule_decides, setup, NULL)
{
	const char *rules = "[{ name: a, action: deny, when: { query: { debug: '*' } } }]";
	sluice_instance *i = started(rules, "otherwise", "allow");
	assert_int_equal(status_of(i, "GET", "/?debug=1", NULL, NULL), 403);
	assert_int_equal(status_of(i, "GET", "/", NULL, NULL), 200);
	kit_stop(i);
}

/* ---- conditions ---------------------------------------------------------------------------- */

TEST_WITH(every_part_of_a_condition_must_be_met, setup, NULL)
{
	sluice_instance *i = started(
		"[{ name: a, action: allow, when: { host: '*.example.com', path: '/{any}/b', "
		"methods: PURGE, headers: { X-Key: 'regex:[0-9]+' }, query: { q: yes please }, "
		"facts: { method: [PURGE, GET], 'path': '/1/b' } } }]",
		"decide", "all");
	static const struct {
		const char *method, *target, *host, *key;
		int status;
	} rows[] = {
		{ "PURGE", "/1/b?q=yes+please", "a.example.com", "12", 200 },
		{ "GET", "/1/b?q=yes+please", "a.example.com", "12", 403 },
		{ "PURGE", "/1/c?q=yes+please", "a.example.com", "12", 403 },
		{ "PURGE", "/2/b?q=yes+please", "a.example.com", "12", 403 },
		{ "PURGE", "/1/b?q=no", "a.example.com", "12", 403 },
		{ "PURGE", "/1/b?q=yes+please", "example.com", "12", 403 },
		{ "PURGE", "/1/b?q=yes+please", "a.example.com", "x", 403 },
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		sluice_exchange *x = kit_exchange(i, rows[k].method, rows[k].target);
		kit_set_info(x, SLUICE_I_HOST, rows[k].host);
		kit_add_header(x, SLUICE_REQUEST, "X-Key", rows[k].key);
		sluice_verdict v = kit_run(x);
		if ((v == SLUICE_NEXT) != (rows[k].status == 200))
			fail_msg("row %zu: verdict %d", k, (int)v);
		kit_end(x);
	}
	kit_stop(i);
}

/* An expression that needs more work than a match may take: nobody is let in by that. */
TEST_WITH(what_cannot_be_decided_is_refused, setup, NULL)
{
	sluice_instance *i =
		started("[{ name: a, action: deny, when: { headers: { X: 'regex:(a+)+' } } }]",
			"otherwise", "allow");
	char many[8192];
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 2] = '!';
	many[sizeof(many) - 1] = 0;
	assert_int_equal(status_of(i, "GET", "/", "X", "aaa"), 403);
	assert_int_equal(status_of(i, "GET", "/", "X", many), 500);
	kit_stop(i);
}

TEST_WITH(words_of_lists, setup, NULL)
{
	sluice_instance *i =
		started("[{ name: a, action: allow, has_all: { 'header:scope': [read, write] },"
			" has_any: { 'header:scope': [eu, us] } }]",
			"decide", "first");
	static const struct {
		const char *scope;
		int status;
	} rows[] = { { "read write eu", 200 }, { "us,  write,read", 200 }, { "read write", 403 },
		{ "read eu", 403 }, { "reading write eu", 403 }, { "", 403 } };
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		assert_int_equal(status_of(i, "GET", "/", "Scope", rows[k].scope), rows[k].status);
	assert_int_equal(status_of(i, "GET", "/", NULL, NULL), 403);
	kit_stop(i);
}

/* ---- time ---------------------------------------------------------------------------------- */

#define HOUR UINT64_C(3600000)
#define DAY (24 * HOUR)
#define MONDAY UINT64_C(1704067200000) /* 2024-01-01 00:00 UTC */

TEST_WITH(hours_and_days, setup, NULL)
{
	sluice_instance *i =
		started("[{ name: a, action: allow, hours: ['08:00-18:30'],"
			" days: [mon, tue, wed, thu, fri] },"
			" { name: b, action: allow, hours: '22:00-06:00', days: sat }]",
			"zone", "utc");
	assert_int_equal(status_at(i, MONDAY + 8 * HOUR - 1), 403);
	assert_int_equal(status_at(i, MONDAY + 8 * HOUR), 200);
	assert_int_equal(status_at(i, MONDAY + 18 * HOUR + HOUR / 2 - 1), 200);
	assert_int_equal(status_at(i, MONDAY + 18 * HOUR + HOUR / 2), 403);
	assert_int_equal(status_at(i, MONDAY + 5 * DAY + 12 * HOUR), 403);
	assert_int_equal(status_at(i, MONDAY + 5 * DAY + 23 * HOUR), 200);
	assert_int_equal(status_at(i, MONDAY + 6 * DAY + 5 * HOUR), 200);
	assert_int_equal(status_at(i, MONDAY + 6 * DAY + 23 * HOUR), 403);
	assert_int_equal(status_at(i, MONDAY + 5 * DAY + 5 * HOUR), 403);
	kit_stop(i);
}

TEST(spans_of_a_day)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = { { "00:00-24:00", true }, { "08:00-18:30", true }, { "22:00-06:00", true },
		{ "08:00-08:00", false }, { "24:00-06:00", false }, { "06:00-00:00", false },
		{ "8:00-18:00", false }, { "08:00", false }, { "08:60-09:00", false },
		{ "08:00-24:01", false }, { "", false }, { "08.00-09.00", false },
		{ "08:00-09:00-10:00", false } };
	struct hours h;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		sluice_str s = { rows[k].text, strlen(rows[k].text) };
		if (hours_parse(s, &h) != rows[k].ok)
			fail_msg("%s", rows[k].text);
	}
}

/* ---- who is refused how -------------------------------------------------------------------- */

TEST_WITH(an_unknown_client_is_asked_who_it_is, setup, NULL)
{
	sluice_instance *i = started("[{ name: a, action: allow, when: { path: /open } }]",
		"challenge", "Bearer realm=\"api\"");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_status(x), 401);
	assert_int_equal(kit_response(x, 401), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"api\"");
	kit_end(x);
	kit_stop(i);
}

/* ---- options ------------------------------------------------------------------------------- */

TEST_WITH(bad_options, setup, NULL)
{
	static const struct {
		const char *rules, *words;
	} rows[] = {
		{ "[]", "between 1 and 256" },
		{ "[{ name: a }]", "action is required" },
		{ "[{ name: a, action: deny }]", "no rule allows anything" },
		{ "[{ name: a, action: allow, when: {} }]", "there is no condition here" },
		{ "[{ name: a, action: allow, when: /a }]", "expected a block of conditions" },
		{ "[{ name: a, action: allow, when: { pth: /a } }]", "unknown key" },
		{ "[{ name: a, action: allow, when: { listener: l } }]", "unknown key" },
		{ "[{ name: a, action: allow, when: { path: a } }]", "character 1" },
		{ "[{ name: a, action: allow, when: { methods: get } }]", "did you mean GET" },
		{ "[{ name: a, action: allow, when: { headers: { 'a b': c } } }]",
			"not the name of a header field" },
		{ "[{ name: a, action: allow, when: { facts: { 'header:': c } } }]", "header:" },
		{ "[{ name: a, action: allow, when: { headers: { a: 'regex:(' } } }]",
			"character" },
		{ "[{ name: a, action: allow, when: { methods: [] } }]", "when.methods" },
		{ "[{ name: a, action: allow, when: { headers: {} } }]", "when.headers" },
		{ "[{ name: a, action: allow, when: { path: '' } }]", "when.path" },
		{ "[{ name: a, action: allow, when: { facts: {} } }]", "when.facts" },
		{ "[{ name: a, action: allow, has_any: {} }]", "has_any" },
		{ "[{ name: a, action: allow, hours: [] }]", "hours" },
		{ "[{ name: a, action: allow, when: { headers: { a: b, 'c d': e } } }]",
			"when.headers[\"c d\"]" },
		{ "[{ name: a, action: allow, hours: '8-18' }]", "08:00-18:00" },
		{ "[{ name: a, action: allow, code: 'No Way' }]", "reason code" },
		{ "[{ name: a, action: allow, has_any: { 'header:': b } }]", "must follow" },
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		sluice_instance *i =
			kit_instance(&sluice_plugin_record, "rules", rows[k].rules, NULL);
		assert_int_equal(kit_check(i), -1);
		if (!strstr(kit_errors(i), rows[k].words))
			fail_msg("%s: %s", rows[k].rules, kit_errors(i));
		kit_stop(i);
	}
	sluice_instance *i = kit_instance(&sluice_plugin_record, "rules",
		"[{ name: a, action: allow }]", "challenge", "Bearer \001", NULL);
	assert_int_equal(kit_check(i), -1);
	kit_stop(i);
}
