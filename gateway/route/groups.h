/* The inside of a router: its rules by host and path. For route/ alone. */
#ifndef ROUTE_GROUPS_H
#define ROUTE_GROUPS_H

#include "route/router.h"
#include "route/table.h"
#include "route/trie.h"

struct regex_leaf {
	struct route_leaf leaf;
	const struct path_pattern *path;
};

/* All rules of one host pattern. */
struct route_group {
	struct table exact;         /* path -> route_leaf */
	struct trie_node trie;      /* its tail: the routes for every path */
	struct regex_leaf *regexes; /* in the order of the file */
	size_t n_regexes;
};

struct router {
	struct route_rule *rules; /* in the order of the specs */
	size_t n_rules;
	struct method_set methods;
	struct table hosts;                /* name -> route_group */
	struct table wildcards;            /* name behind "*." -> route_group */
	size_t wildcard_min, wildcard_max; /* bytes of their names */
	struct route_group *any;           /* NULL: no rule without host */
	route_fact_fn read_fact;
};

#endif
