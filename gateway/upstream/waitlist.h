/*
 * Calls of an upstream that wait: for names, or for room. The more important ones go first; of
 * equally important ones, as the upstream's queue_order says, the one that waits longest or the one
 * that came last. A full queue makes room for a call by giving up a less important one, or with
 * lifo the one of its own importance that has waited longest. Its worker's thread only.
 */
#ifndef UPSTREAM_WAITLIST_H
#define UPSTREAM_WAITLIST_H

#include "base/list.h"
#include "upstream/conf_protect.h"

struct upstream_call;

struct waitlist {
	struct list waiting[PRIORITY_COUNT]; /* each: in the order in which they came */
	/* given up for others: they are told at the end of the turn */
	struct list shed;
	uint32_t n;    /* waiting */
	uint32_t max;  /* bound of n */
	uint8_t order; /* enum queue_order */
	/* of a walk */
	int8_t walk_priority;
	struct list *walk_ahead; /* the next to look at, or the head of its list; NULL: no walk */
};

void waitlist_init(struct waitlist *q, enum queue_order order, uint32_t max);
/* Make room for a call of that priority. False: there is none, and none that is less important.
 * *shed: the call that is to leave the queue for it; NULL: none has to. */
must_use bool waitlist_make_room(struct waitlist *q, enum call_priority p,
	struct upstream_call **shed);
void waitlist_put(struct waitlist *q, struct upstream_call *c);
void waitlist_remove(struct waitlist *q, struct upstream_call *c);
static inline bool waitlist_is_empty(const struct waitlist *q)
{
	return q->n == 0 && list_is_empty(&q->shed);
}

/* Walk through the queue in the order in which calls are served; one walk at a time. Between two
 * steps calls may leave the queue and others come into it; of those it is open whether the walk
 * comes by them. */
void waitlist_walk_begin(struct waitlist *q);
/* NULL: that was all. */
struct upstream_call *waitlist_walk_next(struct waitlist *q);
void waitlist_walk_end(struct waitlist *q);

#endif
