/*
 * The list of stores, found by their identity: a hash of kind, name and options. The main thread
 * counts how often each was given out. What a store does depends on its kind: ops.h.
 */
#include "store/store.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "store/ops.h"

static struct list stores = { &stores, &stores }; /* main thread */

/* ---- finding and making -------------------------------------------------------------------- */

/* A text that changes when the file is replaced. It is part of the identity, so that a new file
 * makes a new store. */
static sluice_str file_version(struct arena *a, const char *dir, sluice_str path)
{
	struct stat st;
	bool relative = path.len && path.data[0] != '/' && dir;
	sluice_str full = arena_printf(a, "%s%s%.*s", relative ? dir : "", relative ? "/" : "",
		STR_ARG(path));
	if (path.len == 0 || stat(full.data, &st) < 0)
		return full;
	return arena_printf(a, "%s:%ju:%ju:%jd:%jd.%ld", full.data, (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino, (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec);
}

static sluice_str tls_identity(struct arena *a, const char *dir, const struct tls_client_conf *t)
{
	sluice_str ca = file_version(a, dir, t->ca),
		   certificate = file_version(a, dir, t->certificate),
		   key = file_version(a, dir, t->private_key);
	return arena_printf(a, "%d|%d|%zu:%.*s|%zu:%.*s|%zu:%.*s|%zu:%.*s", t->verify,
		t->min_version, t->server_name.len, STR_ARG(t->server_name), ca.len, STR_ARG(ca),
		certificate.len, STR_ARG(certificate), key.len, STR_ARG(key));
}

static void store_identity(struct arena *a, const struct store_args *args,
	const struct redis_url *u, uint64_t out[2])
{
	const struct store_conf *c = args->conf;
	char where[REDIS_URL_TEXT] = "memory";
	sluice_str tls = STR_NONE;
	if (!c->memory)
		redis_url_text(u, where);
	if (u->tls)
		tls = tls_identity(a, args->dir, &c->tls);
	sluice_str text = arena_printf(a,
		"%zu:%.*s|%zu:%s|%ju|%zu:%.*s|%zu:%.*s|%zu:%.*s|%zu:%.*s|%ju|%ju|%u|%.*s",
		c->name.len, STR_ARG(c->name), strlen(where), where, (uintmax_t)c->memory,
		u->user.len, STR_ARG(u->user), u->password.len, STR_ARG(u->password),
		c->sentinel_user.len, STR_ARG(c->sentinel_user), c->sentinel_password.len,
		STR_ARG(c->sentinel_password), (uintmax_t)c->timeout, (uintmax_t)c->connect_timeout,
		args->workers, STR_ARG(tls));
	hash_str128(text, out);
	explicit_bzero((char *)(uintptr_t)text.data, text.len);
}

static struct sluice_store *store_find(const uint64_t identity[2])
{
	list_each (e, &stores) {
		struct sluice_store *s = container_of(e, struct sluice_store, at);
		if (s->identity[0] == identity[0] && s->identity[1] == identity[1])
			return s;
	}
	return NULL;
}

static const struct store_ops *store_ops_for(const struct store_conf *c, const struct redis_url *u)
{
	if (c->memory)
		return &store_memory;
	return u->kind == REDIS_CLUSTER ? &store_cluster : &store_redis;
}

struct sluice_store *store_new(const struct store_args *args)
{
	struct sluice_store *s = NULL;
	struct redis_url url = { .n_hosts = 0 };
	uint64_t identity[2];
	struct arena a;
	arena_init(&a, 0);
	if (store_conf_check(args->conf, &a, &url, args->report, args->report_ctx) < 0)
		goto out;
	store_identity(&a, args, &url, identity);
	s = store_find(identity);
	if (!s) {
		s = store_ops_for(args->conf, &url)->new (args, &url);
		if (!s)
			goto out;
		memcpy(s->identity, identity, sizeof(identity));
		list_push(&stores, &s->at);
	}
	s->taken++;
out:
	redis_url_wipe(&url);
	arena_fini(&a);
	return s;
}

void store_free(struct sluice_store **store)
{
	struct sluice_store *s = *store;
	*store = NULL;
	if (!s || --s->taken)
		return;
	list_del(&s->at);
	atomic_store_explicit(&s->is_taken, false, memory_order_relaxed);
	store_unref(s);
}

/* ---- use ----------------------------------------------------------------------------------- */

static struct sluice_store *store_mutable(const struct sluice_store *s)
{
	return (struct sluice_store *)(uintptr_t)s;
}

sluice_store_kind store_kind(const struct sluice_store *s)
{
	return s->ops->kind;
}

const char *store_name(const struct sluice_store *s)
{
	return s->name;
}

const struct sluice_store *store_table(const struct sluice_store *s, sluice_str name)
{
	if (!s->ops->table)
		return s;
	struct sluice_store *t = s->ops->table(store_mutable(s), name);
	t->taken++;
	return t;
}

void store_table_free(const struct sluice_store **table)
{
	const struct sluice_store *t = *table;
	*table = NULL;
	if (t && t->ops->table_free)
		t->ops->table_free(store_mutable(t));
}

void store_warm(struct worker *w, const struct sluice_store *s)
{
	if (s->ops->warm)
		s->ops->warm(w, store_mutable(s));
}

sluice_status store_eval(struct worker *w, const struct sluice_store *s, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms)
{
	if (!s->ops->eval)
		return SLUICE_ERROR;
	return s->ops->eval(w, store_mutable(s), c, script, key, args, nargs, timeout_ms);
}

sluice_status store_command(struct worker *w, const struct sluice_store *s, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms)
{
	if (!s->ops->command)
		return SLUICE_ERROR;
	return s->ops->command(w, store_mutable(s), c, argv, argc, timeout_ms);
}

void store_count(const struct sluice_store *s, sluice_status st)
{
	if ((unsigned)st < STORE_RESULTS)
		series_add(s->results[st], 1);
}

bool store_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns, sluice_cell *out)
{
	out->slot = NULL;
	return s->ops->cell && s->ops->cell(s, key, now_ns, out);
}
