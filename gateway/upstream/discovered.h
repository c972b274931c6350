/*
 * Servers that are found while the gateway runs, in the place of those in the file: by the name of
 * the upstream, so that they stay over reloads. The main thread sets them; each worker gets a set
 * as an immutable value by message, and whoever attaches the upstream later finds it here.
 *
 * An owner, a plugin's instance or a source, sets the servers. While a configuration is being
 * prepared, its owner's set waits beside the one in force: it comes into force with the
 * configuration, or is forgotten with it. Main thread, but for what is said to be a worker's.
 */
#ifndef UPSTREAM_DISCOVERED_H
#define UPSTREAM_DISCOVERED_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/series.h"
#include "upstream/conf.h"

struct worker;

enum { DISCOVERED_MAX = 10000, DISCOVERED_WHY = 256 };

/* Servers in the order of their addresses, each once. Immutable; one block of memory. */
struct server_set {
	_Atomic unsigned refs;
	uint64_t number; /* the later set of an upstream has the greater one; 0: of the file */
	size_t n;
	struct upstream_server v[];
};

/* Copy servers into a set. get: the server of that index; false: it has none. NULL, and the rest of
 * a sentence in why, when one of them cannot be a server. refs is 1. Any thread. */
struct server_set *server_set_new(size_t n,
	struct upstream_server (*get)(const void *ctx, size_t i), const void *ctx,
	char why[DISCOVERED_WHY]);
struct server_set *server_set_empty(void);
struct server_set *server_set_ref(struct server_set *s); /* any thread; NULL stays NULL */
void server_set_unref(struct server_set **s);            /* any thread */
/* The order of a set. */
int server_order(sluice_str a, sluice_str b);

/* How servers are found. */
enum server_source {
	SERVERS_CONFIG,
	SERVERS_DNS,
	SERVERS_SRV,
	SERVERS_FILE,
	SERVERS_PLUGIN,
	SERVER_SOURCES
};
/* "srv", for logs and metrics. */
const char *server_source_name(enum server_source s);
/* By the configuration of the upstream; CONFIG: its servers are not discovered. */
enum server_source server_source_of(const struct upstream_conf *conf);

struct discovered {
	struct list at;  /* in the list of all */
	sluice_str name; /* owned: of the upstream */
	uint64_t id;     /* unique in the process */
	unsigned refs;   /* snapshots */
	/* ids of owners, 0: none; the name of the first, as logs have it, is owned */
	uint64_t owner, next_owner;
	sluice_str owner_name;
	uint64_t in_force; /* the configuration that last had the upstream; see discovered_settle()
			    */
	struct server_set *next; /* shared: ref; set by next_owner; NULL: nothing yet */
	uint64_t n_sets;
	uint64_t set_ms; /* wall clock of the last set, also one that changed nothing; 0: none */
	uint64_t changed_ms;      /* and of the last one that changed something */
	uint64_t ttl_ns;          /* how long that one may be used, where somebody says so */
	char why[DISCOVERED_WHY]; /* why there was no set when last looked for; "": there was */
	series_id count, time;    /* metrics, and what they show */
	uint64_t counted, timed;
	pthread_mutex_t lock;   /* of set, which workers read when they attach */
	struct server_set *set; /* shared: ref; NULL: nothing was set yet */
};

/* What a worker is told. */
struct discovered_mail {
	uint64_t id;            /* of the entry */
	struct server_set *set; /* owned: a ref */
};
/* Those who are told of a set; a NULL pointer to it stands for nobody. */
struct discovered_workers {
	struct worker *const *v; /* borrowed */
	unsigned n;
	/* on the worker; takes over the mail, which is from malloc(): upstream_on_set() */
	void (*on_set)(struct worker *w, void *mail);
};

/* The entry of that upstream, made if need be; the caller gets a reference. */
struct discovered *discovered_get(sluice_str name);
void discovered_unref(struct discovered **d);
/* NULL: no configuration has such an upstream. */
struct discovered *discovered_find(sluice_str name);

/* A configuration is prepared in which that owner finds the servers. False: it does so already. */
bool discovered_prepare(struct discovered *d, uint64_t owner);
/* The configuration is refused. */
void discovered_abandon(struct discovered *d);
/* A configuration comes into force: begin, then settle each of its upstreams. Those of earlier ones
 * take no more sets. */
void discovered_settle_begin(void);
void discovered_settle(struct discovered *d, sluice_str owner_name,
	const struct discovered_workers *tell);

/* Whether the owner may set the servers now. */
bool discovered_is_owner(const struct discovered *d, uint64_t owner);
/* Set them, and tell the workers. Takes over the reference to s. */
void discovered_set(struct discovered *d, uint64_t owner, struct server_set *s,
	const struct discovered_workers *tell);

/* The set in force, with a reference; NULL: nothing was set yet. Any thread. */
struct server_set *discovered_now(struct discovered *d);

#endif
