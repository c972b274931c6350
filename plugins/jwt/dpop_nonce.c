/* Making and knowing nonces. */
#include "dpop_nonce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

#include "../jose/sign.h"

enum { NUMBER = 4, MAC = 16 };

/* Of this process, for instances without a secret of their own. Main thread. */
static unsigned char own[DPOP_SECRET];
static bool has_own;

int dpop_nonce_init(struct dpop_conf *conf)
{
	static const char label[] = "sluice dpop nonce\n"; /* the key may have other uses */
	if (conf->nonce_key.len) {
		unsigned n;
		return HMAC(EVP_sha256(), conf->nonce_key.data, (int)conf->nonce_key.len,
			       (const unsigned char *)label, sizeof label - 1, conf->secret, &n)
			? 0
			: -1;
	}
	if (!has_own && getrandom(own, sizeof own, 0) != (ssize_t)sizeof own)
		return -1;
	has_own = true;
	memcpy(conf->secret, own, sizeof own);
	return 0;
}

static bool make(const struct dpop_conf *conf, uint64_t span, char out[static NONCE_LEN])
{
	unsigned char bytes[NUMBER + SHA256_DIGEST_LENGTH];
	unsigned n;
	for (unsigned i = 0; i < NUMBER; i++)
		bytes[i] = (unsigned char)(span >> 8 * (NUMBER - 1 - i));
	if (!HMAC(EVP_sha256(), conf->secret, DPOP_SECRET, bytes, NUMBER, bytes + NUMBER, &n))
		return false;
	(void)b64url_encode(out, bytes, NUMBER + MAC);
	return true;
}

/* Whether n has those of now. */
static bool turn_to(struct dpop_nonces *n, const struct dpop_conf *conf, uint64_t now_ms)
{
	uint64_t span = now_ms / conf->window;
	if (n->span == span)
		return true;
	n->span = 0;
	for (unsigned i = 0; i < 3; i++) {
		if (!make(conf, span - 1 + i, n->v[i]))
			return false;
	}
	n->span = span;
	return true;
}

enum nonce_age dpop_nonce_judge(struct dpop_nonces *n, const struct dpop_conf *conf,
	uint64_t now_ms, sluice_str nonce)
{
	static const enum nonce_age ages[] = { NONCE_OLD, NONCE_CURRENT, NONCE_CURRENT };
	enum nonce_age age = NONCE_UNKNOWN;
	if (nonce.len != NONCE_LEN || !turn_to(n, conf, now_ms))
		return NONCE_UNKNOWN;
	for (unsigned i = 0; i < 3; i++) {
		if (CRYPTO_memcmp(nonce.data, n->v[i], NONCE_LEN) == 0)
			age = ages[i];
	}
	return age;
}

sluice_str dpop_nonce_now(struct dpop_nonces *n, const struct dpop_conf *conf, uint64_t now_ms)
{
	if (!turn_to(n, conf, now_ms))
		return (sluice_str){ NULL, 0 };
	return (sluice_str){ n->v[1], NONCE_LEN };
}
