/*
 * The protagonist: one request and its response. It is born when a request head is complete and
 * dies when the last byte of the response went to the system, or the client is gone. It lives in
 * its client's arena, on one worker, and knows neither side's protocol version.
 *
 *   on_request -> route_find -> run_request -> upstream_open -> origin head, body -> run_response
 * -> client head, body -> end
 *
 * exchange.c walks; admit.c bounds what one client has in progress; forward.c is the upstream's
 * side; body.c the way of bodies that plugins work on; respond.c the answers Sluice makes itself;
 * fields.c what is written into the heads on the way through; grpc.c what a gRPC call has more of.
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "base/permute.h"
#include "proxy/snapshot.h"

enum exchange_state {
#define S(name, text, next) EXCHANGE_##name,
#include "proxy/exchange_state.def"
#undef S
	EXCHANGE_STATES,
};

struct exchange;

/* One for each worker: what its exchanges have in common. ctx of the handler. */
struct proxy {
	struct worker *worker; /* borrowed */
	/* shared: ref; the configuration for new requests; NULL before the first */
	struct view *view;
	/* borrowed: of the clients; NULL: those that proxies name are not counted */
	struct counts *counts;
	struct permutation ids; /* makes request ids of worker and count */
	uint64_t id_next;
	unsigned active; /* exchanges under way */
	bool draining;
	struct list tunnels; /* exchanges in state TUNNEL */
	/* Every exchange, once, at its end. May be NULL. */
	void (*on_complete)(struct proxy *p, const struct exchange *x);
	void *data; /* of on_complete */
};

struct exchange {
	struct sluice_exchange px; /* first: what plugins see */
	struct proxy *proxy;       /* borrowed */
	struct view *view;         /* shared: ref */
	const struct route *route; /* borrowed: of the view's snapshot; NULL: none matched */
	struct upstream_call call;
	struct turn_hook end;   /* completes it at the end of the turn in which it ended */
	struct origin *origin;  /* borrowed: until released; NULL: none */
	sluice_str answer_body; /* of an answer of our own */
	sluice_str allow;       /* of a 405 */
	/* what a trusted proxy says that the client asked for; empty: nothing */
	sluice_str told_host;
	/* of the request: passed on once, and handed back; or held until its head could go */
	struct buf body;
	const struct fields *request_trailers, *response_trailers;
	/* the origin's, which is gone when the client has taken all */
	struct fields upstream_trailers;
	struct tunnel *tunnel; /* in the arena; NULL: none */
	/* borrowed: where it counts among its client's requests; NULL: nowhere */
	struct count_client *counted;
	struct grpc_call *grpc; /* in the arena; NULL: no gRPC call */
	/* of the failure, for the log: which line, field or byte of the response was refused */
	sluice_str detail;
	const char *code;         /* reason of a refusal or failure; NULL: none */
	int err;                  /* enum err behind it; 0 when a plugin refused */
	uint16_t status;          /* of the final head, 0 before */
	uint16_t upstream_status; /* of the upstream's final head, 0: none came */
	uint8_t state;            /* enum exchange_state */
	bool request_done;        /* the request is complete on the client's side */
	bool body_begun;          /* a byte of the request body was passed on */
	bool request_passed;      /* with stages: and its end */
	bool origin_done;         /* the response is complete on the upstream's side */
	bool own_answer;          /* the response is Sluice's, not the upstream's */
	/* the request asks for a protocol that the route lets through */
	bool upgrade;
	/* TUNNEL: the client has all that the upstream will ever send */
	bool tunnel_sent;
	bool tunnel_passed; /* TUNNEL: and the upstream all from the client */
	bool gone;          /* no more events from the client */
	bool retried;
	uint64_t sent_ns; /* the request went to the server asked last */
	uint64_t head_ns; /* the final head arrived or was made */
	uint64_t done_ns;
};

/* Requests come in here: the handler of every proxy listener. */
void exchange_on_request(void *ctx, struct client *c);
void exchange_on_bad_request(void *ctx, struct client *c, int err);
const char *exchange_state_name(enum exchange_state s);
void exchange_set_state(struct exchange *x, enum exchange_state to);

static inline struct exchange *exchange_of_client(struct client *c)
{
	return c->user;
}

/*
 * The one way to end: the client has everything, or never will get it. From here on neither side
 * tells x anything; its completion hooks run, its log line is written and its client finished at
 * the end of the turn. Until then x is valid, so whoever called may look at it, and need not. err:
 * the reason, unless x has one already; 0: none. Called again it does nothing.
 */
void exchange_end(struct exchange *x, int err);

/* The request may go on: to an upstream, or to the route's own answer. */
void exchange_go_on(struct exchange *x);
/* The response head is in px.response: run its hooks, then send it. */
void exchange_run_response(struct exchange *x);

/* forward.c */
void forward_start(struct exchange *x);
void forward_body(struct exchange *x, struct buf *data);
void forward_end(struct exchange *x, const struct fields *trailers);
/* Let go of the upstream, whatever it is doing. err as for upstream_report(). */
void forward_stop(struct exchange *x, int err);
/* The response hooks are through: the upstream's head goes to the client. */
void forward_response(struct exchange *x);
/* The response is under way and will not be complete: the client hears so. */
void forward_break_off(struct exchange *x, int err);
/* In STREAM: all of the response was passed on, but for its trailers. Both messages are through, or
 * the rest of the request is not wanted any more. */
void forward_finish(struct exchange *x);

/* tunnel.c */
/* Whether the request may become a tunnel: its Upgrade field names one protocol, and the route
 * lists it. */
bool tunnel_is_allowed(const struct exchange *x);
/* Whether the handshake is one: that of WebSocket has a key. */
bool tunnel_is_well_asked(const struct exchange *x);
/* Whether a 101 is the answer to what was asked. */
bool tunnel_is_agreed(const struct exchange *x, const struct response_head *h);
/* The response hooks are through: the 101 goes to the client, and bytes flow. */
void tunnel_begin(struct exchange *x);
void tunnel_from_client(struct exchange *x, struct buf *data);
void tunnel_from_upstream(struct exchange *x, struct buf *data);
void tunnel_client_ended(struct exchange *x);
void tunnel_upstream_ended(struct exchange *x);
void tunnel_client_sent(struct exchange *x);
void tunnel_upstream_sent(struct exchange *x);
/* The client has said all and has all: that it goes is no news, what it said last still has to
 * arrive. */
bool tunnel_client_is_through(const struct exchange *x);
/* At the end, in any state. */
void tunnel_fini(struct exchange *x);
/* The gateway stops: say goodbye on every tunnel whose protocol has a word for it. */
void tunnels_drain(struct proxy *p);

/* respond.c */
void respond_error(struct exchange *x, int err);
void respond_plugin(struct exchange *x);
void respond_builtin(struct exchange *x);
/* The response hooks are through: our own head and body go to the client. */
void respond_send(struct exchange *x);

/*
 * who.c: the first look at a request. Fields that nobody is to see go: what Connection names, what
 * only a trusted proxy may say and a stranger says, and what could be taken for it. Hop-by-hop
 * fields are marked as dropped.
 */
void who_begin(struct exchange *x);
/* Find out who the client is and how it asked, where trusted proxies may tell. */
void who_identify(struct exchange *x);
/* Whether a proxy spoke for the client. */
bool who_is_told(const struct exchange *x);
/* A PROXY header that names it, in the arena; empty when its budget is spent. */
sluice_str who_proxy_header(struct exchange *x, int version);

/* fields.c */
/* Of the trailers of the request those that the upstream gets: a gRPC call's, or what the route
 * lets through; never what a plugin set or removed in the head, nor what only proxies may say.
 * Others are marked as dropped. NULL: none is left. */
const struct fields *fields_request_trailers(const struct exchange *x,
	const struct fields *trailers);
must_use int fields_for_upstream(struct exchange *x);
must_use int fields_for_client(struct exchange *x, struct response_head *h);
/* The client's X-Request-Id if it is one, else a new one. */
sluice_str fields_request_id(struct proxy *p, struct client *c);

#endif
