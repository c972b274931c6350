/* The listeners of one worker, and all its connections together. Its thread. */
#include "front/front.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "front/state.h"

#define REMOVED_IDLE_NS NS_PER_S /* of a kept connection whose listener is gone */

/* ---- listeners ----------------------------------------------------------------------------- */

static struct front_listener *front_find(struct front *f, const struct addr *a)
{
	list_each (e, &f->listeners) {
		struct front_listener *l = container_of(e, struct front_listener, link);
		if (addr_eq(&l->settings->addr, a))
			return l;
	}
	return NULL;
}

static void listener_drop_settings(struct front_listener *l)
{
	conn_gate_unref(l->settings->gate);
	front_settings_unref(&l->settings);
}

static void listener_stop(struct front_listener *l)
{
	for (unsigned i = 0; i < l->n_acceptors; i++)
		acceptor_stop(&l->acceptors[i]);
	free(l->acceptors);
	list_del(&l->link);
	front_place_unref(&l->place);
	listener_drop_settings(l);
	free(l);
}

/* The grace is over. */
static void place_on_due(struct timer *t)
{
	struct front_place *p = container_of(t, struct front_place, timer),
			   *held = front_place_ref(p);
	list_each_safe (e, &p->front->conns) {
		struct front_conn *c = front_conn_of(e);
		if (front_conn_place(c) == p)
			front_conn_abort(c);
	}
	front_place_unref(&held);
}

/* Requests in progress are answered; then their connections end. */
static void listener_remove(struct front_listener *l, uint64_t grace_ns)
{
	struct front_place *place = front_place_ref(l->place);
	listener_stop(l);
	front_place_remove(place, REMOVED_IDLE_NS, grace_ns);
	list_each_safe (e, &place->front->conns) {
		struct front_conn *c = front_conn_of(e);
		if (front_conn_place(c) == place)
			front_conn_drain(c, place->drain_idle_ns);
	}
	front_place_unref(&place);
}

/* The settings of the listener from now on. */
static void listener_set(struct front_listener *l, const struct front_listener_args *args)
{
	if (l->settings)
		listener_drop_settings(l);
	l->settings = front_settings_new(l->front, args, l->place);
	if (conn_gate_ref(args->gate))
		l->settings->shared.plugged = front_conn_plugged;
	l->settings->codec.on_closed = front_conn_on_closed;
	l->settings->shared.stream = front_conn_stream;
	l->tls = args->tls;
	l->marked = true;
}

static void listener_new(struct front *f, const struct front_listener_args *args)
{
	struct front_listener *l = mem_new(struct front_listener);
	l->front = f;
	l->place = front_place_new(f, place_on_due);
	listener_set(l, args);
	l->acceptors = mem_array(struct acceptor, args->n_fds);
	l->n_acceptors = args->n_fds;
	for (unsigned i = 0; i < args->n_fds; i++) {
		struct acceptor *a = &l->acceptors[i];
		if (acceptor_start(a, f->worker, args->fds[i], front_conn_on_accept, l) < 0)
			check(false, "a listening socket cannot join the event loop");
		a->lent = args->lent;
		if (f->paused)
			acceptor_pause(a);
	}
	list_push(&f->listeners, &l->link);
}

void front_apply(struct front *f, const struct front_listener_args *v, size_t n,
	const struct front_bounds *bounds, uint64_t grace_ns)
{
	f->bounds = *bounds;
	for (size_t i = 0; i < n; i++) {
		struct front_listener *l = front_find(f, v[i].addr);
		if (!l) {
			listener_new(f, &v[i]);
			continue;
		}
		for (unsigned k = 0; k < v[i].n_fds; k++)
			(void)close(v[i].fds[k]);
		listener_set(l, &v[i]);
	}
	list_each_safe (e, &f->listeners) {
		struct front_listener *l = container_of(e, struct front_listener, link);
		if (!l->marked)
			listener_remove(l, grace_ns);
		else
			l->marked = false;
	}
}

static void front_each_acceptor(struct front *f, void (*fn)(struct acceptor *a))
{
	list_each (e, &f->listeners) {
		struct front_listener *l = container_of(e, struct front_listener, link);
		for (unsigned i = 0; i < l->n_acceptors; i++)
			fn(&l->acceptors[i]);
	}
}

void front_pause(struct front *f)
{
	f->paused = true;
	front_each_acceptor(f, acceptor_pause);
}

void front_go_on(struct front *f)
{
	f->paused = false;
	front_each_acceptor(f, acceptor_go_on);
}

static void acceptor_lend(struct acceptor *a)
{
	a->lent = true;
}

void front_lend(struct front *f)
{
	front_each_acceptor(f, acceptor_lend);
}

/* ---- the whole ----------------------------------------------------------------------------- */

struct front *front_new(struct worker *w, struct counts *counts)
{
	struct front *f = mem_new(struct front);
	f->worker = w;
	f->counts = counts;
	list_init(&f->listeners);
	list_init(&f->conns);
	return f;
}

void front_free(struct front **f)
{
	struct front *it = *f;
	*f = NULL;
	check(it->n_conns == 0, "a worker ends with %u connections open", it->n_conns);
	it->on_empty = NULL;
	list_each_safe (e, &it->listeners)
		listener_stop(container_of(e, struct front_listener, link));
	front_abort(it); /* a listener accepts what waits in its queue when it stops */
	free(it);
}

void front_drain(struct front *f, uint64_t idle_ns)
{
	f->drain_idle_ns = idle_ns;
	list_each_safe (e, &f->listeners)
		listener_stop(container_of(e, struct front_listener, link));
	f->draining = true;
	list_each_safe (e2, &f->conns)
		front_conn_drain(front_conn_of(e2), idle_ns);
	if (f->n_conns == 0 && f->on_empty)
		f->on_empty(f->on_empty_ctx);
}

void front_abort(struct front *f)
{
	list_each_safe (e, &f->conns)
		front_conn_abort(front_conn_of(e));
}

unsigned front_connections(const struct front *f)
{
	return f->n_conns;
}

void front_on_empty(struct front *f, void (*fn)(void *ctx), void *ctx)
{
	f->on_empty = fn;
	f->on_empty_ctx = ctx;
}
