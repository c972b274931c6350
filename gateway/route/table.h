/*
 * A table keyed by strings, built once in an arena and only read afterwards. Up to TABLE_FEW keys
 * are compared one by one; more are hashed, so that a look-up costs the same for any number of
 * them. Not thread-safe while it is built.
 */
#ifndef ROUTE_TABLE_H
#define ROUTE_TABLE_H

#include "base/arena.h"
#include "base/hash.h"

enum { TABLE_FEW = 4 }; /* up to here a scan is faster than a hash */

struct table_slot {
	const char *key; /* borrowed: lives as long as the table */
	uint32_t len;
	uint32_t hash; /* 0 while there are no more than TABLE_FEW keys */
	void *value;   /* NULL: the slot is free */
};

/* all zero: empty */
struct table {
	struct table_slot *v; /* in the arena */
	uint32_t n, cap;      /* cap: 0, TABLE_FEW, or a power of two that is at least twice n */
};

/* Enter a key, which must not be there and is borrowed, with a value that is not NULL. */
void table_put(struct table *t, struct arena *a, sluice_str key, void *value);
void *table_find_many(const struct table *t, sluice_str key);

static inline bool table_slot_is(const struct table_slot *s, sluice_str key)
{
	return s->len == key.len && memcmp(s->key, key.data, key.len) == 0;
}

/* The value of the key, or NULL. */
static inline void *table_find(const struct table *t, sluice_str key)
{
	if (t->cap > TABLE_FEW)
		return table_find_many(t, key);
	for (uint32_t i = 0; i < t->n; i++) {
		if (table_slot_is(&t->v[i], key))
			return t->v[i].value;
	}
	return NULL;
}

#endif
