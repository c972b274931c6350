/* Thumbprints, and tokens that bring the key which verifies them. */
#include "embedded.h"

#include <openssl/err.h>

#include "mint.h"
#include "strict.h"
#include "test.h"

#define CLAIMS "{\"sub\":\"u\"}"

static struct verifier v;

static const char *thumbprint(const char *jwk)
{
	uint8_t bytes[THUMBPRINT_LEN];
	json_t *json = json_read_object(jwk, strlen(jwk), 8);
	bool ok = json && thumbprint_of(json, bytes);
	json_decref(json);
	return ok ? mint_b64(bytes, sizeof bytes) : NULL;
}

/* RFC 7638 3.1 and RFC 8037 A.3 */
TEST(computes_the_thumbprints_of_the_examples)
{
	assert_string_equal(
		thumbprint(
			"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78"
			"LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t"
			"Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
			"AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4"
			"vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
			"nqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}"),
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	assert_string_equal(thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
				       "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(thumbprints_need_all_members_as_texts_without_escapes)
{
	assert_null(thumbprint("{\"kty\":\"RSA\",\"n\":\"AA\"}"));
	assert_null(thumbprint("{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":1}"));
	assert_null(thumbprint("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\"}"));
	assert_null(thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"A\\\"A\"}"));
	assert_null(thumbprint("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\"}"));
	assert_null(thumbprint("{\"kty\":\"oct\",\"k\":\"AA\"}"));
	assert_null(thumbprint("{\"n\":\"AA\"}"));
	assert_null(thumbprint(mint_text("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%04000d\"}", 0)));
	uint8_t bytes[THUMBPRINT_LEN];
	assert_true(
		thumbprint_read(SLUICE_STR("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), bytes));
	assert_false(thumbprint_read(SLUICE_STR("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4l"),
		bytes)); /* bits that are not used are set */
	assert_false(thumbprint_read(SLUICE_STR("kPrK"), bytes));
	assert_false(thumbprint_read(SLUICE_STR(""), bytes));
}

static const char *proof(enum mint_kind signer, const char *alg, const char *jwk)
{
	return mint_token(signer, alg, mint_text("{\"alg\":\"%s\",\"jwk\":%s}", alg, jwk), CLAIMS);
}

static enum jose_result check_allowing(const char *text, uint64_t allowed)
{
	struct embedded e;
	struct lone_key *key = NULL;
	enum jose_result why = embedded_open(&e, sluice_str_of(text), allowed);
	if (why == JOSE_OK)
		why = embedded_verify(&e, &v, &key);
	assert_int_equal(key != NULL, why == JOSE_OK);
	if (key) /* a second time, with the key that was made */
		assert_int_equal(embedded_verify(&e, &v, &key), JOSE_OK);
	lone_key_free(&key);
	embedded_fini(&e);
	assert_int_equal(ERR_peek_error(), 0);
	return why;
}

static enum jose_result check(const char *text)
{
	return check_allowing(text, UINT64_MAX);
}

TEST(verifies_with_the_key_in_the_header)
{
	static const struct {
		enum mint_kind kind;
		const char *alg;
	} rows[] = { { MINT_RSA, "RS256" }, { MINT_RSA, "PS512" }, { MINT_P256, "ES256" },
		{ MINT_P384, "ES384" }, { MINT_P521, "ES512" }, { MINT_ED25519, "EdDSA" },
		{ MINT_ED25519, "Ed25519" }, { MINT_ED448, "Ed448" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *jwk = mint_jwk(rows[i].kind, NULL, NULL);
		assert_int_equal(check(proof(rows[i].kind, rows[i].alg, jwk)), JOSE_OK);
	}
	/* a kid beside it changes nothing */
	assert_int_equal(check(proof(MINT_P256, "ES256", mint_jwk(MINT_P256, "x", NULL))), JOSE_OK);
}

TEST(refuses_other_keys_and_algorithms)
{
	const char *ec = mint_jwk(MINT_P256, NULL, NULL), *rsa = mint_jwk(MINT_RSA, NULL, NULL);
	assert_int_equal(check(proof(MINT_RSA_OTHER, "RS256", rsa)), JOSE_SIGNATURE);
	assert_int_equal(check(proof(MINT_RSA, "RS256", ec)), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_P384, "ES384", ec)), JOSE_KEY_ALGORITHM);
	assert_int_equal(check_allowing(proof(MINT_RSA, "RS256", rsa), ALG_BIT(ALG_ES256)),
		JOSE_ALGORITHM);
	assert_int_equal(check(proof(MINT_RSA, "HS256", rsa)), JOSE_ALGORITHM);
	assert_int_equal(check(proof(MINT_RSA, "none", rsa)), JOSE_ALGORITHM);
	assert_int_equal(check(proof(MINT_RSA, "RS256",
				 mint_jwk(MINT_RSA, NULL, "\"use\":\"enc\""))),
		JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_RSA_1024, "RS256", mint_jwk(MINT_RSA_1024, NULL, NULL))),
		JOSE_KEY_ALGORITHM);
}

TEST(refuses_private_members)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *extra = mint_text("\"%s\":\"AQ\"", names[i]);
		assert_int_equal(check(proof(MINT_RSA, "RS256", mint_jwk(MINT_RSA, NULL, extra))),
			JOSE_KEY_ALGORITHM);
	}
	assert_int_equal(check(proof(MINT_P256, "ES256", mint_jwk(MINT_P256, NULL, "\"d\":null"))),
		JOSE_KEY_ALGORITHM);
}

TEST(refuses_headers_without_a_key)
{
	assert_int_equal(check(mint(MINT_P256, "ES256", NULL, CLAIMS)), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_P256, "ES256", "null")), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_P256, "ES256", "[]")), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_P256, "ES256", "\"key\"")), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(proof(MINT_P256, "ES256", "{\"kty\":\"oct\",\"k\":\"AAAA\"}")),
		JOSE_KEY_ALGORITHM);
}

static int setup(void **state)
{
	(void)state;
	return verifier_init(&v);
}

static int teardown(void **state)
{
	(void)state;
	verifier_fini(&v);
	mint_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
