/* The worker threads: starting, draining, ending them. */
#include "app/process.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/complete.h"
#include "app/thread.h"
#include "app/watch.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "obs/access_log.h"
#include "proxy/tunnel.h"
#include "upstream/upstream.h"

enum { END_S = 3 };

static void *worker_thread(void *arg)
{
	struct gateway_worker *g = arg;
	char name[16];
	(void)snprintf(name, sizeof(name), "sluice-%u", g->w.id);
	(void)pthread_setname_np(pthread_self(), name);
	thread_init();
	worker_run(&g->w);
	front_abort(g->front); /* closes connections that linger */
	/* free the view on the thread that used it */
	if (g->proxy.view)
		view_unref(g->proxy.view);
	g->proxy.view = NULL;
	prepared_drop(g);
	front_free(&g->front);
	if (g->access)
		access_log_free(&g->access);
	worker_fini(&g->w);
	thread_fini();
	return NULL;
}

bool workers_start(struct process *p)
{
	sigset_t before;
	uint64_t key[2];
	random_bytes(key, sizeof(key));
	p->workers = mem_array(struct gateway_worker, p->n_workers);
	p->worker_list = mem_array(struct worker *, p->n_workers);
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct gateway_worker *g = &p->workers[i];
		int err = worker_init(&g->w, i);
		if (err) {
			log_error("process", "worker %u cannot start: %s", i, strerror(-err));
			return false;
		}
		g->process = p;
		g->w.shares = &p->shares;
		g->proxy.worker = &g->w;
		g->proxy.counts = p->counts;
		list_init(&g->proxy.exchanges);
		list_init(&g->proxy.rows);
		g->proxy.on_complete = complete_exchange;
		/* the same key for all workers, so that no two make the same id */
		permute_init(&g->proxy.ids, key);
		g->front = front_new(&g->w, p->counts);
		p->worker_list[i] = &g->w;
	}
	threads_begin(&before);
	for (unsigned i = 0; i < p->n_workers; i++) {
		int err = pthread_create(&p->workers[i].w.thread, NULL, worker_thread,
			&p->workers[i]);
		if (err) {
			log_error("process", "worker %u cannot start: %s", i, strerror(err));
			threads_end(&before);
			return false;
		}
		p->workers[i].started = true;
	}
	threads_end(&before);
	return true;
}

/* ---- draining ------------------------------------------------------------------------------ */

static void worker_is_empty(struct worker *w, void *arg)
{
	struct process *p = arg;
	(void)w;
	if (++p->empty == p->n_workers)
		p->on_drained(p);
}

static void worker_on_empty(void *ctx)
{
	struct gateway_worker *g = ctx;
	front_on_empty(g->front, NULL, NULL); /* only once */
	worker_post(&g->process->main, worker_is_empty, g->process);
}

struct drain_mail {
	struct gateway_worker *to;
	uint64_t idle_ns;
	bool lend;
};

/* A gateway may be its own upstream: then its idle connections are clients that it would wait for.
 * Requests in progress may try again, so that the connections stay for them. */
static void worker_drain(struct worker *w, void *arg)
{
	struct drain_mail *m = arg;
	if (list_is_empty(&m->to->proxy.exchanges))
		upstream_close_idle(w);
	m->to->proxy.draining = true;
	tunnels_drain(&m->to->proxy);
	front_on_empty(m->to->front, worker_on_empty, m->to);
	if (m->lend)
		front_lend(m->to->front);
	front_drain(m->to->front, m->idle_ns);
	free(m);
}

void workers_drain(struct process *p, uint64_t idle_ns)
{
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct drain_mail *m = mem_new(struct drain_mail);
		*m = (struct drain_mail){ &p->workers[i], idle_ns, p->handed_over };
		worker_post(&p->workers[i].w, worker_drain, m);
	}
}

static void worker_refuse(struct worker *w, void *arg)
{
	struct gateway_worker *g = arg;
	(void)w;
	exchanges_refuse(&g->proxy, ERR_SHUTTING_DOWN);
}

void workers_refuse(struct process *p)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_post(&p->workers[i].w, worker_refuse, &p->workers[i]);
}

static void worker_abort(struct worker *w, void *arg)
{
	struct gateway_worker *g = arg;
	front_on_empty(g->front, NULL, NULL);
	if (g->process->handed_over)
		front_lend(g->front);
	front_drain(g->front, 0);
	front_abort(g->front);
	atomic_store(&w->stop, true);
}

void workers_abort(struct process *p)
{
	for (unsigned i = 0; p->workers && i < p->n_workers; i++) {
		if (p->workers[i].started)
			worker_post(&p->workers[i].w, worker_abort, &p->workers[i]);
	}
}

/* A worker ends within a few milliseconds, unless a plugin blocks it. */
bool workers_stop(struct process *p)
{
	struct timespec until;
	bool all = true;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	for (unsigned i = 0; p->workers && i < p->n_workers; i++) {
		char text[WATCH_TEXT];
		if (!p->workers[i].started ||
			pthread_timedjoin_np(p->workers[i].w.thread, NULL, &until) == 0)
			continue;
		watch_text(p, i, text);
		log_error("process", "%s: the process ends without it", text);
		all = false;
	}
	return all;
}
