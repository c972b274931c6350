/* store/cache_table: every node is found again while the table grows and shrinks. */
#include "unit.h"

#include "store/cache_table.h"

enum { NODES = 5000 };
static struct cache_node nodes[NODES];

static bool is_found(const struct cache_table *t, const struct cache_node *node)
{
	struct cache_node *at = cache_table_find(t, node->hash);
	while (at && at != node)
		at = cache_table_next(at);
	return at != NULL;
}

TEST(nodes_are_found_while_it_grows)
{
	struct cache_table t = { .n = 0 };
	assert_null(cache_table_find(&t, 7));
	for (uint64_t i = 0; i < NODES; i++) {
		nodes[i].hash = i / 2 * 0x9e3779b97f4a7c15ull; /* two of each hash */
		assert_true(cache_table_add(&t, &nodes[i]));
		for (uint64_t k = 0; k <= i; k += 1 + i / 16)
			assert_true(is_found(&t, &nodes[k]));
	}
	assert_true(t.buckets >= NODES - CACHE_TABLE_FIRST);
	uint64_t n = 0;
	for (uint64_t i = 0; i < t.buckets; i++) {
		for (struct cache_node *at = cache_table_bucket(&t, i); at; at = at->next)
			n++;
	}
	assert_int_equal(n, NODES);
	for (uint64_t i = 0; i < NODES; i++) {
		cache_table_remove(&t, &nodes[i]);
		assert_false(is_found(&t, &nodes[i]));
		assert_true(i + 1 == NODES || is_found(&t, &nodes[i + 1]));
	}
	cache_table_fini(&t);
}
