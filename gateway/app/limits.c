/*
 * Divides the descriptors of the process: a reserve is set aside, and the rest is divided into
 * sixteenths.
 *
 *   7  connections from clients
 *   7  connections to upstreams: each client that is let in can be served
 *   1  pipes for long bodies, two descriptors each
 *   1  connections of the gateway's own requests
 *
 * The reserve is for what must still work when the rest is used up: admin connections, log files,
 * reloads, the resolver, Redis.
 */
#include "app/process.h"

#include <sys/resource.h>

#include "base/log.h"

enum {
	/* admin connections, log files, resolver, Redis, the loops of the main thread */
	RESERVE = 128,
	/* its loop, its connections to Redis, sockets being taken over on reload */
	RESERVE_FOR_WORKER = 16,
	PARTS = 16,
	FOR_CLIENTS = 7,
	AT_MOST_FOR_CLIENTS = 12, /* in sixteenths, when the file asks for more */
	LEAST = 16,
	SHARE_OF_CLIENT = 4, /* auto: one client gets at most this fraction, 1/4 */
	CLIENT_LEAST = 16,
};

static uint64_t at_least(uint64_t n, uint64_t least)
{
	return n < least ? least : n;
}

static uint64_t at_most(uint64_t n, uint64_t most)
{
	return n > most ? most : n;
}

/* Descriptors to divide. */
static uint64_t limits_descriptors(const struct process *p, const struct snapshot *s)
{
	const uint64_t most = (uint64_t)COUNTS_CLIENTS * PARTS / FOR_CLIENTS;
	uint64_t taken = RESERVE + (uint64_t)p->n_workers * (RESERVE_FOR_WORKER + s->n_listeners);
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
		return most;
	return at_most(r.rlim_cur > taken ? r.rlim_cur - taken : 0, most);
}

/* One client's share of n when the file does not say. */
static uint32_t limits_of_client(uint64_t n)
{
	return (uint32_t)at_most(at_least(n / SHARE_OF_CLIENT, CLIENT_LEAST), COUNT_MOST);
}

void limits_of(const struct process *p, const struct snapshot *s, struct limits *out)
{
	uint64_t wanted = s->conf.runtime.max_connections, n = limits_descriptors(p, s);
	out->served = at_least(n * FOR_CLIENTS / PARTS, LEAST);
	out->front.connections = wanted
		? at_most(wanted, at_least(n * AT_MOST_FOR_CLIENTS / PARTS, LEAST))
		: out->served;
	out->fetches = at_least(n / PARTS, LEAST);
	out->pipes = at_least(n / PARTS / 2, 1);
	uint64_t others = out->front.connections + n / PARTS * 2;
	out->upstream = at_least(n > others ? n - others : 0, LEAST);
	out->front.client = (struct client_bounds){ limits_of_client(out->front.connections),
		limits_of_client(out->upstream) };
}

static void limits_set(struct quota *q, uint64_t most)
{
	atomic_store_explicit(&q->most, (uint32_t)at_most(most, UINT32_MAX), memory_order_relaxed);
}

void limits_settle(struct process *p)
{
	struct limits l;
	limits_of(p, p->snap, &l);
	limits_set(&p->shares.quota[SHARE_UPSTREAM], l.upstream);
	limits_set(&p->shares.quota[SHARE_PIPES], l.pipes);
	limits_set(&p->shares.quota[SHARE_FETCHES], l.fetches);
	if (p->snap->conf.runtime.max_connections > l.served)
		log_warn("process",
			"runtime.max_connections is %llu, but there are descriptors for %llu "
			"clients and their upstreams; %llu "
			"are let in, and raising the limit (LimitNOFILE, ulimit -n) makes room for "
			"more",
			(unsigned long long)p->snap->conf.runtime.max_connections,
			(unsigned long long)l.served, (unsigned long long)l.front.connections);
	log_info("process",
		"at most %llu connections from clients, %llu to upstreams; of one client, unless a "
		"listener says more, "
		"%u connections and %u requests to upstreams",
		(unsigned long long)l.front.connections, (unsigned long long)l.upstream,
		l.front.client.connections, l.front.client.requests);
}
