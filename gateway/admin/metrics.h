/* GET /metrics: the numbers of obs/metric, the workers' view of every server, and when certificates
 * expire. Main thread. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "admin/gather.h"
#include "proxy/snapshot.h"

/* The whole page, appended to out. snap: the configuration in force; NULL: none yet. v: the answers
 * of n workers. */
void metrics_write(struct buf *out, const struct snapshot *snap, const struct gather_answer *v,
	unsigned n);

#endif
