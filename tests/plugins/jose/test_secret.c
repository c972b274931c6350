/* Shared secrets: what becomes one, which algorithms it goes with, and which tokens it verifies. */
#include "secret.h"

#include <stdlib.h>

#include "mint.h"
#include "test.h"
#include "verify.h"

#define CLAIMS "{\"sub\":\"u\"}"
#define S32 "0123456789abcdef0123456789abcdef"
#define S48 S32 "0123456789abcdef"
#define S64 S32 S32

static struct verifier v;
static char why[320];

static struct keyset *read_text(enum secret_form form, const char *text)
{
	return secret_read(form, sluice_str_of(text), why, sizeof why);
}

static void refuses(enum secret_form form, const char *text, const char *words)
{
	struct keyset *set = read_text(form, text);
	if (set)
		fail_msg("taken: %s", words);
	if (!strstr(why, words))
		fail_msg("%s, and not: %s", why, words);
}

static enum jose_result check(const struct keyset *set, const char *text)
{
	struct token t;
	enum jose_result r = token_open(&t, sluice_str_of(text));
	return r == JOSE_OK ? verifier_check(&v, set, &t, UINT64_MAX) : r;
}

static const char *token(const char *secret, const char *alg, const char *kid)
{
	const char *header = kid ? mint_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid)
				 : mint_text("{\"alg\":\"%s\"}", alg);
	return mint_secret_token(secret, strlen(secret), alg, header, CLAIMS);
}

TEST(a_secret_goes_with_the_digests_that_are_not_longer)
{
	const struct {
		const char *secret;
		uint32_t algs;
	} rows[] = {
		{ S32, ALG_BIT(ALG_HS256) },
		{ S48, ALG_BIT(ALG_HS256) | ALG_BIT(ALG_HS384) },
		{ S64, ALG_SECRET },
	};
	static const char *const algs[] = { "HS256", "HS384", "HS512" };
	for (size_t i = 0; i < 3; i++) {
		struct keyset *set = read_text(SECRET_PLAIN, rows[i].secret);
		assert_non_null(set);
		assert_int_equal(set->v[0].algs, rows[i].algs);
		assert_null(set->v[0].pkey);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(check(set, token(rows[i].secret, algs[k], NULL)),
				k <= i ? JOSE_OK : JOSE_KEY_UNKNOWN);
		keys_unref(set);
	}
	refuses(SECRET_PLAIN, "0123456789abcdef0123456789abcde", "32 bytes at least");
	refuses(SECRET_PLAIN, "", "32 bytes at least");
	refuses(SECRET_PLAIN, mint_text("%04097d", 0), "4096 bytes at most");
}

TEST(one_newline_at_the_end_is_not_part_of_it)
{
	static const char *const texts[] = { S32, S32 "\n", S32 "\r\n" };
	for (size_t i = 0; i < 3; i++) {
		struct keyset *set = read_text(SECRET_PLAIN, texts[i]);
		assert_int_equal(set->v[0].secret_len, 32);
		assert_int_equal(check(set, token(S32, "HS256", NULL)), JOSE_OK);
		keys_unref(set);
	}
	struct keyset *set = read_text(SECRET_PLAIN, S32 "\n\n");
	assert_int_equal(set->v[0].secret_len, 33);
	keys_unref(set);
}

TEST(base64url_is_decoded)
{
	const char *text = mint_b64(S32, 32);
	static const char *const ends[] = { "", "=", "=\n" };
	for (size_t i = 0; i < 3; i++) {
		struct keyset *set = read_text(SECRET_BASE64URL, mint_text("%s%s", text, ends[i]));
		assert_non_null(set);
		assert_int_equal(check(set, token(S32, "HS256", NULL)), JOSE_OK);
		keys_unref(set);
	}
	refuses(SECRET_BASE64URL, "+" S48, "not base64url");
	refuses(SECRET_BASE64URL, mint_b64(S32, 31), "32 bytes at least");
}

TEST(a_set_has_several_with_names)
{
	const char *jwks = mint_text("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"old\",\"k\":\"%s\"},"
				     "{\"kty\":\"oct\",\"kid\":\"new\",\"alg\":\"HS512\",\"use\":"
				     "\"sig\",\"k\":\"%s\"}]}",
		mint_b64(S32, 32), mint_b64(S64, 64));
	struct keyset *set = read_text(SECRET_JWKS, jwks);
	assert_non_null(set);
	assert_int_equal(check(set, token(S32, "HS256", "old")), JOSE_OK);
	assert_int_equal(check(set, token(S64, "HS512", "new")), JOSE_OK);
	assert_int_equal(check(set, token(S64, "HS256", "new")), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(set, token(S32, "HS256", "new")), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(set, token(S32, "HS256", "other")), JOSE_KEY_UNKNOWN);
	assert_int_equal(check(set, token(S64, "HS256", "old")), JOSE_SIGNATURE);
	keys_unref(set);
	refuses(SECRET_JWKS, S32, "not a key set");
	refuses(SECRET_JWKS, "{\"keys\":[]}", "not a key set");
	refuses(SECRET_JWKS, "{\"keys\":[1]}", "malformed");
	refuses(SECRET_JWKS, mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL), "no shared secret");
	refuses(SECRET_JWKS, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "32 bytes");
	refuses(SECRET_JWKS, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"use\":\"enc\"}]}",
		"use of a key");
	refuses(SECRET_JWKS, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"RS256\"}]}",
		"alg of a key");
	refuses(SECRET_JWKS,
		mint_text("{\"keys\":[{\"kty\":\"oct\",\"k\":\"%s\",\"alg\":\"HS512\"}]}",
			mint_b64(S32, 32)),
		"too short for its alg");
}

/* A plain secret has no name of its own: the issuer's names mean it. */
TEST(a_plain_secret_verifies_whatever_kid_a_token_names)
{
	struct keyset *set = read_text(SECRET_PLAIN, S32);
	assert_int_equal(check(set, token(S32, "HS256", "any")), JOSE_OK);
	assert_int_equal(check(set, token(S48, "HS256", "any")), JOSE_SIGNATURE);
	assert_int_equal(check(set, mint(MINT_RSA, "RS256", "any", CLAIMS)), JOSE_KEY_ALGORITHM);
	keys_unref(set);
}

TEST(changed_tokens_and_short_macs_are_refused)
{
	struct keyset *set = read_text(SECRET_PLAIN, S64);
	static const char *const algs[] = { "HS256", "HS384", "HS512" };
	for (size_t i = 0; i < 3; i++) {
		char *text = mint_text("%s", token(S64, algs[i], NULL));
		size_t n = strlen(text);
		for (size_t at = 0; at < n; at++) {
			char old = text[at];
			text[at] = old == 'A' ? 'B' : 'A';
			assert_int_not_equal(check(set, text), JOSE_OK);
			text[at] = old;
		}
		assert_int_equal(check(set, text), JOSE_OK);
		text[n - 4] = '\0'; /* three bytes fewer */
		assert_int_not_equal(check(set, text), JOSE_OK);
	}
	keys_unref(set);
}

/* With a public key as the secret, everybody could sign: no reader makes one of it. */
TEST(a_public_key_never_becomes_a_secret)
{
	const char *pem = mint_pem(MINT_RSA);
	const char *jwk = mint_jwk(MINT_RSA, "a", NULL), *jwks = mint_jwks(jwk, NULL);
	refuses(SECRET_PLAIN, pem, "PEM");
	refuses(SECRET_PLAIN, mint_text("\n%s", pem), "PEM");
	refuses(SECRET_BASE64URL, pem, "PEM");
	refuses(SECRET_PLAIN, jwk, "key set");
	refuses(SECRET_PLAIN, jwks, "key set");
	/* a fetched key set has no secrets, whatever it says */
	const char *oct =
		mint_text("{\"kty\":\"oct\",\"kid\":\"o\",\"k\":\"%s\"}", mint_b64(S64, 64));
	struct keyset *set = keys_read(sluice_str_of(mint_jwks(jwk, oct, NULL)), why, sizeof why);
	assert_int_equal(set->n, 1);
	for (size_t i = 0; i < set->n; i++) {
		assert_null(set->v[i].secret);
		assert_int_equal(set->v[i].algs & ALG_SECRET, 0);
	}
	assert_int_equal(check(set, token(S64, "HS256", "o")), JOSE_KEY_UNKNOWN);
	assert_int_equal(check(set, token(S64, "HS512", NULL)), JOSE_KEY_UNKNOWN);
	assert_int_equal(check(set,
				 mint_token(MINT_RSA, "HS256", "{\"alg\":\"HS256\",\"kid\":\"a\"}",
					 CLAIMS)),
		JOSE_KEY_ALGORITHM);
	keys_unref(set);
	/* a key that says it is for HS256 does not exist */
	set = keys_read(sluice_str_of(
				mint_jwks(mint_jwk(MINT_RSA, "a", "\"alg\":\"HS256\""), NULL)),
		why, sizeof why);
	assert_int_equal(set->n, 0);
	keys_unref(set);
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
