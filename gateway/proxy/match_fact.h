/* Facts that routes are chosen by: match.facts. */
#ifndef PROXY_MATCH_FACT_H
#define PROXY_MATCH_FACT_H

#include "policy/expr.h"
#include "route/regex.h"

/* In the snapshot: the key of conditions on the fact. */
struct match_fact {
	const sluice_expr *expr;
	size_t id; /* counts from 0 over all facts that routes have conditions on */
};

/* For the router (route_fact_fn): request is the struct exchange. Each fact is read once, however
 * many routes ask for it. Worker's thread. */
enum match match_fact_read(void *request, const void *key, sluice_str *out);

#endif
