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
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "all");
	h.path = STR_NONE;
	h.host = STR_NONE;
	assert_str(routes_find(r, &h, STR_NONE, NULL, &res)->name, "all");
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
	assert_null(routes_find(r, &h, STR(""), NULL, &res));
	assert_int_equal(res.err, ERR_METHOD_NOT_ALLOWED);
	assert_str(route_allow(r, &res, &arena), "GET, HEAD, POST, DELETE, OPTIONS, PURGE");

	/* what the conditions keep away is not offered */
	h = request_of(&arena, "PUT a.test/a", "");
	assert_null(routes_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "GET, HEAD, DELETE, OPTIONS");

	h = request_of(&arena, "BREW a.test/a/b", "x=1");
	assert_null(routes_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "GET, HEAD, POST, DELETE, OPTIONS, PURGE");

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
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "get");
	assert_int_equal(res.captures.n, 2);
	assert_str(res.captures.v[0].name, "id");
	assert_str(res.captures.v[0].value, "1");
	assert_str(res.captures.v[1].name, "order");
	assert_str(res.captures.v[1].value, "2");

	h = request_of(&arena, "PUT a.test/u/1/o/2", "");
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "put");
	assert_str(res.captures.v[0].name, "user");
	assert_str(res.captures.v[1].name, "no");

	h = request_of(&arena, "POST a.test/u/1/o/2", "");
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "tail");
	assert_int_equal(res.captures.n, 1);
	assert_str(res.captures.v[0].name, "x");
	assert_str(res.captures.rest, "/o/2");

	h = request_of(&arena, "GET a.test/r/2024-07", "");
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "regex");
	assert_int_equal(res.captures.n, 2);
	assert_str(res.captures.v[0].name, "month");
	assert_str(res.captures.v[0].value, "07");
	assert_str(res.captures.v[1].name, "year");

	h = request_of(&arena, "GET a.test/none", "");
	assert_null(routes_find(r, &h, STR(""), NULL, &res));
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
		{ { "a", .methods = "GET" }, { "b", .methods = "HEAD" }, false },
		{ { "a", .methods = "GET HEAD" }, { "b", .methods = "HEAD" }, true },
		{ { "a", .client = "10.0.0.0/8" }, { "b", .client = "10.9.0.0/16" }, true },
		{ { "a", .client = "10.0.0.0/8" }, { "b", .client = "11.0.0.0/8" }, false },
		{ { "a", .client = "10.0.0.0/8 ::/0" }, { "b", .client = "11.0.0.0/8 ::1" }, true },
		{ { "a", .client = "10.0.0.0/8" }, { "b", .client = "unix" }, false },
		{ { "a", .client = "10.0.0.0/8" }, { "b", .methods = "GET" }, true },
		{ { "a", .cookies = "c=1" }, { "b", .cookies = "c=2" }, false },
		{ { "a", .cookies = "c=1" }, { "b", .cookies = "C=2" }, true },
		{ { "a", .cookies = "c=1" }, { "b", .cookies = "c=*" }, true },
		{ { "a", .listener = "in" }, { "b", .listener = "in" }, true },
		{ { "a", .listener = "in up" }, { "b", .listener = "out up" }, true },
		{ { "a", .listener = "in up" }, { "b", .listener = "out side" }, false },
		{ { "a", "x.test y.test", "/a /b" }, { "b", "y.test", "/b" }, true },
		{ { "a", "x.test y.test", "/a /b" }, { "b", "y.test", "/c /d" }, false },
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

/* Each host and each path of a list stands for itself. */
TEST(lists)
{
	static const struct row rows[] = {
		{ "both", "a.test *.b.test", "/x /y/* regex:/[0-9]+" }, { "y", "a.test", "/y/z" },
		{ "in", "a.test", "/x", .listener = "in side" },
		{ "any", "", "/* /y/*" }, /* two that overlap, of one route */
	};
	struct router *r = router_of(rows, N(rows));
	struct route_result res;
	assert_finds(r, "GET a.test/x", "", "out", "both");
	assert_finds(r, "GET c.b.test/y/k", "", "", "both");
	assert_finds(r, "GET c.b.test/7", "", "", "both");
	assert_finds(r, "GET a.test/y/z", "", "", "y");
	assert_finds(r, "GET a.test/x", "", "in", "in");
	assert_finds(r, "GET a.test/x", "", "side", "in");
	assert_finds(r, "GET b.test/x", "", "", "any");
	assert_finds(r, "GET a.test/z", "", "", "any");
	struct request_head h = request_of(&arena, "GET c.b.test/y/k", "");
	assert_non_null(routes_find(r, &h, STR(""), NULL, &res));
	assert_int_equal(res.entry.host, 1);
	assert_int_equal(res.entry.path, 1);
	router_free(&r);
}

TEST(conflicts_in_lists_name_the_member)
{
	static const struct row rows[] = {
		{ "a", "a.test b.test", "/x /y" },
		{ "b", "c.test b.test", "/z /y /x" },
		{ "c", "*.test b.test", "/y" },
	};
	struct mistakes m = { 0 };
	assert_null(
		router_new(&arena, rows_specs(&arena, rows, N(rows)), N(rows), mistakes_add, &m));
	/* each pair once, however many hosts and paths they have in common */
	assert_int_equal(m.n, 2);
	assert_non_null(strstr(m.text, "routes `b` and `a` cannot"));
	assert_non_null(strstr(m.text, "routes `c` and `b` cannot"));
	assert_non_null(strstr(m.text, "(host b.test, path /y)"));
	assert_int_equal(m.last.part, ROUTE_HOST);
	assert_int_equal(m.last.index, 1);
}

TEST(lists_are_bounded)
{
	enum { MANY = 1001 };
	sluice_str *texts = arena_zalloc(&arena, MANY * sizeof(*texts));
	struct mistakes m = { 0 };
	for (size_t i = 0; i < MANY; i++)
		texts[i] = arena_printf(&arena, "/%zu", i);
	struct route_spec s = { .name = STR("r"), .paths = { texts, MANY } };
	assert_null(router_new(&arena, &s, 1, mistakes_add, &m));
	assert_non_null(strstr(m.text, "at most 1000"));
	assert_int_equal(m.last.part, ROUTE_PATH);
	sluice_str hosts[11];
	for (size_t i = 0; i < 11; i++)
		hosts[i] = arena_printf(&arena, "h%zu.test", i);
	m.text[0] = 0;
	s = (struct route_spec){ .name = STR("r"),
		.hosts = { hosts, 11 },
		.paths = { texts, 1000 } };
	assert_null(router_new(&arena, &s, 1, mistakes_add, &m));
	assert_non_null(strstr(m.text, "at most 10000"));
	s.hosts.n = 10;
	struct router *r = router_new(&arena, &s, 1, mistakes_add, &m);
	assert_finds(r, "GET h9.test/999", "", "", "r");
	router_free(&r);
}

static const char *find_client(const struct router *r, const char *client)
{
	struct route_result res;
	struct request_head h = request_of(&arena, "GET a.test/x", "");
	const struct route_asked asked = { &h, STR(""), client ? str_of(client) : STR_NONE, NULL };
	const struct route_rule *rule = route_find(r, &asked, &res);
	return rule ? rule->name.data : err_code(res.err);
}

TEST(clients)
{
	static const struct row rows[] = {
		{ "office", .path = "/x", .client = "10.0.0.0/8 2001:db8::/32" },
		{ "local", .path = "/x", .client = "unix" },
		{ "rest", .path = "/x" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_string_equal(find_client(r, "10.255.0.1"), "office");
	assert_string_equal(find_client(r, "2001:db8:1::5"), "office");
	assert_string_equal(find_client(r, "::ffff:10.0.0.1"), "office");
	assert_string_equal(find_client(r, "unix"), "local");
	assert_string_equal(find_client(r, "11.0.0.1"), "rest");
	assert_string_equal(find_client(r, "not an address"), "rest");
	assert_string_equal(find_client(r, NULL), "rest");
	router_free(&r);
}

TEST(cookies)
{
	static const struct row rows[] = {
		{ "canary", .path = "/x", .cookies = "canary=1" },
		{ "two", .path = "/x", .cookies = "canary=2" },
		{ "expr", .path = "/x", .cookies = "canary=regex:[a-z]+" },
		{ "there", .path = "/y", .cookies = "id=*" },
		{ "rest" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "GET a/x", "cookie=a=b;canary=1;c=d", "", "canary");
	assert_finds(r, "GET a/x", "cookie=a=b cookie=canary=2", "", "two");
	assert_finds(r, "GET a/x", "cookie=canary=abc", "", "expr");
	assert_finds(r, "GET a/x", "cookie=Canary=1", "", "rest");
	assert_finds(r, "GET a/x", "cookie=xcanary=1", "", "rest");
	assert_finds(r, "GET a/x", "cookie=canary=1;canary=1", "", "rest");
	assert_finds(r, "GET a/x", "", "", "rest");
	assert_finds(r, "GET a/y", "cookie=id", "", "there");
	assert_finds(r, "GET a/y", "cookie=idx=1", "", "rest");
	router_free(&r);
}

static const char *methods_of(const struct router *r, const char *line, const char *path)
{
	struct route_result res;
	struct request_head h = request_of(&arena, line, "");
	if (path)
		h.path = str_of(path);
	const struct route_asked asked = { .head = &h };
	route_methods(r, &asked, &res);
	return res.err ? err_code(res.err) : route_allow(r, &res, &arena).data;
}

TEST(methods_of_a_target)
{
	static const struct row rows[] = {
		{ "get", .path = "/a", .methods = "GET" },
		{ "put", .path = "/a", .methods = "PUT", .headers = "x=1" },
		{ "post", .path = "/*", .methods = "POST TRACE PURGE" },
		{ "all", "all.test", "/b" },
		{ "evil", .path = "regex:/(a+)+" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_string_equal(methods_of(r, "OPTIONS h/a", NULL),
		"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
	router_free(&r);
	r = router_of(rows, 4);
	assert_string_equal(methods_of(r, "OPTIONS h/a", NULL), "GET, HEAD, POST, OPTIONS, PURGE");
	assert_string_equal(methods_of(r, "OPTIONS h/c", NULL), "POST, OPTIONS, PURGE");
	/* all that the gateway forwards, and none that others have a name for */
	assert_string_equal(methods_of(r, "OPTIONS all.test/b", NULL),
		"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
	assert_string_equal(methods_of(r, "OPTIONS h/", "*"),
		"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
	router_free(&r);
	r = router_of(rows, 2);
	assert_string_equal(methods_of(r, "OPTIONS h/", "*"), "GET, HEAD, PUT, OPTIONS");
	assert_string_equal(methods_of(r, "OPTIONS h/z", NULL), "no-route");
	router_free(&r);
}

/* HEAD goes where GET goes, unless a route of the same host and path lists it. */
TEST(head)
{
	static const struct row rows[] = {
		{ "get", .path = "/a", .methods = "GET", .listener = "in" },
		{ "head", .path = "/a", .methods = "HEAD" },
		{ "wide", .path = "/*", .methods = "GET POST" },
		{ "wide-head", .methods = "HEAD", .path = "/*", .headers = "x=1" },
		{ "host", "a.test", "/*", .methods = "HEAD" },
	};
	struct router *r = router_of(rows, N(rows));
	assert_finds(r, "GET h/a", "", "in", "get");
	assert_finds(r, "HEAD h/a", "", "in", "head"); /* although `get` has more conditions */
	assert_finds(r, "HEAD h/b", "", "", "wide");
	assert_finds(r, "HEAD h/b", "x=1", "", "wide-head");
	assert_finds(r, "GET h/b", "x=1", "", "wide");
	assert_finds(r, "HEAD a.test/b", "", "", "host");
	assert_finds(r, "GET a.test/b", "", "", "wide");
	router_free(&r);
	r = router_of(rows, 1); /* alone */
	assert_finds(r, "HEAD h/a", "", "in", "get");
	assert_finds(r, "POST h/a", "", "in", "method-not-allowed");
	router_free(&r);
}

TEST(mistakes)
{
	/* All of them at once, each with its place. */
	static const struct row rows[] = {
		{ "one", "a!b", "/a//b", "get", "x=1 Host=2", "=3", "" },
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
	sluice_str methods[MANY], paths[MANY];
	struct mistakes m = { 0 };
	struct route_result res;
	for (size_t i = 0; i < MANY; i++) {
		methods[i] = arena_printf(&arena, "M%zu", i);
		paths[i] = arena_printf(&arena, "/%zu", i);
		specs[i] = (struct route_spec){ .name = methods[i],
			.paths = { &paths[i], 1 },
			.methods = { &methods[i], 1 } };
	}
	struct router *r = router_new(&arena, specs, METHODS_OTHER_MAX, mistakes_add, &m);
	assert_non_null(r);
	struct request_head h = request_of(&arena, "M52 a.test/52", "");
	assert_str(routes_find(r, &h, STR(""), NULL, &res)->name, "M52");
	h = request_of(&arena, "M51 a.test/52", "");
	assert_null(routes_find(r, &h, STR(""), NULL, &res));
	assert_str(route_allow(r, &res, &arena), "OPTIONS, M52");
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
	sluice_str *host = arena_zalloc(&a, MANY * sizeof(*host)),
		   *path = arena_zalloc(&a, MANY * sizeof(*path));
	for (size_t i = 0; i < MANY; i++) {
		static const char *const hosts[] = { "", "h%zu.test", "*.w%zu.test", "one.test" };
		static const char *const paths[] = { "/exact/%zu", "/prefix/%zu/*",
			"/{x}/capture/%zu" };
		specs[i].name = arena_printf(&a, "%zu", i);
		host[i] = strchr(hosts[i % 4], '%') ? i % 4 == 1
				? arena_printf(&a, "h%zu.test", i)
				: arena_printf(&a, "*.w%zu.test", i)
						    : str_of(hosts[i % 4]);
		path[i] = i % 3 == 0 ? arena_printf(&a, paths[0], i)
			: i % 3 == 1 ? arena_printf(&a, paths[1], i)
				     : arena_printf(&a, paths[2], i);
		specs[i].hosts = (sluice_strs){ &host[i], 1 };
		specs[i].paths = (sluice_strs){ &path[i], 1 };
	}
	struct mistakes m = { 0 };
	struct router *r = router_new(&a, specs, MANY, mistakes_add, &m);
	if (!r)
		fail_msg("%s", m.text);
	for (size_t i = 0; i < MANY; i++) {
		struct route_result res;
		char asked_host[64], asked_path[64];
		(void)snprintf(asked_host, sizeof(asked_host),
			i % 4 == 1           ? "h%zu.test"
				: i % 4 == 2 ? "a.b.w%zu.test"
					     : "one.test",
			i);
		(void)snprintf(asked_path, sizeof(asked_path),
			i % 3 == 0           ? "/exact/%zu"
				: i % 3 == 1 ? "/prefix/%zu/x"
					     : "/x/capture/%zu",
			i);
		struct request_head h = { .method = METHOD_GET,
			.method_text = STR("GET"),
			.host = str_of(asked_host),
			.path = str_of(asked_path) };
		const struct route_rule *rule = routes_find(r, &h, STR(""), NULL, &res);
		if (!rule || !str_eq(rule->name, specs[i].name))
			fail_msg("%s%s finds %s", asked_host, asked_path,
				rule ? rule->name.data : "nothing");
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
