/* route/: conditions on facts, which the caller of a search reads. */
#include "route/explain.h"
#include "routes.h"

static struct arena arena;

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
	return 0;
}

/* What a request has: "name=value name=value"; of a fact called "lost" it cannot be told. */
struct known {
	const char *text;
	unsigned reads;
};

static enum match read_fact(void *request, const void *key, sluice_str *out)
{
	struct known *k = request;
	const sluice_str *name = key;
	sluice_pairs have = rows_pairs(&arena, k->text);
	k->reads++;
	if (str_eq(*name, STR("lost")))
		return MATCH_LIMIT;
	for (size_t i = 0; i < have.n; i++) {
		if (!str_eq(have.v[i].name, *name))
			continue;
		*out = have.v[i].value;
		return MATCH_YES;
	}
	return MATCH_NO;
}

static struct router *build(const struct row *rows, size_t n)
{
	struct mistakes m = { 0 };
	struct router *r = router_new(&arena, rows_specs(&arena, rows, n), n, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	router_reads_facts(r, read_fact);
	return r;
}

static const char *found(const struct router *r, const char *line, const char *facts)
{
	struct known k = { .text = facts };
	struct request_head h = request_of(&arena, line, "");
	struct route_result res;
	const struct route_rule *rule = routes_find(r, &h, STR(""), facts ? &k : NULL, &res);
	return rule                                 ? rule->name.data
		: res.err == ERR_METHOD_NOT_ALLOWED ? "method"
		: res.err == ERR_PATTERN_LIMIT      ? "limit"
						    : "none";
}

static const struct row plans[] = {
	{ "gold", "", "/*", "", "", "", "", "plan=gold" },
	{ "paid", "", "/*", "", "", "", "", "plan=silver plan=regex:bronze-[0-9]" },
	{ "some", "", "/*", "GET", "", "", "", "plan=* user=*" },
	{ "rest", "", "/*", "", "", "", "", "" },
	{ "post", "", "/post", "POST", "", "", "", "plan=gold" },
	{ "lost", "", "/lost", "", "", "", "", "lost=1" },
};

TEST(facts_choose)
{
	struct router *r = build(plans, 6);
	static const struct {
		const char *line, *facts, *want;
	} v[] = {
		{ "GET a/x", "plan=gold", "gold" },
		{ "GET a/x", "plan=golden", "rest" },
		{ "GET a/x", "plan=silver", "paid" },
		{ "GET a/x", "plan=bronze-7", "paid" },
		{ "GET a/x", "plan=bronze-77", "rest" },
		{ "GET a/x", "", "rest" },
		{ "GET a/x", "plan=gold user=eve", "some" },
		{ "GET a/x", "plan= user=eve", "some" },
		{ "GET a/x", "user=eve", "rest" },
		{ "PUT a/x", "plan=lead user=eve", "rest" },
		{ "POST a/post", "plan=gold", "post" },
		{ "POST a/post", "plan=lead", "rest" },
		{ "GET a/lost", "", "limit" },
		{ "GET a/x", NULL, "rest" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_string_equal(found(r, v[i].line, v[i].facts), v[i].want);
	router_free(&r);
}

TEST(another_method)
{
	struct router *r = build(plans + 4, 1);
	assert_string_equal(found(r, "GET a/post", "plan=gold"), "method");
	assert_string_equal(found(r, "GET a/post", "plan=lead"), "none");
	router_free(&r);
}

/* Nothing is read for a rule without conditions on facts, nor where an earlier condition fails. */
TEST(nothing_is_read_in_vain)
{
	static const struct row rows[] = {
		{ "plain", "", "/plain", "", "", "", "", "" },
		{ "both", "", "/both", "", "x=1", "", "", "plan=gold" },
	};
	struct router *r = build(rows, 2);
	struct known k = { .text = "plan=gold" };
	struct route_result res;
	struct request_head h = request_of(&arena, "GET a/plain", "");
	assert_non_null(routes_find(r, &h, STR(""), &k, &res));
	h = request_of(&arena, "GET a/both", "x=2");
	assert_null(routes_find(r, &h, STR(""), &k, &res));
	assert_int_equal(k.reads, 0);
	h = request_of(&arena, "GET a/both", "x=1");
	assert_non_null(routes_find(r, &h, STR(""), &k, &res));
	assert_int_equal(k.reads, 1);
	router_free(&r);
}

TEST(conflicts)
{
	static const struct {
		const char *a, *b;
		bool conflict;
	} v[] = {
		{ "plan=gold", "plan=gold", true },
		{ "plan=gold", "plan=silver", false },
		{ "plan=gold plan=silver", "plan=silver plan=lead", true },
		{ "plan=gold plan=silver", "plan=lead plan=bronze", false },
		{ "plan=gold", "plan=regex:g.*", true },
		{ "plan=gold plan=silver", "plan=regex:b.*", false },
		{ "plan=gold", "plan=*", true },
		{ "plan=gold", "user=eve", true },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const struct row rows[] = {
			{ "a", "", "/x", "", "", "", "", v[i].a },
			{ "b", "", "/x", "", "", "", "", v[i].b },
		};
		struct mistakes m = { 0 };
		struct router *r =
			router_new(&arena, rows_specs(&arena, rows, 2), 2, mistakes_add, &m);
		assert_int_equal(m.n, v[i].conflict);
		router_free(&r);
	}
}

TEST(covers)
{
	static const struct row rows[] = {
		{ "a", "", "/a", "", "", "", "", "plan=gold plan=regex:s.*" },
		{ "b", "", "/b", "", "", "", "", "plan=gold plan=silver user=eve" },
		{ "c", "", "/c", "", "", "", "", "plan=gold plan=lead" },
		{ "d", "", "/d", "", "", "", "", "" },
	};
	struct router *r = build(rows, 4);
	const struct route_rule *a = router_rule(r, 0), *b = router_rule(r, 1),
				*c = router_rule(r, 2), *d = router_rule(r, 3);
	assert_true(rule_covers(a, b));
	assert_false(rule_covers(b, a));
	assert_false(rule_covers(a, c));
	assert_false(rule_covers(a, d));
	assert_true(rule_covers(d, a));
	router_free(&r);
}

TEST(mistakes_in_values)
{
	static const struct row rows[] = {
		{ "a", "", "/a", "", "", "", "", "plan=gold plan=regex:(" },
	};
	struct mistakes m = { 0 };
	assert_null(router_new(&arena, rows_specs(&arena, rows, 1), 1, mistakes_add, &m));
	assert_int_equal(m.n, 1);
	assert_int_equal(m.last.part, ROUTE_FACTS);
	assert_int_equal(m.last.index, 1);
	assert_int_equal(m.last.offset, 7);
}

/* ---- explained ----------------------------------------------------------------------------- */

static void tell(void *ctx, const struct route_explanation *e)
{
	char *text = ctx, line[256];
	(void)route_explanation_text(e, line, sizeof(line));
	size_t n = strlen(text);
	(void)snprintf(text + n, 2048 - n, "%.*s: %s\n", STR_ARG(e->rule->name), line);
}

/* Facts are known of real requests only, and nobody guesses. */
TEST(explained)
{
	struct router *r = build(plans, 6);
	struct route_result res;
	struct request_head h = request_of(&arena, "GET a/x", "");
	char text[2048] = "";
	const struct route_rule *winner =
		route_explain(r, &(struct route_asked){ &h, STR("") }, &res, tell, text);
	assert_str(winner->name, "rest");
	assert_string_equal(text,
		"gold: takes the request if `plan` is \"gold\", which is not known here\n"
		"paid: takes the request if `plan` is \"silver\" or \"regex:bronze-[0-9]\", which "
		"is "
		"not known here\n"
		"some: takes the request if `plan` is \"*\", which is not known here\n"
		"rest: takes the request, unless a route does of which not all is known here\n"
		"post: path is \"/x\", which \"/post\" does not match\n"
		"lost: path is \"/x\", which \"/lost\" does not match\n");
	router_free(&r);
}

/* A route behind the winner does not make it uncertain. */
TEST(explained_behind)
{
	static const struct row rows[] = {
		{ "exact", "", "/x", "", "", "", "", "" },
		{ "wide", "", "/*", "", "", "", "", "plan=gold" },
	};
	struct router *r = build(rows, 2);
	struct route_result res;
	struct request_head h = request_of(&arena, "GET a/x", "");
	char text[2048] = "";
	(void)route_explain(r, &(struct route_asked){ &h, STR("") }, &res, tell, text);
	assert_string_equal(text,
		"exact: takes the request\n"
		"wide: matches, but the path of `exact` is more specific\n");
	router_free(&r);
}

TEST_GROUP(setup, teardown);
