/*
 * What a route bounds of each of its requests: times and sizes. A listener has the same block for
 * routes that say nothing (`defaults`). Immutable while in force.
 */
#ifndef ROUTE_LIMITS_H
#define ROUTE_LIMITS_H

#include "base/str.h"
#include "route/repeats.h"

/* milliseconds; whether one was given, bind_given() tells */
struct route_timeouts {
	uint64_t request;    /* the whole request; 0: no bound */
	uint64_t response;   /* longest silence before the response begins */
	uint64_t idle;       /* longest silence within a body */
	uint64_t try;        /* of one server; 0: that of the upstream */
	sluice_str deadline; /* name of the field in which clients say how long they wait */
};

struct route_defaults {
	struct route_timeouts timeouts;
	struct retry_conf retry; /* where it is given: bind_given() */
	struct hedge_conf hedge; /* likewise */
	uint64_t max_body;       /* bytes; 0: no bound */
};

/* `timeouts` of a route, and `defaults` of a listener. */
extern const sluice_option route_timeout_options[], route_defaults_options[];

#define ROUTE_MAX_BODY_TEXT                                                                        \
	"largest request body, in place of max_body of the listener; 0: no limit; left out: that " \
	"of the listener"

#endif
