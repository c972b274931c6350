/* A hash table that grows by one bucket at a time. See the header. */
#include "store/cache_table.h"

#include <stdlib.h>

/* Buckets from `from` on lie in segment n; segment 0 begins at 0. */
static struct cache_node **table_slot(const struct cache_table *t, uint64_t at)
{
	if (at < CACHE_TABLE_FIRST)
		return &t->segments[0][at];
	unsigned top = 63u - (unsigned)__builtin_clzll(at / CACHE_TABLE_FIRST);
	uint64_t from = (uint64_t)CACHE_TABLE_FIRST << top;
	return &t->segments[top + 1][at - from];
}

/* The bucket of a hash: by as many bits as the largest power of two of buckets has, or by one more
 * where that bucket has been divided already. */
static uint64_t table_place(const struct cache_table *t, uint64_t hash)
{
	uint64_t half = 1ull << (63 - __builtin_clzll(t->buckets));
	uint64_t at = hash & (half * 2 - 1);
	return at < t->buckets ? at : hash & (half - 1);
}

static bool table_make(struct cache_table *t, unsigned segment, uint64_t n)
{
	if (!t->segments[segment])
		t->segments[segment] = calloc(n, sizeof(struct cache_node *));
	return t->segments[segment] != NULL;
}

/* Add one bucket, and give it those nodes of the bucket it divides that belong there. */
static void table_grow(struct cache_table *t)
{
	uint64_t at = t->buckets, half = 1ull << (63 - __builtin_clzll(at));
	unsigned segment = 64u - (unsigned)__builtin_clzll(at / CACHE_TABLE_FIRST);
	if (segment == CACHE_TABLE_SEGMENTS ||
		!table_make(t, segment, (uint64_t)CACHE_TABLE_FIRST << (segment - 1)))
		return;
	t->buckets++;
	struct cache_node **from = table_slot(t, at - half), **to = table_slot(t, at);
	while (*from) {
		struct cache_node *node = *from;
		if (table_place(t, node->hash) != at) {
			from = &node->next;
			continue;
		}
		*from = node->next;
		node->next = *to;
		*to = node;
	}
}

void cache_table_fini(struct cache_table *t)
{
	check(t->n == 0, "a table ends with %llu nodes", (unsigned long long)t->n);
	for (unsigned i = 0; i < CACHE_TABLE_SEGMENTS; i++)
		free(t->segments[i]);
	*t = (struct cache_table){ .n = 0 };
}

bool cache_table_add(struct cache_table *t, struct cache_node *node)
{
	if (t->buckets == 0 && !table_make(t, 0, CACHE_TABLE_FIRST))
		return false;
	if (t->buckets == 0)
		t->buckets = CACHE_TABLE_FIRST;
	else if (t->n >= t->buckets)
		table_grow(t);
	struct cache_node **slot = table_slot(t, table_place(t, node->hash));
	node->next = *slot;
	*slot = node;
	t->n++;
	return true;
}

void cache_table_remove(struct cache_table *t, struct cache_node *node)
{
	struct cache_node **at = table_slot(t, table_place(t, node->hash));
	while (*at != node) {
		check(*at, "a node is not in its table");
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	t->n--;
}

static struct cache_node *table_from(struct cache_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct cache_node *cache_table_find(const struct cache_table *t, uint64_t hash)
{
	return t->buckets ? table_from(*table_slot(t, table_place(t, hash)), hash) : NULL;
}

struct cache_node *cache_table_next(const struct cache_node *node)
{
	return table_from(node->next, node->hash);
}

struct cache_node *cache_table_bucket(const struct cache_table *t, uint64_t at)
{
	return *table_slot(t, at);
}
