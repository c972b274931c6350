/* The plugin headers in the kit: what it changes, and what it refuses to be told. */
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

static sluice_instance *started(const char *option, const char *value)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, option, value, NULL);
	kit_start(i);
	return i;
}

/* ---- requests ------------------------------------------------------------------------------ */

TEST_WITH(request_set, setup, NULL)
{
	sluice_instance *i = started("request.set",
		"{X-Client: '{ip}', X-Fixed: plain, X-Both: 'a {method} b {path}'}");
	sluice_exchange *x =
		kit_request(i, "GET", "/p?q=1", "X-Client", "forged", "x-client", "again", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Client"), "203.0.113.7");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Client"), 1);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Fixed"), "plain");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Both"), "a GET b /p");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(request_add, setup, NULL)
{
	sluice_instance *i = started("request.add", "{X-Tag: '{route}', X-Id: '{request_id}'}");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-Tag", "theirs", NULL);
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Tag"), 2);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Tag"), "theirs");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Id"), "request-id");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(request_remove, setup, NULL)
{
	sluice_instance *i = started("request.remove", "[X-Debug, X-Internal]");
	sluice_exchange *x = kit_request(i, "GET", "/", "x-debug", "1", "X-Debug", "2",
		"x_internal", "3", "X-Other", "4", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Debug"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X_Internal"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Other"), "4");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(only_some_requests, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "when", "{ path: /a/* }",
		"request.set", "{X-In: '1'}", "response.set", "{X-Out: '1'}", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/a/b", NULL);
	assert_non_null(kit_header(x, SLUICE_REQUEST, "X-In"));
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_non_null(kit_header(x, SLUICE_RESPONSE, "X-Out"));
	kit_end(x);
	x = kit_request(i, "GET", "/b", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-In"));
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_RESPONSE, "X-Out"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(only_some_responses, setup, NULL)
{
	static const struct {
		int status;
		bool changed;
	} rows[] = { { 200, false }, { 404, true }, { 405, false }, { 499, false }, { 500, true },
		{ 503, true }, { 504, false }, { 301, true } };
	sluice_instance *i = kit_instance(&sluice_plugin_record, "response.status",
		"[404, 500-503, 3xx]", "response.set", "{X-Out: '1'}", NULL);
	kit_start(i);
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		assert_int_equal(kit_response(x, rows[k].status), SLUICE_NEXT);
		assert_int_equal(kit_header(x, SLUICE_RESPONSE, "X-Out") != NULL, rows[k].changed);
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(bad_status, setup, NULL)
{
	static const char *const bad[] = { "[199]", "[600]", "[6xx]", "[1xx]", "[500-400]",
		"[500-600]", "[x]", "[4x]", "['']", "[404-]", "[5xx-599]" };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "response.status", bad[k],
			"response.set", "{X-Out: '1'}", NULL);
		assert_int_equal(kit_check(i), -1);
		if (!strstr(kit_errors(i), "response.status[0]"))
			fail_msg("%s: %s", bad[k], kit_errors(i));
		kit_stop(i);
	}
}

/* A value that is not there must not leave the client's own in its place. */
TEST_WITH(no_value_no_field, setup, NULL)
{
	sluice_instance *i =
		started("request.set", "{X-User: '{claim:sub}', X-From: 'by {header:X-Agent}'}");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-User", "admin", "X_User", "admin",
		"x-from", "me", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X_User"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-From"));
	kit_end(x);
	kit_stop(i);

	i = started("request.add", "{X-User: '{claim:sub}'}");
	x = kit_request(i, "GET", "/", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User"));
	kit_end(x);
	kit_stop(i);
}

/* An attribute may hold any bytes. */
TEST_WITH(bytes_that_no_field_may_have, setup, NULL)
{
	sluice_instance *i = started("request.set", "{X-User: 'u {user}'}");
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_add_header(x, SLUICE_REQUEST, "X-User", "forged");
	sluice_host_table->attr_set(x, SLUICE_STR("user"), SLUICE_STR("a\r\nX-Admin: 1"));
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Admin"));
	kit_end(x);
	kit_stop(i);
}

/* Values are those of the message as it came, whatever is removed or set beside. */
TEST_WITH(values_before_changes, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "request.set",
		"{X-A: '{header:X-B}', X-B: '{header:X-A}', X-C: '{header:X-D}'}", "request.remove",
		"X-D", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", "X-A", "1", "X-B", "2", "X-D", "3", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-A"), "2");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-B"), "1");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-C"), "3");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-D"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(braces, setup, NULL)
{
	sluice_instance *i = started("response.set",
		"{X-Json: '{{\"ip\":\"{ip}\"}}', X-Empty: '{header:X-E}.'}");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-E", "", NULL);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Json"), "{\"ip\":\"203.0.113.7\"}");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Empty"), ".");
	kit_end(x);
	kit_stop(i);
}

/* ---- responses ----------------------------------------------------------------------------- */

TEST_WITH(response, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "response.set",
		"{Cache-Control: no-store, X-User: '{claim:sub}'}", "response.add",
		"{Vary: Origin}", "response.remove", "Server", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", "Server", "client's", NULL);
	assert_null(kit_header(x, SLUICE_RESPONSE, "Cache-Control"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Server"), "client's");
	kit_add_header(x, SLUICE_RESPONSE, "Server", "origin");
	kit_add_header(x, SLUICE_RESPONSE, "Vary", "Accept");
	kit_add_header(x, SLUICE_RESPONSE, "Cache-Control", "public");
	kit_add_header(x, SLUICE_RESPONSE, "X-User", "origin's");
	kit_add_header(x, SLUICE_RESPONSE, "Cache_Control", "an upstream may say what it likes");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_RESPONSE, "Server"));
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Vary"), 2);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Cache-Control"), 1);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Cache_Control"), 1);
	assert_null(kit_header(x, SLUICE_RESPONSE, "X-User"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(memory_runs_out, setup, NULL)
{
	sluice_instance *i = started("request.set", "{X-A: '{ip} {ip}'}");
	for (size_t budget = 0; budget < 1024; budget += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_NEXT);
		assert_int_equal(v == SLUICE_NEXT, kit_header(x, SLUICE_REQUEST, "X-A") != NULL);
		assert_true(budget > 0 || v == SLUICE_FAIL);
		assert_true(budget < 1008 || v == SLUICE_NEXT);
		kit_end(x);
	}
	kit_stop(i);
}

/* ---- replacing ----------------------------------------------------------------------------- */

TEST_WITH(replace_in_each_line, setup, NULL)
{
	sluice_instance *i = started("request.replace",
		"[{ field: X-Path, match: '/old/(.*)', with: '/new/$1?by={method}&cost=$$5' }]");
	sluice_exchange *x = kit_request(i, "GET", "/", "x-path", "/old/a", "X-Path", "/other",
		"X-Path", "/older/old/b", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Path"), 3);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Path"), "/new/a?by=GET&cost=$5");
	kit_end(x);
	x = kit_request(i, "GET", "/", "X-Other", "/old/a", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Path"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(replace_by_a_name_that_is_missing, setup, NULL)
{
	sluice_instance *i = started("request.replace",
		"[{ field: X-User, match: '(?<who>[a-z]+)', with: '$who@{query:realm}' }]");
	sluice_exchange *x = kit_request(i, "GET", "/?realm=r", "X-User", "al", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "al@r");
	kit_end(x);
	x = kit_request(i, "GET", "/", "X-User", "al", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(replace_in_responses, setup, NULL)
{
	sluice_instance *i = started("response.replace",
		"[{ field: Set-Cookie, match: '(.*); Secure(.*)', with: '$1$2' }]");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "a=1; Secure; Path=/");
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "b=2");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie"), 2);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"), "a=1; Path=/");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(an_expression_that_needs_too_much_work, setup, NULL)
{
	char value[4096];
	sluice_instance *i = started("request.replace",
		"[{ field: X-Long, match: '(?:(?:a+)+)+[bc]', with: 'x' }]");
	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	sluice_exchange *x = kit_request(i, "GET", "/", "X-Long", value, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_FAIL);
	kit_end(x);
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void assert_refused(const char *option, const char *value, const char *complaint)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, option, value, NULL);
	assert_int_not_equal(kit_check(i), 0);
	if (!strstr(kit_errors(i), complaint))
		fail_msg("\"%s\" is not in: %s", complaint, kit_errors(i));
	kit_stop(i);
}

TEST_WITH(mistakes, setup, NULL)
{
	assert_refused("request.set", "{Bad Name: 1}",
		"request.set[\"Bad Name\"]: field \"Bad Name\" is no name of a header field");
	assert_refused("request.set", "{Content-Length: 1}",
		"request.set.Content-Length: field \"Content-Length\" frames");
	assert_refused("request.set", "{X-Forwarded-For: '{ip}'}",
		"is written by the gateway itself");
	assert_refused("request.add", "{Host: a}", "can be set in a request, and nothing else");
	assert_refused("request.add", "{Authorization: x}", "stands in a request once at most");
	assert_refused("response.set", "{X-A: \"a\\x01b\"}",
		"response.set.X-A: has a value with control bytes");
	assert_refused("response.set", "{X-A: \"a\\x01b {ip}\"}",
		"response.set.X-A: has a value with control bytes");
	assert_refused("response.add", "{X-A: '{ip'}",
		"response.add.X-A: has a { that nothing closes");
	assert_refused("response.set", "{X-A: 'a } b'}", "has a } that nothing opened");
	assert_refused("response.set", "{X-A: 'x{}'}", "has an empty placeholder");
	assert_refused("response.set", "{X-A: 'x{client ip}'}",
		"has the placeholder {client ip}: expected ip, method");
	assert_refused("response.remove", "[X-A, Transfer-Encoding]",
		"response.remove[1]: field \"Transfer-Encoding\"");
	assert_refused("request.set", "{X-A: 1, x-a: 2}",
		"request.set.x-a: is set already, as X-A");
	assert_refused("request.replace", "[{ field: Content-Length, match: a, with: b }]",
		"request.replace[0].field: field \"Content-Length\" frames");
	assert_refused("request.replace", "[{ field: Host, match: a, with: b }]", "`set` gives it");
	assert_refused("response.replace", "[{ field: X, match: '(', with: b }]",
		"response.replace[0].match");
	assert_refused("request.replace", "[{ field: X, match: a, with: '$1' }]", "names no group");
	assert_refused("request.replace", "[{ field: X, match: a, with: '{nothing' }]",
		"request.replace[0].with");
	sluice_instance *i = kit_instance(&sluice_plugin_record, NULL);
	assert_int_not_equal(kit_check(i), 0);
	assert_string_equal(kit_errors(i), "-: nothing is set, added, removed or replaced\n");
	kit_stop(i);
}

/* All of them, not the first alone. */
TEST_WITH(mistakes_are_all_told, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "request.set",
		"{Bad Name: 1, X-A: '{}'}", "response.remove", "[Te]", NULL);
	assert_int_not_equal(kit_check(i), 0);
	assert_non_null(strstr(kit_errors(i), "request.set[\"Bad Name\"]"));
	assert_non_null(strstr(kit_errors(i), "request.set.X-A"));
	assert_non_null(strstr(kit_errors(i), "response.remove[0]"));
	kit_stop(i);
}
