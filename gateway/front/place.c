/* Addresses of listeners, which connections keep when the listener is gone. */
#include <stdlib.h>

#include "base/mem.h"
#include "front/state.h"

struct front_place *front_place_new(struct front *f, void (*on_due)(struct timer *t))
{
	struct front_place *p = mem_new(struct front_place);
	p->refs = 1;
	p->front = f;
	timer_init(&p->timer, on_due);
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
}
