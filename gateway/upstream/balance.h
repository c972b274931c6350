/*
 * Which server is next. A balance orders the servers of one upstream on one worker in a heap, so
 * that a choice costs O(log n) and is exact at any number:
 *  - round robin by weight: every server has a time at which it is due next, 1/weight apart
 *    (earliest deadline first);
 *  - least requests: whoever has the fewest connections in use for its weight, and among equals who
 *    waited longest.
 * In the heap are only servers that may be chosen at once; those that rest or are full stand
 * outside until balance_update(). Its worker's thread only.
 */
#ifndef UPSTREAM_BALANCE_H
#define UPSTREAM_BALANCE_H

#include "base/list.h"
#include "upstream/conf.h"

struct balance;
struct endpoint;

/* One server in one balance. */
struct slot {
	struct balance *balance;   /* borrowed */
	struct endpoint *endpoint; /* shared: ref */
	struct list at_endpoint;   /* in endpoint.slots */
	uint32_t weight;
	uint32_t place;      /* in balance.all */
	uint32_t heap_place; /* in balance.heap; SLOT_OUT */
	uint64_t key;        /* when it is due, or how loaded it is */
	uint64_t turn;       /* of its last choice */
};
#define SLOT_OUT UINT32_MAX

struct balance {
	struct slot **all, **heap; /* owned, both of size cap */
	uint32_t n, n_heap, cap;
	uint8_t kind;                       /* enum upstream_balance */
	uint64_t now;                       /* round robin: when the last choice was due */
	uint64_t turn;                      /* counts choices */
	void (*on_room)(struct balance *b); /* a server came into the heap */
};

void balance_init(struct balance *b, enum upstream_balance kind,
	void (*on_room)(struct balance *b));
void balance_fini(struct balance *b); /* removes all slots */
/* Takes a reference to the endpoint. */
struct slot *balance_add(struct balance *b, struct endpoint *e, unsigned weight);
void balance_remove(struct slot *s);
/* The endpoint's state or load changed. */
void balance_update(struct slot *s);

enum balance_result {
	BALANCE_CHOSEN,
	BALANCE_BUSY, /* those that are well are full: wait */
	BALANCE_NONE, /* every server was tried */
};
/*
 * Choose a server that is not among the tried (ids of endpoints). When all are down, one is chosen
 * all the same, each in turn: a request that may fail is better than one that must.
 */
enum balance_result balance_choose(struct balance *b, const uint64_t *tried, unsigned n_tried,
	struct slot **out);
/* Whether there is a server not among the tried. */
bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried);

#endif
