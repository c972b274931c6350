/* A shard of a cache. See the header. */
#include "store/cache_shard.h"

static struct sluice_object *shard_object(struct cache_node *node)
{
	return container_of(node, struct sluice_object, node);
}

static struct sluice_object *shard_used(struct list *e)
{
	return container_of(e, struct sluice_object, used);
}

/* ---- under the lock ------------------------------------------------------------------------ */

static struct sluice_object *shard_find(const struct cache_shard *s, sluice_str key, uint64_t hash)
{
	struct cache_node *node = cache_table_find(&s->objects, hash);
	while (node && !str_eq(shard_object(node)->key, key))
		node = cache_table_next(node);
	return node ? shard_object(node) : NULL;
}

/* Let evictions know when the object at the end was read. */
static void shard_set_oldest(struct sluice_cache *c, const struct cache_shard *s)
{
	uint64_t ns = list_is_empty(&s->used) ? UINT64_MAX : shard_used(s->used.prev)->used_ns;
	_Atomic uint64_t *oldest = &c->oldest[s - c->shards];
	if (atomic_load_explicit(oldest, memory_order_relaxed) != ns)
		atomic_store_explicit(oldest, ns, memory_order_relaxed);
}

static void shard_to_front(struct sluice_cache *c, struct cache_shard *s, struct sluice_object *o)
{
	if (s->used.next != &o->used) {
		list_del(&o->used);
		list_push_front(&s->used, &o->used);
	}
	shard_set_oldest(c, s);
}

static void shard_take_out(struct sluice_cache *c, struct cache_shard *s, struct sluice_object *o)
{
	cache_table_remove(&s->objects, &o->node);
	list_del(&o->used);
	shard_set_oldest(c, s);
	atomic_fetch_sub_explicit(&c->objects, 1, memory_order_relaxed);
	series_add(c->objects_series, UINT64_MAX);
}

static bool shard_put_in(struct sluice_cache *c, struct cache_shard *s, struct sluice_object *o)
{
	if (!cache_table_add(&s->objects, &o->node))
		return false;
	o->added = ++s->added;
	list_push_front(&s->used, &o->used);
	shard_set_oldest(c, s);
	atomic_fetch_add_explicit(&c->objects, 1, memory_order_relaxed);
	series_add(c->objects_series, 1);
	return true;
}

/* Whether the writer may put o in the place of the old one, which may be newer than what it writes.
 */
static bool shard_may_replace(const struct sluice_object_writer *w, const struct sluice_object *o,
	const struct sluice_object *old)
{
	return !w || !old || old->added <= w->began || object_is_over(old, o->stored_ns);
}

/* ---- reading and writing ------------------------------------------------------------------- */

struct sluice_object *cache_shard_get(struct sluice_cache *c, sluice_str key, uint64_t hash,
	uint64_t now_ns)
{
	struct cache_shard *s = cache_shard_of(c, hash);
	pthread_mutex_lock(&s->lock);
	struct sluice_object *o = shard_find(s, key, hash), *over = NULL;
	if (o && object_is_over(o, now_ns)) {
		shard_take_out(c, s, o);
		over = o;
		o = NULL;
	}
	if (o) {
		object_ref(o);
		o->used_ns = now_ns;
		shard_to_front(c, s, o);
	}
	pthread_mutex_unlock(&s->lock);
	if (over)
		object_unref(over);
	return o;
}

bool cache_shard_add(struct sluice_cache *c, struct sluice_object *o,
	struct sluice_object_writer *writer, struct sluice_object **old)
{
	struct cache_shard *s = cache_shard_of(c, o->node.hash);
	pthread_mutex_lock(&s->lock);
	bool open = !atomic_load_explicit(&c->is_closed, memory_order_relaxed) &&
		!(writer && writer->is_removed);
	*old = open ? shard_find(s, o->key, o->node.hash) : NULL;
	if (!shard_may_replace(writer, o, *old)) {
		open = false;
		*old = NULL;
	}
	if (*old)
		shard_take_out(c, s, *old);
	bool kept = open && shard_put_in(c, s, o);
	pthread_mutex_unlock(&s->lock);
	return kept;
}

struct sluice_object *cache_shard_remove(struct sluice_cache *c, sluice_str key, uint64_t hash)
{
	struct cache_shard *s = cache_shard_of(c, hash);
	pthread_mutex_lock(&s->lock);
	struct sluice_object *o = shard_find(s, key, hash);
	if (o)
		shard_take_out(c, s, o);
	list_each (e, &s->writers) {
		struct sluice_object_writer *w = container_of(e, struct sluice_object_writer, link);
		if (w->object->node.hash == hash && str_eq(w->object->key, key))
			w->is_removed = true;
	}
	pthread_mutex_unlock(&s->lock);
	return o;
}

void cache_shard_add_writer(struct sluice_cache *c, struct sluice_object_writer *w)
{
	struct cache_shard *s = cache_shard_of(c, w->object->node.hash);
	pthread_mutex_lock(&s->lock);
	w->began = s->added;
	list_push(&s->writers, &w->link);
	pthread_mutex_unlock(&s->lock);
}

void cache_shard_remove_writer(struct sluice_cache *c, struct sluice_object_writer *w)
{
	struct cache_shard *s = cache_shard_of(c, w->object->node.hash);
	pthread_mutex_lock(&s->lock);
	list_del(&w->link);
	pthread_mutex_unlock(&s->lock);
}

/* ---- making room --------------------------------------------------------------------------- */

struct sluice_object *cache_shard_evict(struct sluice_cache *c, unsigned shard)
{
	struct cache_shard *s = &c->shards[shard];
	struct sluice_object *o = NULL;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < CACHE_PASSED_MOST && !o && !list_is_empty(&s->used); i++) {
		o = shard_used(s->used.prev);
		if (atomic_load_explicit(&o->refs, memory_order_relaxed) == 1) {
			shard_take_out(c, s, o);
		} else { /* it is being read: as good as just used */
			o->used_ns = shard_used(s->used.next)->used_ns;
			shard_to_front(c, s, o);
			o = NULL;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return o;
}

size_t cache_shard_sweep(struct sluice_cache *c, uint64_t hash, uint64_t now_ns,
	struct sluice_object *out[CACHE_SWEEP])
{
	struct cache_shard *s = cache_shard_of(c, hash);
	size_t n = 0;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < CACHE_SWEEP && s->objects.buckets; i++) {
		if (s->swept >= s->objects.buckets)
			s->swept = 0;
		struct cache_node *node = cache_table_bucket(&s->objects, s->swept++);
		while (node && n < CACHE_SWEEP) {
			struct sluice_object *o = shard_object(node);
			node = node->next;
			if (object_is_over(o, now_ns)) {
				shard_take_out(c, s, o);
				out[n++] = o;
			}
		}
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

struct sluice_object *cache_shard_pop(struct sluice_cache *c, unsigned shard)
{
	struct cache_shard *s = &c->shards[shard];
	struct sluice_object *o = NULL;
	pthread_mutex_lock(&s->lock);
	if (!list_is_empty(&s->used)) {
		o = shard_used(s->used.prev);
		shard_take_out(c, s, o);
	}
	pthread_mutex_unlock(&s->lock);
	return o;
}
