/*
 * Whether one more server may be asked for a request: after one that failed, or beside one that is
 * slow. What its rules bound is time and a budget, which all requests of an upstream share.
 */
#include "base/series.h"
#include "upstream/state.h"

enum { PAUSE_DOUBLES = 5 }; /* the pause between tries grows to 32 times the first */

/* How many servers the call has asked, the one under way included. */
static unsigned call_asked(const struct upstream_call *c)
{
	return c->state == UPSTREAM_CALL_READY ? c->spent + 1u : c->spent;
}

static enum upstream_stop call_look(const struct upstream_call *c)
{
	const struct upstream *u = c->upstream;
	unsigned asked = call_asked(c);
	/* one that gave up its place would take that of another, which would take it back */
	if (!u || c->last_err == ERR_SHED || asked >= c->most || (c->only && asked))
		return UPSTREAM_OUT_OF_TRIES;
	bool found = c->rules && asked ? balance_has_sound(&u->balance, c->tried, asked)
				       : balance_has_untried(&u->balance, c->tried, asked);
	return found ? UPSTREAM_GOES_ON : UPSTREAM_OUT_OF_SERVERS;
}

void upstream_go_by(struct upstream_call *c, struct upstream *u, const struct retry_rules *r)
{
	c->rules = r;
	c->most = r->tries;
	c->first_ns = worker_now(u->worker);
	budget_request(u->asked, c->first_ns);
}

bool upstream_may_retry(const struct upstream_call *c)
{
	return call_look(c) == UPSTREAM_GOES_ON;
}

/* The second server is asked at once: what befell the first says nothing about it. Before each
 * further one there is a pause, which doubles, and has at least half its length. */
static uint64_t call_pause_length(const struct upstream_call *c)
{
	unsigned asked = call_asked(c);
	if (c->rules->backoff_ns == 0 || asked < 2)
		return 0;
	unsigned n = asked - 2;
	uint64_t ns = c->rules->backoff_ns << (n < PAUSE_DOUBLES ? n : PAUSE_DOUBLES);
	struct upstream_part *p = upstream_part_of(c->upstream->worker);
	return ns / 2 + ns / 2 * upstream_random(p, 1024) / 1024;
}

static enum upstream_stop call_take(struct upstream_call *c)
{
	struct upstream *u = c->upstream;
	const struct retry_rules *r = c->rules;
	uint64_t now = worker_now(u->worker), pause = call_pause_length(c);
	if (now - c->first_ns + pause >= r->within_ns)
		return UPSTREAM_OUT_OF_TIME;
	if (!budget_take(u->budget, r->is_given ? r->budget : BUDGET_ALL, now))
		return UPSTREAM_OUT_OF_BUDGET;
	c->pause_ns = pause;
	c->none_down = true;
	return UPSTREAM_GOES_ON;
}

static void call_count_refused(const struct upstream_call *c, const char *reason)
{
	series_add(series_find(FAMILY_UPSTREAM_RETRIES_REFUSED, c->upstream->conf->name,
			   str_of(reason)),
		1);
}

bool upstream_take_retry(struct upstream_call *c)
{
	/* a try that was none takes nothing */
	bool is_free = c->state != UPSTREAM_CALL_READY &&
		(c->verdict == VERDICT_NOT_PROCESSED || c->verdict == VERDICT_NOT_SENT);
	enum upstream_stop stop = call_look(c);
	if (stop == UPSTREAM_GOES_ON && c->rules && !is_free)
		stop = call_take(c);
	if (stop == UPSTREAM_OUT_OF_BUDGET)
		call_count_refused(c, "budget");
	else if (stop == UPSTREAM_OUT_OF_TIME)
		call_count_refused(c, "time");
	c->stop = (uint8_t)stop;
	return stop == UPSTREAM_GOES_ON;
}

/* ---- hedges -------------------------------------------------------------------------------- */

static void hedge_count(const struct upstream *u, const char *result)
{
	series_add(series_find(FAMILY_UPSTREAM_HEDGES, u->conf->name, str_of(result)), 1);
}

/* A request that waits can do without a second server; one that has failed cannot. */
static bool hedge_take_budget(struct upstream *u, const struct retry_rules *r)
{
	uint64_t now = worker_now(u->worker);
	return r->is_given ? budget_take_spare(u->budget, r->budget, now)
			   : budget_take(u->budget, r->budget, now);
}

bool upstream_hedge(struct upstream_call *c, struct upstream_call *first)
{
	struct upstream *u = first->upstream;
	unsigned asked = call_asked(first);
	/* it would wait, or take the place of one that waits */
	if (u->queue.n)
		return false;
	if (asked >= UPSTREAM_TRIES_MAX || !balance_has_sound(&u->balance, first->tried, asked))
		return false;
	if (!hedge_take_budget(u, first->rules)) {
		hedge_count(u, "refused");
		return false;
	}
	c->upstream = u;
	c->proxy_header = first->proxy_header;
	c->request = first->request;
	c->exchange = first->exchange;
	c->key = first->key; /* the next server on the ring, as a retry would ask */
	c->rules = first->rules;
	c->none_down = true;
	c->pass.kind = PASS_OTHER;
	c->priority = first->priority;
	c->first_ns = first->first_ns;
	memcpy(c->tried, first->tried, asked * sizeof(c->tried[0]));
	c->spent = (uint8_t)asked;
	c->most = (uint8_t)(asked + 1);
	return true;
}

/* Its servers become those that were tried before the one that is asked now. */
static void hedge_add_tried(struct upstream_call *first, const struct upstream_call *c)
{
	unsigned asked = call_asked(first);
	if (c->spent <= asked || asked >= UPSTREAM_TRIES_MAX)
		return;
	first->tried[asked] = first->tried[first->spent];
	first->tried[first->spent++] = c->tried[c->spent - 1];
	if (first->most < UPSTREAM_TRIES_MAX) /* it takes the place of no retry */
		first->most++;
}

void upstream_hedge_over(struct upstream_call *c, struct upstream_call *first, const char *result)
{
	hedge_count(c->upstream, result);
	const struct upstream_failure **end = &c->failures;
	while (*end)
		end = (const struct upstream_failure **)(uintptr_t) & (*end)->next;
	*end = first->failures;
	first->failures = c->failures;
	c->failures = NULL;
	first->tries += c->tries;
	hedge_add_tried(first, c);
}

void upstream_observe(struct upstream *u, uint64_t ns)
{
	latency_observe(&u->latency, ns);
}

uint64_t upstream_hedge_after(struct upstream *u, const struct retry_rules *r)
{
	if (!r->hedges)
		return 0;
	return r->hedge_percent ? latency_percentile(&u->latency, r->hedge_percent) : r->hedge_ns;
}
