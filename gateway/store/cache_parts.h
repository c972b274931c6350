/*
 * What the files of a cache share: a cache, its shards, its tags and its objects.
 *
 *      cache --+-- shard 0 .. 63: a lock, objects by key, the order of their use, tags by name
 *              +-- bytes: of all objects that exist, in shards, with readers, or being written
 *
 * A lock is held for work on pointers alone; nothing is copied or freed under it, and no thread
 * holds two. An object has a reference of its shard and one of each reader; it is freed when the
 * last one is gone, by whoever drops it.
 */
#ifndef STORE_CACHE_PARTS_H
#define STORE_CACHE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/series.h"
#include "store/cache.h"
#include "store/cache_table.h"

enum {
	CACHE_SHARDS = 64,
	CACHE_SHARD_SHIFT = 58,
	/* what an allocation and a place in a table cost beside their contents */
	CACHE_OVERHEAD = 64,
	/* objects that are given up at most to make room for one more */
	CACHE_EVICTIONS_MOST = 4096,
	/* objects at the end of a shard that are passed over because they have readers */
	CACHE_PASSED_MOST = 8,
	/* objects and buckets of a shard that a step of sweeping looks at */
	CACHE_SWEEP = 4
};

/* A tag that some object has. Under the lock of its shard, but for generation. */
struct cache_tag {
	struct cache_node node; /* in its shard's table */
	uint64_t refs;          /* marks of objects */
	/* how often objects of the tag were removed */
	_Atomic uint64_t generation;
	size_t len;
	char text[];
};

/* An object has a tag. It is removed once the tag's generation is another one. */
struct cache_mark {
	struct cache_tag *tag; /* shared: ref */
	uint64_t generation;
};

struct sluice_object {
	struct cache_node node; /* in its shard's table; under its lock, like the next two */
	struct list used;       /* in its shard's order of use */
	uint64_t used_ns;       /* when it was read last */
	uint64_t added;         /* its number among those that the shard was given */
	_Atomic uint64_t refs;
	struct sluice_cache *cache; /* shared: ref */
	sluice_str key, meta, data; /* in `text`, data of a writer in `body` */
	char *body;                 /* owned; NULL: data lies in text */
	uint64_t cost;              /* bytes that are counted for it */
	uint64_t stored_ns, fresh_until_ns, keep_until_ns;
	char *text; /* behind the marks */
	size_t n_marks;
	struct cache_mark marks[];
};

/* An object that is being written. */
struct sluice_object_writer {
	struct list link; /* in its shard's writers; under its lock, like the next */
	bool is_removed;  /* its key was removed meanwhile */
	bool failed;      /* too large, or no memory; the writer's thread */
	size_t room;      /* bytes of object->body */
	uint64_t began;   /* how many its shard had been given then; under its lock */
	uint64_t ttl_ms, keep_ms;
	struct sluice_object *object; /* owned */
};

struct cache_shard {
	pthread_mutex_t lock;
	struct cache_table objects, tags;
	struct list used;    /* struct sluice_object; the one that was read last comes first */
	struct list writers; /* struct sluice_object_writer */
	uint64_t added;      /* how many objects it was given */
	uint64_t swept;      /* the bucket from which sweeping goes on */
} __attribute__((aligned(64)));

struct sluice_cache {
	struct list at; /* among all caches; main thread, like the next three */
	char *name;     /* owned */
	unsigned n_users;
	struct list users;     /* struct cache_user */
	_Atomic uint64_t refs; /* one while it has users, one of each object */
	_Atomic bool is_closed;
	_Atomic uint64_t max_bytes, max_object;
	_Atomic uint64_t bytes;   /* of all objects */
	_Atomic uint64_t objects; /* in shards */
	series_id hits, stales, misses, evictions, refused, bytes_series, objects_series;
	/* for each shard, when its object at the end was read; UINT64_MAX: it has none */
	_Atomic uint64_t oldest[CACHE_SHARDS];
	struct cache_shard shards[CACHE_SHARDS];
};

static inline struct cache_shard *cache_shard_of(struct sluice_cache *c, uint64_t hash)
{
	return &c->shards[hash >> CACHE_SHARD_SHIFT];
}

#endif
