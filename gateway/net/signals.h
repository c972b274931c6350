/* Signals as events of a loop: the main thread's. */
#ifndef NET_SIGNALS_H
#define NET_SIGNALS_H

#include "base/check.h"

struct event;
struct worker;

struct signal_watch {
	struct event *event; /* owned; NULL: not watching */
	void (*on_signal)(void *ctx, int sig);
	void *ctx;
};

/* From now on sig calls on_signal(ctx, sig) from w's loop. 0, or a negative errno. */
must_use int signal_watch_start(struct signal_watch *s, struct worker *w, int sig,
	void (*on_signal)(void *ctx, int sig), void *ctx);
/* Does nothing to one that does not watch. */
void signal_watch_stop(struct signal_watch *s);

#endif
