/* route/router: routes that are last among those of their host and path. */
#include "route/explain.h"

#include "routes.h"

static struct arena arena;

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/* The name of the route that takes a request, or what route_find() says instead. */
static const char *find(const struct router *r, const char *line, const char *fields,
	const char *listener)
{
	struct route_result res;
	struct request_head h = request_of(&arena, line, fields);
	const struct route_rule *rule = routes_find(r, &h, str_of(listener), NULL, &res);
	assert_int_equal(rule == NULL, res.err != 0);
	return rule ? rule->name.data : err_code(res.err);
}

#define assert_finds(r, line, fields, listener, want)                                          \
	do {                                                                                   \
		const char *got = find(r, line, fields, listener);                             \
		if (strcmp(got, want) != 0)                                                    \
			fail_msg("%s [%s] on \"%s\" finds %s, not %s", line, fields, listener, \
				got, want);                                                    \
	} while (0)

static struct router *router_of(const struct row *rows, size_t n, size_t n_last)
{
	struct route_spec *specs = rows_specs(&arena, rows, n);
	struct mistakes m = { 0 };
	for (size_t i = 0; i < n_last; i++)
		specs[i].is_last = true;
	struct router *r = router_new(&arena, specs, n, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	return r;
}

/* Routes of the gateway itself stand behind those of the file, which take what they take and no
 * more: by method, listener and condition. */
TEST(routes_that_are_last_have_the_rest)
{
	static const struct row rows[] = {
		{ "ours", "a.test", "/d /e /f /g", "GET OPTIONS" },
		{ "again", "a.test", "/d", "GET OPTIONS" },
		{ "here", "a.test", "/d", "GET OPTIONS", .listener = "l" },
		{ "post", "a.test", "/d", "POST" },
		{ "mine", "a.test", "/e" },
		{ "some", "a.test", "/f", .headers = "x=1" },
		{ "case", "a.test", "/G" },
		{ "other", "a.test", "/g", .listener = "m" },
		{ "any", NULL, "/d" },
	};
	struct router *r = router_of(rows, N(rows), 3);
	assert_finds(r, "GET a.test/d", "", "", "ours");
	assert_finds(r, "HEAD a.test/d", "", "", "ours");
	assert_finds(r, "GET a.test/d", "", "l", "here");
	assert_finds(r, "POST a.test/d", "", "l", "post");
	assert_finds(r, "GET b.test/d", "", "", "any");
	assert_finds(r, "GET a.test/e", "", "", "mine");
	assert_finds(r, "OPTIONS a.test/e", "", "", "mine");
	assert_finds(r, "GET a.test/f", "", "", "ours");
	assert_finds(r, "GET a.test/f", "x=1", "", "some");
	assert_finds(r, "GET a.test/g", "", "", "ours");
	assert_finds(r, "GET a.test/G", "", "", "case");
	assert_finds(r, "GET a.test/g", "", "m", "other");
	router_free(&r);
}

static void explained(void *ctx, const struct route_explanation *e)
{
	char *out = ctx, line[512];
	size_t at = strlen(out);
	(void)route_explanation_text(e, line, sizeof(line));
	(void)snprintf(out + at, 4096 - at, "%s: %s\n", e->rule->name.data, line);
}

TEST(one_that_comes_first_has_not_more_conditions)
{
	static const struct row rows[] = {
		{ "ours", "a.test", "/d", "GET OPTIONS" },
		{ "mine", "a.test", "/d" },
	};
	struct router *r = router_of(rows, N(rows), 1);
	struct route_result res;
	char got[4096] = "";
	struct request_head h = request_of(&arena, "GET a.test/d", "");
	(void)route_explain(r, &(struct route_asked){ &h, STR("public") }, &res, explained, got);
	assert_string_equal(got,
		"ours: matches, but `mine` comes first\nmine: takes the request\n");
	router_free(&r);
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
