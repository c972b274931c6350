/* Caches: opening, closing, and what plugins do with objects that are whole. See the header. */
#include "store/cache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/cache_room.h"
#include "store/cache_shard.h"
#include "store/cache_tag.h"

static struct list caches = { &caches, &caches }; /* main thread */

static struct sluice_cache *cache_at(struct list *e)
{
	return container_of(e, struct sluice_cache, at);
}

/* ---- opening and closing, main thread ------------------------------------------------------ */

static void cache_name_series(struct sluice_cache *c, sluice_str name)
{
	c->hits = series_find(FAMILY_CACHE_LOOKUPS, name, STR("hit"));
	c->stales = series_find(FAMILY_CACHE_LOOKUPS, name, STR("stale"));
	c->misses = series_find(FAMILY_CACHE_LOOKUPS, name, STR("miss"));
	c->evictions = series_find(FAMILY_CACHE_EVICTIONS, name, STR(""));
	c->refused = series_find(FAMILY_CACHE_REFUSED, name, STR(""));
	c->bytes_series = series_find(FAMILY_CACHE_BYTES, name, STR(""));
	c->objects_series = series_find(FAMILY_CACHE_OBJECTS, name, STR(""));
}

static struct sluice_cache *cache_make(sluice_str name)
{
	struct sluice_cache *c =
		mem_zeroed_at(_Alignof(struct sluice_cache), sizeof(*c), "struct sluice_cache");
	c->name = mem_text(name.data, name.len);
	list_init(&c->users);
	atomic_init(&c->refs, 1);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		pthread_mutex_init(&c->shards[i].lock, NULL);
		list_init(&c->shards[i].used);
		list_init(&c->shards[i].writers);
		atomic_init(&c->oldest[i], UINT64_MAX);
	}
	cache_name_series(c, name);
	list_push(&caches, &c->at);
	return c;
}

/* The largest limits of all users count; what is above them is given up. */
static void cache_limit(struct sluice_cache *c)
{
	uint64_t bytes = 0, object = 0;
	list_each (e, &c->users) {
		const struct cache_user *u = container_of(e, struct cache_user, link);
		bytes = u->max_bytes > bytes ? u->max_bytes : bytes;
		object = u->max_object > object ? u->max_object : object;
	}
	atomic_store_explicit(&c->max_bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&c->max_object, object, memory_order_relaxed);
	while (atomic_load_explicit(&c->bytes, memory_order_relaxed) > bytes && cache_room_evict(c))
		continue;
}

struct sluice_cache *cache_find(sluice_str name)
{
	list_each (e, &caches) {
		if (str_eq(str_of(cache_at(e)->name), name))
			return cache_at(e);
	}
	return NULL;
}

void cache_open(struct cache_user *u, sluice_str name, uint64_t max_bytes, uint64_t max_object)
{
	struct sluice_cache *c = cache_find(name);
	if (!c)
		c = cache_make(name);
	*u = (struct cache_user){ .cache = c, .max_bytes = max_bytes, .max_object = max_object };
	list_push(&c->users, &u->link);
	cache_limit(c);
}

void cache_close(struct cache_user *u)
{
	struct sluice_cache *c = u->cache;
	list_del(&u->link);
	u->cache = NULL;
	if (!list_is_empty(&c->users)) {
		cache_limit(c);
		return;
	}
	list_del(&c->at);
	atomic_store_explicit(&c->is_closed, true, memory_order_relaxed);
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		struct sluice_object *o;
		while ((o = cache_shard_pop(c, i)))
			object_unref(o);
	}
	cache_unref(c);
}

bool cache_is_named(const struct sluice_cache *c, sluice_str name)
{
	return str_eq(str_of(c->name), name);
}

void cache_each(void (*fn)(void *ctx, const struct cache_view *v), void *ctx)
{
	list_each (e, &caches) {
		struct sluice_cache *c = cache_at(e);
		const struct cache_view v = { .name = str_of(c->name),
			.bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed),
			.max_bytes = atomic_load_explicit(&c->max_bytes, memory_order_relaxed),
			.max_object = atomic_load_explicit(&c->max_object, memory_order_relaxed),
			.objects = atomic_load_explicit(&c->objects, memory_order_relaxed) };
		fn(ctx, &v);
	}
}

/* ---- objects, any thread ------------------------------------------------------------------- */

bool cache_put(struct sluice_cache *c, const struct cache_new *n, uint64_t now_ns)
{
	struct sluice_object *o = NULL, *old = NULL;
	uint64_t cost = 0;
	if (object_new_is_allowed(c, n)) {
		cost = object_cost(n) + n->data.len;
		cache_room_sweep(c, hash_str(n->key), now_ns);
		if (cache_room_take(c, cost))
			o = object_new(c, n, cost);
	}
	if (o)
		object_set_times(o, now_ns, n->ttl_ms, n->keep_ms);
	bool kept = o && cache_shard_add(c, o, NULL, &old);
	if (o && !kept)
		object_unref(o);
	if (old)
		object_unref(old);
	if (!kept) {
		series_add(c->refused, 1);
		(void)cache_remove(c, n->key);
	}
	return kept;
}

struct sluice_object *cache_get(struct sluice_cache *c, sluice_str key, uint64_t now_ns)
{
	bool is_key = key.len > 0 && key.len <= CACHE_KEY_MAX;
	uint64_t hash = is_key ? hash_str(key) : 0;
	struct sluice_object *o = is_key ? cache_shard_get(c, key, hash, now_ns) : NULL;
	if (!o) {
		series_add(c->misses, 1);
		cache_room_sweep(c, hash, now_ns);
		return NULL;
	}
	series_add(now_ns < o->fresh_until_ns ? c->hits : c->stales, 1);
	return o;
}

bool cache_remove(struct sluice_cache *c, sluice_str key)
{
	if (key.len == 0 || key.len > CACHE_KEY_MAX)
		return false;
	struct sluice_object *o = cache_shard_remove(c, key, hash_str(key));
	if (o)
		object_unref(o);
	return o != NULL;
}

bool cache_remove_tag(struct sluice_cache *c, sluice_str tag)
{
	return tag.len > 0 && tag.len <= CACHE_TAG_MAX && cache_tag_remove(c, tag);
}
