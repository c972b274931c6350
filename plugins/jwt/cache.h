/*
 * Verified tokens of one worker, so that the second request with a token costs a hash and a
 * comparison. Its size is fixed. Only tokens that passed every check are stored, so that others
 * cannot fill it. The key is the whole token.
 */
#ifndef JWT_CACHE_H
#define JWT_CACHE_H

#include <jansson.h>
#include <sluice/str.h>

#include "../jose/keys.h"
#include "../oauth/deny_ids.h"
#include "dpop_binding.h"
#include "rules.h"

enum { CACHE_WAYS = 8 };
#define CACHE_INTROSPECTED SIZE_MAX /* in the place of an issuer: a server was asked */

/* A verified token. Reference-counted, since an exchange may use it after it left the cache. One
 * thread. */
struct entry {
	uint32_t refs;
	uint64_t hash;
	size_t issuer;        /* index of the instance's issuer, or CACHE_INTROSPECTED */
	uint64_t generation;  /* of the keys that verified it */
	struct validity when; /* by the wall clock, as the claims say it */
	/* of an answer, in terms of sluice_now_ns(): a clock that is set back must not prolong it
	 */
	uint64_t until_ns;
	json_t *claims;               /* owned */
	struct dpop_binding *binding; /* owned; NULL: to no key, or DPoP is off */
	struct deny_ids *ids;         /* owned; NULL: there is no deny list */
	sluice_str token;
	size_t n_texts;
	/* of the claims that the options name; data NULL: the claim is missing. Their bytes
	   follow */
	sluice_str texts[];
};

struct cache_set;

struct cache {
	struct cache_set *sets; /* owned; NULL: the cache is off */
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
/* The token's entry, if it is not too old an answer, or was verified with the current keys of its
 * issuer and is valid now; borrowed. keys: of each issuer. */
struct entry *cache_find(struct cache *c, sluice_str token, uint64_t hash,
	const struct issuer_keys *keys, uint64_t now_ms);
/* Store an entry whose hash, issuer, generation and when are set; takes a reference of its own. */
void cache_put(struct cache *c, struct entry *e, const struct issuer_keys *keys, uint64_t now_ms);

#endif
