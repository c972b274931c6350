/*
 * The plugins' side of an exchange: the walk over the plugins of its listener and of its route, and
 * their results so far. Embedded in the exchange of proxy/. Its worker's thread only.
 */
#ifndef POLICY_RUN_H
#define POLICY_RUN_H

#include "http/handler.h"
#include "policy/frame.h"
#include "policy/instance.h"
#include "policy/lent.h"
#include "policy/timeline.h"
#include "route/pattern.h"

/* The plugins of a listener or of a route in order. Immutable; in the snapshot, or in the arena of
 * an exchange that runs both. */
struct chain_item {
	const sluice_plugin *plugin;
	const void *conf;
	sluice_instance *inst;
	uint32_t slot;  /* index of the instance in its snapshot */
	uint32_t place; /* its index in the chain */
	/* in the snapshot: for each of inst->upstreams the index of the snapshot's upstream; NULL:
	 * it names none */
	const uint32_t *upstreams;
};
struct chain {
	const struct chain_item *v;
	uint32_t n;
	uint32_t n_any;
	const struct any_of *any; /* its groups of alternatives, in order */
	bool has_response;        /* some plugin has on_response */
	bool has_attempt;         /* some plugin has on_attempt */
	bool has_complete;        /* some plugin has on_complete */
	bool sees_conns;          /* some plugin has hooks of connections */
};

static inline bool chain_has(const struct chain *c, const sluice_instance *inst)
{
	uint32_t i = 0;
	while (i < c->n && c->v[i].inst != inst)
		i++;
	return i < c->n;
}

struct any_of;
struct any_state;
struct producer;

/* An answer a plugin gave. */
struct run_answer {
	int status;       /* 0: there is none */
	const char *code; /* of a problem document; NULL: the plugin's own body */
	sluice_str detail;
	sluice_str content_type, body;
	sluice_pairs headers;      /* in the arena; checked */
	struct lent *lent;         /* owned; the body is lent; NULL: it lies in the arena */
	struct producer *producer; /* in the arena; writes the body; NULL: the body is there */
};

struct run_wait;
struct stages;
enum { RUN_NOTES = 4 };

/* The client's target, where a plugin has set another one. */
struct run_asked {
	sluice_str path, query;
};

/* A remark of a plugin on a request that it let pass. */
struct run_note {
	const char *code;            /* borrowed: a string constant */
	const sluice_instance *inst; /* borrowed: of the chain; the plugin that noted it */
};

/* What the owner of an exchange alone knows of it: keeper->about. */
struct run_about {
	/* fact: enum fact, one that is read by fact_read_ABOUT. As fact_info.read. */
	enum sluice_reading (*read)(sluice_exchange *x, unsigned fact, sluice_str *out);
	/* number: enum sluice_number_id, or any other int, of which nothing is known */
	int64_t (*number)(sluice_exchange *x, int number);
	/* A fact of a connection, also where there is no exchange; any other is one that it does
	 * not have. Texts that are made for it lie in a. */
	enum sluice_reading (
		*conn)(const struct conn_info *c, unsigned fact, struct arena *a, sluice_str *out);
};

struct sluice_exchange {
	struct client *client;
	struct arena *arena; /* borrowed: client->arena */
	struct request_head *request;
	struct response_head *response; /* NULL before there is one */
	struct worker *worker;
	/* the plugins that run: the route's, behind those of the listener; NULL: there are none */
	const struct chain *chain;
	struct instance_worker *const *slots; /* of the view */
	struct instance_keeper *keeper;       /* borrowed: the view, which holds them */
	sluice_str route_name, upstream_name, request_id;
	/* the peer's address and how it connected, unless a trusted proxy says otherwise */
	sluice_str client_ip, scheme;
	/* the authority of the client's request, once a plugin has set another; data NULL before */
	sluice_str asked_authority;
	const struct run_asked *asked; /* in the arena; NULL: the target is the client's */
	/* A parked hook has decided. RUN_WAIT: another one is parked, and x->waits_for_body. */
	void (*on_resumed)(sluice_exchange *x, enum run_result r);

	/* the walk over the chain: its phase, and the plugin where it stands */
	uint8_t phase; /* enum run_phase */
	uint8_t n_notes;
	uint16_t client_port; /* 0: not known */
	uint32_t at;
	uint32_t reached; /* number of plugins whose request phase began */
	/* response hooks run for plugins before this one; those of the others have run */
	uint32_t response_start;
	uint32_t decided_by; /* the plugin that gave the last RUN_REPLY, RUN_FAIL or RUN_OVER */
	/* index in the snapshot: the route's upstream, or the one that a plugin set; -1: none, the
	 * gateway answers. Known once the request is routed; before that, once upstream_name is. */
	int32_t upstream;
	/* not 0: a hook may have begun a wait or given an answer; frame_leave() looks closer */
	uint32_t acted;
	struct frame *frame;     /* the top of the stack of running and parked hooks; NULL: none */
	struct frame walk_frame; /* of the walk's hooks; those of bodies are in their stages */
	/* Within alternatives: keep the refusal of a request hook that waits for the body, which
	 * has not come to its end; the exchange goes on. NULL: a refusal is one. */
	void (*put_off)(sluice_exchange *x, enum run_result r);
	struct any_state
		*any; /* in the arena; the group in which the request hooks are; NULL: none */
	struct timeline *timeline;            /* in the arena; NULL: not kept */
	bool credentials_absent;              /* what sluice_credentials_absent() says */
	bool te_trailers;                     /* a plugin has set `te: trailers` */
	bool waits_for_body;                  /* a request hook is parked until it is here */
	bool head_sent;                       /* the head of the final response has gone */
	const struct path_captures *captures; /* of the route's path; NULL: none */
	/* by enum sluice_side: stages of the body; NULL: it passes unchanged */
	struct stages *stages[2];
	/* in the arena: a plugin writes the response's body; NULL: none does */
	struct producer *producer;
	struct run_wait *spare_wait; /* memory of an earlier wait, reused for the next */
	struct run_answer answer;
	struct run_attr *attrs;
	struct run_namespace *namespaces;
	struct run_cleanup *cleanups;
	struct run_state *states;
	struct run_edit *edits, **edits_end; /* of the response, before there is one */
	struct run_note notes[RUN_NOTES];
	/* of the request: fields that plugins set or removed, where trailers may come */
	struct run_name *edited;
};

/* Called once the caller has zeroed x and set client, request, worker, slots and on_resumed. */
void run_init(sluice_exchange *x);
/* Run all request hooks of a chain: the route's, or the listener's. */
enum run_result run_request(sluice_exchange *x, const struct chain *chain);
/* The listener's request hooks have run: add the route's chain behind the listener's, so that both
 * are one chain from now on. False: no memory. */
must_use bool run_append(sluice_exchange *x, const struct chain *chain);
/* Run the request hooks of what was appended. */
enum run_result run_request_rest(sluice_exchange *x);
/* The request is about to be sent to a server: run the hooks that want to know. RUN_NEXT, or
 * RUN_FAIL. */
enum run_result run_attempt(sluice_exchange *x);
/* x->response is set: apply the edits that were made before, then run the response hooks in
 * reverse, from the plugin before x->response_start. So a response that replaces another does not
 * run the same hooks again. */
enum run_result run_response(sluice_exchange *x);
/* x is parked in the response phase, and the client cannot wait: the parked hook is dropped, and
 * the others run. Never RUN_WAIT. */
enum run_result run_hurry(sluice_exchange *x);
/* End the waits of parked hooks: their callbacks are dropped, and on_resumed is not called. */
void run_cancel(sluice_exchange *x);
/* Run completion hooks, then clean-ups. The last call for x. */
void run_complete(sluice_exchange *x);

/* The wait of a parked hook has ended, and its callback returned v: go on from there. */
void run_resume(sluice_exchange *x, sluice_verdict v);

/* Forget the answer, and give its body back. */
static inline void run_drop_answer(sluice_exchange *x)
{
	if (likely(!x->answer.status))
		return;
	if (x->answer.lent)
		lent_drop(&x->answer.lent);
	x->answer.status = 0;
}

/* Call fn(arg) when the exchange ends, in a frame of the plugin that runs now. False: no memory. */
bool run_cleanup(sluice_exchange *x, void (*fn)(void *arg), void *arg);

/* The plugin whose code runs. In a frame. */
static inline const struct chain_item *run_item(const sluice_exchange *x)
{
	return x->frame->item;
}

#endif
