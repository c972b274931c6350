/*
 * Threads that check secrets against hashes, which is slow by design, and a queue in front of them.
 * The first part of the plugin key-hash; the second, key_hash.c, parks requests until a thread has
 * done its work.
 */
#ifndef KEY_POOL_H
#define KEY_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include <sluice/plugin.h>

enum { TEXT = 128, THREADS = 16, QUEUE = 256 };
enum result { UNKNOWN, MATCHES, DIFFERS };

/* A secret to check. The request and the thread hold it, and the last one frees it. */
struct job {
	struct job *next;
	sluice_ticket ticket;
	atomic_uint holders;
	atomic_int result; /* enum result */
	char hash[TEXT], secret[TEXT];
};

struct pool {
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct job *first, **last; /* in the order of their coming */
	unsigned n_jobs, n_threads;
	bool ends;
	pthread_t threads[THREADS];
};

/* For a cleanup: one that holds the job needs it no more. */
void job_drop(void *job);

void pool_init(struct pool *p);
/* False: a thread cannot be started; pool_stop() ends the others. */
bool pool_start(struct pool *p, unsigned threads);
/* Have a thread check the job, and resume its ticket. False: too many wait. */
bool pool_put(struct pool *p, struct job *j);
/* Returns when the queue is empty and the threads have ended. */
void pool_stop(struct pool *p);

#endif
