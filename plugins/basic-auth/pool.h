/*
 * The threads that verify passwords. A hash takes tens of milliseconds on purpose, which a worker's
 * event loop must not spend; so the request is parked meanwhile.
 *
 * A job is one question: is this hash of this password. Requests that ask the same wait for the
 * same job, so that a browser that sends twenty requests at once costs one hash. There are as many
 * jobs as the queue is long, made when the pool starts; when all are taken, a request is told so. A
 * job for which nobody waits any more leaves the queue.
 *
 * One lock guards jobs and those that wait. It is held for a few lines.
 */
#ifndef PLUGINS_BASIC_AUTH_POOL_H
#define PLUGINS_BASIC_AUTH_POOL_H

#include <sluice/plugin.h>

#include "../shared/siphash.h"

struct pool;

struct pool_conf {
	sluice_instance *inst;
	uint64_t threads, queue;
	sluice_cache *remembered; /* borrowed; NULL: nothing is remembered */
	uint64_t remember_ms;
};

/* Main thread. NULL: the threads cannot be started. pool_stop() waits for the hashes that are being
 * computed, and forgets the others. */
struct pool *pool_start(const struct pool_conf *conf);
void pool_stop(struct pool *p);

struct question {
	struct siphash id; /* of user, password and hash: questions of one id are the same */
	sluice_str password, hash;
	bool is_vain; /* there is no such user: the answer is no, and takes as long as any */
};

enum pool_answer { POOL_PENDING = 0, POOL_YES, POOL_NO };

/* A request that waits. It lies in the memory of its exchange, zeroed at first. */
struct waiter {
	struct pool *pool; /* borrowed; NULL: it was never used */
	struct job *job;   /* borrowed; NULL: it does not wait */
	struct waiter *next;
	sluice_ticket ticket;
	enum pool_answer answer;
};

enum pool_place {
	POOL_PARKED_FIRST, /* it waits for a job that it began */
	POOL_PARKED,       /* it waits for a job that another request began */
	POOL_FULL,
	POOL_FAILED /* it cannot wait */
};

/* Worker: ask, and park the exchange. *verdict: what the hook returns, where it was parked. */
enum pool_place pool_ask(struct pool *p, sluice_exchange *x, struct waiter *w,
	const struct question *q, uint64_t timeout_ms, sluice_park_fn then,
	sluice_verdict *verdict);

/* Whether a job for the question is under way: to wait for it costs nothing. Worker. */
bool pool_has(struct pool *p, const struct siphash *id);

/* Worker: the wait is over, also when the exchange ends; what is known now. For sluice_cleanup() by
 * pool_leave(). */
enum pool_answer pool_take(struct waiter *w);
void pool_leave(void *waiter);

/* How many jobs there were so far, for tests. Any thread. */
uint64_t pool_begun(struct pool *p);

#endif
