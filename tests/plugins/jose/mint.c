/* Making keys and tokens. */
#include "mint.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *keys[MINT_KINDS];
static void **kept;
static size_t n_kept;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mint: %s failed\n", what);
	abort();
}

static void *keep(void *p)
{
	kept = realloc(kept, (n_kept + 1) * sizeof *kept);
	must(p && kept, "malloc");
	return kept[n_kept++] = p;
}

void mint_fini(void)
{
	for (size_t i = 0; i < MINT_KINDS; i++) {
		EVP_PKEY_free(keys[i]);
		keys[i] = NULL;
	}
	while (n_kept > 0)
		free(kept[--n_kept]);
	free(kept);
	kept = NULL;
}

EVP_PKEY *mint_key(enum mint_kind kind)
{
	if (keys[kind])
		return keys[kind];
	switch (kind) {
	case MINT_RSA_1024:
		keys[kind] = EVP_RSA_gen(1024);
		break;
	case MINT_RSA_3072:
		keys[kind] = EVP_RSA_gen(3072);
		break;
	case MINT_P256:
		keys[kind] = EVP_EC_gen("P-256");
		break;
	case MINT_P384:
		keys[kind] = EVP_EC_gen("P-384");
		break;
	case MINT_P521:
		keys[kind] = EVP_EC_gen("P-521");
		break;
	case MINT_ED25519:
		keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case MINT_ED448:
		keys[kind] = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
		break;
	default:
		keys[kind] = EVP_RSA_gen(2048);
		break;
	}
	must(keys[kind] != NULL, "key generation");
	return keys[kind];
}

char *mint_text(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	va_start(ap, fmt);
	must(vasprintf(&s, fmt, ap) >= 0, "vasprintf");
	va_end(ap);
	return keep(s);
}

char *mint_b64(const void *data, size_t n)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = data;
	char *out = keep(malloc(n / 3 * 4 + 5)), *o = out;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(left > 2 ? p[i + 2] : 0);
		for (size_t c = 0; c <= left; c++)
			*o++ = alphabet[v >> (18 - 6 * c) & 63];
	}
	*o = '\0';
	return out;
}

static char *number_param(EVP_PKEY *key, const char *name, size_t width)
{
	BIGNUM *n = NULL;
	uint8_t buf[1024];
	must(EVP_PKEY_get_bn_param(key, name, &n) == 1, name);
	size_t len = width ? width : (size_t)BN_num_bytes(n);
	must(BN_bn2binpad(n, buf, (int)len) == (int)len, "BN_bn2binpad");
	BN_free(n);
	return mint_b64(buf, len);
}

char *mint_jwk(enum mint_kind kind, const char *kid, const char *extra)
{
	static const struct {
		const char *crv;
		size_t width;
	} curves[MINT_KINDS] = {
		[MINT_P256] = { "P-256", 32 },
		[MINT_P384] = { "P-384", 48 },
		[MINT_P521] = { "P-521", 66 },
	};
	EVP_PKEY *key = mint_key(kind);
	char *tail = mint_text("%s%s%s%s%s", kid ? ",\"kid\":\"" : "", kid ? kid : "",
		kid ? "\"" : "", extra ? "," : "", extra ? extra : "");
	if (kind == MINT_ED25519 || kind == MINT_ED448) {
		uint8_t raw[57];
		size_t n = sizeof raw;
		must(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1, "raw key");
		return mint_text("{\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"%s\"%s}",
			kind == MINT_ED448 ? "Ed448" : "Ed25519", mint_b64(raw, n), tail);
	}
	if (curves[kind].crv) {
		size_t w = curves[kind].width;
		return mint_text("{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}",
			curves[kind].crv, number_param(key, OSSL_PKEY_PARAM_EC_PUB_X, w),
			number_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, w), tail);
	}
	return mint_text("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
		number_param(key, OSSL_PKEY_PARAM_RSA_N, 0),
		number_param(key, OSSL_PKEY_PARAM_RSA_E, 0), tail);
}

char *mint_jwks(const char *jwk, ...)
{
	va_list ap;
	char *all = mint_text("%s", jwk ? jwk : "");
	va_start(ap, jwk);
	for (const char *next; jwk && (next = va_arg(ap, const char *));)
		all = mint_text("%s,%s", all, next);
	va_end(ap);
	return mint_text("{\"keys\":[%s]}", all);
}

/* RFC 7518 3.4: r and s, each as long as the field, from OpenSSL's DER. */
static char *raw_ecdsa(const uint8_t *der, size_t n, size_t width)
{
	uint8_t raw[132];
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	must(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)width) == (int)width &&
			BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + width, (int)width) == (int)width,
		"ECDSA_SIG");
	ECDSA_SIG_free(sig);
	return mint_b64(raw, 2 * width);
}

static char *pem_of(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	must(PEM_write_bio_PUBKEY(bio, key) == 1, "PEM");
	long len = BIO_get_mem_data(bio, &pem);
	char *text = mint_text("%.*s", (int)len, pem);
	BIO_free(bio);
	return text;
}

char *mint_pem(enum mint_kind kind)
{
	return pem_of(mint_key(kind));
}

static char *hmac(const char *alg, const char *secret, size_t len, const char *text)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n;
	const EVP_MD *digest = strstr(alg, "512") ? EVP_sha512()
		: strstr(alg, "384")              ? EVP_sha384()
						  : EVP_sha256();
	must(HMAC(digest, secret, (int)len, (const uint8_t *)text, strlen(text), mac, &n) != NULL,
		"HMAC");
	return mint_b64(mac, n);
}

char *mint_secret_token(const char *secret, size_t len, const char *alg, const char *header,
	const char *claims)
{
	char *text = mint_text("%s.%s", mint_b64(header, strlen(header)),
		mint_b64(claims, strlen(claims)));
	return mint_text("%s.%s", text, hmac(alg, secret, len, text));
}

static char *sign(EVP_PKEY *key, const char *alg, const char *text)
{
	if (strcmp(alg, "none") == 0)
		return mint_text("%s", "");
	if (strcmp(alg, "HS256") == 0) {
		const char *pem = pem_of(key);
		return hmac(alg, pem, strlen(pem), text);
	}
	const char *digest = alg[0] == 'E' && alg[1] == 'd' ? NULL
		: strstr(alg, "512")                        ? "SHA512"
		: strstr(alg, "384")                        ? "SHA384"
							    : "SHA256";
	uint8_t sig[1024];
	size_t n = sizeof sig;
	EVP_PKEY_CTX *pctx;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1,
		"DigestSignInit");
	if (alg[0] == 'P')
		must(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
				EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1,
			"PSS");
	must(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)text, strlen(text)) == 1, "DigestSign");
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		return raw_ecdsa(sig, n, (size_t)(EVP_PKEY_get_bits(key) + 7) / 8);
	return mint_b64(sig, n);
}

char *mint_token(enum mint_kind kind, const char *alg, const char *header, const char *claims)
{
	char *text = mint_text("%s.%s", mint_b64(header, strlen(header)),
		mint_b64(claims, strlen(claims)));
	return mint_text("%s.%s", text, sign(mint_key(kind), alg, text));
}

char *mint(enum mint_kind kind, const char *alg, const char *kid, const char *claims)
{
	char *header = kid
		? mint_text("{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", alg, kid)
		: mint_text("{\"alg\":\"%s\"}", alg);
	return mint_token(kind, alg, header, claims);
}

char *mint_parts(const char *header, const char *claims, const char *signature)
{
	return mint_text("%s.%s.%s", mint_b64(header, strlen(header)),
		mint_b64(claims, strlen(claims)), signature);
}
