/* Metrics of plugins, and lines of the log about an exchange. */
#include "policy/measure.h"

#include <stdio.h>

#include "base/log.h"
#include "obs/declared.h"
#include "policy/guard.h"
#include "policy/host_conf.h"
#include "policy/run.h"

/* ---- metrics ------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void measure_error(sluice_instance *inst,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_conf_error(inst, NULL, fmt, ap);
	va_end(ap);
}

const sluice_metric *host_metric_declare(sluice_instance *inst, const sluice_metric_desc *d)
{
	static const char service[] = "sluice_metric_declare()";
	struct sluice_metric_desc own = { 0 };
	const char *why;
	if (!guard_main(inst, service) || !guard_given(d, service, "the description is NULL"))
		return NULL;
	if (!inst->bind) {
		(void)guard_refuse(service, "it is for check()");
		return NULL;
	}
	memcpy(&own, d, d->size < sizeof(own) ? d->size : sizeof(own));
	const sluice_metric *m = declared_get(inst->plugin->name, inst->name, &own, &why);
	if (!m)
		measure_error(inst, "metric \"%s\": %s", own.name ? own.name : "", why);
	return m;
}

/* Whether the metric is of a kind for which the call is meant; kinds: bits. */
static bool measure_takes(const sluice_metric *m, unsigned kinds, const char *service,
	const char *why)
{
	if (!guard_given(m, service, "the metric is NULL"))
		return false;
	return likely(kinds >> m->family->kind & 1) || guard_refuse(service, why);
}

void host_metric_add(const sluice_metric *m, sluice_str value, int64_t n)
{
	unsigned kinds = n < 0 ? 1u << SLUICE_METRIC_GAUGE
			       : 1u << SLUICE_METRIC_GAUGE | 1u << SLUICE_METRIC_COUNTER;
	if (measure_takes(m, kinds, "sluice_metric_add()",
		    "it is for counters, which only grow, and for gauges"))
		declared_add(m, value, (uint64_t)n);
}

void host_metric_set(const sluice_metric *m, sluice_str value, int64_t n)
{
	if (measure_takes(m, 1u << SLUICE_METRIC_GAUGE, "sluice_metric_set()", "it is for gauges"))
		declared_set(m, value, n);
}

void host_metric_observe(const sluice_metric *m, sluice_str value, uint64_t v)
{
	if (measure_takes(m, 1u << SLUICE_METRIC_HISTOGRAM, "sluice_metric_observe()",
		    "it is for histograms"))
		declared_observe(m, value, v);
}

/* ---- lines of the log ----------------------------------------------------------------------- */

bool measure_logs(int level)
{
	return level >= LOG_ERROR && level <= LOG_DEBUG && log_is_on((enum log_level)level);
}

void measure_log(sluice_instance *inst, int level, const char *about, const char *fmt, va_list ap)
{
	char tag[HOST_LOG_TAG], text[1024], more[48] = "";
	uint64_t untold = 0;
	if (level != LOG_DEBUG &&
		!blame_quiet_is_over(&inst->told[level], MEASURE_LOG_QUIET_S, &untold))
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (untold)
		(void)snprintf(more, sizeof(more), "; %llu more since the last line",
			(unsigned long long)untold);
	host_log_tag(inst, tag);
	log_write((enum log_level)level, tag, "%s (%s)%s", text, about, more);
}

void host_log_for(sluice_exchange *x, int level, const char *fmt, va_list ap)
{
	char about[512];
	if (!guard_hook(x, "sluice_log_for()") ||
		!guard_given(fmt, "sluice_log_for()", "the text is NULL") || !measure_logs(level))
		return;
	(void)snprintf(about, sizeof(about), "request %.*s%s%.*s", STR_ARG(x->request_id),
		x->route_name.len ? " on route " : "", STR_ARG(x->route_name));
	measure_log(run_item(x)->inst, level, about, fmt, ap);
}
