/* The SHA-256 of tokens that have come lately, on one worker: to find a token by its SipHash and to
 * compare it is many times faster than to digest it again. It knows nothing but digests, so that it
 * is never out of date. */
#ifndef UPSTREAM_TOKEN_DIGESTS_H
#define UPSTREAM_TOKEN_DIGESTS_H

#include <openssl/sha.h>
#include <sluice/str.h>

struct digest;

/* zeroed: none are kept */
struct digests {
	uint64_t key[2];  /* of the worker's own, so that nobody can choose tokens that meet */
	struct digest *v; /* owned */
};

/* 0, or -1 without memory or randomness. */
int digests_init(struct digests *all);
void digests_fini(struct digests *all);
void digests_find(struct digests *all, sluice_str token, uint8_t out[static SHA256_DIGEST_LENGTH]);

#endif
