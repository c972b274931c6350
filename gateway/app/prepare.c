/*
 * Starts the plugins of a snapshot before it is put in force: on the main thread, then on every
 * worker. When one cannot start, the whole configuration is refused, and those that started are
 * stopped. The main thread waits for the workers for a bounded time. Either all workers get a
 * configuration or none.
 */
#include "app/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/watch.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/discovery.h"
#include "policy/running.h"
#include "policy/sink.h"
#include "upstream/source.h"
#include "upstream/upstream.h"

#define PREPARE_NS (5 * NS_PER_S)

/* A question to all workers. It is counted, because a worker may answer after the main thread has
 * stopped waiting. */
struct round {
	pthread_mutex_t lock;
	pthread_cond_t heard;
	unsigned refs, missing; /* under lock */
	/* under lock: the first instance that failed to start; NULL: none */
	const sluice_instance *failed;
	unsigned failed_on; /* under lock */
};

struct prepare_mail {
	struct round *round; /* shared: ref */
	struct gateway_worker *to;
	struct snapshot *snap; /* shared: a ref */
};

static void round_unref(struct round *r)
{
	(void)pthread_mutex_lock(&r->lock);
	bool last = --r->refs == 0;
	(void)pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	(void)pthread_cond_destroy(&r->heard);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- on a worker --------------------------------------------------------------------------- */

static void prepare_on_worker(struct worker *w, void *arg)
{
	struct prepare_mail *m = arg;
	struct prepared *g = &m->to->prepared;
	const sluice_instance *failed = NULL;
	*g = (struct prepared){ .snap = m->snap,
		.v = mem_array(struct instance_worker *, m->snap->n_instances) };
	for (; g->n < m->snap->n_instances && !failed; g->n++) {
		g->v[g->n] = instance_attach(w, m->snap->instances[g->n]);
		failed = g->v[g->n] ? NULL : m->snap->instances[g->n];
	}
	(void)pthread_mutex_lock(&m->round->lock);
	if (failed && !m->round->failed) {
		m->round->failed = failed;
		m->round->failed_on = w->id;
	}
	m->round->missing--;
	(void)pthread_cond_signal(&m->round->heard);
	(void)pthread_mutex_unlock(&m->round->lock);
	round_unref(m->round);
	free(m);
}

void prepared_drop(struct gateway_worker *to)
{
	struct prepared *g = &to->prepared;
	struct snapshot *s = g->snap;
	if (!s)
		return;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i])
			instance_detach(&to->w, g->v[i]);
	}
	free(g->v);
	*g = (struct prepared){ 0 };
	snapshot_unref_anywhere(s);
}

static void prepare_undo(struct worker *w, void *arg)
{
	(void)w;
	prepared_drop(arg);
}

/* ---- main thread --------------------------------------------------------------------------- */

static struct round *round_begin(struct process *p, struct snapshot *s)
{
	pthread_condattr_t attr;
	struct round *r = mem_new(struct round);
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->heard, &attr);
	(void)pthread_condattr_destroy(&attr);
	r->missing = p->n_workers;
	r->refs = p->n_workers + 1;
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct prepare_mail *m = mem_new(struct prepare_mail);
		*m = (struct prepare_mail){ r, &p->workers[i], s };
		atomic_fetch_add(&s->refs, 1);
		worker_post(&p->workers[i].w, prepare_on_worker, m);
	}
	return r;
}

/* Wait for the answers. Returns how many are missing when time is up. */
static unsigned round_wait(struct round *r)
{
	uint64_t until = clock_ns() + PREPARE_NS;
	const struct timespec at = { (time_t)(until / NS_PER_S), (long)(until % NS_PER_S) };
	int err = 0;
	(void)pthread_mutex_lock(&r->lock);
	while (r->missing && err == 0)
		err = pthread_cond_timedwait(&r->heard, &r->lock, &at);
	unsigned missing = r->missing;
	(void)pthread_mutex_unlock(&r->lock);
	return missing;
}

static void prepare_say_failed(const struct snapshot *s, struct diag *d,
	const sluice_instance *inst)
{
	(void)diag_error(d, &(struct mark){ .file = s->file },
		"plugin instance \"%.*s\" (%s) could not start", STR_ARG(inst->name),
		inst->plugin->name);
	diag_hint(d, "lines of the log from %s/%.*s say why", inst->plugin->name,
		STR_ARG(inst->name));
}

/* Refuse the configuration when a worker does not answer. */
static bool prepare_workers_answer(struct process *p, const struct snapshot *s, struct diag *d)
{
	char what[WATCH_TEXT];
	for (unsigned i = 0; i < p->n_workers; i++) {
		if (!watch_is_silent(p, i))
			continue;
		watch_text(p, i, what);
		(void)diag_error(d, &(struct mark){ .file = s->file },
			"no configuration can be put in force: %s", what);
		return false;
	}
	return true;
}

static bool prepare_on_workers(struct process *p, struct snapshot *s, struct diag *d)
{
	if (!prepare_workers_answer(p, s, d))
		return false;
	struct round *r = round_begin(p, s);
	unsigned missing = round_wait(r);
	(void)pthread_mutex_lock(&r->lock);
	const sluice_instance *failed = r->failed;
	unsigned on = r->failed_on;
	(void)pthread_mutex_unlock(&r->lock);
	round_unref(r);
	if (failed) {
		log_error("plugin", "%.*s (%s): worker_start failed on worker %u",
			STR_ARG(failed->name), failed->plugin->name, on);
		prepare_say_failed(s, d, failed);
	} else if (missing) {
		(void)diag_error(d, &(struct mark){ .file = s->file },
			"%u workers did not take the configuration in time", missing);
	} else {
		return true;
	}
	/* workers that start late drop it again: this message follows the question */
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_post(&p->workers[i].w, prepare_undo, &p->workers[i]);
	return false;
}

/* The instances have started. */
static bool prepare_sinks(const struct snapshot *s, struct diag *d)
{
	for (size_t i = 0; i < s->n_sinks; i++) {
		sluice_instance *inst = s->instances[s->sinks[i]];
		if (sink_start(inst))
			continue;
		(void)diag_error(d, &(struct mark){ .file = s->file },
			"log.access.sinks: \"%.*s\" gets no thread: %s", STR_ARG(inst->name),
			strerror(errno));
		return false;
	}
	return true;
}

/* ---- servers that are found ------------------------------------------------------------- */

static void prepare_abandon(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_upstreams; i++) {
		if (s->upstreams[i].discovered)
			discovered_abandon(s->upstreams[i].discovered);
	}
	sources_settle();
}

static bool prepare_discovery(const struct snapshot *s, struct diag *d)
{
	for (size_t i = 0; i < s->n_upstreams; i++) {
		const struct snapshot_upstream *u = &s->upstreams[i];
		if (u->discovered && !u->discovery)
			source_prepare(u->discovered, u->conf);
		if (!u->discovery || discovery_begin(u->discovery, u->discovered))
			continue;
		prepare_say_failed(s, d, u->discovery);
		return false;
	}
	return true;
}

/* It will be in force: the servers that were found meanwhile are. */
static void prepare_settle(const struct process *p, const struct snapshot *s)
{
	char text[128];
	discovered_settle_begin();
	for (size_t i = 0; i < s->n_upstreams; i++) {
		const struct snapshot_upstream *u = &s->upstreams[i];
		if (!u->discovered)
			continue;
		sluice_str from = str_of(server_source_name(server_source_of(u->conf)));
		if (u->discovery) {
			int n = snprintf(text, sizeof(text), "plugin %.*s",
				STR_ARG(u->discovery->name));
			from = str_n(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
		}
		discovered_settle(u->discovered, from, &p->tell);
	}
	sources_settle();
}

bool prepare_snapshot(struct process *p, struct snapshot *s, struct diag *d)
{
	for (size_t i = 0; i < s->n_instances; i++) {
		if (instance_start(s->instances[i]))
			continue;
		prepare_say_failed(s, d, s->instances[i]);
		return false;
	}
	bool ok = prepare_sinks(s, d) && prepare_discovery(s, d) && prepare_on_workers(p, s, d);
	if (ok)
		prepare_settle(p, s);
	else
		prepare_abandon(s);
	return ok;
}
