/* Tags of a cache's objects. See the header. */
#include "store/cache_tag.h"

#include <stdlib.h>

#include "base/hash.h"

/* The tag in s; under its lock. */
static struct cache_tag *tag_find(const struct cache_shard *s, sluice_str text, uint64_t hash)
{
	struct cache_node *node = cache_table_find(&s->tags, hash);
	for (; node; node = cache_table_next(node)) {
		struct cache_tag *tag = container_of(node, struct cache_tag, node);
		if (str_eq(str_n(tag->text, tag->len), text))
			return tag;
	}
	return NULL;
}

/* Find the tag for one more object; else put `made` in its place and set it to NULL. */
static struct cache_tag *tag_take(struct cache_shard *s, sluice_str text, uint64_t hash,
	struct cache_tag **made)
{
	struct cache_tag *tag = tag_find(s, text, hash);
	if (!tag && *made && cache_table_add(&s->tags, &(*made)->node)) {
		tag = *made;
		*made = NULL;
	}
	if (tag)
		tag->refs++;
	return tag;
}

static struct cache_tag *tag_make(sluice_str text, uint64_t hash)
{
	struct cache_tag *tag = calloc(1, sizeof(*tag) + text.len);
	if (!tag)
		return NULL;
	tag->node.hash = hash;
	tag->len = text.len;
	memcpy(tag->text, text.data, text.len);
	return tag;
}

bool cache_tag_mark(struct sluice_cache *c, sluice_str text, struct cache_mark *mark)
{
	uint64_t hash = hash_str(text);
	struct cache_shard *s = cache_shard_of(c, hash);
	struct cache_tag *made = NULL;
	pthread_mutex_lock(&s->lock);
	struct cache_tag *tag = tag_take(s, text, hash, &made);
	pthread_mutex_unlock(&s->lock);
	if (!tag) {
		made = tag_make(text, hash);
		pthread_mutex_lock(&s->lock);
		tag = tag_take(s, text, hash, &made);
		pthread_mutex_unlock(&s->lock);
		free(made); /* another thread was faster */
	}
	if (!tag)
		return false;
	mark->tag = tag;
	mark->generation = atomic_load_explicit(&tag->generation, memory_order_acquire);
	return true;
}

void cache_tag_unref(struct sluice_cache *c, struct cache_tag *tag)
{
	struct cache_shard *s = cache_shard_of(c, tag->node.hash);
	pthread_mutex_lock(&s->lock);
	bool last = --tag->refs == 0;
	if (last)
		cache_table_remove(&s->tags, &tag->node);
	pthread_mutex_unlock(&s->lock);
	if (last)
		free(tag);
}

bool cache_tag_remove(struct sluice_cache *c, sluice_str text)
{
	uint64_t hash = hash_str(text);
	struct cache_shard *s = cache_shard_of(c, hash);
	pthread_mutex_lock(&s->lock);
	struct cache_tag *tag = tag_find(s, text, hash);
	if (tag)
		atomic_fetch_add_explicit(&tag->generation, 1, memory_order_release);
	pthread_mutex_unlock(&s->lock);
	return tag != NULL;
}
