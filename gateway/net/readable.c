/* See readable.h. */
#include "net/readable.h"

#include <errno.h>
#include <event2/event.h>

#include "net/worker.h"

static void readable_on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct readable *r = arg;
	(void)fd, (void)what;
	r->on_readable(r->ctx);
}

int readable_start(struct readable *r, struct worker *w, int fd, void (*on_readable)(void *ctx),
	void *ctx)
{
	r->on_readable = on_readable;
	r->ctx = ctx;
	r->event = event_new(w->base, fd, EV_READ | EV_PERSIST, readable_on_event, r);
	if (r->event && event_add(r->event, NULL) == 0)
		return 0;
	readable_stop(r);
	return -ENOMEM;
}

void readable_stop(struct readable *r)
{
	if (r->event)
		event_free(r->event);
	r->event = NULL;
}
