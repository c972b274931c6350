/*
 * Stores. The main thread knows all of them in one list and counts who took each. A worker keeps a
 * link for each Redis store it used, and holds the store while it has the link: so the last of main
 * thread and workers to let go frees it. Links to a store that nobody has taken any more are closed
 * by a look around every second.
 */
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/worker.h"
#include "redis/cluster.h"
#include "store/cells.h"
#include "tls/client.h"

#define LOOK_AROUND_NS NS_PER_S
#define PING_NS (5 * NS_PER_S)

enum { STORE_RESULTS = SLUICE_ERROR + 1 };
static const char *const results[STORE_RESULTS] = {
	[SLUICE_OK] = "ok",
	[SLUICE_TIMEOUT] = "timeout",
	[SLUICE_UNREACHABLE] = "unreachable",
	[SLUICE_ERROR] = "error",
};

struct sluice_store {
	sluice_store_kind kind;
	char name[STORE_NAME_MAX + 1];
	struct list link;         /* on stores, while somebody has taken it */
	uint64_t identity[2];     /* hash of all that makes it what it is */
	unsigned taken;           /* main thread: as often as store_new() gave it out */
	_Atomic bool is_taken;    /* for the workers */
	_Atomic unsigned holders; /* links, and 1 while it is taken */
	struct cells *cells;      /* owned; NULL: Redis, or a table that has no memory yet */
	/* of cells; of a store that has tables: of all of them together */
	uint64_t bytes;
	/* of a memory store; main thread, like all that follows about them */
	struct list tables;
	struct sluice_store *of; /* a table: its store; borrowed, held by holders */
	sluice_str table_name;   /* in mem */
	uint64_t timeout_ns;
	series_id results[STORE_RESULTS]; /* Redis: its metrics, by sluice_status */
	struct arena mem;                 /* owned: strings of conf */
	struct redis_conf conf;
	struct tls_client *tls; /* owned */
};

/* A worker's. */
struct store_part {
	struct worker *worker;
	struct list links;
	struct timer look_around;
};
struct store_link {
	struct list link;
	struct sluice_store *store;    /* shared: counted by holders */
	struct redis_link *redis;      /* owned; NULL: a cluster */
	struct redis_cluster *cluster; /* owned */
};

static struct list stores = { &stores, &stores }; /* main thread */
static pthread_once_t local_once = PTHREAD_ONCE_INIT;
static struct sluice_store local = { .kind = SLUICE_STORE_MEMORY,
	.name = "local",
	.bytes = STORE_LOCAL_BYTES,
	.tables = { &local.tables, &local.tables },
	.holders = 1 };

/* ---- finding and making -------------------------------------------------------------------- */

static void store_let_go(struct sluice_store *s)
{
	if (atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) > 1)
		return;
	cells_free(&s->cells);
	tls_client_free(&s->tls);
	redis_conf_wipe(&s->conf);
	arena_fini(&s->mem);
	free(s);
}

/* A file that was replaced makes another identity: its content is read anew. */
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
		struct sluice_store *s = container_of(e, struct sluice_store, link);
		if (s->identity[0] == identity[0] && s->identity[1] == identity[1])
			return s;
	}
	return NULL;
}

static void store_on_tls_report(void *ctx, bool is_warning, int index, const char *option,
	const char *text)
{
	const struct store_args *args = ctx;
	char path[64];
	(void)index;
	(void)snprintf(path, sizeof(path), "tls%s%s", option ? "." : "", option ? option : "");
	args->report(args->report_ctx, is_warning, path, text);
}

/* What takes more than memory of its own: cells, TLS. */
static int store_equip(struct sluice_store *s, const struct store_args *args,
	const struct redis_url *u)
{
	const struct store_conf *c = args->conf;
	if (c->memory) {
		s->bytes = c->memory;
		s->cells = cells_new(c->memory);
		if (!s->cells)
			args->report(args->report_ctx, false, "memory",
				"the system does not give that much memory");
		return s->cells ? 0 : -1;
	}
	s->conf = (struct redis_conf){ .connect_timeout_ns = c->connect_timeout * NS_PER_MS,
		.timeout_ns = c->timeout * NS_PER_MS,
		.ping_ns = PING_NS };
	redis_url_copy(&s->mem, u, &s->conf.url);
	s->conf.sentinel_user = arena_str(&s->mem, c->sentinel_user);
	s->conf.sentinel_password = arena_str(&s->mem, c->sentinel_password);
	if (!u->tls)
		return 0;
	struct tls_client_args tls = { .conf = &c->tls,
		.dir = args->dir,
		.workers = args->workers,
		.report = store_on_tls_report,
		.report_ctx = (void *)(uintptr_t)args };
	s->conf.tls = s->tls = tls_client_new(&tls);
	return s->tls ? 0 : -1;
}

void store_count(const struct sluice_store *s, sluice_status st)
{
	if ((unsigned)st < STORE_RESULTS)
		series_add(s->results[st], 1);
}

static struct sluice_store *store_make(const struct store_args *args, const struct redis_url *u)
{
	const struct store_conf *c = args->conf;
	struct sluice_store *s = calloc(1, sizeof(*s));
	check(s, "out of memory: a store of %zu bytes", sizeof(*s));
	list_init(&s->link);
	list_init(&s->tables);
	arena_init(&s->mem, 0);
	atomic_init(&s->holders, 1);
	atomic_init(&s->is_taken, true);
	s->kind = c->memory ? SLUICE_STORE_MEMORY : SLUICE_STORE_REDIS;
	(void)snprintf(s->name, sizeof(s->name), "%.*s", STR_ARG(c->name));
	s->timeout_ns = c->timeout * NS_PER_MS;
	for (int i = 0; s->kind == SLUICE_STORE_REDIS && i < STORE_RESULTS; i++)
		s->results[i] =
			series_find(FAMILY_STORE_COMMANDS, str_of(s->name), str_of(results[i]));
	if (store_equip(s, args, u) < 0) {
		store_let_go(s);
		return NULL;
	}
	list_push(&stores, &s->link);
	return s;
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
	if (!s)
		s = store_make(args, &url);
	if (!s)
		goto out;
	memcpy(s->identity, identity, sizeof(identity));
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
	list_del(&s->link);
	atomic_store_explicit(&s->is_taken, false, memory_order_relaxed);
	store_let_go(s);
}

static void store_make_local(void)
{
	local.cells = cells_new(STORE_LOCAL_BYTES);
	check(local.cells, "out of memory: %llu bytes for the local store", STORE_LOCAL_BYTES);
}

const struct sluice_store *store_local(void)
{
	(void)pthread_once(&local_once, store_make_local);
	return &local;
}

sluice_store_kind store_kind(const struct sluice_store *s)
{
	return s->kind;
}

const char *store_name(const struct sluice_store *s)
{
	return s->name;
}

/* ---- tables -------------------------------------------------------------------------------- */

static struct sluice_store *table_of(struct list *e)
{
	return container_of(e, struct sluice_store, link);
}

const struct sluice_store *store_table(const struct sluice_store *store, sluice_str name)
{
	struct sluice_store *s = (struct sluice_store *)(uintptr_t)store;
	if (s->kind != SLUICE_STORE_MEMORY)
		return s;
	list_each (e, &s->tables) {
		struct sluice_store *t = table_of(e);
		if (!str_eq(t->table_name, name))
			continue;
		t->taken++;
		return t;
	}
	struct sluice_store *t = calloc(1, sizeof(*t));
	check(t, "out of memory: a table of %zu bytes", sizeof(*t));
	arena_init(&t->mem, 0);
	list_init(&t->tables);
	atomic_init(&t->holders, 1);
	t->kind = SLUICE_STORE_MEMORY;
	memcpy(t->name, s->name, sizeof(t->name));
	t->table_name = arena_str(&t->mem, name);
	t->of = s;
	t->taken = 1;
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	list_push(&s->tables, &t->link);
	return t;
}

void store_table_free(const struct sluice_store **table)
{
	struct sluice_store *t = (struct sluice_store *)(uintptr_t)*table;
	*table = NULL;
	if (!t || !t->of || --t->taken)
		return;
	struct sluice_store *s = t->of;
	list_del(&t->link);
	store_let_go(t);
	store_let_go(s);
}

/* The new tables of a store share what the others have left. */
static void store_settle_one(struct sluice_store *s)
{
	uint64_t used = 0, n = 0;
	list_each (e, &s->tables) {
		used += table_of(e)->bytes;
		n += !table_of(e)->cells;
	}
	if (n == 0)
		return;
	uint64_t each = used < s->bytes ? (s->bytes - used) / n : 0;
	if (each < STORE_TABLE_MIN)
		each = STORE_TABLE_MIN < s->bytes ? STORE_TABLE_MIN : s->bytes;
	list_each (e, &s->tables) {
		struct sluice_store *t = table_of(e);
		if (t->cells)
			continue;
		t->cells = cells_new(each);
		if (!t->cells) { /* what is counted there fails, as in a store that is down */
			log_error("store", "%s: the system does not give %llu bytes for a table",
				s->name, (unsigned long long)each);
			continue;
		}
		t->bytes = each;
		cells_count_evictions(t->cells,
			series_find(FAMILY_STORE_EVICTIONS, str_of(s->name), t->table_name));
	}
}

void store_settle(void)
{
	store_settle_one(&local);
	list_each (e, &stores)
		store_settle_one(container_of(e, struct sluice_store, link));
}

uint64_t store_table_bytes(const struct sluice_store *t)
{
	return t->bytes;
}

/* ---- a worker's links ---------------------------------------------------------------------- */

static void store_link_close(struct store_link *k)
{
	list_del(&k->link);
	redis_link_free(&k->redis);
	cluster_free(&k->cluster);
	store_let_go(k->store);
	free(k);
}

static size_t store_link_waiting(const struct store_link *k)
{
	return k->cluster ? cluster_waiting(k->cluster) : redis_link_waiting(k->redis);
}

static void store_look_around(struct timer *t)
{
	struct store_part *p = container_of(t, struct store_part, look_around);
	list_each_safe (e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, link);
		if (!atomic_load_explicit(&k->store->is_taken, memory_order_relaxed) &&
			store_link_waiting(k) == 0)
			store_link_close(k);
	}
	worker_timer(p->worker, &p->look_around, LOOK_AROUND_NS);
}

static struct store_part *store_part(struct worker *w)
{
	struct store_part *p = w->part[PART_REDIS];
	if (likely(p))
		return p;
	w->part[PART_REDIS] = p = calloc(1, sizeof(*p));
	check(p, "out of memory: %zu bytes", sizeof(*p));
	p->worker = w;
	list_init(&p->links);
	timer_init(&p->look_around, store_look_around);
	worker_timer(w, &p->look_around, LOOK_AROUND_NS);
	return p;
}

static struct store_link *store_find_link(struct worker *w, const struct sluice_store *s)
{
	struct store_part *p = store_part(w);
	list_each (e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, link);
		if (k->store == s)
			return k;
	}
	return NULL;
}

static struct store_link *store_link(struct worker *w, const struct sluice_store *s)
{
	struct store_link *k = store_find_link(w, s);
	if (likely(k))
		return k;
	k = calloc(1, sizeof(*k));
	check(k, "out of memory: %zu bytes", sizeof(*k));
	k->store = (struct sluice_store *)(uintptr_t)s;
	atomic_fetch_add_explicit(&k->store->holders, 1, memory_order_relaxed);
	if (s->conf.url.kind == REDIS_CLUSTER)
		k->cluster = cluster_new(w, &s->conf);
	else
		k->redis = redis_link_new(w, &s->conf);
	list_push(&store_part(w)->links, &k->link);
	return k;
}

void store_warm(struct worker *w, const struct sluice_store *s)
{
	if (s->kind != SLUICE_STORE_REDIS)
		return;
	struct store_link *k = store_link(w, s);
	if (k->cluster)
		cluster_warm(k->cluster);
	else
		redis_link_warm(k->redis);
}

void store_worker_fini(struct worker *w)
{
	struct store_part *p = w->part[PART_REDIS];
	if (!p)
		return;
	timer_drop(&p->look_around);
	list_each_safe (e, &p->links)
		store_link_close(container_of(e, struct store_link, link));
	w->part[PART_REDIS] = NULL;
	free(p);
}

enum redis_state store_state(struct worker *w, const struct sluice_store *s)
{
	struct store_link *k = s->kind == SLUICE_STORE_REDIS ? store_find_link(w, s) : NULL;
	if (!k)
		return REDIS_IDLE;
	return k->cluster ? cluster_state(k->cluster) : redis_link_state(k->redis);
}

/* ---- use ----------------------------------------------------------------------------------- */

static uint64_t store_timeout(const struct sluice_store *s, uint64_t timeout_ms)
{
	return timeout_ms ? timeout_ms * NS_PER_MS : s->timeout_ns;
}

sluice_status store_eval(struct worker *w, const struct sluice_store *s, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms)
{
	if (s->kind != SLUICE_STORE_REDIS)
		return SLUICE_ERROR;
	struct store_link *k = store_link(w, s);
	if (k->cluster)
		return cluster_eval(k->cluster, c, script, key, args, nargs,
			store_timeout(s, timeout_ms));
	return redis_eval(k->redis, c, script, key, args, nargs, store_timeout(s, timeout_ms));
}

sluice_status store_command(struct worker *w, const struct sluice_store *s, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms)
{
	if (s->kind != SLUICE_STORE_REDIS)
		return SLUICE_ERROR;
	struct store_link *k = store_link(w, s);
	if (k->cluster)
		return cluster_send(k->cluster, c, argv, argc, store_timeout(s, timeout_ms));
	return redis_send(k->redis, c, argv, argc, store_timeout(s, timeout_ms));
}

bool store_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns, sluice_cell *out)
{
	out->slot = NULL;
	if (unlikely(!s->cells))
		return false;
	cells_find(s->cells, key, now_ns, out);
	return true;
}

bool store_cell_swap(sluice_cell *c, uint64_t desired)
{
	return cells_swap(c, desired);
}
