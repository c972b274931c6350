/*
 * Caches: bytes by key in the memory of the process, for plugins. What is kept, for how long and
 * under which key is the plugin's matter.
 *
 * max_bytes bounds all objects that exist: those that can be found, those that were evicted or
 * removed while a reader still has them, and those that are being written. Every object is counted
 * with its key, meta, tags and CACHE_OVERHEAD before its memory is taken. For a new object those
 * that were not read for longest are given up, of the whole cache; objects with readers are passed
 * over, since nothing is gained by them. Where that does not make enough room, the new object is
 * not kept. A cache without objects has 13 KiB.
 *
 * Any thread, but for opening, closing and listing.
 */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include "base/list.h"
#include "base/str.h"

enum { CACHE_KEY_MAX = 1024, CACHE_TAG_MAX = 128, CACHE_TAGS_MAX = 64, CACHE_NAME_MAX = 64 };
#define CACHE_BYTES_MIN (64ull << 10)
#define CACHE_BYTES_MAX (1ull << 40)
/* without max_object: this part of max_bytes */
#define CACHE_OBJECT_PART 16
#define CACHE_TIME_MAX_MS (366ull * 24 * 3600 * 1000)

struct sluice_cache;
struct sluice_object;
struct sluice_object_writer;

/* One user of a cache: an instance. Embedded in it. */
struct cache_user {
	struct list link; /* in the cache's users */
	struct sluice_cache *cache;
	uint64_t max_bytes, max_object;
};

/* Main thread: the cache of that name, made if need be. Its limits are the largest of those of its
 * users. */
void cache_open(struct cache_user *u, sluice_str name, uint64_t max_bytes, uint64_t max_object);
/* Main thread: to be called once for each cache_open(), when no thread can use the cache for this
 * user any more. The cache and its objects go with its last user; objects that have readers go with
 * the last reader. */
void cache_close(struct cache_user *u);

/* Main thread. */
bool cache_is_named(const struct sluice_cache *c, sluice_str name);

/* Main thread: the cache of that name; NULL: there is none. */
struct sluice_cache *cache_find(sluice_str name);

/* What the status page shows. */
struct cache_view {
	sluice_str name; /* valid within the call */
	uint64_t bytes, max_bytes, max_object, objects;
};
/* Main thread: call fn for each cache that is open, in the order in which they were made. */
void cache_each(void (*fn)(void *ctx, const struct cache_view *v), void *ctx);

/* What a new object is; the strings are copied. */
struct cache_new {
	sluice_str key, data, meta;
	const sluice_str *tags;
	size_t n_tags;
	uint64_t ttl_ms, keep_ms;
};

/* Keep an object, in the place of the one with the same key. False: it is not kept, and the older
 * one is gone, too. */
bool cache_put(struct sluice_cache *c, const struct cache_new *n, uint64_t now_ns);
/* The object of that key with a reference, fresh or stale; NULL: there is none. */
struct sluice_object *cache_get(struct sluice_cache *c, sluice_str key, uint64_t now_ns);
/* True: there was one. An object of that key that is being written is not kept, either. */
bool cache_remove(struct sluice_cache *c, sluice_str key);
/* No object that has the tag now, or is being written with it, is found any more. Their memory is
 * free when they are come across: by a look for their key, by sweeping, or as the oldest. True:
 * some object may have had the tag. */
bool cache_remove_tag(struct sluice_cache *c, sluice_str tag);

#endif
