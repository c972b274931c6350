/* policy/instance: values published to workers that run on threads of their own, while they come
 * and go. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "policy/host.h"
#include "policy/instance.h"
#include "policy/running.h"
#include "unit.h"

enum { WORKERS = 3, VALUES = 300, ROUNDS = 20 };

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static struct worker main_worker, workers[WORKERS];
static struct worker *all_workers[WORKERS] = { &workers[0], &workers[1], &workers[2] };
static struct policy policy = { .main = &main_worker,
	.workers = all_workers,
	.n_workers = WORKERS };
static struct instance_worker *attached[WORKERS];
static _Atomic unsigned made, freed, asked;
static unsigned refreshed;

static void on_refresh(sluice_instance *inst, const void *conf);

static const sluice_plugin record = { .name = "publisher",
	.worker_size = sizeof(unsigned),
	.on_refresh = on_refresh };
static const struct module module = { .record = &record };

/* instance_new() without a module on disk. */
static sluice_instance *instance_here(void)
{
	static uint64_t id = 1000;
	sluice_instance *inst = mem_zeroed_at(RUNNING_ALIGN, sizeof(*inst), "an instance");
	inst->policy = &policy;
	inst->module = &module;
	inst->plugin = &record;
	inst->id = ++id;
	inst->refs = 1;
	list_init(&inst->live);
	list_init(&inst->tasks);
	pthread_mutex_init(&inst->lock, NULL);
	timer_init(&inst->timer, NULL);
	arena_init(&inst->arena, 0);
	arena_init(&inst->scratch, 0);
	return inst;
}

struct value {
	unsigned n;
	uint8_t bytes[64];
};

static void value_free(void *arg)
{
	struct value *v = arg;
	memset(v, 0, sizeof(*v));
	free(v);
	atomic_fetch_add(&freed, 1);
}

static void publish(sluice_instance *inst, unsigned n)
{
	struct value *v = malloc(sizeof(*v));
	check(v, "out of memory: %zu bytes", sizeof(*v));
	v->n = n;
	memset(v->bytes, (int)(n & 0xff), sizeof(v->bytes));
	atomic_fetch_add(&made, 1);
	sluice_publish(inst, v, value_free);
}

/* What a hook does: reads the value that is there. It never goes back. */
static void look(struct worker *w, void *arg)
{
	struct instance_worker *iw = attached[w->id];
	unsigned *last = iw ? iw->state : NULL;
	(void)arg;
	if (!iw || !iw->published)
		return;
	const struct value *v = iw->published->value;
	for (size_t i = 0; i < sizeof(v->bytes); i++)
		check(v->bytes[i] == (v->n & 0xff), "value %u is torn", v->n);
	check(v->n >= *last, "value %u after %u", v->n, *last);
	*last = v->n;
	if (v->n % 7 == 0) {
		atomic_fetch_add(&asked, 1);
		instance_refresh(iw);
	}
}

static void attach(struct worker *w, void *arg)
{
	attached[w->id] = instance_attach(w, arg);
	look(w, NULL);
}

static _Atomic unsigned detached;

static void detach(struct worker *w, void *arg)
{
	(void)arg;
	look(w, NULL);
	instance_detach(w, attached[w->id]);
	attached[w->id] = NULL;
	atomic_fetch_add(&detached, 1);
}

static void on_refresh(sluice_instance *inst, const void *conf)
{
	(void)inst, (void)conf;
	refreshed++;
}

static void *worker_thread(void *arg)
{
	worker_run(arg);
	return NULL;
}

static void post_all(void (*fn)(struct worker *w, void *arg), void *arg)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_post(&workers[i], fn, arg);
}

TEST(values_reach_all_workers)
{
	pthread_t threads[WORKERS];
	unsigned n = 0;
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker_thread, &workers[i]), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		sluice_instance *inst = instance_here();
		atomic_store(&detached, 0);
		if (round % 2)
			publish(inst, ++n);
		post_all(attach, inst);
		assert_true(instance_start(inst));
		for (unsigned i = 0; i < VALUES / ROUNDS; i++) {
			publish(inst, ++n);
			post_all(look, NULL);
			worker_turn(&main_worker);
		}
		post_all(detach, NULL);
		while (atomic_load(&detached) < WORKERS)
			worker_turn(&main_worker);
		publish(inst, ++n);   /* for nobody */
		instance_unref(inst); /* messages about it may still be under way */
	}
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(&workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_turn(&workers[i]); /* what came too late */
	worker_turn(&main_worker);
	assert_int_equal(atomic_load(&freed), atomic_load(&made));
	assert_true(refreshed <= atomic_load(&asked));
}

static int setup(void **state)
{
	(void)state;
	hash_seed();
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(worker_init(&workers[i], i), 0);
	return worker_init(&main_worker, WORKER_MAIN);
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		worker_fini(&workers[i]);
	worker_fini(&main_worker);
	return 0;
}

TEST_GROUP(setup, teardown);
