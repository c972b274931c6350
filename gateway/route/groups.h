/* The inside of a router: its rules by host and path. For route/ alone. */
#ifndef ROUTE_GROUPS_H
#define ROUTE_GROUPS_H

#include "route/router.h"
#include "route/table.h"
#include "route/trie.h"

/* Whether an entry takes HEAD. */
enum route_head {
	HEAD_NO,
	HEAD_LIKE_ALL, /* the rule names no methods */
	HEAD_LIKE_GET, /* the rule lists GET alone */
	HEAD_LISTED,
};

/* A rule at one of its hosts and paths. */
struct route_place {
	uint64_t methods; /* of the rule, like the number of its conditions: to be near */
	uint16_t n_conditions;
	uint8_t head; /* enum route_head */
	bool is_last; /* of the rule */
	struct route_entry entry;
	const struct host_pattern *host; /* both of the rule */
	const struct path_pattern *path;
	/* of the first expression with this text among those of the host: expressions are tried in
	   this order */
	uint32_t order;
	/* the next one of the same host and path, with as many conditions or fewer, or last */
	const struct route_place *next;
};

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
	struct route_place *places; /* rule by rule; of each path by path, host by host */
	size_t n_places;
	struct method_set methods;
	uint64_t taken;                    /* methods that any rule takes */
	struct table hosts;                /* name -> route_group */
	struct table wildcards;            /* name behind "*." -> route_group */
	size_t wildcard_min, wildcard_max; /* bytes of their names */
	struct route_group *any;           /* NULL: no rule without host */
	route_fact_fn read_fact;
};

/* Negative when a search comes to a before it comes to b, positive when after; 0 when no request
 * meets both, or their rules overlap. For HEAD it is not all: enum route_head. */
int place_compare(const struct route_place *a, const struct route_place *b);

#endif
