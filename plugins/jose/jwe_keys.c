/* Reading private keys. */
#include "jwe_keys.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys.h"
#include "strict.h"

enum { MAX_DEPTH = 8, MAX_NUMBER = KEYS_MAX_RSA / 8, MAX_NUMBERS = 8 };

const char *const jwe_alg_names[JWE_ALGS] = {
	[JWE_RSA_OAEP] = "RSA-OAEP",
	[JWE_RSA_OAEP_256] = "RSA-OAEP-256",
	[JWE_ECDH_ES] = "ECDH-ES",
};

/* a number of a key, by its name in a JWK and in OpenSSL */
struct number {
	const char *member, *param;
};

/* RFC 7518 6.3 */
static const struct number rsa_numbers[] = { { "n", OSSL_PKEY_PARAM_RSA_N },
	{ "e", OSSL_PKEY_PARAM_RSA_E }, { "d", OSSL_PKEY_PARAM_RSA_D },
	{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 }, { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 }, { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 } };

/* The member as a number; NULL: it is missing or malformed. */
static BIGNUM *read_number(const json_t *jwk, const char *name)
{
	uint8_t bytes[MAX_NUMBER + 2];
	sluice_str s;
	size_t n;
	if (!json_member_str(jwk, name, &s) || !s.data || B64URL_MAX(s.len) > sizeof bytes ||
		!b64url_decode(s, bytes, &n))
		return NULL;
	BIGNUM *number = BN_bin2bn(bytes, (int)n, NULL);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return number;
}

static EVP_PKEY *make(const char *type, OSSL_PARAM_BLD *build)
{
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
	BIGNUM *numbers[MAX_NUMBERS] = { NULL };
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	bool ok = build != NULL;
	for (size_t i = 0; ok && i < MAX_NUMBERS; i++) {
		numbers[i] = read_number(jwk, rsa_numbers[i].member);
		ok = numbers[i] &&
			OSSL_PARAM_BLD_push_BN(build, rsa_numbers[i].param, numbers[i]) == 1;
	}
	EVP_PKEY *pkey = ok ? make("RSA", build) : NULL;
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < MAX_NUMBERS; i++)
		BN_clear_free(numbers[i]);
	return pkey;
}

/* RFC 7518 6.2. The public point is given beside the number, and has to belong to it. */
static EVP_PKEY *read_ec(const json_t *jwk)
{
	struct key public;
	if (key_read(&public, jwk) || public.type != KEY_EC) {
		key_fini(&public);
		return NULL;
	}
	uint8_t point[1 + 2 * 66];
	char group[32];
	size_t n = 0;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *d = read_number(jwk, "d");
	bool ok = build && d &&
		EVP_PKEY_get_octet_string_param(public.pkey, OSSL_PKEY_PARAM_PUB_KEY, point,
			sizeof point, &n) == 1 &&
		EVP_PKEY_get_group_name(public.pkey, group, sizeof group, NULL) == 1 &&
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1;
	EVP_PKEY *pkey = ok ? make("EC", build) : NULL;
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(d);
	key_fini(&public);
	return pkey;
}

/* NULL, or why the key cannot be used; sets its algorithms. */
static const char *judge(struct jwe_key *key)
{
	const EVP_PKEY *pkey = key->pkey;
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		key->algs = JWE_BIT(JWE_RSA_OAEP) | JWE_BIT(JWE_RSA_OAEP_256);
		if (bits < KEYS_MIN_RSA || bits > KEYS_MAX_RSA)
			return "an RSA key must have 2048 to 8192 bits";
	} else if (EVP_PKEY_is_a(pkey, "EC")) {
		key->algs = JWE_BIT(JWE_ECDH_ES);
		if (bits != 256 && bits != 384 && bits != 521)
			return "an EC key must be of P-256, P-384 or P-521";
	} else {
		return "a key is neither RSA nor EC";
	}
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	bool sound = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return sound ? NULL : "a private key does not belong to its public key";
}

static const char *read_alg(struct jwe_key *key, const json_t *jwk)
{
	sluice_str alg, use;
	if (!json_member_str(jwk, "alg", &alg) || !json_member_str(jwk, "use", &use))
		return "a key is malformed";
	if (use.data && !sluice_str_is(use, "enc"))
		return "the use of a key is not enc";
	for (unsigned i = 0; alg.data && i < JWE_ALGS; i++) {
		if (sluice_str_is(alg, jwe_alg_names[i]) && (key->algs & JWE_BIT(i))) {
			key->algs = JWE_BIT(i);
			return NULL;
		}
	}
	return alg.data ? "the alg of a key is not RSA-OAEP, RSA-OAEP-256 or ECDH-ES, or does not "
			  "go with its type"
			: NULL;
}

/* What decides how the public part is read is not for encryption: leave it out. */
static json_t *bare(const json_t *jwk)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)jwk);
	static const char *const purposes[] = { "use", "alg", "key_ops" };
	for (size_t i = 0; copy && i < sizeof purposes / sizeof *purposes; i++)
		(void)json_object_del(copy, purposes[i]);
	return copy;
}

static const char *read_jwk(struct jwe_key *key, const json_t *jwk)
{
	sluice_str kty, kid;
	json_t *copy = json_is_object(jwk) ? bare(jwk) : NULL;
	if (!copy || !json_member_str(copy, "kty", &kty) || !json_member_str(copy, "kid", &kid) ||
		!kty.data || kid.len > JWE_MAX_KID) {
		json_decref(copy);
		return "a key is malformed";
	}
	if (sluice_str_is(kty, "RSA"))
		key->pkey = read_rsa(copy);
	else if (sluice_str_is(kty, "EC"))
		key->pkey = read_ec(copy);
	const char *wrong = key->pkey ? judge(key) : "a key is no private key of RSA or EC";
	if (!wrong)
		wrong = read_alg(key, jwk);
	if (!wrong && kid.data && !(key->kid = strndup(kid.data, kid.len)))
		wrong = "no memory";
	json_decref(copy);
	return wrong;
}

static const char *read_set(struct jwe_keys *keys, sluice_str text)
{
	size_t i;
	const json_t *jwk;
	const char *wrong = NULL;
	json_t *root = json_read_object(text.data, text.len, MAX_DEPTH);
	const json_t *list = root ? json_member(root, "keys") : NULL;
	if (!json_is_array(list) || json_array_size(list) > JWE_KEYS_MAX)
		wrong = "it is neither PEM nor a key set of 1 to 16 keys";
	json_array_foreach (list, i, jwk) {
		if (wrong)
			break;
		wrong = read_jwk(&keys->v[keys->n++], jwk);
	}
	json_decref(root);
	return wrong;
}

/* Private keys that the text has by its words. */
static size_t count_keys(sluice_str text)
{
	static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
	size_t n = 0;
	while (text.len) {
		sluice_str line = sluice_str_trim(sluice_str_cut(&text, '\n'));
		n += sluice_str_starts(line, SLUICE_STR(begin)) && line.len >= sizeof end - 1 &&
			memcmp(line.data + line.len - (sizeof end - 1), end, sizeof end - 1) == 0;
	}
	return n;
}

static const char *read_pem(struct jwe_keys *keys, sluice_str text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	const char *wrong = bio ? NULL : "no memory";
	EVP_PKEY *pkey = NULL;
	/* an empty passphrase, so that nobody is asked for one */
	while (!wrong &&
		(pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (char *)(uintptr_t) ""))) {
		if (keys->n == JWE_KEYS_MAX) {
			EVP_PKEY_free(pkey);
			wrong = "it has more than 16 keys";
			break;
		}
		keys->v[keys->n].pkey = pkey;
		wrong = judge(&keys->v[keys->n++]);
	}
	/* one that cannot be read must not be missed in silence, beside others that can */
	if (!wrong && keys->n && keys->n != count_keys(text))
		wrong = "a key in it cannot be read, or has a passphrase";
	BIO_free(bio);
	return wrong;
}

struct jwe_keys *jwe_keys_read(sluice_str text, char *why, size_t why_size)
{
	struct jwe_keys *keys = calloc(1, sizeof *keys);
	bool is_json = text.len && memchr("{ \t\r\n", text.data[0], 5) && text.data[0] != '-';
	const char *wrong = !keys ? "no memory" : NULL;
	why[0] = '\0';
	if (!wrong)
		wrong = is_json ? read_set(keys, text) : read_pem(keys, text);
	if (!wrong && keys->n == 0)
		wrong = "it has no private key";
	ERR_clear_error(); /* leave no errors in the queue for TLS on this thread */
	if (!wrong)
		return keys;
	jwe_keys_free(&keys);
	(void)snprintf(why, why_size, "%s", wrong);
	return NULL;
}

struct jwe_keys *jwe_keys_copy(const struct jwe_keys *keys)
{
	struct jwe_keys *copy = calloc(1, sizeof *copy);
	for (size_t i = 0; copy && i < keys->n; i++) {
		struct jwe_key *key = &copy->v[copy->n++];
		key->algs = keys->v[i].algs;
		key->pkey = EVP_PKEY_dup(keys->v[i].pkey);
		key->kid = keys->v[i].kid ? strdup(keys->v[i].kid) : NULL;
		if (!key->pkey || (keys->v[i].kid && !key->kid))
			jwe_keys_free(&copy);
	}
	return copy;
}

void jwe_keys_free(struct jwe_keys **keys)
{
	for (size_t i = 0; *keys && i < (*keys)->n; i++) {
		EVP_PKEY_free((*keys)->v[i].pkey);
		free((*keys)->v[i].kid);
	}
	free(*keys);
	*keys = NULL;
}
