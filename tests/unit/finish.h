/* For handlers of tests: finish a client at the end of the turn, as the exchange does. */
#ifndef FINISH_H
#define FINISH_H

#include "http/handler.h"
#include "net/worker.h"

struct finish {
	struct turn_hook at_end;
	struct client *c;
};

static inline void finish_now(struct turn_hook *h)
{
	struct client *c = container_of(h, struct finish, at_end)->c;
	c->ops->finish(c);
}

/* Once for each client; f must live until the end of the turn. */
static inline void finish_at_turn_end(struct finish *f, struct worker *w, struct client *c)
{
	turn_hook_init(&f->at_end, finish_now);
	f->c = c;
	c->events = &client_ended;
	worker_at_turn_end(w, &f->at_end);
}

#endif
