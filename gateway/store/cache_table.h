/*
 * A hash table that grows by one bucket at a time (linear hashing), so that no insertion takes
 * long. It holds nodes embedded in their owners, and compares nothing but hashes. The caller keeps
 * other threads away.
 *
 *      buckets lie in segments, each as large as all before it:   | 16 | 16 | 32 | 64 | ...
 */
#ifndef STORE_CACHE_TABLE_H
#define STORE_CACHE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum { CACHE_TABLE_FIRST = 16, CACHE_TABLE_SEGMENTS = 32 };

struct cache_node {
	struct cache_node *next; /* in its bucket */
	uint64_t hash;
};

/* Zeroed at first: an empty table. */
struct cache_table {
	struct cache_node **segments[CACHE_TABLE_SEGMENTS]; /* owned; NULL: not made yet */
	uint64_t buckets;                                   /* in use; 0: none is made */
	uint64_t n;                                         /* nodes */
};

/* Release the buckets. The table has no nodes any more. */
void cache_table_fini(struct cache_table *t);
/* Put a node in, whose hash is set. False when the table is new and there is no memory; a table
 * that cannot grow goes on with longer buckets. */
must_use bool cache_table_add(struct cache_table *t, struct cache_node *node);
void cache_table_remove(struct cache_table *t, struct cache_node *node);
/* The first node with that hash; and the next after `node`. NULL: there is none. */
struct cache_node *cache_table_find(const struct cache_table *t, uint64_t hash);
struct cache_node *cache_table_next(const struct cache_node *node);
/* The first node of a bucket, below t->buckets. */
struct cache_node *cache_table_bucket(const struct cache_table *t, uint64_t at);

#endif
