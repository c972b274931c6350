/* From a file to a snapshot: read, bind, build each block, and only then believe it. Main
 * thread. */
#include "proxy/build.h"

#include <sched.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "store/store.h"
#include "tls/client.h"
#include "tls/server.h"
#include "upstream/discovered.h"

enum { WORKERS_MAX = 256 };

static uint64_t next_id; /* main thread, like n_snapshots */
static size_t n_snapshots;

/* Names that must be one of a kind within a list; maps see to theirs by themselves. */
static void build_check_route_names(struct build *b)
{
	const struct route_conf *v = b->snap->conf.routes.v;
	size_t n = b->snap->conf.routes.n;
	struct hashed {
		sluice_str name;
		size_t i;
	};
	size_t cap = 16;
	while (cap < n * 2)
		cap *= 2;
	struct hashed *table = mem_array(struct hashed, cap);
	for (size_t i = 0; i < n; i++) {
		size_t at = (size_t)hash_str(v[i].name) & (cap - 1);
		while (table[at].name.data && !str_eq(table[at].name, v[i].name))
			at = (at + 1) & (cap - 1);
		if (table[at].name.data) {
			struct mark m = node_mark(bind_node(&b->bind, &v[table[at].i]));
			(void)bind_error(&b->bind, &v[i], "name",
				"route \"%.*s\" is there already, at %s:%u:%u", STR_ARG(v[i].name),
				m.file, m.line, m.col);
		} else if (v[i].name.len) {
			table[at] = (struct hashed){ v[i].name, i };
		}
	}
	free(table);
}

/* Which routes and upstreams have more than most. */
static void build_extras(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		struct route *r = &s->routes[i];
		r->has_extras = r->rules || r->conf->priority != PRIORITY_NORMAL;
	}
	for (size_t i = 0; i < s->n_upstreams; i++) {
		struct snapshot_upstream *u = &s->upstreams[i];
		u->has_extras = u->rules || u->hash_by || u->conf->sticky.cookie.len ||
			u->conf->proxy_protocol;
	}
}

/* It will be in force: what is counted of it gets a name in the metrics. */
static void build_seal(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		s->routes[i].requests =
			series_find(FAMILY_ROUTE_REQUESTS, s->routes[i].name, STR(""));
		s->routes[i].time = series_find(FAMILY_ROUTE_TIME, s->routes[i].name, STR(""));
		build_mirror_counts(&s->routes[i]);
	}
	for (size_t i = 0; i < s->n_documents; i++) {
		struct route *r = s->documents[i];
		r->requests = series_find(FAMILY_ROUTE_REQUESTS, r->name, STR(""));
		r->time = series_find(FAMILY_ROUTE_TIME, r->name, STR(""));
	}
	for (size_t i = 0; i < s->n_upstreams; i++) {
		sluice_str name = s->upstreams[i].conf->name;
		s->upstreams[i].requests = series_find(FAMILY_UPSTREAM_REQUESTS, name, STR(""));
		if (s->upstreams[i].conf->has_breaker)
			s->upstreams[i].breaker = breaker_get(name);
		s->upstreams[i].time = series_find(FAMILY_UPSTREAM_TIME, name, STR(""));
	}
	for (size_t i = 0; i < s->n_instances; i++) {
		sluice_instance *inst = s->instances[i];
		if (inst->calls) /* it is in force already, and workers read these */
			continue;
		inst->calls = series_find(FAMILY_PLUGIN_CALLS, inst->name, STR(""));
		inst->failures = series_find(FAMILY_PLUGIN_FAILURES, inst->name, STR(""));
		inst->time = series_find(FAMILY_PLUGIN_TIME, inst->name, STR(""));
		inst->skipped = series_find(FAMILY_PLUGIN_SKIPPED, inst->name, STR(""));
		inst->over_budget = series_find(FAMILY_PLUGIN_OVER_BUDGET, inst->name, STR(""));
	}
	s->logs = str_eq(s->conf.log.access.path, STR("off")) ? LOGS_NONE : LOGS_FILE;
	s->logs |= s->n_sinks ? LOGS_SINKS : LOGS_NONE;
	store_settle();
}

/* One event loop for each processor we may use, or as many as the file says; those that run already
 * stay as they are. */
static void build_workers(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct runtime_conf *r = &s->conf.runtime;
	uint64_t n = 0;
	cpu_set_t set;
	if (str_eq(r->workers, STR("auto")) || r->workers.len == 0) {
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
		n = n > WORKERS_MAX ? WORKERS_MAX : n;
	} else if (!str_u64(r->workers, &n) || n < 1 || n > WORKERS_MAX) {
		(void)bind_error(&b->bind, r, "workers",
			"\"%.*s\" is neither auto nor a number from 1 to %d", STR_ARG(r->workers),
			WORKERS_MAX);
		n = 1;
	}
	s->n_workers = b->env->workers ? b->env->workers : (unsigned)n;
	if (n != s->n_workers)
		bind_warn(&b->bind, r, "workers", "%u workers run; another number needs a restart",
			s->n_workers);
}

struct snapshot *snapshot_load(const char *file, const struct snapshot_env *env, struct diag *d)
{
	struct snapshot *s = mem_new(struct snapshot);
	struct build b = { .snap = s, .env = env, .diag = d };
	n_snapshots++;
	stat_inc(STAT_SNAPSHOTS);
	atomic_init(&s->refs, 1);
	s->id = ++next_id;
	s->loaded_ms = clock_unix_ms();
	arena_init(&s->arena, 0);
	s->file = arena_str(&s->arena, str_of(file)).data;
	config_init(&b.config, &s->arena, d);
	if (env->env)
		b.config.env = env->env;
	bind_init(&b.bind, &s->arena, d, &b.config);
	b.bind.store = build_find_store;
	b.bind.upstream = build_find_upstream;
	b.bind.ctx = &b;

	b.config.top = gateway_options;
	int err = config_load(&b.config, file);
	if (b.config.root) {
		err |= bind_map(&b.bind, b.config.root, gateway_options, &s->conf);
		build_workers(&b);
		build_overload(&b);
		if (resolve_conf_check(&b.bind, &s->conf.runtime.resolve) < 0 ||
			fetch_proxy_check(&b.bind, &s->conf.runtime.fetch_proxy) < 0)
			err = -1;
		build_stores(&b);
		build_listeners(&b);
		build_admin(&b);
		build_upstreams(&b);
		build_stated(&b);
		build_hash(&b);
		env->policy->names = &b.names;
		build_plugins(&b);
		build_listener_plugins(&b);
		build_upstream_plugins(&b);
		build_consumers(&b);
		build_check_route_names(&b);
		build_routes(&b);
		build_extras(s);
		build_stories(&b);
		build_sinks(&b);
		build_secrets(&b);
	}
	env->policy->names = NULL;
	bool ok = err == 0 && d->n_errors == 0 && s->router;
	if (ok) {
		build_warnings(&b);
		build_seal(s);
	}
	bind_fini(&b.bind);
	if (!ok) {
		snapshot_free(s);
		return NULL;
	}
	return s;
}

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->n_instances; i++)
		instance_unref(s->instances[i]);
	for (size_t i = 0; i < s->n_stores; i++)
		store_free(&s->stores[i]);
	for (size_t i = 0; i < s->n_upstreams; i++) {
		tls_client_free(&s->upstreams[i].client);
		discovered_unref(&s->upstreams[i].discovered);
		breaker_unref(&s->upstreams[i].breaker);
	}
	for (size_t i = 0; i < s->n_listeners; i++) {
		tls_server_free(&s->listeners[i].tls);
		cidr_set_unref(&s->listeners[i].balancers);
		cidr_set_unref(&s->listeners[i].trusted_proxies);
	}
	cidr_set_unref(&s->stories.clients);
	router_free(&s->router);
	arena_fini(&s->arena);
	free(s);
	n_snapshots--;
	stat_dec(STAT_SNAPSHOTS);
}

const struct snapshot_listener *snapshot_listener_of(const struct snapshot *s,
	const struct conn_listener *of)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (str_eq(s->listeners[i].conf->name, of->name))
			return &s->listeners[i];
	}
	for (size_t i = 0; of->addr && i < s->n_listeners; i++) {
		if (addr_eq(&s->listeners[i].addr, of->addr))
			return &s->listeners[i];
	}
	return NULL;
}

size_t snapshot_listener_index(const struct snapshot *s, const struct conn_listener *of)
{
	const struct snapshot_listener *l = snapshot_listener_of(s, of);
	return l ? (size_t)(l - s->listeners) : s->n_listeners;
}

size_t snapshot_count(void)
{
	return n_snapshots;
}
