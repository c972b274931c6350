/* admin/gather: real threads are asked, and one that is stuck holds nobody up. */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>

#include "admin/gather.h"
#include "net/buf.h"

enum { WORKERS = 3, WAITS = 20 };

static struct worker main_worker;
static struct worker workers[WORKERS];
static struct proxy proxies[WORKERS];
static struct front *fronts[WORKERS];
static struct gather *gather;

struct asker {
	struct gather_wait wait;
	unsigned answers, silent, requests, n;
	struct asker *again; /* asks once more from within */
};

static void on_done(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct asker *a = container_of(w, struct asker, wait);
	a->answers++;
	a->n = n;
	a->silent = a->requests = 0;
	for (unsigned i = 0; i < n; i++) {
		a->silent += v[i].silent;
		a->requests += v[i].silent ? 0 : v[i].requests;
	}
	if (a->again) {
		struct asker *next = a->again;
		a->again = NULL;
		gather_ask(gather, &next->wait);
	}
}

static void *worker_thread(void *arg)
{
	worker_run(arg);
	buf_thread_fini();
	arena_thread_fini();
	return NULL;
}

static int setup(void **state)
{
	struct gather_worker v[WORKERS];
	(void)state;
	assert_int_equal(worker_init(&main_worker, WORKER_MAIN), 0);
	gather = gather_new(&main_worker);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(worker_init(&workers[i], i), 0);
		fronts[i] = front_new(&workers[i], NULL);
		proxies[i] = (struct proxy){ .worker = &workers[i], .active = i + 1 };
		list_init(&proxies[i].exchanges);
		v[i] = (struct gather_worker){ &workers[i], &proxies[i], fronts[i] };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_thread,
					 &workers[i]),
			0);
	}
	gather_set_workers(gather, v, WORKERS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gather_stop(gather);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(&workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		(void)pthread_join(workers[i].thread, NULL);
	worker_turn(&main_worker);
	gather_free(&gather);
	for (unsigned i = 0; i < WORKERS; i++) {
		front_free(&fronts[i]);
		worker_fini(&workers[i]);
	}
	worker_fini(&main_worker);
	buf_thread_fini();
	arena_thread_fini();
	return 0;
}

static void init(struct asker *a)
{
	*a = (struct asker){ .answers = 0 };
	gather_wait_init(&a->wait, on_done);
}

/* Turn the main loop until it was answered n times, for at most that long. */
static void turn_until(const struct asker *a, unsigned n, uint64_t ns)
{
	uint64_t until = clock_ns() + ns;
	while (a->answers < n && clock_ns() < until)
		worker_turn(&main_worker);
}

TEST(all_answer)
{
	struct asker a;
	init(&a);
	gather_ask(gather, &a.wait);
	assert_int_equal(a.answers, 0);
	turn_until(&a, 1, 5 * NS_PER_S);
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.n, WORKERS);
	assert_int_equal(a.silent, 0);
	assert_int_equal(a.requests, 1 + 2 + 3);
}

TEST(many_ask)
{
	struct asker v[WAITS], late;
	init(&late);
	for (int i = 0; i < WAITS; i++) {
		init(&v[i]);
		gather_ask(gather, &v[i].wait);
	}
	v[0].again = &late;
	gather_cancel(&v[1].wait);
	turn_until(&late, 1, 5 * NS_PER_S);
	assert_int_equal(late.answers, 1);
	assert_int_equal(v[1].answers, 0);
	for (int i = 2; i < WAITS; i++)
		assert_int_equal(v[i].answers, 1);
	gather_cancel(&v[2].wait); /* after the answer: nothing */
}

/* ---- a worker that is stuck ---------------------------------------------------------------- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t open;
	bool is_open;
	unsigned passed;
};

static void wait_at_gate(struct worker *w, void *arg)
{
	struct gate *g = arg;
	(void)w;
	pthread_mutex_lock(&g->lock);
	while (!g->is_open)
		pthread_cond_wait(&g->open, &g->lock);
	g->passed++;
	pthread_mutex_unlock(&g->lock);
}

static void open_gate(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->is_open = true;
	pthread_cond_broadcast(&g->open);
	pthread_mutex_unlock(&g->lock);
}

TEST(one_is_stuck)
{
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .open = PTHREAD_COND_INITIALIZER };
	struct asker a, b;
	uint64_t start = clock_ns();
	init(&a);
	init(&b);
	worker_post(&workers[1], wait_at_gate, &gate);
	gather_ask(gather, &a.wait);
	a.again = &b;
	turn_until(&a, 1, 5 * NS_PER_S);
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.silent, 1);
	assert_int_equal(a.requests, 1 + 3);
	assert_true(clock_ns() - start >= GATHER_WAIT_NS);
	/* the second question is under way while the answer to the first comes: it must not pass
	 * for that of the second */
	uint64_t soon = clock_ns() + 20 * NS_PER_MS;
	while (clock_ns() < soon)
		worker_turn(&main_worker);
	assert_int_equal(b.answers, 0);
	struct gate second = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.open = PTHREAD_COND_INITIALIZER };
	worker_post(&workers[1], wait_at_gate, &second);
	open_gate(&gate);
	soon = clock_ns() + 50 * NS_PER_MS;
	while (clock_ns() < soon)
		worker_turn(&main_worker);
	assert_int_equal(b.answers, 0);
	open_gate(&second);
	turn_until(&b, 1, 5 * NS_PER_S);
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.silent, 0);
	assert_int_equal(second.passed, 1);
}

/* What was posted before the question is done by whoever answered: a reload relies on it. */
TEST(order)
{
	for (int i = 0; i < 50; i++) {
		struct gate gates[WORKERS];
		struct asker a;
		init(&a);
		for (unsigned k = 0; k < WORKERS; k++) {
			gates[k] = (struct gate){ .lock = PTHREAD_MUTEX_INITIALIZER,
				.open = PTHREAD_COND_INITIALIZER,
				.is_open = true };
			worker_post(&workers[k], wait_at_gate, &gates[k]);
		}
		gather_ask(gather, &a.wait);
		turn_until(&a, 1, 5 * NS_PER_S);
		assert_int_equal(a.answers, 1);
		for (unsigned k = 0; k < WORKERS; k++)
			assert_int_equal(gates[k].passed, 1);
	}
}

/* Two filters take two rounds; who has none, or the same, joins. */
TEST(requests_by_two_filters)
{
	const struct progress_filter one = { .limit = 5, .route = "a" },
				     other = { .limit = 5, .route = "b" };
	struct asker a[4];
	for (unsigned i = 0; i < 4; i++)
		init(&a[i]);
	a[0].wait.filter = &one;
	a[1].wait.filter = &other;
	a[2].wait.filter = &one;
	for (unsigned i = 0; i < 4; i++)
		gather_ask(gather, &a[i].wait);
	turn_until(&a[0], 1, 5 * NS_PER_S);
	assert_int_equal(a[2].answers, 1);
	assert_int_equal(a[3].answers, 1);
	assert_int_equal(a[1].answers, 0);
	turn_until(&a[1], 1, 5 * NS_PER_S);
	assert_int_equal(a[1].answers, 1);
	assert_int_equal(a[1].silent, 0);
}

TEST(no_workers)
{
	struct gather *g = gather_new(&main_worker);
	struct asker a;
	init(&a);
	gather_ask(g, &a.wait);
	turn_until(&a, 1, 5 * NS_PER_S);
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.n, 0);
	gather_free(&g);
	assert_null(g);
	gather_free(&g);
}

TEST_GROUP(setup, teardown);
