/* The metrics page and its last families, those of servers. */
#include "admin/metrics.h"

#include <stdlib.h>

#include "admin/servers.h"
#include "obs/metric.h"

enum server_number { SERVER_UP, SERVER_IN_FLIGHT, SERVER_REQUESTS, SERVER_FAILURES, SERVER_NUMBERS };

static const struct {
	const char *name, *help;
	enum metric_type type;
} numbers[SERVER_NUMBERS] = {
	[SERVER_UP] = { "upstream_server_up", "1: the server gets requests; 0: no worker sends it any.", METRIC_GAUGE },
	[SERVER_IN_FLIGHT] = { "upstream_server_in_flight", "Requests the server has not answered yet.", METRIC_GAUGE },
	[SERVER_REQUESTS] = { "upstream_server_requests", "Requests sent to the server.", METRIC_COUNTER },
	[SERVER_FAILURES] = { "upstream_server_failures", "Requests and connections the server failed.", METRIC_COUNTER },
};

static uint64_t server_value(const struct server_sum *s, enum server_number number)
{
	switch (number) {
	case SERVER_UP: return s->in_state[ENDPOINT_UP] > 0;
	case SERVER_IN_FLIGHT: return s->sum.in_flight;
	case SERVER_REQUESTS: return s->sum.requests;
	case SERVER_FAILURES: return s->sum.failures;
	default: check(false, "servers have no number %d", (int)number);
	}
}

void metrics_write(struct buf *out, const struct gather_answer *v, unsigned n)
{
	size_t total;
	unsigned silent = 0;
	struct server_sum *all = servers_merge(v, n, &total);
	metric_write(out);
	for (unsigned i = 0; i < n; i++)
		silent += v[i].silent;
	metric_family(out, "workers_silent", METRIC_GAUGE, "Workers that did not answer the admin address in time.");
	metric_sample(out, "workers_silent", METRIC_GAUGE, NULL, 0, silent);
	for (int k = 0; k < SERVER_NUMBERS && total; k++) {
		metric_family(out, numbers[k].name, numbers[k].type, numbers[k].help);
		for (size_t i = 0; i < total; i++) {
			const sluice_pair labels[] = { { STR("upstream"), all[i].sum.upstream },
				                       { STR("server"), all[i].sum.address },
				                       { STR("host"), all[i].sum.host } };
			metric_sample(out, numbers[k].name, numbers[k].type, labels, all[i].sum.host.len ? 3 : 2,
			              server_value(&all[i], (enum server_number)k));
		}
	}
	free(all);
}
