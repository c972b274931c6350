/* route/match: conditions on header fields and query parameters. */
#include "route/match.h"

#include <stdlib.h>

#include "routes.h"

static struct arena arena;

static struct condition condition_of(bool header, const char *name, const char *value)
{
	struct condition c;
	struct pattern_error e;
	bool in_name;
	sluice_pair p = { str_of(name), str_of(value) };
	if (header ? header_condition_parse(&arena, p, &c, &in_name, &e)
		   : query_condition_parse(&arena, p, &c, &in_name, &e))
		fail_msg("%s: %s: at %zu: %s", name, value, e.offset, e.text);
	return c;
}

/* fields: "name=value name=value"; an underscore in a value stands for a blank. */
static enum match header(const char *name, const char *value, const char *fields)
{
	char text[256];
	(void)snprintf(text, sizeof(text), "%s", fields);
	struct request_head h = request_of(&arena, "GET /", text);
	for (char *p = text; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
	struct condition c = condition_of(true, name, value);
	enum match m = header_condition_match(&c, &h.fields);
	condition_free(&c);
	return m;
}

static enum match query(const char *name, const char *value, const char *text)
{
	struct condition c = condition_of(false, name, value);
	enum match m = query_condition_match(&c, str_of(text));
	condition_free(&c);
	return m;
}

TEST(header)
{
	assert_int_equal(header("x-version", "2", "a=1 x-version=2"), MATCH_YES);
	assert_int_equal(header("X-Version", "2", "X-VERSION=2"), MATCH_YES);
	assert_int_equal(header("x-version", "2", "x-version=20"), MATCH_NO);
	assert_int_equal(header("x-version", "20", "x-version=2"), MATCH_NO);
	assert_int_equal(header("x-version", "2", "x-versions=2"), MATCH_NO);
	assert_int_equal(header("x-version", "a", "x-version=A"), MATCH_NO);
	assert_int_equal(header("x-version", "2", ""), MATCH_NO);
	assert_int_equal(header("x-version", "*", ""), MATCH_NO);
	assert_int_equal(header("x-version", "*", "x-version="), MATCH_YES);
	assert_int_equal(header("x-version", "", "x-version="), MATCH_YES);
	assert_int_equal(header("x-version", "regex:v[0-9]+", "x-version=v17"), MATCH_YES);
	assert_int_equal(header("x-version", "regex:v[0-9]+", "x-version=v17b"), MATCH_NO);
	assert_int_equal(header("x-version", "regex:.*", ""), MATCH_NO);
}

TEST(header_lines)
{
	assert_int_equal(header("x", "1", "x=1 x=2"), MATCH_NO);
	assert_int_equal(header("x", "2", "x=1 x=2"), MATCH_NO);
	assert_int_equal(header("x", "1, 2", "x=1 y=9 X=2"), MATCH_YES);
	assert_int_equal(header("x", "1, 2", "x=1,_2"), MATCH_YES);
	assert_int_equal(header("x", "1, 2, 3", "x=1,_2 x=3"), MATCH_YES);
	assert_int_equal(header("x", "1, 2", "x=1 x=2 x=3"), MATCH_NO);
	assert_int_equal(header("x", ", , a", "x= x= x=a"), MATCH_YES);
	assert_int_equal(header("cookie", "a=1; b=2", "cookie=a=1 cookie=b=2"), MATCH_YES);
	assert_int_equal(header("x", "regex:1, 2(, 3)?", "x=1 x=2"), MATCH_YES);
	assert_int_equal(header("x", "regex:, , a", "x= x= x=a"), MATCH_YES);
	assert_int_equal(header("x", "regex:[0-9]", "x=1 x=2"), MATCH_NO);
}

/* Values as long as a head may be: the length of a request is never the gateway's failure. */
TEST(long_values_are_matched)
{
	enum { LONG = 256 << 10 };
	char *big = malloc(3 * LONG + 2), *pairs = malloc(LONG);
	struct field v[2];
	struct fields f = { v, 1, 2 };
	struct condition c = condition_of(true, "cookie", "regex:(?:[^;]*; )*sid=a+"),
			 q = condition_of(false, "a", "regex:z*");
	assert_true(big && pairs);
	for (size_t i = 0; i < LONG; i++)
		pairs[i] = "ab=cd; "[i % 7];
	memcpy(pairs + LONG - 7, "; sid=a", 7);
	v[0] = (struct field){ .name = "cookie", .name_len = 6, .value = pairs, .value_len = LONG };
	assert_int_equal(header_condition_match(&c, &f), MATCH_YES); /* in one line */
	v[1] = (struct field){ .name = "cookie",
		.name_len = 6,
		.value = "sid=aaa",
		.value_len = 7 };
	f.n = 2;
	assert_int_equal(header_condition_match(&c, &f), MATCH_YES); /* in two */
	v[1].value = "sid=aa-";
	assert_int_equal(header_condition_match(&c, &f), MATCH_NO);

	memcpy(big, "a=", 2);
	memset(big + 2, 'z', LONG);
	assert_int_equal(query_condition_match(&q, str_n(big, 2 + LONG)), MATCH_YES);
	for (size_t i = 0; i < LONG; i++)
		memcpy(big + 2 + 3 * i, "%7a", 3);
	/* decoded */
	assert_int_equal(query_condition_match(&q, str_n(big, 2 + 3 * LONG)), MATCH_YES);
	big[3 * LONG + 1] = 'b';
	assert_int_equal(query_condition_match(&q, str_n(big, 2 + 3 * LONG)), MATCH_NO);
	condition_free(&c);
	condition_free(&q);
	free(big);
	free(pairs);
}

TEST(query)
{
	assert_int_equal(query("a", "1", "a=1"), MATCH_YES);
	assert_int_equal(query("a", "1", "b=2&a=1&c"), MATCH_YES);
	assert_int_equal(query("a", "1", "A=1"), MATCH_NO);
	assert_int_equal(query("a", "1", "a=12"), MATCH_NO);
	assert_int_equal(query("a", "12", "a=1"), MATCH_NO);
	assert_int_equal(query("a", "1", ""), MATCH_NO);
	assert_int_equal(query("a", "1", "&&&"), MATCH_NO);
	/* neither the first nor the last: all of them */
	assert_int_equal(query("a", "1", "a=2&a=1"), MATCH_NO);
	assert_int_equal(query("a", "2", "a=2&a=1"), MATCH_NO);
	assert_int_equal(query("a", "2, 1", "a=2&b&%61=1"), MATCH_YES);
	assert_int_equal(query("a", "2, ", "a=2&a"), MATCH_YES);
	assert_int_equal(query("a", "2", "a=2&a"), MATCH_NO);
	assert_int_equal(query("a", "regex:2, 1", "a=2&a=1"), MATCH_YES);
	assert_int_equal(query("a", "regex:2", "a=2&a=1"), MATCH_NO);
	assert_int_equal(query("secret", "1", "%73ecret=1"), MATCH_YES);
	assert_int_equal(query("a", "", "a"), MATCH_YES);
	assert_int_equal(query("a", "", "a="), MATCH_YES);
	assert_int_equal(query("a", "*", "a"), MATCH_YES);
	assert_int_equal(query("a", "*", "b"), MATCH_NO);
	assert_int_equal(query("a", "x=y", "a=x=y"), MATCH_YES);
	assert_int_equal(query("a b", "c d", "a+b=c%20d"), MATCH_YES);
	assert_int_equal(query("a", "1&2", "a=1%262"), MATCH_YES);
	assert_int_equal(query("a", "+", "a=%2B"), MATCH_YES);
	assert_int_equal(query("a", "%", "a=%"), MATCH_YES);
	assert_int_equal(query("a", "%4", "a=%4"), MATCH_YES);
	assert_int_equal(query("a", "%zz", "a=%zz"), MATCH_YES);
	assert_int_equal(query("a", "\xc3\xa9", "a=%C3%a9"), MATCH_YES);
	assert_int_equal(query("a", "regex:[0-9]+ x", "a=12+x"), MATCH_YES);
	assert_int_equal(query("a", "regex:[0-9]+", "a=12x"), MATCH_NO);
}

TEST(bad)
{
	static const struct {
		bool header;
		const char *name, *value, *says;
		bool in_name;
		size_t offset;
	} rows[] = {
		{ true, "x y", "1", "not the name", true, 0 },
		{ true, "", "1", "not the name", true, 0 },
		{ true, "Host", "a", "use `host`", true, 0 },
		{ true, "x", " 1", "blank", false, 0 },
		{ true, "x", "a\nb", "control", false, 0 },
		{ true, "x", "regex:a(", "parenthesis", false, 8 },
		{ false, "", "1", "has a name", true, 0 },
		{ false, "x", "regex:[", "missing", false, 7 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct condition c;
		struct pattern_error e;
		bool in_name;
		sluice_pair p = { str_of(rows[i].name), str_of(rows[i].value) };
		int r = rows[i].header ? header_condition_parse(&arena, p, &c, &in_name, &e)
				       : query_condition_parse(&arena, p, &c, &in_name, &e);
		if (r == 0)
			fail_msg("%s: %s parses", rows[i].name, rows[i].value);
		if (!strstr(e.text, rows[i].says) || in_name != rows[i].in_name ||
			e.offset != rows[i].offset)
			fail_msg("%s: %s: at %zu: %s", rows[i].name, rows[i].value, e.offset,
				e.text);
	}
}

static bool exclude(const char *name_a, const char *a, const char *name_b, const char *b)
{
	struct condition x = condition_of(true, name_a, a), y = condition_of(true, name_b, b);
	bool r = condition_excludes(&x, &y);
	assert_int_equal(condition_excludes(&y, &x), r);
	condition_free(&x);
	condition_free(&y);
	return r;
}

TEST(excludes)
{
	assert_true(exclude("x", "1", "X", "2"));
	assert_false(exclude("x", "1", "x", "1"));
	assert_false(exclude("x", "1", "y", "2"));
	assert_false(exclude("x", "1", "x", "*"));
	assert_true(exclude("x", "1", "x", "regex:[2-9]"));
	assert_false(exclude("x", "1", "x", "regex:[0-9]"));
	/* that they exclude each other is not found out */
	assert_false(exclude("x", "regex:a", "x", "regex:b"));
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	regex_thread_fini();
	arena_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
