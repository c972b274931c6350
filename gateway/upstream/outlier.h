/*
 * Servers that succeed far less often than the others of their upstream, though not often enough in
 * a row to count as down. Each worker judges at intervals by the requests that it sent itself: with
 * the mean and the standard deviation of the rates of all servers that had enough requests, those
 * whose rate is below mean - deviation * standard deviation rest (the statistic of Envoy's outlier
 * detection). Its worker's thread only.
 */
#ifndef UPSTREAM_OUTLIER_H
#define UPSTREAM_OUTLIER_H

#include "upstream/endpoint.h"

/* A configuration has come that has this to say; serial: of its upstream. */
void outliers_set(struct endpoint_group *g, const struct upstream_outliers *o, uint64_t serial);

#endif
