/* Threads and their queue: see pool.h. */
#include "pool.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "credentials.h"
#include "hash.h"

enum { NICE = 5 }; /* workers come first */

enum job_state { JOB_FREE = 0, JOB_QUEUED, JOB_RUNNING };

struct job {
	enum job_state state;
	bool is_vain;
	struct siphash id;
	struct waiter *waiters; /* borrowed */
	struct job *next;       /* in the queue, or of those that are free */
	char password[PASSWORD_MAX + 1], hash[HASH_MAX + 1];
};

struct pool {
	struct pool_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_stopping;
	uint64_t begun;   /* jobs so far */
	struct job *jobs; /* owned: as many as may be queued or run */
	size_t n_jobs;
	struct job *free, *first, **end; /* the queue: first to *end */
	pthread_t *threads;              /* owned */
	size_t n_threads;
};

/* ---- jobs, under the lock ------------------------------------------------------------------ */

static bool may_become(enum job_state from, enum job_state to)
{
	return (from == JOB_FREE && to == JOB_QUEUED) || (from == JOB_QUEUED && to != JOB_QUEUED) ||
		(from == JOB_RUNNING && to == JOB_FREE);
}

/* The only door between states. */
static void set_state(struct pool *p, struct job *j, enum job_state to)
{
	if (!may_become(j->state, to))
		abort();
	p->begun += to == JOB_QUEUED;
	j->state = to;
	if (to != JOB_FREE)
		return;
	OPENSSL_cleanse(j->password, sizeof(j->password));
	j->next = p->free;
	p->free = j;
}

static struct job *job_find(const struct pool *p, const struct siphash *id)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		struct job *j = &p->jobs[i];
		if (j->state != JOB_FREE && j->id.lo == id->lo && j->id.hi == id->hi)
			return j;
	}
	return NULL;
}

static struct job *job_add(struct pool *p, const struct question *q)
{
	struct job *j = p->free;
	if (!j)
		return NULL;
	p->free = j->next;
	j->id = q->id;
	j->is_vain = q->is_vain;
	j->waiters = NULL;
	*sluice_str_put(j->password, q->password) = '\0';
	*sluice_str_put(j->hash, q->hash) = '\0';
	j->next = NULL;
	*p->end = j;
	p->end = &j->next;
	set_state(p, j, JOB_QUEUED);
	pthread_cond_signal(&p->wake);
	return j;
}

/* Take a job from the queue, wherever it stands there. */
static void unqueue(struct pool *p, struct job *j)
{
	struct job **at = &p->first;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (p->end == &j->next)
		p->end = at;
}

static void unlink_waiter(struct waiter *w)
{
	struct job *j = w->job;
	if (!j)
		return;
	struct waiter **at = &j->waiters;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	w->job = NULL;
	if (j->waiters || j->state != JOB_QUEUED)
		return;
	unqueue(w->pool, j);
	set_state(w->pool, j, JOB_FREE);
}

static void job_end(struct pool *p, struct job *j, enum pool_answer answer)
{
	while (j->waiters) {
		struct waiter *w = j->waiters;
		j->waiters = w->next;
		w->job = NULL;
		w->answer = answer;
		(void)sluice_resume(w->ticket);
	}
	set_state(p, j, JOB_FREE);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void remember(const struct pool *p, const struct job *j)
{
	const sluice_object_new nothing = { .size = sizeof(nothing),
		.ttl_ms = p->conf.remember_ms };
	if (p->conf.remembered)
		(void)sluice_object_put(p->conf.remembered,
			sluice_str_n((const char *)&j->id, sizeof(j->id)), &nothing);
}

static void *run(void *arg)
{
	struct pool *p = arg;
	struct hasher *h = hasher_new();
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->first && !p->is_stopping)
			pthread_cond_wait(&p->wake, &p->lock);
		if (p->is_stopping)
			break;
		struct job *j = p->first;
		unqueue(p, j);
		set_state(p, j, JOB_RUNNING);
		pthread_mutex_unlock(&p->lock);
		bool same = h && hash_verify(h, j->password, j->hash) && !j->is_vain;
		if (same)
			remember(p, j);
		pthread_mutex_lock(&p->lock);
		job_end(p, j, same ? POOL_YES : POOL_NO);
	}
	pthread_mutex_unlock(&p->lock);
	hasher_free(h);
	return NULL;
}

/* Signals are for the main thread. */
static bool start_threads(struct pool *p)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (p->n_threads < p->conf.threads &&
		pthread_create(&p->threads[p->n_threads], NULL, run, p) == 0)
		p->n_threads++;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return p->n_threads == p->conf.threads;
}

struct pool *pool_start(const struct pool_conf *conf)
{
	struct pool *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->conf = *conf;
	p->end = &p->first;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->wake, NULL);
	p->jobs = calloc(conf->queue + conf->threads, sizeof(*p->jobs));
	p->threads = calloc(conf->threads, sizeof(*p->threads));
	p->n_jobs = p->jobs ? conf->queue + conf->threads : 0;
	for (size_t i = p->n_jobs; i > 0; i--) {
		p->jobs[i - 1].next = p->free;
		p->free = &p->jobs[i - 1];
	}
	if (p->jobs && p->threads && start_threads(p))
		return p;
	pool_stop(p);
	return NULL;
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	while (p->n_threads > 0)
		(void)pthread_join(p->threads[--p->n_threads], NULL);
	(void)pthread_cond_destroy(&p->wake);
	(void)pthread_mutex_destroy(&p->lock);
	if (p->jobs)
		OPENSSL_cleanse(p->jobs, p->n_jobs * sizeof(*p->jobs));
	free(p->jobs);
	free(p->threads);
	free(p);
}

/* ---- workers ------------------------------------------------------------------------------- */

enum pool_place pool_ask(struct pool *p, sluice_exchange *x, struct waiter *w,
	const struct question *q, uint64_t timeout_ms, sluice_park_fn then, sluice_verdict *verdict)
{
	enum pool_place place = POOL_PARKED;
	pthread_mutex_lock(&p->lock);
	struct job *j = job_find(p, &q->id);
	if (!j) {
		j = job_add(p, q);
		place = j ? POOL_PARKED_FIRST : POOL_FULL;
	}
	if (j) {
		w->pool = p;
		w->job = j;
		w->next = j->waiters;
		j->waiters = w;
		/* within the lock, so that the ticket is there before a thread needs it */
		*verdict = sluice_park(x, timeout_ms, &w->ticket, then);
		if (*verdict != SLUICE_WAIT) {
			unlink_waiter(w);
			place = POOL_FAILED;
		}
	}
	pthread_mutex_unlock(&p->lock);
	return place;
}

bool pool_has(struct pool *p, const struct siphash *id)
{
	pthread_mutex_lock(&p->lock);
	bool has = job_find(p, id) != NULL;
	pthread_mutex_unlock(&p->lock);
	return has;
}

enum pool_answer pool_take(struct waiter *w)
{
	if (!w->pool)
		return POOL_PENDING;
	pthread_mutex_lock(&w->pool->lock);
	unlink_waiter(w);
	enum pool_answer answer = w->answer;
	pthread_mutex_unlock(&w->pool->lock);
	return answer;
}

void pool_leave(void *waiter)
{
	(void)pool_take(waiter);
}

uint64_t pool_begun(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	uint64_t n = p->begun;
	pthread_mutex_unlock(&p->lock);
	return n;
}
