/*
 * The circuit breaker of an upstream. When too large a share of its requests fail, further ones are
 * refused at once for a while, so that clients do not wait for what will fail, and the service can
 * recover. Then a few requests are let through as trials: if all of them succeed, all requests are
 * let through again.
 *
 *            too many failures              time is over
 *    CLOSED --------------------> OPEN --------------------> TRIAL
 *      ^                           ^  a trial failed: longer  | |
 *      |                           +--------------------------+ |
 *      +------------ all trials have succeeded -----------------+
 *
 * A request counts once, by what its client gets: failed tries that a retry made good are no
 * failures. There is one breaker for each upstream of the process, found by the upstream's name, so
 * that it stays over reloads. All workers use it, by atomics alone: any thread, but for get and
 * unref.
 */
#ifndef UPSTREAM_BREAKER_H
#define UPSTREAM_BREAKER_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/series.h"

enum {
	BREAKER_BUCKETS = 10, /* of the window of `within` */
	BREAKER_TRIALS_MAX = 100,
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_TRIAL };

/* The block `breaker` of an upstream. */
struct breaker_conf {
	uint64_t failures; /* share of the requests, in hundredths of a percent */
	uint64_t requests; /* fewer within that time say nothing */
	uint64_t within;   /* ms, for which requests are counted */
	uint64_t open;     /* ms; doubles with each trial that fails, up to open_max */
	uint64_t open_max; /* ms */
	uint64_t trials;   /* at most BREAKER_TRIALS_MAX */
	uint64_t statuses; /* bits of breaker_statuses[] that count as failures */
};
extern const char *const breaker_statuses[]; /* "500", "502" ..., NULL */

struct breaker {
	struct list at;          /* in the list of all; main thread */
	unsigned refs;           /* main thread: snapshots */
	sluice_str name;         /* owned: of the upstream */
	series_id shown;         /* the metric of its state */
	_Atomic uint64_t now;    /* state, and what belongs to it: see breaker.c */
	_Atomic uint32_t opened; /* how often in a row without being closed */
	/* each: number of the span of time, failures, requests */
	_Atomic uint64_t bucket[BREAKER_BUCKETS];
};

/* What a request that was let through keeps. */
struct breaker_pass {
	uint8_t kind;  /* enum breaker_pass_kind */
	uint8_t round; /* TRIAL: of which time */
};
enum breaker_pass_kind {
	PASS_NONE,
	PASS_PLAIN,
	PASS_TRIAL,
	PASS_OTHER, /* of a hedge: the request is counted by its first call */
};

enum breaker_outcome {
	OUTCOME_NONE, /* says nothing: the client left, the gateway ended it */
	OUTCOME_OK,
	OUTCOME_FAILED,
};

/* The breaker of that upstream, made if need be; the caller gets a reference. Main thread. */
struct breaker *breaker_get(sluice_str upstream);
void breaker_unref(struct breaker **b); /* main thread; *b may be NULL */

/* Whether a request may go to the upstream. True: breaker_leave() must follow, once. */
must_use bool breaker_enter(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	struct breaker_pass *pass);
/* How it ended. Afterwards pass is empty; an empty one changes nothing. */
void breaker_leave(struct breaker *b, const struct breaker_conf *conf, uint64_t now_ns,
	struct breaker_pass *pass, enum breaker_outcome outcome);
/* Whether a status counts as a failure. */
bool breaker_status_fails(const struct breaker_conf *conf, unsigned status);

enum breaker_state breaker_state(const struct breaker *b);
const char *breaker_state_name(enum breaker_state s);
/* OPEN: until trials are let through; else 0. */
uint64_t breaker_open_for_ms(const struct breaker *b, uint64_t now_ns);

#endif
