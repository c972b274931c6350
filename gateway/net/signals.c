/* Signals as events of a loop. Main thread. */
#include "net/signals.h"

#include <errno.h>
#include <event2/event.h>

#include "net/worker.h"

static void signal_on_event(evutil_socket_t sig, short what, void *arg)
{
	struct signal_watch *s = arg;
	(void)what;
	s->on_signal(s->ctx, (int)sig);
}

int signal_watch_start(struct signal_watch *s, struct worker *w, int sig,
	void (*on_signal)(void *ctx, int sig), void *ctx)
{
	s->on_signal = on_signal;
	s->ctx = ctx;
	s->event = evsignal_new(w->base, sig, signal_on_event, s);
	return s->event && event_add(s->event, NULL) == 0 ? 0 : -ENOMEM;
}

void signal_watch_stop(struct signal_watch *s)
{
	if (s->event)
		event_free(s->event);
	s->event = NULL;
}
