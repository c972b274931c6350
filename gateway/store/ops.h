/*
 * What a kind of store is: a struct of its own that begins with struct sluice_store, and a table of
 * what it does. store.c knows the stores by name and passes calls on; memory.c and remote.c are the
 * kinds. A new kind is one more table, which store.c's store_ops_for() chooses by the
 * configuration.
 */
#ifndef STORE_OPS_H
#define STORE_OPS_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/series.h"
#include "store/store.h"

/* Where a table has NULL the kind does not do it: SLUICE_ERROR or false to plugins. */
struct store_ops {
	sluice_store_kind kind; /* as plugins see it */

	/* Main thread: what the configuration asks for, apart from the fields of struct
	 * sluice_store. u: for kinds that are reached by URL. NULL when an error was reported. */
	struct sluice_store *(*new)(const struct store_args *args, const struct redis_url *u);
	/* Nobody holds it any more; any thread. */
	void (*free)(struct sluice_store *s);

	/* Main thread: a part of it for one plugin. NULL: the store itself is given out. */
	struct sluice_store *(*table)(struct sluice_store *s, sluice_str name);
	void (*table_free)(struct sluice_store *t);

	/* The thread of w. timeout_ms 0: the store's own. */
	void (*warm)(struct worker *w, struct sluice_store *s);
	sluice_status (*eval)(struct worker *w, struct sluice_store *s, struct redis_call *c,
		const struct sluice_script *script, sluice_str key, const sluice_str *args,
		size_t nargs, uint64_t timeout_ms);
	sluice_status (*command)(struct worker *w, struct sluice_store *s, struct redis_call *c,
		const sluice_str *argv, size_t argc, uint64_t timeout_ms);

	/* Any thread. */
	bool (*cell)(const struct sluice_store *s, sluice_str key, uint64_t now_ns,
		sluice_cell *out);
};

extern const struct store_ops store_memory;  /* memory.c */
extern const struct store_ops store_redis;   /* remote.c: one server, or those of sentinels */
extern const struct store_ops store_cluster; /* remote.c */

enum { STORE_RESULTS = SLUICE_ERROR + 1 };

/* What all stores are. Main thread, but for the two atomics. */
struct sluice_store {
	const struct store_ops *ops;
	char name[STORE_NAME_MAX + 1];
	struct list at;       /* among all stores, or the tables of one */
	uint64_t identity[2]; /* hash of all that makes it what it is */
	unsigned taken;       /* as often as it was given out */
	_Atomic bool is_taken;
	/* 1 while it is taken, and 1 for each worker's connection and each table */
	_Atomic unsigned holders;
	series_id results[STORE_RESULTS]; /* by sluice_status; 0: not counted */
};

/* For `new` and `table`, of zeroed memory: held by whoever takes it. */
static inline void store_init(struct sluice_store *s, const struct store_ops *ops, sluice_str name)
{
	s->ops = ops;
	memcpy(s->name, name.data, name.len < STORE_NAME_MAX ? name.len : STORE_NAME_MAX);
	list_init(&s->at);
	atomic_init(&s->is_taken, true);
	atomic_init(&s->holders, 1);
}

static inline void store_hold(struct sluice_store *s)
{
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
}

/* The last one frees it. */
static inline void store_let_go(struct sluice_store *s)
{
	if (atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) == 1)
		s->ops->free(s);
}

#endif
