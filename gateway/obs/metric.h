/*
 * The metrics page: all that base/stat and base/series counted, as Prometheus reads it (text
 * exposition format 0.0.4). The reader sums up what the workers count; it never holds one up. Main
 * thread.
 */
#ifndef OBS_METRIC_H
#define OBS_METRIC_H

#include "net/buf.h"

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The page, appended to out: build, process, numbers and series. */
void metric_write(struct buf *out);

/* More of one's own, behind it: a family, then its samples. name without `sluice_`, of a counter
 * without `_total`. */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE };
void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help);
/* Label values may be of any bytes. */
void metric_sample(struct buf *out, const char *name, enum metric_type type,
	const sluice_pair *labels, size_t n, uint64_t v);

#endif
