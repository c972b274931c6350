/*
 * A shard of a cache: objects by key and in the order of their use. Every function takes the
 * shard's lock and gives back what fell out, with the shard's reference, for its caller to drop
 * without a lock. Any thread.
 */
#ifndef STORE_CACHE_SHARD_H
#define STORE_CACHE_SHARD_H

#include "store/object.h"

/* The object of that key, with a reference; NULL: none. */
struct sluice_object *cache_shard_get(struct sluice_cache *c, sluice_str key, uint64_t hash,
	uint64_t now_ns);
/* Keep o, whose one reference becomes the shard's. *old: the one that had the key, or NULL. False:
 * there is no memory, or the writer's key was removed or given another object since it began; o is
 * still the caller's. */
must_use bool cache_shard_add(struct sluice_cache *c, struct sluice_object *o,
	struct sluice_object_writer *writer, struct sluice_object **old);
/* Take the object of that key out; NULL: there is none. Writers of the key are told. */
struct sluice_object *cache_shard_remove(struct sluice_cache *c, sluice_str key, uint64_t hash);
/* Take out the object that was not read for longest and has no readers. NULL: none of the last few
 * is like that. */
struct sluice_object *cache_shard_evict(struct sluice_cache *c, unsigned shard);
/* Take out up to CACHE_SWEEP objects that are over at now_ns, of the next buckets; returns their
 * number. */
size_t cache_shard_sweep(struct sluice_cache *c, uint64_t hash, uint64_t now_ns,
	struct sluice_object *out[CACHE_SWEEP]);
/* Take out any object, for the end of a cache; NULL: there is none. */
struct sluice_object *cache_shard_pop(struct sluice_cache *c, unsigned shard);

/* A writer begins, and ends. */
void cache_shard_add_writer(struct sluice_cache *c, struct sluice_object_writer *w);
void cache_shard_remove_writer(struct sluice_cache *c, struct sluice_object_writer *w);

#endif
