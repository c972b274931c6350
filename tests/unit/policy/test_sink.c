/* policy/sink and policy/records: records that a worker gives reach on_records() on a thread of its
 * own, what they may call there, and how the instance ends. */
#include "policy/sink.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/buf.h"
#include "obs/access_log.h"
#include "policy/host.h"
#include "policy/running.h"
#include "unit.h"

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static struct worker worker;
static struct policy policy = { .main = NULL };
static const struct access_conf conf = { .format = ACCESS_COMMON };

/* What happened; written by the sink's thread. */
static struct seen {
	_Atomic unsigned batches, records, wrong;
	_Atomic bool held; /* on_records() waits while it is set */
	_Atomic uint64_t dropped;
	pthread_t thread;
	const void *published;
	bool refused;
} seen;
static unsigned stopped;
static _Atomic unsigned freed;

static void wait_ms(unsigned ms)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = (long)(ms * NS_PER_MS) }, NULL);
}

static bool try_services(sluice_instance *inst, sluice_log_batch *b)
{
	sluice_str out;
	return !sluice_conf_alloc(inst, 1) && !sluice_get(NULL, SLUICE_I_PATH).data &&
		sluice_read_file(inst, SLUICE_STR("x"), 1, &out) != 0 &&
		sluice_main_fetch(inst, &(sluice_fetch_request){ .size = sizeof(out) }, NULL) < 0 &&
		sluice_log_line(b, SLUICE_LOG_AS_JSON).len == 0 && !sluice_log_next(NULL) &&
		sluice_now_ns() > 0;
}

static void on_records(sluice_instance *inst, const void *c, sluice_log_batch *b)
{
	const sluice_log_record *r;
	(void)c;
	while (atomic_load(&seen.held))
		wait_ms(1);
	seen.thread = pthread_self();
	seen.published = sluice_log_published(b);
	seen.refused = try_services(inst, b);
	atomic_fetch_add(&seen.dropped, sluice_log_dropped(b));
	while ((r = sluice_log_next(b))) {
		const sluice_log_field *f = sluice_log_find(r, "bytes_out");
		unsigned n = atomic_fetch_add(&seen.records, 1);
		sluice_str line = sluice_log_line(b, SLUICE_LOG_AS_CONFIGURED);
		seen.wrong += !f || f->kind != SLUICE_LOG_IS_NUMBER || line.len == 0 ||
			line.data[line.len - 1] == '\n' || (!seen.dropped && f->number != n);
		seen.wrong += sluice_log_find(r, "no-such-field") != NULL;
	}
	atomic_fetch_add(&seen.batches, 1);
}

static void on_stop(sluice_instance *inst, void *c)
{
	(void)inst, (void)c;
	stopped++;
}

static const sluice_plugin record = { .name = "sink",
	.size = sizeof(record),
	.stop = on_stop,
	.on_records = on_records };
static const struct module module = { .record = &record };

/* instance_new() without a module on disk. */
static sluice_instance *instance_here(void)
{
	static uint64_t id = 1000;
	sluice_instance *inst = mem_zeroed_at(RUNNING_ALIGN, sizeof(*inst), "an instance");
	inst->policy = &policy;
	inst->module = &module;
	inst->plugin = &record;
	inst->name = STR("udp");
	inst->id = ++id;
	inst->refs = 1;
	inst->conf = inst;
	list_init(&inst->live);
	list_init(&inst->tasks);
	pthread_mutex_init(&inst->lock, NULL);
	timer_init(&inst->timer, NULL);
	arena_init(&inst->arena, 0);
	arena_init(&inst->scratch, 0);
	return inst;
}

static struct instance_worker *begin(sluice_instance *inst)
{
	memset(&seen, 0, sizeof(seen));
	stopped = 0;
	assert_true(sink_is_one(inst->plugin));
	assert_true(sink_start(inst));
	assert_true(sink_start(inst)); /* once */
	struct instance_worker *iw = instance_attach(&worker, inst);
	assert_non_null(iw);
	sink_attach(&worker, iw);
	sink_attach(&worker, iw);
	return iw;
}

static void give(struct instance_worker *iw, unsigned n)
{
	struct access_record r = { .client = STR("192.0.2.1"), .path = STR("/a"), .status = 200 };
	for (unsigned i = 0; i < n; i++) {
		r.bytes_out = i;
		access_log_add(iw->records, &conf, &r);
	}
}

/* Nobody uses the instance any more. */
static void end(sluice_instance *inst, struct instance_worker *iw)
{
	instance_detach(&worker, iw);
	instance_unref(inst);
	for (unsigned i = 0; i < 5000 && !stopped; i++) {
		sinks_look();
		wait_ms(1);
	}
	assert_int_equal(stopped, 1);
}

static void add_drops(void *ctx, const struct series_view *v)
{
	*(uint64_t *)ctx += v->cells[0];
}

static uint64_t drops(void)
{
	uint64_t n = 0;
	series_each(FAMILY_LOG_SINK_DROPPED, add_drops, &n);
	return n;
}

TEST(records_reach_their_thread)
{
	enum { MANY = 5000 };
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	give(iw, MANY);
	end(inst, iw); /* delivers what is left */
	assert_int_equal(seen.records + seen.dropped, MANY);
	assert_int_equal(seen.wrong, 0);
	assert_true(seen.batches > 1);
	assert_false(pthread_equal(seen.thread, pthread_self()));
}

TEST(services_of_other_threads_are_refused)
{
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	give(iw, 1);
	end(inst, iw);
	assert_true(seen.refused);
	assert_null(seen.published);
}

static void value_free(void *value)
{
	assert_string_equal(value, "value");
	atomic_fetch_add(&freed, 1);
}

TEST(a_published_value_stays_while_it_is_read)
{
	static char value[] = "value";
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	atomic_store(&seen.held, true);
	instance_publish(inst, value, value_free);
	give(iw, 1);
	access_log_flush(iw->records);
	struct published *p = inst->published;
	for (unsigned i = 0; i < 5000 && atomic_load(&p->refs) < 2; i++)
		wait_ms(1);
	instance_publish(inst, NULL, NULL);
	assert_int_equal(freed, 0);
	atomic_store(&seen.held, false);
	end(inst, iw);
	assert_ptr_equal(seen.published, value);
	assert_int_equal(freed, 1);
}

/* What does not fit is dropped and counted; nobody waits for the sink. */
TEST(a_sink_that_waits)
{
	enum { MANY = 20000 };
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	uint64_t before = drops();
	atomic_store(&seen.held, true);
	give(iw, MANY);
	uint64_t dropped = drops() - before;
	assert_true(dropped > 0 && dropped < MANY);
	instance_detach(&worker, iw);
	instance_unref(inst);
	sinks_look();
	assert_int_equal(stopped, 0); /* it is not freed while its code runs */
	atomic_store(&seen.held, false);
	for (unsigned i = 0; i < 5000 && !stopped; i++) {
		sinks_look();
		wait_ms(1);
	}
	assert_int_equal(stopped, 1);
	assert_int_equal(seen.records + (drops() - before), MANY);
	assert_int_equal(seen.wrong, 0);
}

/* At the end of the process: the thread is waited for, and its instance goes then. */
TEST(the_end_of_the_process)
{
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	give(iw, 100);
	instance_detach(&worker, iw);
	assert_true(sinks_end());
	assert_int_equal(seen.records, 100);
	instance_unref(inst);
	sinks_look();
	assert_int_equal(stopped, 1);
}

TEST(an_end_that_does_not_wait_for_ever)
{
	sluice_instance *inst = instance_here();
	struct instance_worker *iw = begin(inst);
	atomic_store(&seen.held, true);
	give(iw, 1);
	instance_detach(&worker, iw);
	uint64_t from = clock_ns();
	assert_false(sinks_end());
	assert_true(clock_ns() - from < 5 * NS_PER_S);
	atomic_store(&seen.held, false);
	instance_unref(inst);
	for (unsigned i = 0; i < 5000 && !stopped; i++) {
		sinks_look();
		wait_ms(1);
	}
	assert_int_equal(stopped, 1);
}

static int setup(void **state)
{
	(void)state;
	worker_self = &worker;
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	worker_fini(&worker);
	worker_self = NULL;
	buf_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
