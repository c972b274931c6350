/*
 * What all workers share, and what bounds it: quotas of descriptors, and whether the process is
 * overloaded. Every field is read and changed by atomics alone. A quota is taken and given back
 * where a descriptor is opened and closed, never on the way of a request over a connection that is
 * there already. Any thread.
 *
 *   descriptors of the process = clients + upstreams + 2 x pipes + fetches + a reserve that nobody
 *   takes
 *
 * The reserve keeps working what must go on when the rest is used up: the admin address, log files,
 * reloads, name look-ups, Redis.
 */
#ifndef NET_SHARES_H
#define NET_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum share {
	SHARE_UPSTREAM, /* connections to servers of upstreams */
	/* pipes for bodies on their way from socket to socket: two descriptors each */
	SHARE_PIPES,
	SHARE_FETCHES, /* connections of the gateway's own requests, such as for keys */
	SHARE_COUNT,
};

/* A cache line each: workers write to them. */
struct quota {
	_Alignas(64) _Atomic uint32_t used;
	_Atomic uint32_t most;   /* 0: no bound */
	_Atomic uint64_t denied; /* how often there was none left */
};

struct shares {
	struct quota quota[SHARE_COUNT];
	/* 0, or the failure (enum err) with which new requests are refused. Written by the main
	 * thread. */
	_Alignas(64) _Atomic int overload;
};

/* One more. False: there is none left. */
static inline must_use bool quota_take(struct quota *q)
{
	uint32_t most = atomic_load_explicit(&q->most, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&q->used, 1, memory_order_relaxed) < most || most == 0)
		return true;
	(void)atomic_fetch_sub_explicit(&q->used, 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&q->denied, 1, memory_order_relaxed);
	return false;
}

static inline void quota_give(struct quota *q)
{
	(void)atomic_fetch_sub_explicit(&q->used, 1, memory_order_relaxed);
}

/* Whether more than half of it is in use: then keep nothing for reuse. */
static inline bool quota_is_tight(const struct quota *q)
{
	uint32_t most = atomic_load_explicit(&q->most, memory_order_relaxed);
	return most && atomic_load_explicit(&q->used, memory_order_relaxed) > most / 2;
}

#endif
