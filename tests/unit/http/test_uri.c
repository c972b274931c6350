/* http/uri: path normalisation, hosts, and the four forms of a target. */
#include "unit.h"
#include "with_arena.h"

#include <stdlib.h>

#include "http/uri.h"

static const struct row {
	const char *raw, *want; /* NULL: refused */
} paths[] = {
	/* nothing to do */
	{ "/", "/" },
	{ "/a", "/a" },
	{ "/a/b.c/d-e_f~g/", "/a/b.c/d-e_f~g/" },
	{ "/!$&'()*+,;=:@", "/!$&'()*+,;=:@" },
	{ "/a[1]|{x}^`\"<>", "/a[1]|{x}^`\"<>" },
	{ "/a...b/..c/.d/...", "/a...b/..c/.d/..." },
	{ "/a;v=1/b;x", "/a;v=1/b;x" },
	/* escapes */
	{ "/%41%5a%61%7A%30%39%2d%2E%5f%7e", "/AZaz09-._~" },
	{ "/a%2fb%2Fc", "/a%2Fb%2Fc" },
	{ "/a%5cb", "/a%5Cb" },
	{ "/%c3%a9%3f%23%25%20", "/%C3%A9%3F%23%25%20" },
	{ "/%252e%252e/a", "/%252e%252e/a" }, /* decoded once, never twice */
	{ "/%2541", "/%2541" },
	{ "/%7f%01%0a%0D", "/%7F%01%0A%0D" },
	{ "/%", NULL },
	{ "/%4", NULL },
	{ "/%4/", NULL },
	{ "/%zz", NULL },
	{ "/%4g", NULL },
	{ "/%g4", NULL },
	{ "/%%41", NULL },
	{ "/%u0041", NULL },
	{ "/% 41", NULL },
	{ "/%00", NULL },
	{ "/a%00.html", NULL },
	/* empty segments */
	{ "//", "/" },
	{ "//a", "/a" },
	{ "/a//b", "/a/b" },
	{ "/a///b////", "/a/b/" },
	{ "//evil.example/a", "/evil.example/a" },
	/* dot segments */
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/a/.", "/a/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../c", "/a/c" },
	{ "/a/b/c/../../d", "/a/d" },
	{ "/a/./../b/./c/..", "/b/" },
	{ "/a//../b", "/b" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/a/.%2e/b", "/b" },
	{ "/a/%2e/b", "/a/b" },
	{ "/..", NULL },
	{ "/../", NULL },
	{ "/../a", NULL },
	{ "/a/../..", NULL },
	{ "/a/../../b", NULL },
	{ "/./..", NULL },
	{ "//..", NULL },
	{ "/%2e%2e", NULL },
	{ "/a/%2e%2e/%2e%2e/b", NULL },
	/* dot segments for somebody else */
	{ "/a/..%2fb", NULL },
	{ "/a/..%2Fb", NULL },
	{ "/a/%2e%2e%2fb", NULL },
	{ "/a/b%2f..", NULL },
	{ "/a/b%2f../c", NULL },
	{ "/a%2f.%2fb", NULL },
	{ "/a/..%5cb", NULL },
	{ "/a/b%5C..%5Cc", NULL },
	{ "/a/..;/b", NULL },
	{ "/a/..;x=1/b", NULL },
	{ "/a/.;/b", NULL },
	{ "/a/%2e%2e;/b", NULL },
	{ "/a%2f..;x/b", NULL },
	{ "/a%2fb..%2fc", "/a%2Fb..%2Fc" },
	{ "/a%2f...%2fc", "/a%2F...%2Fc" },
	{ "/a;..%2f", "/a;..%2F" },
	{ "/..a;/b", "/..a;/b" },
	/* refused bytes */
	{ "/a\\b", NULL },
	{ "/\\", NULL },
	{ "/a#b", NULL },
	{ "/a b", NULL },
	{ "/a\tb", NULL },
	{ "/a\rb", NULL },
	{ "/a\nb", NULL },
	{ "/a\x01", NULL },
	{ "/a\x7f", NULL },
	{ "/\xc3\xa9", NULL },
	{ "/a?b", NULL }, /* a path alone has no query */
	{ "", NULL },
	{ "a", NULL },
	{ "*", NULL },
	{ "%2f", NULL },
};

static void check_path(const char *raw, const char *want)
{
	sluice_str out, again;
	size_t len = strlen(raw);
	/* of the exact size: a sanitizer sees any read past the end */
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, raw, len);
	int rc = uri_normalise_path(str_n(copy, len), &arena, &out);
	if (!want) {
		if (rc != ERR_BAD_TARGET)
			fail_msg("\"%s\" was accepted as \"%.*s\"", raw, STR_ARG(out));
	} else {
		if (rc)
			fail_msg("\"%s\" was refused", raw);
		if (!str_eq(out, str_of(want)))
			fail_msg("\"%s\" became \"%.*s\", not \"%s\"", raw, STR_ARG(out), want);
		assert_int_equal(uri_normalise_path(out, &arena, &again), 0);
		if (!str_eq(out, again))
			fail_msg("\"%s\" is no fixed point: \"%.*s\"", raw, STR_ARG(again));
	}
	free(copy);
}

TEST(paths)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		check_path(paths[i].raw, paths[i].want);
}

/* The same rows behind prefixes that move them across the borders of the scanner's registers. */
TEST(paths_shifted)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!paths[i].want || paths[i].raw[0] != '/')
			continue;
		for (size_t n = 1; n <= 40; n++) {
			char raw[160] = "/", want[160] = "/";
			memset(raw + 1, 'x', n);
			memset(want + 1, 'x', n);
			(void)memcpy(raw + 1 + n, paths[i].raw, strlen(paths[i].raw) + 1);
			(void)memcpy(want + 1 + n, paths[i].want, strlen(paths[i].want) + 1);
			check_path(raw, want);
		}
	}
}

TEST(path_not_copied)
{
	sluice_str raw = STR("/v1/orders/12345/items;a=b/%"), out;
	raw.len--;
	assert_int_equal(uri_normalise_path(raw, &arena, &out), 0);
	assert_ptr_equal(out.data, raw.data);
	assert_int_equal(out.len, raw.len);
}

TEST(hosts)
{
	static const struct row rows[] = {
		{ "a", "a" },
		{ "API.Example.COM", "api.example.com" },
		{ "api.example.com.", "api.example.com" },
		{ "api.example.com:80", "api.example.com" },
		{ "api.example.com.:80", "api.example.com" },
		{ "a:", "a" },
		{ "a:0", "a" },
		{ "a:65535", "a" },
		{ "a_b-c~d.1", "a_b-c~d.1" },
		{ "127.0.0.1:8080", "127.0.0.1" },
		{ "[::1]", "[::1]" },
		{ "[::1]:443", "[::1]" },
		{ "[2001:DB8::A]:1", "[2001:db8::a]" },
		{ "[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]" },
		{ "[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]" },
		{ "[2001:0DB8::0:1]:80", "[2001:db8::1]" },
		{ "[::ffff:102:304]", "[::ffff:1.2.3.4]" },
		{ "[1:0:0:2:0:0:0:3]", "[1:0:0:2::3]" },
		{ "", NULL },
		{ ":80", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ ".a", NULL },
		{ "a..", NULL },
		{ "a..b", NULL },
		{ "a:65536", NULL },
		{ "a:000080", NULL },
		{ "a:-1", NULL },
		{ "a:+1", NULL },
		{ "a:8o", NULL },
		{ "a:80:80", NULL },
		{ "a:80 ", NULL },
		{ "a b", NULL },
		{ "a,b", NULL },
		{ "a/b", NULL },
		{ "a\\b", NULL },
		{ "a?b", NULL },
		{ "a#b", NULL },
		{ "user@a", NULL },
		{ "user:pw@a", NULL },
		{ "@a", NULL },
		{ "a%2eb", NULL },
		{ "\xc3\xa9.example", NULL },
		{ "a\tb", NULL },
		{ "[", NULL },
		{ "[]", NULL },
		{ "[::1", NULL },
		{ "::1", NULL },
		{ "[::1]a", NULL },
		{ "[::1]:x", NULL },
		{ "[::1]:65536", NULL },
		{ "[::1%25eth0]", NULL },
		{ "[::1%eth0]", NULL },
		{ "[v1.a]", NULL },
		{ "[1.2.3.4]", NULL },
		{ "[::g]", NULL },
		{ "[[::1]]", NULL },
		{ "a[::1]", NULL },
	};
	sluice_str host, again;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = uri_parse_authority(str_of(rows[i].raw), &arena, &host);
		if (!rows[i].want) {
			if (rc != ERR_BAD_HOST)
				fail_msg("\"%s\" was accepted", rows[i].raw);
			continue;
		}
		if (rc || !str_eq(host, str_of(rows[i].want)))
			fail_msg("\"%s\" gave %d \"%.*s\", not \"%s\"", rows[i].raw, rc,
				STR_ARG(host), rows[i].want);
		assert_int_equal(uri_parse_authority(host, &arena, &again), 0);
		assert_ptr_equal(host.data, again.data);
	}
	assert_int_equal(uri_parse_authority(str_n("a\0b", 3), &arena, &host), ERR_BAD_HOST);
}

TEST(host_length)
{
	char name[300];
	sluice_str host;
	memset(name, 'a', sizeof(name));
	assert_int_equal(uri_parse_authority(str_n(name, 255), &arena, &host), 0);
	assert_int_equal(uri_parse_authority(str_n(name, 256), &arena, &host), ERR_BAD_HOST);
	name[255] = '.';
	assert_int_equal(uri_parse_authority(str_n(name, 256), &arena, &host), 0);
	assert_int_equal(host.len, 255);
}

static const struct target_row {
	enum method method;
	const char *target, *authority;
	int version;
	int rc;
	enum target_form form;
	const char *path, *query, *authority_out, *host; /* query NULL: none */
} targets[] = {
	{ METHOD_GET, "/a", "H", 11, 0, TARGET_ORIGIN, "/a", NULL, "H", "h" },
	{ METHOD_GET, "/a?", "h", 11, 0, TARGET_ORIGIN, "/a", "", "h", "h" },
	{ METHOD_GET, "/a?b=c&d=%zz/../\\|[]", "h", 11, 0, TARGET_ORIGIN, "/a",
		"b=c&d=%zz/../\\|[]", "h", "h" },
	{ METHOD_GET, "/a?b?c", "h", 11, 0, TARGET_ORIGIN, "/a", "b?c", "h", "h" },
	{ METHOD_GET, "/a/../b?c//d", "h", 11, 0, TARGET_ORIGIN, "/b", "c//d", "h", "h" },
	{ METHOD_GET, "/%3f?x", "h", 11, 0, TARGET_ORIGIN, "/%3F", "x", "h", "h" },
	{ METHOD_GET, "//x/y", "h", 11, 0, TARGET_ORIGIN, "/x/y", NULL, "h", "h" },
	{ METHOD_GET, "/http://x/", "h", 11, 0, TARGET_ORIGIN, "/http:/x/", NULL, "h", "h" },
	{ METHOD_GET, "/a", "", 10, 0, TARGET_ORIGIN, "/a", NULL, "", "" },
	{ METHOD_GET, "/a", "", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a", "", 20, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a", "a b", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a#b", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a?b#c", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a?b c", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a?\x80", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/a?\x01", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "/..?a", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "a", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "?a", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "\\a", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "h:80", "h", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	/* absolute */
	{ METHOD_GET, "http://B.example/x?y", "a", 11, 0, TARGET_ABSOLUTE, "/x", "y", "B.example",
		"b.example" },
	{ METHOD_GET, "HTTPS://b:8443/", "a", 11, 0, TARGET_ABSOLUTE, "/", NULL, "b:8443", "b" },
	{ METHOD_GET, "http://b", "a", 11, 0, TARGET_ABSOLUTE, "/", NULL, "b", "b" },
	{ METHOD_GET, "http://b?q", "a", 11, 0, TARGET_ABSOLUTE, "/", "q", "b", "b" },
	{ METHOD_GET, "http://b//x/../y", "a", 11, 0, TARGET_ABSOLUTE, "/y", NULL, "b", "b" },
	{ METHOD_GET, "http://[::1]:1/x", "a", 11, 0, TARGET_ABSOLUTE, "/x", NULL, "[::1]:1",
		"[::1]" },
	{ METHOD_GET, "http://b/", "", 10, 0, TARGET_ABSOLUTE, "/", NULL, "b", "b" },
	{ METHOD_GET, "http://b/", "a b", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://b/", "", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http:///x", "a", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://", "a", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://u@b/", "a", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://b:99999/", "a", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://b\\@c/", "a", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://b#f", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http://b?q#f", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "http:/b", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "ftp://b/", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "javascript:x", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	/* asterisk */
	{ METHOD_OPTIONS, "*", "a", 11, 0, TARGET_ASTERISK, "*", NULL, "a", "a" },
	{ METHOD_OPTIONS, "http://b", "a", 11, 0, TARGET_ASTERISK, "*", NULL, "b", "b" },
	{ METHOD_OPTIONS, "http://b/", "a", 11, 0, TARGET_ABSOLUTE, "/", NULL, "b", "b" },
	{ METHOD_OPTIONS, "http://b?q", "a", 11, 0, TARGET_ABSOLUTE, "/", "q", "b", "b" },
	{ METHOD_OPTIONS, "/x", "a", 11, 0, TARGET_ORIGIN, "/x", NULL, "a", "a" },
	{ METHOD_OPTIONS, "*?a", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_OPTIONS, "*", "", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
	{ METHOD_GET, "*", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	/* authority */
	{ METHOD_CONNECT, "B.example:443", "a", 11, 0, TARGET_AUTHORITY, "", NULL, "B.example:443",
		"b.example" },
	{ METHOD_CONNECT, "[::1]:443", "a", 11, 0, TARGET_AUTHORITY, "", NULL, "[::1]:443",
		"[::1]" },
	{ METHOD_CONNECT, "b", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "b:", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, ":443", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "443", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "[::1]", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "::1", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "b:70000", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "u@b:443", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "/a", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "/a:1", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "http://b:1", "a", 11, ERR_BAD_TARGET, 0, 0, 0, 0, 0 },
	{ METHOD_CONNECT, "b:443", "a b", 11, ERR_BAD_HOST, 0, 0, 0, 0, 0 },
};

TEST(targets)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct target_row *r = &targets[i];
		struct request_head h = { .method = (uint8_t)r->method,
			.version = (uint8_t)r->version,
			.target = str_of(r->target),
			.authority = str_of(r->authority) };
		int rc = uri_parse_target(&h, &arena);
		if (rc != r->rc)
			fail_msg("\"%s\" with Host \"%s\": %s, not %s", r->target, r->authority,
				err_code(rc), err_code(r->rc));
		if (rc)
			continue;
		assert_int_equal(h.form, r->form);
		assert_str(h.path, r->path);
		assert_int_equal(h.has_query, r->query != NULL);
		assert_str(h.query, r->query ? r->query : "");
		assert_str(h.authority, r->authority_out);
		assert_str(h.host, r->host);
		assert_str(h.target, r->target);
	}
}

/* What a refused target leaves is written to the log: it must not be memory that another request
 * used before. */
TEST(nothing_of_the_arena_is_left_by_a_refused_target)
{
	static const char *const refused[] = { "/../etc/passwd", "/abc/%zz/ddd", "/a/..;x/b",
		"/a/./%00", "/x/../y?a#b", "http://b/../x", "http://b/%", "/%", "http://u@b/x",
		"b:443x" };
	struct arena a;
	arena_init(&a, 1 << 16);
	char *secret = arena_alloc(&a, 3000);
	assert_non_null(secret);
	memset(secret, 'S', 3000);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct request_head h = { .method = METHOD_GET,
			.version = 11,
			.authority = STR("a"),
			.target = str_of(refused[i]),
			.path = STR("before"),
			.query = STR("before"),
			.has_query = true };
		assert_int_not_equal(uri_parse_target(&h, &a), 0);
		assert_int_equal(h.path.len, 0);
		assert_int_equal(h.sent_path.len, 0);
		assert_int_equal(h.query.len, 0);
		assert_false(h.has_query);
		sluice_str out = STR("before");
		if (refused[i][0] == '/' && !strchr(refused[i], '?')) {
			assert_int_equal(uri_normalise_path(str_of(refused[i]), &a, &out),
				ERR_BAD_TARGET);
			assert_str(out, "before");
		}
	}
	sluice_str host = STR("before");
	assert_int_equal(uri_parse_authority(STR("a..b"), &a, &host), ERR_BAD_HOST);
	assert_int_equal(uri_parse_authority(STR("A:99999"), &a, &host), ERR_BAD_HOST);
	assert_str(host, "before");
	arena_fini(&a);
}

static const struct {
	const char *raw, *path, *sent; /* sent NULL: the same; path NULL: refused */
} kept_slashes[] = {
	{ "/a/b", "/a/b", NULL },
	{ "/a/./b", "/a/b", NULL },
	{ "/a//b", "/a/b", "/a//b" },
	{ "//a", "/a", "//a" },
	{ "///", "/", "///" },
	{ "/unsafe/https://img.test//x.png", "/unsafe/https:/img.test/x.png",
		"/unsafe/https://img.test//x.png" },
	{ "/bucket//%41//", "/bucket/A/", "/bucket//A//" },
	{ "//admin/./x", "/admin/x", "//admin/x" },
	{ "/a/b/..//c", "/a/c", "/a//c" },
	{ "/x/..//b", "/b", "//b" },
	{ "//a/../b", "/b", "//b" },
	{ "/a//../b", NULL, NULL }, /* /a/b, or /b once somebody merged them */
	{ "//..", NULL, NULL },
	{ "/a//%2e%2e/b", NULL, NULL },
	{ "/a//..%2fb", NULL, NULL },
	{ "//../b", NULL, NULL },
	{ "/..//b", NULL, NULL },
};

/* Routes and plugins see one path whatever the number of slashes; what is sent on has them, and
 * merges to that path. */
TEST(kept_slashes_are_sent_and_not_matched)
{
	for (size_t i = 0; i < sizeof(kept_slashes) / sizeof(kept_slashes[0]); i++) {
		const char *sent = kept_slashes[i].sent;
		struct request_head h = { .method = METHOD_GET,
			.version = 11,
			.authority = STR("a"),
			.path_rules = PATH_SLASHES_KEPT,
			.target = str_of(kept_slashes[i].raw) };
		int rc = uri_parse_target(&h, &arena);
		if (!kept_slashes[i].path) {
			if (rc != ERR_BAD_TARGET)
				fail_msg("\"%s\" was accepted as \"%.*s\"", kept_slashes[i].raw,
					STR_ARG(h.sent_path));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_str(h.path, kept_slashes[i].path);
		assert_str(h.sent_path, sent ? sent : "");
		sluice_str merged;
		assert_int_equal(uri_normalise_path(h.sent_path.len ? h.sent_path : h.path, &arena,
					 &merged),
			0);
		assert_str(merged, kept_slashes[i].path);
	}
}

/* ---- the rules of a listener --------------------------------------------------------------- */

static const struct {
	const char *raw, *escaped_refused, *escaped_decoded, *cut, *refused; /* NULL: ambiguous */
} spellings[] = {
	{ "/a/b", "/a/b", "/a/b", "/a/b", "/a/b" },
	{ "/a%2Fb", NULL, "/a/b", "/a%2Fb", "/a%2Fb" },
	{ "/a%2fb/", NULL, "/a/b/", "/a%2Fb/", "/a%2Fb/" },
	{ "/%2Fa", NULL, "/a", "/%2Fa", "/%2Fa" },
	{ "/a%2F", NULL, "/a/", "/a%2F", "/a%2F" },
	{ "/a/%2F%2Fb", NULL, "/a/b", "/a/%2F%2Fb", "/a/%2F%2Fb" },
	{ "/a%5Cb", NULL, NULL, "/a%5Cb", "/a%5Cb" },
	{ "/a%252Fb", "/a%252Fb", "/a%252Fb", "/a%252Fb", "/a%252Fb" },
	{ "/a;x=1/b", "/a;x=1/b", "/a;x=1/b", "/a/b", NULL },
	{ "/a;x=1;y", "/a;x=1;y", "/a;x=1;y", "/a", NULL },
	{ "/;x/b", "/;x/b", "/;x/b", "/b", NULL },
	{ "/a%3Bx/b", "/a%3Bx/b", "/a%3Bx/b", "/a%3Bx/b", NULL },
	{ "/a;x%2Fy/b", NULL, "/a;x/y/b", "/a/b", NULL },
	{ "/a;/../b", "/b", "/b", "/b", NULL },
	{ "/a%2Fb/../c", NULL, "/a/c", "/c", "/c" },
};

static int read_by(const char *raw, unsigned rules, struct request_head *h)
{
	*h = (struct request_head){ .method = METHOD_GET,
		.version = 11,
		.authority = STR("a"),
		.path_rules = (uint8_t)rules,
		.target = str_of(raw) };
	return uri_parse_target(h, &arena);
}

static void reads(const char *raw, unsigned rules, const char *path)
{
	struct request_head h;
	int rc = read_by(raw, rules, &h);
	if (rc != (path ? 0 : ERR_PATH_AMBIGUOUS) || (path && !str_eq(h.path, str_of(path))))
		fail_msg("\"%s\" by %#x is %d \"%.*s\"", raw, rules, rc, STR_ARG(h.path));
}

TEST(rules_of_a_listener)
{
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		const char *raw = spellings[i].raw;
		reads(raw, PATH_ESCAPED_REFUSED, spellings[i].escaped_refused);
		reads(raw, PATH_ESCAPED_DECODED, spellings[i].escaped_decoded);
		reads(raw, PATH_PARAMETERS_CUT, spellings[i].cut);
		reads(raw, PATH_PARAMETERS_REFUSED, spellings[i].refused);
	}
	reads("/a;x%2Fy/b", PATH_ESCAPED_DECODED | PATH_PARAMETERS_CUT, "/a/y/b");
	reads("/a%2fb?c=%2f;d", PATH_ESCAPED_DECODED | PATH_PARAMETERS_REFUSED, "/a/b");
}

/* A rule does not make a dot segment of what is refused without it; and it can make one of what
 * was none. */
TEST(rules_and_dot_segments)
{
	static const unsigned all[] = { 0, PATH_ESCAPED_DECODED, PATH_PARAMETERS_CUT,
		PATH_SLASHES_KEPT | PATH_PARAMETERS_CUT };
	struct request_head h;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(read_by("/a/..;x/b", all[i], &h), ERR_BAD_TARGET);
	assert_int_equal(read_by("/a%2F..%2Fb", 0, &h), ERR_BAD_TARGET);
	reads("/a%2F..%2Fb", PATH_ESCAPED_DECODED, "/b");
	assert_int_equal(read_by("/..%2Fb", PATH_ESCAPED_DECODED, &h), ERR_BAD_TARGET);
}

/* What a rule leaves empty is a segment like any other. */
TEST(rules_and_kept_slashes)
{
	static const struct {
		const char *raw, *path, *sent;
	} rows[] = { { "/a/%2Fb", "/a/b", "/a//b" }, { "/a/;x/b", "/a/b", "/a//b" },
		{ "/a%2Fb", "/a/b", "" }, { "/a;x", "/a", "" } };
	struct request_head h;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_by(rows[i].raw,
					 PATH_SLASHES_KEPT | PATH_ESCAPED_DECODED |
						 PATH_PARAMETERS_CUT,
					 &h),
			0);
		assert_str(h.path, rows[i].path);
		assert_str(h.sent_path, rows[i].sent);
	}
	assert_int_equal(read_by("/a/%2F../b", PATH_SLASHES_KEPT | PATH_ESCAPED_DECODED, &h),
		ERR_BAD_TARGET);
}

TEST(budget)
{
	struct arena small;
	char path[9000] = "/a/../";
	struct request_head h = { .method = METHOD_GET, .version = 11, .authority = STR("A") };
	sluice_str out;
	memset(path + 6, 'x', sizeof(path) - 6);
	arena_init(&small, 100);
	assert_int_equal(uri_normalise_path(str_n(path, sizeof(path)), &small, &out),
		ERR_NO_MEMORY);
	h.target = STR("/");
	assert_int_equal(uri_parse_target(&h, &small), ERR_NO_MEMORY);
	arena_fini(&small);
}

TEST_GROUP_WITH_ARENA(1 << 22);
