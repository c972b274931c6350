/*
 * A configuration in force: everything a file says, checked, compiled and immutable. Built whole on
 * the main thread before any worker hears of it; each worker looks at it through a view of its own
 * (its pools, its plugins' state), and every exchange holds the view it began with. When the last
 * view goes, the main thread frees the snapshot.
 */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H

#include <stdatomic.h>

#include "base/cidr.h"
#include "base/series.h"
#include "net/listener.h"
#include "net/overload.h"
#include "policy/run.h"
#include "proxy/conf.h"
#include "route/router.h"
#include "upstream/upstream.h"

struct choose;
struct consumers;
struct discovered;
struct route_mirror;
struct split;
struct tls_client;
struct tls_server;
struct tls_tickets;

struct sluice_template;

/* What a route answers by itself. */
struct route_answer {
	const struct sluice_template **headers; /* one for each of respond.headers */
	const struct sluice_template *body;     /* NULL: body_text, whatever the request */
	sluice_str body_text;
};

/* What a route bounds: route/limits.h, with the defaults of a listener. */
#define LIMITS_UNSAID UINT64_MAX
struct route_limits {
	uint64_t request_ns;           /* 0: no bound */
	uint64_t response_ns, idle_ns; /* 0: those of its upstream and listener */
	uint64_t max_body;             /* 0: no bound; LIMITS_UNSAID: the listener's */
	sluice_str deadline;           /* name of the client's field; empty: none */
};

/* What a route leads to: the `data` of its rule. */
struct route {
	sluice_str name;
	const struct route_conf *conf;
	struct mark at; /* in the file */
	struct chain chain;
	int upstream;                /* index, with a split the first; -1: answers by itself */
	sluice_str upstream_name;    /* empty: answers by itself, or has a split */
	struct route_mirror *mirror; /* in the arena; NULL: no copies are sent */
	const struct split *split;   /* in the arena; NULL: all go to the one */
	/* in the arena. NULL: those of the upstream. One; where they differ one for each listener,
	 * or NULL for those of the upstream, and behind them the one for connections whose listener
	 * is gone */
	const struct retry_rules **rules;
	struct route_answer answer;
	/* in the arena. NULL: no bounds. One, or NULL for none; where they differ one for each
	 * listener, and behind them the one for connections whose listener is gone */
	const struct route_limits **limits;
	unsigned index; /* among the routes; of a document: 0 */
	/* borrowed: the instance whose document it answers with; NULL: a route of the file */
	const sluice_instance *document_of;
	series_id requests, time; /* its metrics */
	bool limits_differ;       /* among its listeners */
	bool rules_differ;        /* likewise */
	bool tells_stories;       /* log.stories.routes has it, or is empty */
	/* there are rules or a priority: of most routes a request looks at this alone */
	bool has_extras;
};

/* Of log.stories. */
struct snapshot_stories {
	bool are_chosen;          /* some requests tell theirs, whatever the level of the log */
	bool any_route;           /* also one that no route took */
	struct cidr_set *clients; /* owned; NULL: all */
};

struct snapshot_upstream {
	const struct upstream_conf *conf;
	const struct retry_rules *rules;   /* in the arena; NULL: as `retries` says */
	const struct chain_item *balancer; /* in the arena; NULL: no plugin chooses a server */
	const sluice_expr *hash_by;        /* in the arena; NULL: no fact decides */
	sluice_instance *discovery; /* borrowed: of the snapshot; NULL: no plugin finds them */
	/* shared: ref; NULL: its servers are those of the file */
	struct discovered *discovered;
	struct breaker *breaker;   /* shared: ref; NULL: none */
	struct tls_client *client; /* owned; NULL: plain */
	series_id requests, time;  /* its metrics */
	/* likewise: rules, a key, a cookie, or the PROXY protocol */
	bool has_extras;
};

struct snapshot_listener {
	const struct listener_conf *conf;
	struct addr addr;
	struct listener_access access;                /* of a unix socket's file */
	struct tls_server *tls;                       /* owned; NULL: plain */
	struct cidr_set *balancers, *trusted_proxies; /* shared: ref; NULL: none */
	struct client_bounds client;
	struct chain chain; /* runs before a request is routed */
};

/* Where the access log goes. */
enum snapshot_logs { LOGS_NONE, LOGS_FILE, LOGS_SINKS, LOGS_BOTH };

struct snapshot {
	_Atomic unsigned refs; /* views, and the main thread's own */
	uint64_t id;           /* counts up from 1 */
	uint64_t loaded_ms;    /* wall clock */
	struct arena arena;    /* owned */
	struct gateway_conf conf;
	uint8_t logs; /* enum snapshot_logs */
	uint8_t n_sinks;
	uint32_t sinks[ACCESS_SINKS]; /* of the access log: places in instances */
	struct snapshot_stories stories;
	const struct consumers *consumers; /* in the arena; NULL: the file has none */
	struct secrets *secrets;           /* in the arena: what plugins declared; NULL: nothing */
	const char *file;
	struct addr admin;     /* len 0: no admin address */
	struct router *router; /* owned */
	size_t n_match_facts;  /* that its rules have conditions on */
	struct route *routes;
	_Atomic uint64_t *upgrade_told; /* by route: proxy/handshake.h */
	size_t n_routes;
	/* beside those of the file: for the documents of plugins, see build_documents.c */
	struct route **documents;
	size_t n_documents;
	struct snapshot_upstream *upstreams;
	size_t n_upstreams;
	struct snapshot_listener *listeners;
	size_t n_listeners;
	bool listeners_have_plugins;  /* some of them */
	struct sluice_store **stores; /* shared: taken */
	size_t n_stores;
	unsigned n_workers;
	struct overload_mark memory, descriptors; /* of runtime.overload */
	struct worker *main;                      /* borrowed: frees it */
	sluice_instance **instances;              /* shared: ref */
	size_t n_instances;
};

/* What building one needs from the process. */
struct snapshot_env {
	struct policy *policy;
	struct tls_tickets *tickets; /* shared */
	unsigned workers;            /* that run already; 0: as many as the file says */
	/* in force now; NULL at start: what did not change is taken over */
	const struct snapshot *old;
	const struct env *env; /* NULL: the process's */
};

/* The listener of a connection, which may be older than s: the one of its name, else the one of its
 * address. NULL: it is gone. Any thread. */
const struct snapshot_listener *snapshot_listener_of(const struct snapshot *s,
	const struct conn_listener *of);

/* Its index; n_listeners: it is gone. Any thread. */
size_t snapshot_listener_index(const struct snapshot *s, const struct conn_listener *of);

/* NULL when there are mistakes; diag has them all. refs is 1. */
struct snapshot *snapshot_load(const char *file, const struct snapshot_env *env, struct diag *d);
/* Main thread, when refs is 0. */
void snapshot_free(struct snapshot *s);
/* How many there are: more than one while requests still use an older one. Main thread. */
size_t snapshot_count(void);

/* ---- on a worker --------------------------------------------------------------------------- */

struct view {
	struct snapshot *snap; /* shared: ref */
	struct worker *worker; /* borrowed */
	unsigned refs; /* exchanges, plugins' work in the background, `current` of the proxy */
	struct instance_keeper keeper;
	struct upstream **upstreams;         /* owned */
	struct choose *choosers;             /* owned: by the same indices */
	struct instance_worker **slots;      /* shared: ref each */
	void (*on_free)(struct snapshot *s); /* any thread: the last view let go of s */
};

/* Takes over a reference to s. */
struct view *view_new(struct worker *w, struct snapshot *s, void (*on_free)(struct snapshot *s));
void view_unref(struct view *v);
static inline struct view *view_ref(struct view *v)
{
	v->refs++;
	return v;
}

#endif
