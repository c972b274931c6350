/* Verifying signatures. */
#include "verify.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer_name.h"

struct prepared_key {
	EVP_PKEY *pkey; /* owned; NULL: not used yet */
	/* owned; set up to verify alg again and again; NULL for Ed25519 and Ed448 */
	EVP_PKEY_CTX *ctx;
	EVP_MAC_CTX *mac; /* owned; of a secret, which has no pkey: keyed for alg, to be copied */
	enum alg alg;
};

static const char *const digest_names[DIGEST_COUNT] = { "SHA2-256", "SHA2-384", "SHA2-512" };

struct lone_key {
	struct key key;
	struct prepared_key prepared;
};

int verifier_init(struct verifier *v)
{
	v->digest_ctx = EVP_MD_CTX_new();
	for (size_t i = 0; i < DIGEST_COUNT; i++) {
		v->digests[i] = EVP_MD_fetch(NULL, digest_names[i], NULL);
		if (!v->digests[i])
			return -1;
	}
	return v->digest_ctx ? 0 : -1;
}

static void prepared_fini(struct prepared_key *p)
{
	EVP_MAC_CTX_free(p->mac);
	EVP_PKEY_CTX_free(p->ctx);
	EVP_PKEY_free(p->pkey);
}

static void forget_keys(struct verifier *v)
{
	for (size_t i = 0; i < v->n; i++) {
		prepared_fini(&v->keys[i]);
	}
	free(v->keys);
	v->keys = NULL;
	v->n = 0;
	v->generation = 0;
}

void verifier_fini(struct verifier *v)
{
	forget_keys(v);
	for (size_t i = 0; i < DIGEST_COUNT; i++)
		EVP_MD_free(v->digests[i]);
	EVP_MAC_free(v->hmac);
	EVP_MD_CTX_free(v->digest_ctx);
	*v = (struct verifier){ .n = 0 };
}

static bool turn_to(struct verifier *v, const struct keyset *set)
{
	if (v->generation == set->generation)
		return true;
	forget_keys(v);
	v->keys = calloc(set->n, sizeof *v->keys);
	if (!v->keys)
		return false;
	v->n = set->n;
	v->generation = set->generation;
	return true;
}

static bool is_edwards(const struct key *key)
{
	return key->type == KEY_ED25519 || key->type == KEY_ED448;
}

static bool prepare(struct verifier *v, struct prepared_key *p, const struct key *key, enum alg alg)
{
	const struct alg_info *info = alg_info(alg);
	if (p->pkey && p->alg == alg)
		return true;
	EVP_PKEY_CTX_free(p->ctx);
	p->ctx = NULL;
	p->alg = alg;
	if (!p->pkey)
		p->pkey = EVP_PKEY_dup(key->pkey);
	if (!p->pkey || is_edwards(key))
		return p->pkey != NULL;
	p->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, p->pkey, NULL);
	if (p->ctx && EVP_PKEY_verify_init(p->ctx) == 1 &&
		EVP_PKEY_CTX_set_signature_md(p->ctx, v->digests[info->digest]) == 1 &&
		(info->type != KEY_RSA ||
			EVP_PKEY_CTX_set_rsa_padding(p->ctx,
				info->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1) &&
		/* RFC 7518 3.5: salt and mask are those of the digest, no other length passes */
		(!info->pss ||
			EVP_PKEY_CTX_set_rsa_pss_saltlen(p->ctx, RSA_PSS_SALTLEN_DIGEST) == 1))
		return true;
	EVP_PKEY_CTX_free(p->ctx);
	EVP_PKEY_free(p->pkey);
	*p = (struct prepared_key){ .pkey = NULL };
	return false;
}

/* Key the MAC with the secret. There is no way from a public key to here: see struct key. */
static bool prepare_mac(struct verifier *v, struct prepared_key *p, const struct key *key,
	enum alg alg)
{
	char digest[16];
	if (p->mac && p->alg == alg)
		return true;
	EVP_MAC_CTX_free(p->mac);
	p->alg = alg;
	if (!v->hmac)
		v->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	p->mac = v->hmac ? EVP_MAC_CTX_new(v->hmac) : NULL;
	(void)snprintf(digest, sizeof digest, "%s", digest_names[alg_info(alg)->digest]);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end() };
	if (p->mac && EVP_MAC_init(p->mac, key->secret, key->secret_len, params) == 1)
		return true;
	EVP_MAC_CTX_free(p->mac);
	p->mac = NULL;
	return false;
}

/* RFC 7518 3.2. The comparison takes the same time wherever the two differ. */
static bool verify_mac(struct verifier *v, struct prepared_key *p, const struct key *key,
	const struct token *t)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t n = 0, expected = alg_info(t->header.alg)->signature;
	if (!key->secret || t->signature_len != expected || !prepare_mac(v, p, key, t->header.alg))
		return false;
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(p->mac);
	bool good = ctx &&
		EVP_MAC_update(ctx, (const uint8_t *)t->signed_text.data, t->signed_text.len) ==
			1 &&
		EVP_MAC_final(ctx, mac, &n, sizeof mac) == 1 && n == expected &&
		CRYPTO_memcmp(mac, t->signature, expected) == 0;
	EVP_MAC_CTX_free(ctx);
	return good;
}

/* Write a big-endian number as an INTEGER of DER (X.690 8.3), without leading zero bytes but for
 * the one that keeps it positive. */
static uint8_t *put_integer(uint8_t *out, const uint8_t *n, size_t len)
{
	while (len > 1 && n[0] == 0)
		n++, len--;
	bool pad = n[0] & 0x80;
	*out++ = 0x02;
	*out++ = (uint8_t)(len + pad); /* at most 67 */
	if (pad)
		*out++ = 0;
	memcpy(out, n, len);
	return out + len;
}

/* Convert a signature: r and s side by side (RFC 7518 3.4) to the ECDSA-Sig-Value (RFC 3279) that
 * OpenSSL needs. */
static size_t ecdsa_der(const uint8_t *raw, size_t half, uint8_t out[static 160])
{
	uint8_t body[150];
	uint8_t *end = put_integer(put_integer(body, raw, half), raw + half, half);
	size_t len = (size_t)(end - body), at = 0;
	out[at++] = 0x30;
	if (len >= 0x80)
		out[at++] = 0x81;
	out[at++] = (uint8_t)len;
	memcpy(out + at, body, len);
	return at + len;
}

/* Uses a new context: after EVP_DigestVerify* it could not be used for plain digests. */
static bool verify_edwards(const struct prepared_key *p, enum key_type type, const struct token *t)
{
	size_t len = alg_info(type == KEY_ED448 ? ALG_ED448 : ALG_ED25519)->signature;
	EVP_MD_CTX *ctx = t->signature_len == len ? EVP_MD_CTX_new() : NULL;
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, p->pkey) == 1 &&
		EVP_DigestVerify(ctx, t->signature, t->signature_len,
			(const uint8_t *)t->signed_text.data, t->signed_text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool verify_digest(struct verifier *v, const struct prepared_key *p, const struct token *t)
{
	const struct alg_info *info = alg_info(t->header.alg);
	uint8_t hash[EVP_MAX_MD_SIZE], der[160];
	unsigned hash_len;
	const uint8_t *signature = t->signature;
	size_t signature_len = t->signature_len;
	if (info->type == KEY_EC) {
		if (signature_len != 2 * info->coordinate)
			return false;
		signature_len = ecdsa_der(t->signature, info->coordinate, der);
		signature = der;
	} else if (signature_len != (size_t)EVP_PKEY_get_size(p->pkey)) {
		return false; /* RFC 8017 8.1.2 and 8.2.2 */
	}
	return EVP_DigestInit_ex2(v->digest_ctx, v->digests[info->digest], NULL) == 1 &&
		EVP_DigestUpdate(v->digest_ctx, t->signed_text.data, t->signed_text.len) == 1 &&
		EVP_DigestFinal_ex(v->digest_ctx, hash, &hash_len) == 1 &&
		EVP_PKEY_verify(p->ctx, signature, signature_len, hash, hash_len) == 1;
}

static bool verify_with(struct verifier *v, struct prepared_key *p, const struct key *key,
	const struct token *t)
{
	bool good = key->type == KEY_SECRET ? verify_mac(v, p, key, t)
					    : prepare(v, p, key, t->header.alg) &&
			(is_edwards(key) ? verify_edwards(p, key->type, t)
					 : verify_digest(v, p, t));
	if (!good)
		ERR_clear_error(); /* leave no errors in the queue for TLS on this thread */
	return good;
}

/* The keys that may verify the token, by their place in the set. */
struct candidates {
	const json_t *claims; /* of the token; NULL: not known */
	size_t v[VERIFY_MAX_TRIES], n;
	bool too_many;   /* more tries would make malformed tokens expensive */
	bool is_foreign; /* there was one that is for another issuer */
};

static bool is_for(const struct key *key, const json_t *claims)
{
	return !key->issuer ||
		(claims && issuer_name_fits(sluice_str_n(key->issuer, key->issuer_len), claims));
}

static void consider(struct candidates *c, const struct keyset *set, size_t i, uint32_t algs)
{
	if (!(set->v[i].algs & algs))
		return;
	if (!is_for(&set->v[i], c->claims)) {
		c->is_foreign = true;
		return;
	}
	if (c->n == VERIFY_MAX_TRIES)
		c->too_many = true;
	else
		c->v[c->n++] = i;
}

/* The keys with the kid of the token; without one, all. False: no key has the kid. */
static bool find_candidates(const struct keyset *set, const struct token *t, uint32_t algs,
	struct candidates *c)
{
	size_t n;
	if (t->header.has_kid) {
		const uint16_t *named = keys_find(set, t->header.kid, t->header.kid_len, &n);
		for (size_t i = 0; i < n && !c->too_many; i++)
			consider(c, set, named[i], algs);
		for (size_t i = 0; set->has_any_kid && i < set->n && !c->too_many; i++) {
			if (set->v[i].any_kid)
				consider(c, set, i, algs);
		}
		return n > 0 || set->has_any_kid;
	}
	for (size_t i = 0; i < set->n && !c->too_many; i++)
		consider(c, set, i, algs);
	return false;
}

static enum jose_result check(struct verifier *v, const struct keyset *set, const struct token *t,
	uint64_t allowed, const json_t *claims)
{
	struct candidates c = { .claims = claims };
	uint32_t algs = alg_exact(ALG_BIT(t->header.alg)) & alg_exact(allowed);
	if (!algs)
		return JOSE_ALGORITHM;
	bool kid_known = find_candidates(set, t, algs, &c);
	if (c.too_many)
		return JOSE_KEY_UNKNOWN;
	if (c.n == 0 && c.is_foreign)
		return JOSE_ISSUER;
	if (c.n == 0)
		return kid_known ? JOSE_KEY_ALGORITHM : JOSE_KEY_UNKNOWN;
	if (!turn_to(v, set))
		return JOSE_NO_MEMORY;
	for (size_t i = 0; i < c.n; i++) {
		if (verify_with(v, &v->keys[c.v[i]], &set->v[c.v[i]], t))
			return JOSE_OK;
	}
	return JOSE_SIGNATURE;
}

enum jose_result verifier_check(struct verifier *v, const struct keyset *set, const struct token *t,
	uint64_t allowed)
{
	return check(v, set, t, allowed, NULL);
}

enum jose_result verifier_read(struct verifier *v, const struct keyset *set, const struct token *t,
	uint64_t allowed, json_t **claims)
{
	enum jose_result why = JOSE_OK;
	if (set->has_issuers && !*claims)
		why = token_read_claims(t, claims);
	if (why == JOSE_OK)
		why = check(v, set, t, allowed, *claims);
	if (why == JOSE_OK && !*claims)
		why = token_read_claims(t, claims);
	return why;
}

struct lone_key *lone_key_new(struct key *key)
{
	struct lone_key *lone = calloc(1, sizeof *lone);
	if (lone)
		lone->key = *key;
	else
		key_fini(key);
	return lone;
}

void lone_key_free(struct lone_key **key)
{
	if (!*key)
		return;
	prepared_fini(&(*key)->prepared);
	key_fini(&(*key)->key);
	free(*key);
	*key = NULL;
}

enum jose_result verifier_check_lone(struct verifier *v, struct lone_key *key,
	const struct token *t, uint64_t allowed)
{
	if (!(key->key.algs & alg_exact(ALG_BIT(t->header.alg)) & alg_exact(allowed) & ALG_PUBLIC))
		return JOSE_KEY_ALGORITHM;
	return verify_with(v, &key->prepared, &key->key, t) ? JOSE_OK : JOSE_SIGNATURE;
}
