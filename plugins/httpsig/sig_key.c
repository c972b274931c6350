/* Algorithms and keys. */
#include "sig_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "../jose/secret.h"
#include "../jose/strict.h"
#include "base64.h"

enum { JWK_DEPTH = 4, TEXT_MAX = 64 * 1024 };

const char *const sig_alg_names[SIG_ALGS + 1] = { "hmac-sha256", "rsa-pss-sha512",
	"rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", NULL };

static const enum alg jose_algs[SIG_ALGS] = { ALG_HS256, ALG_PS512, ALG_RS256, ALG_ES256, ALG_ES384,
	ALG_ED25519 };

enum alg sig_alg_jose(enum sig_alg alg)
{
	return jose_algs[alg];
}

enum sig_alg sig_alg_find(sluice_str name)
{
	unsigned i = 0;
	while (i < SIG_ALGS && !sluice_str_is(name, sig_alg_names[i]))
		i++;
	return (enum sig_alg)i;
}

/* Bind the key to the algorithm, or to the first that it has. */
static const char *bind(struct key *key, enum sig_alg *alg)
{
	unsigned i = *alg == SIG_ALGS ? 0 : *alg, end = *alg == SIG_ALGS ? SIG_ALGS : *alg + 1;
	while (i < end && !(key->algs & ALG_BIT(jose_algs[i])))
		i++;
	if (i == end) {
		key_fini(key);
		*key = (struct key){ .pkey = NULL };
		return "does not fit its algorithm";
	}
	*alg = (enum sig_alg)i;
	key->algs = ALG_BIT(jose_algs[i]);
	key->any_kid = false;
	return NULL;
}

/* ---- shared secrets ------------------------------------------------------------------------ */

/* Base64 as base64url without padding, which is what the reader of secrets takes. */
static sluice_str to_base64url(sluice_str text, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		out[n++] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
	}
	while (n && (out[n - 1] == '=' || out[n - 1] == '\n' || out[n - 1] == '\r'))
		n--;
	return sluice_str_n(out, n);
}

const char *sig_key_secret(struct key *key, sluice_str text, enum sig_alg *alg)
{
	char why[128], converted[2 * SECRET_MAX];
	const sluice_str prefix = SLUICE_STR("base64:");
	bool is_base64 = sluice_str_starts(text, prefix);
	*key = (struct key){ .pkey = NULL };
	if (text.len > sizeof(converted))
		return "has a secret of more than 4096 bytes";
	if (is_base64)
		text = to_base64url(sluice_str_skip(text, prefix.len), converted);
	struct keyset *one =
		secret_read(is_base64 ? SECRET_BASE64URL : SECRET_PLAIN, text, why, sizeof(why));
	OPENSSL_cleanse(converted, sizeof(converted));
	if (!one)
		return "has a secret that is not 32 to 4096 bytes, or is a public key, or is no "
		       "Base64 behind base64:";
	*key = one->v[0];
	one->v[0] = (struct key){ .pkey = NULL };
	keys_unref(one);
	return bind(key, alg);
}

/* ---- public keys --------------------------------------------------------------------------- */

static bool has_curve(const EVP_PKEY *pkey, enum alg alg)
{
	const char *curve = alg_info(alg)->curve;
	char group[32];
	size_t n;
	return EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) == 1 &&
		OBJ_sn2nid(group) == EC_curve_nist2nid(curve);
}

static uint32_t algs_of(const EVP_PKEY *pkey, enum key_type *type)
{
	int bits = EVP_PKEY_get_bits(pkey);
	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
		*type = KEY_RSA;
		return bits >= KEYS_MIN_RSA && bits <= KEYS_MAX_RSA
			? ALG_BIT(ALG_PS512) | ALG_BIT(ALG_RS256)
			: 0;
	case EVP_PKEY_EC:
		*type = KEY_EC;
		if (has_curve(pkey, ALG_ES256))
			return ALG_BIT(ALG_ES256);
		return has_curve(pkey, ALG_ES384) ? ALG_BIT(ALG_ES384) : 0;
	case EVP_PKEY_ED25519:
		*type = KEY_ED25519;
		return ALG_BIT(ALG_ED25519);
	default:
		return 0;
	}
}

/* Takes the key over; NULL: it could not be read. */
static const char *take(struct key *key, EVP_PKEY *pkey, enum sig_alg *alg)
{
	ERR_clear_error();
	if (!pkey)
		return "has no public key in PEM, and no JWK";
	*key = (struct key){ .pkey = pkey };
	key->algs = algs_of(pkey, &key->type);
	if (key->algs)
		return bind(key, alg);
	key_fini(key);
	*key = (struct key){ .pkey = NULL };
	return "has a public key of another kind than RSA of 2048 to 8192 bits, P-256, P-384 and "
	       "Ed25519";
}

static const char *take_jwk(struct key *key, sluice_str text, enum sig_alg *alg)
{
	json_t *jwk = json_read_object(text.data, text.len, JWK_DEPTH);
	const char *why = jwk ? key_read(key, jwk) : "malformed";
	json_decref(jwk);
	return why ? "has no JWK of a public key that can be used" : bind(key, alg);
}

const char *sig_key_public(struct key *key, sluice_str text, enum sig_alg *alg)
{
	*key = (struct key){ .pkey = NULL };
	text = sluice_str_trim(text);
	if (text.len && text.data[0] == '{')
		return take_jwk(key, text, alg);
	BIO *bio = text.len && text.len <= TEXT_MAX ? BIO_new_mem_buf(text.data, (int)text.len)
						    : NULL;
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return take(key, pkey, alg);
}

const char *sig_key_der(struct key *key, sluice_str base64, enum sig_alg *alg)
{
	uint8_t der[BASE64_BYTES(4096)];
	const uint8_t *at = der;
	*key = (struct key){ .pkey = NULL };
	if (base64.len > 4096 || !base64_is(base64))
		return "has a public key that is no Base64";
	size_t n = base64_decode(base64, der);
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)n);
	if (pkey && at != der + n) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return take(key, pkey, alg);
}

/* ---- verifying ----------------------------------------------------------------------------- */

enum jose_result sig_verify(struct verifier *v, const struct keyset *set, const struct key *key,
	sluice_str base, sluice_str signature)
{
	struct token t;
	unsigned alg = 0;
	while (!(key->algs & ALG_BIT(alg)))
		alg++;
	if (signature.len > TOKEN_MAX_SIGNATURE || key->kid_len > sizeof(t.header.kid))
		return JOSE_SIGNATURE;
	t.signed_text = base;
	t.claims_text = SLUICE_STR_NONE;
	t.header.alg = (enum alg)alg;
	t.header.has_typ = false;
	t.header.typ_len = 0;
	t.header.has_kid = true;
	t.header.kid_len = key->kid_len;
	memcpy(t.header.kid, key->kid, key->kid_len);
	t.signature_len = signature.len;
	memcpy(t.signature, signature.data, signature.len);
	return verifier_check(v, set, &t, key->algs);
}
