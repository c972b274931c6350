/* Objects of a cache: counted, made, and freed with their last reference. See the header. */
#include "store/object.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/cache_tag.h"

/* ---- counting ------------------------------------------------------------------------------ */

bool object_count(struct sluice_cache *c, uint64_t n)
{
	uint64_t max = atomic_load_explicit(&c->max_bytes, memory_order_relaxed);
	uint64_t have = atomic_load_explicit(&c->bytes, memory_order_relaxed);
	do {
		if (n > max || have > max - n)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&c->bytes, &have, have + n,
		memory_order_relaxed, memory_order_relaxed));
	series_add(c->bytes_series, n);
	return true;
}

void object_uncount(struct sluice_cache *c, uint64_t n)
{
	atomic_fetch_sub_explicit(&c->bytes, n, memory_order_relaxed);
	series_add(c->bytes_series, (uint64_t)0 - n);
}

uint64_t object_cost(const struct cache_new *n)
{
	uint64_t cost = sizeof(struct sluice_object) + CACHE_OVERHEAD + n->key.len + n->meta.len;
	for (size_t i = 0; i < n->n_tags; i++)
		cost += sizeof(struct cache_mark) + sizeof(struct cache_tag) + CACHE_OVERHEAD +
			n->tags[i].len;
	return cost;
}

/* Whether key, tags and size are within the bounds. */
bool object_new_is_allowed(const struct sluice_cache *c, const struct cache_new *n)
{
	uint64_t max = atomic_load_explicit(&c->max_object, memory_order_relaxed);
	if (n->key.len == 0 || n->key.len > CACHE_KEY_MAX || n->n_tags > CACHE_TAGS_MAX)
		return false;
	for (size_t i = 0; i < n->n_tags; i++) {
		if (n->tags[i].len == 0 || n->tags[i].len > CACHE_TAG_MAX)
			return false;
	}
	if ((n->ttl_ms | n->keep_ms) == 0 || n->data.len > max || n->meta.len > max)
		return false;
	return n->key.len + n->meta.len + n->data.len <= max;
}

void cache_unref(struct sluice_cache *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		cache_table_fini(&c->shards[i].objects);
		cache_table_fini(&c->shards[i].tags);
		pthread_mutex_destroy(&c->shards[i].lock);
	}
	free(c->name);
	free(c);
}

/* ---- objects ------------------------------------------------------------------------------- */

static sluice_str object_copy(char **at, sluice_str s)
{
	char *to = *at;
	if (s.len)
		memcpy(to, s.data, s.len);
	*at += s.len;
	return str_n(to, s.len);
}

static void object_free(struct sluice_object *o)
{
	struct sluice_cache *c = o->cache;
	for (size_t i = 0; i < o->n_marks; i++)
		cache_tag_unref(c, o->marks[i].tag);
	object_uncount(c, o->cost);
	free(o->body);
	free(o);
	cache_unref(c);
}

struct sluice_object *object_new(struct sluice_cache *c, const struct cache_new *n, uint64_t cost)
{
	size_t marks = n->n_tags * sizeof(struct cache_mark);
	struct sluice_object *o = malloc(
		sizeof(*o) + marks + n->key.len + n->meta.len + n->data.len);
	if (!o) {
		object_uncount(c, cost);
		return NULL;
	}
	*o = (struct sluice_object){ .cache = c,
		.cost = cost,
		.node = { .hash = hash_str(n->key) } };
	atomic_init(&o->refs, 1);
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	list_init(&o->used);
	o->text = (char *)o->marks + marks;
	char *at = o->text;
	o->key = object_copy(&at, n->key);
	o->meta = object_copy(&at, n->meta);
	o->data = object_copy(&at, n->data);
	for (; o->n_marks < n->n_tags; o->n_marks++) {
		if (!cache_tag_mark(c, n->tags[o->n_marks], &o->marks[o->n_marks])) {
			object_free(o);
			return NULL;
		}
	}
	return o;
}

void object_set_times(struct sluice_object *o, uint64_t now_ns, uint64_t ttl_ms, uint64_t keep_ms)
{
	o->stored_ns = o->used_ns = now_ns;
	o->fresh_until_ns = now_ns +
		(ttl_ms < CACHE_TIME_MAX_MS ? ttl_ms : CACHE_TIME_MAX_MS) * NS_PER_MS;
	o->keep_until_ns = o->fresh_until_ns +
		(keep_ms < CACHE_TIME_MAX_MS ? keep_ms : CACHE_TIME_MAX_MS) * NS_PER_MS;
}

void object_ref(struct sluice_object *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
}

void object_unref(struct sluice_object *o)
{
	if (atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
		object_free(o);
}

bool object_is_over(const struct sluice_object *o, uint64_t now_ns)
{
	if (now_ns >= o->keep_until_ns)
		return true;
	for (size_t i = 0; i < o->n_marks; i++) {
		if (atomic_load_explicit(&o->marks[i].tag->generation, memory_order_acquire) !=
			o->marks[i].generation)
			return true;
	}
	return false;
}
