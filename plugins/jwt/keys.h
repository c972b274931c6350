/*
 * Key sets (RFC 7517): the public keys of one document, each bound to the algorithms it may verify.
 * A set is immutable and shared by reference: the main thread makes it, workers read it.
 */
#ifndef JWT_KEYS_H
#define JWT_KEYS_H

#include <openssl/types.h>
#include <stdatomic.h>

#include "alg.h"

enum {
	KEYS_MAX = 128, /* keys in one set */
	KEYS_MAX_DOCUMENT = 512 * 1024,
	KEYS_MIN_RSA = 2048, /* bits; RFC 7518 3.3 */
	KEYS_MAX_RSA = 8192, /* bits; verifying gets slow beyond */
	KEYS_DIGEST = 32,
};

struct key {
	/* owned; to be duplicated by a thread that uses it, for it has a lock inside */
	EVP_PKEY *pkey;
	char *kid; /* owned; NULL: the key has none */
	size_t kid_len;
	enum key_type type;
	/* what it may verify, from its type, its curve, and its own `alg`: ALG_BIT()s, exact
	 * ones */
	uint32_t algs;
};

struct keyset {
	_Atomic uint32_t refs;
	uint64_t generation;         /* of no other set in this process */
	uint8_t digest[KEYS_DIGEST]; /* of the document it was read from */
	size_t n;
	struct key v[];
};

/* what workers are given of one issuer */
struct issuer_keys {
	struct keyset *keys; /* shared: ref; NULL: none, or too old to be believed */
	/* when they were last known to be current, in terms of sluice_now_ns(); 0: never */
	uint64_t current_ns;
};

/*
 * Read a document. Keys that are of no use here (other types, encryption, too short) are passed
 * over, as RFC 7517 section 5 asks. So a set may be without any key: the issuer has none that it
 * signs with, and what was signed with older ones is no longer good. The set has one reference, the
 * caller's. NULL when the document is no key set; why then says so. When there is a set, why tells
 * of the last key passed over, or is empty.
 */
struct keyset *keys_read(sluice_str document, char *why, size_t why_size);
/* Whether the set was read from the same document. */
bool keys_same(const struct keyset *set, sluice_str document);
struct keyset *keys_ref(struct keyset *set);
void keys_unref(struct keyset *set); /* NULL is allowed */

#endif
