/*
 * Commands that were sent, in the order of their replies. A command that is cancelled or times out
 * keeps its place, so that a late reply is not taken for the reply to another. A ring that grows up
 * to a bound.
 */
#ifndef REDIS_QUEUE_H
#define REDIS_QUEUE_H

#include <stdint.h>

#include "base/check.h"

struct redis_call;

struct queue_place {
	struct redis_call *call; /* borrowed; NULL: nobody waits for the reply */
	uint64_t due_ns;
};

struct redis_queue {
	struct queue_place *places; /* owned */
	uint64_t head, tail;        /* counters; number n is at places[n % cap] */
	uint32_t cap;               /* a power of two, or 0 */
	uint32_t waiting;           /* entries in the ring that somebody waits for */
};

void queue_init(struct redis_queue *q);
void queue_fini(struct redis_queue *q);
static inline uint64_t queue_length(const struct redis_queue *q)
{
	return q->tail - q->head;
}
static inline struct queue_place *queue_at(const struct redis_queue *q, uint64_t n)
{
	return &q->places[n & (q->cap - 1)];
}
/* c NULL: nobody waits for the reply. Returns the number of its place. */
uint64_t queue_push(struct redis_queue *q, struct redis_call *c, uint64_t due_ns);
/* Remove the oldest and return its call, or NULL when nobody waits for it. The queue must not be
 * empty. */
struct redis_call *queue_pop(struct redis_queue *q);
void queue_give_up(struct redis_queue *q, uint64_t n);

#endif
