/* Log sinks. See sink.h. */
#include "policy/sink.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "obs/access_log.h"
#include "policy/records.h"
#include "policy/running.h"

struct log_sink {
	struct log_queue queue;
	struct list link;      /* main thread: of all sinks */
	sluice_instance *inst; /* borrowed; a ref of the sink's own from sink_on_unused() on */
	bool joined;           /* main thread: its thread has ended */
	/* For services, which ask whose thread this is: a worker without a loop. */
	struct worker self;
	series_id records, drops;      /* its metrics */
	_Atomic uint64_t dropped;      /* records */
	_Atomic uint64_t called_ns;    /* when the call of on_records() began; 0: none runs */
	uint64_t told_dropped;         /* main thread: of `dropped` */
	uint64_t told_ns;              /* main thread: when that was; 0: never */
	uint64_t told_call_ns;         /* main thread: the call that was told of; 0: none */
	uint64_t seen_dropped;         /* the sink's thread: of `dropped` */
	struct sluice_log_batch batch; /* the sink's thread */
};

static struct list sinks = { &sinks, &sinks }; /* main thread */

static struct log_sink *sink_of(struct log_queue *q)
{
	return container_of(q, struct log_sink, queue);
}

/* ---- the sink's thread --------------------------------------------------------------------- */

static void sink_on_begin(struct log_queue *q)
{
	struct log_sink *s = sink_of(q);
	worker_self = &s->self;
	if (s->inst->policy->thread_init)
		s->inst->policy->thread_init();
}

static void sink_on_end(struct log_queue *q)
{
	struct log_sink *s = sink_of(q);
	if (s->inst->policy->thread_fini)
		s->inst->policy->thread_fini();
	worker_self = NULL;
}

static void sink_call(struct log_sink *s)
{
	sluice_instance *inst = s->inst;
	uint64_t from = clock_ns();
	atomic_store_explicit(&s->called_ns, from, memory_order_relaxed);
	running_set(&s->self, inst, RUNNING_RECORDS, NULL);
	inst->plugin->on_records(inst, inst->conf, &s->batch);
	running_clear(&s->self);
	atomic_store_explicit(&s->called_ns, 0, memory_order_relaxed);
	series_add(inst->calls, 1);
	series_add(inst->time, clock_ns() - from);
}

static bool sink_on_batch(struct log_queue *q, struct log_batch *b)
{
	struct log_sink *s = sink_of(q);
	uint64_t dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed);
	struct published *value = instance_published_take(s->inst);
	records_begin(&s->batch, &s->self, str_n(b->data, b->len));
	s->batch.dropped = dropped - s->seen_dropped;
	s->batch.published = value ? value->value : NULL;
	s->seen_dropped = dropped;
	sink_call(s);
	instance_published_drop(&value);
	series_add(s->records, b->n);
	return true;
}

/* Any thread. */
static void sink_on_drop(struct log_queue *q, uint64_t n)
{
	struct log_sink *s = sink_of(q);
	series_add(s->drops, n);
	(void)atomic_fetch_add_explicit(&s->dropped, n, memory_order_relaxed);
}

static const struct log_queue_ops sink_ops = { .name = "sluice-sink",
	.begin = sink_on_begin,
	.end = sink_on_end,
	.deliver = sink_on_batch,
	.drop = sink_on_drop };

/* ---- on a worker --------------------------------------------------------------------------- */

void sink_attach(struct worker *w, struct instance_worker *iw)
{
	check(iw->inst->sink, "sink %.*s was not started", STR_ARG(iw->inst->name));
	if (!iw->records)
		iw->records = access_log_new(w, &iw->inst->sink->queue);
}

/* ---- starting and ending ------------------------------------------------------------------- */

/* Nobody uses the instance any more: it goes when the sink's thread has ended. */
static void sink_on_unused(sluice_instance *inst)
{
	inst->refs = 1;
	instance_rest(inst);
	log_queue_stop(&inst->sink->queue, SINK_GRACE_MS);
}

bool sink_start(sluice_instance *inst)
{
	if (inst->sink)
		return true;
	struct log_sink *s = mem_new(struct log_sink);
	s->inst = inst;
	s->self.id = WORKER_SINK;
	s->records = series_find(FAMILY_LOG_SINK_RECORDS, inst->name, STR(""));
	s->drops = series_find(FAMILY_LOG_SINK_DROPPED, inst->name, STR(""));
	int err = log_queue_start(&s->queue, &sink_ops);
	if (err) {
		free(s);
		errno = -err;
		return false;
	}
	inst->sink = s;
	inst->on_unused = sink_on_unused;
	list_push(&sinks, &s->link);
	return true;
}

/* ---- what the log is told ------------------------------------------------------------------ */

static void sink_tell_dropped(struct log_sink *s, uint64_t now)
{
	uint64_t dropped = atomic_load_explicit(&s->dropped, memory_order_relaxed);
	if (dropped == s->told_dropped || (s->told_ns && now - s->told_ns < SINK_TELL_S * NS_PER_S))
		return;
	log_warn("access-log",
		"sink %.*s (%s): %llu records were dropped: its on_records took longer than new "
		"records",
		STR_ARG(s->inst->name), s->inst->plugin->name,
		(unsigned long long)(dropped - s->told_dropped));
	s->told_dropped = dropped;
	s->told_ns = now;
}

static void sink_say(const struct log_sink *s, uint64_t ns, const char *what)
{
	char name[RUNNING_TEXT];
	running_name(s->inst, RUNNING_RECORDS, name);
	log_warn("access-log", "%s has not returned for %llu s: %s", name,
		(unsigned long long)(ns / NS_PER_S), what);
}

static void sink_tell_silent(struct log_sink *s, uint64_t now)
{
	uint64_t since = atomic_load_explicit(&s->called_ns, memory_order_relaxed);
	if (s->told_call_ns && since != s->told_call_ns) {
		s->told_call_ns = 0;
		log_info("access-log", "sink %.*s (%s) takes records again", STR_ARG(s->inst->name),
			s->inst->plugin->name);
	}
	if (!since || since == s->told_call_ns || now < since + SINK_SILENT_S * NS_PER_S)
		return;
	s->told_call_ns = since;
	sink_say(s, now - since, "its records wait, and are dropped when there are too many");
}

static void sink_join(struct log_sink *s, uint64_t until_ns)
{
	if (!s->joined && log_queue_join(&s->queue, until_ns))
		s->joined = true;
}

static void sink_free(struct log_sink *s)
{
	sluice_instance *inst = s->inst;
	list_del(&s->link);
	log_queue_fini(&s->queue);
	free(s);
	inst->sink = NULL;
	inst->on_unused = NULL;
}

/* Whether the thread has ended, so that its instance may go too. */
static bool sink_has_ended(struct log_sink *s, uint64_t now)
{
	if (!s->joined && log_queue_is_over(&s->queue))
		sink_join(s, now + NS_PER_S);
	return s->joined;
}

void sinks_look(void)
{
	uint64_t now = clock_ns();
	struct list *next;
	for (struct list *e = sinks.next; e != &sinks; e = next) {
		struct log_sink *s = container_of(e, struct log_sink, link);
		sluice_instance *inst = s->inst;
		next = e->next;
		sink_tell_silent(s, now);
		sink_tell_dropped(s, now);
		if (sink_has_ended(s, now)) {
			sink_free(s);
			instance_unref(inst);
		}
	}
}

bool sinks_end(void)
{
	bool all = true;
	list_each (e, &sinks)
		log_queue_stop(&container_of(e, struct log_sink, link)->queue, SINK_GRACE_MS);
	uint64_t from = clock_ns(), until = from + SINK_GRACE_MS * NS_PER_MS + NS_PER_S / 2;
	list_each (e, &sinks) {
		struct log_sink *s = container_of(e, struct log_sink, link);
		sink_join(s, until);
		s->told_ns = 0; /* this is the last chance */
		sink_tell_dropped(s, from);
		if (s->joined)
			continue;
		uint64_t since = atomic_load(&s->called_ns);
		sink_say(s, since ? clock_ns() - since : 0,
			"the process ends without it, and the records that wait for it are lost");
		all = false;
	}
	return all;
}
