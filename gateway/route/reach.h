/*
 * Routes that do not do what the file seems to say: those that no request can reach, and those that
 * are served without TLS although another route seems to answer everything on that listener. Only
 * certain cases are reported. Main thread, when a configuration is checked.
 */
#ifndef ROUTE_REACH_H
#define ROUTE_REACH_H

#include "route/router.h"

enum route_trouble {
	ROUTE_NEVER_MATCHES, /* its expression matches no path: a path begins with "/" */
	ROUTE_UNREACHABLE,   /* other takes every request that it matches */
	/* the route takes requests on the listener without TLS that other is bound to */
	ROUTE_WITHOUT_TLS,
};

/* How much of a route it concerns. */
enum route_extent {
	ROUTE_WHOLE,
	ROUTE_ONE_HOST, /* a member of its list of hosts, with all paths */
	ROUTE_ONE_PATH, /* a member of its list of paths, with all hosts */
};

struct route_warning {
	const struct route_rule *rule;
	enum route_extent extent;
	uint16_t index;                 /* ONE_HOST, ONE_PATH: which one */
	const struct route_rule *other; /* NULL for ROUTE_NEVER_MATCHES */
	enum route_trouble trouble;
};
typedef void (*route_warning_fn)(void *ctx, const struct route_warning *w);

/* Report each route that no request can reach, and each of its hosts and paths through which none
 * can, with the first route that takes these requests. A route that takes them itself, by another
 * host or path, is not told. */
void reach_check(const struct router *r, route_warning_fn fn, void *ctx);
/*
 * Routes are compared by host first, then by path; `listener` is only a condition. Often a route is
 * bound to a listener without TLS and is meant to answer every request there, mostly with a
 * redirect. It loses against each route with a host or a longer path. Report those routes when they
 * name no listener themselves: each pair of routes once. is_plain: whether the listener of that
 * name is without TLS.
 */
void reach_check_without_tls(const struct router *r,
	bool (*is_plain)(void *ctx, sluice_str listener), route_warning_fn fn, void *ctx);

/* For the tests: the bytes that each match of an expression begins with, at most cap of them,
 * written to out. *whole is set when the expression matches these bytes and nothing else. */
size_t regex_prefix(sluice_str expression, char *out, size_t cap, bool *whole);

#endif
