/*
 * Redis stores. Each worker opens a link to a store when it first uses it. The link has a reference
 * to the store, so the store lives until the main thread and all workers have dropped theirs. Once
 * a second each worker closes its links to stores that no configuration uses any more. Links to one
 * server and to a cluster have different tables of functions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/worker.h"
#include "redis/cluster.h"
#include "store/ops.h"
#include "tls/client.h"

#define LOOK_AROUND_NS NS_PER_S
#define PING_NS (5 * NS_PER_S)

struct store_link;

/* The functions of a link: to one server, or to a cluster. */
struct link_ops {
	void (*open)(struct store_link *k, struct worker *w, const struct redis_conf *conf);
	void (*close)(struct store_link *k);
	void (*warm)(struct store_link *k);
	size_t (*waiting)(const struct store_link *k);
};

struct remote_store {
	struct sluice_store s;
	const struct link_ops *link_ops;
	uint64_t timeout_ns; /* of one command */
	struct arena mem;    /* owned: strings of conf */
	struct redis_conf conf;
	struct tls_client *tls; /* owned; NULL: plain */
};

/* A worker's link to a store. */
struct store_link {
	struct list at;             /* in store_part.links */
	struct remote_store *store; /* shared: held */
	union {
		struct redis_link *redis;      /* owned: of store_redis */
		struct redis_cluster *cluster; /* owned: of store_cluster */
	};
};
struct store_part {
	struct worker *worker;
	struct list links;
	struct timer look_around;
};

static struct remote_store *remote_of(struct sluice_store *s)
{
	return container_of(s, struct remote_store, s);
}

/* ---- links ---------------------------------------------------------------------------------- */

static void server_open(struct store_link *k, struct worker *w, const struct redis_conf *conf)
{
	k->redis = redis_link_new(w, conf);
}

static void server_close(struct store_link *k)
{
	redis_link_free(&k->redis);
}

static void server_warm(struct store_link *k)
{
	redis_link_warm(k->redis);
}

static size_t server_waiting(const struct store_link *k)
{
	return redis_link_waiting(k->redis);
}

static const struct link_ops server_links = { server_open, server_close, server_warm,
	server_waiting };

static void nodes_open(struct store_link *k, struct worker *w, const struct redis_conf *conf)
{
	k->cluster = cluster_new(w, conf);
}

static void nodes_close(struct store_link *k)
{
	cluster_free(&k->cluster);
}

static void nodes_warm(struct store_link *k)
{
	cluster_warm(k->cluster);
}

static size_t nodes_waiting(const struct store_link *k)
{
	return cluster_waiting(k->cluster);
}

static const struct link_ops cluster_links = { nodes_open, nodes_close, nodes_warm, nodes_waiting };

static void link_close(struct store_link *k)
{
	list_del(&k->at);
	k->store->link_ops->close(k);
	store_unref(&k->store->s);
	free(k);
}

static void store_look_around(struct timer *t)
{
	struct store_part *p = container_of(t, struct store_part, look_around);
	list_each_safe (e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, at);
		if (!atomic_load_explicit(&k->store->s.is_taken, memory_order_relaxed) &&
			k->store->link_ops->waiting(k) == 0)
			link_close(k);
	}
	worker_timer(p->worker, &p->look_around, LOOK_AROUND_NS);
}

/* Calls under way end as SLUICE_UNREACHABLE before it returns. */
static void store_part_end(void *part)
{
	struct store_part *p = part;
	timer_drop(&p->look_around);
	list_each_safe (e, &p->links)
		link_close(container_of(e, struct store_link, at));
	free(p);
}

static struct store_part *store_part(struct worker *w)
{
	struct store_part *p = w->part[PART_STORE];
	if (likely(p))
		return p;
	p = mem_new(struct store_part);
	worker_set_part(w, PART_STORE, p, store_part_end);
	p->worker = w;
	list_init(&p->links);
	timer_init(&p->look_around, store_look_around);
	worker_timer(w, &p->look_around, LOOK_AROUND_NS);
	return p;
}

/* The worker's link to the store, opened when there is none. */
static struct store_link *link_of(struct worker *w, struct sluice_store *s)
{
	struct remote_store *r = remote_of(s);
	struct store_part *p = store_part(w);
	list_each (e, &p->links) {
		struct store_link *k = container_of(e, struct store_link, at);
		if (k->store == r)
			return k;
	}
	struct store_link *k = mem_new(struct store_link);
	k->store = r;
	store_hold(s);
	r->link_ops->open(k, w, &r->conf);
	list_push(&p->links, &k->at);
	return k;
}

/* ---- what plugins do ------------------------------------------------------------------------ */

static void remote_warm(struct worker *w, struct sluice_store *s)
{
	remote_of(s)->link_ops->warm(link_of(w, s));
}

static uint64_t remote_timeout(struct sluice_store *s, uint64_t timeout_ms)
{
	return timeout_ms ? timeout_ms * NS_PER_MS : remote_of(s)->timeout_ns;
}

static sluice_status server_eval(struct worker *w, struct sluice_store *s, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms)
{
	return redis_eval(link_of(w, s)->redis, c, script, key, args, nargs,
		remote_timeout(s, timeout_ms));
}

static sluice_status server_command(struct worker *w, struct sluice_store *s, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms)
{
	return redis_send(link_of(w, s)->redis, c, argv, argc, remote_timeout(s, timeout_ms));
}

static sluice_status nodes_eval(struct worker *w, struct sluice_store *s, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms)
{
	return cluster_eval(link_of(w, s)->cluster, c, script, key, args, nargs,
		remote_timeout(s, timeout_ms));
}

static sluice_status nodes_command(struct worker *w, struct sluice_store *s, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms)
{
	return cluster_send(link_of(w, s)->cluster, c, argv, argc, remote_timeout(s, timeout_ms));
}

static struct redis_link *remote_follow(struct worker *w, struct sluice_store *s,
	const struct redis_channel *c)
{
	struct redis_conf conf = remote_of(s)->conf;
	conf.channel = c;
	if (conf.url.kind == REDIS_CLUSTER) {
		/* a message reaches all nodes, so that those that the URL names are enough */
		conf.url.kind = REDIS_SERVERS;
		conf.any_role = true;
	}
	return redis_link_new(w, &conf);
}

/* ---- making one ----------------------------------------------------------------------------- */

static void remote_free(struct sluice_store *s)
{
	struct remote_store *r = remote_of(s);
	tls_client_free(&r->tls);
	redis_conf_wipe(&r->conf);
	arena_fini(&r->mem);
	free(r);
}

static void remote_on_tls_report(void *ctx, bool is_warning, int index, const char *option,
	const char *text)
{
	const struct store_args *args = ctx;
	char path[64];
	(void)index;
	(void)snprintf(path, sizeof(path), "tls%s%s", option ? "." : "", option ? option : "");
	args->report(args->report_ctx, is_warning, path, text);
}

static bool remote_set_up_tls(struct remote_store *r, const struct store_args *args)
{
	struct tls_client_args tls = { .conf = &args->conf->tls,
		.dir = args->dir,
		.workers = args->workers,
		.report = remote_on_tls_report,
		.report_ctx = (void *)(uintptr_t)args };
	r->conf.tls = r->tls = tls_client_new(&tls);
	return r->tls != NULL;
}

static void remote_count_results(struct sluice_store *s)
{
	static const char *const results[STORE_RESULTS] = {
		[SLUICE_OK] = "ok",
		[SLUICE_TIMEOUT] = "timeout",
		[SLUICE_UNREACHABLE] = "unreachable",
		[SLUICE_ERROR] = "error",
	};
	for (int i = 0; i < STORE_RESULTS; i++)
		s->results[i] =
			series_find(FAMILY_STORE_COMMANDS, str_of(s->name), str_of(results[i]));
}

static struct sluice_store *remote_new(const struct store_ops *ops, const struct link_ops *links,
	const struct store_args *args, const struct redis_url *u)
{
	const struct store_conf *c = args->conf;
	struct remote_store *r = mem_new(struct remote_store);
	store_init(&r->s, ops, c->name);
	arena_init(&r->mem, 0);
	r->link_ops = links;
	r->timeout_ns = c->timeout * NS_PER_MS;
	r->conf = (struct redis_conf){ .connect_timeout_ns = c->connect_timeout * NS_PER_MS,
		.timeout_ns = c->timeout * NS_PER_MS,
		.ping_ns = PING_NS };
	redis_url_copy(&r->mem, u, &r->conf.url);
	r->conf.sentinel_user = arena_str(&r->mem, c->sentinel_user);
	r->conf.sentinel_password = arena_str(&r->mem, c->sentinel_password);
	remote_count_results(&r->s);
	if (!u->tls || remote_set_up_tls(r, args))
		return &r->s;
	remote_free(&r->s);
	return NULL;
}

static struct sluice_store *server_new(const struct store_args *args, const struct redis_url *u)
{
	return remote_new(&store_redis, &server_links, args, u);
}

static struct sluice_store *nodes_new(const struct store_args *args, const struct redis_url *u)
{
	return remote_new(&store_cluster, &cluster_links, args, u);
}

const struct store_ops store_redis = {
	.kind = SLUICE_STORE_REDIS,
	.new = server_new,
	.free = remote_free,
	.warm = remote_warm,
	.eval = server_eval,
	.command = server_command,
	.follow = remote_follow,
};

const struct store_ops store_cluster = {
	.kind = SLUICE_STORE_REDIS,
	.new = nodes_new,
	.free = remote_free,
	.warm = remote_warm,
	.eval = nodes_eval,
	.command = nodes_command,
	.follow = remote_follow,
};
