/* The wheel of deadlines. The worker's thread. */
#include "net/timer.h"

void wheel_init(struct wheel *w, uint64_t now_ns)
{
	*w = (struct wheel){ .tick = now_ns >> TIMER_TICK_SHIFT, .moved = TIMER_NEVER };
	for (int i = 0; i < TIMER_SLOTS; i++)
		list_init(&w->slots[i]);
}

void timer_move(struct wheel *w, struct timer *t)
{
	/* one tick later than the deadline's own, so that a served slot is never early */
	uint64_t tick = (t->due_ns >> TIMER_TICK_SHIFT) + 1;
	if (tick < w->tick)
		tick = w->tick;
	if (tick > w->tick + TIMER_SLOTS - 1)
		tick = w->tick + TIMER_SLOTS - 1;
	unsigned slot = (unsigned)(tick % TIMER_SLOTS);
	list_del(&t->link);
	list_push(&w->slots[slot], &t->link);
	w->bits[slot / 64] |= 1ull << (slot % 64);
	t->tick = tick;
	if (tick < w->moved)
		w->moved = tick;
}

static void wheel_serve(struct wheel *w, unsigned slot, uint64_t now_ns)
{
	struct list batch, *e;
	if (!(w->bits[slot / 64] & 1ull << (slot % 64)))
		return;
	w->bits[slot / 64] &= ~(1ull << (slot % 64));
	list_init(&batch);
	while ((e = list_pop(&w->slots[slot])))
		list_push(&batch, e);
	while ((e = list_pop(&batch))) {
		struct timer *t = container_of(e, struct timer, link);
		if (t->due_ns == TIMER_NEVER)
			continue;
		if (t->due_ns > now_ns) {
			timer_move(w, t);
			continue;
		}
		t->due_ns = TIMER_NEVER;
		t->on_due(t);
	}
}

void wheel_advance(struct wheel *w, uint64_t now_ns)
{
	uint64_t to = now_ns >> TIMER_TICK_SHIFT;
	if (to >= w->tick + TIMER_SLOTS) /* slept longer than the wheel is round: every slot once */
		w->tick = to - TIMER_SLOTS + 1;
	while (w->tick <= to) {
		unsigned slot = (unsigned)(w->tick % TIMER_SLOTS);
		w->tick++;
		wheel_serve(w, slot, now_ns);
	}
}

uint64_t wheel_next_ns(struct wheel *w)
{
	enum { WORDS = TIMER_SLOTS / 64 };
	unsigned from = (unsigned)(w->tick % TIMER_SLOTS);

	w->moved = TIMER_NEVER;
	/* Whole words are looked at. The first comes twice: from its slot on, and up to there. */
	for (unsigned i = 0; i <= WORDS; i++) {
		unsigned word = (from / 64 + i) % WORDS;
		uint64_t bits = w->bits[word], later = ~0ull << (from % 64);
		if (i == 0)
			bits &= later;
		else if (i == WORDS)
			bits &= ~later;
		if (bits) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
			return (w->tick + (slot - from) % TIMER_SLOTS) << TIMER_TICK_SHIFT;
		}
	}
	return TIMER_NEVER;
}
