/*
 * The metrics page: the counters of base/stat and base/series in the text exposition format 0.0.4
 * of Prometheus. Writing it sums up the workers' counters and never blocks a worker. Main thread.
 */
#ifndef OBS_METRIC_H
#define OBS_METRIC_H

#include "net/buf.h"

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The page, appended to out: build, process, numbers and series. */
void metric_write(struct buf *out);

/* Further metrics, after metric_write(): a family, then its samples. name is without `sluice_` and,
 * for a counter, without `_total`. */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE };
void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help);
/* Label values may be of any bytes. */
void metric_sample(struct buf *out, const char *name, enum metric_type type,
	const sluice_pair *labels, size_t n, uint64_t v);
/* The same for a time in microseconds, shown in seconds. */
void metric_sample_us(struct buf *out, const char *name, const sluice_pair *labels, size_t n,
	uint64_t us);

#endif
