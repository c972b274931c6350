/*
 * Reaching the servers of an upstream: one struct upstream for each worker and snapshot, one struct
 * upstream_call embedded in every exchange. A call chooses a server, takes an idle connection to it
 * or opens one, and goes on to the next server when that fails. What outlives a snapshot
 * (connections, health, counts) belongs to the endpoints: upstream/endpoint. Its worker's thread
 * only.
 *
 * The life of a call:
 *
 *     upstream_call_init
 *        upstream_open ----> 1: ready at once      \
 *              |                                    > use c->origin ... upstream_report, then
 * origin release
 *              +-----------> 0: on_ready later     /          |
 *              |                on_fail later                 +--> upstream_open again, to try
 * another server
 *              +-----------> < 0: failed at once
 *     upstream_call_fini       (in any state)
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "http/handler.h"
#include "net/worker.h"
#include "upstream/conf.h"
#include "upstream/record.h"

struct balance_chooser;
struct discovered;
struct endpoint;
struct link;
struct sticky_token;
struct tls_client;
struct upstream;

enum {
	/* of one call: a server may close connections or take no more requests on one without being
	 * at fault */
	UPSTREAM_FREE_TRIES = 4,
};

enum upstream_call_state {
	UPSTREAM_CALL_IDLE,    /* nothing under way */
	UPSTREAM_CALL_NAMES,   /* waits for the first answer of the name service */
	UPSTREAM_CALL_QUEUED,  /* waits for room */
	UPSTREAM_CALL_SHED,    /* lost its place in the queue to another; fails soon */
	UPSTREAM_CALL_PAUSED,  /* waits before it asks another server: retry.backoff */
	UPSTREAM_CALL_OPENING, /* waits for a connection being made */
	UPSTREAM_CALL_READY,   /* has an origin; upstream_report() must follow */
};

/* A try that failed, for logs. */
struct upstream_failure {
	const struct upstream_failure *next; /* the one before it; NULL: none */
	sluice_str server;
	/* in the arena or a constant: the code of an error, or what of an answer was unwanted */
	const char *reason;
	uint64_t us; /* from the choice of the server to its failure */
};

/* Why no further try was made of a request that could have been repeated. */
enum upstream_stop {
	UPSTREAM_GOES_ON,
	UPSTREAM_OUT_OF_TRIES,
	UPSTREAM_OUT_OF_SERVERS,
	UPSTREAM_OUT_OF_TIME,
	UPSTREAM_OUT_OF_BUDGET,
};

/* How a try ended. */
enum upstream_verdict {
	VERDICT_NONE,   /* says nothing about the server: the client or the gateway ended the try */
	VERDICT_SERVED, /* the server did its part */
	VERDICT_FAILED, /* the server did not do its part */
	/* The server did nothing about the request: its connection was stale, or it says so. It
	 * counts as no try, and the same server may be asked again. */
	VERDICT_NOT_PROCESSED,
	VERDICT_NOT_SENT, /* the server was not even asked */
};

/* Waiting for a connection that is being made. */
struct pool_ask {
	/* l is open and has room for this request; or l is NULL, and err says why, or is 0: look
	 * for another connection. From the loop. */
	void (*on_done)(struct pool_ask *a, struct link *l, int err);
	struct list at;    /* link.asks */
	struct link *link; /* borrowed; NULL: the ask does not wait */
	bool first;        /* with err: the first of the asks that waited for the same connection */
};

struct upstream_call {
	/* Set by upstream_call_init(). Called from the loop, never from within a function that the
	 * owner calls. */
	void (*on_ready)(struct upstream_call *c);
	void (*on_fail)(struct upstream_call *c, int err);

	/* Set by the owner before it opens, where the upstream's connections begin with a PROXY
	 * header; lives as long. */
	sluice_str proxy_header;
	/* Likewise: the request that a server is chosen for. Borrowed: lives as long; NULL: none,
	 * as of a probe. */
	const struct request_head *request;
	/* Likewise: the exchange, for a plugin that chooses. NULL: none. */
	sluice_exchange *exchange;
	/* Likewise: balance_hash() of what the request is told by; 0: nothing. */
	uint64_t key;
	/* Likewise: the server that its client sticks to. NULL: none. */
	const struct sticky_token *stays;
	/* Likewise, to probe one server: the endpoint's id. It is asked whatever its health. 0: the
	 * balance chooses. */
	uint64_t only;
	/* READY, before upstream_report(): the server did its part, but its answer goes to nobody.
	 * In the arena or a constant: what of it was unwanted, for logs. */
	const char *unwanted;

	/* Likewise: enum call_priority. */
	uint8_t priority;

	/* For the owner to read. */
	struct origin *origin; /* borrowed: when ready, until it is released */
	/* shared: ref; the server chosen last, for logs; until fini. NULL: none was chosen */
	struct endpoint *endpoint;
	/* how often a server was asked so far, over stale connections too, without the request in
	 * progress: for logs and counts */
	unsigned tries;
	uint8_t verdict; /* enum upstream_verdict: of the last try */
	uint8_t stop;    /* enum upstream_stop: what upstream_take_retry() said last */
	/* the tries that failed, the newest first; in the arena; NULL: none */
	const struct upstream_failure *failures;
	uint16_t status;     /* of the final head of the last try; 0: none came */
	bool reused;         /* the connection was an idle one */
	uint64_t connect_ns; /* what the last connection took to open; 0 for an idle one */
	uint64_t wait_ns;    /* all time between open and ready or fail, added up */

	/* For upstream/ alone. */
	uint8_t state; /* enum upstream_call_state */
	/* after a stale connection: use no existing connection, unless no more may be made */
	bool fresh;
	bool http1;     /* use HTTP/1.1 where the server could choose */
	bool not_sent;  /* READY: the request cannot be sent over this connection */
	bool trial;     /* the request is the trial of a server that was down */
	bool none_down; /* a further try by rules: no server that is down is chosen */
	bool has_place; /* it counts against the limit of requests at a time */
	struct breaker_pass pass;
	int last_err;
	/* borrowed: of the snapshot; NULL: as `retries` of the upstream says */
	const struct retry_rules *rules;
	struct upstream *upstream; /* borrowed: lives as long as the snapshot the owner holds */
	struct link *link;         /* borrowed: READY */
	struct pool_ask ask;       /* OPENING */
	uint8_t spent;             /* of `most`: servers in tried[] */
	uint8_t most;              /* servers that may be asked */
	uint8_t free_tries;        /* so far, tries that do not count */
	uint64_t asked_ns;         /* READY: since when, where the balance goes by latency */
	const struct origin_events *events;
	void *user;
	struct arena *arena;
	struct list at; /* NAMES, QUEUED, SHED: in upstream.queue */
	struct timer timer;
	uint64_t since_ns;                  /* READY: became so; else its wait began */
	uint64_t first_ns;                  /* the first try began */
	uint64_t try_ns;                    /* this one did; 0: the first */
	uint64_t pause_ns;                  /* before the next one */
	uint64_t tried[UPSTREAM_TRIES_MAX]; /* ids of endpoints */
};

/* c lies in memory that is zero. */
void upstream_call_init(struct upstream_call *c, void (*on_ready)(struct upstream_call *c),
	void (*on_fail)(struct upstream_call *c, int err));
/* Before it is opened: by these rules it is tried again, which live as long as the call. */
void upstream_go_by(struct upstream_call *c, struct upstream *u, const struct retry_rules *r);
/*
 * Find a connection. 1: an idle one was there, c->origin is set and on_ready is not called. 0:
 * on_ready or on_fail will be called, once. Negative: failed at once (enum err); neither is called.
 * Opened again, a call goes on to servers it has not tried, within `retries`; when none is left the
 * error is that of the last try. ERR_NO_SERVER, ERR_NOT_RESOLVED, ERR_CONNECT_FAILED,
 * ERR_CONNECT_TIMEOUT, ERR_UPSTREAM_TLS, ERR_OVERLOADED; and the gateway's own ERR_NO_DESCRIPTORS,
 * ERR_NO_LOCAL_PORT, ERR_CONNECT_FORBIDDEN, which do not count against a server.
 */
must_use int upstream_open(struct upstream_call *c, struct upstream *u,
	const struct origin_events *events, void *user, struct arena *arena);
/* Whether the connection was lost, so that nobody knows what its server has done. */
bool upstream_is_lost(int err);
/* Whether the error is the server's fault. False for what the client or the gateway caused. */
bool upstream_is_at_fault(int err);
/*
 * Before the origin is released: whether the request may be sent once more, as far as its server
 * decides that (RFC 9110 9.2.2): nothing of a response arrived, and no byte of the request left, or
 * the server said that it did nothing about it, or the connection was lost (err) and the method is
 * idempotent. Whether its body can be sent again is for the caller to know.
 */
bool upstream_may_repeat(const struct origin *o, enum method method, int err);
/* Whether one more upstream_open() could reach a server that was not tried, or the same one again
 * where the last try does not count. With rules: one that is not known to be down. */
bool upstream_may_retry(const struct upstream_call *c);
/* The same, and what the call's rules bound: time and budget. True: one more upstream_open() must
 * follow, and waits for its pause. Also of a call that is READY, whose try counts then. Sets
 * c->stop. */
must_use bool upstream_take_retry(struct upstream_call *c);
/* Before upstream_report(), of a request that only HTTP/1.1 can carry: if the connection is of
 * HTTP/2 because the server chose so, the next upstream_open() asks over HTTP/1.1, and this try
 * does not count. Else nothing happens. */
void upstream_want_http1(struct upstream_call *c);
/* The final head of the response came, with this status. Once for each time the call became ready,
 * before upstream_report(). */
void upstream_answered(struct upstream_call *c, unsigned status);
/*
 * How the request ended: 0, or what went wrong (enum err). Call it once for every time the call
 * became ready, before origin->ops->release(). Answers of any status are 0, and failures of the
 * client's side are neither for nor against the server. A try does not count when a reused
 * connection closed before it answered, or when the server says that it did nothing
 * (origin.not_processed); at most UPSTREAM_FREE_TRIES are free in this way. Sets c->verdict.
 */
void upstream_report(struct upstream_call *c, int err);
/* Of an upstream whose clients stick to servers: whether c->stays is the very token that a new
 * cookie would have for the server chosen last; if not, that token is in *out. */
bool upstream_has_stayed(const struct upstream_call *c, struct sticky_token *out);
/* Stop waiting: no callback follows. A connection that is being made may serve others. */
void upstream_cancel(struct upstream_call *c);
/* At the end, in any state but READY: cancels, and gives up the endpoint. */
void upstream_call_fini(struct upstream_call *c);

/* ---- a second call for the same request ---------------------------------------------------- */

/* first waits for a response. Make c a call for another server, which is not opened yet. False: no
 * other server is up, or the budget is spent. c: after upstream_call_init(), with the callbacks of
 * its owner; fini is due in either case. */
must_use bool upstream_hedge(struct upstream_call *c, struct upstream_call *first);
/* c is over: it was cancelled, or reported, or has won. What it tried becomes part of first, for
 * logs and further tries. result: for the metric. */
void upstream_hedge_over(struct upstream_call *c, struct upstream_call *first, const char *result);
/* c is READY, and its server answers in the place of that of first, which was reported. first is
 * READY then, with the origin of c, and c is idle. */
void upstream_hedge_wins(struct upstream_call *c, struct upstream_call *first);
/* A response of one of its servers took so long. */
void upstream_observe(struct upstream *u, uint64_t ns);
/* When a second server is to be asked, by its rules; 0: that is not known yet, or never. */
uint64_t upstream_hedge_after(struct upstream *u, const struct retry_rules *r);

/* What plugins do for an upstream. */
struct upstream_plugins {
	/* chooses among its servers; lives as long as the upstream; NULL: an algorithm does */
	const struct balance_chooser *chooser;
	/* finds its servers; lives as long as the upstream; NULL: they are those of the file */
	struct discovered *discovered;
	/* of conf->breaker; lives as long as the upstream; NULL: none */
	struct breaker *breaker;
};
/* When it is of use to ask again after ERR_CIRCUIT_OPEN, in seconds: 1 at least. */
unsigned upstream_retry_after(const struct upstream *u);

/* discovered_workers.on_set: upstreams of the worker go over to the set. */
void upstream_on_set(struct worker *w, void *mail);

/* records_set_workers(): what is known of a server has changed. */
void upstream_on_record(struct worker *w, void *record);

/* Begin to use an upstream on this worker. tls: of conf->tls, for all workers, and NULL unless
 * conf->use_tls; conf and tls live as long as the snapshot. workers: how many workers share the
 * servers. plugins: NULL: none. Never fails; look-ups of names begin. What earlier snapshots
 * learned of the same upstream is kept. */
struct upstream *upstream_attach(struct worker *w, const struct upstream_conf *conf,
	struct tls_client *tls, unsigned workers, const struct upstream_plugins *plugins);
/* Stop using the upstream, when its snapshot ends and no call is left. Connections that no other
 * snapshot uses are closed, busy ones when they become free. Clears *u. */
void upstream_detach(struct upstream **u);
const struct upstream_conf *upstream_conf_of(const struct upstream *u);

/* Close every connection that carries no request, because other workers need descriptors. */
void upstream_close_idle(struct worker *w);

/* ---- for the admin ------------------------------------------------------------------------- */

enum endpoint_state {
	ENDPOINT_UP,
	ENDPOINT_DOWN,
	ENDPOINT_TRIAL,
	ENDPOINT_SUSPECT,
	ENDPOINT_STATES
};

/* A server as this worker sees it. */
struct endpoint_view {
	uint64_t id; /* on this worker; for upstream_call.only */
	/* borrowed; host: the name it was resolved from, or empty */
	sluice_str upstream, address, host;
	enum endpoint_state state;
	unsigned connections, idle, in_flight;
	uint64_t down_for_ns;        /* DOWN: until it is tried again */
	uint64_t requests, failures; /* begun; that counted against the server */
	int last_err;                /* of the last failure; 0: none yet */
	const char *why;             /* more about it, or "" */
	uint64_t connects, connect_failures, reused, ejected;
	uint64_t latency_ns; /* usual time until the head of a response, smoothed; 0: not known */
	/* in the balance of the configuration that came last; weight UINT32_MAX: in none */
	uint32_t weight, share;    /* share: what it counts now, 1024 for each 1 of weight */
	uint8_t tier, entry;       /* enum balance_tier, enum tier_entry */
	struct record_view record; /* what the process knows */
};
void upstream_each_endpoint(struct worker *w, void (*fn)(void *ctx, const struct endpoint_view *v),
	void *ctx);

/* What the system or TLS said about the connection that failed last; "": nothing. Borrowed: until
 * the endpoint fails again. */
const char *endpoint_why(const struct endpoint *e);
/* "10.0.0.5:9000"; NUL-terminated; borrowed: lives as long as the endpoint. */
sluice_str endpoint_address(const struct endpoint *e);

#endif
