/* The plugin rewrite in the kit: what it makes of requests and responses, and what it refuses. */
#include <string.h>

#include <sluice/str.h>

#include "kit.h"
#include "kit_tool.h"
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

/* What becomes of a target. */
static void assert_target(sluice_instance *i, const char *target, const char *expected)
{
	sluice_exchange *x = kit_request(i, "GET", target, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_target(x), expected);
	kit_end(x);
}

static void assert_refused(sluice_instance *i, const char *target, int status, const char *code)
{
	sluice_exchange *x = kit_request(i, "GET", target, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), status);
	assert_string_equal(kit_code(x), code);
	assert_string_equal(kit_target(x), target);
	kit_end(x);
}

/* ---- paths --------------------------------------------------------------------------------- */

TEST_WITH(a_prefix_is_stripped_by_whole_segments, setup, NULL)
{
	sluice_instance *i = started("strip_prefix", "[/api, /api/v1/]");
	assert_target(i, "/api/users?q=1&q=%2F", "/users?q=1&q=%2F");
	assert_target(i, "/api/v1/users", "/users");
	assert_target(i, "/api/v10/users", "/v10/users");
	assert_target(i, "/api", "/");
	assert_target(i, "/api/", "/");
	assert_target(i, "/apis/users", "/apis/users");
	assert_target(i, "/other/api/users", "/other/api/users");
	assert_target(i, "/api%2Fusers", "/api%2Fusers");
	assert_target(i, "/api/a%2Fb/", "/a%2Fb/");
	kit_stop(i);
}

TEST_WITH(a_prefix_is_added, setup, NULL)
{
	sluice_instance *i = started("add_prefix", "/svc/");
	assert_target(i, "/users/a%20b?x", "/svc/users/a%20b?x");
	assert_target(i, "/", "/svc/");
	kit_stop(i);
	i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api", "add_prefix", "/svc", NULL);
	kit_start(i);
	assert_target(i, "/api/users/", "/svc/users/");
	assert_target(i, "/api", "/svc");
	assert_target(i, "/other", "/svc/other");
	kit_stop(i);
}

TEST_WITH(a_path_is_made_of_facts, setup, NULL)
{
	sluice_instance *i = started("path", "/t/{query:t}/{header:X-Part}");
	sluice_exchange *x = kit_request(i, "GET", "/a?t=a%2Fb", "X-Part", "p", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_target(x), "/t/a%2Fb/p?t=a%2Fb");
	kit_end(x);
	assert_refused(i, "/a?t=x", 400, "rewrite-missing");
	kit_stop(i);
}

/* Whatever a client puts into a value, the path is not one beside the place that the text names. */
TEST_WITH(no_value_leaves_its_place, setup, NULL)
{
	static const char *const values[] = { "..", "../admin", "a/../../admin", ".", "./a", "a//b",
		"/admin", "..%2Fadmin", "..;a", "%2e%2e", "%2E%2E/admin", "a?b", "a#b", "a%",
		"a%2f", "%00", "%41", ".%5C..", "" };
	sluice_instance *i = started("path", "/files/{header:X-Part}/of");
	for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
		sluice_exchange *x = kit_request(i, "GET", "/a", "X-Part", values[k], NULL);
		if (kit_verdict(x) != SLUICE_REPLY || strcmp(kit_code(x), "rewrite-malformed"))
			fail_msg("\"%s\" passed", values[k]);
		assert_string_equal(kit_target(x), "/a");
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(values_of_parameters_stay_one_segment, setup, NULL)
{
	sluice_instance *i = started("add_prefix", "/tenants/{query:t}");
	assert_target(i, "/a?t=x%2Fy", "/tenants/x%2Fy/a?t=x%2Fy");
	assert_target(i, "/a?t=%C3%A9+%3F%23", "/tenants/%C3%A9%20%3F%23/a?t=%C3%A9+%3F%23");
	assert_refused(i, "/a?t=..", 400, "rewrite-malformed");
	assert_refused(i, "/a?t=..%2Fx", 400, "rewrite-malformed");
	assert_refused(i, "/a?t=%2E%2E", 400, "rewrite-malformed");
	assert_refused(i, "/a?t=", 400, "rewrite-malformed");
	assert_refused(i, "/a", 400, "rewrite-missing");
	kit_stop(i);
}

/* ---- expressions --------------------------------------------------------------------------- */

TEST_WITH(the_first_expression_that_matches_replaces_the_path, setup, NULL)
{
	sluice_instance *i = started("regex",
		"[{match: '/old/(.*)', replace: '/new/$1'}, "
		"{match: '^/(?<kind>[a-z]+)/([0-9]+)(/x)?$', replace: "
		"'/$kind.php/$2$3/$$/{method}'}, "
		"{match: '/all', replace: '/$0/$0'}]");
	assert_target(i, "/old/a/b%2Fc?q=1", "/new/a/b%2Fc?q=1");
	assert_target(i, "/old/", "/new/");
	assert_target(i, "/item/42", "/item.php/42/$/GET");
	assert_target(i, "/item/42/x", "/item.php/42/x/$/GET");
	assert_target(i, "/older", "/older");
	assert_target(i, "/x/old/a", "/x/old/a");
	assert_refused(i, "/all", 400, "rewrite-malformed");
	kit_stop(i);
}

TEST_WITH(expressions_set_parameters, setup, NULL)
{
	sluice_instance *i = started("regex",
		"[{match: '/item/([^/]+)', replace: '/item.php?id=$1&by={ip}&m=a%20b+c$$'}, "
		"{match: '/only/(.*)', replace: '/o?p=x$1&e=?'}, {match: '/none', replace: '/n?'}, "
		"{match: '/same', replace: '/same?'}]");
	assert_target(i, "/item/7", "/item.php?id=7&by=203.0.113.7&m=a%20b%20c%24");
	assert_target(i, "/item/a&id=9%2F+%26?page=2&id=8&%69d=9",
		"/item.php?page=2&id=a%26id%3D9%2F%2B%26&by=203.0.113.7&m=a%20b%20c%24");
	assert_target(i, "/only/1?a=b&c", "/o?p=x1&e=");
	assert_target(i, "/none?a", "/n");
	assert_target(i, "/same?a", "/same");
	kit_stop(i);
}

TEST_WITH(groups_do_not_leave_their_place, setup, NULL)
{
	sluice_instance *i = started("regex",
		"[{match: '/a(.*)', replace: '/b/.$1'}, {match: '/p/(.*)2F(.*)', replace: "
		"'/p/$1/$2'}]");
	assert_refused(i, "/a./x", 400, "rewrite-malformed");
	assert_refused(i, "/a", 400, "rewrite-malformed");
	assert_target(i, "/aa", "/b/.a");
	assert_refused(i, "/p/x%2Fy", 400, "rewrite-malformed");
	kit_stop(i);
}

TEST_WITH(an_expression_that_backtracks_without_end_is_stopped, setup, NULL)
{
	sluice_instance *i = started("regex", "[{match: '/(a+)+', replace: '/x'}]");
	assert_refused(i, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", 500,
		"rewrite-limit");
	assert_target(i, "/aaa", "/x");
	kit_stop(i);
}

TEST_WITH(stripped_before_and_added_behind_expressions, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api", "regex",
		"[{match: '/v1(/.*)?', replace: '/one$1'}, {match: '/', replace: '/root'}]",
		"add_prefix", "/svc", NULL);
	kit_start(i);
	assert_target(i, "/api/v1/a", "/svc/one/a");
	assert_target(i, "/api", "/svc/root");
	assert_target(i, "/v1", "/svc/one");
	kit_stop(i);
}

/* ---- query and host ------------------------------------------------------------------------ */

TEST_WITH(parameters, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "query.set",
		"{ip: '{ip}', a: 'x&y=1 {query:gone}', user: '{claim:sub}'}", "query.remove",
		"[gone, never]", NULL);
	kit_start(i);
	assert_target(i, "/p?gone=%C3%A9&b=2&user=root&%61=1&a=2",
		"/p?b=2&a=x%26y%3D1%20%C3%A9&ip=203.0.113.7");
	kit_stop(i);
}

TEST_WITH(the_host, setup, NULL)
{
	sluice_instance *i = started("host", "app.internal:8080");
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
	i = started("host", "h{header:X-Host}");
	static const char *const bad[] = { "a/b", "u@h", "a b", "a:99999", ".." };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		x = kit_request(i, "GET", "/a", "X-Host", bad[k], NULL);
		assert_int_equal(kit_verdict(x), SLUICE_REPLY);
		assert_string_equal(kit_code(x), "rewrite-malformed");
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(options_asterisk_has_no_path, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "add_prefix", "/svc", "query.set",
		"{a: b}", NULL);
	kit_start(i);
	sluice_exchange *x = kit_exchange(i, "OPTIONS", "*");
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	assert_string_equal(kit_target(x), "*");
	kit_end(x);
	assert_string_equal(kit_log(), "");
	kit_stop(i);
}

/* ---- X-Forwarded-Prefix -------------------------------------------------------------------- */

static void assert_prefix(sluice_instance *i, const char *target, const char *sent,
	const char *expected)
{
	sluice_exchange *x = kit_exchange(i, "GET", target);
	if (sent)
		kit_add_header(x, SLUICE_REQUEST, "X-Forwarded-Prefix", sent);
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	const char *told = kit_header(x, SLUICE_REQUEST, "X-Forwarded-Prefix");
	if (expected)
		assert_string_equal(told, expected);
	else
		assert_null(told);
	assert_true(kit_header_count(x, SLUICE_REQUEST, "X-Forwarded-Prefix") <= 1);
	kit_end(x);
}

TEST_WITH(the_upstream_is_told_what_was_stripped, setup, NULL)
{
	sluice_instance *i = started("strip_prefix", "/api");
	assert_prefix(i, "/api/a", NULL, "/api");
	assert_prefix(i, "/a", NULL, NULL);
	assert_prefix(i, "/api/a", "/outer/", "/outer/api");
	assert_prefix(i, "/api/a", "/x, /y/z", "/x/y/z/api");
	assert_prefix(i, "/api/a", "//evil.example", "/api");
	assert_prefix(i, "/api/a", "https://evil.example", "/api");
	assert_prefix(i, "/api/a", "/..", "/api");
	assert_prefix(i, "/api/a", "/", "/api");
	assert_prefix(i, "/api/a", "/1,/2,/3,/4,/5,/6,/7,/8,/9", "/1/2/3/4/5/6/7/8/api");
	kit_stop(i);
	i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api", "forwarded_prefix", "false",
		NULL);
	kit_start(i);
	assert_prefix(i, "/api/a", NULL, NULL);
	kit_stop(i);
}

/* ---- responses ----------------------------------------------------------------------------- */

struct answer {
	const char *field, *value, *expected;
};

static void assert_answers(sluice_instance *i, const char *target, const struct answer *v, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		sluice_exchange *x =
			kit_request(i, "GET", target, "Host", "api.example.com:8443", NULL);
		assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 302);
		kit_set_info(x, SLUICE_I_SERVER, "10.0.0.5:9000");
		kit_add_header(x, SLUICE_RESPONSE, v[k].field, v[k].value);
		assert_int_equal(kit_response(x, 302), SLUICE_NEXT);
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, v[k].field), v[k].expected);
		kit_end(x);
	}
}
#define ASSERT_ANSWERS(i, target, ...)                                  \
	do {                                                            \
		static const struct answer v[] = { __VA_ARGS__ };       \
		assert_answers(i, target, v, sizeof(v) / sizeof(v[0])); \
	} while (0)

TEST_WITH(addresses_in_responses_get_the_prefix, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"responses", "rewrite", NULL);
	kit_start(i);
	ASSERT_ANSWERS(i, "/api/a", { "Location", "/login?to=/a#b", "/api/login?to=/a#b" },
		{ "Content-Location", "/doc/1", "/api/doc/1" }, { "Location", "/", "/api/" },
		{ "Location", "/api/login", "/api/login" }, { "Location", "login", "login" },
		{ "Location", "../login", "../login" }, { "Location", "?page=2", "?page=2" },
		{ "Location", "https://api.example.com:8443/login",
			"https://api.example.com:8443/api/login" },
		{ "Location", "http://API.example.com/login", "http://API.example.com/api/login" },
		{ "Location", "https://api.example.com", "https://api.example.com/api/" },
		{ "Location", "//api.example.com/x", "//api.example.com/api/x" },
		{ "Location", "http://10.0.0.5:9000/x?y", "/api/x?y" },
		{ "Location", "https://api.example.com:9443/x", "https://api.example.com:9443/x" },
		{ "Location", "https://other.example/login", "https://other.example/login" },
		{ "Location", "https://api.example.com@evil.example/",
			"https://api.example.com@evil.example/" },
		{ "Location", "mailto:a@b", "mailto:a@b" }, { "Location", "http:/x", "http:/x" });
	ASSERT_ANSWERS(i, "/other", { "Location", "/login", "/login" });
	kit_stop(i);
}

TEST_WITH(addresses_in_responses_lose_the_prefix_that_was_added, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "add_prefix", "/svc", "responses",
		"rewrite", NULL);
	kit_start(i);
	ASSERT_ANSWERS(i, "/a", { "Location", "/svc/login", "/login" }, { "Location", "/svc", "/" },
		{ "Location", "/svc?a", "/?a" }, { "Location", "/svcs", "/svcs" },
		{ "Location", "/other", "/other" },
		{ "Location", "/svc//evil.example/", "/.//evil.example/" },
		{ "Location", "/svc/\\evil.example/", "/./\\evil.example/" },
		{ "Set-Cookie", "a=b; path=/svc/x; Secure", "a=b; Path=/x; Secure" },
		{ "Set-Cookie", "a=b; Path=/", "a=b; Path=/" },
		{ "Set-Cookie", "a=b; Path=/svc", "a=b; Path=/" });
	kit_stop(i);
	i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api", "add_prefix", "/api/v2",
		"responses", "rewrite", NULL);
	kit_start(i);
	ASSERT_ANSWERS(i, "/api/a", { "Location", "/api/v2/x", "/api/x" },
		{ "Location", "/api/x", "/api/x" });
	kit_stop(i);
}

TEST_WITH(the_host_of_the_service_is_turned_back, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "host", "app.internal:8080",
		"responses", "rewrite", NULL);
	kit_start(i);
	ASSERT_ANSWERS(i, "/a", { "Location", "http://app.internal:8080/x", "/x" },
		{ "Location", "https://APP.internal:8080/x#y", "/x#y" },
		{ "Location", "http://app.internal:8080", "/" },
		{ "Location", "http://app.internal:8080\\evil.example",
			"http://app.internal:8080\\evil.example" },
		{ "Location", "http://app.internal:8080//evil.example", "/.//evil.example" },
		{ "Location", "http://app.internal/x", "http://app.internal/x" },
		{ "Location", "/x", "/x" },
		{ "Set-Cookie", "a=b; Domain=app.internal", "a=b; Domain=api.example.com" },
		{ "Set-Cookie", "a=b; domain=.app.internal; HttpOnly",
			"a=b; Domain=api.example.com; HttpOnly" },
		{ "Set-Cookie", "a=b; Domain=internal; Path=/", "a=b; Path=/" },
		{ "Set-Cookie", "a=b; Domain=example.com", "a=b; Domain=example.com" },
		{ "Set-Cookie", "a=b; Domain=nternal", "a=b; Domain=nternal" });
	kit_stop(i);
}

/* Over HTTP/2 there is no Host field that tells the port. */
TEST_WITH(a_port_that_is_not_known_is_the_client_s, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"responses", "rewrite", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/api/a", NULL);
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 302);
	kit_add_header(x, SLUICE_RESPONSE, "Location", "https://api.example.com:8443/b");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Location", "https://[::1]:8443/b");
	assert_int_equal(kit_response(x, 302), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"),
		"https://api.example.com:8443/api/b");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Content-Location"),
		"https://[::1]:8443/b");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(the_way_to_https_is_kept, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "host", "app.internal",
		"strip_prefix", "/api", "responses", "rewrite", NULL);
	kit_start(i);
	sluice_exchange *x = kit_exchange(i, "GET", "/api/a");
	kit_set_info(x, SLUICE_I_SCHEME, "http");
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 301);
	kit_add_header(x, SLUICE_RESPONSE, "Location", "https://app.internal/a");
	assert_int_equal(kit_response(x, 301), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"),
		"https://api.example.com/api/a");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(cookies_get_the_prefix, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"responses", "rewrite", NULL);
	kit_start(i);
	ASSERT_ANSWERS(i, "/api/a", { "Set-Cookie", "a=b; Path=/", "a=b; Path=/api" },
		{ "Set-Cookie", "a=b; Path=/x; Path=/y", "a=b; Path=/api/x; Path=/api/y" },
		{ "Set-Cookie", "a=b;PATH = /x ;Secure", "a=b; Path=/api/x;Secure" },
		{ "Set-Cookie", "a=\"Path=/\"; Secure", "a=\"Path=/\"; Secure" },
		{ "Set-Cookie", "a=b; Path=/api/x", "a=b; Path=/api/x" },
		{ "Set-Cookie", "a=b; Path=x; Path; Domain", "a=b; Path=x; Path; Domain" },
		{ "Set-Cookie", "a", "a" },
		{ "Set-Cookie", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure" },
		{ "Set-Cookie", "__secure-a=b; Path=/; Secure",
			"__secure-a=b; Path=/api; Secure" });
	sluice_exchange *x = kit_request(i, "GET", "/api/a", NULL);
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 200);
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "a=1; Path=/");
	kit_add_header(x, SLUICE_RESPONSE, "X-Other", "/x");
	kit_add_header(x, SLUICE_RESPONSE, "set-cookie", "b=2");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie"), 2);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"), "a=1; Path=/api");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Other"), "/x");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(answers_of_the_gateway_stay, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"responses", "rewrite", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/api/a", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "Location", "/login");
	assert_int_equal(kit_response(x, 302), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"), "/login");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(memory_runs_out, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "strip_prefix", "/api",
		"add_prefix", "/t/{query:t}", "query.set", "{a: '{ip}-{method}'}", "host",
		"t.{query:t}.internal", "responses", "rewrite", NULL);
	kit_start(i);
	bool passed = false;
	for (size_t budget = 0; budget < 4096; budget += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/api/a?t=x");
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_NEXT);
		passed = v == SLUICE_NEXT;
		if (passed)
			assert_string_equal(kit_target(x), "/t/x/a?t=x&a=203.0.113.7-GET");
		assert_true(budget > 0 || !passed);
		if (passed) {
			kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 200);
			kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "a=1; Path=/");
			kit_add_header(x, SLUICE_RESPONSE, "Location", "/t/x/b");
			v = kit_response(x, 200);
			assert_true(v == SLUICE_FAIL || v == SLUICE_NEXT);
			passed = v == SLUICE_NEXT;
		}
		kit_end(x);
	}
	assert_true(passed);
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

#define ASSERT_MISTAKE(complaint, ...)                                                           \
	do {                                                                                     \
		sluice_instance *wrong = kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL); \
		assert_int_not_equal(kit_check(wrong), 0);                                       \
		if (!strstr(kit_errors(wrong), complaint))                                       \
			fail_msg("\"%s\" is not in: %s", complaint, kit_errors(wrong));          \
		kit_stop(wrong);                                                                 \
	} while (0)

TEST_WITH(mistakes, setup, NULL)
{
	ASSERT_MISTAKE("-: nothing is rewritten", "forwarded_prefix", "true");
	ASSERT_MISTAKE("strip_prefix: \"/\" takes nothing away", "strip_prefix", "/");
	ASSERT_MISTAKE("strip_prefix[1]: \"/b/*\" is no prefix", "strip_prefix", "[/a, /b/*]");
	ASSERT_MISTAKE("strip_prefix: \"/{id}\" is no prefix", "strip_prefix", "/{id}");
	ASSERT_MISTAKE("strip_prefix: \"api\" is no path in its normal form", "strip_prefix",
		"api");
	ASSERT_MISTAKE("strip_prefix: \"/a//b\" is no path", "strip_prefix", "/a//b");
	ASSERT_MISTAKE("add_prefix: \"svc\" is no path", "add_prefix", "svc");
	ASSERT_MISTAKE("add_prefix: has the placeholder {nothing here}", "add_prefix",
		"/{nothing here}");
	ASSERT_MISTAKE("path: \"/a/../b\" is no path", "path", "/a/../b");
	ASSERT_MISTAKE("path: \"/a b\" is no path", "path", "/a b");
	ASSERT_MISTAKE("path: \"x{path}\" is no path", "path", "x{path}");
	ASSERT_MISTAKE("path: a path has no query", "path", "/a?b=1");
	ASSERT_MISTAKE("path: a path has no query", "path", "/v2{target}");
	ASSERT_MISTAKE("path: is the whole new path", "path", "/a", "add_prefix", "/b");
	ASSERT_MISTAKE("regex[0].match: is no regular expression: missing closing parenthesis, "
		       "behind \"/(a\"",
		"regex", "[{match: '/(a', replace: /b}]");
	ASSERT_MISTAKE("regex[1].replace: \"$2\" names no group", "regex",
		"[{match: /a, replace: /b}, {match: '/(a)', replace: '/$2'}]");
	ASSERT_MISTAKE("regex[0].replace: \"$no\" names no group", "regex",
		"[{match: '/(?<yes>a)', replace: '/$no'}]");
	ASSERT_MISTAKE("regex[0].replace: \"$\" names no group", "regex",
		"[{match: '/(a)', replace: '/a$'}]");
	ASSERT_MISTAKE("regex[0].replace: \"x$1\" is no path", "regex",
		"[{match: '/(a)', replace: 'x$1'}]");
	ASSERT_MISTAKE("regex[0].replace: has a { that nothing closes", "regex",
		"[{match: '/(a)', replace: '/{$1'}]");
	ASSERT_MISTAKE("regex[0].replace: \"$1\" is no name of a parameter", "regex",
		"[{match: '/(a)', replace: '/a?$1=b'}]");
	ASSERT_MISTAKE("regex[0].replace: \"\" is no name of a parameter", "regex",
		"[{match: '/(a)', replace: '/a?b=1&&c=2'}]");
	ASSERT_MISTAKE("regex[0].replace: \"$2\" names no group", "regex",
		"[{match: '/(a)', replace: '/a?b=$2'}]");
	ASSERT_MISTAKE("host: \"a b\" has a value that is no host", "host", "a b");
	ASSERT_MISTAKE("host: \"https://a\" has a value that is no host", "host", "https://a");
	ASSERT_MISTAKE("query.set.a: has the placeholder {b c}", "query.set", "{a: '{b c}'}");
	ASSERT_MISTAKE("the name of a parameter is empty", "query.set", "{'': b}");
	ASSERT_MISTAKE("query.remove[1]: the name of a parameter is empty", "query.remove",
		"[a, '']");
	ASSERT_MISTAKE("responses: rewrite needs strip_prefix", "responses", "rewrite", "path",
		"/a");
	ASSERT_MISTAKE("responses: rewrite cannot turn round what regex does", "responses",
		"rewrite", "strip_prefix", "/a", "regex", "[{match: /a, replace: /b}]");
}
