/*
 * Stores that outlive a snapshot: one that the next configuration declares in the same words is the same object, so that
 * plugin instances that use it can be taken over as well. Main thread.
 */
#ifndef PROXY_SHARED_STORE_H
#define PROXY_SHARED_STORE_H

#include "config/tree.h"
#include "store/store.h"

struct shared_store {
	struct list link;
	struct sluice_store *store; /* owned */
	struct arena arena;         /* owned: name, text */
	sluice_str name, text;
	unsigned refs;
};

/* The store a node declares: the one that is there, or a new one. NULL when args->report heard of a mistake. */
struct shared_store *shared_store_get(sluice_str name, const struct node *n, const struct store_args *args);
void shared_store_unref(struct shared_store *s);

#endif
