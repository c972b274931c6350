/* route/pattern: what parses, what does not and where the mistake is, what one pattern matches. */
#include "route/pattern.h"

#include "unit.h"

static struct arena arena;

static struct host_pattern host_of(const char *text)
{
	struct host_pattern p;
	struct pattern_error e;
	if (host_pattern_parse(&arena, str_of(text), &p, &e))
		fail_msg("host %s: %s", text, e.text);
	return p;
}

static struct path_pattern path_of(const char *text)
{
	struct path_pattern p;
	struct pattern_error e;
	if (path_pattern_parse(&arena, str_of(text), &p, &e))
		fail_msg("path %s: %s", text, e.text);
	return p;
}

static bool host_takes(const char *pattern, const char *host)
{
	struct host_pattern p = host_of(pattern);
	return host_match(&p, str_of(host));
}

static bool path_takes(const char *pattern, const char *path)
{
	struct path_pattern p = path_of(pattern);
	enum match m = path_match(&p, str_of(path), NULL);
	path_free(&p);
	assert_int_not_equal(m, MATCH_LIMIT);
	return m == MATCH_YES;
}

TEST(hosts)
{
	assert_true(host_takes("", "any.test"));
	assert_true(host_takes("*", ""));
	assert_true(host_takes("API.Example.com.", "api.example.com"));
	assert_false(host_takes("api.example.com", "example.com"));
	assert_true(host_takes("*.example.com", "a.example.com"));
	assert_true(host_takes("*.example.com", "a.b.example.com"));
	assert_false(host_takes("*.example.com", "example.com"));
	assert_false(host_takes("*.example.com", ".example.com"));
	assert_false(host_takes("*.example.com", "badexample.com"));
	assert_true(host_takes("10.0.0.1", "10.0.0.1"));
	assert_true(host_takes("[2001:DB8::1]", "[2001:db8::1]"));
	assert_true(host_takes("[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]"));
	assert_true(host_takes("[2001:0db8::0001].", "[2001:db8::1]"));
	assert_true(host_takes("*.example.com.", "a.example.com"));
	assert_true(host_takes("xn--bcher-kva.example", "xn--bcher-kva.example"));
}

TEST(bad_hosts)
{
	static const struct {
		const char *text, *says;
		size_t offset;
	} rows[] = {
		{ "a.*.example.com", "whole first label", 2 },
		{ "*example.com", "whole first label", 0 },
		{ "*.", "empty", 2 },
		{ "*.[::1]", "below an address", 0 },
		{ "[::1", "IPv6 address", 0 },
		{ "[::1]:80", "without a zone or a port", 0 },
		{ "[fe80::1%eth0]", "without a zone", 0 },
		{ "[1.2.3.4]", "IPv6 address", 0 },
		{ "b\xc3\xbc"
		  "cher.example",
			"xn--bcher-kva.example", 1 },
		{ "**", "whole first label", 0 },
		{ "*.*.com", "whole first label", 2 },
		{ "a..b", "empty", 2 },
		{ ".a", "empty", 0 },
		{ "a.test:8080", "listener", 6 },
		{ "http://a.test", "listener", 4 },
		{ "a b", "character", 1 },
		{ "b\xc3\xbc"
		  "cher.test",
			"xn--", 1 },
		{ "a123456789012345678901234567890123456789012345678901234567890123.test", "63",
			0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct host_pattern p;
		struct pattern_error e;
		if (host_pattern_parse(&arena, str_of(rows[i].text), &p, &e) == 0)
			fail_msg("%s parses", rows[i].text);
		if (!strstr(e.text, rows[i].says) || e.offset != rows[i].offset)
			fail_msg("%s: at %zu: %s", rows[i].text, e.offset, e.text);
	}
}

TEST(paths)
{
	static const struct {
		const char *pattern;
		const char *yes[5], *no[6];
	} rows[] = {
		{ "/", { "/" }, { "", "/a", "*" } },
		{ "/a", { "/a" }, { "/", "/a/", "/A", "/ab", "/a/b" } },
		{ "/a/", { "/a/" }, { "/a", "/a/b" } },
		{ "/*", { "/", "/a", "/a/b/", "*", "" }, { NULL } },
		{ "", { "/", "/a", "*", "" }, { NULL } },
		{ "/a/*", { "/a", "/a/", "/a/b", "/a/b/c/" }, { "/", "/ab", "/b/a", "a/b", "*" } },
		{ "/{x}", { "/a", "/abc" }, { "/", "/a/", "/a/b", "*", "" } },
		{ "/{x}/*", { "/a", "/a/", "/a/b" }, { "/", "", "*" } },
		{ "/a/{x}/b", { "/a/1/b", "/a/b/b" }, { "/a//b", "/a/b", "/a/1/b/", "/a/1/2/b" } },
		{ "/a/{x}/", { "/a/1/" }, { "/a/1", "/a//", "/a/1/b" } },
		{ "/a/{x}/{y}/*", { "/a/1/2", "/a/1/2/", "/a/1/2/3" },
			{ "/a/1", "/a/1/", "/b/1/2" } },
		{ "/caf%c3%a9/%7eme", { "/caf%C3%A9/~me" },
			{ "/caf%c3%a9/~me", "/caf%C3%A9/%7Eme" } },
		{ "/a;v=1/b@c:d", { "/a;v=1/b@c:d" }, { "/a/b@c:d" } },
		{ "regex:/a/[0-9]+", { "/a/1", "/a/123" }, { "/a/", "/a/1/", "/x/a/1", "/a/1\n" } },
		{ "regex:/a|/b", { "/a", "/b" }, { "/ab", "/a/b" } },
		{ "regex:^/x$", { "/x" }, { "/x\n", "/xy" } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < 5 && rows[i].yes[k]; k++) {
			if (!path_takes(rows[i].pattern, rows[i].yes[k]))
				fail_msg("%s does not match %s", rows[i].pattern, rows[i].yes[k]);
		}
		for (size_t k = 0; k < 6 && rows[i].no[k]; k++) {
			if (path_takes(rows[i].pattern, rows[i].no[k]))
				fail_msg("%s matches %s", rows[i].pattern, rows[i].no[k]);
		}
	}
}

TEST(bad_paths)
{
	static const struct {
		const char *text, *says;
		size_t offset;
	} rows[] = {
		{ "a/b", "starts with", 0 },
		{ "*", "starts with", 0 },
		{ "/a/*/b", "last segment", 3 },
		{ "/a*", "last segment", 2 },
		{ "/a/b*", "last segment", 4 },
		{ "/a/**", "last segment", 3 },
		{ "/a//b", "empty segment", 3 },
		{ "//", "empty segment", 1 },
		{ "/a/./b", "`.`", 3 },
		{ "/a/../b", "no request path", 3 },
		{ "/a/%2e%2e/b", "no request path", 3 },
		{ "/a?b=1", "query", 2 },
		{ "/a#b", "query", 2 },
		{ "/a b", "percent-encoded", 2 },
		{ "/caf\xc3\xa9", "percent-encoded", 4 },
		{ "/a/%zz", "no request path", 3 },
		{ "/a/%4", "no request path", 3 },
		{ "/a/{x", "not closed", 3 },
		{ "/a/x}", "closes nothing", 4 },
		{ "/a/}x{", "closes nothing", 3 },
		{ "/a/{}", "1 to 64", 4 },
		{ "/a/{x}.json", "whole segment", 3 },
		{ "/a/v{x}", "whole segment", 3 },
		{ "/a/{x}{y}", "whole segment", 3 },
		{ "/a/{x y}", "letters", 5 },
		{ "/a/{x*}", "letters", 5 },
		{ "/a/{x}/b/{x}", "twice", 9 },
		{ "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
			"at most 16", 65 },
		{ "regex:/a(", "parenthesis", 9 },
		{ "regex:/a(?<x>.)/(?J)(?<x>.)", "twice", 6 },
		{ "regex:(*UTF)/a", "UTF", 12 },
		{ "regex:/\\C", "\\C", 9 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct path_pattern p;
		struct pattern_error e;
		if (path_pattern_parse(&arena, str_of(rows[i].text), &p, &e) == 0)
			fail_msg("%s parses", rows[i].text);
		if (!strstr(e.text, rows[i].says) || e.offset != rows[i].offset)
			fail_msg("%s: at %zu: %s", rows[i].text, e.offset, e.text);
	}
}

TEST(long_paths)
{
	char text[3000];
	struct path_pattern p;
	struct pattern_error e;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(path_pattern_parse(&arena, str_n(text, PATTERN_BYTES), &p, &e), 0);
	assert_int_equal(path_pattern_parse(&arena, str_n(text, PATTERN_BYTES + 1), &p, &e), -1);
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = '/';
	assert_int_equal(path_pattern_parse(&arena, str_n(text, 2 * PATTERN_SEGMENTS), &p, &e), 0);
	assert_int_equal(path_match(&p, str_n(text, 2 * PATTERN_SEGMENTS), NULL), MATCH_YES);
	assert_int_equal(path_pattern_parse(&arena, str_n(text, 2 * PATTERN_SEGMENTS + 2), &p, &e),
		-1);
}

TEST(captures)
{
	struct path_captures c;
	struct path_pattern p = path_of("/users/{id}/orders/{order-no}/*");
	assert_int_equal(path_match(&p, STR("/users/42/orders/a%2Fb/x/y/"), &c), MATCH_YES);
	assert_int_equal(c.n, 2);
	assert_str(c.v[0].name, "id");
	assert_str(c.v[0].value, "42");
	assert_str(c.v[1].name, "order-no");
	assert_str(c.v[1].value, "a%2Fb");
	assert_str(c.rest, "/x/y/");
	assert_int_equal(path_match(&p, STR("/users/42/orders/7"), &c), MATCH_YES);
	assert_str(c.rest, "");
	assert_int_equal(path_match(&p, STR("/users/42/orders/7/"), &c), MATCH_YES);
	assert_str(c.rest, "/");

	p = path_of("/*");
	assert_int_equal(path_match(&p, STR("/a/b"), &c), MATCH_YES);
	assert_int_equal(c.n, 0);
	assert_str(c.rest, "/a/b");

	p = path_of("regex:/(?<first>[a-z]+)(?:/(?<second>[0-9]+))?/(x)");
	assert_int_equal(path_match(&p, STR("/ab/12/x"), &c), MATCH_YES);
	assert_int_equal(c.n, 2);
	assert_str(c.v[0].name, "first");
	assert_str(c.v[0].value, "ab");
	assert_str(c.v[1].name, "second");
	assert_str(c.v[1].value, "12");
	assert_str(c.rest, "");
	assert_int_equal(path_match(&p, STR("/ab/x"), &c), MATCH_YES);
	assert_int_equal(c.n, 1); /* the group that took no part is left out */
	path_free(&p);
}

TEST(order)
{
	/* Each is more specific than the next. */
	static const char *const rows[] = {
		"/a/b",
		"/a/b/{x}/c",
		"/a/{x}/b/c/*",
		"/{x}/a/b/c",
		"/a/b/{x}",
		"/a/b/{x}/*",
		"/a/b/*",
		"/a/{x}/b",
		"/a/{x}/{y}",
		"/a/{x}/{y}/*",
		"/a/{x}",
		"/a/{x}/*",
		"/a/*",
		"/{x}/a",
		"/{x}/{y}",
		"/{x}",
		"/{x}/*",
		"regex:/a",
		"/*",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			struct path_pattern a = path_of(rows[i]), b = path_of(rows[k]);
			int d = path_compare(&a, &b);
			path_free(&a);
			path_free(&b);
			if (i == k ? d != 0 : (d < 0) != (i < k))
				fail_msg("%s against %s: %d", rows[i], rows[k], d);
		}
	}
	struct path_pattern a = path_of("/u/{id}/x"), b = path_of("/u/{name}/x");
	assert_int_equal(path_compare(&a, &b), 0); /* names of captures do not tell paths apart */
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
