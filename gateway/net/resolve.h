/*
 * Names to addresses without blocking a loop: a few threads of the process call getaddrinfo(), and
 * answers come to the worker that asked. Workers that ask for the same name at about the same time
 * share one look-up. Waits and memory are bounded.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "base/addr.h"

struct worker;
struct resolve_wait;

enum { RESOLVE_ADDRS_MAX = 16, RESOLVE_HOST_MAX = 253, RESOLVE_ERROR_TEXT = 128 };

struct resolve_answer {
	const char *error; /* NULL: resolved; else why not, for the log; borrowed */
	/* 1..RESOLVE_ADDRS_MAX when resolved, in the order of preference, none twice */
	unsigned n;
	struct addr addrs[RESOLVE_ADDRS_MAX];
};

/* One question, embedded in the caller's struct. */
struct resolve_call {
	/* On the worker's loop, once; the call is at rest again, and may be started anew from
	 * here. */
	void (*on_answer)(struct resolve_call *c, const struct resolve_answer *a);
	struct resolve_wait *wait; /* owned while it waits, else NULL */
};

static inline void resolve_call_init(struct resolve_call *c,
	void (*on_answer)(struct resolve_call *c, const struct resolve_answer *a))
{
	c->on_answer = on_answer;
	c->wait = NULL;
}
/* Ask; on w's thread. IP literals are answered too. Failures come as an answer; on_answer is never
 * called from within. */
void resolve_start(struct worker *w, struct resolve_call *c, sluice_str host, uint16_t port);
/* No answer comes any more. Does nothing to a call at rest. */
void resolve_cancel(struct resolve_call *c);

/* When no worker is left, all questions forgotten with them: end the threads. A look-up that hangs
 * in the system's resolver is not waited for longer than a second. */
void resolve_fini(void);

#endif
