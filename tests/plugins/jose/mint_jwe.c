/* Encrypting tokens. */
#include "mint_jwe.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mint: %s failed\n", what);
	abort();
}

static const char *number(EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;
	uint8_t buf[1024];
	must(EVP_PKEY_get_bn_param(key, name, &n) == 1, name);
	int len = BN_bn2bin(n, buf);
	BN_free(n);
	return mint_b64(buf, (size_t)len);
}

char *mint_private_jwk(enum mint_kind kind, const char *kid, const char *extra)
{
	EVP_PKEY *key = mint_key(kind);
	const char *more = extra ? extra : "\"use\":\"enc\"";
	if (EVP_PKEY_is_a(key, "EC"))
		return mint_jwk(kind, kid,
			mint_text("\"d\":\"%s\",%s", number(key, OSSL_PKEY_PARAM_PRIV_KEY), more));
	return mint_jwk(kind, kid,
		mint_text("\"d\":\"%s\",\"p\":\"%s\",\"q\":\"%s\",\"dp\":\"%s\",\"dq\":\"%s\","
			  "\"qi\":\"%s\",%s",
			number(key, OSSL_PKEY_PARAM_RSA_D),
			number(key, OSSL_PKEY_PARAM_RSA_FACTOR1),
			number(key, OSSL_PKEY_PARAM_RSA_FACTOR2),
			number(key, OSSL_PKEY_PARAM_RSA_EXPONENT1),
			number(key, OSSL_PKEY_PARAM_RSA_EXPONENT2),
			number(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1), more));
}

char *mint_private_pem(enum mint_kind kind)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	must(PEM_write_bio_PrivateKey(bio, mint_key(kind), NULL, NULL, 0, NULL, NULL) == 1, "PEM");
	long len = BIO_get_mem_data(bio, &pem);
	char *text = mint_text("%.*s", (int)len, pem);
	BIO_free(bio);
	return text;
}

static const char *wrap(EVP_PKEY *key, const char *alg, const uint8_t *cek, size_t n)
{
	uint8_t out[1024];
	size_t len = sizeof out;
	const char *digest = strcmp(alg, "RSA-OAEP-256") == 0 ? "SHA256" : "SHA1";
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	must(ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
			EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, digest, NULL) == 1 &&
			EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, digest, NULL) == 1 &&
			EVP_PKEY_encrypt(ctx, out, &len, cek, n) == 1,
		"OAEP");
	EVP_PKEY_CTX_free(ctx);
	return mint_b64(out, len);
}

/* X9.63's KDF is not that of JOSE; OpenSSL's SSKDF is (NIST SP 800-56A). */
static void concat_kdf(const uint8_t *shared, size_t n, const char *enc, uint8_t *cek, size_t len)
{
	uint8_t info[64], *at = info;
	size_t enc_len = strlen(enc);
	const uint8_t zeros[8] = { 0 };
	memcpy(at, (const uint8_t[]){ 0, 0, 0, (uint8_t)enc_len }, 4);
	memcpy(at + 4, enc, enc_len);
	memcpy(at + 4 + enc_len, zeros, 8);
	memcpy(at + 12 + enc_len,
		(const uint8_t[]){ 0, 0, (uint8_t)(len / 32), (uint8_t)(len * 8) }, 4);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SSKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)shared, n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 16 + enc_len),
		OSSL_PARAM_construct_end() };
	must(EVP_KDF_derive(ctx, cek, len, params) == 1, "SSKDF");
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* The sender's key of each curve is one that mint_key() does not give away. */
static const char *agree(EVP_PKEY *key, const char *enc, uint8_t *cek, size_t len)
{
	char group[32];
	uint8_t shared[66], point[133];
	size_t n = sizeof shared, point_len;
	must(EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1, "group");
	EVP_PKEY *own = EVP_EC_gen(group);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	must(ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, key) == 1 &&
			EVP_PKEY_derive(ctx, shared, &n) == 1 &&
			EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, point,
				sizeof point, &point_len) == 1,
		"ECDH");
	concat_kdf(shared, n, enc, cek, len);
	size_t half = point_len / 2;
	const char *crv = half == 32 ? "P-256" : half == 48 ? "P-384" : "P-521";
	const char *epk = mint_text(",\"epk\":{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":"
				    "\"%s\"}",
		crv, mint_b64(point + 1, half), mint_b64(point + 1 + half, half));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	return epk;
}

static char *make(enum mint_kind kind, const char *alg, const char *enc, const char *more,
	const char *header, const char *text)
{
	static const uint8_t iv[12] = "twelve bytes",
			     secret[33] = "a key of content, of 32 bytes ..";
	EVP_PKEY *key = mint_key(kind);
	uint8_t cek[32], tag[16];
	size_t len = strcmp(enc, "A128GCM") == 0 ? 16 : 32, n = strlen(text);
	bool agrees = EVP_PKEY_is_a(key, "EC");
	const char *epk = "", *wrapped = "";
	memcpy(cek, secret, sizeof cek);
	if (agrees)
		epk = agree(key, enc, cek, len);
	else
		wrapped = wrap(key, alg, cek, len);
	const char *usual =
		mint_text("{\"alg\":\"%s\",\"enc\":\"%s\"%s%s}", alg, enc, epk, more ? more : "");
	const char *protected = header ? header : usual;
	const char *aad = mint_b64(protected, strlen(protected));
	uint8_t *content = malloc(n + 1);
	int out = 0, rest = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	must(content && ctx &&
			EVP_EncryptInit_ex2(ctx, len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
				cek, iv, NULL) == 1 &&
			EVP_EncryptUpdate(ctx, NULL, &out, (const uint8_t *)aad,
				(int)strlen(aad)) == 1 &&
			EVP_EncryptUpdate(ctx, content, &out, (const uint8_t *)text, (int)n) == 1 &&
			EVP_EncryptFinal_ex(ctx, content + out, &rest) == 1 &&
			EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1,
		"GCM");
	char *token = mint_text("%s.%s.%s.%s.%s", aad, wrapped, mint_b64(iv, sizeof iv),
		mint_b64(content, n), mint_b64(tag, sizeof tag));
	EVP_CIPHER_CTX_free(ctx);
	free(content);
	return token;
}

char *mint_jwe(enum mint_kind kind, const char *alg, const char *enc, const char *more,
	const char *text)
{
	return make(kind, alg, enc, more, NULL, text);
}

char *mint_jwe_with(enum mint_kind kind, const char *alg, const char *enc, const char *header,
	const char *text)
{
	return make(kind, alg, enc, NULL, header, text);
}
