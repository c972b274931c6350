/* See waitlist.h. */
#include "upstream/waitlist.h"

#include "upstream/upstream.h"

static struct upstream_call *call_at(struct list *at)
{
	return container_of(at, struct upstream_call, at);
}

static struct list *waitlist_behind(const struct waitlist *q, const struct list *at)
{
	return q->order == QUEUE_LIFO ? at->prev : at->next;
}

void waitlist_init(struct waitlist *q, enum queue_order order, uint32_t max)
{
	*q = (struct waitlist){ .order = (uint8_t)order, .max = max };
	for (int i = 0; i < PRIORITY_COUNT; i++)
		list_init(&q->waiting[i]);
	list_init(&q->shed);
}

void waitlist_put(struct waitlist *q, struct upstream_call *c)
{
	list_push(&q->waiting[c->priority], &c->at);
	q->n++;
}

void waitlist_remove(struct waitlist *q, struct upstream_call *c)
{
	if (q->walk_ahead == &c->at)
		q->walk_ahead = waitlist_behind(q, &c->at);
	list_del(&c->at);
	q->n--;
}

bool waitlist_make_room(struct waitlist *q, enum call_priority p, struct upstream_call **shed)
{
	*shed = NULL;
	if (q->n < q->max)
		return true;
	for (int i = 0; i < (int)p; i++) {
		struct list *l = &q->waiting[i];
		if (list_is_empty(l))
			continue;
		/* the one that would be served last */
		*shed = call_at(q->order == QUEUE_LIFO ? l->next : l->prev);
		break;
	}
	if (!*shed && q->order == QUEUE_LIFO && !list_is_empty(&q->waiting[p]))
		*shed = call_at(q->waiting[p].next);
	if (!*shed)
		return false;
	return true;
}

void waitlist_walk_begin(struct waitlist *q)
{
	q->walk_priority = PRIORITY_COUNT - 1;
	q->walk_ahead = waitlist_behind(q, &q->waiting[q->walk_priority]);
}

struct upstream_call *waitlist_walk_next(struct waitlist *q)
{
	while (q->walk_ahead == &q->waiting[q->walk_priority]) {
		if (q->walk_priority == 0)
			return NULL;
		q->walk_priority--;
		q->walk_ahead = waitlist_behind(q, &q->waiting[q->walk_priority]);
	}
	struct list *at = q->walk_ahead;
	q->walk_ahead = waitlist_behind(q, at);
	return call_at(at);
}

void waitlist_walk_end(struct waitlist *q)
{
	q->walk_ahead = NULL;
}
