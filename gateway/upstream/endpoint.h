/*
 * One server address as one worker knows it: its connections, its health, its counts. It is found
 * by its key and so outlives the configuration that it came from. Candidates of balances, its
 * connections, and calls hold references to it.
 *
 * Health is judged by what happens to requests. After a number of failures in a row the server
 * rests: no request is sent to it. When the rest is over, one request is sent as a trial. If the
 * server answers, it is up again; else it rests twice as long, up to a bound. Rests vary at random
 * by up to an eighth either way, so that workers do not send their trials at the same time.
 *
 *             failures in a row               rest is over
 *      UP ------------------------> DOWN ----------------------> TRIAL
 *       ^ \__ success: count is 0    ^                             |  |
 *       |                            +------- trial failed --------+  |
 *       +-------------------------------------- any success ----------+
 */
#ifndef UPSTREAM_ENDPOINT_H
#define UPSTREAM_ENDPOINT_H

#include "http1/client.h"
#include "tls/client.h"
#include "upstream/latency.h"
#include "upstream/upstream.h"

enum { ENDPOINT_BUCKETS = 256, ENDPOINT_WHY = 128 };

struct fetch_part;

/* Of a worker, at PART_UPSTREAM. */
struct upstream_part {
	struct worker *worker; /* borrowed */
	struct list endpoints[ENDPOINT_BUCKETS];
	struct list upstreams; /* youngest first */
	uint32_t n_idle;       /* connections of all endpoints */
	uint32_t evict_at;     /* bucket of the connection that was closed last to make room */
	uint64_t last_id, last_serial, last_generation;
	/* owned: idle connections of fetches; NULL: none. upstream/fetch_link sets both */
	struct fetch_part *fetches;
	void (*end_fetches)(struct fetch_part *p);
	uint64_t random; /* state of a random generator: for rests, not for secrets */
};

struct endpoint_key {
	sluice_str upstream;
	struct addr addr;
	sluice_str host; /* for TLS; else empty */
	uint64_t tls_identity[2];
};

/* What a configuration says about an endpoint. */
struct endpoint_bounds {
	uint64_t serial; /* of the upstream; bounds of the greatest serial are in force */
	uint32_t max_idle;
	uint32_t max_links; /* 0: no bound */
	struct upstream_health health;
};

/* Embedded in whoever wants to hear when the endpoint's load, state or bounds change. */
struct endpoint_watch {
	struct list at; /* in endpoint.watches */
	void (*on_change)(struct endpoint_watch *w);
};

struct endpoint {
	struct list at;             /* in its bucket */
	struct upstream_part *part; /* borrowed */
	uint32_t refs;
	uint64_t id;             /* unique on the worker */
	struct endpoint_key key; /* owned strings */
	char address[ADDR_TEXT];
	uint32_t address_len;

	struct list watches; /* of balances; empty: no configuration uses the endpoint any more */
	struct list idle;    /* idle links, the last used first */
	struct list opening; /* links being made */
	struct list shared;  /* links of HTTP/2 that carry requests and have room for more */
	uint32_t n_idle, n_links;
	/* for links that are not idle: requests on them or waiting for them, less one for each
	 * link */
	uint32_t n_extra;
	uint32_t n_room; /* how many more requests those links take */
	/* requests at a time that the server allowed on the last connection of HTTP/2; 0: not
	 * known */
	uint32_t last_limit;
	bool chose_http1;                /* by ALPN, on the last connection */
	struct tls_session_slot session; /* owned */

	struct endpoint_bounds bounds; /* of the configuration that came last */
	uint8_t state;                 /* enum endpoint_state */
	bool trial_out;                /* TRIAL: the request of the trial is under way */
	uint32_t failures;             /* in a row */
	int last_err;                  /* of the last failure */
	char why[ENDPOINT_WHY];        /* what the system or TLS said; may be empty */
	uint64_t told_ns;              /* when a failure was last logged, 0: never */
	uint32_t rests;                /* in a row */
	uint64_t rest_ns;              /* length of the last rest */
	uint64_t up_since_ns;          /* when it last became UP again */
	uint64_t known_since_ns;       /* when it was made */
	struct latency peak;           /* where a balance goes by latency */
	struct timer timer;            /* DOWN: end of the rest */

	uint64_t latency_ns; /* until a response begins, smoothed; 0: not known */
	uint64_t n_requests, n_failures, n_connects, n_connect_failures, n_reused, n_ejected;
};

struct upstream_part *upstream_part_of(struct worker *w);
/* A random number below n. Not for secrets. */
uint32_t upstream_random(struct upstream_part *p, uint32_t n);

/* Find or make the endpoint of that key. The caller gets a reference. */
struct endpoint *endpoint_get(struct worker *w, const struct endpoint_key *key);
void endpoint_ref(struct endpoint *e);
void endpoint_unref(struct endpoint **e);

static inline void endpoint_count_idle(struct endpoint *e, int n)
{
	e->n_idle += (uint32_t)n;
	e->part->n_idle += (uint32_t)n;
}
/* Requests in progress, those that wait for a connection being made included. */
static inline uint32_t endpoint_load(const struct endpoint *e)
{
	return e->n_links - e->n_idle + e->n_extra;
}
static inline bool endpoint_is_full(const struct endpoint *e)
{
	return e->bounds.max_links && e->n_links - e->n_idle >= e->bounds.max_links &&
		e->n_room == 0;
}
/* Whether the algorithm of a balance may choose it. */
static inline bool endpoint_is_ready(const struct endpoint *e)
{
	return (e->state == ENDPOINT_UP || (e->state == ENDPOINT_TRIAL && !e->trial_out)) &&
		!endpoint_is_full(e);
}
/* Put these bounds in force, unless those of a younger upstream are. */
void endpoint_set_bounds(struct endpoint *e, const struct endpoint_bounds *b);
static inline void endpoint_watch(struct endpoint *e, struct endpoint_watch *w,
	void (*on_change)(struct endpoint_watch *w))
{
	w->on_change = on_change;
	list_push(&e->watches, &w->at);
}
static inline bool endpoint_is_wanted(const struct endpoint *e)
{
	return !list_is_empty(&e->watches);
}
/* Load, state or bounds changed: call all watches. */
void endpoint_changed(struct endpoint *e);

/* A request is about to be sent to it. Returns whether the request is the trial; its end is then
 * told by one of the three functions below. */
bool endpoint_begin_trial(struct endpoint *e);
void endpoint_succeeded(struct endpoint *e);
void endpoint_failed(struct endpoint *e, bool trial, int err);
void endpoint_end_trial(struct endpoint *e); /* the trial said nothing about the server */

/* A response began, that long after its request was sent. */
void endpoint_answered(struct endpoint *e, uint64_t latency_ns);

void endpoint_view(const struct endpoint *e, struct endpoint_view *v);

#endif
