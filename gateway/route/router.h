/*
 * The router: all routes of a snapshot, compiled once, and the question which of them takes a
 * request. A search allocates nothing (but what reading a fact takes), takes no lock, and costs the
 * same for one route and for ten thousand. No I/O; any thread.
 *
 * The most specific route wins. Its place in the file matters for expressions only:
 *  1. host: exact, then wildcards from the longest to the shortest, then any;
 *  2. path: exact; then patterns, those with more literal segments first; of equally many, at the
 *     first segment at which they differ, a literal before {name} before the end before "*"; then
 *     expressions in the order of the file; then routes for every path (none given, or a slash and
 *     a star);
 *  3. conditions: the route that has more (methods, listener, client, each header, each query
 *     parameter, each cookie, each fact count one each).
 * A route with several hosts or paths is compared by each of them: it stands in the order once for
 * each host and path (an entry), and a request takes the first entry that it meets.
 * A route that is told to be last (route_spec.is_last) comes behind all others of its host and
 * path, whatever its conditions, and conflicts with none. When a request does not meet the
 * conditions of the most specific route, the next one is tried, down to less specific hosts. Two
 * routes with the same host, the same path and equally many conditions are a mistake when one
 * request can meet all of these conditions. Entries of one route may have that in common.
 *
 * A route that lists GET takes HEAD as well. But where another route of the same host and path
 * lists HEAD, and the request meets its conditions, that one takes it.
 */
#ifndef ROUTE_ROUTER_H
#define ROUTE_ROUTER_H

#include "route/rule.h"

struct router;

/* One host and one path of a route. */
struct route_entry {
	const struct route_rule *rule;
	uint16_t host, path; /* indexes into the rule's hosts and paths */
};

struct route_result {
	/* 0 for a match. ERR_NO_ROUTE; ERR_METHOD_NOT_ALLOWED: there are routes for other methods;
	 * ERR_PATTERN_LIMIT: an expression met its limit, or a fact could not be read. Whether its
	 * route would have won is unknown, so no route is returned. */
	int err;
	uint64_t allowed;              /* METHOD_NOT_ALLOWED: for route_allow() */
	struct route_entry entry;      /* of a match: what of the route took the request */
	struct path_captures captures; /* of a match */
};

/*
 * Compile n specs into the arena. NULL when there are mistakes, after fn was told of each. Every
 * mistake is found here, so matching cannot fail on a bad pattern. Of the specs, the router keeps
 * mark and data alone.
 */
must_use struct router *router_new(struct arena *a, const struct route_spec *specs, size_t n,
	route_error_fn fn, void *ctx);
/* How its rules read facts. Left out, no rule may have conditions on them. */
void router_reads_facts(struct router *r, route_fact_fn read);
/* To be called before the arena is freed. *r may be NULL. */
void router_free(struct router **r);

/* The rule that takes a request, or NULL; res is filled. Of the head, the method, host, path, query
 * and fields are read. A condition on what is not known (a fact, the client) is not met. Captures
 * are slices of the path, their names live as long as the router. */
const struct route_rule *route_find(const struct router *r, const struct route_asked *asked,
	struct route_result *res);
/* Fill res->allowed with the methods that routes take of such a request, whatever its own method
 * is; for the target "*" with those of all routes. res->err: 0, ERR_NO_ROUTE, ERR_PATTERN_LIMIT. */
void route_methods(const struct router *r, const struct route_asked *asked,
	struct route_result *res);
/* The value of Allow (RFC 9110 10.2.1) for res->allowed. It has OPTIONS, which the gateway answers
 * where no route takes it, and neither CONNECT nor TRACE, which it never forwards. data is NULL
 * when the arena's budget is spent. */
sluice_str route_allow(const struct router *r, const struct route_result *res, struct arena *a);

/* All rules in the order of the specs. */
size_t router_count(const struct router *r);
const struct route_rule *router_rule(const struct router *r, size_t i);
const struct method_set *router_methods(const struct router *r);

#endif
