/* The tree of path patterns. Built by one thread, read by any. */
#include "route/trie.h"

static struct trie_node *trie_child(struct trie_node *node, struct arena *a,
	const struct path_segment *s)
{
	if (s->capture) {
		if (!node->any)
			node->any = arena_new(a, struct trie_node);
		return node->any;
	}
	struct trie_node *child = table_find(&node->children, s->text);
	if (!child) {
		child = arena_new(a, struct trie_node);
		table_put(&node->children, a, s->text, child);
	}
	return child;
}

static void trie_note(struct trie_node *node, uint32_t rank)
{
	if (node->best == 0 || rank < node->best)
		node->best = rank;
}

void trie_put(struct trie_node *root, struct arena *a, const struct path_pattern *p,
	const struct route_leaf *leaf)
{
	struct trie_node *node = root;
	check(leaf->rank, "a leaf without rank");
	trie_note(node, leaf->rank);
	for (unsigned i = 0; i < p->n_segments; i++) {
		node = trie_child(node, a, &p->segments[i]);
		trie_note(node, leaf->rank);
	}
	const struct route_leaf **slot = p->tail ? &node->tail : &node->end;
	check(!*slot, "the pattern of rank %u is entered twice", leaf->rank);
	*slot = leaf;
}

struct trie_search {
	sluice_str path;
	uint32_t after;
	uint32_t best; /* rank of found; UINT32_MAX: none found yet */
	const struct route_leaf *found;
};

static void trie_offer(struct trie_search *s, const struct route_leaf *leaf)
{
	if (leaf && leaf->rank > s->after && leaf->rank < s->best) {
		s->found = leaf;
		s->best = leaf->rank;
	}
}

/* Recursion is at most PATTERN_SEGMENTS deep and visits each node at most once. */
static void trie_walk(struct trie_search *s, const struct trie_node *node, size_t at)
{
	sluice_str segment;
	trie_offer(s, node->tail);
	if (!segment_next(s->path, &at, &segment)) {
		trie_offer(s, node->end);
		return;
	}
	const struct trie_node *child = table_find(&node->children, segment);
	if (child && child->best < s->best)
		trie_walk(s, child, at);
	if (node->any && segment.len && node->any->best < s->best)
		trie_walk(s, node->any, at);
}

const struct route_leaf *trie_find(const struct trie_node *root, sluice_str path, uint32_t after)
{
	struct trie_search s = { .path = path, .after = after, .best = UINT32_MAX };
	if (path.len == 0 || path.data[0] != '/')
		trie_offer(&s, root->tail); /* "*" of OPTIONS has no segments */
	else
		trie_walk(&s, root, 1);
	return s.found;
}
