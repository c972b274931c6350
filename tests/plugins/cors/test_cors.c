/* The plugin cors in the kit: which origins are permitted, what browsers are told, and what is
 * refused as a configuration. */
#include <stdio.h>
#include <string.h>

#include "../shared/cors.h"
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define ORIGIN "Access-Control-Allow-Origin"
#define CREDENTIALS "Access-Control-Allow-Credentials"
#define METHODS "Access-Control-Allow-Methods"
#define HEADERS "Access-Control-Allow-Headers"
#define EXPOSE "Access-Control-Expose-Headers"
#define AGE "Access-Control-Max-Age"
#define PRIVATE "Access-Control-Allow-Private-Network"
#define ASKS_METHOD "Access-Control-Request-Method"
#define ASKS_HEADERS "Access-Control-Request-Headers"
#define ASKS_PRIVATE "Access-Control-Request-Private-Network"
#define PREFLIGHT "Origin, " ASKS_METHOD ", " ASKS_HEADERS

static sluice_instance *i;

/* An instance with these origins and two more options. */
static void begin(const char *origins, const char *a, const char *a_value, const char *b,
	const char *b_value)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "origins", origins, a, a_value, a ? b : NULL,
		b_value, NULL);
	kit_start(i);
}

static sluice_exchange *called(const char *method, const char *origin)
{
	sluice_exchange *x = kit_request(i, method, "/a", origin ? "Origin" : NULL, origin, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	return x;
}

static void assert_field(sluice_exchange *x, const char *name, const char *value)
{
	const char *found = kit_header(x, SLUICE_RESPONSE, name);
	if (!value) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, value);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, name), 1);
}

/* Whether a page of that origin may read the response to a GET. Vary has to be right either way. */
static bool may(const char *origin)
{
	sluice_exchange *x = called("GET", origin);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	const char *found = kit_header(x, SLUICE_RESPONSE, ORIGIN);
	if (found)
		assert_string_equal(found, origin);
	assert_field(x, "Vary", "Origin");
	assert_field(x, METHODS, NULL);
	kit_end(x);
	return found;
}

/* ---- origins ------------------------------------------------------------------------------- */

TEST(origins_as_browsers_write_them)
{
	static const char *const good[] = { "https://a", "http://a.b:8080", "https://a.b.",
		"http://[::1]:3000", "http://127.0.0.1", "capacitor://localhost",
		"chrome-extension://abcdef", "https://x_y.a-b.c", "http://a:1", "http://a:65535" };
	static const char *const bad[] = { "", "null", "https://", "https:/a", "://a", "1a://b",
		"https://A", "HTTPS://a", "https://a/", "https://a/b", "https://a:", "https://a:0",
		"https://a:01", "https://a:65536", "https://a:123456", "https://a:8x", "https://.a",
		"https://a..b", "https://u@a", "https://a b", " https://a", "https://a ",
		"https://a,https://b", "http://[::1", "http://[]", "http://[::A]", "http://[::1]x",
		"https://a?b", "https://a#b", "https://a\\b", "https://a%41", "https://\xc3\xa4",
		"https://*.a" };
	struct cors_origin o;
	for (size_t n = 0; n < sizeof(good) / sizeof(good[0]); n++)
		assert_true(cors_origin_read((sluice_str){ good[n], strlen(good[n]) }, &o));
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		assert_false(cors_origin_read((sluice_str){ bad[n], strlen(bad[n]) }, &o));
	char longest[400] = "https://";
	memset(longest + 8, 'a', sizeof(longest) - 8);
	assert_true(cors_origin_read((sluice_str){ longest, CORS_ORIGIN_MAX }, &o));
	assert_false(cors_origin_read((sluice_str){ longest, CORS_ORIGIN_MAX + 1 }, &o));
}

TEST(exact_origins)
{
	begin("[https://app.example, \"https://b.example:8443\"]", NULL, NULL, NULL, NULL);
	assert_true(may("https://app.example"));
	assert_true(may("https://b.example:8443"));
	static const char *const others[] = { "https://evil-app.example",
		"https://app.example.evil.com", "https://app.example.", "http://app.example",
		"https://app.example:443", "https://app.example:8443", "https://b.example",
		"https://APP.example", "HTTPS://app.example", "https://app.exampl", "null", "",
		"https://app.example https://app.example", "https://app.example,null" };
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		assert_false(may(others[n]));
	assert_false(may(NULL));
	kit_stop(i);
}

TEST(names_below_a_domain)
{
	begin("[\"https://*.example.com\", \"https://*.b.example:8443\"]", "credentials", "true",
		NULL, NULL);
	assert_true(may("https://a.example.com"));
	assert_true(may("https://a.b.c.example.com"));
	assert_true(may("https://a.b.example:8443"));
	static const char *const others[] = { "https://example.com", "https://.example.com",
		"https://evil-example.com", "https://evilexample.com",
		"https://a.example.com.evil.com", "https://a.example.com:443",
		"https://a.example.com:8443", "http://a.example.com", "https://a.b.example",
		"https://A.example.com", "https://a/.example.com", "https://evil.com/.example.com",
		"https://evil.com?.example.com", "https://evil.com:80.example.com",
		"https://u@a.example.com", "https://a..example.com", "https://*.example.com",
		"null" };
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		assert_false(may(others[n]));
	kit_stop(i);
}

TEST(any_port)
{
	begin("[\"http://localhost:*\", \"http://*.dev.test:*\", \"http://[::1]:*\"]", NULL, NULL,
		NULL, NULL);
	assert_true(may("http://localhost:3000"));
	assert_true(may("http://localhost"));
	assert_true(may("http://a.dev.test:5173"));
	assert_true(may("http://[::1]:3000"));
	assert_false(may("https://localhost:3000"));
	assert_false(may("http://localhost:"));
	assert_false(may("http://localhost:99999"));
	assert_false(may("http://localhost:3000.evil.com"));
	assert_false(may("http://localhost.evil.com:3000"));
	assert_false(may("http://dev.test:5173"));
	kit_stop(i);
}

TEST(regular_expressions_match_the_whole)
{
	begin("['regex:https://pr-[0-9]+\\.dev\\.example', 'regex:https://(a|b)\\.c', "
	      "https://app.example]",
		"credentials", "true", NULL, NULL);
	assert_true(may("https://pr-17.dev.example"));
	assert_true(may("https://b.c"));
	assert_true(may("https://app.example"));
	static const char *const others[] = { "https://pr-17.dev.example.evil.com",
		"https://evil.com/https://pr-17.dev.example", "xhttps://pr-17.dev.example",
		"https://pr-.dev.example", "https://pr-17xdev.example",
		"https://pr-17.dev.example\n", "https://PR-17.dev.example", "https://a.c.evil",
		"null" };
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		assert_false(may(others[n]));
	kit_stop(i);
}

/* An expression decides on origins only: what follows a host in a URL never gets to it. */
TEST(a_loose_expression_meets_origins_alone)
{
	begin("['regex:https://.*\\.example\\.com']", NULL, NULL, NULL, NULL);
	assert_true(may("https://a.example.com"));
	assert_false(may("https://evil.com/.example.com"));
	assert_false(may("https://evil.com#.example.com"));
	assert_false(may("https://evil.com:1.example.com"));
	kit_stop(i);
}

TEST(an_expression_that_never_ends_refuses)
{
	char origin[CORS_ORIGIN_MAX + 1] = "https://";
	begin("['regex:https://(a+)+']", NULL, NULL, NULL, NULL);
	memset(origin + 8, 'a', sizeof(origin) - 10);
	origin[sizeof(origin) - 2] = '-';
	assert_false(may(origin));
	kit_stop(i);
}

TEST(null_where_it_is_named)
{
	begin("[https://a.example, \"null\"]", NULL, NULL, NULL, NULL);
	assert_true(may("null"));
	assert_false(may("NULL"));
	kit_stop(i);
}

/* ---- calls --------------------------------------------------------------------------------- */

TEST(every_origin)
{
	static const char *const origins[] = { "https://a.example", "null", "rubbish", NULL };
	begin("[\"*\"]", "expose", "[X-Total, X-Page]", NULL, NULL);
	for (size_t n = 0; n < sizeof(origins) / sizeof(origins[0]); n++) {
		sluice_exchange *x = called("GET", origins[n]);
		assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
		assert_field(x, ORIGIN, "*");
		assert_field(x, CREDENTIALS, NULL);
		assert_field(x, EXPOSE, "X-Total, X-Page");
		assert_field(x, "Vary", NULL); /* the response is the same for all */
		kit_end(x);
	}
	kit_stop(i);
}

TEST(credentials)
{
	begin("https://a.example", "credentials", "true", "expose", "X-Total");
	sluice_exchange *x = called("POST", "https://a.example");
	assert_int_equal(kit_response(x, 500), SLUICE_NEXT);
	assert_field(x, ORIGIN, "https://a.example");
	assert_field(x, CREDENTIALS, "true");
	assert_field(x, EXPOSE, "X-Total");
	kit_end(x);
	x = called("POST", "https://b.example");
	assert_int_equal(kit_response(x, 500), SLUICE_NEXT);
	assert_field(x, ORIGIN, NULL);
	assert_field(x, CREDENTIALS, NULL);
	assert_field(x, EXPOSE, NULL);
	assert_field(x, "Vary", "Origin");
	kit_end(x);
	kit_stop(i);
}

static sluice_exchange *from_upstream(const char *origin)
{
	sluice_exchange *x = called("GET", origin);
	kit_add_header(x, SLUICE_RESPONSE, "access-control-allow-origin", "https://theirs");
	kit_add_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Origin", "*");
	kit_add_header(x, SLUICE_RESPONSE, "ACCESS-CONTROL-ALLOW-CREDENTIALS", "true");
	kit_add_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Methods", "PUT");
	kit_add_header(x, SLUICE_RESPONSE, "X-Access-Control-Allow", "1");
	kit_add_header(x, SLUICE_RESPONSE, "Vary", "Accept, origin");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	return x;
}

TEST(what_the_upstream_says_is_replaced)
{
	static const char *const origins[] = { "https://a.example", "https://b.example", NULL };
	begin("https://a.example", NULL, NULL, NULL, NULL);
	for (size_t n = 0; n < sizeof(origins) / sizeof(origins[0]); n++) {
		sluice_exchange *x = from_upstream(origins[n]);
		assert_field(x, ORIGIN, n == 0 ? origins[n] : NULL);
		assert_field(x, CREDENTIALS, NULL);
		assert_field(x, METHODS, NULL);
		assert_field(x, "X-Access-Control-Allow", "1");
		assert_field(x, "Vary", "Accept, origin");
		kit_end(x);
	}
	kit_stop(i);
}

TEST(what_the_upstream_says_is_kept)
{
	begin("https://a.example", "upstream_fields", "keep", NULL, NULL);
	sluice_exchange *x = from_upstream("https://a.example");
	assert_field(x, CREDENTIALS, "true");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, ORIGIN), 2);
	assert_field(x, METHODS, "PUT");
	kit_end(x);
	x = called("GET", "https://a.example"); /* it says nothing, or is down */
	kit_add_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Methods", "PUT");
	assert_int_equal(kit_response(x, 502), SLUICE_NEXT);
	assert_field(x, ORIGIN, "https://a.example");
	assert_field(x, METHODS, NULL);
	kit_end(x);
	kit_stop(i);
}

TEST(vary_once)
{
	static const char *const rows[][2] = { { "Accept", NULL }, { "*", "*" },
		{ "Accept,  Origin ", "Accept,  Origin" }, { "X-Origin", NULL } };
	begin("https://a.example", NULL, NULL, NULL, NULL);
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		sluice_exchange *x = called("GET", NULL);
		kit_add_header(x, SLUICE_RESPONSE, "vary", rows[n][0]);
		assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
		assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Vary"), rows[n][1] ? 1 : 2);
		kit_end(x);
	}
	kit_stop(i);
}

TEST(with_credentials_a_star_names_the_fields_that_are_there)
{
	begin("https://a.example", "credentials", "true", "expose", "[\"*\"]");
	sluice_exchange *x = called("GET", "https://a.example");
	kit_add_header(x, SLUICE_RESPONSE, "X-One", "1");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/plain");
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "a=b");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"1\"");
	kit_add_header(x, SLUICE_RESPONSE, "Vary", "Origin");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_field(x, EXPOSE, "X-One, ETag, Vary");
	kit_end(x);
	kit_stop(i);
	begin("https://a.example", "expose", "[\"*\"]", NULL, NULL);
	x = called("GET", "https://a.example");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_field(x, EXPOSE, "*");
	kit_end(x);
	kit_stop(i);
}

/* A page's own requests have Origin too, unless they are GET or HEAD. */
TEST(other_origins_refused)
{
	static const struct {
		const char *method, *origin, *host, *scheme;
		bool passes;
	} rows[] = { { "POST", "https://a.example", "x", "https", true },
		{ "POST", "https://b.example", "api.example.com", "https", false },
		{ "GET", "https://b.example", "api.example.com", "https", false },
		{ "POST", "null", "api.example.com", "https", false },
		{ "POST", "https://api.example.com", "api.example.com", "https", true },
		{ "POST", "https://api.example.com", "api.example.com:443", "https", true },
		{ "POST", "https://api.example.com", "api.example.com:8443", "https", false },
		{ "POST", "https://api.example.com:8443", "api.example.com:8443", "https", true },
		{ "POST", "https://api.example.com:8443", "api.example.com", "https", false },
		{ "POST", "http://api.example.com", "api.example.com", "https", false },
		{ "POST", "http://api.example.com", "api.example.com:80", "http", true } };
	begin("https://a.example", "other_origins", "refuse", NULL, NULL);
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		sluice_exchange *x = kit_exchange(i, rows[n].method, "/");
		kit_add_header(x, SLUICE_REQUEST, "Host", rows[n].host);
		kit_add_header(x, SLUICE_REQUEST, "Origin", rows[n].origin);
		kit_set_info(x, SLUICE_I_SCHEME, rows[n].scheme);
		assert_int_equal(kit_run(x), rows[n].passes ? SLUICE_NEXT : SLUICE_REPLY);
		if (!rows[n].passes)
			assert_string_equal(kit_code(x), "origin-refused");
		kit_end(x);
	}
	kit_stop(i);
}

/* ---- preflights ---------------------------------------------------------------------------- */

static sluice_exchange *asked(const char *origin, const char *method, const char *fields)
{
	sluice_exchange *x = kit_exchange(i, "OPTIONS", "/a");
	kit_add_header(x, SLUICE_REQUEST, "Origin", origin);
	kit_add_header(x, SLUICE_REQUEST, ASKS_METHOD, method);
	if (fields)
		kit_add_header(x, SLUICE_REQUEST, ASKS_HEADERS, fields);
	(void)kit_run(x);
	return x;
}

static void assert_answered(sluice_exchange *x, const char *methods, const char *fields)
{
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 204);
	assert_int_equal(kit_response(x, 204), SLUICE_NEXT);
	assert_field(x, METHODS, methods);
	assert_field(x, HEADERS, fields);
	assert_field(x, "Vary", PREFLIGHT);
	kit_end(x);
}

TEST(preflights)
{
	begin("https://a.example", "headers", "[Content-Type, X-Token]", "methods", "[GET, PUT]");
	sluice_exchange *x = asked("https://a.example", "PUT", "x-token");
	assert_int_equal(kit_response(x, 204), SLUICE_NEXT);
	assert_field(x, ORIGIN, "https://a.example");
	assert_field(x, AGE, "3600");
	assert_field(x, EXPOSE, NULL);
	assert_false(kit_noted(x, "cors-method") || kit_noted(x, "cors-headers"));
	kit_end(x);
	assert_answered(asked("https://a.example", "PUT", NULL), "GET, PUT",
		"Content-Type, X-Token");

	x = asked("https://b.example", "PUT", NULL);
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_code(x), "origin-refused");
	assert_int_equal(kit_response(x, 403), SLUICE_NEXT);
	assert_field(x, ORIGIN, NULL);
	assert_field(x, "Vary", PREFLIGHT);
	kit_end(x);
	kit_stop(i);
}

TEST(other_requests_are_no_preflights)
{
	begin("https://a.example", NULL, NULL, NULL, NULL);
	sluice_exchange *x = kit_request(i, "OPTIONS", "/", "Origin", "https://a.example", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_field(x, ORIGIN, "https://a.example");
	assert_field(x, METHODS, NULL);
	assert_field(x, "Vary", PREFLIGHT);
	kit_end(x);
	x = kit_request(i, "OPTIONS", "/", ASKS_METHOD, "PUT", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	x = kit_request(i, "GET", "/", "Origin", "https://a.example", ASKS_METHOD, "PUT", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
}

TEST(what_is_refused_is_noted)
{
	static const struct {
		const char *method, *fields;
		bool no_method, no_fields;
	} rows[] = { { "DELETE", NULL, true, false }, { "POST", "x-token,x-other", false, true },
		{ "put", " x-token ,, X-TOKEN", true, false }, { "PUT", "x-toke", false, true } };
	begin("https://a.example", "headers", "[X-Token]", "methods", "[PUT]");
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		sluice_exchange *x = asked("https://a.example", rows[n].method, rows[n].fields);
		assert_int_equal(kit_status(x), 204);
		assert_int_equal(kit_noted(x, "cors-method"), rows[n].no_method);
		assert_int_equal(kit_noted(x, "cors-headers"), rows[n].no_fields);
		kit_end(x);
	}
	kit_stop(i);
}

TEST(stars_in_answers)
{
	begin("https://a.example", "headers", "[\"*\"]", "methods", "[\"*\"]");
	assert_answered(asked("https://a.example", "PUT", "x-any"), "*", "*, Authorization");
	kit_stop(i);
}

TEST(stars_with_credentials_repeat_what_is_asked)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "origins", "https://a.example", "credentials",
		"true", "headers", "[\"*\"]", "methods", "[\"*\"]", NULL);
	kit_start(i);
	assert_answered(asked("https://a.example", "PUT", "authorization,x-any"), "PUT",
		"authorization,x-any");
	assert_answered(asked("https://a.example", "PUT", NULL), "PUT", NULL);
	assert_answered(asked("https://a.example", "P(T", "x-any\", b"), NULL, NULL);
	char many[CORS_ASKED_MAX + 2];
	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	assert_answered(asked("https://a.example", "PUT", many), "PUT", NULL);
	kit_stop(i);
}

static sluice_exchange *asked_privately(const char *value)
{
	sluice_exchange *x = kit_request(i, "OPTIONS", "/", "Origin", "https://a.example",
		ASKS_METHOD, "GET", ASKS_PRIVATE, value, NULL);
	assert_int_equal(kit_response(x, 204), SLUICE_NEXT);
	return x;
}

TEST(private_networks)
{
	static const char *const options[] = { "true", "false" };
	for (size_t n = 0; n < 2; n++) {
		begin("https://a.example", "private_network", options[n], NULL, NULL);
		sluice_exchange *x = asked_privately("true");
		assert_field(x, PRIVATE, n == 0 ? "true" : NULL);
		assert_field(x, "Vary", n == 0 ? PREFLIGHT ", " ASKS_PRIVATE : PREFLIGHT);
		kit_end(x);
		x = asked_privately("false");
		assert_field(x, PRIVATE, NULL);
		kit_end(x);
		kit_stop(i);
	}
}

TEST(preflights_forwarded)
{
	begin("https://a.example", "preflights", "forward", "methods", "[PUT]");
	sluice_exchange *x = asked("https://a.example", "PUT", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_add_header(x, SLUICE_RESPONSE, METHODS, "THEIRS");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_field(x, METHODS, "PUT");
	assert_field(x, ORIGIN, "https://a.example");
	kit_end(x);
	kit_stop(i);
}

TEST(max_age)
{
	begin("https://a.example", "max_age", "0s", NULL, NULL);
	sluice_exchange *x = asked("https://a.example", "PUT", NULL);
	assert_int_equal(kit_response(x, 204), SLUICE_NEXT);
	assert_field(x, AGE, "0");
	kit_end(x);
	kit_stop(i);
}

/* ---- configuration -------------------------------------------------------------------------- */

TEST(options)
{
	static const char *const rows[][5] = {
		{ "[app.example]", "max_age", "1h", "origins[0]: \"app.example\" is not an origin",
			"it has no scheme" },
		{ "[https://a, \"https://App.example\"]", "max_age", "1h",
			"origins[1]: \"https://App.example\"", "in lower case" },
		{ "[https://a.example/]", "max_age", "1h", "is not an origin", "a scheme, a host" },
		{ "[\"https://a.example:443\"]", "max_age", "1h", "is not an origin", "default" },
		{ "[\"https://a.*.example\"]", "max_age", "1h", "is not an origin", "star" },
		{ "[\"https://*a.example\"]", "max_age", "1h", "is not an origin", "star" },
		{ "[\"https://*\"]", "max_age", "1h", "is not an origin", "star" },
		{ "[\"*.a.example\"]", "max_age", "1h", "is not an origin", "star" },
		{ "[\"https://a:8080:*\"]", "max_age", "1h", "is not an origin", "star" },
		{ "[\"https://\xc3\xa4.example\"]", "max_age", "1h", "is not an origin", "xn--" },
		{ "[\"\"]", "max_age", "1h", "is not an origin", "" },
		{ "[]", "max_age", "1h", "origins", "" },
		{ "[\"*\", https://a]", "max_age", "1h", "every origin", "no effect" },
		{ "[\"*\"]", "credentials", "true", "credentials: cookies cannot be permitted",
			"\"*\"" },
		{ "[\"null\"]", "credentials", "true", "credentials: cookies cannot be permitted",
			"\"null\"" },
		{ "['regex:https?://.*']", "credentials", "true", "origins[0]", "every origin" },
		{ "['regex:https://a.example']", "max_age", "1h", "the dot in front of \"example\"",
			"any character" },
		{ "['regex:https://(a']", "max_age", "1h", "is no regular expression", "behind" },
		{ "https://a", "max_age", "25h", "max_age", "" },
		{ "https://a", "methods", "[get]", "methods[0]", "case" },
		{ "https://a", "methods", "[GET, TRACE]", "methods[1]", "no page use TRACE" },
		{ "https://a", "methods", "[\"A B\"]", "methods[0]", "is not a method" },
		{ "https://a", "headers", "[X-A, \"a b\"]", "headers[1]", "is not a field" },
		{ "https://a", "expose", "[\"X:\"]", "expose[0]", "is not a field" },
		{ "https://a", "preflights", "maybe", "preflights", "" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		kit_reset();
		sluice_instance *bad = kit_instance(&sluice_plugin_record, "origins", rows[n][0],
			rows[n][1], rows[n][2], NULL);
		assert_int_equal(kit_check(bad), -1);
		if (!strstr(kit_errors(bad), rows[n][3]) || !strstr(kit_errors(bad), rows[n][4]))
			fail_msg("row %zu: %s", n, kit_errors(bad));
		kit_stop(bad);
	}
}

TEST(no_memory)
{
	begin("https://a.example", "credentials", "true", "expose", "[\"*\"]");
	unsigned failed = 0, passed = 0;
	for (size_t budget = 0; budget < 2400; budget += 32) {
		sluice_exchange *x = kit_exchange(i, "GET", "/a");
		kit_add_header(x, SLUICE_REQUEST, "Origin", "https://a.example");
		kit_set_budget(x, budget);
		if (kit_run(x) == SLUICE_NEXT && kit_response(x, 200) == SLUICE_NEXT)
			passed++;
		else
			failed++;
		kit_end(x);
	}
	assert_true(failed && passed);
	kit_stop(i);
}
