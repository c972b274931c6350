/*
 * Which of several upstreams a request goes to, by weights: the route's `split`. Requests with the
 * same value of a fact go to the same upstream, on each worker, in each process and by each route
 * with a split over upstreams of these names: weighted rendezvous hashing (Thaler and Ravishankar
 * 1998), by which a change of weights moves only those who have to move. Immutable; any thread.
 */
#ifndef PROXY_SPLIT_H
#define PROXY_SPLIT_H

#include "base/str.h"

struct exchange;
struct route;

struct split_share {
	sluice_str name; /* of the upstream */
	int upstream;    /* its index */
	uint32_t weight; /* 0: gets nothing */
	uint64_t hash;   /* of its name */
};

/* The weights are in one place, which could be exchanged as a whole. */
struct split_shares {
	uint64_t total; /* of the weights; not 0 */
	size_t n;
	struct split_share v[];
};

struct split {
	const struct split_shares *shares; /* in the arena */
	const sluice_expr **by; /* in the arena: the first that the request has decides */
	size_t n_by;            /* 0: each request for itself */
	bool is_late;           /* plugins of the route state a fact */
};

enum { SPLIT_WEIGHT_MAX = 1000000 };

/* The same on every machine, at all times: it decides who is where. */
uint64_t split_hash(sluice_str text);
const struct split_share *split_pick(const struct split_shares *s, uint64_t hash);
/* The i-th upstream that requests of the route may go to by what the route says; -1: there are no
 * more. */
int split_upstream(const struct route *r, size_t i);
/* Its route has a split: choose x's upstream. */
void split_choose(struct exchange *x);

#endif
