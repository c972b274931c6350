/* Threads that check secrets. See the header. */
#define _GNU_SOURCE
#include "key_pool.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

void job_drop(void *arg)
{
	struct job *j = arg;
	if (atomic_fetch_sub(&j->holders, 1) != 1)
		return;
	explicit_bzero(j->secret, sizeof(j->secret));
	free(j);
}

static void job_do(struct job *j)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash = data ? crypt_r(j->secret, j->hash, data) : NULL;
	bool matches = hash && strcmp(hash, j->hash) == 0;
	atomic_store(&j->result, matches ? MATCHES : DIFFERS);
	free(data);
	(void)sluice_resume(j->ticket); /* the request may be gone */
	job_drop(j);
}

static struct job *pool_take(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->first && !p->ends)
		pthread_cond_wait(&p->changed, &p->lock);
	struct job *j = p->first;
	if (j && !(p->first = j->next))
		p->last = &p->first;
	p->n_jobs -= j != NULL;
	pthread_mutex_unlock(&p->lock);
	return j;
}

static void *pool_main(void *arg)
{
	struct job *j;
	while ((j = pool_take(arg)))
		job_do(j);
	return NULL;
}

bool pool_put(struct pool *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	bool ok = p->n_jobs < QUEUE;
	if (ok) {
		*p->last = j;
		p->last = &j->next;
		p->n_jobs++;
		atomic_fetch_add(&j->holders, 1);
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void pool_init(struct pool *p)
{
	p->last = &p->first;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
}

bool pool_start(struct pool *p, unsigned threads)
{
	for (; p->n_threads < threads; p->n_threads++) {
		if (pthread_create(&p->threads[p->n_threads], NULL, pool_main, p) != 0)
			return false;
	}
	return true;
}

void pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->ends = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
}
