/*
 * Thousands of deadlines, which are set far more often than they pass. A wheel of slots 16.8 ms
 * wide; setting a deadline later than the slot a timer already sits in only writes a number, and
 * the timer moves on when its slot comes round. One wheel for each worker; its thread only.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdint.h>

#include "base/list.h"

enum { TIMER_TICK_SHIFT = 24, TIMER_SLOTS = 512 }; /* 2^24 ns a tick; 8.6 s once round */
#define TIMER_NEVER UINT64_MAX

struct timer {
	struct list link;                /* in its slot, while it sits in one */
	uint64_t due_ns;                 /* TIMER_NEVER: not armed */
	uint64_t tick;                   /* of the slot it sits in */
	void (*on_due)(struct timer *t); /* may set or drop any timer, its own too */
};

struct wheel {
	struct list slots[TIMER_SLOTS];
	uint64_t bits[TIMER_SLOTS / 64]; /* which slots may hold something */
	uint64_t tick;                   /* all before it were served */
	/* the first one that a timer was put into since wheel_next_ns() looked */
	uint64_t moved;
};

void wheel_init(struct wheel *w, uint64_t now_ns);
/* Fire what is due. */
void wheel_advance(struct wheel *w, uint64_t now_ns);
/* When to call wheel_advance() next; TIMER_NEVER when nothing waits. */
uint64_t wheel_next_ns(struct wheel *w);
/* The soonest that this can have become by timers that were set since. */
static inline uint64_t wheel_moved_ns(const struct wheel *w)
{
	return w->moved > TIMER_NEVER >> TIMER_TICK_SHIFT ? TIMER_NEVER
							  : w->moved << TIMER_TICK_SHIFT;
}

static inline void timer_init(struct timer *t, void (*on_due)(struct timer *t))
{
	list_init(&t->link);
	t->due_ns = TIMER_NEVER;
	t->tick = 0;
	t->on_due = on_due;
}
void timer_move(struct wheel *w, struct timer *t);

/* Fire once, not before due_ns and about a tick after at the latest. Replaces an earlier
 * deadline. */
static inline void timer_set(struct wheel *w, struct timer *t, uint64_t due_ns)
{
	t->due_ns = due_ns;
	if (list_is_empty(&t->link) || t->tick > (due_ns >> TIMER_TICK_SHIFT) + 1)
		timer_move(w, t);
}
/* Disarm; cheap, keeps its slot. */
static inline void timer_stop(struct timer *t)
{
	t->due_ns = TIMER_NEVER;
}
/* Disarm and leave the wheel, before the timer is freed. */
static inline void timer_drop(struct timer *t)
{
	t->due_ns = TIMER_NEVER;
	list_del(&t->link);
}

#endif
