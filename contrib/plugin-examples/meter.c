/*
 * meter: count what the requests of a route do, by a fact of the operator's choice: how they end,
 * how long they take, how many are under way. Shows metrics, numbers, and a line of the log about a
 * request.
 */
#include <sluice/plugin.h>

struct meter {
	const sluice_expr *by;
	uint64_t slow; /* ms */
	const sluice_metric *ended, *seconds, *busy;
};

#define M struct meter
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_EXPR, M, by, .def = "method",
		.doc = "fact by whose values requests are told apart"),
	SLUICE_OPTION(SLUICE_T_DURATION, M, slow, .def = "10s",
		.doc = "what takes longer has a line in the log"),
	SLUICE_OPTIONS_END,
};

/* microseconds */
static const uint64_t bounds[] = { 1000, 10000, 100000, 1000000, 10000000 };

static int meter_check(sluice_instance *inst, void *conf)
{
	struct meter *m = conf;
	m->ended = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_COUNTER,
			.name = "requests",
			.help = "Requests that ended, by the fact that the option `by` names.",
			.label = "by" });
	m->seconds = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_HISTOGRAM,
			.name = "duration_seconds",
			.help = "How long requests took.",
			.bounds = bounds,
			.n_bounds = sizeof(bounds) / sizeof(bounds[0]),
			.divisor = 1000000 });
	m->busy = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_GAUGE,
			.name = "in_progress",
			.help = "Requests under way." });
	return m->ended && m->seconds && m->busy ? 0 : -1;
}

static sluice_verdict meter_on_request(sluice_exchange *x, const void *conf)
{
	const struct meter *m = conf;
	(void)x;
	sluice_metric_add(m->busy, SLUICE_STR(""), 1);
	return SLUICE_NEXT;
}

static sluice_verdict meter_on_complete(sluice_exchange *x, const void *conf)
{
	const struct meter *m = conf;
	sluice_str by = sluice_expr_value(x, m->by);
	int64_t us = sluice_number(x, SLUICE_N_DURATION_US);
	sluice_metric_add(m->busy, SLUICE_STR(""), -1);
	sluice_metric_add(m->ended, by, 1);
	sluice_metric_observe(m->seconds, SLUICE_STR(""), (uint64_t)us);
	if ((uint64_t)us > m->slow * 1000)
		sluice_log_for(x, SLUICE_LOG_WARN, "took %lld ms, and ended with %lld",
			(long long)us / 1000, (long long)sluice_number(x, SLUICE_N_STATUS));
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("meter", .version = "1.0", .summary = "count requests by a fact", .options = options,
	.conf_size = sizeof(struct meter), .check = meter_check, .on_request = meter_on_request,
	.on_complete = meter_on_complete);
