/* Services about metrics, and lines of the log about an exchange. See sluice/plugin.h. */
#ifndef POLICY_MEASURE_H
#define POLICY_MEASURE_H

#include <stdarg.h>

#include <sluice/plugin.h>

enum { MEASURE_LOG_QUIET_S = 1 };

const sluice_metric *host_metric_declare(sluice_instance *inst, const sluice_metric_desc *d);
void host_metric_add(const sluice_metric *m, sluice_str value, int64_t n);
void host_metric_set(const sluice_metric *m, sluice_str value, int64_t n);
void host_metric_observe(const sluice_metric *m, sluice_str value, uint64_t v);
void host_log_for(sluice_exchange *x, int level, const char *fmt, va_list ap);

#endif
