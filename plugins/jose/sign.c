/* Signing JWTs. */
#include "sign.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys.h"

enum { SIGNATURE_MAX = 1024, KID_MAX = 256, HEADER_MAX = 2 * KID_MAX + 64 };

struct signer {
	EVP_PKEY *pkey; /* owned */
	enum alg alg;
	char header[HEADER_MAX]; /* encoded, with the dot behind it */
	size_t header_len;
};

/* ---- base64url ----------------------------------------------------------------------------- */

char *b64url_encode(char *out, const void *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(left > 2 ? p[i + 2] : 0);
		for (size_t c = 0; c <= left; c++)
			*out++ = digits[v >> (18 - 6 * c) & 63];
	}
	return out;
}

/* ---- the key ------------------------------------------------------------------------------- */

/* Nobody is asked for a passphrase: a key that has one is refused. */
static int no_passphrase(char *buf, int size, int writes, void *arg)
{
	(void)buf, (void)size, (void)writes, (void)arg;
	return -1;
}

static EVP_PKEY *read_pem(sluice_str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	return pkey;
}

static bool key_is_of_curve(const EVP_PKEY *pkey, enum alg alg)
{
	const char *curve = alg_info(alg)->curve;
	char group[32];
	size_t n;
	return curve && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1 &&
		OBJ_sn2nid(group) == EC_curve_nist2nid(curve);
}

static bool key_fits(const EVP_PKEY *pkey, enum alg alg)
{
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return alg_info(alg)->type == KEY_RSA && EVP_PKEY_get_bits(pkey) >= KEYS_MIN_RSA &&
			EVP_PKEY_get_bits(pkey) <= KEYS_MAX_RSA;
	case EVP_PKEY_EC:
		return alg_info(alg)->type == KEY_EC && key_is_of_curve(pkey, alg);
	case EVP_PKEY_ED25519:
		return alg == ALG_EDDSA || alg == ALG_ED25519;
	case EVP_PKEY_ED448:
		return alg == ALG_EDDSA || alg == ALG_ED448;
	default:
		return false;
	}
}

/* Of those that the key fits, the one that is listed first: RS256, or the one of its curve. */
static bool usual_alg(const EVP_PKEY *pkey, enum alg *alg)
{
	for (unsigned i = 0; i < ALG_COUNT; i++) {
		*alg = (enum alg)i;
		if (key_fits(pkey, *alg))
			return true;
	}
	return false;
}

/* The kid may have any printable character but those that JSON escapes. */
static bool write_header(struct signer *s, sluice_str kid)
{
	char text[KID_MAX + 64];
	int n;
	if (kid.len > KID_MAX)
		return false;
	for (size_t i = 0; i < kid.len; i++) {
		unsigned char c = (unsigned char)kid.data[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			return false;
	}
	n = kid.len
		? snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%.*s\"}",
			  alg_names[s->alg], (int)kid.len, kid.data)
		: snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
			  alg_names[s->alg]);
	char *end = b64url_encode(s->header, text, (size_t)n);
	*end++ = '.';
	s->header_len = (size_t)(end - s->header);
	return true;
}

struct signer *signer_new(sluice_str pem, const enum alg *alg, sluice_str kid, char *why,
	size_t why_size)
{
	struct signer *s = calloc(1, sizeof(*s));
	const char *wrong = NULL;
	if (!s)
		wrong = "no memory";
	else if (!(s->pkey = read_pem(pem)))
		wrong = "is no private key in PEM without a passphrase";
	else if (alg && !key_fits(s->pkey, *alg))
		wrong = "is a key that does not fit the algorithm";
	else if (!alg && !usual_alg(s->pkey, &s->alg))
		wrong = "is a key of a kind that signs no tokens: RSA of 2048 to 8192 bits, "
			"P-256, P-384, P-521, Ed25519 or Ed448";
	if (!wrong) {
		s->alg = alg ? *alg : s->alg;
		if (!write_header(s, kid))
			wrong = "has an id with characters that are not printable ASCII";
	}
	if (!wrong)
		return s;
	(void)snprintf(why, why_size, "%s", wrong);
	signer_free(s);
	return NULL;
}

void signer_free(struct signer *s)
{
	if (s)
		EVP_PKEY_free(s->pkey);
	free(s);
}

enum alg signer_alg(const struct signer *s)
{
	return s->alg;
}

/* ---- signatures ---------------------------------------------------------------------------- */

static const EVP_MD *digest_of(enum alg alg)
{
	switch (alg_info(alg)->digest) {
	case DIGEST_SHA256:
		return EVP_sha256();
	case DIGEST_SHA384:
		return EVP_sha384();
	case DIGEST_SHA512:
		return EVP_sha512();
	default:
		return NULL; /* Ed25519 and Ed448 have their own */
	}
}

/* OpenSSL's ECDSA-Sig-Value as r and s side by side (RFC 7518 3.4). */
static bool ecdsa_raw(uint8_t *sig, size_t *n, size_t coordinate)
{
	const unsigned char *p = sig;
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &p, (long)*n);
	bool good = parsed &&
		BN_bn2binpad(ECDSA_SIG_get0_r(parsed), sig, (int)coordinate) == (int)coordinate &&
		BN_bn2binpad(ECDSA_SIG_get0_s(parsed), sig + coordinate, (int)coordinate) ==
			(int)coordinate;
	ECDSA_SIG_free(parsed);
	*n = 2 * coordinate;
	return good;
}

static bool sign(const struct signer *s, sluice_str text, uint8_t sig[SIGNATURE_MAX], size_t *n)
{
	const struct alg_info *info = alg_info(s->alg);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key;
	*n = SIGNATURE_MAX;
	bool good = ctx && EVP_DigestSignInit(ctx, &key, digest_of(s->alg), NULL, s->pkey) == 1 &&
		(!info->pss ||
			(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
				EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) ==
					1)) &&
		EVP_DigestSign(ctx, sig, n, (const uint8_t *)text.data, text.len) == 1 &&
		(info->type != KEY_EC || ecdsa_raw(sig, n, info->coordinate));
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

char *signer_sign(const struct signer *s, sluice_str claims, size_t *len)
{
	uint8_t sig[SIGNATURE_MAX];
	size_t n;
	char *text = malloc(s->header_len + B64URL_LEN(claims.len) + B64URL_LEN(SIGNATURE_MAX) + 1);
	if (!text)
		return NULL;
	memcpy(text, s->header, s->header_len);
	char *end = b64url_encode(text + s->header_len, claims.data, claims.len);
	if (!sign(s, sluice_str_n(text, (size_t)(end - text)), sig, &n)) {
		free(text);
		return NULL;
	}
	*end++ = '.';
	*len = (size_t)(b64url_encode(end, sig, n) - text);
	return text;
}
