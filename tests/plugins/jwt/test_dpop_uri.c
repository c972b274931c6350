/* Which URLs of proofs name the resource of a request. */
#include "dpop_uri.h"

#include <string.h>

#include "test.h"

static bool names(const char *url, const char *scheme, const char *authority, const char *path)
{
	const struct dpop_target t = { sluice_str_of(scheme), sluice_str_of(authority),
		sluice_str_of(path) };
	return dpop_uri_is(sluice_str_of(url), &t);
}

static bool is_ab(const char *url)
{
	return names(url, "https", "api.example.com", "/a/b");
}

TEST(one_resource_has_many_spellings)
{
	static const char *const same[] = { "https://api.example.com/a/b",
		"HTTPS://API.example.COM/a/b", "https://api.example.com:443/a/b",
		"https://api.example.com:/a/b", "https://api.example.com/a/b?q=1",
		"https://api.example.com/a/b#f", "https://api.example.com/a/b?#",
		"https://api.example.com/./a/x/../b", "https://api.example.com/%61/%62",
		"https://api.example.com//a///b", "https://api.example.com/../a/b",
		"https://api.example.com/a/%2e/b", "https://api.example.com/a/x/%2E%2e/b" };
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		if (!is_ab(same[i]))
			fail_msg("%s", same[i]);
	}
	assert_true(names("https://h", "https", "h", "/"));
	assert_true(names("https://h?q", "https", "h", "/"));
	assert_true(names("https://h/..", "https", "h", "/"));
	assert_true(names("https://h/a/..", "https", "h", "/"));
	assert_true(names("https://h/a/.", "https", "h", "/a/"));
	assert_true(names("http://h:80/", "http", "h", "/"));
	assert_true(names("http://h/", "http", "h:80", "/"));
	assert_true(names("http://h:8080/", "http", "H:8080", "/"));
	assert_true(names("https://[::1]/x%2f", "https", "[::1]:443", "/x%2F"));
}

/* What the client wrote is no normal form either. */
TEST(both_paths_are_normalised)
{
	assert_true(names("https://h/a/b", "https", "h", "/x/../a//%62"));
	assert_true(names("https://h/a%2fb;p=1", "https", "h", "/a%2Fb;p=1"));
	assert_true(names("https://h/a/", "https", "h", "/a//"));
	assert_false(names("https://h/a/b", "https", "h", "/a%2Fb"));
	assert_false(names("https://h/a", "https", "h", "/a;p=1"));
	assert_false(names("https://h/a", "https", "h", "/a%"));
	const struct dpop_target star = { SLUICE_STR("https"), SLUICE_STR("h"), { NULL, 0 } };
	assert_false(dpop_uri_is(SLUICE_STR("https://h/"), &star));
}

TEST(another_resource_is_another)
{
	static const char *const others[] = { "http://api.example.com/a/b",
		"https://api.example.com/a", "https://api.example.com/a/b/",
		"https://api.example.com/A/b", "https://api.example.com:8443/a/b",
		"https://api.example.com:80/a/b", "https://api.example.com.evil/a/b",
		"https://evil@api.example.com/a/b", "https://api.example.com@evil/a/b",
		"https://api.example.com/a%2Fb", "https://api.example.com/a%2fb",
		"https://api.example.com/a/b%", "https://api.example.com/a/b%4",
		"https://api.example.com/a/%zz", "https:/api.example.com/a/b", "https://",
		"https:///a/b", "//api.example.com/a/b", "/a/b", "", "https",
		"https:", "ftp://api.example.com/a/b", " https://api.example.com/a/b",
		"https://api.example.com/a/b ", "https://api.example.com/a;b",
		"https://api.example.com\\a/b", "https://%61pi.example.com/a/b" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (is_ab(others[i]))
			fail_msg("%s", others[i]);
	}
	assert_false(names("http://h:443/", "http", "h", "/"));
	assert_false(names("https://[::1]:443", "https", "[::2]", "/"));
	assert_false(names("https://h/", "https", "h", "*"));
	assert_false(names("https://h/", "https", "h", ""));
}

TEST(long_urls_are_none)
{
	char url[DPOP_URI_MAX + 2] = "https://h/", path[DPOP_URI_MAX + 2] = "/";
	memset(url + 10, 'a', DPOP_URI_MAX - 10);
	memset(path + 1, 'a', DPOP_URI_MAX - 10);
	assert_true(names(url, "https", "h", path));
	url[DPOP_URI_MAX] = 'a';
	path[DPOP_URI_MAX - 9] = 'a';
	assert_false(names(url, "https", "h", path));
}
