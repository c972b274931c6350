/*
 * Until when an exchange may last: what its route allows, what its client waits for, the deadline
 * of a gRPC call; and how long both sides of a call may be silent. One timer for all of them; what
 * is over first ends the exchange. An exchange that has none of them has no struct deadline.
 * Worker's thread only.
 */
#ifndef PROXY_DEADLINE_H
#define PROXY_DEADLINE_H

#include "net/timer.h"
#include "proxy/exchange.h"

struct deadline {
	struct exchange *x; /* borrowed: it lies in its arena */
	struct timer timer;
	uint64_t due_ns;  /* TIMER_NEVER: none */
	uint64_t idle_ns; /* longest silence of both sides; TIMER_NEVER: not looked at here */
	uint64_t seen;    /* bytes that had gone through at the last look */
	int err;          /* what due_ns ends it with */
	bool quiet;       /* there was nothing new at the last look */
};

/* It ends with err at due_ns, unless it has an earlier deadline. Who has all of its answer and only
 * has to take it, or has a tunnel, is not late. ERR_NO_MEMORY. */
must_use int deadline_by(struct exchange *x, uint64_t due_ns, int err);
/* Both sides may be silent for idle_ns (TIMER_NEVER: for as long as they like); then it ends with
 * ERR_CALL_IDLE. ERR_NO_MEMORY. */
must_use int deadline_watch_silence(struct exchange *x, uint64_t idle_ns);
/* What is left now, of an exchange that has one; 0: nothing is. TIMER_NEVER: there is no deadline.
 */
uint64_t deadline_left_ns(const struct deadline *d);
/* At the end of its exchange. */
void deadline_fini(struct deadline *d);

#endif
