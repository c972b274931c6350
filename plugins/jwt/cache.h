/*
 * Verified tokens of one worker, so that the second request with a token costs a hash and a
 * comparison. Fixed in size; only tokens that passed every check get in, so that strangers cannot
 * fill it; keyed by the whole token.
 */
#ifndef JWT_CACHE_H
#define JWT_CACHE_H

#include <jansson.h>
#include <sluice/str.h>

#include "keys.h"
#include "rules.h"

enum { CACHE_WAYS = 8 };

/* A verified token. Counted, as an exchange that uses it may outlive its place in the cache. One
 * thread. */
struct entry {
	uint32_t refs;
	uint64_t hash;
	size_t issuer;       /* which of the instance's */
	uint64_t generation; /* of the keys that verified it */
	struct validity when;
	json_t *claims; /* owned */
	sluice_str token;
	size_t n_texts;
	sluice_str texts[]; /* of the claims that the options name; data NULL: none. Bytes behind */
};

struct cache_set;

struct cache {
	struct cache_set *sets; /* owned; NULL: nothing is remembered */
	size_t mask;
	uint64_t key[2];
};

/* Take over claims, copy token and the texts of the n values (NULL: none). One reference, the
 * caller's. NULL without memory, and claims is then released as well. */
struct entry *entry_new(sluice_str token, json_t *claims, const json_t *const *values, size_t n);
void entry_unref(void *entry);

/* Room for at least n entries, none when n is 0. 0, or -1 without memory or randomness. */
int cache_init(struct cache *c, size_t n);
void cache_fini(struct cache *c);
uint64_t cache_hash(const struct cache *c, sluice_str token);
/* The token's entry, if it was verified with the keys that its issuer has and is valid now;
 * borrowed. keys: of each issuer. */
struct entry *cache_find(struct cache *c, sluice_str token, uint64_t hash,
	const struct issuer_keys *keys, uint64_t now_ms);
/* Remember an entry whose hash, issuer, generation and when are set; takes a reference of its
 * own. */
void cache_put(struct cache *c, struct entry *e, const struct issuer_keys *keys, uint64_t now_ms);

#endif
