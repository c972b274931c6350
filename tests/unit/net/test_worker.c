/* net/worker: the order of a turn, and messages from other threads. */
#include "net/worker.h"

#include <stdlib.h>

#include "unit.h"

enum { SENDERS = 4, MESSAGES = 2000 };

static struct worker worker;
static struct timer limit;
static char trace[64];
static unsigned traced;
static char two[] = "2", why[] = "y", after[] = "a";

static void note(char c)
{
	assert_true(traced < sizeof(trace) - 1);
	trace[traced++] = c;
	trace[traced] = 0;
}

static void on_limit(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void run(unsigned ms)
{
	worker.clock_is_fresh = false;
	traced = 0;
	trace[0] = 0;
	atomic_store(&worker.stop, false);
	worker_timer(&worker, &limit, ms * NS_PER_MS);
	worker_run(&worker);
	timer_stop(&limit);
}

/* ---- messages ------------------------------------------------------------------------------ */

struct sender {
	pthread_t thread;
	unsigned sent, heard;
};

static struct sender senders[SENDERS];
static unsigned heard;

struct message {
	struct sender *from;
	unsigned n;
};

static void on_message(struct worker *w, void *arg)
{
	struct message *m = arg;
	assert_ptr_equal(w, &worker);
	assert_ptr_equal(worker_self, &worker);
	assert_int_equal(m->n, m->from->heard); /* each sender's in its order */
	m->from->heard++;
	free(m);
	if (++heard == SENDERS * MESSAGES)
		worker_stop(w);
}

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct message *m = malloc(sizeof(*m));
		check(m, "out of memory: %zu bytes", sizeof(*m));
		*m = (struct message){ s, i };
		worker_post(&worker, on_message, m);
	}
	return NULL;
}

TEST(messages)
{
	heard = 0;
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&senders[i].thread, NULL, sender_run, &senders[i]),
			0);
	run(20000);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	assert_int_equal(heard, SENDERS * MESSAGES);
}

static void say(struct worker *w, void *arg)
{
	(void)w;
	note(*(const char *)arg);
}

static void say_twice(struct worker *w, void *arg)
{
	(void)arg;
	note('1');
	worker_post(w, say, two); /* from within: later, not now */
	note('x');
}

TEST(a_message_sends_another)
{
	worker_post(&worker, say_twice, NULL);
	worker_post(&worker, say, why);
	run(50);
	assert_string_equal(trace, "1xy2");
}

/* What comes when the loop has ended is seen to by worker_turn(), or dropped. */
TEST(messages_after_the_end)
{
	run(1);
	worker_post(&worker, say, after);
	assert_int_equal(traced, 0);
	worker_turn(&worker);
	assert_string_equal(trace, "a");
}

/* ---- a turn -------------------------------------------------------------------------------- */

static struct turn_hook hook;
static struct timer timer;
static struct grave grave;
static unsigned hook_again;

static void on_grave(struct grave *g)
{
	(void)g;
	note('g');
}

static void on_hook(struct turn_hook *h)
{
	note('h');
	if (hook_again) {
		hook_again--;
		worker_at_turn_end(&worker, h);
	}
}

static void on_timer(struct timer *t)
{
	(void)t;
	note('t');
	worker_at_turn_end(&worker, &hook);
	worker_at_turn_end(&worker, &hook);
	worker_bury(&worker, &grave, on_grave);
}

TEST(order_of_a_turn)
{
	turn_hook_init(&hook, on_hook);
	timer_init(&timer, on_timer);
	worker_timer(&worker, &timer, 0);
	run(60);
	assert_string_equal(trace, "thg"); /* each once */
	hook_again = 2;
	worker_timer(&worker, &timer, 0);
	run(60);
	assert_string_equal(trace, "thhhg");
}

/* A hook that was asked for outside of a turn does not wait for an event. */
TEST(hook_before_the_loop)
{
	uint64_t before = clock_ns();
	traced = 0;
	worker_at_turn_end(&worker, &hook);
	worker_stop(&worker);
	worker_run(&worker);
	assert_string_equal(trace, "h");
	assert_true(clock_ns() - before < NS_PER_S);
}

TEST(time_of_a_turn)
{
	worker.clock_is_fresh = false;
	uint64_t a = worker_now(&worker), b;
	while (clock_ns() - a < NS_PER_MS)
		;
	b = worker_now(&worker);
	assert_true(a == b);
	worker_turn(&worker);
	assert_true(worker_now(&worker) > a);
}

static void on_late(struct timer *t)
{
	(void)t;
	note('l');
	worker_stop(&worker);
}

/* Timers wake a loop that has nothing else to wait for, about when they are due, and earlier ones
 * before later ones. */
TEST(timers_wake_the_loop)
{
	struct timer late;
	timer_init(&late, on_late);
	timer_init(&timer, on_timer);
	worker.clock_is_fresh = false;
	uint64_t before = clock_ns();
	worker_timer(&worker, &late, 120 * NS_PER_MS);
	worker_timer(&worker, &timer, 30 * NS_PER_MS); /* after a later one was set */
	run(5000);
	uint64_t took = clock_ns() - before;
	assert_string_equal(trace, "thgl");
	assert_true(took >= 120 * NS_PER_MS && took < 2 * NS_PER_S);
}

static void end_part(void *part)
{
	note(*(const char *)part);
}

/* A part may use those of the floors below until it has ended, and ends once. */
TEST(parts_end_from_the_top_down)
{
	static char parts[] = "pus";
	struct worker w;
	traced = 0;
	assert_int_equal(worker_init(&w, 4), 0);
	worker_set_part(&w, PART_STORE, &parts[2], end_part);
	worker_set_part(&w, PART_UPSTREAM, &parts[1], end_part);
	worker_set_part(&w, PART_POLICY, &parts[0], end_part);
	assert_ptr_equal(w.part[PART_STORE], &parts[2]);
	worker_end_part(&w, PART_STORE);
	worker_end_part(&w, PART_STORE);
	assert_null(w.part[PART_STORE]);
	assert_string_equal(trace, "s");
	worker_set_part(&w, PART_STORE, &parts[2], end_part);
	worker_fini(&w);
	assert_string_equal(trace, "spsu");
}

static int setup(void **state)
{
	(void)state;
	timer_init(&limit, on_limit);
	return worker_init(&worker, 3);
}

static void never(struct worker *w, void *arg)
{
	(void)w, (void)arg;
	fail_msg("a message ran in worker_fini()");
}

static int teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_post(&worker, never, NULL);
	worker_fini(&worker);
	return 0;
}

TEST_GROUP(setup, teardown);
