/* The metrics page and its last families, those of servers. */
#include "admin/metrics.h"

#include <stdlib.h>

#include "admin/dependencies.h"
#include "admin/servers.h"
#include "base/clock.h"
#include "obs/metric.h"
#include "tls/server.h"

enum server_number {
	NUMBER_UP,
	NUMBER_BARRED,
	NUMBER_IN_FLIGHT,
	NUMBER_REQUESTS,
	NUMBER_FAILURES,
	NUMBER_EJECTIONS,
	SERVER_NUMBERS
};

static const struct {
	const char *name, *help;
	enum metric_type type;
} numbers[SERVER_NUMBERS] = {
	[NUMBER_UP] = { "upstream_server_up",
		"1: the server gets requests; 0: no worker sends it any.", METRIC_GAUGE },
	[NUMBER_BARRED] = { "upstream_server_barred",
		"1: an operator has drained or disabled the server, or set its weight to 0.",
		METRIC_GAUGE },
	[NUMBER_IN_FLIGHT] = { "upstream_server_in_flight",
		"Requests the server has not answered yet.", METRIC_GAUGE },
	[NUMBER_REQUESTS] = { "upstream_server_requests", "Requests sent to the server.",
		METRIC_COUNTER },
	[NUMBER_FAILURES] = { "upstream_server_failures",
		"Requests and connections the server failed.", METRIC_COUNTER },
	[NUMBER_EJECTIONS] = { "upstream_server_ejections",
		"Times that a worker took the server out for its failures.", METRIC_COUNTER },
};

static uint64_t server_value(const struct server_sum *s, enum server_number number)
{
	enum server_state state = server_state(s);
	switch (number) {
	case NUMBER_UP:
		return state == SERVER_UP || state == SERVER_PARTLY_UP;
	case NUMBER_BARRED:
		return state == SERVER_DRAINED || state == SERVER_DISABLED;
	case NUMBER_IN_FLIGHT:
		return s->sum.in_flight;
	case NUMBER_REQUESTS:
		return s->sum.requests;
	case NUMBER_FAILURES:
		return s->sum.failures;
	case NUMBER_EJECTIONS:
		return s->sum.ejected;
	default:
		check(false, "servers have no number %d", (int)number);
	}
}

/* Which server a sample is of; room for one more label. */
struct server_labels {
	sluice_pair v[4];
	size_t n;
};

static struct server_labels server_labels(const struct server_sum *s)
{
	return (struct server_labels){ { { STR("upstream"), s->sum.upstream },
					       { STR("server"), s->sum.address },
					       { STR("host"), s->sum.host } },
		s->sum.host.len ? 3 : 2 };
}

/* ---- active checks ------------------------------------------------------------------------- */

static bool server_is_checked(const struct server_sum *s)
{
	return s->sum.record.checked_ms && s->sum.record.verdict != CHECKED_NEVER;
}

static void metrics_check_failures(struct buf *out, const struct server_sum *s)
{
	struct server_labels l = server_labels(s);
	for (int i = 0; i < CHECK_RESULTS; i++) {
		uint64_t n = s->sum.record.n_results[i];
		if (i == CHECK_PASSED || !n)
			continue;
		l.v[l.n] = (sluice_pair){ STR("reason"),
			str_of(check_result_name((enum check_result)i)) };
		metric_sample(out, "server_check_failures", METRIC_COUNTER, l.v, l.n + 1, n);
	}
}

enum check_family { CHECKS_UP, CHECKS_TIME, CHECKS_PASSED, CHECKS_FAILED, CHECK_FAMILIES };

static void metrics_check(struct buf *out, const struct server_sum *s, enum check_family family)
{
	const struct server_labels l = server_labels(s);
	const struct record_view *r = &s->sum.record;
	if (family == CHECKS_UP)
		metric_sample(out, "server_check_up", METRIC_GAUGE, l.v, l.n,
			r->verdict == CHECKED_UP);
	else if (family == CHECKS_TIME)
		metric_sample_us(out, "server_check_duration_seconds", l.v, l.n, r->latency_us);
	else if (family == CHECKS_PASSED)
		metric_sample(out, "server_check_passes", METRIC_COUNTER, l.v, l.n,
			r->n_results[CHECK_PASSED]);
	else
		metrics_check_failures(out, s);
}

static void metrics_checks(struct buf *out, const struct server_sum *all, size_t n)
{
	static const struct {
		const char *name, *help;
		enum metric_type type;
	} families[CHECK_FAMILIES] = {
		{ "server_check_up", "1: the server's active checks pass; 0: they fail.",
			METRIC_GAUGE },
		{ "server_check_duration_seconds", "What its last check took.", METRIC_GAUGE },
		{ "server_check_passes", "Its checks that passed.", METRIC_COUNTER },
		{ "server_check_failures", "Its checks that failed, by reason.", METRIC_COUNTER },
	};
	bool any = false;
	for (size_t i = 0; i < n; i++)
		any |= server_is_checked(&all[i]);
	for (int k = 0; k < CHECK_FAMILIES && any; k++) {
		metric_family(out, families[k].name, families[k].type, families[k].help);
		for (size_t i = 0; i < n; i++) {
			if (server_is_checked(&all[i]))
				metrics_check(out, &all[i], (enum check_family)k);
		}
	}
}

/* ---- certificates -------------------------------------------------------------------------- */

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
			const struct server_labels l = server_labels(&all[i]);
			metric_sample(out, numbers[k].name, numbers[k].type, l.v, l.n,
				server_value(&all[i], (enum server_number)k));
		}
	}
	metrics_checks(out, all, total);
	free(all);
	metrics_certificates(out, snap);
	dependencies_write_metrics(out, snap);
}
