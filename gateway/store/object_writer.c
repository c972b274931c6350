/* An object that is written in pieces. See the header. */
#include "store/object_writer.h"

#include <stdlib.h>

#include "base/hash.h"
#include "store/cache_room.h"
#include "store/cache_shard.h"

enum { WRITER_FIRST = 4096 };

/* Room for `room` bytes of data. */
static bool writer_resize(struct sluice_object_writer *w, size_t room)
{
	struct sluice_object *o = w->object;
	if (room > w->room && !cache_room_take(o->cache, room - w->room))
		return false;
	char *body = realloc(o->body, room ? room : 1);
	if (!body) {
		if (room > w->room)
			object_uncount(o->cache, room - w->room);
		return room <= w->room; /* it stays larger than it need be */
	}
	if (room < w->room)
		object_uncount(o->cache, w->room - room);
	o->cost += room;
	o->cost -= w->room;
	o->body = body;
	o->data.data = body;
	w->room = room;
	return true;
}

/* The most bytes of data that the object may have. */
static uint64_t writer_max(const struct sluice_object *o)
{
	uint64_t max = atomic_load_explicit(&o->cache->max_object, memory_order_relaxed);
	uint64_t rest = o->key.len + o->meta.len;
	return max > rest ? max - rest : 0;
}

struct sluice_object_writer *object_writer_begin(struct sluice_cache *c, const struct cache_new *n,
	uint64_t expected)
{
	struct cache_new empty = *n;
	empty.data = STR("");
	struct sluice_object *o = NULL;
	if (object_new_is_allowed(c, &empty)) {
		uint64_t cost = object_cost(&empty) + sizeof(struct sluice_object_writer);
		if (cache_room_take(c, cost))
			o = object_new(c, &empty, cost);
	}
	struct sluice_object_writer *w = o ? calloc(1, sizeof(*w)) : NULL;
	if (w) {
		*w = (struct sluice_object_writer){ .ttl_ms = n->ttl_ms,
			.keep_ms = n->keep_ms,
			.object = o };
		if (expected <= writer_max(o) && writer_resize(w, expected)) {
			cache_shard_add_writer(c, w);
			return w;
		}
		free(w);
	}
	if (o)
		object_unref(o);
	series_add(c->refused, 1);
	return NULL;
}

/* Room for n bytes more: twice as much as before, within the largest object. */
static bool writer_grow(struct sluice_object_writer *w, size_t n)
{
	uint64_t max = writer_max(w->object), have = w->object->data.len;
	if (n > max || have > max - n)
		return false;
	uint64_t room = w->room < WRITER_FIRST ? WRITER_FIRST : (uint64_t)w->room * 2;
	if (room < have + n)
		room = have + n;
	return writer_resize(w, room < max ? room : max);
}

bool object_writer_append(struct sluice_object_writer *w, sluice_str bytes)
{
	struct sluice_object *o = w->object;
	if (!w->failed && bytes.len > w->room - o->data.len)
		w->failed = !writer_grow(w, bytes.len);
	if (w->failed)
		return false;
	if (bytes.len)
		memcpy(o->body + o->data.len, bytes.data, bytes.len);
	o->data.len += bytes.len;
	return true;
}

static void writer_end(struct sluice_object_writer *w, struct sluice_object *o)
{
	cache_shard_remove_writer(o->cache, w);
	free(w);
}

bool object_writer_commit(struct sluice_object_writer *w, uint64_t now_ns)
{
	struct sluice_object *o = w->object, *old = NULL;
	bool ok = !w->failed && (w->room == o->data.len || writer_resize(w, o->data.len));
	object_ref(o); /* once it is in its shard, an eviction may take it at once */
	object_set_times(o, now_ns, w->ttl_ms, w->keep_ms);
	if (ok)
		cache_room_sweep(o->cache, o->node.hash, now_ns);
	/* an object whose tag was removed is not found, and leaves the older one alone */
	ok = ok && !object_is_over(o, now_ns) && cache_shard_add(o->cache, o, w, &old);
	if (!ok)
		series_add(o->cache->refused, 1);
	writer_end(w, o);
	object_unref(o);
	if (!ok)
		object_unref(o);
	if (old)
		object_unref(old);
	return ok;
}

void object_writer_abort(struct sluice_object_writer *w)
{
	struct sluice_object *o = w->object;
	writer_end(w, o);
	object_unref(o);
}
