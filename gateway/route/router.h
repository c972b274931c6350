/*
 * The router: all routes of a snapshot, compiled once, and the question which of them takes a
 * request. Finding allocates nothing, takes no lock and costs the same for one route and for ten
 * thousand. Pure: no I/O; any thread.
 *
 * The most specific route wins; where it stands in the file does not matter, but for expressions:
 *  1. host: exact, then wildcards from the longest to the shortest, then any;
 *  2. path: exact; then patterns, those with more literal segments first; of equally many, at the
 *     first segment at which they differ, a literal before {name} before the end before "*"; then
 *     expressions in the order of the file; then routes for every path (none given, or a slash and
 *     a star);
 *  3. conditions: the route that has more (methods, listener, each header, each query parameter
 *     count one each).
 * When the most specific one's conditions are not met, the next is tried, down to less specific
 * hosts. Two routes with one host and one path and equally many conditions, all of which one
 * request could meet, are a mistake.
 */
#ifndef ROUTE_ROUTER_H
#define ROUTE_ROUTER_H

#include "route/rule.h"

struct router;

struct route_result {
	/* 0 for a match. ERR_NO_ROUTE; ERR_METHOD_NOT_ALLOWED: there are routes for other methods;
	 * ERR_PATTERN_LIMIT: an expression gave up on this request, and since nobody knows whether
	 * its route would have won, none is given. */
	int err;
	uint64_t allowed;              /* METHOD_NOT_ALLOWED: for route_allow() */
	struct path_captures captures; /* of a match */
};

/*
 * Compile n specs into the arena. NULL when there are mistakes, after fn was told of each. What
 * fails once in a request's life fails here: nothing is found out while matching. The result keeps
 * nothing of the specs but mark and data.
 */
must_use struct router *router_new(struct arena *a, const struct route_spec *specs, size_t n,
	route_error_fn fn, void *ctx);
/* Before the arena goes. Also of NULL. */
void router_free(struct router **r);

/* The rule that takes a request, or NULL; res is filled. h: method, host, path, query and fields
 * count. Captures are slices of the path, their names live as long as the router. */
const struct route_rule *route_find(const struct router *r, const struct request_head *h,
	sluice_str listener, struct route_result *res);
/* After ERR_METHOD_NOT_ALLOWED: the value of Allow (RFC 9110 10.2.1). data is NULL when the arena's
 * budget is spent. */
sluice_str route_allow(const struct router *r, const struct route_result *res, struct arena *a);

/* All rules in the order of the specs. */
size_t router_count(const struct router *r);
const struct route_rule *router_rule(const struct router *r, size_t i);
const struct method_set *router_methods(const struct router *r);

#endif
