/*
 * The interface of a kind of store: a struct that begins with struct sluice_store, and a table of
 * functions. store.c keeps all stores and passes calls on; memory.c and remote.c implement the
 * kinds. A new kind is one more table, chosen by store_ops_for() in store.c.
 */
#ifndef STORE_OPS_H
#define STORE_OPS_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/series.h"
#include "store/store.h"

/* NULL: the kind does not support the function, and plugins get SLUICE_ERROR or false. */
struct store_ops {
	sluice_store_kind kind; /* as plugins see it */

	/* Main thread: a new store as the configuration asks, without the fields of struct
	 * sluice_store. u: for kinds with a URL. NULL when an error was reported. */
	struct sluice_store *(*new)(const struct store_args *args, const struct redis_url *u);
	/* Called when the last reference is gone; any thread. */
	void (*free)(struct sluice_store *s);

	/* Main thread: a table of the store. NULL: the store has no tables and is itself used as
	   one. */
	struct sluice_store *(*table)(struct sluice_store *s, sluice_str name);
	void (*table_free)(struct sluice_store *t);

	/* The thread of w. timeout_ms 0: the store's own. */
	void (*warm)(struct worker *w, struct sluice_store *s);
	sluice_status (*eval)(struct worker *w, struct sluice_store *s, struct redis_call *c,
		const struct sluice_script *script, sluice_str key, const sluice_str *args,
		size_t nargs, uint64_t timeout_ms);
	sluice_status (*command)(struct worker *w, struct sluice_store *s, struct redis_call *c,
		const sluice_str *argv, size_t argc, uint64_t timeout_ms);
	/* A link of its own that follows the channel; the caller owns it, and holds the store and
	 * the channel as long. */
	struct redis_link *(
		*follow)(struct worker *w, struct sluice_store *s, const struct redis_channel *c);

	/* Any thread. */
	bool (*cell)(const struct sluice_store *s, sluice_str key, uint64_t now_ns,
		sluice_cell *out);
};

extern const struct store_ops store_memory;  /* memory.c */
extern const struct store_ops store_redis;   /* remote.c: one server, or those of sentinels */
extern const struct store_ops store_cluster; /* remote.c */

enum { STORE_RESULTS = SLUICE_ERROR + 1 };

/* The part that all stores have. Main thread only, except for the atomics. */
struct sluice_store {
	const struct store_ops *ops;
	char name[STORE_NAME_MAX + 1];
	struct list at;       /* among all stores, or the tables of one */
	uint64_t identity[2]; /* hash of its kind, name and options */
	unsigned taken;       /* times that it was given out and not returned */
	_Atomic bool is_taken;
	/* one while it is taken, and one for each worker's link and each table */
	_Atomic unsigned refs;
	series_id results[STORE_RESULTS]; /* by sluice_status; 0: not counted */
};

/* For `new` and `table`: initialise zeroed memory with one reference. */
static inline void store_init(struct sluice_store *s, const struct store_ops *ops, sluice_str name)
{
	s->ops = ops;
	memcpy(s->name, name.data, name.len < STORE_NAME_MAX ? name.len : STORE_NAME_MAX);
	list_init(&s->at);
	atomic_init(&s->is_taken, true);
	atomic_init(&s->refs, 1);
}

static inline void store_hold(struct sluice_store *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

/* Drop a reference; the last one frees the store. */
static inline void store_unref(struct sluice_store *s)
{
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		s->ops->free(s);
}

#endif
