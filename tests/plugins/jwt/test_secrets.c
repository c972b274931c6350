/* Shared secrets of issuers: where the operator keeps them, and which mistakes are reported. */
#include <sluice/str.h>

#include <stdlib.h>

#include "kit.h"
#include "mint.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define S32 "0123456789abcdef0123456789abcdef"
#define CLAIMS "{\"iss\":\"" IDP "\",\"exp\":1700000100,\"sub\":\"alice\"}"

static sluice_instance *instance(const char *jwks, const char *algorithms)
{
	return kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", jwks, "algorithms",
		algorithms, NULL);
}

static const char *code_of(sluice_instance *i, const char *secret, const char *alg)
{
	static char code[64];
	const char *token = mint_secret_token(secret, strlen(secret), alg,
		mint_text("{\"alg\":\"%s\"}", alg), CLAIMS);
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Authorization", mint_text("Bearer %s", token), NULL);
	kit_advance(5000); /* it may wait for new keys */
	*sluice_str_put(code, sluice_str_of(kit_code(x) ? kit_code(x) : "admitted")) = '\0';
	kit_end(x);
	return code;
}

static void refuses(const char *jwks, const char *algorithms, const char *words)
{
	sluice_instance *i = instance(jwks, algorithms);
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), words))
		fail_msg("%s", kit_errors(i));
	if (strstr(kit_errors(i), S32))
		fail_msg("shows the secret: %s", kit_errors(i));
	kit_stop(i);
}

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

TEST_WITH(a_secret_stands_in_a_file_or_in_the_environment, each, NULL)
{
	kit_file("secret", S32 "\n");
	kit_file("encoded", mint_b64(S32, 32));
	kit_file("set",
		mint_text("{\"keys\":[{\"kty\":\"oct\",\"k\":\"%s\"}]}", mint_b64(S32, 32)));
	setenv("TEST_JWT_SECRET", S32, 1);
	static const char *const places[] = { "secret:file:secret", "secret:env:TEST_JWT_SECRET",
		"secret:base64url:file:encoded", "secret:jwks:file:set" };
	for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
		sluice_instance *i = instance(places[n], "[HS256]");
		kit_start(i);
		assert_string_equal(code_of(i, S32, "HS256"), "admitted");
		assert_string_equal(code_of(i, "another secret, of enough bytes ..", "HS256"),
			"token-signature");
		assert_string_equal(code_of(i, S32, "HS512"), "token-algorithm");
		kit_stop(i);
	}
	unsetenv("TEST_JWT_SECRET");
}

/* The issuers of an instance may differ: a secret of one is no key of the other. */
TEST_WITH(each_issuer_has_its_own, each, NULL)
{
	kit_file("secret", S32);
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
		"{\"" IDP "\": \"secret:file:secret\", other: \"file:keys.json\"}", "algorithms",
		"[HS256, ES256]", NULL);
	kit_start(i);
	assert_string_equal(code_of(i, S32, "HS256"), "admitted");
	const char *token = mint_secret_token(S32, 32, "HS256", "{\"alg\":\"HS256\"}",
		"{\"iss\":\"other\",\"exp\":1700000100}");
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Authorization", mint_text("Bearer %s", token), NULL);
	kit_advance(5000);
	assert_string_equal(kit_code(x), "token-key-unknown");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_changed_file_is_read_again, each, NULL)
{
	const char *other = "another secret, of enough bytes ..";
	kit_file("secret", S32);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"secret:file:secret", "algorithms", "[HS256]", "refresh", "10s", NULL);
	kit_start(i);
	kit_file("secret", other);
	kit_advance(20000);
	assert_string_equal(code_of(i, other, "HS256"), "admitted");
	assert_string_equal(code_of(i, S32, "HS256"), "token-signature");
	if (strstr(kit_log(), other))
		fail_msg("the log shows the secret");
	kit_stop(i);
}

TEST_WITH(mistakes_are_reported, each, NULL)
{
	kit_file("secret", S32);
	kit_file("short", "0123456789abcdef");
	kit_file("pem", mint_pem(MINT_RSA));
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	refuses("secret:" S32, "[HS256]", "names no place of a secret");
	refuses("secret:file:", "[HS256]", "names no place");
	refuses("secret:file:none", "[HS256]", "cannot read file:none: No such file");
	refuses("secret:env:TEST_JWT_NOT_SET", "[HS256]", "cannot read env:TEST_JWT_NOT_SET");
	refuses("secret:file:short", "[HS256]", "32 bytes at least");
	refuses("secret:file:pem", "[HS256]", "PEM");
	refuses("secret:file:keys.json", "[HS256]", "key set");
	refuses("secret:jwks:file:keys.json", "[HS256]", "no shared secret");
	refuses("secret:file:secret", "[RS256, ES256]", "has none that the shared secret");
	refuses("secret:file:secret", "[HS512]", "has none that the shared secret");
	refuses("file:keys.json", "[HS256, RS256]", "no issuer has one");
	refuses("https://idp.example/keys", "[HS256]", "no issuer has one");
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
