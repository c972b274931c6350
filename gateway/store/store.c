/*
 * Stores. A sluice_store is a name for a backend; backends are shared by all stores that say the same, and known to the main
 * thread in one list. A worker keeps a link for each Redis backend it used, and holds the backend while it has the link:
 * so the last of main thread and workers to let go frees it. Links to a backend that no store names any more are closed
 * by a look around every second.
 */
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "net/worker.h"
#include "store/cells.h"
#include "tls/client.h"

#define LOOK_AROUND_NS NS_PER_S
#define PING_NS (5 * NS_PER_S)

struct backend {
	struct list link;         /* on backends, while a store names it */
	uint64_t identity[2];     /* hash of all that makes it what it is */
	_Atomic unsigned holders; /* links, and 1 while a store names it */
	_Atomic unsigned stores;  /* that name it */
	struct cells *cells;      /* owned; NULL: Redis */
	struct arena mem;         /* owned: strings of conf */
	struct redis_conf conf;
	struct tls_client *tls;   /* owned */
};

struct sluice_store {
	sluice_store_kind kind;
	char name[STORE_NAME_MAX + 1];
	struct backend *backend; /* shared: counted by stores */
	struct cells *cells;     /* of the backend */
	uint64_t timeout_ns;
};

/* A worker's. */
struct store_part {
	struct worker *worker;
	struct list links;
	struct timer look_around;
};
struct store_link {
	struct list link;
	struct backend *backend;      /* shared: counted by holders */
	struct redis_link *redis;     /* owned */
};

static struct list backends = { &backends, &backends }; /* main thread */
static pthread_once_t local_once = PTHREAD_ONCE_INIT;
static struct sluice_store local = { .kind = SLUICE_STORE_MEMORY, .name = "local" };

/* ---- backends --------------------------------------------------------------------------------------------------- */

static void backend_let_go(struct backend *b)
{
	if (atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) > 1)
		return;
	cells_free(&b->cells);
	tls_client_free(&b->tls);
	if (b->conf.url.password.len)
		explicit_bzero((char *)(uintptr_t)b->conf.url.password.data, b->conf.url.password.len);
	arena_fini(&b->mem);
	free(b);
}

/* A file that was replaced makes another identity: its content is read anew. */
static sluice_str file_version(struct arena *a, const char *dir, sluice_str path)
{
	struct stat st;
	bool relative = path.len && path.data[0] != '/' && dir;
	sluice_str full = arena_printf(a, "%s%s%.*s", relative ? dir : "", relative ? "/" : "", STR_ARG(path));
	if (path.len == 0 || stat(full.data, &st) < 0)
		return full;
	return arena_printf(a, "%s:%ju:%ju:%jd:%jd.%ld", full.data, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
	                    (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void backend_identity(struct arena *a, const struct store_args *args, const struct redis_url *u, uint64_t out[2])
{
	const struct store_conf *c = args->conf;
	const struct tls_client_conf *t = &c->tls;
	sluice_str text;
	if (c->memory) {
		text = arena_printf(a, "memory %s %ju", c->name.data, (uintmax_t)c->memory);
	} else {
		char where[REDIS_URL_TEXT];
		redis_url_text(u, where);
		text = arena_printf(a, "redis %s|%zu:%.*s|%zu:%.*s|%ju|%ju|%d|%d|%zu:%.*s|%s|%s|%s|%u", where, u->user.len,
		                    STR_ARG(u->user), u->password.len, STR_ARG(u->password), (uintmax_t)c->timeout,
		                    (uintmax_t)c->connect_timeout, t->verify, t->min_version, t->server_name.len,
		                    STR_ARG(t->server_name), file_version(a, args->dir, t->ca).data,
		                    file_version(a, args->dir, t->certificate).data,
		                    file_version(a, args->dir, t->private_key).data, args->workers);
	}
	hash_str128(text, out);
	explicit_bzero((char *)(uintptr_t)text.data, text.len);
}

static struct backend *backend_find(const uint64_t identity[2])
{
	list_each(e, &backends) {
		struct backend *b = container_of(e, struct backend, link);
		if (b->identity[0] == identity[0] && b->identity[1] == identity[1])
			return b;
	}
	return NULL;
}

static void store_on_tls_report(void *ctx, bool is_warning, int index, const char *option, const char *text)
{
	const struct store_args *args = ctx;
	char path[64];
	(void)index;
	(void)snprintf(path, sizeof(path), "tls%s%s", option ? "." : "", option ? option : "");
	args->report(args->report_ctx, is_warning, path, text);
}

static struct backend *backend_new(const struct store_args *args, const struct redis_url *u)
{
	const struct store_conf *c = args->conf;
	struct backend *b = calloc(1, sizeof(*b));
	check(b, "out of memory: a store of %zu bytes", sizeof(*b));
	list_init(&b->link);
	arena_init(&b->mem, 0);
	atomic_init(&b->holders, 1);
	if (c->memory) {
		b->cells = cells_new(c->memory);
		if (b->cells)
			return b;
		args->report(args->report_ctx, false, "memory", "the system does not give that much memory");
		goto fail;
	}
	b->conf = (struct redis_conf){ .url = *u,
		                       .connect_timeout_ns = c->connect_timeout * NS_PER_MS,
		                       .timeout_ns = c->timeout * NS_PER_MS,
		                       .ping_ns = PING_NS };
	b->conf.url.user = arena_str(&b->mem, u->user);
	b->conf.url.password = arena_str(&b->mem, u->password);
	b->conf.url.host = arena_str(&b->mem, u->host);
	if (!u->tls)
		return b;
	struct tls_client_args tls = { .conf = &c->tls,
		                       .dir = args->dir,
		                       .workers = args->workers,
		                       .report = store_on_tls_report,
		                       .report_ctx = (void *)(uintptr_t)args };
	b->conf.tls = b->tls = tls_client_new(&tls);
	if (b->tls)
		return b;
fail:
	backend_let_go(b);
	return NULL;
}

static struct backend *backend_take(const struct store_args *args, const struct redis_url *u)
{
	struct arena a;
	uint64_t identity[2];
	arena_init(&a, 0);
	backend_identity(&a, args, u, identity);
	arena_fini(&a);
	struct backend *b = backend_find(identity);
	if (!b) {
		b = backend_new(args, u);
		if (!b)
			return NULL;
		b->identity[0] = identity[0];
		b->identity[1] = identity[1];
		list_push(&backends, &b->link);
	}
	atomic_fetch_add_explicit(&b->stores, 1, memory_order_relaxed);
	return b;
}

/* ---- stores ----------------------------------------------------------------------------------------------------- */

struct sluice_store *store_new(const struct store_args *args)
{
	const struct store_conf *c = args->conf;
	struct sluice_store *s = NULL;
	struct redis_url url = { .port = 0 };
	struct arena a;
	arena_init(&a, 0);
	if (store_conf_check(c, &a, &url, args->report, args->report_ctx) < 0)
		goto out;
	struct backend *b = backend_take(args, &url);
	if (!b)
		goto out;
	s = calloc(1, sizeof(*s));
	check(s, "out of memory: a store of %zu bytes", sizeof(*s));
	s->kind = c->memory ? SLUICE_STORE_MEMORY : SLUICE_STORE_REDIS;
	(void)snprintf(s->name, sizeof(s->name), "%.*s", STR_ARG(c->name));
	s->backend = b;
	s->cells = b->cells;
	s->timeout_ns = c->timeout * NS_PER_MS;
out:
	if (url.password.len)
		explicit_bzero((char *)(uintptr_t)url.password.data, url.password.len);
	arena_fini(&a);
	return s;
}

void store_free(struct sluice_store **store)
{
	struct sluice_store *s = *store;
	*store = NULL;
	if (!s)
		return;
	struct backend *b = s->backend;
	if (atomic_fetch_sub_explicit(&b->stores, 1, memory_order_relaxed) == 1) {
		list_del(&b->link);
		backend_let_go(b);
	}
	free(s);
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

/* ---- a worker's links ------------------------------------------------------------------------------------------- */

static void store_link_close(struct store_link *k)
{
	list_del(&k->link);
	redis_link_free(&k->redis);
	backend_let_go(k->backend);
	free(k);
}

static void store_look_around(struct timer *t)
{
	struct store_part *p = container_of(t, struct store_part, look_around);
	list_each_safe(e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, link);
		if (atomic_load_explicit(&k->backend->stores, memory_order_relaxed) == 0 &&
		    redis_link_waiting(k->redis) == 0)
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

static struct redis_link *store_find_link(struct worker *w, const struct sluice_store *s)
{
	struct store_part *p = store_part(w);
	list_each(e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, link);
		if (k->backend == s->backend)
			return k->redis;
	}
	return NULL;
}

static struct redis_link *store_link(struct worker *w, const struct sluice_store *s)
{
	struct redis_link *l = store_find_link(w, s);
	if (likely(l))
		return l;
	struct store_link *k = calloc(1, sizeof(*k));
	check(k, "out of memory: %zu bytes", sizeof(*k));
	k->backend = s->backend;
	atomic_fetch_add_explicit(&k->backend->holders, 1, memory_order_relaxed);
	k->redis = redis_link_new(w, &k->backend->conf);
	list_push(&store_part(w)->links, &k->link);
	return k->redis;
}

void store_warm(struct worker *w, const struct sluice_store *s)
{
	if (s->kind == SLUICE_STORE_REDIS)
		redis_link_warm(store_link(w, s));
}

void store_worker_fini(struct worker *w)
{
	struct store_part *p = w->part[PART_REDIS];
	if (!p)
		return;
	timer_drop(&p->look_around);
	list_each_safe(e, &p->links)
		store_link_close(container_of(e, struct store_link, link));
	w->part[PART_REDIS] = NULL;
	free(p);
}

enum redis_state store_state(struct worker *w, const struct sluice_store *s)
{
	struct redis_link *l = s->kind == SLUICE_STORE_REDIS ? store_find_link(w, s) : NULL;
	return l ? redis_link_state(l) : REDIS_IDLE;
}

/* ---- use -------------------------------------------------------------------------------------------------------- */

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
	return redis_eval(store_link(w, s), c, script, key, args, nargs, store_timeout(s, timeout_ms));
}

sluice_status store_command(struct worker *w, const struct sluice_store *s, struct redis_call *c, const sluice_str *argv,
                            size_t argc, uint64_t timeout_ms)
{
	if (s->kind != SLUICE_STORE_REDIS)
		return SLUICE_ERROR;
	return redis_send(store_link(w, s), c, argv, argc, store_timeout(s, timeout_ms));
}

bool store_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns, sluice_cell *out)
{
	out->slot = NULL;
	return s->cells && cells_find(s->cells, key, now_ns, out);
}

bool store_cell_swap(sluice_cell *c, uint64_t desired)
{
	return cells_swap(c, desired);
}
