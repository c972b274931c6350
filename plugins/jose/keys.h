/*
 * Key sets (RFC 7517): the public keys of one document, each bound to the algorithms it may verify.
 * A set is immutable and shared by reference: the main thread makes it, workers read it. Sets of
 * shared secrets are made in secret.c, and nowhere else.
 */
#ifndef JOSE_KEYS_H
#define JOSE_KEYS_H

#include <jansson.h>
#include <openssl/types.h>
#include <stdatomic.h>

#include "alg.h"

enum {
	KEYS_MAX = 1024, /* keys in one set */
	KEYS_MAX_DOCUMENT = 4 * 1024 * 1024,
	KEYS_MIN_RSA = 2048, /* bits; RFC 7518 3.3 */
	KEYS_MAX_RSA = 8192, /* bits; verifying gets slow beyond */
	KEYS_DIGEST = 32,
};

/* A public key (pkey) or a shared secret (secret), never both: HMAC is computed with secret alone,
 * and what stands in a key set that was fetched never gets there. */
struct key {
	/* owned; contains a lock, so each thread that uses it makes a copy; NULL: a secret */
	EVP_PKEY *pkey;
	uint8_t *secret; /* owned; NULL: a public key */
	size_t secret_len;
	bool any_kid; /* a secret without a name: it is tried whatever kid a token names */
	char *kid;    /* owned; NULL: the key has none */
	char *issuer; /* owned; whose tokens it verifies, see issuer_name.h; NULL: all of its set's
		       */
	size_t kid_len, issuer_len;
	enum key_type type;
	/* algorithms that it may verify, by its type, its curve and its `alg`: exact ALG_BIT()s */
	uint32_t algs;
};

struct keyset {
	_Atomic uint32_t refs;
	uint64_t generation;         /* unique in this process */
	uint8_t digest[KEYS_DIGEST]; /* of the document it was read from */
	size_t n, n_named;
	bool has_any_kid; /* a key of it is tried whatever kid a token names */
	bool has_issuers; /* a key of it is for one issuer, or for one issuer of each tenant */
	/* owned: indices of the n_named keys that have a kid, in the order of their kids, and where
	 * these are equal in that of the document; NULL: there are none */
	uint16_t *by_kid;
	struct key v[];
};

/* the keys of one issuer, as workers get them */
struct issuer_keys {
	struct keyset *keys; /* shared: ref; NULL: none, or older than max_stale */
	/* when they were last known to be current, in terms of sluice_now_ns(); 0: never */
	uint64_t current_ns;
};

/*
 * Read a document. Keys that cannot be used (other types, for encryption, too short) are skipped,
 * as RFC 7517 section 5 demands. So a set may be empty: then the issuer has withdrawn all keys, and
 * no token of it is valid. The first KEYS_MAX keys that can be used are taken. The caller has the
 * only reference. NULL when the document is not a key set, and why says so. Otherwise why tells
 * which keys were left out beyond KEYS_MAX, or describes the last key that was skipped, or is
 * empty.
 */
struct keyset *keys_read(sluice_str document, char *why, size_t why_size);
/* The keys with that kid: indices, *n of them, in the order of the document. It takes a time that
 * hardly grows with the number of keys. */
const uint16_t *keys_find(const struct keyset *set, const char *kid, size_t kid_len, size_t *n);
/* Whether the set was read from the same document. */
bool keys_same(const struct keyset *set, sluice_str document);
/* An empty set with room for n keys, of that document; NULL without memory. kids_index() when all
 * keys are in it. */
struct keyset *keys_new(sluice_str document, size_t n);
/* Give the key that name. False without memory. */
bool key_set_kid(struct key *key, sluice_str kid);
void key_fini(struct key *key);
/* Read one public key, whatever else its JWK has. NULL, or what is wrong with the key, which is
 * then empty. */
const char *key_read(struct key *key, const json_t *jwk);
struct keyset *keys_ref(struct keyset *set);
void keys_unref(struct keyset *set); /* NULL is allowed */

#endif
