/*
 * A configured use of a plugin, in its three places: the instance itself on the main thread (its
 * bound options, timer, fetches), what it published for all workers to read, and its state on each
 * worker. An instance lives as long as a snapshot names it; one that did not change is taken over
 * by the next snapshot, with what it has learned.
 */
#ifndef POLICY_INSTANCE_H
#define POLICY_INSTANCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/series.h"
#include "config/bind.h"
#include "net/worker.h"
#include "obs/secret.h"
#include "policy/module.h"

struct stated;
struct fetch;
struct tls_client;
struct sluice_store;

/* The gateway's side of all instances. */
struct policy {
	struct module_dirs dirs;
	struct worker *main;           /* borrowed */
	struct worker *const *workers; /* borrowed */
	unsigned n_workers;            /* 0: only checking, nothing starts */
	/* borrowed: while a configuration is being made; NULL: nothing is known */
	const struct stated *names;
	/* How a fetch secures its connection; NULL with a sentence when the authorities cannot be
	 * read. */
	/* a reference, or NULL and why */
	struct tls_client *(*fetch_tls)(sluice_str ca_file, const char **why);
};

/* A value handed from the main thread to the workers. */
struct published {
	_Atomic unsigned refs;
	uint64_t n; /* counts the instance's */
	void *value;
	void (*free_value)(void *);
};

/* The rows that every instance has, whatever its plugin: `use`. */
extern const sluice_option instance_options[];

enum {
	INSTANCE_FILES = 16,
	INSTANCE_FETCHES = 16,
	INSTANCE_STORES = 8,
	INSTANCE_TABLES = 8,
	INSTANCE_UPSTREAMS = 64
};

/* A fact that its options name and the gateway does not know by itself: a plugin's, or of the
 * route's path. */
struct instance_fact {
	struct instance_fact *next;
	sluice_str text;
	sluice_side side; /* whose hooks ask for it */
};

/* An upstream that its options name: the plugin's from then on, over all snapshots that have one of
 * the name. Which of theirs it is, chain_item.upstreams says. */
struct sluice_upstream {
	const sluice_instance *inst;
	sluice_str name;
	unsigned at; /* among the instance's */
};

/* What a configuration has that instances can be kept with. */
struct instance_needs {
	const sluice_store *const *stores;
	size_t n_stores;
	bool (*has_upstream)(void *ctx, sluice_str name);
	void *ctx;
};

/* of a memory store */
struct instance_table {
	const sluice_store *of, *table; /* table: taken */
	sluice_str name;
};

enum instance_state { INSTANCE_NEW, INSTANCE_STARTING, INSTANCE_STARTED, INSTANCE_FAILED };

/* a name that its plugin declared secret */
struct instance_secret {
	struct instance_secret *next;
	sluice_str name; /* plain: obs/secret.h */
	bool is_field;
};

/* read at configuration: a change of it is a change of the configuration */
struct instance_file {
	const char *path;
	uint64_t hash[2];
};

struct sluice_instance {
	struct list live;            /* main thread: all of them */
	struct policy *policy;       /* borrowed */
	const struct module *module; /* borrowed */
	const sluice_plugin *plugin; /* borrowed: module->record */
	sluice_str name;
	/* its options, canonical: equal texts are equal configurations */
	sluice_str text;
	uint64_t id;          /* unique in the process */
	unsigned refs;        /* snapshots; main thread */
	struct arena arena;   /* owned */
	struct arena scratch; /* owned: until a main-thread callback returns */
	void *conf;           /* in the arena */
	const char *dir;      /* of the configuration file */
	/* borrowed: its own and the caller's, only while it is being configured */
	struct bind *bind, *outer;
	bool failed;   /* reported a mistake */
	uint8_t state; /* enum instance_state */
	struct instance_file files[INSTANCE_FILES];
	struct instance_secret *secrets; /* in the arena */
	/* above INSTANCE_FILES: more than are known, so that it is never the same */
	unsigned n_files;
	/* borrowed: snapshots that hold the instance hold them */
	const sluice_store *stores[INSTANCE_STORES];
	unsigned n_stores;
	struct sluice_upstream *upstreams; /* in the arena: room for INSTANCE_UPSTREAMS, or NULL */
	unsigned n_upstreams;
	struct instance_table tables[INSTANCE_TABLES];
	unsigned n_tables;
	struct instance_fact *facts; /* in the arena */
	pthread_mutex_t lock;        /* guards published: main writes, workers read at attach */
	struct published *published; /* shared: ref */
	uint64_t n_published;
	/* when it last did, seconds since 1970; as its metric says */
	uint64_t published_s;
	series_id calls, failures, time; /* its metrics; 0: not in force yet */
	_Atomic bool refresh_asked;
	struct timer timer; /* main thread's */
	sluice_main_timer_fn on_timer;
	struct instance_fetch {
		sluice_instance *inst;
		struct fetch *fetch; /* owned; NULL: free */
		sluice_main_fetch_fn fn;
		void *user; /* borrowed: the plugin's */
	} fetches[INSTANCE_FETCHES];
};

/* The two steps of instance_new(). An instance that is not configured has no conf; one that could
 * not be (a mistake was reported) can only be let go of. */
sluice_instance *instance_make(struct policy *p, const struct module *m, sluice_str name,
	const struct node *n, const struct bind *b);
must_use bool instance_configure(sluice_instance *inst, const struct node *n, struct bind *b);
/* Bind and check one instance from its node; the node's `use` names the plugin. NULL when a mistake
 * was reported. refs is 1. */
sluice_instance *instance_new(struct policy *p, sluice_str name, const struct node *n,
	struct bind *b);
/* Whether old was made from the same text and files, and of stores and upstreams that are there. */
bool instance_is_same(const sluice_instance *old, sluice_str name, const struct node *n,
	const struct instance_needs *there);
/* Start it, once. False, each time, when the plugin could not: a configuration with it cannot be in
 * force. */
must_use bool instance_start(sluice_instance *inst);
void instance_unref(sluice_instance *inst);

/* ---- on a worker --------------------------------------------------------------------------- */

/* Embedded in who waits for the next publish. */
struct instance_waiter {
	struct list link;
	void (*on_publish)(struct instance_waiter *w); /* it is on the list no longer */
};

/* What holds the instances of an exchange, with the stores that they use: the view of proxy/, which
 * embeds it. The worker's thread of the view. */
struct instance_keeper {
	void (*ref)(struct instance_keeper *k);
	void (*unref)(struct instance_keeper *k);
};

struct instance_worker {
	struct list link;      /* policy's part of the worker */
	sluice_instance *inst; /* borrowed: lives as long as the view that attached it */
	uint64_t id;
	unsigned refs;               /* views */
	void *state;                 /* owned: plugin->worker_size bytes */
	struct published *published; /* shared: ref */
	struct list waiters;         /* struct instance_waiter: until the next publish */
	uint64_t calls;              /* of its hooks, on this worker */
	unsigned n_works;            /* fetches in the background that are under way */
	bool works_refused;          /* one too many, which was told */
};

/* This worker's side of an instance, made at first use. NULL when the plugin could not start on
 * this worker. */
must_use struct instance_worker *instance_attach(struct worker *w, sluice_instance *inst);
void instance_detach(struct worker *w, struct instance_worker *iw);
/* A value was published: call everyone who waits. */
void instance_wake(struct instance_worker *iw);

/* The absolute path of what a plugin names, relative to the configuration file; in a. NULL when its
 * budget is spent. */
const char *instance_path(const sluice_instance *inst, struct arena *a, sluice_str path);
/* The same for a fetch's authorities; empty stays empty. */
sluice_str instance_ca_file(const sluice_instance *inst, struct arena *a, sluice_str file);

/* A callback of the plugin on the main thread has returned: what it read for itself goes. */
void instance_returned(sluice_instance *inst);

/* A file was read at configuration; err as of file_read(). path lives as long as the instance. */
void instance_add_file(sluice_instance *inst, const char *path, int err, sluice_str bytes);

/* Its options name this fact, for the hooks of that side. */
void instance_add_fact(sluice_instance *inst, const sluice_expr *e, sluice_side side);

/* A fetch of the instance's that no exchange waits for has ended so: for its metric. Any thread. */
void instance_count_fetch(const sluice_instance *inst, const sluice_fetch_response *r);

/* For the host table. */
void instance_publish(sluice_instance *inst, void *value, void (*free_value)(void *));
void instance_refresh(struct instance_worker *iw);

#endif
