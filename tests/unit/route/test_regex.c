/* route/regex: whole matches, groups, and expressions that would never end. */
#include "route/regex.h"

#include "base/clock.h"
#include "unit.h"

static struct regex *regex_of(const char *text)
{
	struct regex_error e;
	struct regex *r = regex_new(str_of(text), &e);
	if (!r)
		fail_msg("%s: at %zu: %s", text, e.offset, e.text);
	return r;
}

static enum match matches(const char *expression, const char *subject)
{
	struct regex *r = regex_of(expression);
	enum match m = regex_match(r, str_of(subject), NULL);
	regex_free(&r);
	assert_null(r);
	return m;
}

TEST(whole)
{
	assert_int_equal(matches("a+", "aaa"), MATCH_YES);
	assert_int_equal(matches("a+", "aaab"), MATCH_NO);
	assert_int_equal(matches("a+", "baaa"), MATCH_NO);
	/* the end is part of the match, not a check after it */
	assert_int_equal(matches("a|ab", "ab"), MATCH_YES);
	assert_int_equal(matches("", ""), MATCH_YES);
	assert_int_equal(matches("", "a"), MATCH_NO);
	assert_int_equal(matches("a$", "a\n"), MATCH_NO);
	assert_int_equal(matches("(?i)abc", "ABC"), MATCH_YES);
	assert_int_equal(matches(".", "\xff"), MATCH_YES); /* bytes, not characters */
	struct regex *r = regex_of("a?");
	assert_int_equal(regex_match(r, STR_NONE, NULL), MATCH_YES);
	regex_free(&r);
}

TEST(groups)
{
	sluice_str spans[REGEX_GROUPS + 1];
	struct regex_group g;
	struct regex *r = regex_of("(a)(?<two>b)?(?<three>c*)");
	assert_true(regex_group_at(r, 0, &g));
	assert_str(g.name, "three"); /* in the order of their names */
	assert_int_equal(g.number, 3);
	assert_true(regex_group_at(r, 1, &g));
	assert_str(g.name, "two");
	assert_int_equal(g.number, 2);
	assert_false(regex_group_at(r, 2, &g));
	assert_int_equal(regex_match(r, STR("abcc"), spans), MATCH_YES);
	assert_str(spans[0], "abcc");
	assert_str(spans[1], "a");
	assert_str(spans[2], "b");
	assert_str(spans[3], "cc");
	assert_int_equal(regex_match(r, STR("a"), spans), MATCH_YES);
	assert_null(spans[2].data);
	assert_non_null(spans[3].data);
	assert_int_equal(spans[3].len, 0);
	regex_free(&r);

	r = regex_of("a(x)|b(y)|c"); /* groups past the last one that took part */
	assert_int_equal(regex_match(r, STR("c"), spans), MATCH_YES);
	assert_null(spans[1].data);
	assert_null(spans[2].data);
	regex_free(&r);
}

TEST(bad)
{
	static const struct {
		const char *text, *says;
		size_t offset;
	} rows[] = {
		{ "a[", "missing terminating ]", 2 },
		{ "*", "quantifier does not follow", 0 },
		{ "(?<x>a)(?<x>b)", "two named subpatterns", 12 },
		{ "(?C)a(", "parenthesis", 6 },
	};
	struct regex_error e;
	char many[REGEX_BYTES + 1];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (regex_new(str_of(rows[i].text), &e))
			fail_msg("%s compiles", rows[i].text);
		if (!strstr(e.text, rows[i].says) || e.offset != rows[i].offset)
			fail_msg("%s: at %zu: %s", rows[i].text, e.offset, e.text);
	}
	memset(many, 'a', sizeof(many));
	assert_null(regex_new(str_n(many, sizeof(many)), &e));
	assert_non_null(strstr(e.text, "longer"));
	for (size_t i = 0; i < 64; i++)
		memcpy(many + 3 * i, "(a)", 3);
	assert_null(regex_new(str_n(many, 3 * 64), &e));
	assert_non_null(strstr(e.text, "groups"));
	struct regex *r = regex_new(str_n(many, 3 * REGEX_GROUPS), &e);
	assert_non_null(r);
	sluice_str spans[REGEX_GROUPS + 1];
	memset(many, 'a', REGEX_GROUPS);
	assert_int_equal(regex_match(r, str_n(many, REGEX_GROUPS), spans), MATCH_YES);
	assert_str(spans[REGEX_GROUPS], "a");
	regex_free(&r);
}

TEST(blow_up)
{
	static const char *const evil[] = { "(a+)+", "(a|aa)+", "(a*)*b", "(?:a?){40}a{40}c",
		"(.*)*x(.*)*y", "((a+)*)+[^a!]", "(?R)?a(?R)?b", "(a(?1)?)*b" };
	char subject[8192];
	memset(subject, 'a', sizeof(subject));
	/* what an expression is quickly checked for is there */
	memcpy(subject + sizeof(subject) - 6, "cbxyc!", 6);
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		struct regex *r = regex_of(evil[i]);
		uint64_t from = clock_ns();
		enum match m = regex_match(r, str_n(subject, sizeof(subject)), NULL);
		uint64_t took = clock_ns() - from;
		assert_int_not_equal(m, MATCH_YES);
		/* without a limit: for ever; the margin is for sanitizers and busy machines */
		if (took > NS_PER_S)
			fail_msg("%s took %llu ms", evil[i],
				(unsigned long long)(took / NS_PER_MS));
		regex_free(&r);
	}
	struct regex *r = regex_of("(a+)+");
	assert_int_equal(regex_match(r, str_n(subject, sizeof(subject)), NULL), MATCH_LIMIT);
	/* a limit leaves nothing behind */
	assert_int_equal(regex_match(r, STR("aaaa"), NULL), MATCH_YES);
	regex_free(&r);
}

/* Long innocent subjects stay below the limits. */
TEST(long)
{
	static char subject[128 << 10];
	memset(subject, 'a', sizeof(subject));
	subject[0] = '/';
	for (size_t i = 8; i < sizeof(subject); i += 8)
		subject[i] = '/';
	subject[sizeof(subject) - 1] = 'b';
	static const char *const good[] = { "/.*b", "(?:/[a-z]+)*", "/(?<rest>.+)", "(/[^/]+)+",
		"[/a-z]*", "(?:/|a|b)*", "(/|[ab])+", ".*/a+b" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct regex *r = regex_of(good[i]);
		if (regex_match(r, str_n(subject, sizeof(subject)), NULL) != MATCH_YES)
			fail_msg("%s does not match", good[i]);
		regex_free(&r);
	}
}

static int teardown(void **state)
{
	(void)state;
	regex_thread_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
