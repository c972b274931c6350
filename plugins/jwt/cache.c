/* The memory of verified tokens: sets of eight ways, the longest unused of a set leaves. */
#include "cache.h"

#include <sluice/plugin.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../jose/claims.h"

/* The tags of a set fill half a cache line: a token that is not here is told by one look. */
struct cache_set {
	uint32_t tags[CACHE_WAYS];
	uint8_t used; /* bit i: way i served since the hand passed */
	uint8_t hand;
	struct entry *ways[CACHE_WAYS]; /* a reference each, NULL: free */
};

/* ---- entries ------------------------------------------------------------------------------- */

struct entry *entry_new(sluice_str token, json_t *claims, const json_t *const *values, size_t n)
{
	size_t size = sizeof(struct entry) + n * sizeof(sluice_str) + token.len;
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t len = values[i] ? claim_text_len(values[i]) : -1;
		size += len > 0 ? (size_t)len : 0;
	}
	struct entry *e = malloc(size);
	if (!e) {
		json_decref(claims);
		return NULL;
	}
	char *at = (char *)&e->texts[n];
	*e = (struct entry){ .refs = 1,
		.claims = claims,
		.token = { at, token.len },
		.n_texts = n };
	memcpy(at, token.data, token.len);
	at += token.len;
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t len = values[i] ? claim_text_len(values[i]) : -1;
		e->texts[i] = (sluice_str){ len < 0 ? NULL : at, len < 0 ? 0 : (size_t)len };
		if (len > 0) {
			claim_text_write(values[i], at);
			at += len;
		}
	}
	return e;
}

void entry_unref(void *arg)
{
	struct entry *e = arg;
	if (!e || --e->refs > 0)
		return;
	dpop_binding_free(&e->binding);
	free(e->ids);
	json_decref(e->claims);
	free(e);
}

/* ---- hashing: SipHash-1-3 with a key of the worker's own, so that nobody can choose tokens that
 * meet in one set ---- */

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

#define SIP_ROUND(v0, v1, v2, v3)                                                  \
	do {                                                                       \
		(v0) += (v1), (v1) = rotl((v1), 13) ^ (v0), (v0) = rotl((v0), 32); \
		(v2) += (v3), (v3) = rotl((v3), 16) ^ (v2);                        \
		(v0) += (v3), (v3) = rotl((v3), 21) ^ (v0);                        \
		(v2) += (v1), (v1) = rotl((v1), 17) ^ (v2), (v2) = rotl((v2), 32); \
	} while (0)

uint64_t cache_hash(const struct cache *c, sluice_str token)
{
	uint64_t v0 = c->key[0] ^ 0x736f6d6570736575u, v1 = c->key[1] ^ 0x646f72616e646f6du;
	uint64_t v2 = c->key[0] ^ 0x6c7967656e657261u, v3 = c->key[1] ^ 0x7465646279746573u;
	const char *p = token.data, *end = p + token.len / 8 * 8;
	uint64_t m;
	for (; p < end; p += 8) {
		memcpy(&m, p, 8);
		v3 ^= m;
		SIP_ROUND(v0, v1, v2, v3);
		v0 ^= m;
	}
	m = 0;
	memcpy(&m, p, token.len % 8);
	m |= (uint64_t)token.len << 56;
	v3 ^= m;
	SIP_ROUND(v0, v1, v2, v3);
	v0 ^= m;
	v2 ^= 0xff;
	SIP_ROUND(v0, v1, v2, v3);
	SIP_ROUND(v0, v1, v2, v3);
	SIP_ROUND(v0, v1, v2, v3);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* ---- the table ----------------------------------------------------------------------------- */

int cache_init(struct cache *c, size_t n)
{
	size_t sets = 1;
	c->sets = NULL;
	if (getrandom(c->key, sizeof c->key, 0) != (ssize_t)sizeof c->key)
		return -1;
	if (n == 0)
		return 0;
	while (sets * CACHE_WAYS < n)
		sets *= 2;
	c->mask = sets - 1;
	c->sets = calloc(sets, sizeof *c->sets);
	return c->sets ? 0 : -1;
}

void cache_fini(struct cache *c)
{
	for (size_t i = 0; c->sets && i <= c->mask; i++) {
		for (unsigned w = 0; w < CACHE_WAYS; w++)
			entry_unref(c->sets[i].ways[w]);
	}
	free(c->sets);
	c->sets = NULL;
}

/* Low bits choose the set, high bits the tag, so that the two say different things. */
static struct cache_set *set_of(const struct cache *c, uint64_t hash)
{
	return &c->sets[hash & c->mask];
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* Whether what vouched for it still does. */
static bool is_vouched_for(const struct entry *e, const struct issuer_keys *keys)
{
	if (e->issuer == CACHE_INTROSPECTED)
		return sluice_now_ns() < e->until_ns;
	const struct keyset *set = keys[e->issuer].keys;
	return set && e->generation == set->generation;
}

static bool is_valid(const struct entry *e, const struct issuer_keys *keys, uint64_t now_ms)
{
	return now_ms >= e->when.from && now_ms < e->when.until && is_vouched_for(e, keys);
}

struct entry *cache_find(struct cache *c, sluice_str token, uint64_t hash,
	const struct issuer_keys *keys, uint64_t now_ms)
{
	if (!c->sets)
		return NULL;
	struct cache_set *s = set_of(c, hash);
	for (unsigned w = 0; w < CACHE_WAYS; w++) {
		struct entry *e = s->ways[w];
		if (s->tags[w] != tag_of(hash) || !e || e->hash != hash ||
			!sluice_str_eq(e->token, token))
			continue;
		if (!is_valid(e, keys, now_ms))
			return NULL;
		s->used |= (uint8_t)(1u << w);
		return e;
	}
	return NULL;
}

static bool is_same_token(const struct entry *a, const struct entry *b)
{
	return a->hash == b->hash && sluice_str_eq(a->token, b->token);
}

/* The token's own old place, a free one, one that is no longer valid, or the next that has not
 * served lately. */
static unsigned choose_way(struct cache_set *s, const struct entry *e,
	const struct issuer_keys *keys, uint64_t now_ms)
{
	unsigned spare = CACHE_WAYS;
	for (unsigned w = 0; w < CACHE_WAYS; w++) {
		const struct entry *old = s->ways[w];
		if (old && is_same_token(old, e))
			return w;
		if (!old || !is_valid(old, keys, now_ms))
			spare = w;
	}
	while (spare == CACHE_WAYS) {
		unsigned w = s->hand;
		s->hand = (uint8_t)((w + 1) % CACHE_WAYS);
		if (s->used & 1u << w)
			s->used &= (uint8_t) ~(1u << w);
		else
			spare = w;
	}
	return spare;
}

void cache_put(struct cache *c, struct entry *e, const struct issuer_keys *keys, uint64_t now_ms)
{
	if (!c->sets)
		return;
	struct cache_set *s = set_of(c, e->hash);
	unsigned w = choose_way(s, e, keys, now_ms);
	entry_unref(s->ways[w]);
	e->refs++;
	s->ways[w] = e;
	s->tags[w] = tag_of(e->hash);
	s->used &= (uint8_t) ~(1u << w);
}
