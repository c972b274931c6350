/* route/explain: every rule says why it lost, in words. That its verdicts agree with the router is
 * test_model's part. */
#include "route/explain.h"

#include "routes.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct arena arena;

static void explained(void *ctx, const struct route_explanation *e)
{
	char *out = ctx, line[512];
	size_t at = strlen(out), n = route_explanation_text(e, line, sizeof(line));
	assert_int_equal(n, strlen(line));
	(void)snprintf(out + at, 4096 - at, "%s: %s\n", e->rule->name.data, line);
}

static void assert_explains(const struct row *rows, size_t n, const char *line, const char *fields,
	const char *want)
{
	struct mistakes m = { 0 };
	struct route_result res;
	char got[4096] = "";
	struct router *r = router_new(&arena, rows_specs(&arena, rows, n), n, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	struct request_head h = request_of(&arena, line, fields);
	(void)route_explain(r, &(struct route_asked){ &h, STR("public") }, &res, explained, got);
	assert_string_equal(got, want);
	router_free(&r);
}

TEST(failures)
{
	static const struct {
		struct row row;
		const char *line, *fields, *want;
	} rows[] = {
		{ { "r", "*.b.test" }, "GET a.test/", "", "host is \"a.test\", not \"*.b.test\"" },
		{ { "r", .path = "/a/{id}" }, "GET a.test/a", "",
			"path is \"/a\", which \"/a/{id}\" does not match" },
		{ { "r", .listener = "internal" }, "GET a.test/", "",
			"listener is \"public\", not \"internal\"" },
		{ { "r", .methods = "GET HEAD PURGE" }, "PUT a.test/", "",
			"method is PUT, not one of GET, HEAD, PURGE" },
		{ { "r", .headers = "X-V=2" }, "GET a.test/", "x-v=1",
			"header `x-v` is \"1\", not \"2\"" },
		{ { "r", .headers = "x-v=2" }, "GET a.test/", "x-v=2 x-v=3",
			"header `x-v` is \"2, 3\", not \"2\"" },
		{ { "r", .headers = "x-v=*" }, "GET a.test/", "x-w=1", "header `x-v` is missing" },
		{ { "r", .headers = "x=1 y=2 z=3" }, "GET a.test/", "z=1 y=3 x=1",
			"header `y` is \"3\", not \"2\"" },
		{ { "r", .headers = "authorization=regex:Basic.*" }, "GET a.test/",
			"authorization=secret",
			"header `authorization` is \"(hidden)\", not \"regex:Basic.*\"" },
		{ { "r", "b.test *.c.test" }, "GET a.test/", "",
			"host is \"a.test\", not \"b.test\" or \"*.c.test\"" },
		{ { "r", .path = "/b /c/*" }, "GET a.test/a", "",
			"path is \"/a\", which \"/b\" or \"/c/*\" does not match" },
		{ { "r", .listener = "internal private" }, "GET a.test/", "",
			"listener is \"public\", not \"internal\" or \"private\"" },
		{ { "r", .cookies = "canary=1" }, "GET a.test/", "cookie=canary=2",
			"cookie `canary` is \"(hidden)\", not \"1\"" },
		{ { "r", .cookies = "canary=1" }, "GET a.test/", "", "cookie `canary` is missing" },
		{ { "r", .client = "10.0.0.0/8 ::1" }, "GET a.test/", "",
			"takes the request if its client is in \"10.0.0.0/8\" or \"::1\", which "
			"is not known here" },
		{ { "r", .query = "q=1" }, "GET a.test/?r&q=%31x", "",
			"parameter `q` is \"1x\", not \"1\"" },
		{ { "r", .query = "q=1" }, "GET a.test/?q", "",
			"parameter `q` is \"\", not \"1\"" },
		{ { "r", .query = "q=1" }, "GET a.test/", "", "parameter `q` is missing" },
		{ { "r" }, "GET a.test/", "", "takes the request" },
	};
	for (size_t i = 0; i < N(rows); i++) {
		const char *want = arena_printf(&arena, "r: %s\n", rows[i].want).data;
		assert_explains(&rows[i].row, 1, rows[i].line, rows[i].fields, want);
	}
}

TEST(rank)
{
	static const struct row rows[] = {
		{ "exact", "a.test", "/a" },
		{ "wider-path", "a.test", "/*" },
		{ "wider-host", "", "/a" },
		{ "more", "a.test", "/a", .methods = "GET" },
		{ "elsewhere", .listener = "internal" },
	};
	static const struct row expressions[] = {
		{ "few", .path = "regex:/a" },
		{ "more", .path = "regex:/a", .methods = "GET" },
		{ "later", .path = "regex:/.*", .methods = "GET" },
	};
	assert_explains(rows, N(rows), "GET a.test/a", "",
		"exact: matches, but `more` has more conditions\n"
		"wider-path: matches, but the path of `more` is more specific\n"
		"wider-host: matches, but the host of `more` is more specific\n"
		"more: takes the request\n"
		"elsewhere: listener is \"public\", not \"internal\"\n");
	assert_explains(expressions, N(expressions), "GET a.test/a", "",
		"few: matches, but `more` has more conditions\n"
		"more: takes the request\n"
		"later: matches, but the path of `more` is more specific\n");
}

TEST(rank_of_lists)
{
	static const struct row rows[] = {
		{ "many", "a.test b.test", "/a /b/* /*" },
		{ "exact", "a.test", "/b/c" },
		{ "head", "b.test", "/a", .methods = "HEAD" },
		{ "get", "b.test", "/a", .methods = "GET", .headers = "x=1" },
	};
	assert_explains(rows, N(rows), "GET a.test/b/c", "",
		"many: matches by host \"a.test\" and path \"/b/*\", but the path of `exact` is "
		"more "
		"specific\n"
		"exact: takes the request\n"
		"head: host is \"a.test\", not \"b.test\"\n"
		"get: host is \"a.test\", not \"b.test\"\n");
	assert_explains(rows, N(rows), "HEAD b.test/a", "x=1",
		"many: matches by host \"b.test\" and path \"/a\", but `head` has more conditions\n"
		"exact: host is \"b.test\", not \"a.test\"\n"
		"head: takes the request\n"
		"get: matches, but `head` lists HEAD\n");
}

/* A list that is too long to show says so. */
TEST(long_lists)
{
	char path[2100] = "", want[1400];
	for (unsigned i = 0; i < 300; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s/%03u",
			i ? " " : "", i);
	const struct row row = { "r", .path = path };
	struct mistakes m = { 0 };
	struct route_result res;
	char got[4096] = "";
	struct router *r = router_new(&arena, rows_specs(&arena, &row, 1), 1, mistakes_add, &m);
	struct request_head h = request_of(&arena, "GET a/x", "");
	(void)route_explain(r, &(struct route_asked){ &h }, &res, explained, got);
	(void)snprintf(want, sizeof(want), "r: path is \"/x\", which \"/000\" or \"/001\" or ");
	assert_int_equal(strncmp(got, want, strlen(want)), 0);
	router_free(&r);
}

TEST(limit)
{
	static const struct row rows[] = { { "evil", .path = "regex:/(a+)+" },
		{ "open", .path = "regex:/.*" } };
	char line[256] = "GET a.test/";
	memset(line + 11, 'a', 100);
	memcpy(line + 111, "!", 2);
	assert_explains(rows, N(rows), line, "",
		"evil: the expression in its path needs too much work for this request\n"
		"open: matches, but the search ended before at an expression that needs too much "
		"work\n");
}

TEST(no_control_bytes)
{
	static const struct row rows[] = { { "x", .headers = "x=1" } };
	assert_explains(rows, 1, "GET a.test/", "x=\x1b[1m\n\xc3\xa9",
		"x: header `x` is \"?[1m???\", not \"1\"\n");
	struct route_rule rule = { .name = STR("x") };
	struct route_explanation e = { .rule = &rule, .verdict = ROUTE_WINS };
	char small[6];
	assert_int_equal(route_explanation_text(&e, small, sizeof(small)), 5);
	assert_string_equal(small, "takes");
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
