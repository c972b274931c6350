/*
 * How a request may be repeated, as it is written: the blocks `retry` and `hedge` of an upstream,
 * of a route, and of the defaults of a listener. upstream/rules.h has what is made of them.
 * Immutable while in force.
 */
#ifndef ROUTE_REPEATS_H
#define ROUTE_REPEATS_H

#include "base/str.h"

/* `retry:` */
struct retry_conf {
	sluice_strs on, methods;
	uint64_t tries;           /* 0: not given */
	uint64_t budget;          /* hundredths of a percent */
	uint64_t within, backoff; /* ms */
	uint64_t max_body;
};

/* `hedge:` */
struct hedge_conf {
	sluice_str after;
	uint64_t max;
	bool grpc;
};

extern const sluice_option retry_options[], hedge_options[];

#endif
