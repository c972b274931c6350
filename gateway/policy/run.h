/*
 * The plugins' side of an exchange: which plugin is running, what it waits for, what the plugins
 * have said so far. Embedded in the exchange of proxy/. Its worker's thread only.
 */
#ifndef POLICY_RUN_H
#define POLICY_RUN_H

#include "http/handler.h"
#include "policy/instance.h"
#include "route/pattern.h"

/* A route's plugins in order. Immutable, in the snapshot. */
struct chain_item {
	const sluice_plugin *plugin;
	const void *conf;
	sluice_instance *inst;
	uint32_t slot; /* index of the instance in its snapshot */
};
struct chain {
	const struct chain_item *v;
	uint32_t n;
	bool has_response; /* some plugin has on_response */
};

enum run_phase {
	RUN_NONE,
	RUN_REQUEST,
	RUN_REQUEST_BODY,
	RUN_RESPONSE,
	RUN_RESPONSE_BODY,
	RUN_COMPLETE
};

enum run_result {
	RUN_NEXT,  /* all hooks of the phase went on */
	RUN_REPLY, /* x->answer is to be sent */
	RUN_WAIT,  /* parked: on_resumed will tell */
	RUN_FAIL,  /* a plugin could not do its work */
	RUN_OVER,  /* a body is longer than a plugin holds, and it will not have it pass unseen */
};

/* An answer a plugin gave. */
struct run_answer {
	int status;
	const char *code; /* of a problem document; NULL: an answer of its own */
	sluice_str detail;
	sluice_str content_type, body;
};

struct run_wait;
struct stage;
struct stages;
enum { RUN_NOTES = 4 };

/* A remark of a plugin on a request that it let pass. */
struct run_note {
	const char *code;            /* borrowed: a string constant */
	const sluice_instance *inst; /* borrowed: of the chain; who said it. NULL: no hook ran */
};

struct sluice_exchange {
	struct client *client;
	struct arena *arena; /* borrowed: client->arena */
	struct request_head *request;
	struct response_head *response; /* NULL before there is one */
	struct worker *worker;
	const struct chain *chain;            /* NULL: no plugins */
	struct instance_worker *const *slots; /* of the view */
	sluice_str route_name, upstream_name, request_id;
	/* the peer's address and how it connected, unless a trusted proxy told better */
	sluice_str client_ip, scheme;
	uint16_t client_port; /* 0: not known */
	/* of the client's request, once a plugin has set another; data NULL before */
	sluice_str asked_authority;
	void (*on_resumed)(sluice_exchange *x, enum run_result r);

	uint8_t phase; /* enum run_phase */
	uint8_t n_notes;
	uint32_t at;      /* the plugin that runs */
	uint32_t reached; /* plugins whose request phase began */
	/* response hooks of this plugin and of those behind it are through */
	uint32_t below;
	bool no_wait;                         /* the hook that runs cannot be parked */
	bool te_trailers;                     /* a plugin asks the upstream for trailers */
	const struct path_captures *captures; /* of the route's path; NULL: none */
	/* by enum sluice_side: work on bodies; NULL: they pass untouched */
	struct stages *stages[2];
	struct stage *stage;         /* whose body hook runs, or is parked; NULL: none */
	struct run_wait *wait;       /* NULL: not parked */
	struct run_wait *spare_wait; /* of an earlier wait, for the next */
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

/* x is zeroed; client, request, worker, slots and on_resumed are set by the caller, then this. */
void run_init(sluice_exchange *x);
/* Run all request hooks. */
enum run_result run_request(sluice_exchange *x, const struct chain *chain);
/* x->response is set: apply what was said before there was one, then run the response hooks in
 * reverse, those before x->below: a response that takes the place of another goes the rest of the
 * way. */
enum run_result run_response(sluice_exchange *x);
/* Parked in the response phase, by a client that cannot wait: its hook goes without the answer, and
 * the others run. Never RUN_WAIT. */
enum run_result run_hurry(sluice_exchange *x);
/* The client is gone: give up what it waits for; on_resumed is not called. */
void run_cancel(sluice_exchange *x);
/* Completion hooks, then clean-ups. The last call. */
void run_complete(sluice_exchange *x);

/* A remark of the plugin that runs, for the log and the metrics; code: a string constant. Said
 * twice it is kept once; more than RUN_NOTES are not kept. */
void run_note(sluice_exchange *x, const char *code);
/* Whether a plugin set or removed a field of that name, or one that many take for it, in the
 * request. */
bool run_has_edited(const sluice_exchange *x, sluice_str name);
/* For expressions and logs. */
sluice_str run_attr(sluice_exchange *x, sluice_str name);

#endif
