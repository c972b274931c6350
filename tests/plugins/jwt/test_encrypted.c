/* Encrypted access tokens: what is inside is judged as any other token. */
#include <sluice/str.h>

#include <stdio.h>

#include "kit.h"
#include "mint_jwe.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define CLAIMS "{\"iss\":\"" IDP "\",\"exp\":1700000100,\"sub\":\"alice\"}"

static sluice_instance *instance(const char *keys)
{
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	kit_file("private.pem", mint_private_pem(MINT_RSA));
	kit_file("private.json", mint_jwks(mint_private_jwk(MINT_P384, "e", NULL), NULL));
	return keys ? kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json",
			      "decryption_keys", keys, NULL)
		    : kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json",
			      NULL);
}

static const char *code_of(sluice_instance *i, const char *token)
{
	static char code[64];
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Authorization", mint_text("Bearer %s", token), NULL);
	kit_advance(5000); /* it may wait for new keys */
	(void)snprintf(code, sizeof code, "%s",
		kit_code(x) ? kit_code(x) : kit_attr(x, "claim:sub"));
	kit_end(x);
	return code;
}

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

TEST_WITH(what_is_inside_is_judged, each, NULL)
{
	const char *good = mint(MINT_P256, "ES256", "a", CLAIMS);
	sluice_instance *i = instance("file:private.pem");
	kit_start(i);
	const char *token = mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL, good);
	assert_string_equal(code_of(i, token), "alice");
	assert_string_equal(code_of(i, token), "alice"); /* of the cache */
	assert_string_equal(code_of(i, good), "alice");  /* a signed one is as good as before */
	/* anybody can encrypt: the signature inside counts */
	assert_string_equal(code_of(i,
				    mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL,
					    mint(MINT_P384, "ES256", "a", CLAIMS))),
		"token-signature");
	assert_string_equal(code_of(i, mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL, CLAIMS)),
		"token-malformed");
	assert_string_equal(code_of(i,
				    mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL,
					    mint(MINT_P256, "ES256", "a",
						    "{\"iss\":\"" IDP "\",\"exp\":1}"))),
		"token-expired");
	/* one that is encrypted twice is not opened twice */
	assert_string_equal(code_of(i, mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL, token)),
		"token-malformed");
	assert_string_equal(code_of(i, mint_jwe(MINT_P384, "ECDH-ES", "A256GCM", NULL, good)),
		"token-decryption");
	kit_stop(i);
	i = instance("file:private.json");
	kit_start(i);
	assert_string_equal(code_of(i, mint_jwe(MINT_P384, "ECDH-ES", "A128GCM", NULL, good)),
		"alice");
	kit_stop(i);
	i = instance(NULL);
	kit_start(i);
	assert_string_equal(code_of(i, token), "token-malformed");
	kit_stop(i);
}

TEST_WITH(mistakes_are_reported, each, NULL)
{
	sluice_instance *i = instance("file:keys.json");
	assert_int_equal(kit_check(i), -1);
	assert_non_null(strstr(kit_errors(i), "decryption_keys: a key is no private key"));
	kit_stop(i);
	i = instance("no key");
	assert_int_equal(kit_check(i), -1);
	assert_non_null(strstr(kit_errors(i), "decryption_keys: it has no private key"));
	kit_stop(i);
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
