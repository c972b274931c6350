/* Reading key sets. */
#include "keys.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "kids.h"
#include "strict.h"

enum { MAX_DEPTH = 8, MAX_KID = 256, MAX_MEMBER = (KEYS_MAX_RSA + 7) / 8, SHOWN_KID = 40 };

static _Atomic uint64_t generations;

/* A base64url member as bytes; its length, or 0 when it is missing, malformed or too long. */
static size_t member_bytes(const json_t *jwk, const char *name, uint8_t out[static MAX_MEMBER + 2])
{
	sluice_str s;
	size_t n;
	if (!json_member_str(jwk, name, &s) || !s.data || B64URL_MAX(s.len) > MAX_MEMBER + 2 ||
		!b64url_decode(s, out, &n))
		return 0;
	return n;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* RFC 7518 6.3.1 */
static const char *read_rsa(struct key *key, const json_t *jwk)
{
	uint8_t n_bytes[MAX_MEMBER + 2], e_bytes[MAX_MEMBER + 2];
	size_t n_len = member_bytes(jwk, "n", n_bytes), e_len = member_bytes(jwk, "e", e_bytes);
	if (!n_len || !e_len)
		return "n or e is missing or malformed";
	const char *wrong = "OpenSSL rejects it";
	BIGNUM *n = BN_bin2bn(n_bytes, (int)n_len, NULL), *e = BN_bin2bn(e_bytes, (int)e_len, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	if (!n || !e || !build)
		goto out;
	/* With an exponent of 1 every text is its own signature; a huge one makes each check
	   slow. */
	if (BN_num_bits(n) < KEYS_MIN_RSA || BN_num_bits(n) > KEYS_MAX_RSA || !BN_is_odd(n)) {
		wrong = "an RSA key must have 2048 to 8192 bits";
		goto out;
	}
	if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64) {
		wrong = "its RSA exponent is not acceptable";
		goto out;
	}
	if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		goto out;
	params = OSSL_PARAM_BLD_to_param(build);
	key->pkey = params ? make_key("RSA", params) : NULL;
	if (key->pkey)
		wrong = NULL;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(n);
	BN_free(e);
	return wrong;
}

/* RFC 7518 6.2.1; the coordinates have the full length of the field. */
static const char *read_ec(struct key *key, const json_t *jwk, enum alg alg)
{
	const struct alg_info *info = alg_info(alg);
	uint8_t x[MAX_MEMBER + 2], y[MAX_MEMBER + 2], point[1 + 2 * 66];
	size_t half = info->coordinate;
	if (member_bytes(jwk, "x", x) != half || member_bytes(jwk, "y", y) != half)
		return "x or y is missing or not as long as its curve's field";
	point[0] = 0x04; /* uncompressed, SEC 1 2.3.3 */
	memcpy(point + 1, x, half);
	memcpy(point + 1 + half, y, half);
	char group[8];
	(void)snprintf(group, sizeof group, "%s", info->curve);
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group,
					0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * half),
		OSSL_PARAM_construct_end() };
	key->pkey = make_key("EC", params);
	if (!key->pkey)
		return "its point is not on the curve";
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return sound ? NULL : "its point is not acceptable";
}

/* RFC 8037 2. The names of OpenSSL are those of the curves, whatever the case. */
static const char *read_okp(struct key *key, const json_t *jwk, enum alg alg)
{
	const struct alg_info *info = alg_info(alg);
	uint8_t x[MAX_MEMBER + 2];
	if (member_bytes(jwk, "x", x) != info->coordinate)
		return "x is missing or not as long as its curve's keys";
	key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, info->curve, NULL, x, info->coordinate);
	return key->pkey ? NULL : "OpenSSL rejects it";
}

/* Read the key, and the algorithms that suit its `kty` and `crv`. */
static const char *read_material(struct key *key, const json_t *jwk)
{
	sluice_str kty, crv;
	if (!json_member_str(jwk, "kty", &kty) || !json_member_str(jwk, "crv", &crv) || !kty.data)
		return "kty or crv is missing or malformed";
	if (sluice_str_is(kty, "RSA")) {
		key->type = KEY_RSA;
		key->algs = ALG_BIT(ALG_RS256) | ALG_BIT(ALG_RS384) | ALG_BIT(ALG_RS512) |
			ALG_BIT(ALG_PS256) | ALG_BIT(ALG_PS384) | ALG_BIT(ALG_PS512);
		return read_rsa(key, jwk);
	}
	bool ec = sluice_str_is(kty, "EC");
	if (!ec && !sluice_str_is(kty, "OKP"))
		return "its kty is not RSA, EC or OKP";
	for (unsigned i = ALG_ES256; i < ALG_N_PUBLIC && crv.data; i++) {
		const struct alg_info *info = alg_info((enum alg)i);
		if (i == ALG_EDDSA || ec != (info->type == KEY_EC) ||
			!sluice_str_is(crv, info->curve))
			continue;
		key->type = info->type;
		key->algs = ALG_BIT(i);
		return ec ? read_ec(key, jwk, (enum alg)i) : read_okp(key, jwk, (enum alg)i);
	}
	return "its crv is not P-256, P-384, P-521, Ed25519 or Ed448";
}

/* RFC 7517 4.2 to 4.4: what the key's owner allows. */
static const char *read_purpose(const json_t *jwk, uint32_t *algs)
{
	sluice_str use, alg;
	if (!json_member_str(jwk, "use", &use) || !json_member_str(jwk, "alg", &alg))
		return "use or alg is malformed";
	if (use.data && !sluice_str_is(use, "sig"))
		return "its use is not sig";
	const json_t *ops = json_member(jwk, "key_ops"), *op;
	if (ops) {
		bool verifies = false;
		size_t i;
		json_array_foreach (ops, i, op)
			verifies |= json_is_string(op) &&
				strcmp(json_string_value(op), "verify") == 0;
		if (!verifies)
			return "its key_ops do not have verify";
	}
	*algs = ALG_PUBLIC;
	if (alg.data) {
		enum alg one;
		if (!alg_find(alg, &one) || one >= ALG_N_PUBLIC)
			return "its alg is not one that is supported";
		*algs = alg_exact(ALG_BIT(one));
	}
	return NULL;
}

void key_fini(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	if (key->secret)
		OPENSSL_cleanse(key->secret, key->secret_len);
	free(key->secret);
	free(key->kid);
	free(key->issuer);
	*key = (struct key){ .pkey = NULL };
}

bool key_set_kid(struct key *key, sluice_str kid)
{
	key->kid = malloc(kid.len + 1);
	if (!key->kid)
		return false;
	*sluice_str_put(key->kid, kid) = '\0';
	key->kid_len = kid.len;
	return true;
}

const char *key_read(struct key *key, const json_t *jwk)
{
	uint32_t algs;
	sluice_str kid;
	*key = (struct key){ .pkey = NULL };
	if (!json_is_object(jwk))
		return "it is not an object";
	if (!json_member_str(jwk, "kid", &kid) || kid.len > MAX_KID)
		return "its kid is malformed";
	const char *wrong = read_purpose(jwk, &algs);
	if (!wrong)
		wrong = read_material(key, jwk);
	if (!wrong && !(key->algs &= algs))
		wrong = "its alg does not go with its kty or crv";
	if (!wrong && kid.data && !key_set_kid(key, kid))
		wrong = "no memory";
	if (wrong)
		key_fini(key);
	return wrong;
}

/* The kid of a key that is not taken, as it is shown: it is text of the issuer, so only characters
 * that are safe in a log. "": it has none, or one that is too long. */
static void show_kid(const json_t *jwk, char shown[static SHOWN_KID])
{
	sluice_str kid;
	shown[0] = '\0';
	if (!json_is_object(jwk) || !json_member_str(jwk, "kid", &kid) || !kid.len ||
		kid.len >= SHOWN_KID)
		return;
	for (size_t i = 0; i < kid.len; i++)
		shown[i] = kid.data[i] > ' ' && kid.data[i] < 0x7f ? kid.data[i] : '?';
	shown[kid.len] = '\0';
}

/* Describe a key that was skipped. */
static void say_passed_over(char *why, size_t why_size, size_t index, const json_t *jwk,
	const char *wrong)
{
	char shown[SHOWN_KID];
	show_kid(jwk, shown);
	(void)snprintf(why, why_size, "key %zu%s%s cannot be used: %s", index + 1,
		shown[0] ? ", kid " : "", shown, wrong);
}

/* Name the keys that are left out, from that index on, as far as there is room. */
static void say_left_out(char *why, size_t why_size, const json_t *keys, size_t from)
{
	char shown[SHOWN_KID];
	size_t count = json_array_size(keys);
	int n = snprintf(why, why_size, "only the first %d are used, left out:", KEYS_MAX);
	size_t at = n > 0 ? (size_t)n : why_size;
	for (size_t i = from; i < count; i++) {
		if (at + SHOWN_KID + sizeof ", key 4294967295 and 4294967295 more" > why_size) {
			(void)snprintf(why + at, at < why_size ? why_size - at : 0, " and %zu more",
				count - i);
			return;
		}
		show_kid(json_array_get(keys, i), shown);
		n = shown[0] ? snprintf(why + at, why_size - at, " %s", shown)
			     : snprintf(why + at, why_size - at, " key %zu", i + 1);
		at += n > 0 ? (size_t)n : 0;
	}
}

struct keyset *keys_new(sluice_str document, size_t n)
{
	struct keyset *set = calloc(1, sizeof *set + n * sizeof set->v[0]);
	if (!set)
		return NULL;
	set->refs = 1;
	set->generation = atomic_fetch_add_explicit(&generations, 1, memory_order_relaxed) + 1;
	(void)SHA256((const uint8_t *)document.data, document.len, set->digest);
	return set;
}

/*
 * The member `issuer`, by which Microsoft Entra ID says whose tokens a key verifies: its set for
 * all tenants has keys that are for one of them alone. NULL, or what is wrong.
 */
static const char *read_issuer(struct keyset *set, struct key *key, const json_t *jwk)
{
	sluice_str issuer;
	if (!json_member_str(jwk, "issuer", &issuer))
		return "its issuer is malformed";
	if (!issuer.data)
		return NULL;
	key->issuer = malloc(issuer.len + 1);
	if (!key->issuer)
		return "no memory";
	*sluice_str_put(key->issuer, issuer) = '\0';
	key->issuer_len = issuer.len;
	set->has_issuers = true;
	return NULL;
}

static bool take_keys(struct keyset *set, const json_t *keys, char *why, size_t why_size)
{
	size_t i, count = json_array_size(keys);
	for (i = 0; i < count && set->n < KEYS_MAX; i++) {
		const json_t *jwk = json_array_get(keys, i);
		struct key *key = &set->v[set->n];
		const char *wrong = key_read(key, jwk);
		if (!wrong && (wrong = read_issuer(set, key, jwk)))
			key_fini(key);
		if (wrong)
			say_passed_over(why, why_size, i, jwk, wrong);
		else
			set->n++;
	}
	ERR_clear_error(); /* leave no errors in the queue for TLS on this thread */
	if (i < count)
		say_left_out(why, why_size, keys, i);
	return kids_index(set);
}

static struct keyset *read_keys(sluice_str document, const json_t *keys, char *why, size_t why_size)
{
	size_t count = json_array_size(keys);
	struct keyset *set = keys_new(document, count < KEYS_MAX ? count : KEYS_MAX);
	if (set && take_keys(set, keys, why, why_size))
		return set;
	keys_unref(set);
	(void)snprintf(why, why_size, "no memory");
	return NULL;
}

struct keyset *keys_read(sluice_str document, char *why, size_t why_size)
{
	why[0] = '\0';
	json_t *root = document.len <= KEYS_MAX_DOCUMENT
		? json_read_object(document.data, document.len, MAX_DEPTH)
		: NULL;
	const json_t *keys = root ? json_member(root, "keys") : NULL;
	struct keyset *set = NULL;
	if (!root)
		(void)snprintf(why, why_size, "the key set is not a JSON object");
	else if (!json_is_array(keys))
		(void)snprintf(why, why_size, "the key set has no array of keys");
	else
		set = read_keys(document, keys, why, why_size);
	json_decref(root);
	return set;
}

bool keys_same(const struct keyset *set, sluice_str document)
{
	uint8_t digest[KEYS_DIGEST];
	(void)SHA256((const uint8_t *)document.data, document.len, digest);
	return memcmp(digest, set->digest, sizeof digest) == 0;
}

struct keyset *keys_ref(struct keyset *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void keys_unref(struct keyset *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->n; i++)
		key_fini(&set->v[i]);
	free(set->by_kid);
	free(set);
}
