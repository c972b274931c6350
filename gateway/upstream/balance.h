/*
 * Which server is next. A balance knows the candidates of one upstream on one worker: the addresses
 * of its servers. Which of those that are ready it chooses is its algorithm's, a table of functions
 * (balance_ops.h); what to do when none is ready is the same for all. Its worker's thread only.
 */
#ifndef UPSTREAM_BALANCE_H
#define UPSTREAM_BALANCE_H

#include "base/list.h"
#include "upstream/conf.h"
#include "upstream/endpoint.h"

struct balance;
struct balance_ops;
struct request_head;

/* One server address in one balance. */
struct candidate {
	struct balance *balance;     /* borrowed */
	struct endpoint *endpoint;   /* shared: ref */
	struct endpoint_watch watch; /* of the endpoint's load and state */
	uint32_t weight;
	uint32_t place; /* in balance.all */
	uint64_t turn;  /* of its last choice */
	bool ready;     /* may be chosen as a matter of course */
	/* The algorithm's own. */
	uint64_t rank;
	uint32_t heap_place;
};

struct balance {
	const struct balance_ops *ops;
	void *own;              /* the algorithm's; owned */
	struct candidate **all; /* owned, of size cap */
	uint32_t n, n_ready, cap;
	uint64_t turn;                      /* counts choices */
	void (*on_room)(struct balance *b); /* a candidate became ready */
};

void balance_init(struct balance *b, enum upstream_balance kind,
	void (*on_room)(struct balance *b));
void balance_fini(struct balance *b); /* removes all candidates */
/* Takes a reference to the endpoint. */
struct candidate *balance_add(struct balance *b, struct endpoint *e, unsigned weight);
void balance_remove(struct candidate *c);

/* What a choice may depend on. */
struct balance_ask {
	const uint64_t *tried; /* ids of endpoints, which are passed over */
	unsigned n_tried;
	/* id of the endpoint that is wanted, whatever its health: to probe it; 0: any */
	uint64_t only;
	/* borrowed for the call; NULL: there is no request */
	const struct request_head *request;
	uint64_t key; /* balance_key() of the request */
};

/* What the algorithm remembers of a request, so that its retries go on from there: a consistent
 * hash takes the next on its ring. 0 with algorithms that do not look at requests. */
uint64_t balance_key(const struct balance *b, const struct request_head *request);

enum balance_result {
	BALANCE_CHOSEN,
	BALANCE_BUSY, /* those that are well are full: wait */
	BALANCE_NONE, /* every server was tried */
};
/*
 * Choose a server that is not among the tried. When all are down, one is chosen all the same, each
 * in turn: a request that may fail is better than one that must.
 */
enum balance_result balance_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out);
/* Whether there is a server not among the tried. */
bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried);

#endif
