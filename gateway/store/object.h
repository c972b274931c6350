/* Objects of a cache: counted, made, and freed with their last reference. Any thread. */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include "store/cache_parts.h"

/* Count n bytes more; false when max_bytes does not allow it. */
must_use bool object_count(struct sluice_cache *c, uint64_t n);
void object_uncount(struct sluice_cache *c, uint64_t n);
/* Bytes that an object of this kind is counted for, without room for data. */
uint64_t object_cost(const struct cache_new *n);

/* Whether key, tags, times and size of a new object are within the bounds. */
bool object_new_is_allowed(const struct sluice_cache *c, const struct cache_new *n);

/* Drop a reference to a cache; the last one frees it. */
void cache_unref(struct sluice_cache *c);

/* An object with one reference, whose `cost` bytes are counted already. data is NULL for a writer's
 * object. NULL, and the bytes are counted no more, when there is no memory. */
struct sluice_object *object_new(struct sluice_cache *c, const struct cache_new *n, uint64_t cost);
/* Set when it was stored and until when it is fresh and kept. */
void object_set_times(struct sluice_object *o, uint64_t now_ns, uint64_t ttl_ms, uint64_t keep_ms);
void object_ref(struct sluice_object *o);
void object_unref(struct sluice_object *o);
/* Whether it is to be found no more: its time is over, or objects of a tag of its were removed. */
bool object_is_over(const struct sluice_object *o, uint64_t now_ns);

#endif
