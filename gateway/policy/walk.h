/* What the files of policy/ share about a running exchange, and nobody else needs. */
#ifndef POLICY_WALK_H
#define POLICY_WALK_H

#include "base/clock.h"
#include "policy/run.h"
#include "policy/running.h"

struct run_attr {
	struct run_attr *next;
	sluice_str name, value;
};

struct run_namespace {
	struct run_namespace *next;
	sluice_str name;
	sluice_attr_fn fn;
	void *ctx;
};

struct run_state {
	struct run_state *next;
	void *data;
	uint32_t at; /* the plugin */
};

struct run_cleanup {
	struct run_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
	const sluice_instance *inst; /* whose it is */
};

/* The plugin that runs. */
const struct chain_item *run_item(const sluice_exchange *x);
/* Around every call of a plugin's code in an exchange: says what runs, counts it, and measures the
 * time of the first RUN_SAMPLE calls and of one in RUN_SAMPLE after that, which then stands for all
 * of them. */
enum { RUN_SAMPLE = 16 };
static inline uint64_t run_enter(const sluice_exchange *x, const struct chain_item *item)
{
	running_set(x->worker, item->inst, x->phase, x);
	uint64_t n = x->slots[item->slot]->calls++;
	series_add(item->inst->calls, 1);
	return likely(n >= RUN_SAMPLE && n % RUN_SAMPLE) ? 0 : clock_ns();
}
static inline void run_leave(const sluice_exchange *x, const struct chain_item *item,
	uint64_t entered)
{
	running_clear(x->worker);
	if (unlikely(entered))
		series_add(item->inst->time,
			(clock_ns() - entered) *
				(x->slots[item->slot]->calls > RUN_SAMPLE ? RUN_SAMPLE : 1));
}

/* What a hook's verdict means for the walk. */
enum run_result run_settle(sluice_exchange *x, sluice_verdict v);
/* What an exchange was parked for is here: go on with the verdict of its callback. */
void run_resume(sluice_exchange *x, sluice_verdict v);

#endif
