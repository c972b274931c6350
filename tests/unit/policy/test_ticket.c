/* policy/ticket: exchanges that wait for anything, and those who wake them, too early, too late,
 * from other threads. */
#include "policy/ticket.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "walk_kit.h"

static sluice_ticket ticket;
static sluice_status told;
static uint64_t timeout_ms;

static void pass(unsigned ms)
{
	fakewire_pass(ms * NS_PER_MS);
}

static sluice_verdict on_parked(sluice_exchange *x, const void *conf, sluice_status st)
{
	(void)x, (void)conf;
	told = st;
	note("t%d ", (int)st);
	return SLUICE_NEXT;
}

static sluice_verdict park(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_park(x, timeout_ms, &ticket, on_parked);
}

static void begin_parked(void)
{
	timeout_ms = 1000;
	walk_begin(2, "", 0);
	parts[0].on_request = park;
	assert_int_equal(walk_request(), RUN_WAIT);
}

/* ---- one exchange -------------------------------------------------------------------------- */

TEST(resume)
{
	begin_parked();
	assert_string_equal(walk->frame->wait->what, "a ticket");
	assert_true(sluice_resume(ticket));
	assert_false(sluice_resume(ticket)); /* it is woken already */
	assert_int_equal(resumed, 0);        /* not within the call */
	fakewire_poll();
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(trace, "q0 t0 q1 ");
	assert_false(sluice_resume(ticket)); /* it went on */
	fakewire_poll();
	assert_int_equal(resumed, 1);
	walk_end();
	assert_false(sluice_resume(ticket)); /* it has ended */
}

TEST(time_is_up)
{
	begin_parked();
	pass(900);
	assert_int_equal(resumed, 0);
	pass(200);
	assert_string_equal(trace, "q0 t1 q1 ");
	assert_int_equal(told, SLUICE_TIMEOUT);
	assert_false(sluice_resume(ticket));
	walk_end();

	timeout_ms = UINT64_MAX; /* no wait is for ever */
	walk_begin(1, "", 0);
	parts[0].on_request = park;
	assert_int_equal(walk_request(), RUN_WAIT);
	pass(599 * 1000);
	assert_int_equal(resumed, 0);
	pass(2000);
	assert_int_equal(resumed, 1);
	walk_end();
}

/* Whoever was told that it wakes the exchange is right, also where the time is up before the
 * message came. */
TEST(resume_wins_over_the_time)
{
	begin_parked();
	assert_true(sluice_resume(ticket));
	pass(2000); /* sees to timers alone */
	assert_string_equal(trace, "q0 t0 q1 ");
	fakewire_poll();
	assert_int_equal(resumed, 1);
	walk_end();
}

static sluice_verdict park_and_resume(sluice_exchange *x, const void *conf)
{
	sluice_verdict v = park(x, conf);
	assert_true(sluice_resume(ticket));
	note("p ");
	return v;
}

TEST(resume_before_park_has_returned)
{
	timeout_ms = 1000;
	walk_begin(1, "", 0);
	parts[0].on_request = park_and_resume;
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_string_equal(trace, "q0 p ");
	fakewire_poll();
	assert_string_equal(trace, "q0 p t0 ");
	assert_int_equal(resumed, 1);
	walk_end();
}

TEST(client_leaves)
{
	begin_parked();
	run_cancel(walk);
	assert_false(sluice_resume(ticket));
	walk_end();

	begin_parked();
	assert_true(sluice_resume(ticket)); /* and then it leaves */
	run_cancel(walk);
	fakewire_poll();
	assert_int_equal(resumed, 0);
	walk_end();
}

static sluice_verdict park_and_go_on(sluice_exchange *x, const void *conf)
{
	(void)park(x, conf);
	return SLUICE_NEXT;
}

TEST(hook_that_does_not_wait_for_its_ticket)
{
	timeout_ms = 1000;
	walk_begin(1, "", 0);
	parts[0].on_request = park_and_go_on;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_false(sluice_resume(ticket));
	pass(2000);
	assert_string_equal(trace, "q0 ");
	walk_end();
}

TEST(slots_are_taken_again)
{
	begin_parked();
	sluice_ticket first = ticket;
	run_cancel(walk);
	walk_end();
	begin_parked();
	assert_int_equal(ticket.slot, first.slot);
	assert_int_equal(ticket.worker, first.worker);
	assert_true(ticket.generation > first.generation);
	assert_false(sluice_resume(first)); /* another's */
	fakewire_poll();
	assert_int_equal(resumed, 0);
	assert_true(sluice_resume(ticket));
	fakewire_poll();
	assert_int_equal(resumed, 1);
	walk_end();
}

/* ---- misuse -------------------------------------------------------------------------------- */

static sluice_verdict park_without_place(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_park(x, 1000, NULL, on_parked);
}

static sluice_verdict park_without_callback(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_park(x, 1000, &ticket, NULL);
}

static sluice_verdict park_twice(sluice_exchange *x, const void *conf)
{
	sluice_ticket second;
	sluice_verdict v = park(x, conf);
	assert_int_equal(sluice_park(x, 1000, &second, on_parked), SLUICE_FAIL);
	return v == SLUICE_WAIT ? SLUICE_FAIL : v;
}

TEST(park_is_refused)
{
	static const sluice_hook wrong[] = { park, park_without_place, park_without_callback,
		park_twice };
	timeout_ms = 0;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		walk_begin(1, "", 0);
		parts[0].on_request = wrong[i];
		assert_int_equal(walk_request(), RUN_FAIL);
		pass(2000);
		assert_string_equal(trace, "q0 ");
		walk_end();
		timeout_ms = 1000;
	}
}

static void *park_elsewhere(void *arg)
{
	return (void *)(uintptr_t)sluice_park(arg, 1000, &ticket, on_parked);
}

/* The verdict of a call on another thread. */
static sluice_verdict elsewhere(void *(*fn)(void *arg))
{
	pthread_t t;
	void *v;
	assert_int_equal(pthread_create(&t, NULL, fn, walk), 0);
	assert_int_equal(pthread_join(t, &v), 0);
	return (sluice_verdict)(uintptr_t)v;
}

static sluice_verdict park_by_a_thread(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return elsewhere(park_elsewhere);
}

TEST(park_where_no_hook_runs)
{
	walk_begin(1, "", 0);
	parts[0].on_request = park_by_a_thread;
	assert_int_equal(walk_request(), RUN_FAIL);
	assert_int_equal(park(walk, NULL), SLUICE_FAIL); /* its hook has returned */
	walk_end();
	begin_parked();
	assert_int_equal(park(walk, NULL), SLUICE_FAIL); /* another exchange's hook has kept it */
	run_cancel(walk);
	walk_end();
	walk_begin(1, "", 0);
	parts[0].on_complete = park;
	(void)walk_request();
	walk_complete();
	assert_string_equal(trace, "q0 c0 ");
	walk_end();
}

TEST(tickets_that_nobody_gave)
{
	static const sluice_ticket wrong[] = { { 0, 0, 0 }, { 0, 0, UINT64_MAX }, { 9, 0, 1 },
		{ UINT32_MAX, UINT32_MAX, UINT64_MAX } };
	begin_parked();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(sluice_resume(wrong[i]));
	sluice_ticket no_slot = { ticket.worker, UINT32_MAX, ticket.generation };
	assert_false(sluice_resume(no_slot));
	fakewire_poll();
	assert_int_equal(resumed, 0);
	run_cancel(walk);
	walk_end();
}

/* ---- many ---------------------------------------------------------------------------------- */

enum { MANY = 1000 };
static struct parked many[MANY];
static unsigned called, called_at_once;

static void on_one_of_many(struct parked *p)
{
	called++;
	if (p == &many[0])
		assert_true(parked_leave(&many[2])); /* woken: but its callback is dropped */
}

TEST(many_are_woken_in_order_and_in_turns)
{
	static sluice_ticket tickets[MANY];
	called = 0;
	for (unsigned i = 0; i < MANY; i++) {
		parked_init(&many[i], on_one_of_many);
		assert_true(parked_enter(&many[i], &fakewire_worker, &tickets[i]));
	}
	assert_false(parked_leave(&many[1]));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(sluice_resume(tickets[i]), i != 1);
	unsigned turns = 0;
	for (unsigned before = MANY; called != before; turns++) {
		before = called;
		fakewire_poll();
		called_at_once = called - before > called_at_once ? called - before
								  : called_at_once;
	}
	assert_int_equal(called, MANY - 2);
	assert_true(turns > 5);
	assert_true(called_at_once < 200);
}

/* ---- workers that end ---------------------------------------------------------------------- */

static void on_none(struct parked *p)
{
	(void)p;
	fail();
}

TEST(worker_has_ended)
{
	struct worker w;
	struct parked p;
	sluice_ticket of_first, of_second;
	assert_int_equal(worker_init(&w, 7), 0);
	parked_init(&p, on_none);
	assert_true(parked_enter(&p, &w, &of_first));
	assert_true(sluice_resume(of_first)); /* its message goes with the worker */
	assert_true(parked_leave(&p));
	worker_fini(&w);
	assert_false(sluice_resume(of_first));

	assert_int_equal(worker_init(&w, 7), 0);
	parked_init(&p, on_none);
	assert_true(parked_enter(&p, &w, &of_second));
	assert_int_equal(of_second.worker, of_first.worker);
	assert_false(sluice_resume(of_first));
	assert_false(parked_leave(&p));
	worker_fini(&w);
	assert_false(sluice_resume(of_second));
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { CHAIRS = 24, WAKERS = 3, TURNS = 3000 };

static struct chair {
	pthread_mutex_t lock;
	sluice_ticket ticket;  /* under lock; the last that was given */
	struct parked *parked; /* owned; the worker's: NULL: nobody waits */
} chairs[CHAIRS];
static _Atomic bool over;
static _Atomic unsigned woken;
static unsigned went_on, left_woken;

static void chair_clear(struct parked *p)
{
	for (unsigned i = 0; i < CHAIRS; i++) {
		if (chairs[i].parked == p)
			chairs[i].parked = NULL;
	}
	free(p);
}

static void on_woken(struct parked *p)
{
	went_on++;
	chair_clear(p);
}

static void *waker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	while (!atomic_load(&over)) {
		struct chair *c = &chairs[(seed = seed * 1103515245 + 12345) / 65536 % CHAIRS];
		(void)pthread_mutex_lock(&c->lock);
		sluice_ticket t = c->ticket;
		(void)pthread_mutex_unlock(&c->lock);
		if (t.generation && sluice_resume(t))
			atomic_fetch_add(&woken, 1);
	}
	return NULL;
}

/* As exchanges do: they come, wait, and end before or after they are woken; then their memory is
 * gone. */
static void chair_turn(struct worker *w, struct chair *c)
{
	sluice_ticket t;
	if (c->parked) {
		left_woken += parked_leave(c->parked);
		free(c->parked);
		c->parked = NULL;
		return;
	}
	c->parked = mem_new(struct parked);
	parked_init(c->parked, on_woken);
	assert_true(parked_enter(c->parked, w, &t));
	(void)pthread_mutex_lock(&c->lock);
	c->ticket = t;
	(void)pthread_mutex_unlock(&c->lock);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	/* on a busy machine the others may come late */
	for (unsigned i = 0; i < TURNS || (went_on == 0 && i < 1000 * TURNS); i++) {
		chair_turn(w, &chairs[i * 7 % CHAIRS]);
		worker_turn(w);
	}
	for (unsigned i = 0; i < CHAIRS; i++) {
		if (chairs[i].parked)
			chair_turn(w, &chairs[i]);
	}
	worker_fini(w); /* while others still resume */
	return NULL;
}

TEST(threads_resume_while_exchanges_end)
{
	pthread_t wakers[WAKERS], thread;
	struct worker w;
	assert_int_equal(worker_init(&w, 9), 0);
	for (unsigned i = 0; i < CHAIRS; i++)
		pthread_mutex_init(&chairs[i].lock, NULL);
	for (unsigned i = 0; i < WAKERS; i++)
		assert_int_equal(pthread_create(&wakers[i], NULL, waker,
					 (void *)(uintptr_t)(i + 1)),
			0);
	assert_int_equal(pthread_create(&thread, NULL, worker_thread, &w), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	usleep(2000);
	atomic_store(&over, true);
	for (unsigned i = 0; i < WAKERS; i++)
		assert_int_equal(pthread_join(wakers[i], NULL), 0);
	assert_true(went_on > 0);
	/* each that was woken by somebody went on, or ended before: none twice, none in vain */
	assert_int_equal(atomic_load(&woken), went_on + left_woken);
}

TEST_GROUP(walk_setup, walk_teardown);
