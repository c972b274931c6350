/*
 * Published attacks on readers of JOSE, one test each, named after the attack. Each begins with the
 * token that would be accepted without the attack's trick, so that it fails for the trick alone.
 */
#include <stdlib.h>

#include <openssl/err.h>

#include "embedded.h"
#include "jwe.h"
#include "mint_jwe.h"
#include "secret.h"
#include "test.h"
#include "verify.h"

#define CLAIMS "{\"sub\":\"u\"}"
#define SECRET "0123456789abcdef0123456789abcdef"

static struct verifier v;
static char why[320];

static enum jose_result check_with(struct keyset *set, const char *text)
{
	struct token t;
	json_t *claims = NULL;
	assert_non_null(set);
	enum jose_result r = token_open(&t, sluice_str_of(text));
	if (r == JOSE_OK)
		r = verifier_check(&v, set, &t, UINT64_MAX);
	if (r == JOSE_OK)
		r = token_read_claims(&t, &claims);
	json_decref(claims);
	keys_unref(set);
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

static enum jose_result check(const char *jwks, const char *text)
{
	return check_with(keys_read(sluice_str_of(jwks), why, sizeof why), text);
}

static const char *jwks_of(enum mint_kind kind)
{
	return mint_jwks(mint_jwk(kind, "a", NULL), NULL);
}

/* Signed with the RSA key under a header that has more or other members. */
static enum jose_result with_header(const char *header)
{
	return check(jwks_of(MINT_RSA), mint_token(MINT_RSA, "RS256", header, CLAIMS));
}

/* CVE-2015-9235, CVE-2018-1000531, CVE-2020-28042: no signature, in every spelling */
TEST(attack_alg_none)
{
	static const char *const spellings[] = { "none", "None", "NONE", "nOnE", "none ", " none",
		"none\\u0000", "\\u006eone", "n\\u00f6ne", "nonE", "null", "" };
	assert_int_equal(with_header("{\"alg\":\"RS256\"}"), JOSE_OK);
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		const char *header = mint_text("{\"alg\":\"%s\"}", spellings[i]);
		assert_int_not_equal(with_header(header), JOSE_OK);
		assert_int_not_equal(check(jwks_of(MINT_RSA), mint_parts(header, CLAIMS, "")),
			JOSE_OK);
		assert_int_not_equal(check(jwks_of(MINT_RSA), mint_parts(header, CLAIMS, "AA")),
			JOSE_OK);
	}
	static const char *const no_texts[] = { "{\"alg\":null}", "{\"alg\":0}", "{\"alg\":[]}",
		"{\"alg\":[\"RS256\"]}", "{\"alg\":false}", "{}" };
	for (size_t i = 0; i < sizeof no_texts / sizeof *no_texts; i++)
		assert_int_equal(with_header(no_texts[i]), JOSE_MALFORMED);
}

/* CVE-2016-5431, CVE-2016-10555, CVE-2022-29217, CVE-2024-54150: the public key as HMAC secret */
TEST(attack_key_confusion)
{
	const char *pem = mint_pem(MINT_RSA), *jwk = mint_jwk(MINT_RSA, "a", NULL);
	const char *secrets[] = { pem, jwk, mint_jwks(jwk, NULL) };
	static const char *const algs[] = { "HS256", "HS384", "HS512" };
	for (size_t i = 0; i < 9; i++) {
		const char *secret = secrets[i / 3], *alg = algs[i % 3];
		for (int with_kid = 0; with_kid < 2; with_kid++) {
			const char *header = mint_text("{\"alg\":\"%s\"%s}", alg,
				with_kid ? ",\"kid\":\"a\"" : "");
			assert_int_equal(check(mint_jwks(jwk, NULL),
						 mint_secret_token(secret, strlen(secret), alg,
							 header, CLAIMS)),
				with_kid ? JOSE_KEY_ALGORITHM : JOSE_KEY_UNKNOWN);
		}
	}
}

/* The other way round: a secret never verifies what is named after a public key. */
TEST(attack_secret_under_another_name)
{
	static const char *const algs[] = { "RS256", "ES256", "EdDSA", "PS256" };
	for (size_t i = 0; i < 4; i++) {
		struct keyset *set =
			secret_read(SECRET_PLAIN, sluice_str_of(SECRET), why, sizeof why);
		assert_int_not_equal(check_with(set,
					     mint_secret_token(SECRET, 32, "HS256",
						     mint_text("{\"alg\":\"%s\"}", algs[i]),
						     CLAIMS)),
			JOSE_OK);
	}
}

/* CVE-2018-0114: the key to trust stands in the token */
TEST(attack_embedded_jwk)
{
	const char *header = mint_text("{\"alg\":\"RS256\",\"kid\":\"a\",\"jwk\":%s}",
		mint_jwk(MINT_RSA_OTHER, "a", NULL));
	assert_int_equal(check(jwks_of(MINT_RSA),
				 mint_token(MINT_RSA_OTHER, "RS256", header, CLAIMS)),
		JOSE_SIGNATURE);
}

/* RFC 8725 3.10: a place of keys, or certificates, stands in the token */
TEST(attack_jku_x5u_x5c)
{
	static const char *const members[] = { "\"jku\":\"https://evil.example/keys\"",
		"\"x5u\":\"https://evil.example/cert\"", "\"x5c\":[\"MIIB\"]", "\"x5t\":\"AA\"" };
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const char *header = mint_text("{\"alg\":\"RS256\",\"kid\":\"a\",%s}", members[i]);
		assert_int_equal(with_header(header), JOSE_OK); /* it counts for nothing */
		assert_int_equal(check(jwks_of(MINT_RSA),
					 mint_token(MINT_RSA_OTHER, "RS256", header, CLAIMS)),
			JOSE_SIGNATURE);
	}
}

/* kid as a path, a query, a command or a URL: it is compared and nothing else */
TEST(attack_kid_injection)
{
	static const char *const kids[] = { "../../../../dev/null", "/dev/null", "a' OR '1'='1",
		"a' UNION SELECT 'x'--", "a|id", "$(id)", "file:///etc/passwd",
		"https://evil.example/", "a%00", "a\\u0000", "*", "{\\\"$ne\\\":1}", "A", "a " };
	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++)
		assert_int_not_equal(check(jwks_of(MINT_RSA),
					     mint_token(MINT_RSA, "RS256",
						     mint_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}",
							     kids[i]),
						     CLAIMS)),
			JOSE_OK);
	assert_int_equal(with_header("{\"alg\":\"RS256\",\"kid\":[\"a\"]}"), JOSE_MALFORMED);
	assert_int_equal(with_header("{\"alg\":\"RS256\",\"kid\":{\"a\":1}}"), JOSE_MALFORMED);
	/* an empty secret, as of /dev/null */
	assert_int_not_equal(check(jwks_of(MINT_RSA),
				     mint_secret_token("", 0, "HS256",
					     "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", CLAIMS)),
		JOSE_OK);
}

/* CVE-2022-21449: r and s of an ECDSA signature are 0, or multiples of the group's order */
TEST(attack_psychic_signature)
{
	static const struct {
		enum mint_kind kind;
		const char *alg;
		size_t n;
	} curves[] = { { MINT_P256, "ES256", 64 }, { MINT_P384, "ES384", 96 },
		{ MINT_P521, "ES512", 132 } };
	/* of P-256 */
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3,
		0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	uint8_t raw[132];
	for (size_t i = 0; i < 3; i++) {
		const char *header = mint_text("{\"alg\":\"%s\"}", curves[i].alg);
		memset(raw, 0, sizeof raw);
		for (size_t one = 0; one < 4; one++) { /* (0,0) (0,1) (1,0) (1,1) */
			raw[curves[i].n / 2 - 1] = one & 2 ? 1 : 0;
			raw[curves[i].n - 1] = one & 1;
			assert_int_equal(check(jwks_of(curves[i].kind),
						 mint_parts(header, CLAIMS,
							 mint_b64(raw, curves[i].n))),
				JOSE_SIGNATURE);
		}
		memset(raw, 0xff, sizeof raw);
		assert_int_equal(check(jwks_of(curves[i].kind),
					 mint_parts(header, CLAIMS, mint_b64(raw, curves[i].n))),
			JOSE_SIGNATURE);
	}
	memcpy(raw, order, 32);
	memcpy(raw + 32, order, 32);
	assert_int_equal(check(jwks_of(MINT_P256),
				 mint_parts("{\"alg\":\"ES256\"}", CLAIMS, mint_b64(raw, 64))),
		JOSE_SIGNATURE);
}

/* CVE-2023-50658 and others: HMAC with an empty or blank secret */
TEST(attack_blank_secret)
{
	static const char *const blanks[] = { "", "\n", "\r\n", "secret", "                " };
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
		assert_null(secret_read(SECRET_PLAIN, sluice_str_of(blanks[i]), why, sizeof why));
		assert_null(
			secret_read(SECRET_BASE64URL, sluice_str_of(blanks[i]), why, sizeof why));
		struct keyset *set =
			secret_read(SECRET_PLAIN, sluice_str_of(SECRET), why, sizeof why);
		assert_int_equal(check_with(set,
					 mint_secret_token(blanks[i], strlen(blanks[i]), "HS256",
						 "{\"alg\":\"HS256\"}", CLAIMS)),
			JOSE_SIGNATURE);
	}
}

/* RFC 8725 2.4: two readers take two members of the same name */
TEST(attack_duplicate_members)
{
	static const char *const headers[] = { "{\"alg\":\"RS256\",\"alg\":\"none\"}",
		"{\"alg\":\"none\",\"alg\":\"RS256\"}",
		"{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}",
		"{\"alg\":\"RS256\",\"kid\":\"a\",\"kid\":\"b\"}",
		"{\"alg\":\"RS256\",\"x\":{\"y\":1,\"y\":2}}" };
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		assert_int_equal(with_header(headers[i]), JOSE_MALFORMED);
	assert_int_equal(check(jwks_of(MINT_RSA),
				 mint(MINT_RSA, "RS256", "a", "{\"sub\":\"u\",\"sub\":\"root\"}")),
		JOSE_MALFORMED);
}

/* RFC 7797: the payload is not encoded, so that readers split it at other places */
TEST(attack_b64_false)
{
	assert_int_equal(with_header("{\"alg\":\"RS256\",\"b64\":false}"), JOSE_CRITICAL);
	assert_int_equal(with_header("{\"alg\":\"RS256\",\"b64\":false,\"crit\":[\"b64\"]}"),
		JOSE_CRITICAL);
}

/* CVE-2020-1967 of its kind, CVE-2025-59420: what the header calls critical is passed over */
TEST(attack_crit)
{
	static const char *const values[] = { "[\"exp\"]", "[\"cnf\"]", "[]", "null", "\"b64\"",
		"[\"alg\"]", "[\"b64\"]", "{}", "false" };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		assert_int_equal(with_header(
					 mint_text("{\"alg\":\"RS256\",\"crit\":%s}", values[i])),
			JOSE_CRITICAL);
}

/* A point of another curve, or none: a share of the private key could leak, or anything verifies */
TEST(attack_invalid_curve)
{
	uint8_t zero[66] = { 0 };
	static const char *const names[] = { "P-256", "P-384", "P-521" };
	static const size_t widths[] = { 32, 48, 66 };
	for (size_t i = 0; i < 3; i++) {
		const char *coordinate = mint_b64(zero, widths[i]);
		(void)check(mint_jwks(mint_text("{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\","
						"\"y\":\"%s\"}",
					      names[i], coordinate, coordinate),
				    NULL),
			"a.b.c");
		assert_non_null(strstr(why, "not on the curve"));
	}
	/* in a proof as well */
	struct embedded e;
	struct lone_key *key = NULL;
	const char *coordinate = mint_b64(zero, 32);
	const char *header = mint_text("{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"crv\":"
				       "\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}}",
		coordinate, coordinate);
	const char *text = mint_token(MINT_P256, "ES256", header, CLAIMS);
	assert_int_equal(embedded_open(&e, sluice_str_of(text), UINT64_MAX), JOSE_OK);
	assert_int_equal(embedded_verify(&e, &v, &key), JOSE_KEY_ALGORITHM);
	embedded_fini(&e);
}

/* An exponent of 1 makes every text its own signature; a huge one, and a huge key, take minutes */
TEST(attack_rsa_exponents_and_sizes)
{
	uint8_t n[1026];
	memset(n, 0xff, sizeof n);
	static const char *const exponents[] = { "AQ", "Ag", "AA", "AQAA" };
	for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
		(void)check(mint_jwks(mint_text("{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"}",
					      exponents[i], mint_b64(n, 256)),
				    NULL),
			"a.b.c");
		assert_non_null(strstr(why, "exponent"));
	}
	const struct {
		size_t e, n;
	} sizes[] = { { 9, 256 }, { 256, 256 }, { 1, 1026 }, { 1, 128 } };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		(void)check(mint_jwks(mint_text("{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"}",
					      mint_b64(n, sizes[i].e), mint_b64(n, sizes[i].n)),
				    NULL),
			"a.b.c");
		assert_non_null(strstr(why, "cannot be used"));
	}
}

/* A signature by PKCS #1 1.5 with bytes behind the digest (Bleichenbacher 2006), as far as a key
 * with exponent 3 would allow it: the signature of zeros and of all ones verifies nothing. */
TEST(attack_forged_padding)
{
	uint8_t sig[256] = { 0 };
	const char *header = "{\"alg\":\"RS256\"}";
	assert_int_equal(check(jwks_of(MINT_RSA), mint_parts(header, CLAIMS, mint_b64(sig, 256))),
		JOSE_SIGNATURE);
	sig[255] = 1;
	assert_int_equal(check(jwks_of(MINT_RSA), mint_parts(header, CLAIMS, mint_b64(sig, 256))),
		JOSE_SIGNATURE);
	memset(sig, 0xff, sizeof sig);
	assert_int_equal(check(jwks_of(MINT_RSA), mint_parts(header, CLAIMS, mint_b64(sig, 256))),
		JOSE_SIGNATURE);
}

/* Two texts with the same meaning: padding, other alphabets, spare bits, blanks */
TEST(attack_malleable_encoding)
{
	const char *good = mint(MINT_P256, "ES256", "a", CLAIMS);
	assert_int_equal(check(jwks_of(MINT_P256), good), JOSE_OK);
	static const char *const ends[] = { "=", "==", "\n", " ", "\t", "A", ".", "%3D" };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		assert_int_not_equal(check(jwks_of(MINT_P256), mint_text("%s%s", good, ends[i])),
			JOSE_OK);
	/* 64 bytes leave 4 bits of the last character unused */
	char *changed = mint_text("%s", good);
	changed[strlen(changed) - 1]++;
	assert_int_equal(check(jwks_of(MINT_P256), changed), JOSE_MALFORMED);
}

/* Objects in objects, until the stack of a reader is used up */
TEST(attack_deep_json)
{
	char *deep = mint_text("{\"alg\":\"RS256\",\"x\":%0100d}", 0);
	memset(strchr(deep, '0'), '[', 50);
	memset(strchr(deep, '0'), ']', 50);
	assert_int_equal(with_header(deep), JOSE_MALFORMED);
}

/* JSON serialization (RFC 7515 7.2), with several signatures of which a reader takes any */
TEST(attack_json_serialization)
{
	const char *good = mint(MINT_RSA, "RS256", "a", CLAIMS);
	const char *dot = strchr(good, '.'), *dot2 = strchr(dot + 1, '.');
	const char *text =
		mint_text("{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"signature\":\"%s\"}",
			(int)(dot2 - dot - 1), dot + 1, (int)(dot - good), good, dot2 + 1);
	assert_int_equal(check(jwks_of(MINT_RSA), text), JOSE_MALFORMED);
}

/* ---- encrypted tokens ---------------------------------------------------------------------- */

static enum jose_result open_jwe(const char *keys_text, const char *text)
{
	struct jwe_keys *keys = jwe_keys_read(sluice_str_of(keys_text), why, sizeof why);
	assert_non_null(keys);
	size_t n;
	char *out = malloc(strlen(text) + 1);
	enum jose_result r = jwe_open(keys, sluice_str_of(text), out, &n);
	free(out);
	jwe_keys_free(&keys);
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

/* ROBOT, Bleichenbacher 1998, Manger 2001: the answer tells how the decrypted key was wrong. There
 * is no RSA1_5, and a key that is not well padded fails as a wrong content does. */
TEST(attack_padding_oracles)
{
	const char *keys = mint_private_pem(MINT_RSA);
	const char *good = mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL, "x");
	const char *dot = strchr(good, '.') + 1, *dot2 = strchr(dot, '.');
	assert_int_equal(open_jwe(keys, good), JOSE_OK);
	uint8_t wrapped[256] = { 0 };
	for (int first = 0; first < 3; first++) {
		memset(wrapped, first * 0x55, sizeof wrapped);
		const char *text = mint_text("%.*s%s%s", (int)(dot - good), good,
			mint_b64(wrapped, sizeof wrapped), dot2);
		assert_int_equal(open_jwe(keys, text), JOSE_DECRYPTION);
	}
	assert_int_equal(open_jwe(keys,
				 mint_jwe_with(MINT_RSA, "RSA-OAEP-256", "A256GCM",
					 "{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}", "x")),
		JOSE_DECRYPTION);
}

/* The sender's point lies on another curve, and our key leaks (CVE-2017-16007) */
TEST(attack_invalid_curve_in_ecdh)
{
	uint8_t one[32] = { [31] = 1 };
	const char *keys = mint_private_pem(MINT_P256), *xy = mint_b64(one, 32);
	assert_int_equal(open_jwe(keys, mint_jwe(MINT_P256, "ECDH-ES", "A256GCM", NULL, "x")),
		JOSE_OK);
	const char *epks[] = { mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":"
					 "\"%s\"}",
				       xy, xy),
		mint_jwk(MINT_P384, NULL, NULL), mint_jwk(MINT_RSA, NULL, NULL), "{}", "null",
		"1" };
	for (size_t i = 0; i < sizeof epks / sizeof *epks; i++) {
		const char *header =
			mint_text("{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":%s}", epks[i]);
		assert_int_equal(
			open_jwe(keys, mint_jwe_with(MINT_P256, "ECDH-ES", "A256GCM", header, "x")),
			JOSE_DECRYPTION);
	}
}

/* CVE-2023-49347 of its kind, CVE-2024-28176: a few bytes that become very many */
TEST(attack_zip_bomb)
{
	const char *keys = mint_private_pem(MINT_RSA);
	static const char *const zips[] = { ",\"zip\":\"DEF\"", ",\"zip\":\"GZ\"",
		",\"zip\":null" };
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			open_jwe(keys, mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", zips[i], "x")),
			JOSE_DECRYPTION);
}

/* CVE-2023-50658, CVE-2024-25710 of its kind: the sender says how long we shall compute */
TEST(attack_pbes2_iterations)
{
	const char *keys = mint_private_pem(MINT_RSA);
	static const char *const algs[] = { "PBES2-HS256+A128KW", "PBES2-HS512+A256KW" };
	for (size_t i = 0; i < 2; i++) {
		const char *header = mint_text("{\"alg\":\"%s\",\"enc\":\"A256GCM\",\"p2c\":"
					       "2147483647,\"p2s\":\"AAAA\"}",
			algs[i]);
		assert_int_equal(open_jwe(keys,
					 mint_jwe_with(MINT_RSA, "RSA-OAEP-256", "A256GCM", header,
						 "x")),
			JOSE_DECRYPTION);
	}
}

/* A tag of fewer bytes is found by trying */
TEST(attack_short_tag)
{
	const char *keys = mint_private_pem(MINT_RSA);
	char *good = mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", NULL, "x");
	char *tag = strrchr(good, '.') + 1;
	for (size_t n = 0; n < 16; n++) {
		uint8_t zeros[16] = { 0 };
		assert_int_equal(open_jwe(keys,
					 mint_text("%.*s%s", (int)(tag - good), good,
						 mint_b64(zeros, n))),
			JOSE_DECRYPTION);
	}
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
