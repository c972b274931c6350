/* Weighted choice among upstreams. See the header. */
#include "proxy/split.h"

#include "policy/expr.h"
#include "proxy/exchange.h"

__extension__ typedef unsigned __int128 wide;

/* FNV-1a, and the end of MurmurHash3, after which all bits depend on all bytes. */
static uint64_t split_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

uint64_t split_hash(sluice_str text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
	return split_mix(h);
}

/*
 * How far h, as a share of 2^64, is below 1: -log2 of it, in units of 2^-24. With integers alone,
 * because floating point may differ between machines.
 */
static uint64_t split_depth(uint64_t h)
{
	enum { FRACTION = 24 };
	unsigned zeros;
	uint64_t log = 0;
	h |= 1;
	zeros = (unsigned)__builtin_clzll(h);
	h <<= zeros; /* 1.0 to 2.0, with 63 bits behind the point */
	for (unsigned i = 0; i < FRACTION; i++) {
		wide square = (wide)h * h;
		bool two = square >> 127;
		h = (uint64_t)(square >> (two ? 64 : 63));
		log = log << 1 | two;
	}
	return ((uint64_t)(zeros + 1) << FRACTION) - log;
}

/* The depth of a share is distributed exponentially; divided by its weight, the least of them is
 * that of each share as often as its weight says. */
const struct split_share *split_pick(const struct split_shares *s, uint64_t hash)
{
	const struct split_share *best = NULL;
	uint64_t least = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct split_share *at = &s->v[i];
		if (!at->weight)
			continue;
		uint64_t depth = split_depth(split_mix(hash ^ at->hash));
		/* below 2^31, and weights below 2^20 */
		if (!best || depth * best->weight < least * at->weight) {
			best = at;
			least = depth;
		}
	}
	return best;
}

int split_upstream(const struct route *r, size_t i)
{
	if (r->split)
		return i < r->split->shares->n ? r->split->shares->v[i].upstream : -1;
	return i == 0 ? r->upstream : -1;
}

/* Of the request's first fact that it has, else any. */
static uint64_t split_key(struct exchange *x, const struct split *s)
{
	for (size_t i = 0; i < s->n_by; i++) {
		sluice_str value = expr_value(&x->px, s->by[i]);
		if (value.len)
			return split_hash(value);
	}
	uint64_t block[2] = { x->proxy->id_next++, x->px.worker->id };
	permute(&x->proxy->ids, block);
	return block[0];
}

void split_choose(struct exchange *x)
{
	const struct split *s = x->route->split;
	const struct split_share *share = split_pick(s->shares, split_key(x, s));
	x->px.upstream = share->upstream;
	x->px.upstream_name = share->name;
	timeline_add(x->px.timeline, "goes to upstream", share->name, 0);
}
