/* Where the documents of issuers are, and which of them are believed. */
#include "discovery.h"

#include <stdlib.h>

#include "kit.h"
#include "test.h"

static void expect_url(const char *issuer, enum discovery_way way, const char *wanted)
{
	char *url = discovery_url(sluice_str_of(issuer), way);
	assert_string_equal(url, wanted);
	free(url);
}

/* OpenID Connect Discovery 1.0 4.1: behind the path. */
TEST(openid_documents_stand_behind_the_path)
{
	const enum discovery_way way = DISCOVERY_OPENID;
	expect_url("https://idp.example", way,
		"https://idp.example/.well-known/openid-configuration");
	expect_url("https://idp.example/", way,
		"https://idp.example/.well-known/openid-configuration");
	expect_url("https://idp.example:8443/realms/a", way,
		"https://idp.example:8443/realms/a/.well-known/openid-configuration");
	expect_url("http://[::1]:80/a/b/", way,
		"http://[::1]:80/a/b/.well-known/openid-configuration");
}

/* RFC 8414 3.1: between host and path. */
TEST(oauth_documents_stand_before_the_path)
{
	const enum discovery_way way = DISCOVERY_OAUTH;
	expect_url("https://idp.example", way,
		"https://idp.example/.well-known/oauth-authorization-server");
	expect_url("https://idp.example/", way,
		"https://idp.example/.well-known/oauth-authorization-server");
	expect_url("https://idp.example:8443/realms/a", way,
		"https://idp.example:8443/.well-known/oauth-authorization-server/realms/a");
	expect_url("http://[::1]:80/a/b/", way,
		"http://[::1]:80/.well-known/oauth-authorization-server/a/b");
}

TEST(only_urls_can_be_discovered_from)
{
	static const struct {
		const char *issuer;
		bool possible;
	} rows[] = { { "https://idp.example", true }, { "http://idp.example/a?b", false },
		{ "https://idp.example/#a", false }, { "https://", false }, { "https:///a", false },
		{ "http:///", false }, { "idp.example", false }, { "", false },
		{ "ftp://idp.example", false }, { "https://idp.example/a b", false } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (discovery_is_possible(sluice_str_of(rows[i].issuer)) != rows[i].possible)
			fail_msg("%s", rows[i].issuer);
	}
}

static const char *endpoint(const char *document, const char *issuer, const char *name)
{
	json_t *root;
	sluice_str url;
	const char *wrong = discovery_read(sluice_str_of(document), sluice_str_of(issuer), &root);
	if (wrong)
		return wrong;
	wrong = discovery_endpoint(root, name, &url);
	if (!wrong)
		assert_true(sluice_str_is(url, "https://idp.example/k") ||
			sluice_str_is(url, "http://idp.example/k"));
	json_decref(root);
	return wrong;
}

TEST(a_document_names_exactly_its_issuer)
{
	static const char *const bad[] = { "{\"issuer\":\"https://a/\"}", "{}", "[]", "",
		"{\"issuer\":null}", "{\"issuer\":1}", "{\"issuer\":\"https://A\"}",
		"{\"issuer\":\"https://a\",\"issuer\":\"https://a\"}" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_non_null(endpoint(bad[i], "https://a", "jwks_uri"));
	assert_null(endpoint("{\"issuer\":\"https://a\",\"jwks_uri\":\"https://idp.example/k\"}",
		"https://a", "jwks_uri"));
}

TEST(endpoints_do_not_leave_tls)
{
	const char *both = "{\"issuer\":\"http://a\",\"jwks_uri\":\"http://idp.example/k\","
			   "\"token_endpoint\":\"https://idp.example/k\",\"x\":[1]}";
	assert_null(endpoint(both, "http://a", "jwks_uri"));
	assert_null(endpoint(both, "http://a", "token_endpoint"));
	assert_string_equal(endpoint(both, "http://a", "x"), "is missing or not a URL");
	assert_string_equal(endpoint(both, "http://a", "none"), "is missing or not a URL");
	assert_string_equal(
		endpoint("{\"issuer\":\"https://a\",\"jwks_uri\":\"http://idp.example/k\"}",
			"https://a", "jwks_uri"),
		"is not https");
}
