/* The plugin ext-auth in the kit: what it asks, what it makes of the answer, and its options. */
#include "kit.h"
#include "test.h"

#include <sluice/str.h>
#include <stdio.h>

extern const sluice_plugin sluice_plugin_record;

#define URL "http://auth.internal/verify"

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define started(...) start_it(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

/* The verdict of a request that has been answered. */
static sluice_verdict done(sluice_exchange *x)
{
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(5);
	return kit_verdict(x);
}

static sluice_exchange *ask(sluice_instance *i)
{
	sluice_exchange *x = kit_request(i, "GET", "/a?b=c", NULL);
	(void)done(x);
	return x;
}

/* ---- the question -------------------------------------------------------------------------- */

TEST_WITH(what_the_service_is_told, setup, NULL)
{
	sluice_instance *i = started("url", URL);
	kit_fetch_answer(URL, 200, "");
	sluice_exchange *x = kit_request(i, "DELETE", "/a?b=c", "Host", "api.example.com:8443",
		"Authorization", "Bearer t", "Cookie", "sid=1", "Accept", "text/html", "X-Other",
		"o", NULL);
	assert_int_equal(done(x), SLUICE_NEXT);
	assert_string_equal(kit_fetch_url(), URL);
	assert_string_equal(kit_fetch_method(), "GET");
	assert_string_equal(kit_fetch_header("Authorization"), "Bearer t");
	assert_string_equal(kit_fetch_header("Cookie"), "sid=1");
	assert_string_equal(kit_fetch_header("Accept"), "text/html");
	assert_null(kit_fetch_header("X-Other"));
	assert_string_equal(kit_fetch_header("X-Forwarded-Method"), "DELETE");
	assert_string_equal(kit_fetch_header("X-Original-Method"), "DELETE");
	assert_string_equal(kit_fetch_header("X-Forwarded-Proto"), "https");
	assert_string_equal(kit_fetch_header("X-Forwarded-Host"), "api.example.com:8443");
	assert_string_equal(kit_fetch_header("X-Forwarded-Uri"), "/a?b=c");
	assert_string_equal(kit_fetch_header("X-Original-URL"),
		"https://api.example.com:8443/a?b=c");
	assert_string_equal(kit_fetch_header("X-Forwarded-For"), "203.0.113.7");
	assert_non_null(kit_fetch_header("X-Request-ID"));
	/* what the client sent goes on to the upstream */
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer t");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_host_field_that_differs_from_the_target_is_not_told, setup, NULL)
{
	const char *fields[] = { "evil.example", "api.example.com.evil.example",
		"api.example.comx:80" };
	sluice_instance *i = started("url", URL);
	for (size_t n = 0; n < 3; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", "Host", fields[n], NULL);
		const char *told = kit_fetch_header("X-Forwarded-Host");
		assert_true(!strcmp(told, "api.example.com") || n == 1);
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(a_client_cannot_say_which_request_it_is, setup, NULL)
{
	sluice_instance *i = started("url", URL, "send_headers", "*");
	kit_fetch_answer(URL, 200, "");
	sluice_exchange *x = kit_request(i, "GET", "/admin", "X-Forwarded-Uri", "/public",
		"X_Forwarded_Uri", "/public", "X-Original-URL", "/public", "x-forwarded-method",
		"PUT", "X-Forwarded-For", "127.0.0.1", "X-Tenant", "t", "Connection", "close",
		"Content-Length", "5", "Transfer-Encoding", "chunked", "If-None-Match", "*",
		"Range", "bytes=0-1", "Accept-Encoding", "gzip", "Authorization", "Bearer t", NULL);
	assert_int_equal(done(x), SLUICE_NEXT);
	assert_string_equal(kit_fetch_header("X-Forwarded-Uri"), "/admin");
	assert_string_equal(kit_fetch_header("X-Forwarded-Method"), "GET");
	assert_string_equal(kit_fetch_header("X-Forwarded-For"), "203.0.113.7");
	assert_string_equal(kit_fetch_header("X-Tenant"), "t");
	assert_string_equal(kit_fetch_header("Authorization"), "Bearer t");
	const char *never[] = { "X_Forwarded_Uri", "Connection", "Content-Length",
		"Transfer-Encoding", "If-None-Match", "Range", "Accept-Encoding", "Host" };
	for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++)
		assert_null(kit_fetch_header(never[n]));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(methods, setup, NULL)
{
	const char *options[][2] = { { "GET", "GET" }, { "HEAD", "HEAD" }, { "POST", "POST" },
		{ "request", "PATCH" } };
	for (size_t n = 0; n < 4; n++) {
		sluice_instance *i = started("url", URL, "method", options[n][0]);
		sluice_exchange *x = kit_request(i, "PATCH", "/", NULL);
		assert_string_equal(kit_fetch_method(), options[n][1]);
		kit_end(x);
		kit_stop(i);
	}
}

TEST_WITH(a_path_and_a_query_with_facts, setup, NULL)
{
	sluice_instance *i = started("upstream", "auth", "path", "/verify{path}", "query",
		"{rd: '{scheme}://{host}{target}', who: '{header:x-who}', fixed: 'a b'}");
	sluice_exchange *x = kit_request(i, "GET", "/a?b=c&d", NULL);
	assert_string_equal(kit_fetch_url(),
		"/verify/a?rd=https%3A%2F%2Fapi.example.com%2Fa%3Fb%3Dc%26d&fixed=a%20b");
	kit_end(x);
	kit_stop(i);
	i = started("url", URL "?x=1", "query", "{y: '2'}");
	kit_end(kit_request(i, "GET", "/", NULL));
	assert_string_equal(kit_fetch_url(), URL "?x=1&y=2");
	kit_stop(i);
}

TEST_WITH(a_path_cannot_be_led_elsewhere, setup, NULL)
{
	const char *values[] = { "..", ".", "", "a/../b", "a?b" };
	sluice_instance *i = started("upstream", "auth", "path", "/verify/{header:x-part}/end");
	for (size_t n = 0; n < 5; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", "X-Part", values[n], NULL);
		assert_int_equal(kit_status(x), 400);
		assert_string_equal(kit_code(x), "auth-path");
		kit_end(x);
	}
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_code(x), "auth-path");
	kit_end(x);
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
	i = started("upstream", "auth", "path", "/verify/{query:part}/end");
	kit_end(kit_request(i, "GET", "/?part=a%2fb%3Fc", NULL));
	assert_string_equal(kit_fetch_url(), "/verify/a%2Fb%3Fc/end");
	kit_stop(i);
}

TEST_WITH(fields_of_the_operator, setup, NULL)
{
	kit_file("key", "s3cret\n");
	sluice_instance *i = started("url", URL, "set_headers",
		"{X-Key: 'file:key', X-Real-IP: '{ip}', X-None: '{header:x-none}'}", "send_headers",
		"*");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-Key", "guess", "x_key", "guess", NULL);
	assert_string_equal(kit_fetch_header("X-Key"), "s3cret");
	assert_string_equal(kit_fetch_header("X-Real-IP"), "203.0.113.7");
	assert_null(kit_fetch_header("X-None"));
	assert_null(kit_fetch_header("x_key"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(too_many_fields_are_the_clients_fault, setup, NULL)
{
	static char names[80][8], large[70000];
	sluice_instance *i = started("url", URL, "send_headers", "*", "on_failure", "allow");
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	for (int n = 0; n < 80; n++) {
		(void)snprintf(names[n], sizeof(names[n]), "X-%d", n);
		kit_add_header(x, SLUICE_REQUEST, names[n], "v");
	}
	assert_int_equal(kit_run(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 431);
	assert_string_equal(kit_code(x), "auth-too-large");
	kit_end(x);
	memset(large, 'a', sizeof(large) - 1);
	x = kit_request(i, "GET", "/", "X-Large", large, NULL);
	assert_string_equal(kit_code(x), "auth-too-large");
	kit_end(x);
	kit_stop(i);
	i = started("url", URL, "query", "{to: '{header:x-large}'}");
	large[3000] = '\0';
	memset(large, '/', 3000);
	x = kit_request(i, "GET", "/", "X-Large", large, NULL);
	assert_string_equal(kit_code(x), "auth-too-large");
	kit_end(x);
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
}

TEST_WITH(the_body_is_sent_and_goes_on, setup, NULL)
{
	sluice_instance *i = started("url", URL, "send_body", "1KiB");
	kit_fetch_answer(URL, 204, "");
	sluice_exchange *x = kit_request(i, "POST", "/", "Content-Type", "text/plain", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	assert_int_equal(kit_fetches(NULL), 0);
	(void)kit_body_in(x, SLUICE_REQUEST, "hello", 5, true);
	assert_string_equal(kit_fetch_method(), "POST");
	assert_string_equal(kit_fetch_body(), "hello");
	assert_string_equal(kit_fetch_header("Content-Type"), "text/plain");
	assert_int_equal(done(x), SLUICE_NEXT);
	assert_string_equal(kit_body_out(x, SLUICE_REQUEST, NULL), "hello");
	kit_end(x);
	kit_stop(i);
}

/* ---- 2xx ----------------------------------------------------------------------------------- */

TEST_WITH(fields_of_a_2xx_go_to_the_upstream, setup, NULL)
{
	sluice_instance *i = started("url", URL, "request_headers",
		"[X-User, X-Groups, X-Empty, Authorization]");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("x-user", "alice");
	kit_fetch_field("X-Groups", "a");
	kit_fetch_field("X-Groups", "b");
	kit_fetch_field("Authorization", "Internal 1");
	kit_fetch_field("Authorization", "Internal 2");
	kit_fetch_field("X-Unasked", "x");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-User", "root", "X_User", "root",
		"x-empty", "root", "Authorization", "Bearer t", "X-Kept", "k", NULL);
	assert_int_equal(done(x), SLUICE_NEXT);
	assert_string_equal(kit_fetch_header("Authorization"), "Bearer t");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "alice");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-User"), 1);
	assert_null(kit_header(x, SLUICE_REQUEST, "X_User"));
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Groups"), 2);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Empty"));
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "Authorization"), 1);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Internal 1");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Unasked"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Kept"), "k");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(fields_of_a_2xx_go_to_the_client, setup, NULL)
{
	sluice_instance *i = started("url", URL, "response_headers", "[Set-Cookie, X-Plan, Vary]");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Set-Cookie", "a=1");
	kit_fetch_field("set-cookie", "b=2");
	kit_fetch_field("X-Plan", "gold");
	kit_fetch_field("Vary", "Cookie");
	sluice_exchange *x = ask(i);
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "c=3");
	kit_add_header(x, SLUICE_RESPONSE, "X-Plan", "none");
	kit_add_header(x, SLUICE_RESPONSE, "Vary", "Accept");
	(void)kit_response(x, 200);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie"), 3);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "X-Plan"), 1);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Plan"), "gold");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Vary"), 2);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(facts_of_a_2xx, setup, NULL)
{
	sluice_instance *i = started("url", URL, "consumer", "X-User", "groups", "X-Groups",
		"facts", "[X-Tenant, X-Plan]");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "alice");
	kit_fetch_field("X-Groups", "admins,ops");
	kit_fetch_field("X-Groups", "staff");
	kit_fetch_field("x-tenant", "acme");
	sluice_exchange *x = ask(i);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "groups"), "admins,ops,staff");
	assert_string_equal(kit_attr(x, "auth:x-tenant"), "acme");
	assert_null(kit_attr(x, "auth:x-plan"));
	kit_end(x);
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "");
	x = ask(i);
	assert_null(kit_attr(x, "consumer"));
	kit_end(x);
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "alice");
	kit_fetch_field("X-User", "bob");
	x = ask(i);
	assert_string_equal(kit_code(x), "auth-unavailable");
	kit_end(x);
	kit_stop(i);
}

/* ---- refusals ------------------------------------------------------------------------------ */

TEST_WITH(a_refusal_is_relayed, setup, NULL)
{
	sluice_instance *i = started("url", URL);
	kit_fetch_answer(URL, 401, "who are you?\n");
	kit_fetch_field("Content-Type", "text/plain");
	kit_fetch_field("WWW-Authenticate", "Basic realm=\"a\"");
	kit_fetch_field("WWW-Authenticate", "Bearer");
	kit_fetch_field("Set-Cookie", "csrf=1");
	kit_fetch_field("X-Internal", "x");
	kit_fetch_field("Content-Length", "13");
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_body(x), "who are you?\n");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "WWW-Authenticate"), 2);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Content-Type"), "text/plain");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"), "csrf=1");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	assert_null(kit_header(x, SLUICE_RESPONSE, "X-Internal"));
	assert_true(kit_noted(x, "auth-refused"));
	assert_string_equal(kit_log(), "");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_redirect_is_relayed, setup, NULL)
{
	sluice_instance *i = started("url", URL, "refusal", "problem");
	kit_fetch_answer(URL, 302, "");
	kit_fetch_field("Location", "https://login.example/?rd=x");
	kit_fetch_field("Cache-Control", "private");
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_status(x), 302);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"),
		"https://login.example/?rd=x");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "private");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_problem_in_the_place_of_the_body, setup, NULL)
{
	sluice_instance *i = started("url", URL, "refusal", "problem");
	kit_fetch_answer(URL, 403, "<html>no</html>");
	kit_fetch_field("Content-Type", "text/html");
	kit_fetch_field("Retry-After", "5");
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_code(x), "auth-refused");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "5");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Content-Type"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(all_fields_of_a_refusal, setup, NULL)
{
	sluice_instance *i = started("url", URL, "refusal_headers", "*");
	kit_fetch_answer(URL, 404, "gone");
	kit_fetch_field("X-Anything", "x");
	kit_fetch_field("Connection", "close");
	kit_fetch_field("Transfer-Encoding", "chunked");
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_status(x), 404);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Anything"), "x");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Connection"));
	assert_null(kit_header(x, SLUICE_RESPONSE, "Transfer-Encoding"));
	assert_string_equal(kit_log(), "");
	kit_end(x);
	kit_stop(i);
}

/* ---- no verdict ---------------------------------------------------------------------------- */

TEST_WITH(no_verdict_is_a_refusal, setup, NULL)
{
	const int statuses[] = { 500, 502, 503, 304 };
	sluice_instance *i = started("url", URL, "max_response", "1KiB");
	for (size_t n = 0; n < 4; n++) {
		kit_fetch_answer(URL, statuses[n], "");
		sluice_exchange *x = ask(i);
		assert_int_equal(kit_status(x), 503);
		assert_string_equal(kit_code(x), "auth-unavailable");
		kit_end(x);
	}
	const sluice_status ends[] = { SLUICE_TIMEOUT, SLUICE_UNREACHABLE, SLUICE_ERROR };
	for (size_t n = 0; n < 3; n++) {
		kit_fetch_fail(URL, ends[n]);
		sluice_exchange *x = ask(i);
		assert_string_equal(kit_code(x), "auth-unavailable");
		kit_end(x);
	}
	static char large[2000];
	memset(large, 'a', sizeof(large) - 1);
	kit_fetch_answer(URL, 200, large);
	sluice_exchange *x = ask(i);
	assert_string_equal(kit_code(x), "auth-unavailable");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_deadline, setup, NULL)
{
	sluice_instance *i = started("url", URL, "timeout", "50ms");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_after(60);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(49);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	assert_string_equal(kit_code(x), "auth-unavailable");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(who_passes_unasked_is_nobody, setup, NULL)
{
	sluice_instance *i = started("url", URL, "on_failure", "allow", "request_headers",
		"[X-User]", "consumer", "X-User");
	kit_fetch_answer(URL, 500, "");
	kit_fetch_field("X-User", "alice");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-User", "root", NULL);
	assert_int_equal(done(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User"));
	assert_null(kit_attr(x, "consumer"));
	assert_true(kit_noted(x, "auth-unavailable"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_client_that_leaves, setup, NULL)
{
	sluice_instance *i = started("url", URL);
	kit_fetch_answer(URL, 200, "");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_end(x);
	kit_advance(10);
	kit_stop(i);
}

TEST_WITH(memory_that_is_spent_lets_nobody_in, setup, NULL)
{
	sluice_instance *i = started("url", URL, "request_headers", "[X-User]", "query",
		"{rd: '{target}'}", "cache", "{ttl: 1s}", "facts", "[X-User]");
	kit_fetch_answer(URL "?rd=%2Fa%3Fb%3Dc", 403, "no");
	kit_fetch_field("X-User", "alice");
	bool was_refused = false;
	for (size_t n = 0; n < 20000 && !was_refused; n += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/a?b=c");
		kit_add_header(x, SLUICE_REQUEST, "Cookie", "sid=1");
		kit_set_budget(x, n);
		(void)kit_run(x);
		sluice_verdict v = done(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_REPLY);
		was_refused = v == SLUICE_REPLY && kit_status(x) == 403;
		kit_end(x);
	}
	assert_true(was_refused);
	kit_stop(i);
}

/* ---- options ------------------------------------------------------------------------------- */

static void wrong(const char *says, sluice_instance *i)
{
	if (kit_check(i) != -1 || !strstr(kit_errors(i), says))
		fail_msg("\"%s\" is not in: %s", says, kit_errors(i));
	kit_stop(i);
}

#define WRONG(says, ...) wrong(says, kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

TEST_WITH(options_that_are_wrong, setup, NULL)
{
	WRONG("neither path nor url", "timeout", "1s");
	WRONG("path: needs upstream", "path", "/verify");
	WRONG("path: stands beside url", "path", "/verify", "url", URL, "upstream", "auth");
	WRONG("url: \"ftp://a/\" is no", "url", "ftp://a/");
	WRONG("url: \"http://a/#b\" is no", "url", "http://a/#b");
	WRONG("ca_file: is for a URL with https", "url", URL, "ca_file", "a.pem");
	WRONG("ca_file: is not used", "upstream", "auth", "path", "/", "ca_file", "a.pem");
	WRONG("path: ", "upstream", "auth", "path", "/a/../b");
	WRONG("path: a path has no query", "upstream", "auth", "path", "/a?b");
	WRONG("method: carries no body", "url", URL, "send_body", "1KiB", "method", "GET");
	WRONG("send_headers[1]: \"X-Forwarded-Uri\" is always sent", "url", URL, "send_headers",
		"[A, X-Forwarded-Uri]");
	WRONG("send_headers[0]: \"Content-Length\" frames", "url", URL, "send_headers",
		"[Content-Length]");
	WRONG("send_headers[0]: \"*\" ", "url", URL, "send_headers", "['*', A]");
	WRONG("request_headers[0]: \"X-Forwarded-For\" ", "url", URL, "request_headers",
		"[X-Forwarded-For]");
	WRONG("request_headers[0]: \"Host\" ", "url", URL, "request_headers", "[Host]");
	WRONG("request_headers[0]: \"*\" ", "url", URL, "request_headers", "['*']");
	WRONG("response_headers[0]: \"a b\" is no name", "url", URL, "response_headers", "[a b]");
	WRONG("refusal_headers[0]: \"Connection\" belongs", "url", URL, "refusal_headers",
		"[Connection]");
	WRONG("consumer: \"a b\" is no name", "url", URL, "consumer", "a b");
	WRONG("facts[0]: \"a:b\" is no name", "url", URL, "facts", "['a:b']");
	WRONG("set_headers.X-Original-URL: ", "url", URL, "set_headers", "{X-Original-URL: a}");
	WRONG("set_headers.Cookie: stands in send_headers", "url", URL, "set_headers",
		"{Cookie: a}");
	WRONG("set_headers.X-A: ", "url", URL, "set_headers", "{X-A: '{'}");
	WRONG("query.a: ", "url", URL, "query", "{a: '{'}");
	WRONG("cache: ttl and negative_ttl are 0", "url", URL, "cache", "{ttl: 0s}");
}
