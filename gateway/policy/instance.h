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
#include "policy/blame.h"
#include "policy/common.h"
#include "policy/module.h"
#include "store/cache.h"

struct access_log;
struct consumers;
struct dependency;
struct log_sink;
struct stated;
struct fetch;
struct run_about;
struct tls_client;
struct upstream;
struct sluice_store;

/* The gateway's side of all instances. */
struct policy {
	struct module_dirs dirs;
	struct worker *main;           /* borrowed */
	struct worker *const *workers; /* borrowed */
	unsigned n_workers;            /* 0: only checking, nothing starts */
	/* borrowed: while a configuration is being made; NULL: not known */
	const struct stated *names;
	/* The TLS client of a fetch with these authorities: the caller gets a reference. NULL, and
	 * a sentence in *why, when the authorities cannot be read. */
	struct tls_client *(*fetch_tls)(sluice_str ca_file, const char **why);
	/* Around all that the thread of a log sink does; NULL: nothing. */
	void (*thread_init)(void);
	void (*thread_fini)(void);
};

/* A value handed from the main thread to the workers. */
struct published {
	_Atomic unsigned refs;
	uint64_t n; /* number of the value among those of the instance */
	void *value;
	void (*free_value)(void *);
};

enum {
	/* On each worker the time of an instance's first calls is measured, and then of one call in
	 * INSTANCE_SAMPLE_EVERY, which counts for all of them. With a budget every call is
	 * measured. */
	INSTANCE_SAMPLE_FIRST = 16,
	INSTANCE_SAMPLE_EVERY = 128,
	INSTANCE_FILES = 16,
	INSTANCE_FETCHES = 16,
	INSTANCE_STORES = 8,
	INSTANCE_TABLES = 8,
	INSTANCE_CACHES = 8,
	INSTANCE_UPSTREAMS = 64
};

/* What it means that a fact has no value where it is read. */
enum fact_use {
	FACT_USED,   /* an option names it: hardly what was meant */
	FACT_NEEDED, /* the plugin needs it: a mistake */
	FACT_WISHED, /* the plugin does without it: hardly meant, if a plugin states it too late */
};

/* A fact that the instance's options name and that is not known of every request from the start:
 * one that a plugin states, or one of the route. */
struct instance_fact {
	struct instance_fact *next;
	sluice_str text;
	uint8_t side; /* enum sluice_side: the hooks of which side read it */
	uint8_t use;  /* enum fact_use */
};

/* An upstream that the instance's options name. The plugin keeps it over all snapshots that have an
 * upstream of the name; chain_item.upstreams says which of a snapshot's upstreams it is. */
struct sluice_upstream {
	const sluice_instance *inst;
	sluice_str name;
	unsigned at; /* among the instance's */
};

/* The stores and upstreams of a configuration that an instance needs to be kept. */
struct instance_needs {
	const sluice_store *const *stores;
	size_t n_stores;
	bool (*has_upstream)(void *ctx, sluice_str name);
	void *ctx;
	const char *dir; /* of the file that names it; NULL: it does not matter */
};

/* a table of a memory store */
struct instance_table {
	const sluice_store *of, *table; /* table: the instance holds it */
	sluice_str name;
};

enum instance_state { INSTANCE_NEW, INSTANCE_STARTING, INSTANCE_STARTED, INSTANCE_FAILED };

/* a name that its plugin declared secret */
struct instance_secret {
	struct instance_secret *next;
	sluice_str name; /* plain: obs/secret.h */
	bool is_field;
};

/* a part of requests that its plugin declared its own */
struct instance_own {
	struct instance_own *next;
	sluice_str name;
	int kind; /* enum sluice_own_kind */
};

/* a document that its plugin has the gateway serve */
struct instance_document {
	struct instance_document *next;
	sluice_str path;
	int status;
	sluice_pairs headers;
	sluice_str content_type, body;
};

/* What an instance has begun on the main thread. It ends by itself, or with the instance. */
struct instance_task {
	struct list at; /* of the instance */
	sluice_instance *inst;
	void (*end)(struct instance_task *t); /* take it off the list, and free it */
};

/* a file that was read at configuration: when it changes, the instance is made anew */
struct instance_file {
	const char *path;
	uint64_t hash[2];
};

struct sluice_instance {
	struct list live;            /* main thread: in the list of all instances */
	struct policy *policy;       /* borrowed */
	const struct module *module; /* borrowed */
	const sluice_plugin *plugin; /* borrowed: module->record */
	sluice_str name;
	/* its options in canonical form: equal texts are equal configurations */
	sluice_str text;
	uint64_t id;          /* unique in the process */
	unsigned refs;        /* snapshots; main thread */
	struct arena arena;   /* owned */
	struct arena scratch; /* owned: until a main-thread callback returns */
	void *conf;           /* in the arena */
	const char *dir;      /* of the configuration file */
	/* borrowed: the instance's own and the caller's, only while the instance is being
	 * configured */
	struct bind *bind, *outer;
	bool failed;      /* a mistake was reported */
	uint8_t state;    /* enum instance_state */
	uint8_t on_error; /* enum instance_on_error */
	uint8_t mode;     /* enum instance_mode */
	/* the time of a call is measured where the number of calls before it has none of these
	 * bits; see policy/frame_call.h */
	uint32_t sample_mask;
	uint64_t budget_ns; /* of one call of a hook; 0: none */
	struct instance_file files[INSTANCE_FILES];
	struct instance_secret *secrets;     /* in the arena */
	struct instance_own *owns;           /* in the arena */
	struct instance_document *documents; /* in the arena */
	/* above INSTANCE_FILES: not all files are known, so that the instance is never kept */
	unsigned n_files;
	/* borrowed: snapshots that hold the instance hold them */
	const sluice_store *stores[INSTANCE_STORES];
	unsigned n_stores;
	struct sluice_upstream *upstreams; /* in the arena: room for INSTANCE_UPSTREAMS, or NULL */
	unsigned n_upstreams;
	struct instance_table tables[INSTANCE_TABLES];
	unsigned n_tables;
	struct cache_user caches[INSTANCE_CACHES];
	unsigned n_caches;
	struct instance_fact *facts;     /* in the arena */
	sluice_condition *conditions;    /* owned: all that its options have */
	struct dependency *dependencies; /* owned: what its plugin told of them */
	/* guards published: the main thread writes, workers read when they attach */
	pthread_mutex_t lock;
	struct published *published; /* shared: ref */
	uint64_t n_published;
	/* when it last published, seconds since 1970; for its metric */
	uint64_t published_s;
	/* its metrics; 0: the instance is not in force yet */
	series_id calls, failures, time, skipped, over_budget;
	struct blame_quiet blamed[BLAMES];
	struct blame_quiet told[SLUICE_LOG_DEBUG]; /* its lines about exchanges, by level */
	_Atomic bool refresh_asked;
	struct timer timer; /* main thread's */
	sluice_main_timer_fn on_timer;
	struct list tasks;     /* main thread: struct instance_task */
	struct log_sink *sink; /* owned; NULL: no configuration has used the instance as one */
	/* instead of freeing the instance, when its last reference is gone: takes one, and releases
	 * it when the instance may go; NULL: it may go at once. Set by policy/sink. */
	void (*on_unused)(sluice_instance *inst);
	struct instance_fetch {
		sluice_instance *inst;
		struct fetch *fetch; /* owned; NULL: free */
		sluice_main_fetch_fn fn;
		void *user; /* borrowed: the plugin's */
	} fetches[INSTANCE_FETCHES];
};

/* The two steps of instance_new(). An instance that is not configured has no conf. One that could
 * not be configured (a mistake was reported) can only be released. */
sluice_instance *instance_make(struct policy *p, const struct module *m, sluice_str name,
	const struct node *n, const struct bind *b);
must_use bool instance_configure(sluice_instance *inst, const struct node *n, struct bind *b);
/* Bind and check one instance from its node; the node's `use` names the plugin. NULL when a mistake
 * was reported. refs is 1. */
sluice_instance *instance_new(struct policy *p, sluice_str name, const struct node *n,
	struct bind *b);
/* Whether old was made from the same text and files, and its stores and upstreams still exist. */
bool instance_is_same(const sluice_instance *old, sluice_str name, const struct node *n,
	const struct instance_needs *there);
/* Start the instance, once. False, also for later calls, when the plugin could not start: the
 * configuration cannot be in force. */
must_use bool instance_start(sluice_instance *inst);
void instance_unref(sluice_instance *inst);
/* It is not in force any more: its timer, fetches and tasks on the main thread end. */
void instance_rest(sluice_instance *inst);

/* ---- on a worker --------------------------------------------------------------------------- */

/* Embedded in what waits for the next published value. */
struct instance_waiter {
	struct list link;
	void (*on_publish)(struct instance_waiter *w); /* w is off the list */
};

/* Holds the instances of an exchange and the stores that they use. Embedded in the view of proxy/.
 * The thread of the view's worker. */
struct instance_keeper {
	void (*ref)(struct instance_keeper *k);
	void (*unref)(struct instance_keeper *k);
	/* what the owner of its exchanges knows of them; a constant; NULL: nothing */
	const struct run_about *about;
	/* the worker's, of the snapshot; by the indices in chain_item.upstreams; NULL: none */
	struct upstream *const *upstreams;
	/* of the configuration; NULL: it has none */
	const struct consumers *consumers;
};

struct instance_worker {
	struct list link;      /* policy's part of the worker */
	sluice_instance *inst; /* borrowed: lives as long as the view that attached it */
	uint64_t id;
	unsigned refs;               /* views */
	void *state;                 /* owned: plugin->worker_size bytes */
	struct published *published; /* shared: ref */
	struct list waiters;         /* struct instance_waiter: until the next publish */
	/* Calls of its hooks on this worker: borrowed, the thread's cell of inst->calls; or, on a
	 * thread without cells, own_calls. */
	_Atomic uint64_t *calls, own_calls;
	uint64_t next_sample; /* so many calls come before the one whose time is measured next */
	unsigned n_works;     /* fetches in the background that are under way */
	/* a fetch was refused because there were too many, and the log says so */
	bool works_refused;
	struct access_log *records; /* owned: for its log sink; NULL: it is none */
};

/* In zeroed memory, on the worker's thread: begin to count. */
void instance_worker_init(struct instance_worker *iw, sluice_instance *inst);
/* Count a call of a hook on this worker. Whether its time is to be measured. */
static inline bool instance_count_call(struct instance_worker *iw)
{
	uint64_t n = atomic_load_explicit(iw->calls, memory_order_relaxed);
	stat_bump(iw->calls, 1);
	if (n < iw->next_sample)
		return false;
	iw->next_sample = n + 1 < INSTANCE_SAMPLE_FIRST ? n + 1 : (n | iw->inst->sample_mask) + 1;
	return true;
}
/* Count the time of such a call; it stands for those that are not measured. */
static inline void instance_count_time(const struct instance_worker *iw, uint64_t took_ns)
{
	uint64_t calls = atomic_load_explicit(iw->calls, memory_order_relaxed);
	series_add(iw->inst->time,
		took_ns * (calls > INSTANCE_SAMPLE_FIRST ? iw->inst->sample_mask + 1 : 1));
}

/* This worker's side of an instance, made when it is first used. NULL when the plugin could not
 * start on this worker. */
must_use struct instance_worker *instance_attach(struct worker *w, sluice_instance *inst);
void instance_detach(struct worker *w, struct instance_worker *iw);
/* The value that the instance published last, with a reference; NULL: none. For threads that are no
 * workers: any thread. */
struct published *instance_published_take(sluice_instance *inst);
/* *slot may be NULL. */
void instance_published_drop(struct published **slot);
/* A value was published: call all waiters. */
void instance_wake(struct instance_worker *iw);

/* The absolute path of a file that a plugin names relative to the configuration file. In a; NULL
 * when its budget is spent. */
const char *instance_path(const sluice_instance *inst, struct arena *a, sluice_str path);
/* The same for a fetch's authorities; empty stays empty. */
sluice_str instance_ca_file(const sluice_instance *inst, struct arena *a, sluice_str file);

/* A callback of the plugin on the main thread has returned: free what it read. */
void instance_returned(sluice_instance *inst);

/* A file was read at configuration; err as of file_read(). path lives as long as the instance. */
void instance_add_file(sluice_instance *inst, const char *path, int err, sluice_str bytes);

/* Count in the metrics how a fetch of the instance ended that no exchange waits for. Any thread. */
void instance_count_fetch(const sluice_instance *inst, const sluice_fetch_response *r);

/* As sluice_publish() and sluice_refresh(). */
void instance_publish(sluice_instance *inst, void *value, void (*free_value)(void *));
void instance_refresh(struct instance_worker *iw);

#endif
