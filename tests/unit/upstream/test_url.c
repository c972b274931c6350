/* upstream/url: what a URL says, and what is none. */
#include "upstream/url.h"

#include "unit.h"

TEST(parts)
{
	static const struct {
		const char *text;
		bool https;
		unsigned port;
		const char *host, *authority, *path;
		const char *query; /* NULL: none */
	} cases[] = {
		{ "https://idp.example.com/jwks.json", true, 443, "idp.example.com",
			"idp.example.com", "/jwks.json", NULL },
		{ "HTTP://Idp.Example", false, 80, "Idp.Example", "Idp.Example", "/", NULL },
		{ "http://10.0.0.1:8080/a/b?c=d&e=%2F", false, 8080, "10.0.0.1", "10.0.0.1:8080",
			"/a/b", "c=d&e=%2F" },
		{ "https://[2001:db8::1]:8443/x", true, 8443, "2001:db8::1", "[2001:db8::1]:8443",
			"/x", NULL },
		{ "https://[::1]", true, 443, "::1", "[::1]", "/", NULL },
		{ "http://a?", false, 80, "a", "a", "/", "" },
		{ "http://a/?b?c", false, 80, "a", "a", "/", "b?c" },
		{ "https://idp/realms/a@b/.well-known/openid-configuration", true, 443, "idp",
			"idp", "/realms/a@b/.well-known/openid-configuration", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct url u;
		const char *why = url_parse(str_of(cases[i].text), &u);
		if (why)
			fail_msg("%s: %s", cases[i].text, why);
		assert_int_equal(u.https, cases[i].https);
		assert_int_equal(u.port, cases[i].port);
		assert_str(u.host, cases[i].host);
		assert_str(u.authority, cases[i].authority);
		assert_str(u.path, cases[i].path);
		assert_int_equal(u.has_query, cases[i].query != NULL);
		assert_str(u.query, cases[i].query ? cases[i].query : "");
	}
}

TEST(refused)
{
	static const char *const bad[] = {
		"",
		"http",
		"http:",
		"http:/a",
		"http://",
		"https://",
		"http:///x",
		"http://?x",
		"ftp://a/",
		"file:///etc/passwd",
		"//a/b",
		"/a",
		" http://a",
		"http://a ",
		"http://a b/",
		"http://a/b c",
		"http://a/\tb",
		"http://a/\x7f",
		"http://a/\xc3\xa9",
		"http://user@a/",
		"http://user:pw@a/",
		"http://a@b@c/",
		"http://a/#f",
		"http://a#f",
		"http://a:0/",
		"http://a:65536/",
		"http://a:/",
		"http://a:x/",
		"http://a:80:80/",
		"http://::1/",
		"http://[::1/",
		"http://[]/",
		"http://[::1]x/",
		"http://[a]/",
		"http://[127.0.0.1]/",
		"http://[::1%25eth0]/",
		"http://a..b/",
		"http://.a/",
		"http://a%41/",
		"http://a\\b/",
		"http://a/\\b",
		"http://a/%",
		"http://a/%4",
		"http://a/%zz",
		"http://a/<b>",
		"http://a/\"",
		"http://a/{b}",
		"http://a/b|c",
		"http://a/\r\nHost:b",
	};
	char text[URL_MAX + 2] = "http://a/";
	struct url u = { .port = 77 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!url_parse(str_of(bad[i]), &u))
			fail_msg("\"%s\" was taken for a URL", bad[i]);
		if (u.port != 77 || u.host.len || u.https)
			fail_msg("\"%s\": something was taken of it", bad[i]);
	}
	assert_non_null(url_parse(str_n("http://a/\0b", 11), &u));
	assert_non_null(url_parse(str_n("http://a\0b/", 11), &u));
	memset(text + 9, 'x', sizeof(text) - 9);
	assert_null(url_parse(str_n(text, URL_MAX), &u));
	assert_non_null(url_parse(str_n(text, URL_MAX + 1), &u));
	memset(text + 7, 'x', 254);
	text[7 + 254] = '/';
	assert_non_null(url_parse(str_n(text, URL_MAX), &u));
}
