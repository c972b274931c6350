/* Listeners that are gone, and the connections they leave behind. */
#include <stdlib.h>

#include "front/state.h"

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

struct front_place *front_place_new(struct front *f)
{
	struct front_place *p = calloc(1, sizeof(*p));
	check(p, "out of memory: the address of a listener");
	p->refs = 1;
	p->front = f;
	timer_init(&p->timer, place_on_due);
	return p;
}

struct front_place *front_place_ref(struct front_place *p)
{
	p->refs++;
	return p;
}

void front_place_unref(struct front_place **at)
{
	struct front_place *p = *at;
	*at = NULL;
	if (--p->refs)
		return;
	timer_drop(&p->timer);
	free(p);
}

void front_place_remove(struct front_place *p, uint64_t idle_ns, uint64_t grace_ns)
{
	p->drain_idle_ns = idle_ns < grace_ns ? idle_ns : grace_ns;
	if (!p->drain_idle_ns)
		p->drain_idle_ns = 1;
	worker_timer(p->front->worker, &p->timer, grace_ns);
	list_each_safe (e, &p->front->conns) {
		struct front_conn *c = front_conn_of(e);
		if (front_conn_place(c) == p)
			front_conn_drain(c, p->drain_idle_ns);
	}
}
