/* route/reach: routes that no request can reach, and routes that are served in clear text. */
#include "route/reach.h"

#include "routes.h"

static struct arena arena;
static char told[1024];

static void tell(void *ctx, const struct route_warning *w)
{
	static const char *const words[] = { "never", "behind", "clear beside" };
	(void)ctx;
	size_t at = strlen(told);
	sluice_str member = w->extent == ROUTE_ONE_HOST ? w->rule->host_texts[w->index]
		: w->extent == ROUTE_ONE_PATH           ? w->rule->path_texts[w->index]
							: STR("");
	(void)snprintf(told + at, sizeof(told) - at, "%s%.*s%s%.*s %s%s%.*s", at ? "; " : "",
		STR_ARG(w->rule->name), member.len ? ":" : "", STR_ARG(member), words[w->trouble],
		w->other ? " " : "", (int)(w->other ? w->other->name.len : 0),
		w->other ? w->other->name.data : "");
}

static bool is_plain(void *ctx, sluice_str listener)
{
	(void)ctx;
	return str_eq(listener, STR("http"));
}

static void no_error(void *ctx, const struct route_error *e)
{
	(void)ctx;
	fail_msg("%.*s: %s", STR_ARG(e->spec->name), e->text);
}

static const char *warnings(const struct route_spec *specs, size_t n)
{
	arena_init(&arena, 0);
	struct router *r = router_new(&arena, specs, n, no_error, NULL);
	told[0] = 0;
	reach_check(r, tell, NULL);
	reach_check_without_tls(r, is_plain, tell, NULL);
	router_free(&r);
	arena_fini(&arena);
	return told;
}

#define WARNINGS(...)                                        \
	warnings((const struct route_spec[]){ __VA_ARGS__ }, \
		sizeof((const struct route_spec[]){ __VA_ARGS__ }) / sizeof(struct route_spec))
#define LIST(...)                                                                     \
	{                                                                             \
		.v = (const sluice_str[]){ __VA_ARGS__ },                             \
		.n = sizeof((const sluice_str[]){ __VA_ARGS__ }) / sizeof(sluice_str) \
	}
#define ROUTE(n, p, ...)                                             \
	{                                                            \
		.name = STR(n), .paths = LIST(STR(p)), ##__VA_ARGS__ \
	}

TEST(an_expression_below_a_pattern_is_never_reached)
{
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"), ROUTE("re", "regex:/api/v[0-9]+/.*")),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("id", "/u/{id}/*"), ROUTE("re", "regex:^/u/me/x.*$")),
		"re behind id");
	assert_string_equal(WARNINGS(ROUTE("exact", "/a.b"), ROUTE("re", "regex:/a\\.b")),
		"re behind exact");
	assert_string_equal(WARNINGS(ROUTE("any", "regex:/.*"), ROUTE("re", "regex:/[0-9]+")),
		"re behind any");
	assert_string_equal(WARNINGS(ROUTE("any", "regex:^.*$"), ROUTE("all", "")),
		"all behind any");
	/* these can be reached */
	assert_string_equal(WARNINGS(ROUTE("all", "/*"), ROUTE("re", "regex:/api/v[0-9]+/.*")), "");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"), ROUTE("re", "regex:/api.*")), "");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"), ROUTE("re", "regex:/api/?x")), "");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"), ROUTE("re", "regex:/api/x|/y")), "");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"), ROUTE("re", "regex:(?i)/api/x")), "");
	assert_string_equal(WARNINGS(ROUTE("id", "/u/{id}/*"), ROUTE("re", "regex:/u/.*")), "");
	assert_string_equal(WARNINGS(ROUTE("exact", "/a"), ROUTE("re", "regex:/a+")), "");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*", .hosts = LIST(STR("a.example"))),
				    ROUTE("re", "regex:/api/.*")),
		"");
}

TEST(conditions_leave_room)
{
	static const sluice_str get[] = { STR("GET") }, both[] = { STR("GET"), STR("POST") };
	static const sluice_pair one[] = { { STR("x"), STR("1") } },
				 there[] = { { STR("x"), STR("*") } };
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .methods = { get, 1 }),
				    ROUTE("re", "regex:/a/b.*")),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .methods = { both, 2 }),
				    ROUTE("re", "regex:/a/b.*", .methods = { get, 1 })),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .headers = { one, 1 }),
				    ROUTE("re", "regex:/a/b.*")),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .headers = { there, 1 }),
				    ROUTE("re", "regex:/a/b.*", .headers = { one, 1 })),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .headers = { one, 1 }),
				    ROUTE("re", "regex:/a/b.*", .headers = { there, 1 })),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .listeners = LIST(STR("l"))),
				    ROUTE("re", "regex:/a/b.*")),
		"");
}

TEST(an_expression_that_matches_no_path_is_told)
{
	assert_string_equal(WARNINGS(ROUTE("re", "regex:api/.*")), "re never");
	assert_string_equal(WARNINGS(ROUTE("re", "regex:^v1")), "re never");
	assert_string_equal(WARNINGS(ROUTE("re", "regex:\\*")), ""); /* OPTIONS */
	assert_string_equal(WARNINGS(ROUTE("re", "regex:[a/].*")), "");
}

TEST(a_route_served_in_clear_text_is_told)
{
	const struct route_spec redirect = ROUTE("redirect", "", .listeners = LIST(STR("http")));
	assert_string_equal(WARNINGS(redirect, ROUTE("app", "", .hosts = LIST(STR("app.example")))),
		"app clear beside redirect");
	assert_string_equal(WARNINGS(redirect, ROUTE("app", "/app/*")),
		"app clear beside redirect");
	assert_string_equal(WARNINGS(ROUTE("redirect", "", .hosts = LIST(STR("*.example.com")),
					     .listeners = LIST(STR("http"))),
				    ROUTE("app", "", .hosts = LIST(STR("a.example.com"))),
				    ROUTE("other", "", .hosts = LIST(STR("b.example")))),
		"app clear beside redirect");
	/* the redirect wins, or was never meant for it, or the route says where it belongs */
	assert_string_equal(WARNINGS(redirect, ROUTE("app", "")), "");
	assert_string_equal(WARNINGS(redirect,
				    ROUTE("app", "", .hosts = LIST(STR("app.example")),
					    .listeners = LIST(STR("https")))),
		"");
	assert_string_equal(WARNINGS(ROUTE("acme", "/.well-known/*",
					     .listeners = LIST(STR("http"))),
				    ROUTE("app", "", .hosts = LIST(STR("a.example")))),
		"");
	assert_string_equal(WARNINGS(ROUTE("app2", "", .listeners = LIST(STR("https"))),
				    ROUTE("app", "", .hosts = LIST(STR("a.example")))),
		"");
}

/* Of a list, the members through which nothing comes are told; a route is not in its own way. */
TEST(members_of_lists_are_told)
{
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"),
				    { .name = STR("re"),
					    .paths = LIST(STR("regex:/api/.*"), STR("/b")) }),
		"re:regex:/api/.* behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*"),
				    { .name = STR("re"),
					    .paths = LIST(STR("regex:/api/.*"),
						    STR("regex:/api/x")) }),
		"re behind all");
	assert_string_equal(WARNINGS({ .name = STR("one"),
				    .paths = LIST(STR("regex:/api/.*"), STR("/api/*")) }),
		"");
	assert_string_equal(WARNINGS({ .name = STR("one"),
				    .paths = LIST(STR("regex:api/.*"), STR("/api/*")) }),
		"one:regex:api/.* never");
	/* at one of its hosts alone it is in the way */
	assert_string_equal(WARNINGS(ROUTE("all", "/api/*", .hosts = LIST(STR("a.test"))),
				    ROUTE("re", "regex:/api/.*",
					    .hosts = LIST(STR("a.test"), STR("b.test")))),
		"re:a.test behind all");
	assert_string_equal(
		WARNINGS(ROUTE("all", "/api/*", .hosts = LIST(STR("b.test"), STR("a.test"))),
			ROUTE("re", "regex:/api/.*", .hosts = LIST(STR("a.test"), STR("b.test")))),
		"re behind all");
}

TEST(clients_and_cookies_leave_room)
{
	static const sluice_pair one[] = { { STR("c"), STR("1") } },
				 there[] = { { STR("c"), STR("*") } };
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .clients = LIST(STR("10.0.0.0/8"))),
				    ROUTE("re", "regex:/a/b.*")),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .clients = LIST(STR("10.0.0.0/8"))),
				    ROUTE("re", "regex:/a/b.*",
					    .clients = LIST(STR("10.1.0.0/16"), STR("10.2.3.4")))),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .clients = LIST(STR("10.0.0.0/8"))),
				    ROUTE("re", "regex:/a/b.*",
					    .clients = LIST(STR("10.1.0.0/16"), STR("::1")))),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .cookies = { there, 1 }),
				    ROUTE("re", "regex:/a/b.*", .cookies = { one, 1 })),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .cookies = { one, 1 }),
				    ROUTE("re", "regex:/a/b.*", .cookies = { there, 1 })),
		"");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .listeners = LIST(STR("l"), STR("m"))),
				    ROUTE("re", "regex:/a/b.*", .listeners = LIST(STR("m")))),
		"re behind all");
	assert_string_equal(WARNINGS(ROUTE("all", "/a/*", .listeners = LIST(STR("l"), STR("m"))),
				    ROUTE("re", "regex:/a/b.*",
					    .listeners = LIST(STR("m"), STR("n")))),
		"");
}

TEST(lists_served_in_clear_text_are_told_once)
{
	const struct route_spec redirect = ROUTE("redirect", "", .listeners = LIST(STR("http")));
	assert_string_equal(WARNINGS(redirect,
				    { .name = STR("app"),
					    .hosts = LIST(STR("a.test"), STR("b.test")),
					    .paths = LIST(STR("/x"), STR("/y")) }),
		"app clear beside redirect");
	/* bound to listeners with TLS as well, so it is no redirect to them */
	assert_string_equal(WARNINGS(ROUTE("all", "", .listeners = LIST(STR("http"), STR("https"))),
				    ROUTE("app", "/app/*")),
		"");
	assert_string_equal(WARNINGS(ROUTE("some", "", .listeners = LIST(STR("http")),
					     .clients = LIST(STR("10.0.0.0/8"))),
				    ROUTE("app", "/app/*")),
		"");
}

TEST(tells_what_an_expression_begins_with)
{
	static const struct {
		const char *text, *prefix;
		bool whole;
	} rows[] = {
		{ "/a/b", "/a/b", true },
		{ "^/a$", "/a", true },
		{ "/a\\.b", "/a.b", true },
		{ "/a\\d", "/a", false },
		{ "/ab?c", "/a", false },
		{ "/ab*", "/a", false },
		{ "/ab+c", "/ab", false },
		{ "/ab{2}", "/a", false },
		{ "/a(b|c)", "/a", false },
		{ "/a|b", "", false },
		{ "/a[|]b", "", false },
		{ "(/a)", "", false },
		{ "/a\\Q|\\E", "", false },
		{ "", "", false },
		{ "/a\\", "/a", false },
		{ "/a$b", "/a", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[64];
		bool whole;
		size_t n = regex_prefix(str_of(rows[i].text), out, sizeof(out), &whole);
		if (n != strlen(rows[i].prefix) || memcmp(out, rows[i].prefix, n) != 0 ||
			whole != rows[i].whole)
			fail_msg("%s: %.*s", rows[i].text, (int)n, out);
	}
}
