/* Tokens that we sign: our own reader and libjwt take them, and keys that do not fit are refused.
 */
#include "sign.h"

#include <jwt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "mint.h"
#include "test.h"
#include "verify.h"

#define CLAIMS "{\"iss\":\"gateway\",\"sub\":\"gateway\",\"aud\":\"https://idp.example/\"}"

static const char *pem_of(EVP_PKEY *pkey, bool is_private, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	if (is_private)
		assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey,
					 passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
					 (void *)(uintptr_t)passphrase),
			1);
	else
		assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	long n = BIO_get_mem_data(bio, &data);
	const char *text = mint_text("%.*s", (int)n, data);
	BIO_free(bio);
	return text;
}

static struct signer *signer_of(enum mint_kind kind, const enum alg *alg, const char *kid)
{
	char why[256] = "";
	struct signer *s = signer_new(sluice_str_of(pem_of(mint_key(kind), true, NULL)), alg,
		sluice_str_of(kid), why, sizeof(why));
	if (!s)
		fail_msg("%s", why);
	return s;
}

static enum jose_result verify(enum mint_kind kind, const char *text)
{
	char why[320];
	const char *jwks = mint_jwks(mint_jwk(kind, "k", NULL), NULL);
	struct keyset *set = keys_read(sluice_str_of(jwks), why, sizeof(why));
	struct verifier v = { .n = 0 };
	struct token t;
	assert_int_equal(verifier_init(&v), 0);
	enum jose_result r = token_open(&t, sluice_str_of(text));
	if (r == JOSE_OK)
		r = verifier_check(&v, set, &t, UINT64_MAX);
	verifier_fini(&v);
	keys_unref(set);
	return r;
}

static const char *sign_text(const struct signer *s)
{
	size_t n = 0;
	char *text = signer_sign(s, SLUICE_STR(CLAIMS), &n);
	assert_non_null(text);
	const char *copy = mint_text("%.*s", (int)n, text);
	free(text);
	assert_int_equal(ERR_peek_error(), 0);
	return copy;
}

static const struct {
	enum mint_kind kind;
	enum alg alg;
	bool is_usual, libjwt_knows;
} good[] = {
	{ MINT_RSA, ALG_RS256, true, true },
	{ MINT_RSA, ALG_RS512, false, true },
	{ MINT_RSA, ALG_PS256, false, false },
	{ MINT_RSA_3072, ALG_PS512, false, false },
	{ MINT_P256, ALG_ES256, true, true },
	{ MINT_P384, ALG_ES384, true, true },
	{ MINT_P521, ALG_ES512, true, true },
	{ MINT_ED25519, ALG_EDDSA, true, false },
	{ MINT_ED25519, ALG_ED25519, false, false },
	{ MINT_ED448, ALG_ED448, false, false },
};

TEST(what_is_signed_is_verified)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum alg alg = good[i].alg;
		struct signer *s = signer_of(good[i].kind, good[i].is_usual ? NULL : &alg, "k");
		assert_int_equal(signer_alg(s), alg);
		for (int n = 0; n < 8; n++) /* r and s of ECDSA have leading zero bytes at times */
			assert_int_equal(verify(good[i].kind, sign_text(s)), JOSE_OK);
		assert_int_not_equal(verify(MINT_RSA_OTHER, sign_text(s)), JOSE_OK);
		signer_free(s);
	}
}

TEST(libjwt_takes_it)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!good[i].libjwt_knows)
			continue;
		enum alg alg = good[i].alg;
		struct signer *s = signer_of(good[i].kind, &alg, "");
		const char *public = pem_of(mint_key(good[i].kind), false, NULL);
		jwt_t *jwt = NULL;
		assert_int_equal(jwt_decode(&jwt, sign_text(s), (const unsigned char *)public,
					 (int)strlen(public)),
			0);
		assert_string_equal(jwt_get_grant(jwt, "sub"), "gateway");
		assert_string_equal(jwt_get_header(jwt, "alg"), alg_names[alg]);
		assert_null(jwt_get_header(jwt, "kid"));
		jwt_free(jwt);
		signer_free(s);
	}
}

static void refused(const char *pem, const enum alg *alg, const char *kid, const char *words)
{
	char why[256] = "";
	assert_null(signer_new(sluice_str_of(pem), alg, sluice_str_of(kid), why, sizeof(why)));
	if (!strstr(why, words))
		fail_msg("%s: %s", words, why);
	assert_int_equal(ERR_peek_error(), 0);
}

TEST(keys_that_do_not_fit_are_refused)
{
	const enum alg es256 = ALG_ES256, rs256 = ALG_RS256, ed448 = ALG_ED448;
	const char *rsa = pem_of(mint_key(MINT_RSA), true, NULL);
	EVP_PKEY *k1 = EVP_EC_gen("secp256k1");
	refused("", NULL, "", "no private key");
	refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NULL, "",
		"no private key");
	refused(pem_of(mint_key(MINT_RSA), false, NULL), NULL, "", "no private key");
	refused(pem_of(mint_key(MINT_RSA), true, "secret"), NULL, "", "passphrase");
	refused(rsa, &es256, "", "does not fit");
	refused(pem_of(mint_key(MINT_P384), true, NULL), &es256, "", "does not fit");
	refused(pem_of(mint_key(MINT_P256), true, NULL), &rs256, "", "does not fit");
	refused(pem_of(mint_key(MINT_ED25519), true, NULL), &ed448, "", "does not fit");
	refused(pem_of(mint_key(MINT_RSA_1024), true, NULL), NULL, "", "signs no tokens");
	refused(pem_of(k1, true, NULL), NULL, "", "signs no tokens");
	refused(pem_of(k1, true, NULL), &es256, "", "does not fit");
	refused(rsa, NULL, "a\"b", "printable");
	refused(rsa, NULL, mint_text("%0300d", 1), "printable");
	EVP_PKEY_free(k1);
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
