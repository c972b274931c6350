/* Making signatures. */
#include "pen.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum { PEM_MAX = 64 * 1024 };

struct sig_signer {
	EVP_PKEY *pkey;    /* owned; NULL: a secret */
	struct key secret; /* owned; of a secret alone */
	enum sig_alg alg;
};

struct sig_pen {
	const struct sig_signer *signer; /* borrowed */
	EVP_MAC *hmac;                   /* owned */
	EVP_MAC_CTX *mac;                /* owned: keyed, to be copied */
	EVP_PKEY *pkey;                  /* owned: a copy, since a key has a lock */
	EVP_MD_CTX *ready;               /* owned: begun with the key, to be copied */
};

/* ---- keys ---------------------------------------------------------------------------------- */

static struct sig_signer *signer_make(const char **why)
{
	struct sig_signer *s = calloc(1, sizeof(*s));
	*why = s ? NULL : "finds no memory";
	return s;
}

struct sig_signer *signer_read_secret(sluice_str text, enum sig_alg *alg, const char **why)
{
	struct sig_signer *s = signer_make(why);
	if (s)
		*why = sig_key_secret(&s->secret, text, alg);
	if (*why) {
		signer_drop(s);
		return NULL;
	}
	s->alg = *alg;
	return s;
}

/* Nobody is asked for a passphrase: a key that has one is refused. */
static int no_passphrase(char *buf, int size, int writes, void *arg)
{
	(void)buf, (void)size, (void)writes, (void)arg;
	return -1;
}

/* The public half of a private key, read like any other, says which algorithms it goes with. */
static const char *judge(EVP_PKEY *pkey, enum sig_alg *alg)
{
	struct key key;
	char *pem;
	BIO *bio = BIO_new(BIO_s_mem());
	if (!bio || PEM_write_bio_PUBKEY(bio, pkey) != 1) {
		BIO_free(bio);
		return "cannot be used";
	}
	long n = BIO_get_mem_data(bio, &pem);
	const char *why = sig_key_public(&key, sluice_str_n(pem, (size_t)n), alg);
	BIO_free(bio);
	if (!why)
		key_fini(&key);
	return why;
}

struct sig_signer *signer_read_private(sluice_str pem, enum sig_alg *alg, const char **why)
{
	struct sig_signer *s = signer_make(why);
	if (!s)
		return NULL;
	BIO *bio = pem.len <= PEM_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
	s->pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	*why = s->pkey ? judge(s->pkey, alg) : "is no private key in PEM without a passphrase";
	if (*why) {
		signer_drop(s);
		return NULL;
	}
	s->alg = *alg;
	return s;
}

void signer_drop(struct sig_signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->pkey);
	key_fini(&s->secret);
	free(s);
}

/* ---- pens ---------------------------------------------------------------------------------- */

static bool prepare_mac(struct sig_pen *p)
{
	const struct key *key = &p->signer->secret;
	char digest[] = "SHA2-256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end() };
	p->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	p->mac = p->hmac ? EVP_MAC_CTX_new(p->hmac) : NULL;
	return p->mac && EVP_MAC_init(p->mac, key->secret, key->secret_len, params) == 1;
}

static const EVP_MD *digest_of(enum sig_alg alg)
{
	switch (alg_info(sig_alg_jose(alg))->digest) {
	case DIGEST_SHA256:
		return EVP_sha256();
	case DIGEST_SHA384:
		return EVP_sha384();
	case DIGEST_SHA512:
		return EVP_sha512();
	case DIGEST_NONE:
	default:
		return NULL; /* Ed25519 has its own */
	}
}

static bool begin(EVP_MD_CTX *ctx, enum sig_alg alg, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *key;
	return EVP_DigestSignInit(ctx, &key, digest_of(alg), NULL, pkey) == 1 &&
		(alg != SIG_RSA_PSS_SHA512 ||
			(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
				EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) ==
					1));
}

struct sig_pen *pen_new(const struct sig_signer *s)
{
	struct sig_pen *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->signer = s;
	if (!s->pkey && prepare_mac(p))
		return p;
	if (s->pkey) {
		p->pkey = EVP_PKEY_dup(s->pkey);
		p->ready = EVP_MD_CTX_new();
		if (p->pkey && p->ready && begin(p->ready, s->alg, p->pkey))
			return p;
	}
	pen_free(p);
	return NULL;
}

void pen_free(struct sig_pen *p)
{
	if (!p)
		return;
	EVP_MD_CTX_free(p->ready);
	EVP_PKEY_free(p->pkey);
	EVP_MAC_CTX_free(p->mac);
	EVP_MAC_free(p->hmac);
	free(p);
}

static bool sign_mac(struct sig_pen *p, sluice_str base, uint8_t *out, size_t *n)
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(p->mac);
	bool good = ctx && EVP_MAC_update(ctx, (const uint8_t *)base.data, base.len) == 1 &&
		EVP_MAC_final(ctx, out, n, INPUT_SIGNATURE_MAX) == 1;
	EVP_MAC_CTX_free(ctx);
	return good;
}

/* OpenSSL's ECDSA-Sig-Value as r and s side by side (RFC 9421 3.3.4). */
static bool to_raw(uint8_t *sig, size_t *n, size_t coordinate)
{
	const unsigned char *at = sig;
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)*n);
	int size = (int)coordinate;
	bool good = parsed && BN_bn2binpad(ECDSA_SIG_get0_r(parsed), sig, size) == size &&
		BN_bn2binpad(ECDSA_SIG_get0_s(parsed), sig + coordinate, size) == size;
	ECDSA_SIG_free(parsed);
	*n = 2 * coordinate;
	return good;
}

bool pen_sign(struct sig_pen *p, sluice_str base, uint8_t *out, size_t *n)
{
	const struct alg_info *info = alg_info(sig_alg_jose(p->signer->alg));
	*n = INPUT_SIGNATURE_MAX;
	if (p->mac)
		return sign_mac(p, base, out, n);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_MD_CTX_copy_ex(ctx, p->ready) == 1 &&
		EVP_DigestSign(ctx, out, n, (const uint8_t *)base.data, base.len) == 1 &&
		(info->type != KEY_EC || to_raw(out, n, info->coordinate));
	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error();
	return good;
}
