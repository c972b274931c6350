/* net/timer: against a list that is looked through, with a clock of the test's own. */
#include "net/timer.h"

#include "unit.h"

#define TICK (1ull << TIMER_TICK_SHIFT)
#define GRAIN (1ull << TIMER_GRAIN_SHIFT)
#define ROUND (TICK * TIMER_SLOTS)

enum { TIMERS = 200, STEPS = 30000 };

static struct wheel wheel;
static uint64_t now, served_until, armed; /* the present advance, and the one before it */
static uint32_t seed = 7;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

struct probe {
	struct timer t;
	uint64_t due;   /* what the test believes; TIMER_NEVER: not armed */
	uint64_t asked; /* when it was set */
	unsigned fired;
	int deed; /* of the callback: DEED_* */
	struct probe *victim;
};

enum { DEED_NONE, DEED_AGAIN, DEED_STOP_OTHER, DEED_DROP_OTHER, DEED_MOVE_OTHER, DEED_DEEDS };

static struct probe probes[TIMERS];

static void probe_set(struct probe *p, uint64_t due)
{
	p->due = due;
	p->asked = now;
	timer_set(&wheel, &p->t, due);
}

static void on_due(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, t);
	if (p->due == TIMER_NEVER)
		fail_msg("a timer fired that was not armed");
	if (now < p->due)
		fail_msg("%llu ns early", (unsigned long long)(p->due - now));
	assert_true(list_is_empty(&t->link));
	p->due = TIMER_NEVER;
	p->fired++;
	switch (p->deed) {
	case DEED_AGAIN:
		probe_set(p, now + dice(3) * TICK);
		break;
	case DEED_STOP_OTHER:
		p->victim->due = TIMER_NEVER;
		timer_stop(&p->victim->t);
		break;
	case DEED_DROP_OTHER:
		p->victim->due = TIMER_NEVER;
		timer_drop(&p->victim->t);
		break;
	case DEED_MOVE_OTHER:
		probe_set(p->victim, now + dice(40) * TICK / 4);
		break;
	default:
		break;
	}
	p->deed = DEED_NONE;
}

static void start(uint64_t at)
{
	now = served_until = at;
	armed = TIMER_NEVER;
	wheel_init(&wheel, at);
	for (int i = 0; i < TIMERS; i++) {
		probes[i] = (struct probe){ .due = TIMER_NEVER };
		timer_init(&probes[i].t, on_due);
	}
}

static void advance_to(uint64_t to)
{
	served_until = now;
	now = to;
	wheel_advance(&wheel, now);
}

/* What is armed when an advance is done was not overdue: the grain of time that a deadline lies in
 * is all it may cost, and the same for one that was past when it was set. */
static void assert_none_is_late(void)
{
	for (int i = 0; i < TIMERS; i++) {
		const struct probe *p = &probes[i];
		if (p->due == TIMER_NEVER)
			continue;
		uint64_t from = p->due > p->asked ? p->due : p->asked;
		if (now >= from + 2 * GRAIN)
			fail_msg("timer %d is %llu ns late", i, (unsigned long long)(now - from));
	}
}

/* Nobody who sleeps until wheel_next_ns() oversleeps. */
static void assert_next_is_right(void)
{
	uint64_t moved = wheel_moved_ns(&wheel), soonest = moved < armed ? moved : armed;
	uint64_t first = TIMER_NEVER, next = wheel_next_ns(&wheel);
	assert_true(next >= soonest); /* who knows that, need not ask */
	assert_true(wheel_moved_ns(&wheel) == TIMER_NEVER);
	armed = next;
	for (int i = 0; i < TIMERS; i++) {
		const struct probe *p = &probes[i];
		uint64_t from = p->due > p->asked || p->due == TIMER_NEVER ? p->due : p->asked;
		if (from < first)
			first = from;
	}
	if (first == TIMER_NEVER)
		return;
	assert_true(next != TIMER_NEVER);
	assert_true(next <= first + 2 * GRAIN);
}

static uint64_t any_span(void)
{
	switch (dice(6)) {
	case 0:
		return dice(TICK);
	case 1:
		return dice(8) * TICK;
	case 2:
		return dice(TIMER_SLOTS + 3) * TICK;
	case 3:
		return ROUND - TICK + dice(3) * TICK;
	case 4:
		return (1 + dice(200)) * ROUND / 3;
	default:
		return dice(64) * TICK / 7;
	}
}

static void step(void)
{
	struct probe *p = &probes[dice(TIMERS)];
	switch (dice(8)) {
	case 0:
	case 1:
	case 2:
		p->deed = dice(2) ? (int)dice(DEED_DEEDS) : DEED_NONE;
		p->victim = &probes[dice(TIMERS)];
		probe_set(p, dice(10) ? now + any_span() : now - dice(1000)); /* also in the past */
		break;
	case 3:
		/* later: moved only when its slot comes round */
		if (p->due != TIMER_NEVER && p->due < TIMER_NEVER / 2)
			probe_set(p, p->due + any_span());
		break;
	case 4:
		p->due = TIMER_NEVER;
		timer_stop(&p->t);
		break;
	case 5:
		p->due = TIMER_NEVER;
		timer_drop(&p->t);
		break;
	default:
		advance_to(now + (dice(30) ? dice(4) * TICK / 3 : any_span()));
		assert_none_is_late();
		break;
	}
	assert_next_is_right();
}

TEST(model)
{
	for (unsigned from = 0; from < 3; from++) {
		start(from * 12345 * TICK + from * 77);
		for (unsigned i = 0; i < STEPS; i++)
			step();
		/* and everything that waits comes in the end */
		while (wheel_next_ns(&wheel) != TIMER_NEVER)
			advance_to(
				wheel_next_ns(&wheel) > now ? wheel_next_ns(&wheel) : now + TICK);
		for (int i = 0; i < TIMERS; i++)
			assert_true(probes[i].due == TIMER_NEVER);
	}
}

TEST(order)
{
	start(1000 * TICK);
	for (int i = 0; i < 50; i++)
		probe_set(&probes[i], now + (uint64_t)(50 - i) * 3 * TICK);
	for (int i = 50; i-- > 0;) {
		advance_to(1000 * TICK + (uint64_t)(50 - i) * 3 * TICK + 2 * TICK - 1);
		assert_int_equal(probes[i].fired, 1);
		if (i > 0)
			assert_int_equal(probes[i - 1].fired, 0);
	}
}

/* Who sleeps until the wheel says so finds a timer due to the millisecond, however long it ran. */
TEST(on_the_millisecond)
{
	static const uint64_t spans[] = { 3 * GRAIN / 2, TICK / 2, 30 * TICK + 12345,
		ROUND - TICK / 3, 3 * ROUND + 5 };
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		start(9 * TICK + TICK / 5 * i);
		probe_set(&probes[0], now + spans[i]);
		uint64_t due = probes[0].due;
		while (!probes[0].fired)
			advance_to(wheel_next_ns(&wheel));
		assert_true(now >= due && now <= due + GRAIN);
	}
}

/* Those that are due together wake the loop once. */
TEST(one_grain_is_one_turn)
{
	start(9 * TICK);
	uint64_t due = now + 40 * GRAIN;
	for (int i = 0; i < TIMERS; i++)
		probe_set(&probes[i], due + (unsigned)i * (GRAIN / TIMERS));
	unsigned turns = 0;
	while (wheel_next_ns(&wheel) != TIMER_NEVER) {
		advance_to(wheel_next_ns(&wheel));
		turns++;
	}
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(probes[i].fired, 1);
	assert_in_range(turns, 1, 3); /* the slot's, and that of the grain */
}

/* One of those that are due soon is put off, and another comes before it. */
TEST(soon_and_sooner)
{
	start(9 * TICK);
	advance_to(now);
	probe_set(&probes[0], now + 8 * GRAIN);
	assert_true(probes[0].t.tick == TIMER_NEVER);
	probe_set(&probes[0], now + 2 * GRAIN);
	probe_set(&probes[1], now + 5 * GRAIN);
	probe_set(&probes[1], now + 20 * TICK);
	advance_to(now + 3 * GRAIN);
	assert_int_equal(probes[0].fired, 1);
	advance_to(now + 4 * GRAIN);
	assert_int_equal(probes[1].fired, 0);
	advance_to(probes[1].due + GRAIN);
	assert_int_equal(probes[1].fired, 1);
}

TEST(never_early)
{
	start(5 * TICK + 3);
	probe_set(&probes[0], now + 1);
	advance_to(now);
	assert_int_equal(probes[0].fired, 0);
	probe_set(&probes[1], now + 10 * TICK);
	for (int i = 0; i < 200 && !probes[1].fired; i++)
		advance_to(now + TICK / 7); /* on_due looks */
	assert_int_equal(probes[1].fired, 1);
}

/* Later ones stay where they are until their slot comes: only earlier ones are moved. */
TEST(later_is_lazy)
{
	start(0);
	probe_set(&probes[0], 10 * TICK);
	uint64_t sits = probes[0].t.tick;
	probe_set(&probes[0], 300 * TICK);
	assert_int_equal(probes[0].t.tick, sits);
	advance_to(12 * TICK);
	assert_int_equal(probes[0].fired, 0);
	assert_true(probes[0].t.tick > sits);
	probe_set(&probes[0], 20 * TICK);
	assert_true(probes[0].t.tick <= 20);
	advance_to(21 * TICK);
	assert_int_equal(probes[0].fired, 1);
}

TEST(far_away)
{
	start(77 * TICK);
	uint64_t due = now + 1000 * ROUND + 5;
	probe_set(&probes[0], due);
	while (!probes[0].fired) {
		uint64_t next = wheel_next_ns(&wheel);
		assert_true(next > now && next <= now + ROUND);
		advance_to(next);
	}
	assert_true(now >= due && now < due + 2 * GRAIN);
	probe_set(&probes[0], TIMER_NEVER - 1); /* the end of time does not overflow */
	advance_to(now + 3 * ROUND);
	assert_int_equal(probes[0].fired, 1);
	timer_drop(&probes[0].t);
}

TEST(slept_too_long)
{
	start(400 * TICK);
	for (int i = 0; i < TIMERS; i++)
		probe_set(&probes[i], now + (uint64_t)i * 11 * TICK);
	advance_to(now + 40 * ROUND + 9);
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(probes[i].fired, 1);
	assert_true(wheel_next_ns(&wheel) == TIMER_NEVER);
}

/* A timer that sets itself for now again does not hold up the loop. */
static void on_due_again(struct timer *t)
{
	container_of(t, struct probe, t)->fired++;
	timer_set(&wheel, t, now);
}

TEST(a_busy_one_ends_the_advance)
{
	start(0);
	timer_init(&probes[0].t, on_due_again);
	timer_set(&wheel, &probes[0].t, 0);
	advance_to(10 * TICK);
	assert_in_range(probes[0].fired, 1, 11);
	timer_drop(&probes[0].t);
}

TEST(nothing_waits)
{
	start(3 * TICK);
	assert_true(wheel_next_ns(&wheel) == TIMER_NEVER);
	probe_set(&probes[0], 5 * TICK);
	probes[0].due = TIMER_NEVER;
	timer_drop(&probes[0].t);
	timer_drop(&probes[0].t);
	advance_to(100 * TICK); /* what may be left is a slot that turns out to be empty */
	assert_true(wheel_next_ns(&wheel) == TIMER_NEVER);
}
