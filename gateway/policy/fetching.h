/* Fetches of plugins: how the server that a request names is reached. The thread of the worker. */
#ifndef POLICY_FETCHING_H
#define POLICY_FETCHING_H

#include "base/arena.h"
#include "policy/instance.h"
#include "upstream/fetch.h"

/* Who fetches. */
struct fetching {
	struct worker *worker;
	sluice_instance *inst;
	/* chain_item.upstreams and instance_keeper.upstreams; NULL: there are none */
	const uint32_t *places;
	struct upstream *const *upstreams;
	/* where the request of the exchange goes, among upstreams; -1: to none of them */
	int32_t own;
	struct arena *arena; /* for paths, until fetching_start() returns */
};

/* As fetch_start(). */
struct fetch *fetching_start(const struct fetching *who, const sluice_fetch_request *r, fetch_fn fn,
	void *ctx, const char **why);

#endif
