/*
 * key-hash: lets in who has a key, `X-Api-Key: NAME:SECRET`, of which the configuration has only a
 * hash. Checking such a hash is slow by design, so threads of the plugin do it while the request is
 * parked. Shows a pool of threads, a ticket that another thread resumes, data that a request and a
 * thread share, and a library (libcrypt).
 */
#define _GNU_SOURCE
#include <crypt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sluice/plugin.h>
#include <sluice/str.h>

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

struct key_hash {
	sluice_pairs keys;
	uint64_t threads;
	struct pool *pool; /* made by check() */
};

#define K struct key_hash
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_PAIRS, K, keys, .flags = SLUICE_F_REQUIRED,
		.doc = "names, and hashes of their secrets as crypt(5) writes them"),
	SLUICE_OPTION(SLUICE_T_UINT, K, threads, .def = "2", .min = "1", .max = "16",
		.doc = "keys that are checked at a time"),
	SLUICE_OPTIONS_END,
};

/* ---- the threads --------------------------------------------------------------------------- */

static void job_drop(void *arg)
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

/* False: there are too many, and the thread will not have j. */
static bool pool_put(struct pool *p, struct job *j)
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

static int key_hash_check(sluice_instance *inst, void *conf)
{
	struct key_hash *k = conf;
	sluice_secret(inst, SLUICE_SECRET_FIELD, SLUICE_STR("x-api-key"));
	k->pool = sluice_conf_alloc(inst, sizeof(*k->pool));
	k->pool->last = &k->pool->first;
	pthread_mutex_init(&k->pool->lock, NULL);
	pthread_cond_init(&k->pool->changed, NULL);
	return 0;
}

static int key_hash_start(sluice_instance *inst, void *conf)
{
	struct key_hash *k = conf;
	struct pool *p = k->pool;
	for (; p->n_threads < k->threads; p->n_threads++) {
		if (pthread_create(&p->threads[p->n_threads], NULL, pool_main, p) != 0) {
			sluice_log(inst, SLUICE_LOG_ERROR, "a thread cannot be started");
			return -1;
		}
	}
	return 0;
}

/* No exchange of the instance is left: what is still in the queue nobody waits for. */
static void key_hash_stop(sluice_instance *inst, void *conf)
{
	struct pool *p = ((struct key_hash *)conf)->pool;
	(void)inst;
	pthread_mutex_lock(&p->lock);
	p->ends = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
}

/* ---- the request --------------------------------------------------------------------------- */

static sluice_verdict key_hash_wrong(sluice_exchange *x)
{
	return sluice_refuse(x, 401, "key-wrong", "The key is not valid.");
}

static sluice_verdict key_hash_checked(sluice_exchange *x, const void *conf, sluice_status st)
{
	const struct job *j = *(struct job **)sluice_state(x, sizeof(struct job *));
	sluice_str secret = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-api-key"));
	int result = atomic_load(&j->result);
	(void)conf;
	if (st != SLUICE_OK || result == UNKNOWN)
		return sluice_refuse(x, 503, "key-late", "Keys are checked too slowly.");
	if (result != MATCHES)
		return key_hash_wrong(x);
	sluice_attr_set(x, SLUICE_STR("consumer"), sluice_str_cut(&secret, ':'));
	return SLUICE_NEXT;
}

/* A copy that ends with a NUL; false: it is too long, or has a NUL within. */
static bool copy(char to[TEXT], sluice_str s)
{
	if (s.len >= TEXT || memchr(s.data, 0, s.len))
		return false;
	memcpy(to, s.data, s.len);
	to[s.len] = 0;
	return true;
}

static sluice_verdict key_hash_ask(sluice_exchange *x, const struct key_hash *k, struct job *j)
{
	sluice_verdict v = sluice_park(x, 2000, &j->ticket, key_hash_checked);
	if (v == SLUICE_WAIT && !pool_put(k->pool, j))
		(void)sluice_resume(j->ticket); /* too many wait: it is not checked */
	return v;
}

static sluice_verdict key_hash_on_request(sluice_exchange *x, const void *conf)
{
	const struct key_hash *k = conf;
	sluice_str secret = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-api-key"));
	sluice_str name = sluice_str_cut(&secret, ':');
	struct job **mine = sluice_state(x, sizeof(*mine)), *j;
	size_t i = 0;
	while (i < k->keys.n && !sluice_str_eq(k->keys.v[i].name, name))
		i++;
	if (!mine)
		return SLUICE_FAIL;
	if (i == k->keys.n || !secret.data)
		return key_hash_wrong(x);
	*mine = j = calloc(1, sizeof(*j));
	if (!j)
		return SLUICE_FAIL;
	atomic_store(&j->holders, 2);   /* this hook, and the request */
	sluice_cleanup(x, job_drop, j); /* also when the client leaves; at once without memory */
	bool ok = copy(j->hash, k->keys.v[i].value) && copy(j->secret, secret);
	sluice_verdict v = ok ? key_hash_ask(x, k, j) : key_hash_wrong(x);
	job_drop(j);
	return v;
}

static const char *const provides[] = { "consumer", NULL };

SLUICE_PLUGIN("key-hash", .version = "1.0", .summary = "let in who has a key", .options = options,
	.conf_size = sizeof(struct key_hash), .check = key_hash_check, .start = key_hash_start,
	.stop = key_hash_stop, .on_request = key_hash_on_request, .provides = provides);
