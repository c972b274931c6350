/* Reading shared secrets. */
#include "secret.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "kids.h"
#include "strict.h"

enum { MAX_DEPTH = 8, MAX_KID = 256 };

/* RFC 7518 3.2: a key has to be as long as the digest, at least. */
static uint32_t algs_for(size_t len)
{
	uint32_t algs = 0;
	for (unsigned i = ALG_HS256; i < ALG_COUNT; i++) {
		if (len >= alg_info((enum alg)i)->signature)
			algs |= ALG_BIT(i);
	}
	return algs;
}

/* NULL, or what is wrong. */
static const char *take(struct key *key, const uint8_t *bytes, size_t n)
{
	if (n < SECRET_MIN)
		return "a shared secret must have 32 bytes at least (RFC 7518 3.2)";
	if (n > SECRET_MAX)
		return "a shared secret may have 4096 bytes at most";
	key->secret = malloc(n);
	if (!key->secret)
		return "no memory";
	memcpy(key->secret, bytes, n);
	key->secret_len = n;
	key->type = KEY_SECRET;
	key->algs = algs_for(n);
	return NULL;
}

/* The text without what editors and tools put at its end. */
static sluice_str without_newline(sluice_str s)
{
	if (s.len && s.data[s.len - 1] == '\n')
		s.len--;
	if (s.len && s.data[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* base64url as people write it: with or without padding. */
static const char *take_base64url(struct key *key, sluice_str text)
{
	while (text.len && text.data[text.len - 1] == '=')
		text.len--;
	if (text.len > SECRET_MAX * 2)
		return "a shared secret may have 4096 bytes at most";
	size_t room = B64URL_MAX(text.len), n;
	uint8_t *bytes = malloc(room);
	if (!bytes)
		return "no memory";
	const char *wrong = b64url_decode(text, bytes, &n) ? take(key, bytes, n)
							   : "it is not base64url";
	OPENSSL_cleanse(bytes, room);
	free(bytes);
	return wrong;
}

/* What others may know must not become a secret: with a public key as the secret, whoever can read
 * that key could sign. */
static const char *looks_public(sluice_str text)
{
	static const char pem[] = "-----BEGIN ";
	for (size_t i = 0; i + sizeof pem - 1 <= text.len; i++) {
		if (memcmp(text.data + i, pem, sizeof pem - 1) == 0)
			return "it is a key or certificate in PEM, and no shared secret";
	}
	json_t *json = json_read_object(text.data, text.len, MAX_DEPTH);
	bool is_jwk = json && (json_member(json, "keys") || json_member(json, "kty"));
	json_decref(json);
	return is_jwk ? "it is a key set, which is read with jwks: before its place" : NULL;
}

static const char *read_one(enum secret_form form, sluice_str text, struct key *key)
{
	text = without_newline(text);
	const char *wrong = looks_public(text);
	if (!wrong)
		wrong = form == SECRET_BASE64URL ? take_base64url(key, text)
						 : take(key, (const uint8_t *)text.data, text.len);
	key->any_kid = true;
	return wrong;
}

/* RFC 7518 6.4 */
static const char *read_jwk(struct key *key, const json_t *jwk)
{
	sluice_str kty, k, kid, alg, use;
	if (!json_is_object(jwk) || !json_member_str(jwk, "kty", &kty) ||
		!json_member_str(jwk, "k", &k) || !json_member_str(jwk, "kid", &kid) ||
		!json_member_str(jwk, "alg", &alg) || !json_member_str(jwk, "use", &use) ||
		kid.len > MAX_KID)
		return "a key is malformed";
	if (!kty.data || !sluice_str_is(kty, "oct") || !k.data)
		return "a key is no shared secret (kty oct)";
	if (use.data && !sluice_str_is(use, "sig"))
		return "the use of a key is not sig";
	enum alg one;
	if (alg.data && (!alg_find(alg, &one) || one < ALG_N_PUBLIC))
		return "the alg of a key is not HS256, HS384 or HS512";
	const char *wrong = take_base64url(key, k);
	if (wrong)
		return wrong;
	if (alg.data && !(key->algs &= ALG_BIT(one)))
		return "a key is too short for its alg (RFC 7518 3.2)";
	key->any_kid = !kid.data;
	return kid.data && !key_set_kid(key, kid) ? "no memory" : NULL;
}

static struct keyset *read_set(sluice_str text, const char **wrong)
{
	size_t i;
	const json_t *jwk;
	json_t *root = json_read_object(text.data, text.len, MAX_DEPTH);
	const json_t *keys = root ? json_member(root, "keys") : NULL;
	struct keyset *set = NULL;
	if (!json_is_array(keys) || json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
		*wrong = "it is not a key set of 1 to 1024 keys";
	else if (!(set = keys_new(text, json_array_size(keys))))
		*wrong = "no memory";
	json_array_foreach (keys, i, jwk) {
		*wrong = set ? read_jwk(&set->v[set->n++], jwk) : *wrong;
		if (*wrong)
			break;
	}
	json_decref(root);
	return set;
}

struct keyset *secret_read(enum secret_form form, sluice_str text, char *why, size_t why_size)
{
	const char *wrong = NULL;
	struct keyset *set;
	why[0] = '\0';
	if (form == SECRET_JWKS) {
		set = read_set(text, &wrong);
	} else {
		set = keys_new(text, 1);
		wrong = set ? read_one(form, text, &set->v[set->n++]) : "no memory";
	}
	if (!wrong && !kids_index(set))
		wrong = "no memory";
	if (!wrong)
		return set;
	keys_unref(set);
	(void)snprintf(why, why_size, "%s", wrong);
	return NULL;
}
