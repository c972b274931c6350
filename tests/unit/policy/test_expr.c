/* policy/expr: key expressions, what is one and what it finds. */
#include "policy/expr.h"

#include "walk_kit.h"

static struct arena arena;

static void assert_value(const char *text, const char *want)
{
	const char *why = NULL;
	const sluice_expr *e = expr_compile(&arena, str_of(text), &why);
	if (!e)
		fail_msg("\"%s\": %s", text, why);
	sluice_str got = expr_value(walk, e);
	if (!want && got.data)
		fail_msg("\"%s\" is \"%.*s\"", text, STR_ARG(got));
	if (want && (!got.data || !str_eq(got, str_of(want))))
		fail_msg("\"%s\" is \"%.*s\", not \"%s\"", text, STR_ARG(got), want);
}

static void test_values(void **state)
{
	(void)state;
	walk_begin(1, "X-Key: k\nX-Key: second\nCookie: a=1; b=two words ;c; d=\"q\"; aa=9\nCookie: e=5\nHost: h\nEmpty: \n", 0);
	assert_value("ip", "192.0.2.7");
	assert_value("route", "the-route");
	assert_value("host", "example.com");
	assert_value("path", "/a/b");
	assert_value("method", "GET");
	assert_value("scheme", "http");
	assert_value("upstream", "the-upstream");
	assert_value("request_id", "id-1");
	assert_value("header:X-Key", "k");
	assert_value("header:x-key", "k");
	assert_value("header:host", "h");
	assert_value("header:empty", "");
	assert_value("header:none", NULL);
	assert_value("query:x", "1");
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
	assert_value("consumer", NULL);
	sluice_attr_set(walk, SLUICE_STR("consumer"), SLUICE_STR("carol"));
	sluice_attr_set(walk, SLUICE_STR("claim:sub"), SLUICE_STR("s"));
	assert_value("consumer", "carol");
	assert_value("claim:sub", "s");
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("X-Key")); /* removed is gone */
	(void)walk_request();
	walk_end();
}

static void test_no_query(void **state)
{
	static const char *const queries[] = { "", "&", "&&", "=", "=1", "a" };
	(void)state;
	walk_begin(1, "Cookie: \nCookie: ;;=; =x\n", 0);
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		walk->request->query = str_of(queries[i]);
		assert_value("query:x", NULL);
	}
	assert_value("cookie:x", NULL);
	walk_end();
}

static void test_what_is_none(void **state)
{
	static const char *const bad[] = {
		"", ":", "header:", "query:", "cookie:", "header:two words", "header:a:b", "claim:", ":sub", "a b", "a,b", "\"a\"", "a\x01",
		"umlaut\xc3\xa4",
	};
	char large[200];
	const char *why;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (expr_compile(&arena, str_of(bad[i]), &why))
			fail_msg("\"%s\" is taken", bad[i]);
		assert_non_null(why);
	}
	memset(large, 'a', sizeof(large));
	assert_non_null(expr_compile(&arena, str_n(large, 128), &why));
	assert_null(expr_compile(&arena, str_n(large, 129), &why));
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return walk_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_query),
		cmocka_unit_test(test_what_is_none),
	};
	arena_init(&arena, 0);
	return cmocka_run_group_tests(tests, walk_setup, teardown);
}
