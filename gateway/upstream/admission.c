/* See admission.h. */
#include "upstream/admission.h"

#include "base/mem.h"
#include "upstream/state.h"

struct admission *admission_new(const struct upstream_conf *conf, struct breaker *b,
	unsigned workers)
{
	if (!b && !conf->max_requests && !conf->is_adaptive)
		return NULL;
	struct admission *a = mem_new(struct admission);
	a->breaker = b;
	a->breaker_conf = &conf->breaker;
	a->is_adaptive = conf->is_adaptive;
	a->most = (uint32_t)((conf->max_requests + workers - 1) / workers);
	if (a->is_adaptive) {
		gradient_init(&a->gradient, &conf->adaptive, workers);
		a->most = gradient_limit(&a->gradient);
	}
	return a;
}

static uint64_t admission_now(const struct upstream_call *c)
{
	return worker_now(c->upstream->worker);
}

int admission_enter(struct admission *a, struct upstream_call *c)
{
	if (!a->breaker || c->pass.kind != PASS_NONE || c->tries)
		return 0;
	return breaker_enter(a->breaker, a->breaker_conf, admission_now(c), &c->pass)
		? 0
		: ERR_CIRCUIT_OPEN;
}

bool admission_take(struct admission *a, struct upstream_call *c)
{
	if (c->has_place)
		return true;
	if (a->most && a->n >= a->most)
		return false;
	a->n++;
	c->has_place = true;
	return true;
}

bool admission_give(struct admission *a, struct upstream_call *c)
{
	if (!c->has_place)
		return false;
	c->has_place = false;
	a->n--;
	return a->n < a->most;
}

void admission_answered(struct admission *a, struct upstream_call *c, uint64_t latency_ns)
{
	if (a->is_adaptive && gradient_sample(&a->gradient, admission_now(c), latency_ns, a->n))
		a->most = gradient_limit(&a->gradient);
}

void admission_headed(struct admission *a, struct upstream_call *c)
{
	if (c->pass.kind == PASS_TRIAL && !breaker_status_fails(a->breaker_conf, c->status))
		admission_leave(a, c, OUTCOME_OK);
}

void admission_dropped(struct admission *a, struct upstream_call *c)
{
	if (a->is_adaptive && gradient_drop(&a->gradient, admission_now(c), a->n))
		a->most = gradient_limit(&a->gradient);
}

void admission_leave(struct admission *a, struct upstream_call *c, enum breaker_outcome outcome)
{
	if (!a->breaker)
		return;
	if (outcome == OUTCOME_OK && breaker_status_fails(a->breaker_conf, c->status))
		outcome = OUTCOME_FAILED;
	breaker_leave(a->breaker, a->breaker_conf, admission_now(c), &c->pass, outcome);
}
