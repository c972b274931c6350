/*
 * Path patterns made of segments, many at once: a tree with one level for each segment, whose
 * children are hashed. Every pattern ends in a leaf with a rank, 1 for the most specific. Built in
 * an arena, then immutable: any thread.
 */
//   root -- "users" -- {} -- "orders" => end     /users/{id}/orders
//     |        |        +=> tail                 /users/{id}/*
//     |        +=> tail                          /users/*
//     +=> tail                                   /*
#ifndef ROUTE_TRIE_H
#define ROUTE_TRIE_H

#include "route/rule.h"
#include "route/table.h"

/* All rules with one host and one path. */
struct route_leaf {
	const struct route_rule *first; /* those that ask for more come first */
	uint32_t rank;                  /* among the leaves of a trie; unique; not 0 */
};

struct trie_node {
	struct table children; /* by the bytes of a segment */
	struct trie_node *any; /* below a capture */
	const struct route_leaf *end, *tail;
	uint32_t best; /* the lowest rank at or below this node */
};

/* Enter a leaf: its pattern must not be there yet. */
void trie_put(struct trie_node *root, struct arena *a, const struct path_pattern *p,
	const struct route_leaf *leaf);
/* Of the leaves that match the path and whose rank is higher than after the one with the lowest
 * rank, or NULL. Walking with after = 0, then the last one's rank, gives all that match, in
 * order. */
const struct route_leaf *trie_find(const struct trie_node *root, sluice_str path, uint32_t after);

#endif
