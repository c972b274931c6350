/*
 * One request and its response. An exchange is born when a request head is complete and dies when
 * the last byte of the response went to the system, or the client is gone. It lives in its client's
 * arena, on one worker, and knows neither side's protocol version.
 *
 *   on_request -> (run_request: the listener's plugins ->) route_find -> run_request ->
 * upstream_open -> origin head, body -> run_response
 * -> client head, body -> end
 *
 * The files, each below those before it (none calls upward but through exchange_events):
 *   exchange         the walk: what comes after what
 *   routing          its beginning: the listener's plugins, and the route
 *   respond          the answers that Sluice makes itself
 *   forward          the upstream's side
 *   staged, tunnel   the ways of bodies through plugins, and after a 101
 *   exchange_end     the one way to end
 *   hedge            a second server beside one that is slow
 *   retry            what may be tried again
 *   lane             one direction of a body, and what holds it
 *   exchange_state   the states
 *   progress         what it does right now, for people
 *   about            what it knows of itself, for plugins and logs
 *   keep             a body that can be sent again
 *   admit, affinity, grpc, handshake, match_fact, fields, forwarded_fields: what the others ask
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "base/permute.h"
#include "proxy/lane.h"
#include "proxy/snapshot.h"

enum exchange_state {
#define S(name, text, next, who, wait, bound) EXCHANGE_##name,
#include "proxy/exchange_state.def"
#undef S
	EXCHANGE_STATES,
};

struct deadline;
struct exchange;
struct mirror;

/* One for each worker: what its exchanges have in common. ctx of the handler. */
struct proxy {
	struct worker *worker; /* borrowed */
	/* shared: ref; the configuration for new requests; NULL before the first */
	struct view *view;
	struct list rows; /* of plugins with hooks of connections: proxy/rows.h */
	/* borrowed: of the clients; NULL: those that proxies name are not counted */
	struct counts *counts;
	struct permutation ids; /* makes request ids of worker and count */
	uint64_t id_next;
	unsigned active; /* exchanges under way */
	bool draining;
	struct list exchanges; /* the same: the oldest first */
	/* Every exchange, once, at its end. May be NULL. */
	void (*on_complete)(struct proxy *p, const struct exchange *x);
	void *data; /* of on_complete */
};

/* What the parts of an exchange tell the walk: exchange.c implements it. After each of them x is
 * valid, and may have ended. */
struct exchange_events {
	/* Request hooks, of the listener's plugins or the route's, have decided r, or wait. */
	void (*on_request_hooks)(struct exchange *x, enum run_result r);
	/* An OPTIONS that the gateway answers: x->allow has the methods. */
	void (*on_options)(struct exchange *x);
	/* The upstream's head is in px.response. */
	void (*on_response)(struct exchange *x);
	/* It cannot go on (enum err): the client gets an answer where there is time for one, else
	 * the response is broken off. */
	void (*on_failed)(struct exchange *x, int err);
	/* The stages of a lane have decided: the head may go. */
	void (*on_gathered)(struct lane *l);
	/* A stage has ended what it worked on: px.decided_by says whose verdict r is. */
	void (*on_stage_failed)(struct lane *l, enum run_result r);
	/* The client has all of the response but its end; or both lanes of a tunnel are over. */
	void (*on_through)(struct lane *l);
};

struct exchange {
	struct sluice_exchange px; /* first: what plugins see */
	struct proxy *proxy;       /* borrowed */
	const struct exchange_events *events;
	struct view *view;         /* shared: ref */
	struct list at;            /* proxy.exchanges */
	const struct route *route; /* borrowed: of the view's snapshot; NULL: none matched */
	struct upstream_call call;
	struct turn_hook end;    /* completes it at the end of the turn in which it ended */
	struct origin *origin;   /* borrowed: until released; NULL: none */
	struct lane to_upstream; /* the request's body */
	struct lane to_client;   /* the response's */
	/* of the request's body: passed on once, and handed back; or kept until the head could go
	 */
	struct buf kept;
	struct buf answer_body; /* owned: of an answer of our own */
	sluice_str allow;       /* of a 405 */
	/* what a trusted proxy says that the client asked for; empty: nothing */
	sluice_str told_host;
	/* the origin's, which is gone when the client has taken all */
	struct fields upstream_trailers;
	/* in the arena: facts that were read to choose a route; NULL: none was */
	struct match_seen *seen;
	struct tunnel *tunnel; /* in the arena; NULL: none */
	/* borrowed: where it counts among its client's requests; NULL: nowhere */
	struct count_client *counted;
	struct retry *retry; /* in the arena; NULL: no rules say how it is tried again */
	/* in the arena: what bounds its time; NULL: nothing does */
	struct deadline *deadline;
	struct mirror *mirror; /* owned: its copy, until that is sent; NULL: none */
	/* borrowed: of its route; NULL: those of its upstream and listener hold */
	const struct route_limits *limits;
	/* of the failure, for the log: which line, field or byte of the response was refused */
	sluice_str detail;
	const char *code;         /* reason of a refusal or failure; NULL: none */
	int err;                  /* enum err behind it; 0 when a plugin refused */
	uint16_t status;          /* of the final head, 0 before */
	uint16_t upstream_status; /* of the upstream's final head, 0: none came */
	uint8_t state;            /* enum exchange_state; exchange_set_state() alone sets it */
	uint8_t upstream_version; /* the version it came in: 10, 11, 20; 0: none came */
	bool is_call;             /* of gRPC */
	bool own_answer;          /* the response is Sluice's, not the upstream's */
	bool gone;                /* no more events from the client */
	bool sticks;              /* its client stays with a server: proxy/affinity.h */
	bool tells_detail;        /* also where nothing failed */
	/* the turn in which it came to its state, in units of 2^20 ns */
	uint32_t since;
	uint64_t sent_ns; /* the request went to the server asked last */
	uint64_t head_ns; /* the final head arrived or was made */
	uint64_t done_ns;
	uint64_t start_ms; /* since 1970; 0: nobody asked: proxy/about.h */
};

/* ---- exchange.c: the walk ------------------------------------------------------------------ */

/* Requests come in here: the handler of every proxy listener. */
void exchange_on_request(void *ctx, struct client *c);
void exchange_on_bad_request(void *ctx, struct client *c, int err);

static inline struct exchange *exchange_of_client(struct client *c)
{
	return c->user;
}

/* ---- exchange_state.c ---------------------------------------------------------------------- */

struct exchange_state_info {
	const char *name;
	unsigned next;         /* states it may go to: bits */
	const char *who;       /* the file that works */
	const char *waits_for; /* for people */
	const char *bound;     /* the options that bound the wait; "": there is none to bound */
};
const struct exchange_state_info *exchange_state_info(enum exchange_state s);
/* The one door between states. */
void exchange_set_state(struct exchange *x, enum exchange_state to);

/* ---- exchange_end.c ------------------------------------------------------------------------ */

void exchange_end_init(struct exchange *x);
/*
 * The one way to end: the client has everything, or never will get it. From here on neither side
 * tells x anything; its completion hooks run, its log line is written and its client finished at
 * the end of the turn. Until then x is valid, so whoever called may look at it, and need not. err:
 * the reason, unless x has one already; 0: none. Called again it does nothing.
 */
void exchange_end(struct exchange *x, int err);
/* Let go of the upstream, whatever it is doing. err as for upstream_report(). */
void exchange_leave_upstream(struct exchange *x, int err);
/* Those that no server has been asked about fail with err: their clients get an answer. */
void exchanges_refuse(struct proxy *p, int err);
/* Its reason in the log and the metrics, which replaces an earlier one. */
void exchange_set_reason(struct exchange *x, int err);

#endif
