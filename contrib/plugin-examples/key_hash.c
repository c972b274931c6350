/*
 * key-hash: lets in who has a key, `X-Api-Key: NAME:SECRET`, of which the configuration has only a
 * hash. Checking such a hash is slow by design, so threads of the plugin do it while the request is
 * parked. Shows a pool of threads, a ticket that another thread resumes, data that a request and a
 * thread share, and a library (libcrypt).
 */
#include <stdlib.h>

#include <sluice/str.h>

#include "key_pool.h"

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

static int key_hash_check(sluice_instance *inst, void *conf)
{
	struct key_hash *k = conf;
	sluice_secret(inst, SLUICE_SECRET_FIELD, SLUICE_STR("x-api-key"));
	k->pool = sluice_conf_alloc(inst, sizeof(*k->pool));
	pool_init(k->pool);
	return 0;
}

static int key_hash_start(sluice_instance *inst, void *conf)
{
	const struct key_hash *k = conf;
	if (pool_start(k->pool, (unsigned)k->threads))
		return 0;
	sluice_log(inst, SLUICE_LOG_ERROR, "a thread cannot be started");
	return -1;
}

/* No exchange of the instance is left: what is still in the queue nobody waits for. */
static void key_hash_stop(sluice_instance *inst, void *conf)
{
	(void)inst;
	pool_stop(((struct key_hash *)conf)->pool);
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
