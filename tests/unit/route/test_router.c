/* route/router: which of several routes wins, what is tried next, what cannot be told apart. */
#include "route/router.h"

#include "routes.h"

static struct arena arena;

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct router *router_of(const struct row *rows, size_t n)
{
	struct mistakes m = { 0 };
	struct router *r = router_new(&arena, rows_specs(&arena, rows, n), n, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	return r;
}

/* The name of the route that takes a request, or what route_find() says instead. */
static const char *find(const struct router *r, const char *line, const char *fields,
	const char *listener)
{
	struct route_result res;
	struct request_head h = request_of(&arena, line, fields);
	const struct route_rule *rule = route_find(r, &h, str_of(listener), NULL, &res);
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

TEST(nothing)
{
	struct router *r = router_of(NULL, 0);
	assert_finds(r, "GET a.test/", "", "", "no-route");
	router_free(&r);
	assert_null(r);
	router_free(&r);
}

TEST(hosts)
{
	static const struct row rows[] = {
		{ "any", .path = "/a" },
		{ "wild-short", "*.example.com", "/a" },
		{ "wild-long", "*.eu.example.com", "/a" },
		{ "exact", "www.eu.example.com", "/a" },
		{ "exact-ip", "[::1]", "/a" },
		{ "com", "*.com", "/com" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "GET www.eu.example.com/a", "", "", "exact");
	assert_finds(r, "GET xxx.eu.example.com/a", "", "", "wild-long");
	assert_finds(r, "GET a.b.eu.example.com/a", "", "", "wild-long");
	assert_finds(r, "GET eu.example.com/a", "", "", "wild-short");
	assert_finds(r, "GET example.com/a", "", "", "any");
	assert_finds(r, "GET notexample.com/a", "", "", "any");
	assert_finds(r, "GET /a", "", "", "any");
	assert_finds(r, "GET [::1]/a", "", "", "exact-ip");
	/* three hosts are tried before */
	assert_finds(r, "GET www.eu.example.com/com", "", "", "com");
	assert_finds(r, "GET www.eu.example.com/b", "", "", "no-route");
	router_free(&r);
}

TEST(paths)
{
	static const struct row rows[] = {
		{ "regex-2", .path = "regex:/api/v[0-9]+/.*" },
		/* of expressions the file's first wins, even if it is wider */
		{ "regex-1", .path = "regex:/api/v[0-9]/.*" },
		{ "all", .path = "/*" },
		{ "users-all", .path = "/users/*" },
		{ "user", .path = "/users/{id}" },
		{ "user-all", .path = "/users/{id}/*" },
		{ "user-orders", .path = "/users/{id}/orders" },
		{ "user-me", .path = "/users/me" },
		{ "me-any", .path = "/users/me/{what}" },
		{ "users", .path = "/users" },
		{ "users/", .path = "/users/" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "GET a/", "", "", "all");
	assert_finds(r, "GET a/users", "", "", "users");
	assert_finds(r, "GET a/users/", "", "", "users/");
	assert_finds(r, "GET a/users/7", "", "", "user");
	assert_finds(r, "GET a/users/7/", "", "", "user-all");
	assert_finds(r, "GET a/users/7/x/y", "", "", "user-all");
	assert_finds(r, "GET a/users/7/orders", "", "", "user-orders");
	assert_finds(r, "GET a/users/me", "", "", "user-me");
	/* as many literals; the first is further left */
	assert_finds(r, "GET a/users/me/orders", "", "", "me-any");
	assert_finds(r, "GET a/users//x", "", "", "users-all");
	assert_finds(r, "GET a/other", "", "", "all");
	/* an expression before what takes every path */
	assert_finds(r, "GET a/api/v1/x", "", "", "regex-2");
	router_free(&r);

	r = router_of(rows, 2);
	assert_finds(r, "GET a/api/v1/x", "", "", "regex-2");
	assert_finds(r, "GET a/api/v1", "", "", "no-route");
	router_free(&r);
}

/* Patterns with a literal come before expressions, and those before routes for every path,
 * whichever way these are written. */
TEST(an_expression_wins_against_a_catch_all)
{
	static const struct row rows[] = {
		{ "all" },
		{ "re", .path = "regex:/[a-z]+/[0-9]+" },
		{ "lit", .path = "/users/*" },
		{ "host-all", "a.test", "/*" },
		{ "host-re", "a.test", "regex:.*[.]png", .methods = "GET" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "GET b.test/x/7", "", "", "re");
	assert_finds(r, "GET b.test/users/7", "", "", "lit");
	assert_finds(r, "GET b.test/x", "", "", "all");
	assert_finds(r, "GET a.test/x/a.png", "", "", "host-re");
	/* its conditions are not met: on to the next */
	assert_finds(r, "POST a.test/x/a.png", "", "", "host-all");
	assert_finds(r, "GET a.test/x/7", "", "", "host-all"); /* the host counts first */
	router_free(&r);
}

TEST(asterisk)
{
	static const struct row rows[] = { { "all", .path = "/*" }, { "one", .path = "/{x}" } };
	struct router *r = router_of(rows, N(rows));
	struct request_head h = request_of(&arena, "OPTIONS a/", "");
	struct route_result res;
	h.path = STR("*");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "all");
	h.path = STR_NONE;
	h.host = STR_NONE;
	assert_str(route_find(r, &h, STR_NONE, NULL, &res)->name, "all");
	router_free(&r);
}

TEST(conditions)
{
	static const struct row rows[] = {
		{ "plain", .path = "/a" },
		{ "get", .path = "/a", .methods = "GET PURGE" },
		{ "v2", .path = "/a", .methods = "GET", .headers = "x-version=2" },
		{ "v2-q", .path = "/a", .methods = "GET", .headers = "x-version=2",
			.query = "q=*" },
		{ "internal", .path = "/a", .methods = "GET", .headers = "x-version=2",
			.query = "q=*", .listener = "in" },
		{ "v3", .path = "/a", .methods = "GET", .headers = "x-version=regex:3.*" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "POST h/a", "", "", "plain");
	assert_finds(r, "GET h/a", "", "", "get");
	assert_finds(r, "PURGE h/a", "", "", "get");
	assert_finds(r, "PURGED h/a", "", "", "plain");
	assert_finds(r, "GET h/a", "x-version=1", "", "get");
	assert_finds(r, "GET h/a", "X-Version=2", "", "v2");
	assert_finds(r, "GET h/a", "x-version=3.1", "", "v3");
	assert_finds(r, "GET h/a?q", "x-version=2", "out", "v2-q");
	assert_finds(r, "GET h/a?q", "x-version=2", "in", "internal");
	assert_finds(r, "POST h/a?q", "x-version=2", "in", "plain");
	router_free(&r);
}

/* When conditions fail, the next path is tried, then the next host. */
TEST(backtracking)
{
	static const struct row rows[] = {
		{ "exact", "a.b.test", "/x/y", .headers = "n=1" },
		{ "lit-cap", "a.b.test", "/x/{p}", .headers = "n=2" },
		{ "cap-lit", "a.b.test", "/{p}/y", .headers = "n=3" },
		{ "prefix", "a.b.test", "/x/*", .headers = "n=4" },
		{ "root", "a.b.test", "/*", .headers = "n=5" },
		{ "regex", "a.b.test", "regex:/x/.", .headers = "n=6" },
		{ "wild", "*.b.test", "/x/y", .headers = "n=7" },
		{ "wilder", "*.test", "/x/*", .headers = "n=8" },
		{ "any", "", "/{a}/{b}", .headers = "n=9" },
		{ "any-regex", "", "regex:/.*", .methods = "GET" },
	};
	static const char *const names[] = { "exact", "lit-cap", "cap-lit", "prefix", "root",
		"regex", "wild", "wilder", "any", "any-regex" };
	struct router *r = router_of(rows, N(rows));
	for (size_t i = 0; i < N(names); i++) {
		char field[8];
		(void)snprintf(field, sizeof(field), "n=%zu", i + 1);
		assert_finds(r, "GET a.b.test/x/y", field, "", names[i]);
	}
	assert_finds(r, "GET a.b.test/x/y", "n=11", "", "any-regex");
	router_free(&r);
}

TEST(methods)
{
	static const struct row rows[] = {
		{ "exact", "a.test", "/a", .methods = "GET" },
		{ "tail", "a.test", "/a/*", .methods = "POST PURGE", .headers = "x=1" },
		{ "regex", "", "regex:/a.*", .methods = "DELETE GET" },
		{ "other", "", "/b", .methods = "PATCH", .listener = "in" },
	};
	struct router *r = router_of(rows, N(rows));
	struct route_result res;

	struct request_head h = request_of(&arena, "PUT a.test/a", "x=1");
	assert_null(route_find(r, &h, STR(""), NULL, &res));
	assert_int_equal(res.err, ERR_METHOD_NOT_ALLOWED);
	assert_str(route_allow(r, &res, &arena), "GET, POST, DELETE, PURGE");

	/* what the conditions keep away is not offered */
	h = request_of(&arena, "PUT a.test/a", "");
	assert_null(route_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "GET, DELETE");

	h = request_of(&arena, "BREW a.test/a/b", "x=1");
	assert_null(route_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "GET, POST, DELETE, PURGE");

	assert_finds(r, "DELETE a.test/a", "", "", "regex");
	assert_finds(r, "PURGE a.test/a", "x=1", "", "tail");
	assert_finds(r, "GET a.test/b", "", "in", "method-not-allowed");
	assert_finds(r, "GET a.test/b", "", "out", "no-route");
	assert_finds(r, "GET a.test/c", "", "in", "no-route");
	router_free(&r);
}

TEST(captures)
{
	static const struct row rows[] = {
		{ "get", .path = "/u/{id}/o/{order}", .methods = "GET" },
		/* the same path by other names */
		{ "put", .path = "/u/{user}/o/{no}", .methods = "PUT" },
		{ "tail", .path = "/u/{x}/*" },
		{ "regex", .path = "regex:/r/(?<year>[0-9]{4})-(?<month>[0-9]{2})" },
	};
	struct router *r = router_of(rows, N(rows));
	struct route_result res;

	struct request_head h = request_of(&arena, "GET a.test/u/1/o/2", "");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "get");
	assert_int_equal(res.captures.n, 2);
	assert_str(res.captures.v[0].name, "id");
	assert_str(res.captures.v[0].value, "1");
	assert_str(res.captures.v[1].name, "order");
	assert_str(res.captures.v[1].value, "2");

	h = request_of(&arena, "PUT a.test/u/1/o/2", "");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "put");
	assert_str(res.captures.v[0].name, "user");
	assert_str(res.captures.v[1].name, "no");

	h = request_of(&arena, "POST a.test/u/1/o/2", "");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "tail");
	assert_int_equal(res.captures.n, 1);
	assert_str(res.captures.v[0].name, "x");
	assert_str(res.captures.rest, "/o/2");

	h = request_of(&arena, "GET a.test/r/2024-07", "");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "regex");
	assert_int_equal(res.captures.n, 2);
	assert_str(res.captures.v[0].name, "month");
	assert_str(res.captures.v[0].value, "07");
	assert_str(res.captures.v[1].name, "year");

	h = request_of(&arena, "GET a.test/none", "");
	assert_null(route_find(r, &h, STR(""), NULL, &res));
	assert_int_equal(res.captures.n, 0);
	router_free(&r);
}

TEST(limit)
{
	static const struct row rows[] = {
		{ "evil", .path = "regex:/(a+)+" },
		{ "open", .path = "regex:/.*" },
		{ "before", "a.test", "/{x}" },
		{ "evil-header", "b.test", "/{x}", .headers = "x=regex:(a+)+" },
		{ "evil-put", "c.test", "/{x}", .methods = "PUT", .headers = "x=regex:(a+)+" },
		{ "c-open", "c.test", "/*" },
	};
	struct router *r = router_of(rows, N(rows));
	char path[300] = "GET x.test/", before[300] = "GET a.test/", by_header[] = "GET b.test/a",
	     get[] = "GET c.test/a", put[] = "PUT c.test/a", field[300] = "x=";
	memset(path + 11, 'a', 200);
	memcpy(path + 211, "!", 2);
	memcpy(before, "GET a.test/", 11);
	memset(before + 11, 'a', 200);
	memcpy(before + 211, "!", 2);
	memset(field + 2, 'a', 200);
	memcpy(field + 202, "!", 2);
	assert_finds(r, path, "", "", "pattern-limit"); /* and not the open route behind it */
	assert_finds(r, before, "", "", "before");      /* found before the expression is reached */
	assert_finds(r, "GET x.test/aaa", "", "", "evil");
	assert_finds(r, by_header, field, "", "pattern-limit");
	assert_finds(r, get, field, "", "c-open"); /* the method decides already */
	assert_finds(r, put, field, "", "pattern-limit");
	router_free(&r);
}

TEST(conflicts)
{
	static const struct {
		struct row a, b;
		bool conflict;
	} rows[] = {
		{ { "a", "x.test", "/a" }, { "b", "X.test.", "/a" }, true },
		{ { "a", "x.test", "/a" }, { "b", "y.test", "/a" }, false },
		{ { "a", "x.test", "/a" }, { "b", "*.test", "/a" }, false },
		{ { "a", "x.test", "/a" }, { "b", "", "/a" }, false },
		{ { "a", "*", "/a" }, { "b", "", "/a" }, true },
		{ { "a", .path = "/a" }, { "b", .path = "/%61" }, true },
		{ { "a", .path = "/a" }, { "b", .path = "/a/" }, false },
		{ { "a", .path = "/*" }, { "b", .path = "" }, true },
		{ { "a", .path = "/{x}" }, { "b", .path = "/{y}" }, true },
		{ { "a", .path = "/{x}" }, { "b", .path = "/{x}/*" }, false },
		{ { "a", .path = "/{x}/b" }, { "b", .path = "/a/{x}" }, false },
		{ { "a", .path = "regex:/a" }, { "b", .path = "regex:/a" }, true },
		{ { "a", .path = "regex:/a" }, { "b", .path = "regex:/a?" }, false },
		{ { "a", .path = "regex:/a" }, { "b", .path = "regex:/a", .methods = "GET" },
			false },
		{ { "a", .methods = "GET POST" }, { "b", .methods = "POST PUT" }, true },
		{ { "a", .methods = "GET POST" }, { "b", .methods = "PUT" }, false },
		{ { "a", .methods = "GET" }, { "b" }, false },
		{ { "a", .methods = "PURGE" }, { "b", .methods = "PURGE" }, true },
		{ { "a", .methods = "PURGE" }, { "b", .methods = "BAN" }, false },
		{ { "a", .methods = "GET" }, { "b", .headers = "x=1" }, true },
		{ { "a", .methods = "GET" }, { "b", .methods = "PUT", .headers = "x=1" }, false },
		{ { "a", .headers = "x=1" }, { "b", .headers = "X=1" }, true },
		{ { "a", .headers = "x=1" }, { "b", .headers = "x=2" }, false },
		{ { "a", .headers = "x=1" }, { "b", .headers = "x=*" }, true },
		{ { "a", .headers = "x=1" }, { "b", .headers = "y=1" }, true },
		{ { "a", .headers = "x=1" }, { "b", .headers = "x=regex:[2-3]" }, false },
		{ { "a", .headers = "x=1 y=1" }, { "b", .headers = "y=2 x=1" }, false },
		{ { "a", .headers = "x=1" }, { "b", .query = "x=2" }, true },
		{ { "a", .query = "x=1" }, { "b", .query = "x=2" }, false },
		{ { "a", .query = "x=1" }, { "b", .query = "X=2" }, true },
		{ { "a", .listener = "in" }, { "b", .listener = "in" }, true },
		{ { "a", .listener = "in" }, { "b", .listener = "out" }, false },
		{ { "a", .listener = "in" }, { "b" }, false },
		{ { "a", .listener = "in" }, { "b", .methods = "GET" }, true },
	};
	for (size_t i = 0; i < N(rows); i++) {
		for (int swap = 0; swap < 2; swap++) {
			struct row pair[2] = { swap ? rows[i].b : rows[i].a,
				swap ? rows[i].a : rows[i].b };
			struct mistakes m = { 0 };
			struct router *r = router_new(&arena, rows_specs(&arena, pair, 2), 2,
				mistakes_add, &m);
			if ((r == NULL) != rows[i].conflict)
				fail_msg("row %zu, swapped %d: %s", i, swap, m.text);
			if (!r) {
				assert_int_equal(m.n, 1);
				assert_ptr_equal(m.last.spec->mark, &pair[1]);
				assert_ptr_equal(m.last.other->mark, &pair[0]);
			}
			router_free(&r);
		}
	}
}

TEST(mistakes)
{
	/* All of them at once, each with its place. */
	static const struct row rows[] = {
		{ "one", "a b", "/a//b", "get", "x=1 Host=2", "=3", "" },
		{ "two", .path = "regex:(", .methods = "G(T", .headers = "x=1 X=2" },
		{ "three", .path = "/fine" },
	};
	struct mistakes m = { 0 };
	assert_null(
		router_new(&arena, rows_specs(&arena, rows, N(rows)), N(rows), mistakes_add, &m));
	assert_int_equal(m.n, 8);
	assert_non_null(strstr(m.text, "one: a host cannot have"));
	assert_non_null(strstr(m.text, "one: an empty segment"));
	assert_non_null(strstr(m.text, "one: methods are written in capitals: did you mean GET?"));
	assert_non_null(strstr(m.text, "one: to match on the host"));
	assert_non_null(strstr(m.text, "one: a query parameter has a name"));
	assert_non_null(strstr(m.text, "two: bad regular expression: missing closing parenthesis"));
	assert_non_null(strstr(m.text, "two: not a method"));
	assert_non_null(strstr(m.text, "two: this name has a condition already"));
	assert_int_equal(m.last.part, ROUTE_HEADERS);
	assert_int_equal(m.last.index, 1);
	assert_true(m.last.in_name);
}

TEST(many_methods)
{
	enum { MANY = METHODS_OTHER_MAX + 1 };
	struct route_spec specs[MANY] = { 0 };
	sluice_str methods[MANY];
	struct mistakes m = { 0 };
	struct route_result res;
	for (size_t i = 0; i < MANY; i++) {
		methods[i] = arena_printf(&arena, "M%zu", i);
		specs[i] = (struct route_spec){ .name = methods[i],
			.path = arena_printf(&arena, "/%zu", i),
			.methods = { &methods[i], 1 } };
	}
	struct router *r = router_new(&arena, specs, METHODS_OTHER_MAX, mistakes_add, &m);
	assert_non_null(r);
	struct request_head h = request_of(&arena, "M52 a.test/52", "");
	assert_str(route_find(r, &h, STR(""), NULL, &res)->name, "M52");
	h = request_of(&arena, "M51 a.test/52", "");
	assert_null(route_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "M52");
	router_free(&r);
	assert_null(router_new(&arena, specs, MANY, mistakes_add, &m));
	assert_int_equal(m.n, 1);
}

/* Ten thousand of everything: every route is found, whatever table it lies in. */
TEST(many)
{
	enum { MANY = 10000 };
	struct arena a;
	arena_init(&a, 0);
	struct route_spec *specs = arena_zalloc(&a, MANY * sizeof(*specs));
	for (size_t i = 0; i < MANY; i++) {
		static const char *const hosts[] = { "", "h%zu.test", "*.w%zu.test", "one.test" };
		static const char *const paths[] = { "/exact/%zu", "/prefix/%zu/*",
			"/{x}/capture/%zu" };
		specs[i].name = arena_printf(&a, "%zu", i);
		specs[i].host = strchr(hosts[i % 4], '%') ? i % 4 == 1
				? arena_printf(&a, "h%zu.test", i)
				: arena_printf(&a, "*.w%zu.test", i)
							  : str_of(hosts[i % 4]);
		specs[i].path = i % 3 == 0 ? arena_printf(&a, paths[0], i)
			: i % 3 == 1       ? arena_printf(&a, paths[1], i)
					   : arena_printf(&a, paths[2], i);
	}
	struct mistakes m = { 0 };
	struct router *r = router_new(&a, specs, MANY, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	for (size_t i = 0; i < MANY; i++) {
		struct route_result res;
		char host[64], path[64];
		(void)snprintf(host, sizeof(host),
			i % 4 == 1           ? "h%zu.test"
				: i % 4 == 2 ? "a.b.w%zu.test"
					     : "one.test",
			i);
		(void)snprintf(path, sizeof(path),
			i % 3 == 0           ? "/exact/%zu"
				: i % 3 == 1 ? "/prefix/%zu/x"
					     : "/x/capture/%zu",
			i);
		struct request_head h = { .method = METHOD_GET,
			.method_text = STR("GET"),
			.host = str_of(host),
			.path = str_of(path) };
		const struct route_rule *rule = route_find(r, &h, STR(""), NULL, &res);
		if (!rule || !str_eq(rule->name, specs[i].name))
			fail_msg("%s%s finds %s", host, path, rule ? rule->name.data : "nothing");
	}
	router_free(&r);
	arena_fini(&a);
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
