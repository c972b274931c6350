/* Services about metrics, and lines of the log about an exchange or a connection. See
 * sluice/plugin.h. */
#ifndef POLICY_MEASURE_H
#define POLICY_MEASURE_H

#include <stdarg.h>

#include <sluice/plugin.h>

enum { MEASURE_LOG_QUIET_S = 1 };

const sluice_metric *host_metric_declare(sluice_instance *inst, const sluice_metric_desc *d);
void host_metric_add(const sluice_metric *m, sluice_str value, int64_t n);
void host_metric_set(const sluice_metric *m, sluice_str value, int64_t n);
void host_metric_observe(const sluice_metric *m, sluice_str value, uint64_t v);

/* Whether a line of that level is written at all. */
bool measure_logs(int level);
/* Write a line of an instance's, of a level that is; about: of what it tells. */
__attribute__((format(printf, 4, 0))) void measure_log(sluice_instance *inst, int level,
	const char *about, const char *fmt, va_list ap);
void host_log_for(sluice_exchange *x, int level, const char *fmt, va_list ap);

#endif
