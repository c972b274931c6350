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

struct told {
	char text[2048], codes[128];
};

static void hear(void *ctx, const sluice_finding *f)
{
	struct told *t = ctx;
	size_t n = strlen(t->text), m = strlen(t->codes);
	(void)snprintf(t->text + n, sizeof t->text - n, "%.*s: %.*s; %.*s\n", (int)f->rule.len,
		f->rule.data, (int)f->found.len, f->found.data, (int)f->wanted.len, f->wanted.data);
	(void)snprintf(t->codes + m, sizeof t->codes - m, "%.*s", (int)f->code.len, f->code.data);
}

static sluice_verdict explained(sluice_instance *i, const char *token, struct told *t)
{
	*t = (struct told){ .text = "" };
	const sluice_question q = { .size = sizeof q,
		.credential = sluice_str_of(token),
		.last = true,
		.tell = hear,
		.ctx = t };
	return sluice_plugin_record.explain(i, kit_conf(i), &q);
}

TEST_WITH(an_explanation_decrypts, each, NULL)
{
	struct told t;
	const char *good = mint(MINT_P256, "ES256", "a", CLAIMS);
	const char *token = mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", ",\"kid\":\"e\"", good);
	sluice_instance *i = instance("file:private.pem");
	kit_start(i);
	assert_int_equal(explained(i, token, &t), SLUICE_NEXT);
	assert_string_equal(t.codes, "");
	assert_non_null(strstr(t.text,
		"decryption_keys: encrypted, alg \"RSA-OAEP-256\", enc "
		"\"A256GCM\", kid \"e\"; one of 1 private key\n"));
	assert_non_null(strstr(t.text, "signature: alg ES256, kid \"a\""));
	assert_int_equal(explained(i, good, &t), SLUICE_NEXT);
	assert_null(strstr(t.text, "encrypted"));
	assert_int_equal(explained(i,
				 mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL,
					 mint(MINT_P384, "ES384", "a", CLAIMS)),
				 &t),
		SLUICE_REPLY);
	assert_string_equal(t.codes, "token-algorithm");
	assert_int_equal(explained(i, mint_jwe(MINT_P384, "ECDH-ES", "A256GCM", NULL, good), &t),
		SLUICE_REPLY);
	assert_string_equal(t.codes, "token-decryption");
	assert_int_equal(explained(i, "a.b.c.d.e", &t), SLUICE_REPLY);
	assert_string_equal(t.codes, "token-decryption");
	kit_stop(i);
	i = instance(NULL);
	kit_start(i);
	assert_int_equal(explained(i, token, &t), SLUICE_REPLY);
	assert_string_equal(t.codes, "token-malformed");
	assert_non_null(strstr(t.text, "no keys to decrypt"));
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
