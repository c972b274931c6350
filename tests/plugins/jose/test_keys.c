/* Key sets: which keys are taken, what each may verify, and what is said of the others. */
#include "keys.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "mint.h"
#include "test.h"

#define RSA_ALGS                                                                             \
	(ALG_BIT(ALG_RS256) | ALG_BIT(ALG_RS384) | ALG_BIT(ALG_RS512) | ALG_BIT(ALG_PS256) | \
		ALG_BIT(ALG_PS384) | ALG_BIT(ALG_PS512))

static char why[320];

static struct keyset *read_text(const char *text)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	struct keyset *set = keys_read((sluice_str){ copy, n }, why, sizeof why);
	free(copy);
	assert_int_equal(ERR_peek_error(), 0);
	return set;
}

/* The algorithms that the one key of a set may verify; 0 when it is not taken, and why must then
 * have the words. */
static uint32_t algs_of(const char *jwk, const char *words)
{
	struct keyset *set = read_text(mint_jwks(jwk, NULL));
	bool taken = set && set->n > 0;
	uint32_t algs = taken ? set->v[0].algs : 0;
	keys_unref(set);
	if (!taken && (!words || !strstr(why, words)))
		fail_msg("not taken: %s", why);
	if (taken && words)
		fail_msg("taken, in spite of: %s", words);
	return algs;
}

TEST(binds_keys_to_algorithms)
{
	assert_int_equal(algs_of(mint_jwk(MINT_RSA, "a", NULL), NULL), RSA_ALGS);
	assert_int_equal(algs_of(mint_jwk(MINT_RSA, NULL, "\"alg\":\"PS256\""), NULL),
		ALG_BIT(ALG_PS256));
	assert_int_equal(algs_of(mint_jwk(MINT_P256, "a", NULL), NULL), ALG_BIT(ALG_ES256));
	assert_int_equal(algs_of(mint_jwk(MINT_P384, "a", "\"use\":\"sig\""), NULL),
		ALG_BIT(ALG_ES384));
	assert_int_equal(algs_of(mint_jwk(MINT_P521, "a", "\"alg\":\"ES512\""), NULL),
		ALG_BIT(ALG_ES512));
	assert_int_equal(algs_of(mint_jwk(MINT_ED25519, "a", "\"key_ops\":[\"sign\",\"verify\"]"),
				 NULL),
		ALG_BIT(ALG_ED25519));
	assert_int_equal(algs_of(mint_jwk(MINT_ED25519, "a", "\"alg\":\"EdDSA\""), NULL),
		ALG_BIT(ALG_ED25519));
	assert_int_equal(algs_of(mint_jwk(MINT_ED25519, "a", "\"alg\":\"Ed25519\""), NULL),
		ALG_BIT(ALG_ED25519));
	assert_int_equal(algs_of(mint_jwk(MINT_ED448, "a", "\"alg\":\"Ed448\""), NULL),
		ALG_BIT(ALG_ED448));
	assert_int_equal(algs_of(mint_jwk(MINT_ED448, NULL,
					 "\"use\":null,\"alg\":null,\"key_ops\":null,\"kid\":null"),
				 NULL),
		ALG_BIT(ALG_ED448));
	assert_int_equal(algs_of(mint_jwk(MINT_RSA, "a", "\"x5c\":[\"AAAA\"],\"x5t\":1,\"exp\":1"),
				 NULL),
		RSA_ALGS);
}

TEST(passes_over_other_purposes)
{
	algs_of(mint_jwk(MINT_RSA, "a", "\"use\":\"enc\""), "its use is not sig");
	algs_of(mint_jwk(MINT_RSA, "a", "\"use\":1"), "malformed");
	algs_of(mint_jwk(MINT_RSA, "a", "\"key_ops\":[\"encrypt\"]"), "key_ops");
	algs_of(mint_jwk(MINT_RSA, "a", "\"key_ops\":\"verify\""), "key_ops");
	algs_of(mint_jwk(MINT_RSA, "a", "\"alg\":\"RSA-OAEP\""), "its alg is not one");
	algs_of(mint_jwk(MINT_RSA, "a", "\"alg\":\"HS256\""), "its alg is not one");
	algs_of(mint_jwk(MINT_RSA, "a", "\"alg\":\"none\""), "its alg is not one");
	algs_of(mint_jwk(MINT_RSA, "a", "\"alg\":\"ES256\""), "does not go with");
	algs_of(mint_jwk(MINT_P256, "a", "\"alg\":\"ES384\""), "does not go with");
	algs_of(mint_jwk(MINT_P256, "a", "\"alg\":\"RS256\""), "does not go with");
	algs_of(mint_jwk(MINT_ED448, "a", "\"alg\":\"Ed25519\""), "does not go with");
	algs_of(mint_jwk(MINT_ED25519, "a", "\"alg\":\"Ed448\""), "does not go with");
	algs_of("{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", "its kty is not");
	algs_of("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"its crv is not");
	algs_of("{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
		"its crv is not");
	algs_of("{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"AA\",\"y\":\"AA\"}", "its crv is not");
	algs_of("{\"kty\":\"OKP\",\"crv\":\"P-256\",\"x\":\"AA\"}", "its crv is not");
	algs_of("{\"kty\":\"EC\"}", "its crv is not");
	algs_of("{\"use\":\"sig\"}", "kty or crv");
	algs_of("\"key\"", "not an object");
	algs_of("{\"kty\":\"RSA\",\"kid\":1}", "kid");
	algs_of(mint_text("{\"kty\":\"RSA\",\"kid\":\"%0257d\"}", 0), "kid");
}

TEST(passes_over_weak_rsa)
{
	uint8_t n[1100];
	memset(n, 0xff, sizeof n);
	algs_of(mint_jwk(MINT_RSA_1024, "a", NULL), "2048 to 8192 bits");
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"AQ\",\"n\":\"%s\"}", mint_b64(n, 256)),
		"exponent"); /* 1 */
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"Ag\",\"n\":\"%s\"}", mint_b64(n, 256)),
		"exponent"); /* 2 */
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"%s\",\"n\":\"%s\"}", mint_b64(n, 9),
			mint_b64(n, 256)),
		"exponent");
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", mint_b64(n, 1025)),
		"2048 to 8192 bits");
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", mint_b64(n, 1030)),
		"n or e");
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s=\"}", mint_b64(n, 256)),
		"n or e");
	algs_of("{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "n or e");
	n[255] = 0xfe; /* even */
	algs_of(mint_text("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", mint_b64(n, 256)),
		"2048 to 8192 bits");
}

TEST(passes_over_unsound_points)
{
	uint8_t c[66] = { 1 };
	algs_of(mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
			mint_b64(c, 32), mint_b64(c, 32)),
		"not on the curve");
	algs_of(mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
			mint_b64(c, 31), mint_b64(c, 32)),
		"x or y");
	algs_of(mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
			mint_b64(c, 33), mint_b64(c, 32)),
		"x or y");
	algs_of(mint_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\"}", mint_b64(c, 32)),
		"x or y");
	algs_of(mint_text("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}", mint_b64(c, 31)),
		"x is missing");
	algs_of(mint_text("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"%s\"}", mint_b64(c, 32)),
		"x is missing");
}

TEST(keeps_the_rest_of_a_set)
{
	struct keyset *set = read_text(mint_jwks(mint_jwk(MINT_RSA, "enc", "\"use\":\"enc\""),
		mint_jwk(MINT_RSA, "one", NULL), mint_jwk(MINT_P256, "two", NULL),
		"{\"kty\":\"LMS\"}", NULL));
	assert_non_null(set);
	assert_int_equal(set->n, 2);
	assert_string_equal(set->v[0].kid, "one");
	assert_string_equal(set->v[1].kid, "two");
	assert_string_equal(why, "key 4 cannot be used: its kty is not RSA, EC or OKP");
	keys_unref(set);
	set = read_text(mint_jwks(mint_jwk(MINT_P256, "two", NULL), NULL));
	assert_string_equal(why, "");
	keys_unref(set);
	set = read_text(mint_jwks(mint_jwk(MINT_P256, "k\\n\\u001b[2J", "\"use\":\"enc\""), NULL));
	assert_int_equal(set->n, 0);
	assert_string_equal(why, "key 1, kid k??[2J cannot be used: its use is not sig");
	keys_unref(set);
}

/* An issuer that says it has no keys is to be believed. */
TEST(a_set_may_be_empty)
{
	struct keyset *set = read_text("{\"keys\":[]}");
	assert_non_null(set);
	assert_int_equal(set->n, 0);
	assert_string_equal(why, "");
	keys_unref(set);
}

TEST(refuses_other_documents)
{
	static const char *const bad[] = { "", "{", "[]", "null", "{}", "{\"keys\":{}}",
		"{\"keys\":null}", "{\"keys\":[],\"keys\":[]}", "<html>", "{\"keys\":[]} x" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct keyset *set = read_text(bad[i]);
		if (set || !why[0])
			fail_msg("document %zu: %s", i, bad[i]);
	}
	char *long_text = mint_text("{\"x\":\"%0*d\"}", KEYS_MAX_DOCUMENT, 0);
	assert_null(read_text(long_text));
}

/* A set of n keys, all of them one key, called "k0000" and so on from the last to the first. */
static char *many_keys(size_t n)
{
	const char *jwk = mint_jwk(MINT_P256, "k0000", NULL);
	const char *kid = strstr(jwk, "k0000");
	size_t len = strlen(jwk), at = 0;
	char *text = malloc(n * (len + 1) + 32);
	at += (size_t)sprintf(text, "{\"keys\":[");
	for (size_t i = 0; i < n; i++) {
		char *copy = text + at;
		at += (size_t)sprintf(copy, "%s%s", jwk, i + 1 < n ? "," : "]}");
		char digits[24];
		(void)snprintf(digits, sizeof digits, "%04zu", n - 1 - i);
		memcpy(copy + (kid - jwk) + 1, digits, 4);
	}
	return text;
}

TEST(hundreds_of_keys_are_found_by_kid)
{
	char *text = many_keys(KEYS_MAX), kid[24];
	size_t n;
	struct keyset *set = read_text(text);
	assert_int_equal(set->n, KEYS_MAX);
	assert_string_equal(why, "");
	for (size_t i = 0; i < KEYS_MAX; i++) {
		(void)snprintf(kid, sizeof kid, "k%04zu", i);
		const uint16_t *found = keys_find(set, kid, 5, &n);
		assert_int_equal(n, 1);
		assert_string_equal(set->v[*found].kid, kid);
	}
	static const char *const none[] = { "", "k", "k00000", "k1024", "l", "a", "K0000" };
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		(void)keys_find(set, none[i], strlen(none[i]), &n);
		assert_int_equal(n, 0);
	}
	keys_unref(set);
	free(text);
}

/* An issuer that has more keys than we take: the first are used, and the log can say which are
 * not. */
TEST(keys_beyond_the_bound_are_left_out)
{
	char *text = many_keys(KEYS_MAX + 3);
	size_t n;
	struct keyset *set = read_text(text);
	assert_int_equal(set->n, KEYS_MAX);
	assert_string_equal(why, "only the first 1024 are used, left out: k0002 k0001 k0000");
	(void)keys_find(set, "k0003", 5, &n);
	assert_int_equal(n, 1);
	(void)keys_find(set, "k0002", 5, &n);
	assert_int_equal(n, 0);
	keys_unref(set);
	free(text);
	text = many_keys(KEYS_MAX + 500);
	keys_unref(read_text(text));
	assert_non_null(strstr(why, "left out: k0499 k0498 "));
	assert_non_null(strstr(why, " more"));
	assert_in_range(strlen(why), 200, sizeof why - 1);
	free(text);
}

TEST(keys_that_share_a_kid_keep_their_order)
{
	size_t n;
	struct keyset *set = read_text(mint_jwks(mint_jwk(MINT_P256, "a", NULL),
		mint_jwk(MINT_RSA, NULL, NULL), mint_jwk(MINT_P384, "b", NULL),
		mint_jwk(MINT_RSA, "a", NULL), mint_jwk(MINT_P521, "", NULL), NULL));
	assert_int_equal(set->n, 5);
	assert_int_equal(set->n_named, 4);
	const uint16_t *found = keys_find(set, "a", 1, &n);
	assert_int_equal(n, 2);
	assert_int_equal(found[0], 0);
	assert_int_equal(found[1], 3);
	found = keys_find(set, "", 0, &n);
	assert_int_equal(n, 1);
	assert_int_equal(found[0], 4);
	keys_unref(set);
}

TEST(tells_sets_apart)
{
	const char *one = mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL),
		   *two = mint_text("%s ", one);
	struct keyset *a = read_text(one), *b = read_text(one);
	assert_true(keys_same(a, (sluice_str){ one, strlen(one) }));
	assert_false(keys_same(a, (sluice_str){ two, strlen(two) }));
	assert_int_not_equal(a->generation, b->generation);
	assert_ptr_equal(keys_ref(a), a);
	keys_unref(a);
	assert_int_equal(a->v[0].kid_len, 1);
	keys_unref(a);
	keys_unref(b);
	keys_unref(NULL);
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
