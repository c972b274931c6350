/* Decrypting tokens. */
#include "jwe.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "keys.h"
#include "strict.h"

enum {
	MAX_HEADER = 4096, /* characters */
	MAX_DEPTH = 8,
	MAX_KEY = KEYS_MAX_RSA / 8,
	MAX_PARTY = 64, /* bytes of apu and apv */
	MAX_SHARED = 66,
	IV = 12,
	TAG = 16,
	CEK_MAX = 32,
};

enum part { PART_HEADER, PART_KEY, PART_IV, PART_CONTENT, PART_TAG, PARTS };

struct jwe {
	sluice_str part[PARTS]; /* borrowed */
	json_t *header;         /* owned */
	enum jwe_alg alg;
	sluice_str enc, kid; /* borrowed from header; kid: data NULL: none */
	size_t cek_len;
	uint8_t cek[CEK_MAX];
};

static bool split(sluice_str text, sluice_str part[PARTS])
{
	for (unsigned i = 0; i < PARTS; i++) {
		if (!text.data)
			return false;
		part[i] = sluice_str_cut(&text, '.');
	}
	return !text.data;
}

bool jwe_is_one(sluice_str text)
{
	sluice_str part[PARTS];
	return split(text, part);
}

/* ---- the header ---------------------------------------------------------------------------- */

/* RFC 7516 4.1.11 and 4.1.13: `crit` is not understood. `zip` is not either (4.1.3): a few bytes
 * could become very many. */
static bool read_header(struct jwe *j)
{
	uint8_t buf[B64URL_MAX(MAX_HEADER)];
	sluice_str alg;
	size_t n;
	unsigned i = 0;
	if (j->part[PART_HEADER].len > MAX_HEADER || !b64url_decode(j->part[PART_HEADER], buf, &n))
		return false;
	j->header = json_read_object((const char *)buf, n, MAX_DEPTH);
	if (!j->header || json_object_get(j->header, "crit") || json_object_get(j->header, "zip") ||
		!json_member_str(j->header, "alg", &alg) || !alg.data ||
		!json_member_str(j->header, "enc", &j->enc) || !j->enc.data ||
		!json_member_str(j->header, "kid", &j->kid))
		return false;
	while (i < JWE_ALGS && !sluice_str_is(alg, jwe_alg_names[i]))
		i++;
	j->alg = (enum jwe_alg)i;
	j->cek_len = sluice_str_is(j->enc, "A128GCM") ? 16 : 32;
	return i < JWE_ALGS && (j->cek_len == 16 || sluice_str_is(j->enc, "A256GCM"));
}

/* Whether a key may be the one: by its kid, or where the token or the key has none. */
static bool key_fits(const struct jwe_key *key, const struct jwe *j, bool by_kid)
{
	bool has_both = j->kid.data && key->kid;
	return (key->algs & JWE_BIT(j->alg)) &&
		(by_kid ? has_both && sluice_str_is(j->kid, key->kid) : !has_both);
}

/* ---- the key of the content ---------------------------------------------------------------- */

/* RFC 7518 4.3. A key that cannot be decrypted is replaced by a random one, so that the content
 * fails as it does for a wrong key (RFC 7516 11.5). */
static bool unwrap_rsa(struct jwe *j, EVP_PKEY *pkey)
{
	uint8_t wrapped[MAX_KEY + 2], plain[MAX_KEY];
	size_t n, plain_len = sizeof plain;
	const char *digest = j->alg == JWE_RSA_OAEP_256 ? "SHA256" : "SHA1";
	sluice_str text = j->part[PART_KEY];
	if (B64URL_MAX(text.len) > sizeof wrapped || !b64url_decode(text, wrapped, &n) ||
		n != (size_t)EVP_PKEY_get_size(pkey) || RAND_bytes(j->cek, CEK_MAX) != 1)
		return false;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool ready = ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, digest, NULL) == 1 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, digest, NULL) == 1;
	if (ready && EVP_PKEY_decrypt(ctx, plain, &plain_len, wrapped, n) == 1 &&
		plain_len == j->cek_len)
		memcpy(j->cek, plain, j->cek_len);
	OPENSSL_cleanse(plain, sizeof plain);
	EVP_PKEY_CTX_free(ctx);
	return ready;
}

static void put_32(EVP_MD_CTX *md, size_t n)
{
	const uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
		(uint8_t)n };
	(void)EVP_DigestUpdate(md, bytes, sizeof bytes);
}

/* What both sides know of each other, with its length before it; nothing where it is missing. */
static bool put_party(EVP_MD_CTX *md, const struct jwe *j, const char *name)
{
	uint8_t bytes[MAX_PARTY + 2];
	sluice_str text;
	size_t n = 0;
	if (!json_member_str(j->header, name, &text) ||
		(text.data &&
			(B64URL_MAX(text.len) > sizeof bytes || !b64url_decode(text, bytes, &n))))
		return false;
	put_32(md, n);
	(void)EVP_DigestUpdate(md, bytes, n);
	return true;
}

/* The Concat KDF of RFC 7518 4.6.2: one round of SHA-256 makes enough for any content. */
static bool derive(struct jwe *j, const uint8_t *shared, size_t n)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestInit_ex2(md, EVP_sha256(), NULL) == 1;
	if (ok) {
		put_32(md, 1);
		(void)EVP_DigestUpdate(md, shared, n);
		put_32(md, j->enc.len);
		(void)EVP_DigestUpdate(md, j->enc.data, j->enc.len);
		ok = put_party(md, j, "apu") && put_party(md, j, "apv");
		put_32(md, j->cek_len * 8);
		ok = ok && EVP_DigestFinal_ex(md, hash, NULL) == 1;
	}
	if (ok)
		memcpy(j->cek, hash, j->cek_len);
	OPENSSL_cleanse(hash, sizeof hash);
	EVP_MD_CTX_free(md);
	return ok;
}

/* RFC 7518 4.6. The sender's point must lie on the curve of our key, which key_read() and OpenSSL
 * both check: else it could learn our key bit by bit. */
static bool agree(struct jwe *j, EVP_PKEY *pkey)
{
	struct key peer = { .pkey = NULL };
	uint8_t shared[MAX_SHARED];
	size_t n = sizeof shared;
	const json_t *epk = json_object_get(j->header, "epk");
	if (j->part[PART_KEY].len > 0 || !json_is_object(epk) || key_read(&peer, epk) ||
		peer.type != KEY_EC || EVP_PKEY_parameters_eq(pkey, peer.pkey) != 1) {
		key_fini(&peer);
		return false;
	}
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		EVP_PKEY_derive_set_peer(ctx, peer.pkey) == 1 &&
		EVP_PKEY_derive(ctx, shared, &n) == 1 && derive(j, shared, n);
	OPENSSL_cleanse(shared, sizeof shared);
	EVP_PKEY_CTX_free(ctx);
	key_fini(&peer);
	return ok;
}

/* ---- the content --------------------------------------------------------------------------- */

/* RFC 7518 5.3: the header, as it is encoded, is authenticated too. out is written in place of the
 * decoded content. */
static bool decrypt(const struct jwe *j, char *out, size_t *n)
{
	uint8_t iv[B64URL_MAX(IV * 2)], tag[B64URL_MAX(TAG * 2)];
	size_t iv_len, tag_len, content_len;
	int len = 0, rest = 0;
	sluice_str aad = j->part[PART_HEADER], content = j->part[PART_CONTENT];
	if (j->part[PART_IV].len > IV * 2 || !b64url_decode(j->part[PART_IV], iv, &iv_len) ||
		iv_len != IV || j->part[PART_TAG].len > TAG * 2 ||
		!b64url_decode(j->part[PART_TAG], tag, &tag_len) || tag_len != TAG ||
		!b64url_decode(content, (uint8_t *)out, &content_len))
		return false;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = j->cek_len == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	bool ok = ctx && EVP_DecryptInit_ex2(ctx, cipher, j->cek, iv, NULL) == 1 &&
		EVP_DecryptUpdate(ctx, NULL, &len, (const uint8_t *)aad.data, (int)aad.len) == 1 &&
		EVP_DecryptUpdate(ctx, (uint8_t *)out, &len, (const uint8_t *)out,
			(int)content_len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
		EVP_DecryptFinal_ex(ctx, (uint8_t *)out + len, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	*n = (size_t)len;
	return ok;
}

/* With each key that may be the one: while a key is replaced, the old one stands beside the new. */
static bool open_with(const struct jwe_keys *keys, struct jwe *j, bool by_kid, char *out, size_t *n)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct jwe_key *key = &keys->v[i];
		if (key_fits(key, j, by_kid) &&
			(j->alg == JWE_ECDH_ES ? agree(j, key->pkey) : unwrap_rsa(j, key->pkey)) &&
			decrypt(j, out, n))
			return true;
	}
	return false;
}

enum jose_result jwe_open(const struct jwe_keys *keys, sluice_str text, char *out, size_t *n)
{
	struct jwe j = { .header = NULL };
	bool ok = text.len < INT32_MAX && split(text, j.part) && read_header(&j) &&
		(open_with(keys, &j, true, out, n) || open_with(keys, &j, false, out, n));
	if (!ok)
		OPENSSL_cleanse(out, text.len);
	OPENSSL_cleanse(j.cek, sizeof j.cek);
	json_decref(j.header);
	ERR_clear_error(); /* leave no errors in the queue for TLS on this thread */
	return ok ? JOSE_OK : JOSE_DECRYPTION;
}
