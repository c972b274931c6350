/* A worker's view of a snapshot. Worker's thread. */
#include <stdlib.h>

#include "base/mem.h"
#include "policy/choose.h"
#include "policy/sink.h"
#include "proxy/about.h"
#include "proxy/snapshot.h"
#include "store/store.h"

/* Whoever puts a snapshot in force has seen to it that its plugins could start on this worker. */
static struct instance_worker *view_attach(struct worker *w, sluice_instance *inst)
{
	struct instance_worker *iw = instance_attach(w, inst);
	check(iw, "plugin instance %.*s did not start on worker %u", STR_ARG(inst->name), w->id);
	return iw;
}

static struct upstream *view_attach_upstream(struct view *v, size_t i)
{
	const struct snapshot_upstream *u = &v->snap->upstreams[i];
	struct choose *c = &v->choosers[i];
	if (u->balancer)
		choose_init(c, v->worker, u->balancer, v->slots[u->balancer->slot]);
	const struct upstream_plugins plugins = { .chooser = u->balancer ? &c->chooser : NULL,
		.discovered = u->discovered,
		.breaker = u->breaker };
	return upstream_attach(v->worker, u->conf, u->client, v->snap->n_workers, &plugins);
}

static void view_keep(struct instance_keeper *k)
{
	(void)view_ref(container_of(k, struct view, keeper));
}

static void view_let_go(struct instance_keeper *k)
{
	view_unref(container_of(k, struct view, keeper));
}

struct view *view_new(struct worker *w, struct snapshot *s, void (*on_free)(struct snapshot *s))
{
	struct view *v = mem_new(struct view);
	v->snap = s;
	v->worker = w;
	v->refs = 1;
	v->keeper = (struct instance_keeper){ .ref = view_keep,
		.unref = view_let_go,
		.about = &exchange_about,
		.consumers = s->consumers };
	v->on_free = on_free;
	v->upstreams = mem_array(struct upstream *, s->n_upstreams + 1);
	v->keeper.upstreams = v->upstreams;
	v->choosers = mem_array(struct choose, s->n_upstreams + 1);
	v->slots = mem_array(struct instance_worker *, s->n_instances + 1);
	for (size_t i = 0; i < s->n_instances; i++)
		v->slots[i] = view_attach(w, s->instances[i]);
	for (size_t i = 0; i < s->n_sinks; i++)
		sink_attach(w, v->slots[s->sinks[i]]);
	for (size_t i = 0; i < s->n_upstreams; i++)
		v->upstreams[i] = view_attach_upstream(v, i);
	for (size_t i = 0; i < s->n_stores; i++)
		store_warm(w, s->stores[i]);
	return v;
}

void view_unref(struct view *v)
{
	if (--v->refs)
		return;
	struct snapshot *s = v->snap;
	for (size_t i = 0; i < s->n_upstreams; i++)
		upstream_detach(&v->upstreams[i]);
	for (size_t i = 0; i < s->n_instances; i++)
		instance_detach(v->worker, v->slots[i]);
	void (*on_free)(struct snapshot *) = v->on_free;
	free(v->upstreams);
	free(v->choosers);
	free(v->slots);
	free(v);
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		on_free(s);
}
