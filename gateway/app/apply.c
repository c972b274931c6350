/*
 * Putting a snapshot in force: sockets first, because only they can still fail; then every worker gets it by message, and
 * goes over to it between two events. Exchanges in progress keep the one they began with.
 */
#include "app/process.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "net/listener.h"

struct apply_mail {
	struct process *process;
	struct gateway_worker *to;
	struct snapshot *snap; /* shared: a ref for the view */
	int fds[];             /* one for each listener; -1: served already */
};

static void apply_free_snapshot(struct worker *w, void *arg)
{
	(void)w;
	snapshot_free(arg);
}

/* On whatever thread the last reference went. */
static void apply_on_free(struct snapshot *s)
{
	worker_post(s->main, apply_free_snapshot, s);
}

void apply_unref(struct process *p, struct snapshot *s)
{
	(void)p;
	if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		snapshot_free(s);
}

static void apply_done(struct worker *w, void *arg)
{
	struct process *p = arg;
	(void)w;
	if (++p->applied < p->n_workers)
		return;
	p->ready = true;
	if (!p->reload_wanted)
		return;
	p->reload_wanted = 0;
	process_reload(p);
}

static void apply_on_worker(struct worker *w, void *arg)
{
	struct apply_mail *m = arg;
	struct gateway_worker *g = m->to;
	struct snapshot *s = m->snap;
	struct view *old = g->proxy.view;
	const struct handler handler = { exchange_on_request, exchange_on_bad_request, &g->proxy };
	struct front_listener_args *v = calloc(s->n_listeners, sizeof(*v));
	check(v, "out of memory: %zu listeners", s->n_listeners);

	g->proxy.view = view_new(w, s, apply_on_free);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		v[i] = (struct front_listener_args){ .conf = l->conf,
			                             .addr = &l->addr,
			                             .tls = l->tls,
			                             .balancers = l->balancers,
			                             .trusted_proxies = l->trusted_proxies,
			                             .handler = handler,
			                             .client = l->client,
			                             .fd = m->fds[i] };
	}
	struct limits limits;
	limits_of(m->process, s, &limits);
	if (!g->proxy.draining)
		front_apply(g->front, v, s->n_listeners, &limits.front);
	free(v);
	if (old)
		view_unref(old);
	worker_post(&m->process->main, apply_done, m->process);
	free(m);
}

static struct served *apply_served(struct process *p, const struct addr *a)
{
	for (size_t i = 0; i < p->n_served; i++) {
		if (addr_eq(&p->served[i].addr, a))
			return &p->served[i];
	}
	return NULL;
}

void apply_hint(struct diag *d, int err)
{
	if (err == -EADDRINUSE)
		diag_hint(d, "another program has this address; `ss -ltnp` tells which");
	else if (err == -EACCES)
		diag_hint(d, "ports below 1024 need root or CAP_NET_BIND_SERVICE; for a unix socket, the folder must be writable");
}

/* fds[i * n_workers + w]: the socket of listener i for worker w, -1 where the address is served already. */
static int *apply_open(struct process *p, const struct snapshot *s, struct diag *d)
{
	int *fds = calloc(s->n_listeners * p->n_workers + 1, sizeof(*fds));
	char text[ADDR_TEXT];
	check(fds, "out of memory: sockets of %zu listeners", s->n_listeners);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		int *at = fds + i * p->n_workers;
		int err = 0;
		for (unsigned w = 0; w < p->n_workers; w++)
			at[w] = -1;
		if (!apply_served(p, &l->addr))
			err = listener_open(&l->addr, p->n_workers, (int)l->conf->backlog, at);
		if (err == 0)
			continue;
		(void)addr_text(&l->addr, text);
		(void)diag_error(d, &(struct mark){ .file = s->file }, "listener %.*s cannot listen on %s: %s",
		                 STR_ARG(l->conf->name), text, strerror(-err));
		apply_hint(d, err);
		for (size_t j = 0; j < i * p->n_workers; j++) {
			if (fds[j] >= 0)
				(void)close(fds[j]);
		}
		free(fds);
		return NULL;
	}
	return fds;
}

static void apply_remember(struct process *p, const struct snapshot *s)
{
	free(p->served);
	p->served = calloc(s->n_listeners + 1, sizeof(*p->served));
	check(p->served, "out of memory: %zu addresses", s->n_listeners);
	p->n_served = s->n_listeners;
	for (size_t i = 0; i < s->n_listeners; i++)
		p->served[i].addr = s->listeners[i].addr;
}

bool apply_snapshot(struct process *p, struct snapshot *s, struct diag *d)
{
	struct snapshot *old = p->snap;
	int *fds = apply_open(p, s, d);
	if (!fds)
		return false;
	s->main = &p->main;
	p->snap = s;
	p->applied = 0;
	for (size_t i = 0; i < s->n_instances; i++)
		instance_start(s->instances[i]);
	for (unsigned w = 0; w < p->n_workers; w++) {
		struct apply_mail *m = malloc(sizeof(*m) + sizeof(int) * s->n_listeners);
		check(m, "out of memory: a message");
		m->process = p;
		m->to = &p->workers[w];
		m->snap = s;
		atomic_fetch_add(&s->refs, 1);
		for (size_t i = 0; i < s->n_listeners; i++)
			m->fds[i] = fds[i * p->n_workers + w];
		worker_post(&p->workers[w].w, apply_on_worker, m);
	}
	free(fds);
	apply_remember(p, s);
	apply_unref(p, old);
	return true;
}
