/*
 * One server address as one worker knows it: its connections, its health, its counts. It is found
 * by its key and so outlives the configuration that it came from. Candidates of balances, its
 * connections, and calls hold references to it.
 *
 * Health is judged by what happens to requests. After a number of failures in a row the server
 * rests: no request is sent to it. When the rest is over, one request is sent as a trial. If the
 * server answers, it is up again; else it rests twice as long, up to a bound. Rests vary at random
 * by up to an eighth either way, so that gateways do not send their trials at the same time. The
 * workers of a process count failures, rest and try together (upstream/rest).
 *
 *             failures in a row               rest is over
 *      UP ------------------------> DOWN ----------------------> TRIAL
 *      |^ \__ success: count is 0    ^                           ^ |  |
 *      ||                            +------- trial failed ------|-+  |
 *      |+-------------------------------------- any success -----|----+
 *      +--- it is silent ---> SUSPECT --- not heard of ----------+
 *
 * A server that is silent (upstream/stall) is suspect: it has not failed, but others that are ready
 * get the requests. Whatever is heard of it makes it UP again.
 *
 * What the process knows stands in upstream/record. What choices need of it is copied here when it
 * changes.
 */
#ifndef UPSTREAM_ENDPOINT_H
#define UPSTREAM_ENDPOINT_H

#include "http1/client.h"
#include "tls/client.h"
#include "upstream/peak.h"
#include "upstream/upstream.h"

enum { ENDPOINT_BUCKETS = 256, ENDPOINT_WHY = 128 };

struct fetch_part;

/* Of a worker, at PART_UPSTREAM. */
struct upstream_part {
	struct worker *worker; /* borrowed */
	struct list endpoints[ENDPOINT_BUCKETS];
	struct list upstreams; /* youngest first */
	struct list groups;    /* struct endpoint_group */
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

/* The endpoints of one upstream on a worker, of all configurations. */
struct endpoint_group {
	struct list at;                  /* in upstream_part.groups */
	struct upstream_part *part;      /* borrowed */
	sluice_str upstream;             /* owned */
	struct list members;             /* endpoint.in_group */
	struct timer outliers;           /* upstream/outlier: the next judgement */
	struct upstream_outliers judged; /* what the configuration that came last says */
	uint64_t serial;                 /* of that */
};

struct endpoint {
	struct list at;               /* in its bucket */
	struct upstream_part *part;   /* borrowed */
	struct endpoint_group *group; /* borrowed: lives as long as its last member */
	struct list in_group;
	struct record *record; /* shared: ref */
	uint32_t refs;
	uint64_t id;             /* unique on the worker */
	struct endpoint_key key; /* owned strings */
	char address[ADDR_TEXT];
	uint32_t address_len;

	struct list watches; /* of balances; empty: no configuration uses the endpoint any more */
	struct list idle;    /* idle links, the last used first */
	struct list opening; /* links being made */
	struct list shared;  /* links of HTTP/2 that carry requests and have room for more */
	struct list busy;    /* the other links */
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
	bool trial_out;                /* TRIAL: it is under way, on this worker or another */
	/* A success may change something: it is not UP, or failures in a row are counted. */
	bool doubted;
	/* By all that is known it may get requests: its state, the record. Set by
	 * endpoint_judge() alone. */
	bool takes;
	/* Of the record, as it was when this worker looked last. */
	uint8_t order;   /* enum record_order */
	uint8_t verdict; /* enum record_verdict */
	int32_t weight;
	uint64_t doubt_until_ns; /* failures in a row may be counted until then */
	int last_err;            /* of the last failure */
	char why[ENDPOINT_WHY];  /* what the system or TLS said; may be empty */
	uint64_t told_ns;        /* when a failure was last logged, 0: never */
	uint64_t rest_until_ns;  /* of the record, as it was when this worker looked last */
	uint64_t up_since_ns;    /* when it last became UP again */
	uint64_t known_since_ns; /* when it was made */
	struct peak peak;        /* where a balance goes by latency */
	struct timer timer;      /* DOWN: end of the rest; SUSPECT: until a trial */

	/* upstream/stall */
	struct timer stall;     /* armed while it may have requests: the next look at them */
	uint64_t heard_ns;      /* when something last came from it, as far as that is known */
	uint64_t stall_told_ns; /* when its silence was last logged; 0: never */
	uint64_t suspect_ns;    /* SUSPECT, and TRIAL after it: silent since; else 0 */
	/* Requests that were given up waited for it, the first since then, the last until then; of
	 * no account once something was heard. */
	uint64_t unheard_ns, unheard_until_ns;
	uint32_t n_unheard;
	/* owned by upstream/check; NULL: another worker checks it, or nobody */
	struct check *check;
	/* upstream/outlier: n_requests and n_failures at the last judgement */
	uint64_t judged_requests, judged_failures;

	uint64_t latency_ns; /* until a response begins, smoothed; 0: not known */
	uint64_t n_requests, n_failures, n_connects, n_connect_failures, n_reused, n_ejected;
};

struct upstream_part *upstream_part_of(struct worker *w);
/* A random number below n. Not for secrets. */
uint32_t upstream_random(struct upstream_part *p, uint32_t n);

/* Find or make the endpoint of that key. The caller gets a reference. */
struct endpoint *endpoint_get(struct worker *w, const struct endpoint_key *key);
/* Where the endpoints of that address stand. */
struct list *endpoint_bucket(struct upstream_part *p, sluice_str address);
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
	return e->takes && !endpoint_is_full(e);
}
/* An operator has set that it gets no new requests, however few others are ready. */
static inline bool endpoint_is_barred(const struct endpoint *e)
{
	return e->order != ORDER_READY || e->weight == 0;
}
/* Whether a client that sticks to it may go on doing so: also while it is drained. */
static inline bool endpoint_may_stay(const struct endpoint *e)
{
	bool well = e->takes ||
		(e->order != ORDER_DISABLED && e->state == ENDPOINT_UP &&
			e->verdict != CHECKED_DOWN);
	return well && !endpoint_is_full(e);
}
/* Its weight in a balance; of_file: what the configuration says. 0: no new requests. */
static inline unsigned endpoint_weight(const struct endpoint *e, unsigned of_file)
{
	if (unlikely(endpoint_is_barred(e)))
		return 0;
	return e->weight > 0 ? (unsigned)e->weight : of_file;
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

/* A request is about to be sent to it, which is in TRIAL, in *trial: whether it is the trial; its
 * end is then told by one of the three functions below. False: another worker's trial was faster,
 * and the server is not ready any more: choose again. */
must_use bool endpoint_begin_trial(struct endpoint *e, bool *trial);
void endpoint_dispel(struct endpoint *e); /* it succeeded while it was in doubt */
static inline void endpoint_succeeded(struct endpoint *e)
{
	if (unlikely(e->doubted))
		endpoint_dispel(e);
}
void endpoint_failed(struct endpoint *e, bool trial, int err);
void endpoint_end_trial(struct endpoint *e); /* the trial said nothing about the server */
/* Its rate of success is far below that of the others; it rests, unless too many do. */
void endpoint_eject(struct endpoint *e, const char *when);

/* It has been silent since then: others get the requests. */
void endpoint_suspect(struct endpoint *e, uint64_t since_ns);
/* Something was heard of it: if it was suspect, it is UP again. */
void endpoint_clear(struct endpoint *e);
/* Look at the record again. */
void endpoint_look(struct endpoint *e);
/* The same, at the verdict of checks alone: what an operator has set comes by a message. */
void endpoint_look_at_verdict(struct endpoint *e);

/* a response moves the smoothed latency by this part of its distance */
enum { ENDPOINT_LATENCY_PART = 8 };
/* A response began, that long after its request was sent. */
static inline void endpoint_answered(struct endpoint *e, uint64_t latency_ns)
{
	int64_t away = (int64_t)(latency_ns - e->latency_ns);
	e->latency_ns += likely(e->latency_ns) ? (uint64_t)(away / ENDPOINT_LATENCY_PART)
					       : latency_ns;
}

void endpoint_view(const struct endpoint *e, struct endpoint_view *v);

#endif
