/*
 * Finds path patterns made of segments: a tree with one level for each segment. A node finds its
 * children by hash. Every pattern ends in a leaf with a rank, 1 for the most specific. Built in an
 * arena, then immutable: any thread.
 */
//   root -- "users" -- {} -- "orders" => end     /users/{id}/orders
//     |        |        +=> tail                 /users/{id}/*
//     |        +=> tail                          /users/*
//     +=> tail                                   /*
#ifndef ROUTE_TRIE_H
#define ROUTE_TRIE_H

#include "route/rule.h"
#include "route/table.h"

struct route_place;

/* All rules with one host and one path. */
struct route_leaf {
	const struct route_place *first; /* with most conditions; next leads to the others */
	uint32_t rank;                   /* among the leaves of a trie; unique; not 0 */
};

struct trie_node {
	struct table children; /* by the bytes of a segment */
	struct trie_node *any; /* the child for a capture; NULL: none */
	const struct route_leaf *end, *tail;
	uint32_t best; /* the lowest rank at or below this node */
};

/* Enter a leaf. Its pattern must not be in the tree yet. */
void trie_put(struct trie_node *root, struct arena *a, const struct path_pattern *p,
	const struct route_leaf *leaf);
/* Of the leaves that match the path and have a rank above `after`: the one with the lowest rank, or
 * NULL. Called with 0, then each time with the rank of the last result, it gives all that match,
 * the most specific first. */
const struct route_leaf *trie_find(const struct trie_node *root, sluice_str path, uint32_t after);

#endif
