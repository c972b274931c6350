/*
 * Verifying signatures with keys that were read once. A verifier belongs to one thread: it has its
 * own prepared copy of each key that it has used, so that threads share no lock.
 */
#ifndef JOSE_VERIFY_H
#define JOSE_VERIFY_H

#include "keys.h"
#include "token.h"

enum { VERIFY_MAX_TRIES = 4 }; /* keys tried for a token without kid */

struct prepared_key;

struct verifier {
	uint64_t generation; /* of the set that keys belong to; 0: none */
	size_t n;
	struct prepared_key *keys;     /* owned: one for each key of the set */
	EVP_MD *digests[DIGEST_COUNT]; /* owned */
	EVP_MD_CTX *digest_ctx;        /* owned */
	EVP_MAC *hmac;                 /* owned; NULL: no secret was used yet */
};

/* 0, or -1 when OpenSSL lacks something. fini also undoes a failed init. */
int verifier_init(struct verifier *v);
void verifier_fini(struct verifier *v);
/*
 * Verify the token as verifier_check() does, and read its claims, which the caller releases;
 * *claims are NULL, or read already. Keys that are for one issuer verify its tokens alone:
 * JOSE_ISSUER. The claims are read before the signature was verified only where the set has such
 * keys, to choose among them. After a failure *claims are not to be believed.
 */
enum jose_result verifier_read(struct verifier *v, const struct keyset *set, const struct token *t,
	uint64_t allowed, json_t **claims);
/*
 * Verify the token with the key of its kid or, without kid, with the keys that suit its algorithm.
 * The algorithm must be in allowed, and the key must be bound to it. JOSE_OK when the signature
 * is good. Keys that are for one issuer verify nothing here, since the claims are not known.
 */
enum jose_result verifier_check(struct verifier *v, const struct keyset *set, const struct token *t,
	uint64_t allowed);

/* A public key that belongs to no set, prepared for the thread that made it. */
struct lone_key;
/* Takes over what key has, also when it fails: NULL without memory. */
struct lone_key *lone_key_new(struct key *key);
void lone_key_free(struct lone_key **key);
/* Verify the token with that key, whatever its kid, if the key is bound to its algorithm and that
 * is among the allowed ones. */
enum jose_result verifier_check_lone(struct verifier *v, struct lone_key *key,
	const struct token *t, uint64_t allowed);

#endif
