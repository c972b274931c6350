/*
 * Requests under way: one asks, and others for the same key wait for what comes of it.
 * Shared by all workers; a lock is held for a few lines.
 *
 * A flight lies in the memory of the one that leads it, and a waiter in that of the one that waits.
 * One that takes longer than requests wait, because the client reads slowly, is taken over by the
 * next request: so no client makes all others wait again and again.
 */
#ifndef PLUGINS_SHARED_FLIGHT_H
#define PLUGINS_SHARED_FLIGHT_H

#include <pthread.h>
#include <sluice/str.h>

enum { FLIGHT_BUCKETS = 64 };

enum flight_result {
	FLIGHT_OPEN = 0, /* not ended yet */
	FLIGHT_STORED,   /* look again */
	FLIGHT_UNSTORED, /* it could not be stored: each asks for itself */
	FLIGHT_ERROR,    /* the upstream failed; a stale response may be used */
	FLIGHT_LEFT      /* who led is gone: another one may lead */
};

struct waiter {
	struct waiter *next, **at; /* at NULL: it is on no list */
	struct flight_bucket *bucket;
	sluice_ticket ticket;
	enum flight_result result;
};

struct flight {
	struct flight *next, **at;    /* at NULL: it is not under way; under the bucket's lock */
	struct flight_bucket *bucket; /* NULL: it never was */
	uint64_t begun_ns;
	sluice_str key; /* borrowed */
	struct waiter *waiters;
	unsigned n_waiters; /* that there ever were */
};

struct flight_bucket {
	pthread_mutex_t lock;
	struct flight *first;
};

struct flights {
	struct flight_bucket buckets[FLIGHT_BUCKETS];
};

void flights_init(struct flights *all);
void flights_fini(struct flights *all);

/* Lead for that key. False: another one does. f is zeroed. */
bool flight_lead(struct flights *all, struct flight *f, sluice_str key);
/* A request that would wait. */
struct flight_ask {
	sluice_exchange *x;
	sluice_str key;
	uint64_t since_ns;   /* for one that began before this it does not wait */
	uint64_t timeout_ms; /* how long it waits */
	sluice_park_fn then;
};
/* Wait for the one that leads: true, and *verdict is what the hook returns. False: f leads now. */
bool flight_wait(struct flights *all, const struct flight_ask *ask, struct flight *f,
	struct waiter *w, sluice_verdict *verdict);
/* The flight is over: who waits goes on. Returns how many have waited; 0 also for one that is not
 * under way. */
unsigned flight_end(struct flight *f, enum flight_result result);
/* It waits no longer. Its result does not change any more. */
void flight_leave(struct waiter *w);

#endif
