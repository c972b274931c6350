/* See breaker.h. */
#include "upstream/breaker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* breaker.now: from the lowest bit, the state (2 bits), trials under way (8), trials that
 * succeeded (8), the round, which counts the times of OPEN (8), and the end of OPEN in ms (38). */
struct word {
	unsigned state, out, ok, round;
	uint64_t until_ms;
};
#define WORD_UNTIL ((1ull << 38) - 1)

/* A bucket: from the lowest bit, requests (20 bits), failures (20), number of the span (24). A full
 * bucket counts no further. */
enum { COUNT_BITS = 20, COUNT_FULL = (1 << COUNT_BITS) - 4096 };
#define COUNT_MASK ((1ull << COUNT_BITS) - 1)
#define SPAN_MASK ((1ull << 24) - 1)

const char *const breaker_statuses[] = { "500", "502", "503", "504", "429", NULL };
static const unsigned status_codes[] = { 500, 502, 503, 504, 429 };

static struct list all = { &all, &all }; /* main thread */

/* ---- the word ------------------------------------------------------------------------------ */

static struct word word_of(uint64_t v)
{
	return (struct word){ .state = (unsigned)(v & 3),
		.out = (unsigned)(v >> 2 & 255),
		.ok = (unsigned)(v >> 10 & 255),
		.round = (unsigned)(v >> 18 & 255),
		.until_ms = v >> 26 & WORD_UNTIL };
}

static uint64_t word_value(const struct word *w)
{
	return (uint64_t)w->state | (uint64_t)(w->out & 255) << 2 | (uint64_t)(w->ok & 255) << 10 |
		(uint64_t)(w->round & 255) << 18 | (w->until_ms & WORD_UNTIL) << 26;
}

/* Go from the state in `was` to that in `to`. False: another thread was first, and *was is what
 * stands there now. */
static bool breaker_move(struct breaker *b, uint64_t *was, const struct word *to)
{
	unsigned from = word_of(*was).state;
	if (!atomic_compare_exchange_strong_explicit(&b->now, was, word_value(to),
		    memory_order_acq_rel, memory_order_acquire))
		return false;
	if (from != to->state)
		series_add(b->shown, (uint64_t)to->state - from);
	return true;
}

enum breaker_state breaker_state(const struct breaker *b)
{
	return (enum breaker_state)word_of(atomic_load_explicit(&b->now, memory_order_relaxed))
		.state;
}

const char *breaker_state_name(enum breaker_state s)
{
	static const char *const names[] = { "closed", "open", "trial" };
	return names[s];
}

uint64_t breaker_open_for_ms(const struct breaker *b, uint64_t now_ns)
{
	struct word w = word_of(atomic_load_explicit(&b->now, memory_order_relaxed));
	uint64_t now_ms = now_ns / NS_PER_MS;
	return w.state == BREAKER_OPEN && w.until_ms > now_ms ? w.until_ms - now_ms : 0;
}

/* ---- counting ------------------------------------------------------------------------------ */

static uint64_t span_of(const struct breaker_conf *conf, uint64_t now_ns)
{
	uint64_t length = conf->within * NS_PER_MS / BREAKER_BUCKETS;
	return now_ns / (length ? length : 1);
}

static void breaker_count(struct breaker *b, uint64_t span, bool failed)
{
	_Atomic uint64_t *at = &b->bucket[span % BREAKER_BUCKETS];
	uint64_t one = 1 | (uint64_t)failed << COUNT_BITS;
	uint64_t fresh = (span & SPAN_MASK) << (2 * COUNT_BITS) | one;
	uint64_t v = atomic_load_explicit(at, memory_order_relaxed);

	if (v >> (2 * COUNT_BITS) != (span & SPAN_MASK)) {
		if (atomic_compare_exchange_strong_explicit(at, &v, fresh, memory_order_relaxed,
			    memory_order_relaxed))
			return;
		/* another thread has begun the span */
	}
	if ((v & COUNT_MASK) < COUNT_FULL)
		(void)atomic_fetch_add_explicit(at, one, memory_order_relaxed);
}

static void breaker_sum(const struct breaker *b, uint64_t span, uint64_t *n, uint64_t *failed)
{
	*n = *failed = 0;
	for (unsigned i = 0; i < BREAKER_BUCKETS; i++) {
		uint64_t v = atomic_load_explicit(&b->bucket[i], memory_order_relaxed);
		uint64_t age = (span - (v >> (2 * COUNT_BITS))) & SPAN_MASK;
		if (age >= BREAKER_BUCKETS)
			continue;
		*n += v & COUNT_MASK;
		*failed += v >> COUNT_BITS & COUNT_MASK;
	}
}

static void breaker_forget(struct breaker *b)
{
	for (unsigned i = 0; i < BREAKER_BUCKETS; i++)
		atomic_store_explicit(&b->bucket[i], 0, memory_order_relaxed);
}

/* ---- opening and closing ------------------------------------------------------------------- */

static uint64_t breaker_length(struct breaker *b, const struct breaker_conf *conf)
{
	uint32_t times = atomic_fetch_add_explicit(&b->opened, 1, memory_order_relaxed);
	uint64_t ms = conf->open;
	for (uint32_t i = 0; i < times && ms < conf->open_max; i++)
		ms *= 2;
	return ms > conf->open_max && conf->open_max >= conf->open ? conf->open_max : ms;
}

/* False: another thread was first, and *was is what stands there now. */
static bool breaker_open(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	uint64_t *was, const char *why)
{
	uint64_t ms = breaker_length(b, conf);
	struct word to = { .state = BREAKER_OPEN,
		.round = word_of(*was).round + 1,
		.until_ms = now_ns / NS_PER_MS + ms };
	if (!breaker_move(b, was, &to)) {
		(void)atomic_fetch_sub_explicit(&b->opened, 1, memory_order_relaxed);
		return false;
	}
	breaker_forget(b);
	log_warn("upstream", "%.*s: the circuit is open, requests are refused for %llu ms: %s",
		STR_ARG(b->name), (unsigned long long)ms, why);
	return true;
}

static bool breaker_close(struct breaker *b, uint64_t *was)
{
	struct word to = { .state = BREAKER_CLOSED, .round = word_of(*was).round };
	if (!breaker_move(b, was, &to))
		return false;
	atomic_store_explicit(&b->opened, 0, memory_order_relaxed);
	breaker_forget(b);
	log_info("upstream", "%.*s: the circuit is closed, all trials succeeded", STR_ARG(b->name));
	return true;
}

/* The word after a trial that did not fail. */
static struct word word_after_trial(struct word w, enum breaker_outcome outcome)
{
	w.out--;
	w.ok += outcome == OUTCOME_OK;
	return w;
}

static void breaker_leave_plain(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	bool failed)
{
	uint64_t was = atomic_load_explicit(&b->now, memory_order_acquire), n, bad;
	uint64_t span = span_of(conf, now_ns);
	char why[96];

	/* a request of before it opened says nothing new */
	if (word_of(was).state != BREAKER_CLOSED)
		return;
	breaker_count(b, span, failed);
	if (!failed)
		return;
	breaker_sum(b, span, &n, &bad);
	if (n < conf->requests || bad * 10000 < n * conf->failures)
		return;
	(void)snprintf(why, sizeof(why), "%llu of %llu requests failed", (unsigned long long)bad,
		(unsigned long long)n);
	/* where another thread was first, it has opened */
	(void)breaker_open(b, conf, now_ns, &was, why);
}

static void breaker_leave_trial(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	unsigned round, enum breaker_outcome outcome)
{
	uint64_t was = atomic_load_explicit(&b->now, memory_order_acquire);
	bool done = false;
	while (!done) {
		struct word w = word_of(was);
		if (w.state != BREAKER_TRIAL || w.round != round)
			return; /* another trial has decided */
		w = word_after_trial(w, outcome);
		if (outcome == OUTCOME_FAILED)
			done = breaker_open(b, conf, now_ns, &was, "a trial failed");
		else if (w.ok >= conf->trials)
			done = breaker_close(b, &was);
		else
			done = breaker_move(b, &was, &w);
	}
}

/* ---- requests ------------------------------------------------------------------------------ */

bool breaker_enter(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	struct breaker_pass *pass)
{
	uint64_t was = atomic_load_explicit(&b->now, memory_order_acquire);
	for (;;) {
		struct word w = word_of(was);
		if (likely(w.state == BREAKER_CLOSED)) {
			*pass = (struct breaker_pass){ .kind = PASS_PLAIN };
			return true;
		}
		if (w.state == BREAKER_OPEN) {
			if (now_ns / NS_PER_MS < w.until_ms)
				return false;
			w = (struct word){ .state = BREAKER_TRIAL, .round = w.round };
		}
		if (w.out + w.ok >= conf->trials)
			return false;
		w.out++;
		if (breaker_move(b, &was, &w)) {
			*pass = (struct breaker_pass){ PASS_TRIAL, (uint8_t)w.round };
			return true;
		}
	}
}

void breaker_leave(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	struct breaker_pass *pass, enum breaker_outcome outcome)
{
	struct breaker_pass p = *pass;
	*pass = (struct breaker_pass){ 0 };
	if (p.kind == PASS_TRIAL)
		breaker_leave_trial(b, conf, now_ns, p.round, outcome);
	else if (p.kind == PASS_PLAIN && outcome != OUTCOME_NONE)
		breaker_leave_plain(b, conf, now_ns, outcome == OUTCOME_FAILED);
}

bool breaker_status_fails(const struct breaker_conf *conf, unsigned status)
{
	for (unsigned i = 0; breaker_statuses[i]; i++) {
		if (status_codes[i] == status)
			return conf->statuses >> i & 1;
	}
	return false;
}

/* ---- the list of all ----------------------------------------------------------------------- */

struct breaker *breaker_get(sluice_str upstream)
{
	list_each (at, &all) {
		struct breaker *b = container_of(at, struct breaker, at);
		if (str_eq(b->name, upstream)) {
			b->refs++;
			return b;
		}
	}
	struct breaker *b = mem_new(struct breaker);
	b->refs = 1;
	b->name = str_n(mem_text(upstream.data, upstream.len), upstream.len);
	b->shown = series_find(FAMILY_UPSTREAM_CIRCUIT, upstream, STR(""));
	list_push(&all, &b->at);
	return b;
}

void breaker_unref(struct breaker **at)
{
	struct breaker *b = *at;
	*at = NULL;
	if (!b || --b->refs)
		return;
	series_add(b->shown, 0 - (uint64_t)breaker_state(b)); /* its metric shows closed */
	list_del(&b->at);
	free((char *)(uintptr_t)b->name.data);
	free(b);
}
