/* Servers that succeed far less often than the others. See the header. */
#include "upstream/outlier.h"

enum { SERVERS_LEAST = 3 }; /* fewer say nothing about what is usual */
/* Servers with the same rate differ by less than this. */
#define ROUNDING 1e-9

/* Of the servers that had enough requests since the last judgement. */
struct rates {
	double sum, squares;
	unsigned n;
};

/* The rate of success since the last judgement; false: there were too few requests. */
static bool outlier_rate(const struct endpoint *e, double *out)
{
	uint64_t n = e->n_requests - e->judged_requests,
		 failed = e->n_failures - e->judged_failures;
	if (!endpoint_is_wanted(e) || n < e->group->judged.requests)
		return false;
	*out = failed < n ? (double)(n - failed) / (double)n : 0;
	return true;
}

static struct rates outlier_rates(const struct endpoint_group *g)
{
	struct rates r = { 0 };
	double rate;
	list_each (at, &g->members) {
		if (!outlier_rate(container_of(at, struct endpoint, in_group), &rate))
			continue;
		r.sum += rate;
		r.squares += rate * rate;
		r.n++;
	}
	return r;
}

static void outliers_judge(struct endpoint_group *g)
{
	const struct rates r = outlier_rates(g);
	if (r.n < SERVERS_LEAST)
		return;
	double mean = r.sum / r.n, variance = r.squares / r.n - mean * mean, rate;
	double times = (double)g->judged.deviation_1000 / 1000;
	double bound = times * times * variance; /* of the square of the distance to the mean */
	if (bound < ROUNDING)
		return;
	list_each (at, &g->members) {
		struct endpoint *e = container_of(at, struct endpoint, in_group);
		if (outlier_rate(e, &rate) && rate < mean && (mean - rate) * (mean - rate) > bound)
			endpoint_eject(e, "succeeds far less often than the others");
	}
}

static void outliers_begin(struct endpoint_group *g)
{
	list_each (at, &g->members) {
		struct endpoint *e = container_of(at, struct endpoint, in_group);
		e->judged_requests = e->n_requests;
		e->judged_failures = e->n_failures;
	}
	worker_timer(g->part->worker, &g->outliers, g->judged.interval * NS_PER_MS);
}

static void outliers_on_due(struct timer *t)
{
	struct endpoint_group *g = container_of(t, struct endpoint_group, outliers);
	outliers_judge(g);
	outliers_begin(g);
}

void outliers_set(struct endpoint_group *g, const struct upstream_outliers *o, uint64_t serial)
{
	if (serial < g->serial)
		return;
	bool runs = g->judged.requests > 0;
	g->serial = serial;
	g->judged = *o;
	g->outliers.on_due = outliers_on_due;
	if (!o->requests)
		timer_stop(&g->outliers);
	else if (!runs)
		outliers_begin(g);
}
