/* The metrics page and its last families, those of servers. */
#include "admin/metrics.h"

#include <stdlib.h>

#include "admin/servers.h"
#include "base/clock.h"
#include "obs/metric.h"
#include "tls/server.h"

enum server_number {
	SERVER_UP,
	SERVER_IN_FLIGHT,
	SERVER_REQUESTS,
	SERVER_FAILURES,
	SERVER_NUMBERS
};

static const struct {
	const char *name, *help;
	enum metric_type type;
} numbers[SERVER_NUMBERS] = {
	[SERVER_UP] = { "upstream_server_up",
		"1: the server gets requests; 0: no worker sends it any.", METRIC_GAUGE },
	[SERVER_IN_FLIGHT] = { "upstream_server_in_flight",
		"Requests the server has not answered yet.", METRIC_GAUGE },
	[SERVER_REQUESTS] = { "upstream_server_requests", "Requests sent to the server.",
		METRIC_COUNTER },
	[SERVER_FAILURES] = { "upstream_server_failures",
		"Requests and connections the server failed.", METRIC_COUNTER },
};

static uint64_t server_value(const struct server_sum *s, enum server_number number)
{
	switch (number) {
	case SERVER_UP:
		return s->in_state[ENDPOINT_UP] > 0;
	case SERVER_IN_FLIGHT:
		return s->sum.in_flight;
	case SERVER_REQUESTS:
		return s->sum.requests;
	case SERVER_FAILURES:
		return s->sum.failures;
	default:
		check(false, "servers have no number %d", (int)number);
	}
}

enum { SECONDS_OF_DAY = 86400 };

static void metrics_certificate(struct buf *out, sluice_str listener,
	const struct tls_certificate_facts *f, bool days)
{
	const sluice_pair labels[] = { { STR("listener"), listener },
		{ STR("certificate"), str_of(f->path) } };
	int64_t now = (int64_t)(clock_unix_ms() / 1000), left = f->expires_s - now;
	if (days)
		metric_sample(out, "certificate_days_left", METRIC_GAUGE, labels, 2,
			left > 0 ? (uint64_t)(left / SECONDS_OF_DAY) : 0);
	else
		metric_sample(out, "certificate_expiry_timestamp_seconds", METRIC_GAUGE, labels, 2,
			f->expires_s > 0 ? (uint64_t)f->expires_s : 0);
}

/* The certificates of the configuration in force. */
static void metrics_certificates(struct buf *out, const struct snapshot *snap)
{
	static const struct {
		const char *name, *help;
	} families[] = {
		{ "certificate_expiry_timestamp_seconds",
			"When a listener's certificate is valid no more." },
		{ "certificate_days_left",
			"Whole days until a listener's certificate is valid no more; 0: less than "
			"one, or expired." },
	};
	for (int days = 0; days < 2; days++) {
		bool begun = false;
		for (size_t i = 0; snap && i < snap->n_listeners; i++) {
			const struct snapshot_listener *l = &snap->listeners[i];
			const struct tls_certificate_facts *v;
			size_t n = l->tls ? tls_server_certificates(l->tls, &v) : 0;
			if (n && !begun)
				metric_family(out, families[days].name, METRIC_GAUGE,
					families[days].help);
			begun = begun || n;
			for (size_t k = 0; k < n; k++)
				metrics_certificate(out, l->conf->name, &v[k], days);
		}
	}
}

void metrics_write(struct buf *out, const struct snapshot *snap, const struct gather_answer *v,
	unsigned n)
{
	size_t total;
	unsigned silent = 0;
	struct server_sum *all = servers_merge(v, n, &total);
	metric_write(out);
	for (unsigned i = 0; i < n; i++)
		silent += v[i].silent;
	metric_family(out, "workers_silent", METRIC_GAUGE,
		"Workers that did not answer the admin address in time.");
	metric_sample(out, "workers_silent", METRIC_GAUGE, NULL, 0, silent);
	for (int k = 0; k < SERVER_NUMBERS && total; k++) {
		metric_family(out, numbers[k].name, numbers[k].type, numbers[k].help);
		for (size_t i = 0; i < total; i++) {
			const sluice_pair labels[] = { { STR("upstream"), all[i].sum.upstream },
				{ STR("server"), all[i].sum.address },
				{ STR("host"), all[i].sum.host } };
			metric_sample(out, numbers[k].name, numbers[k].type, labels,
				all[i].sum.host.len ? 3 : 2,
				server_value(&all[i], (enum server_number)k));
		}
	}
	free(all);
	metrics_certificates(out, snap);
}
