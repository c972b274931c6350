/*
 * Puts a snapshot in force. Sockets come first, because only they can fail at this point. Then
 * every worker gets the snapshot by message and uses it for new exchanges; exchanges in progress
 * keep the one they began with.
 */
#include "app/process.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proxy/rows.h"

struct apply_mail {
	struct process *process;
	struct gateway_worker *to;
	struct snapshot *snap; /* shared: a ref for the view */
	struct apply_sockets {
		unsigned n; /* 0: served already */
		bool lent;
		int *fds; /* owned */
	} listeners[];
};

/* This worker's share of the sockets of a listener. */
static struct apply_sockets apply_share(const struct opened *o, unsigned worker, unsigned n_workers)
{
	struct apply_sockets share = { .lent = o->inherited == INHERITED_LENT };
	share.fds = mem_array(int, o->n / n_workers + 1);
	for (unsigned i = worker; i < o->n; i += n_workers)
		share.fds[share.n++] = o->fds[i];
	return share;
}

/* The array of descriptors, after the descriptors went to the worker's front. */
static void apply_free(struct apply_mail *m)
{
	for (size_t i = 0; i < m->snap->n_listeners; i++)
		free(m->listeners[i].fds);
	free(m);
}

static void apply_done(struct worker *w, void *arg)
{
	struct process *p = arg;
	(void)w;
	if (++p->applied < p->n_workers)
		return;
	p->ready = true;
	p->on_applied(p);
}

static void apply_on_worker(struct worker *w, void *arg)
{
	struct apply_mail *m = arg;
	struct gateway_worker *g = m->to;
	struct snapshot *s = m->snap;
	struct view *old = g->proxy.view;
	const struct handler handler = { exchange_on_request, exchange_on_bad_request, &g->proxy };
	struct front_listener_args *v = mem_array(struct front_listener_args, s->n_listeners);

	g->proxy.view = view_new(w, s, snapshot_free_on_main);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		v[i] = (struct front_listener_args){ .conf = l->conf,
			.addr = &l->addr,
			.tls = l->tls,
			.balancers = l->balancers,
			.trusted_proxies = l->trusted_proxies,
			.handler = handler,
			.client = l->client,
			.gate = rows_new(&g->proxy, l),
			.fds = m->listeners[i].fds,
			.n_fds = m->listeners[i].n,
			.lent = m->listeners[i].lent };
	}
	struct limits limits;
	limits_of(m->process, s, &limits);
	if (!g->proxy.draining)
		front_apply(g->front, v, s->n_listeners, &limits.front,
			s->conf.runtime.shutdown_grace * NS_PER_MS);
	for (size_t i = 0; i < s->n_listeners; i++)
		conn_gate_unref(v[i].gate); /* the listener has it now */
	free(v);
	rows_move(&g->proxy);
	prepared_drop(g);
	if (old)
		view_unref(old);
	worker_post(&m->process->main, apply_done, m->process);
	apply_free(m);
}

bool apply_snapshot(struct process *p, struct snapshot *s, struct diag *d)
{
	struct snapshot *old = p->snap;
	struct opened *opened = sockets_open(p, s, d);
	if (!opened)
		return false;
	s->main = &p->main;
	if (!prepare_snapshot(p, s, d)) {
		sockets_close(s, opened);
		return false;
	}
	p->snap = s;
	p->applied = 0;
	for (unsigned w = 0; w < p->n_workers; w++) {
		struct apply_mail *m = mem_zeroed(1,
			sizeof(*m) + sizeof(struct apply_sockets) * s->n_listeners, "apply_mail");
		m->process = p;
		m->to = &p->workers[w];
		m->snap = s;
		atomic_fetch_add(&s->refs, 1);
		for (size_t i = 0; i < s->n_listeners; i++)
			m->listeners[i] = apply_share(&opened[i], w, p->n_workers);
		worker_post(&p->workers[w].w, apply_on_worker, m);
	}
	sockets_settle(p, s, opened);
	for (size_t i = 0; i < s->n_listeners; i++)
		free(opened[i].fds);
	free(opened);
	snapshot_unref(old);
	return true;
}
