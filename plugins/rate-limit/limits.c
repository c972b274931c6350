/* The limits of an instance: see limits.h. */
#include "limits.h"

#include <inttypes.h>
#include <sluice/str.h>
#include <stdio.h>

#include "fields.h"
#include "key.h"
#include "script.h"

#define NS_PER_MS UINT64_C(1000000)
enum { INTERVAL_MIN_NS = 1000, PLAN_MAX = 64, OPTION = 128 };

/* ---- configuration ------------------------------------------------------------------------- */

static void report(sluice_instance *inst, const struct limit *l, const char *option,
	const char *text)
{
	char path[OPTION];
	(void)snprintf(path, sizeof(path), "rates.%.*s", (int)l->plan.len, l->plan.data);
	sluice_conf_error(inst, l->plan.data ? path : option, "%s", text);
}

static int check_rate(sluice_instance *inst, const struct rate_limit *r, struct limit *l)
{
	char text[OPTION];
	if (l->rate.count == 0 || l->rate.period_ms == 0) {
		report(inst, l, "rate", "must allow something");
		return -1;
	}
	if (l->burst == 0)
		l->burst = l->rate.count;
	if (r->cost > l->burst) {
		(void)snprintf(text, sizeof(text),
			"%s more than burst (%" PRIu64 "): no request would ever pass",
			l->plan.data ? "cost is" : "is", l->burst);
		report(inst, l, "cost", text);
		return -1;
	}
	if (l->rate.period_ms > GCRA_DEPTH_MAX / NS_PER_MS ||
		!gcra_init(&l->gcra, l->rate.count, l->rate.period_ms * NS_PER_MS, l->burst,
			r->cost)) {
		report(inst, l, "burst",
			"at this rate it would take more than 36 years to come back");
		return -1;
	}
	if (l->gcra.interval < INTERVAL_MIN_NS) {
		report(inst, l, "rate", "more than a million in a second cannot be counted");
		return -1;
	}
	return 0;
}

static int check_plans(sluice_instance *inst, const struct rate_limit *r)
{
	struct limit *v = r->rates.v;
	int rc = 0;
	if ((r->plan != NULL) != (r->rates.n > 0)) {
		sluice_conf_error(inst, r->plan ? "plan" : "rates", "needs %s",
			r->plan ? "rates: the rate of each plan"
				: "plan: the fact that names a caller's plan");
		sluice_conf_hint(inst, "plan: consumer:plan, rates: { gold: 1000/min }");
		return -1;
	}
	for (size_t i = 0; i < r->rates.n; i++) {
		if (v[i].plan.len == 0 || v[i].plan.len > PLAN_MAX) {
			sluice_conf_error(inst, "rates",
				"has a plan whose name is not 1 to %d bytes", PLAN_MAX);
			return -1;
		}
		v[i].key_part = key_plan(inst, v[i].plan);
		if (check_rate(inst, r, &v[i]) < 0)
			rc = -1;
	}
	return rc;
}

static void finish(sluice_instance *inst, const struct rate_limit *r, struct limit *l)
{
	fields_policy(inst, r, l);
	script_args(inst, r, l);
}

int limits_check(sluice_instance *inst, struct rate_limit *r)
{
	struct limit *v = r->rates.v;
	r->others.rate = r->rate;
	r->others.burst = r->burst;
	if (check_rate(inst, r, &r->others) < 0 || check_plans(inst, r) < 0)
		return -1;
	finish(inst, r, &r->others);
	for (size_t i = 0; i < r->rates.n; i++)
		finish(inst, r, &v[i]);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

static const struct limit *find(const struct rate_limit *r, sluice_str plan)
{
	const struct limit *v = r->rates.v;
	for (size_t i = 0; i < r->rates.n; i++) {
		if (sluice_str_eq(v[i].plan, plan))
			return &v[i];
	}
	return &r->others;
}

enum limit_choice limits_choose(sluice_exchange *x, const struct rate_limit *r,
	const struct limit **out)
{
	sluice_str plan;
	*out = &r->others;
	if (!r->plan)
		return LIMIT_CHOSEN;
	switch (sluice_expr_read(x, r->plan, &plan)) {
	case SLUICE_READ_ONE:
		*out = find(r, plan);
		return LIMIT_CHOSEN;
	case SLUICE_READ_NONE:
		return LIMIT_CHOSEN;
	case SLUICE_READ_MANY:
		return LIMIT_MANY;
	case SLUICE_READ_FAIL:
	default:
		return LIMIT_FAIL;
	}
}
