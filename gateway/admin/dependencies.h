/* What the instances of a configuration depend on outside of the gateway, as the admin address
 * tells it. Main thread. */
#ifndef ADMIN_DEPENDENCIES_H
#define ADMIN_DEPENDENCIES_H

#include "base/json.h"
#include "net/buf.h"
#include "proxy/snapshot.h"

/* How many of them readiness waits for. snap NULL: none. */
unsigned dependencies_awaited(const struct snapshot *snap, uint64_t started_ns);
/* A string for each of these: why /readyz says no. */
void dependencies_write_reasons(struct json_out *o, const struct snapshot *snap,
	uint64_t started_ns);
/* An array of all, for the status document. */
void dependencies_write(struct json_out *o, const struct snapshot *snap);
/* Their families of the metrics page. */
void dependencies_write_metrics(struct buf *out, const struct snapshot *snap);

#endif
