/* Room for one more object. See the header. */
#include "store/cache_room.h"

#include "store/cache_shard.h"

/* The shard whose object at the end was read before those of all others, of those not yet tried. */
static unsigned room_oldest(struct sluice_cache *c, uint64_t tried)
{
	unsigned best = CACHE_SHARDS;
	uint64_t best_ns = UINT64_MAX;
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		uint64_t ns = atomic_load_explicit(&c->oldest[i], memory_order_relaxed);
		if (ns < best_ns && !(tried >> i & 1)) {
			best = i;
			best_ns = ns;
		}
	}
	return best;
}

bool cache_room_evict(struct sluice_cache *c)
{
	uint64_t tried = 0;
	for (unsigned i; (i = room_oldest(c, tried)) < CACHE_SHARDS; tried |= 1ull << i) {
		struct sluice_object *o = cache_shard_evict(c, i);
		if (!o)
			continue;
		series_add(c->evictions, 1);
		object_unref(o);
		return true;
	}
	return false;
}

bool cache_room_take(struct sluice_cache *c, uint64_t n)
{
	if (n > atomic_load_explicit(&c->max_bytes, memory_order_relaxed))
		return false;
	for (unsigned i = 0; !object_count(c, n); i++) {
		if (i == CACHE_EVICTIONS_MOST || !cache_room_evict(c))
			return false;
	}
	return true;
}

void cache_room_sweep(struct sluice_cache *c, uint64_t hash, uint64_t now_ns)
{
	struct sluice_object *over[CACHE_SWEEP];
	size_t n = cache_shard_sweep(c, hash, now_ns, over);
	for (size_t i = 0; i < n; i++)
		object_unref(over[i]);
}
