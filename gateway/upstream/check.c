/* Active checks: when, and what follows. See the header. */
#include "upstream/check.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "upstream/check_probe.h"

struct check {
	struct endpoint *endpoint; /* borrowed: it owns this */
	struct check_plan *plan;   /* shared: ref */
	struct check_plan *used;   /* shared: ref, of the probe; NULL: none is under way */
	struct check_probe *probe; /* owned; NULL: none is under way */
	struct timer timer;        /* to the next */
	unsigned passed, failed;   /* in a row */
	bool is_awaited;           /* the first has not ended */
};

static void check_arrive(struct check *c)
{
	if (c->is_awaited)
		records_arrive();
	c->is_awaited = false;
}

/* Let the verdict be that, and everybody know. */
static void check_decide(struct check *c, enum record_verdict v)
{
	struct record *r = c->endpoint->record;
	enum record_verdict was = atomic_exchange(&r->verdict, (uint8_t)v);
	if (was == v || (was != CHECKED_DOWN && v != CHECKED_DOWN))
		return; /* nothing changes for requests */
	endpoint_look_at_verdict(c->endpoint);
	record_tell(r);
}

static void check_tell(const struct check *c, const struct check_end *end, bool is_up)
{
	const struct record *r = c->endpoint->record;
	unsigned ms = (unsigned)(end->took_ns / NS_PER_MS);
	if (is_up)
		log_info("upstream", "%.*s: server %s is up: its checks pass (%u ms)",
			STR_ARG(r->upstream), r->address, ms);
	else if (end->status)
		log_warn("upstream", "%.*s: server %s is down: its checks fail: %s %u (%u ms)",
			STR_ARG(r->upstream), r->address, check_result_name(end->result),
			end->status, ms);
	else
		log_warn("upstream", "%.*s: server %s is down: its checks fail: %s (%u ms)",
			STR_ARG(r->upstream), r->address, check_result_name(end->result), ms);
}

static void check_judge(struct check *c, const struct check_end *end)
{
	const struct upstream_check *conf = &c->used->conf;
	uint8_t verdict = atomic_load(&c->endpoint->record->verdict);
	bool passed = end->result == CHECK_PASSED;
	c->passed = passed ? c->passed + 1 : 0;
	c->failed = passed ? 0 : c->failed + 1;
	bool rises = passed && verdict != CHECKED_UP &&
		(verdict == CHECKED_NEVER || c->passed >= conf->rise);
	bool falls = !passed && verdict != CHECKED_DOWN &&
		(verdict == CHECKED_NEVER || c->failed >= conf->fall);
	if (passed)
		record_end_silence(c->endpoint->record);
	if (falls || (rises && verdict == CHECKED_DOWN))
		check_tell(c, end, rises);
	if (rises || falls)
		check_decide(c, rises ? CHECKED_UP : CHECKED_DOWN);
}

static void check_note(struct record *r, const struct check_end *end)
{
	atomic_store(&r->last_result, (uint8_t)end->result);
	atomic_store(&r->last_status, (uint16_t)end->status);
	atomic_store(&r->checked_ms, clock_unix_ms());
	atomic_store(&r->latency_us, end->took_ns / 1000);
	atomic_fetch_add(&r->n_results[end->result], 1);
}

/* The time to the next one varies, so that the checks of many servers spread. */
static uint64_t check_pause(const struct check *c)
{
	uint64_t every = c->plan->conf.every * NS_PER_MS;
	uint64_t vary = every / 10000 * c->plan->conf.jitter;
	return every - vary + vary / 512 * upstream_random(c->endpoint->part, 1024);
}

static void check_wait(struct check *c)
{
	worker_timer(c->endpoint->part->worker, &c->timer, check_pause(c));
}

/* A shorter `every` is in force at once. */
static void check_hurry(struct check *c)
{
	uint64_t now = worker_now(c->endpoint->part->worker);
	if (!c->probe && c->timer.due_ns > now + c->plan->conf.every * NS_PER_MS)
		check_wait(c);
}

static void check_on_end(void *ctx, const struct check_end *end)
{
	struct check *c = ctx;
	c->probe = NULL;
	if (!end->is_void) {
		check_note(c->endpoint->record, end);
		check_judge(c, end);
	}
	check_plan_unref(&c->used);
	check_arrive(c);
	check_wait(c);
}

static void check_on_due(struct timer *t)
{
	struct check *c = container_of(t, struct check, timer);
	struct endpoint *e = c->endpoint;
	if (e->order == ORDER_DISABLED) {
		check_arrive(c);
		check_wait(c);
		return;
	}
	c->used = check_plan_ref(c->plan);
	c->probe = check_probe_start(e->part->worker, c->used, e->record, check_on_end, c);
}

void check_now(struct endpoint *e)
{
	if (e->check && !e->check->probe) {
		timer_stop(&e->check->timer);
		check_on_due(&e->check->timer);
	}
}

static void check_begin(struct endpoint *e, struct check_plan *plan)
{
	struct check *c = mem_new(struct check);
	c->endpoint = e;
	c->plan = check_plan_ref(plan);
	timer_init(&c->timer, check_on_due);
	c->is_awaited = true;
	records_await();
	e->check = c;
	worker_timer(e->part->worker, &c->timer, 0); /* the first at once */
}

/* What was found out stays. */
static void check_end(struct endpoint *e)
{
	struct check *c = e->check;
	e->check = NULL;
	check_arrive(c);
	check_probe_cancel(&c->probe);
	timer_drop(&c->timer);
	check_plan_unref(&c->used);
	check_plan_unref(&c->plan);
	free(c);
}

void check_stop(struct endpoint *e)
{
	if (!e->check)
		return;
	check_decide(e->check, CHECKED_NEVER);
	check_end(e);
}

/* Two endpoints are one server where a reload changed its TLS: the younger configuration checks it.
 */
static bool check_take_over(struct endpoint *e, uint64_t serial)
{
	list_each (at, endpoint_bucket(e->part, endpoint_address(e))) {
		struct endpoint *o = container_of(at, struct endpoint, at);
		if (o == e || o->record != e->record || !o->check)
			continue;
		if (o->bounds.serial > serial)
			return false;
		check_end(o);
	}
	return true;
}

static bool check_is_of_this_worker(const struct endpoint *e, const struct check_plan *plan)
{
	sluice_str address = str_n(e->address, e->address_len);
	return hash_str(address) % (plan->workers ? plan->workers : 1) == e->part->worker->id;
}

void check_set(struct endpoint *e, struct check_plan *plan, uint64_t serial)
{
	if (serial < e->bounds.serial)
		return;
	if (!plan || !check_is_of_this_worker(e, plan)) {
		check_stop(e);
	} else if (e->check) {
		check_plan_unref(&e->check->plan);
		e->check->plan = check_plan_ref(plan);
		check_hurry(e->check);
	} else if (check_take_over(e, serial)) {
		check_begin(e, plan);
	}
}
