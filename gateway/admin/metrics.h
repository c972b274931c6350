/* GET /metrics: what obs/metric tells, and what only the workers know: their view of every server. Main thread. */
#ifndef ADMIN_METRICS_H
#define ADMIN_METRICS_H

#include "admin/gather.h"

/* The whole page, appended to out. v: the answers of n workers. */
void metrics_write(struct buf *out, const struct gather_answer *v, unsigned n);

#endif
