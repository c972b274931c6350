/*
 * Routes that do not do what the file seems to say: those that no request can reach, and those that
 * are served without TLS although another route looks as if it kept requests away. Only what is
 * certain is told. Main thread, when a configuration is checked.
 */
#ifndef ROUTE_REACH_H
#define ROUTE_REACH_H

#include "route/router.h"

enum route_trouble {
	ROUTE_NEVER_MATCHES, /* its expression matches no path: a path begins with "/" */
	ROUTE_UNREACHABLE,   /* other takes every request that it matches */
	/* it takes requests of the listener without TLS that other is bound to */
	ROUTE_CLEAR,
};

struct route_warning {
	const struct route_rule *rule;
	const struct route_rule *other; /* NULL for ROUTE_NEVER_MATCHES */
	enum route_trouble trouble;
};
typedef void (*route_warning_fn)(void *ctx, const struct route_warning *w);

/* Tell of each route that no request can reach, with the first route that is in its way. */
void reach_check(const struct router *r, route_warning_fn fn, void *ctx);
/*
 * Routes are compared by host first, then by path; `listener` is only a condition. So a route that
 * is bound to a listener without TLS to answer for all that comes there, with a redirect mostly,
 * loses against each route with a host or a longer path. Tell of those that win so and are
 * themselves bound to no listener. is_plain: whether the listener of that name is without TLS.
 */
void reach_check_clear(const struct router *r, bool (*is_plain)(void *ctx, sluice_str listener),
	route_warning_fn fn, void *ctx);

/* For the tests: the bytes that each match of an expression begins with, at most cap of them,
 * written to out. *whole: it matches these and nothing else. */
size_t regex_prefix(sluice_str expression, char *out, size_t cap, bool *whole);

#endif
