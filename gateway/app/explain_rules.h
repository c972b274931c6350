/* What `sluice explain` says about further tries and second servers. Main thread. */
#ifndef APP_EXPLAIN_RULES_H
#define APP_EXPLAIN_RULES_H

#include "app/explain.h"
#include "base/json.h"

/* Of a request that goes to u, one of the upstreams of the route that was found. Nothing where no
 * rules are configured. */
void explain_print_rules(const struct explained *e, const struct snapshot_upstream *u);
/* The members "rules", "retry" and "hedge" of the upstream's object. */
void explain_put_rules(struct json_out *o, const struct explained *e,
	const struct snapshot_upstream *u);

#endif
