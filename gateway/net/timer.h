/*
 * Thousands of deadlines, which are set far more often than they pass. A wheel of slots 16.8 ms
 * wide; setting a deadline later than the slot a timer already sits in only writes a number, and
 * the timer moves on when its slot comes round. What is due within the slot that has come stands in
 * a list of its own, and fires to the millisecond. One wheel for each worker; its thread only.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdint.h>

#include "base/list.h"

enum {
	TIMER_TICK_SHIFT = 24, /* 2^24 ns a tick */
	TIMER_SLOTS = 512,     /* 8.6 s once round */
	TIMER_GRAIN_SHIFT = 20 /* what is due within 2^20 ns fires together */
};
#define TIMER_NEVER UINT64_MAX

struct timer {
	struct list link;                /* in its slot, or in wheel.soon; else alone */
	uint64_t due_ns;                 /* TIMER_NEVER: not armed */
	uint64_t tick;                   /* of the slot it sits in; in wheel.soon: TIMER_NEVER */
	void (*on_due)(struct timer *t); /* may set or drop any timer, its own too */
};

struct wheel {
	struct list slots[TIMER_SLOTS];
	uint64_t bits[TIMER_SLOTS / 64]; /* which slots may hold something */
	uint64_t tick;                   /* all before it were served */
	struct list soon;                /* what is due before that tick */
	uint64_t soon_ns;                /* the first of them, at the end of its grain */
	uint64_t turn_ns;                /* wheel_advance() has nothing to do before */
	/* the soonest that wheel_next_ns() can have become since it looked */
	uint64_t moved_ns;
};

void wheel_init(struct wheel *w, uint64_t now_ns);
void wheel_turn(struct wheel *w, uint64_t now_ns);
/* Fire what is due. */
static inline void wheel_advance(struct wheel *w, uint64_t now_ns)
{
	if (now_ns >= w->turn_ns)
		wheel_turn(w, now_ns);
}
/* When to call wheel_advance() next; TIMER_NEVER when nothing waits. */
uint64_t wheel_next_ns(struct wheel *w);
/* The soonest that this can have become by timers that were set since. */
static inline uint64_t wheel_moved_ns(const struct wheel *w)
{
	return w->moved_ns;
}

static inline void timer_init(struct timer *t, void (*on_due)(struct timer *t))
{
	list_init(&t->link);
	t->due_ns = TIMER_NEVER;
	t->tick = 0;
	t->on_due = on_due;
}
void timer_move(struct wheel *w, struct timer *t);

/* Fire once, not before due_ns, and a grain of time after at the latest. Replaces an earlier
 * deadline. */
static inline void timer_set(struct wheel *w, struct timer *t, uint64_t due_ns)
{
	t->due_ns = due_ns;
	if (list_is_empty(&t->link) || t->tick > due_ns >> TIMER_TICK_SHIFT)
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
