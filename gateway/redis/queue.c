/* The ring of commands under way. See queue.h. */
#include "redis/queue.h"

#include <stdlib.h>

#include "base/mem.h"

enum { QUEUE_FIRST = 64 };

void queue_init(struct redis_queue *q)
{
	*q = (struct redis_queue){ .places = NULL };
}

void queue_fini(struct redis_queue *q)
{
	free(q->places);
	queue_init(q);
}

static void queue_grow(struct redis_queue *q)
{
	struct redis_queue old = *q;
	q->cap = old.cap ? old.cap * 2 : QUEUE_FIRST;
	q->places = mem_zeroed(q->cap, sizeof(*q->places), "places of commands");
	for (uint64_t n = old.head; n < old.tail; n++)
		*queue_at(q, n) = *queue_at(&old, n);
	free(old.places);
}

uint64_t queue_push(struct redis_queue *q, struct redis_call *c, uint64_t due_ns)
{
	if (queue_length(q) == q->cap)
		queue_grow(q);
	*queue_at(q, q->tail) = (struct queue_place){ c, due_ns };
	q->waiting += c != NULL;
	return q->tail++;
}

struct redis_call *queue_pop(struct redis_queue *q)
{
	check(q->head != q->tail, "pop from an empty queue at %llu", (unsigned long long)q->head);
	struct redis_call *c = queue_at(q, q->head++)->call;
	q->waiting -= c != NULL;
	return c;
}

void queue_give_up(struct redis_queue *q, uint64_t n)
{
	check(n >= q->head && n < q->tail, "place %llu is not in the queue", (unsigned long long)n);
	struct queue_place *p = queue_at(q, n);
	q->waiting -= p->call != NULL;
	p->call = NULL;
}
