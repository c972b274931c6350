/* policy/expr: key expressions, what is one and what it finds. */
#include "policy/expr.h"
#include "route/match.h"

#include "walk_kit.h"

static struct arena arena;

static void assert_value(const char *text, const char *want)
{
	struct expr_wrong wrong = { .why = NULL };
	const sluice_expr *e = expr_compile(&arena, str_of(text), NULL, &wrong);
	if (!e)
		fail_msg("\"%s\": %s", text, wrong.why);
	sluice_str got = expr_value(walk, e);
	if (!want && got.data)
		fail_msg("\"%s\" is \"%.*s\"", text, STR_ARG(got));
	if (want && (!got.data || !str_eq(got, str_of(want))))
		fail_msg("\"%s\" is \"%.*s\", not \"%s\"", text, STR_ARG(got), want);
}

TEST(values)
{
	walk_begin(1,
		"X-Key: k\nX-Key: second\nCookie: a=1; b=two words ;c; d=\"q\"; aa=9\nCookie: "
		"e=5\nHost: h\nEmpty: \n",
		0);
	walk_enter(0);
	assert_value("ip", "192.0.2.7");
	assert_value("route", "the-route");
	assert_value("host", "example.com");
	assert_value("path", "/a/b");
	assert_value("method", "GET");
	assert_value("scheme", "http");
	assert_value("upstream", "the-upstream");
	assert_value("request_id", "id-1");
	assert_value("header:X-Key", "k, second");
	assert_value("header:x-key", "k, second");
	assert_value("query", "x=1&y=&x=2&z");
	assert_value("target", "/a/b?x=1&y=&x=2&z");
	assert_value("header:host", "h");
	assert_value("header:empty", "");
	assert_value("header:none", NULL);
	assert_value("query:x", "1, 2");
	assert_value("query:y", "");
	assert_value("query:z", "");
	assert_value("query:X", NULL);
	assert_value("query:w", NULL);
	assert_value("cookie:a", "1");
	assert_value("cookie:b", "two words");
	assert_value("cookie:c", "");
	assert_value("cookie:d", "\"q\"");
	assert_value("cookie:e", "5");
	assert_value("cookie:A", NULL);
	assert_value("protocol", "HTTP/1.1");
	/* what only the owner of the exchange knows; here is none */
	assert_value("server", NULL);
	assert_value("reason", NULL);
	assert_value("client_cert_subject", NULL);
	assert_int_equal(sluice_number(walk, SLUICE_N_STATUS), SLUICE_UNKNOWN);
	assert_int_equal(sluice_number(walk, (sluice_number_id)-7), SLUICE_UNKNOWN);
	assert_null(sluice_get(walk, (sluice_info)-1).data);
	assert_null(sluice_get(walk, (sluice_info)1000).data);
	assert_value("consumer", NULL);
	sluice_attr_set(walk, SLUICE_STR("consumer"), SLUICE_STR("carol"));
	sluice_attr_set(walk, SLUICE_STR("claim:sub"), SLUICE_STR("s"));
	assert_value("consumer", "carol");
	assert_value("claim:sub", "s");
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("X-Key")); /* removed is gone */
	(void)walk_request();
	walk_leave();
	walk_end();
}

/* Routes are chosen before there is a request to ask for facts, by code of their own: it has to
 * read header fields and parameters as everybody behind it does. */
TEST(route_conditions_read_the_same)
{
	static const char *const headers[] = { "header:X-Key", "header:x-list", "header:Cookie",
		"header:spaced" };
	static const struct {
		const char *query, *expr;
	} queries[] = { { "x=1&y=&x=2&z", "query:x" }, { "a=c+d%20e", "query:a" },
		{ "a=%41%zz%", "query:a" }, { "%61=1&a=2&&b", "query:a" },
		{ "a=1%2C%202&a=%2B", "query:a" }, { "a=b=c&A=2", "query:a" } };
	struct expr_wrong wrong = { .why = NULL };
	struct pattern_error e;
	struct condition c;
	bool in_name;
	walk_begin(1,
		"X-Key: k\nX-List: a\nX-Key: second\nx-list: b, c\nX-LIST: d\nCookie: a=1\n"
		"Cookie: b=2\nSpaced: two  words\n",
		0);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		sluice_str name = str_of(headers[i] + strlen("header:")),
			   value = expr_value(walk,
				   expr_compile(&arena, str_of(headers[i]), NULL, &wrong));
		assert_true(value.len > 0);
		assert_int_equal(header_condition_parse(&arena, (sluice_pair){ name, value }, &c,
					 &in_name, &e),
			0);
		assert_int_equal(header_condition_match(&c, &walk->request->fields), MATCH_YES);
	}
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		walk->request->query = str_of(queries[i].query);
		sluice_str name = str_of(queries[i].expr + strlen("query:")),
			   value = expr_value(walk,
				   expr_compile(&arena, str_of(queries[i].expr), NULL, &wrong));
		assert_true(value.len > 0);
		assert_int_equal(query_condition_parse(&arena, (sluice_pair){ name, value }, &c,
					 &in_name, &e),
			0);
		if (query_condition_match(&c, walk->request->query) != MATCH_YES)
			fail_msg("%s of %s is \"%.*s\", and no condition finds it", queries[i].expr,
				queries[i].query, STR_ARG(value));
	}
	walk_end();
}

TEST(no_query)
{
	static const char *const queries[] = { "", "&", "&&", "=", "=1", "a" };
	walk_begin(1, "Cookie: \nCookie: ;;=; =x\n", 0);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		walk->request->query = str_of(queries[i]);
		assert_value("query:x", NULL);
	}
	assert_value("cookie:x", NULL);
	walk_end();
}

TEST(what_is_none)
{
	static const char *const bad[] = {
		"",
		":",
		"header:",
		"query:",
		"cookie:",
		"header:two words",
		"header:a:b",
		"claim:",
		":sub",
		"a b",
		"a,b",
		"\"a\"",
		"a\x01",
		"umlaut\xc3\xa4",
	};
	char large[200];
	struct expr_wrong wrong;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		wrong.why = NULL;
		if (expr_compile(&arena, str_of(bad[i]), NULL, &wrong))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_non_null(wrong.why);
	}
	memset(large, 'a', sizeof(large));
	assert_non_null(expr_compile(&arena, str_n(large, 128), NULL, &wrong));
	assert_null(expr_compile(&arena, str_n(large, 129), NULL, &wrong));
}

/* ---- one reading --------------------------------------------------------------------------- */

static void assert_reading(const char *text, enum sluice_reading want, const char *value)
{
	struct expr_wrong wrong;
	const sluice_expr *e = expr_compile(&arena, str_of(text), NULL, &wrong);
	sluice_str got;
	enum sluice_reading r = expr_read(walk, e, &got);
	if (r != want || (value ? !got.data || !str_eq(got, str_of(value)) : got.data != NULL))
		fail_msg("\"%s\" reads %d \"%.*s\", not %d \"%s\"", text, r, STR_ARG(got), want,
			value);
}

TEST(an_escaped_parameter_is_the_same_parameter)
{
	static const char *const queries[] = { "key=secret", "key=%73ecret", "k%65y=secret",
		"%6B%65%79=%73%65%63%72%65%74", "a&key=secret&b" };
	walk_begin(1, "", 0);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		walk->request->query = str_of(queries[i]);
		assert_reading("query:key", SLUICE_READ_ONE, "secret");
	}
	walk->request->query = STR("key=a+b%2Bc%zz%4");
	assert_reading("query:key", SLUICE_READ_ONE, "a b+c%zz%4");
	walk_end();
}

TEST(a_repeated_fact_is_told_to_be_one)
{
	walk_begin(1,
		"X-One: 1\nX-Two: a\nX-Two: b\nCookie: s=1; t=2\nCookie: s=3; u\nX-Gone: "
		"1\nX-Gone: 2\n",
		0);
	walk_enter(0);
	walk->request->query = STR("key=fresh&one=1&k%65y=s%65cret&key");
	assert_reading("query:key", SLUICE_READ_MANY, "fresh, secret, ");
	assert_reading("query:one", SLUICE_READ_ONE, "1");
	assert_reading("query:none", SLUICE_READ_NONE, NULL);
	assert_reading("header:x-two", SLUICE_READ_MANY, "a, b");
	assert_reading("header:x-one", SLUICE_READ_ONE, "1");
	assert_reading("cookie:s", SLUICE_READ_MANY, "1, 3");
	assert_reading("cookie:t", SLUICE_READ_ONE, "2");
	/* pieces of one list: RFC 9113 8.2.3 */
	assert_reading("header:cookie", SLUICE_READ_ONE, "s=1; t=2; s=3; u");
	/* each further copy would be another value */
	walk->request->query = STR("key=same&key=same");
	assert_reading("query:key", SLUICE_READ_MANY, "same, same");
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("X-Gone"));
	(void)walk_request();
	walk_leave();
	walk_end();
}

TEST(a_part_of_the_path_is_decoded)
{
	struct path_captures captures = { .n = 2,
		.v = { { STR("user"), STR("%40lice+1") }, { STR("plain"), STR("bob") } } };
	walk_begin(1, "", 0);
	walk_enter(0);
	assert_value("path:user", NULL);
	walk->captures = &captures;
	assert_value("path:user", "@lice+1");
	assert_value("path:plain", "bob");
	assert_value("path:other", NULL);
	assert_true(str_eq(sluice_attr(walk, STR("path:user")), STR("@lice+1")));
	walk->captures = NULL;
	walk_leave();
	walk_end();
}

TEST(scheme_is_what_a_trusted_proxy_told)
{
	walk_begin(1, "", 0);
	walk_enter(0);
	walk->scheme = STR("https");
	assert_value("scheme", "https");
	assert_true(str_eq(sluice_get(walk, SLUICE_I_SCHEME), STR("https")));
	walk_leave();
	walk_end();
}

/* What sluice_get() tells is what an expression of that name tells. */
TEST(plugins_and_expressions_read_the_same)
{
	static const struct {
		sluice_info info;
		const char *text;
	} both[] = {
		{ SLUICE_I_METHOD, "method" },
		{ SLUICE_I_SCHEME, "scheme" },
		{ SLUICE_I_HOST, "host" },
		{ SLUICE_I_AUTHORITY, "authority" },
		{ SLUICE_I_ASKED_AUTHORITY, "asked_authority" },
		{ SLUICE_I_ASKED_PATH, "asked_path" },
		{ SLUICE_I_PATH, "path" },
		{ SLUICE_I_SENT_PATH, "sent_path" },
		{ SLUICE_I_QUERY, "query" },
		{ SLUICE_I_TARGET, "target" },
		{ SLUICE_I_CLIENT_IP, "ip" },
		{ SLUICE_I_ROUTE, "route" },
		{ SLUICE_I_UPSTREAM, "upstream" },
		{ SLUICE_I_REQUEST_ID, "request_id" },
	};
	struct expr_wrong wrong;
	walk_begin(1, "", 0);
	walk_enter(0);
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
		const sluice_expr *e = expr_compile(&arena, str_of(both[i].text), NULL, &wrong);
		sluice_str got = sluice_get(walk, both[i].info);
		assert_true(got.len > 0);
		assert_true(str_eq(got, expr_value(walk, e)));
	}
	walk_leave();
	walk_end();
}

TEST(a_fact_that_nobody_states_is_unknown)
{
	static const struct {
		const char *text, *hint;
	} unknown[] = {
		{ "sub", "claim:sub" },
		{ "clientip", "ip" },
		{ "heder:X", "header:X" },
		{ "client_ip", "ip" },
		{ "hots", "host" },
		{ "cokie:a", "cookie:a" },
		{ "tenent", "tenant" },
		{ "gep:city", "geo:city" },
		{ "hostname", "host" },
		{ "quite-another", "" },
	};
	struct stated stated = { .v = { STR("tenant"), STR("geo:") },
		.n = 2,
		.extent = STATED_ALL };
	struct expr_wrong wrong;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		if (expr_compile(&arena, str_of(unknown[i].text), &stated, &wrong))
			fail_msg("\"%s\" is known", unknown[i].text);
		if (!str_eq(wrong.hint, str_of(unknown[i].hint)))
			fail_msg("for \"%s\" the hint is \"%.*s\"", unknown[i].text,
				STR_ARG(wrong.hint));
		assert_non_null(strstr(wrong.why, unknown[i].text));
	}
	assert_non_null(expr_compile(&arena, STR("tenant"), &stated, &wrong));
	assert_non_null(expr_compile(&arena, STR("geo:city"), &stated, &wrong));
	assert_non_null(expr_compile(&arena, STR("claim:anything"), &stated, &wrong));
	stated.extent = STATED_SOME;
	assert_non_null(expr_compile(&arena, STR("heder:X"), &stated, &wrong));
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return walk_teardown(state);
}

static int setup(void **state)
{
	arena_init(&arena, 0);
	return walk_setup(state);
}

TEST_GROUP(setup, teardown);
