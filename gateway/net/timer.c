/* The wheel of deadlines. The worker's thread. */
#include "net/timer.h"

void wheel_init(struct wheel *w, uint64_t now_ns)
{
	*w = (struct wheel){ .tick = now_ns >> TIMER_TICK_SHIFT,
		.soon_ns = TIMER_NEVER,
		.moved_ns = TIMER_NEVER };
	for (int i = 0; i < TIMER_SLOTS; i++)
		list_init(&w->slots[i]);
	list_init(&w->soon);
}

static void wheel_moved(struct wheel *w, uint64_t ns)
{
	if (ns < w->moved_ns)
		w->moved_ns = ns;
}

/* The slot of its deadline is being served, or was. */
static void timer_move_to_soon(struct wheel *w, struct timer *t)
{
	const uint64_t grain = 1ull << TIMER_GRAIN_SHIFT;
	uint64_t at = (t->due_ns | (grain - 1)) + 1;
	list_push(&w->soon, &t->link);
	t->tick = TIMER_NEVER;
	if (at < w->soon_ns)
		w->soon_ns = at;
	if (at < w->turn_ns)
		w->turn_ns = at;
	wheel_moved(w, at);
}

void timer_move(struct wheel *w, struct timer *t)
{
	uint64_t tick = t->due_ns >> TIMER_TICK_SHIFT;
	list_del(&t->link);
	if (tick < w->tick) {
		timer_move_to_soon(w, t);
		return;
	}
	if (tick > w->tick + TIMER_SLOTS - 1)
		tick = w->tick + TIMER_SLOTS - 1;
	unsigned slot = (unsigned)(tick % TIMER_SLOTS);
	list_push(&w->slots[slot], &t->link);
	w->bits[slot / 64] |= 1ull << (slot % 64);
	t->tick = tick;
	wheel_moved(w, tick << TIMER_TICK_SHIFT);
}

/* Fire what is due of a list; the others go where they belong. */
static void wheel_serve(struct wheel *w, struct list *all, uint64_t now_ns)
{
	struct list batch, *e;
	list_init(&batch);
	while ((e = list_pop(all)))
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

static void wheel_serve_slot(struct wheel *w, unsigned slot, uint64_t now_ns)
{
	if (!(w->bits[slot / 64] & 1ull << (slot % 64)))
		return;
	w->bits[slot / 64] &= ~(1ull << (slot % 64));
	wheel_serve(w, &w->slots[slot], now_ns);
}

void wheel_turn(struct wheel *w, uint64_t now_ns)
{
	uint64_t to = now_ns >> TIMER_TICK_SHIFT;
	if (w->soon_ns <= now_ns) {
		w->soon_ns = TIMER_NEVER;
		wheel_serve(w, &w->soon, now_ns);
	}
	if (to >= w->tick + TIMER_SLOTS) /* slept longer than the wheel is round: every slot once */
		w->tick = to - TIMER_SLOTS + 1;
	while (w->tick <= to) {
		unsigned slot = (unsigned)(w->tick % TIMER_SLOTS);
		w->tick++;
		wheel_serve_slot(w, slot, now_ns);
	}
	uint64_t next = w->tick << TIMER_TICK_SHIFT;
	w->turn_ns = w->soon_ns < next ? w->soon_ns : next;
}

static uint64_t wheel_next_slot_ns(const struct wheel *w)
{
	enum { WORDS = TIMER_SLOTS / 64 };
	unsigned from = (unsigned)(w->tick % TIMER_SLOTS);

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

uint64_t wheel_next_ns(struct wheel *w)
{
	uint64_t next = wheel_next_slot_ns(w);
	w->moved_ns = TIMER_NEVER;
	return w->soon_ns < next ? w->soon_ns : next;
}
