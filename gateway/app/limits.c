/* How many connections the gateway takes on: as many as there are descriptors for, with enough left for everything else. */
#include "app/process.h"

#include <sys/resource.h>

#include "base/log.h"

enum {
	RESERVE = 128,           /* admin connections, log files, resolver, Redis, the loops of the main thread */
	RESERVE_FOR_WORKER = 16, /* its loop, its connections to Redis, sockets being taken over on reload */
	LEAST = 16
};

/* Those that can be served at a time: each needs a descriptor, and one more for its request to an upstream. */
static uint64_t limits_served(const struct process *p, const struct snapshot *s)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == RLIM_INFINITY)
		return COUNTS_CLIENTS;
	uint64_t taken = RESERVE + (uint64_t)p->n_workers * (RESERVE_FOR_WORKER + s->n_listeners);
	uint64_t left = r.rlim_cur > taken ? (r.rlim_cur - taken) / 2 : 0;
	return left < LEAST ? LEAST : left > COUNTS_CLIENTS ? COUNTS_CLIENTS : left;
}

uint64_t limits_connections(const struct process *p, const struct snapshot *s)
{
	uint64_t wanted = s->conf.runtime.max_connections, served = limits_served(p, s);
	return wanted ? wanted : served;
}

void limits_settle(const struct process *p)
{
	uint64_t wanted = p->snap->conf.runtime.max_connections, served = limits_served(p, p->snap);
	if (wanted > served)
		log_warn("process",
		         "runtime.max_connections is %llu, but there are descriptors for %llu clients and their upstreams; "
		         "raise the limit (LimitNOFILE, ulimit -n)",
		         (unsigned long long)wanted, (unsigned long long)served);
	else
		log_info("process", "at most %llu connections from clients", (unsigned long long)limits_connections(p, p->snap));
}
