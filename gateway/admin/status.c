/* The status document. */
#include "admin/status.h"

#include <stdlib.h>
#include <unistd.h>

#include "admin/dependencies.h"
#include "admin/servers.h"
#include "net/resolve.h"
#include "store/cache.h"
#include "upstream/breaker.h"
#include "upstream/discovered.h"
#include "upstream/share.h"

enum { NAMES_SHOWN = 1000 };

static const char *const phases[] = { "starting", "serving", "leaving", "draining" };
static const char *const states[SERVER_STATES] = { "up", "down", "trial", "suspect" };

static void put_seconds(struct json_out *o, const char *name, uint64_t ns)
{
	json_key(o, str_of(name));
	json_fixed(o, ns / NS_PER_MS, 3);
}

/* ---- the process --------------------------------------------------------------------------- */

/* RFC 3339 */
static void put_time(struct json_out *o, const char *name, uint64_t unix_ms)
{
	char text[40];
	struct tm tm;
	time_t s = (time_t)(unix_ms / 1000);
	(void)gmtime_r(&s, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	json_key(o, str_of(name));
	json_strf(o, "%.*s.%03uZ", (int)n, text, (unsigned)(unix_ms % 1000));
}

void status_write_config(struct json_out *o, const struct snapshot *s)
{
	if (!s) {
		json_null(o);
		return;
	}
	json_open(o, '{');
	json_put_uint(o, "id", s->id);
	json_put_str(o, "file", str_of(s->file));
	put_time(o, "loaded_at", s->loaded_ms);
	json_put_uint(o, "routes", s->n_routes);
	json_put_uint(o, "upstreams", s->n_upstreams);
	json_put_uint(o, "plugins", s->n_instances);
	json_key(o, STR("listeners"));
	json_open(o, '[');
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		json_open(o, '{');
		json_put_str(o, "name", l->conf->name);
		json_put_str(o, "address", l->conf->address);
		json_key(o, STR("tls"));
		json_bool(o, l->tls != NULL);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_close(o, '}');
}

static void status_overload(struct json_out *o, const struct admin_overload *v)
{
	json_key(o, STR("overload"));
	json_open(o, '{');
	json_put_str(o, "state", str_of(v->state));
	for (unsigned i = 0; i < ADMIN_RESOURCES; i++) {
		const struct admin_resource *r = &v->resources[i];
		json_key(o, str_of(r->name));
		json_open(o, '{');
		json_put_uint(o, "used", r->used);
		json_put_uint(o, "limit", r->limit);
		json_put_uint(o, "mark", r->mark);
		json_key(o, STR("short"));
		json_bool(o, r->is_short);
		json_close(o, '}');
	}
	json_close(o, '}');
}

static void status_workers(struct json_out *o, const struct admin_facts *f,
	const struct gather_answer *v, unsigned n)
{
	uint64_t connections = 0, requests = 0;
	for (unsigned i = 0; i < n; i++) {
		connections += v[i].connections;
		requests += v[i].requests;
	}
	json_put_uint(o, "connections", connections);
	json_put_uint(o, "requests", requests);
	json_key(o, STR("workers"));
	json_open(o, '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(o, '{');
		json_put_uint(o, "id", i);
		json_key(o, STR("silent"));
		json_bool(o, v[i].silent);
		if (!v[i].silent) {
			json_put_uint(o, "config", v[i].config_id);
			json_put_uint(o, "connections", v[i].connections);
			json_put_uint(o, "requests", v[i].requests);
		}
		for (unsigned k = 0; k < f->n_silent; k++) {
			if (f->silent[k].worker == i)
				json_put_str(o, "reason", str_of(f->silent[k].text));
		}
		json_close(o, '}');
	}
	json_close(o, ']');
}

/* ---- servers ------------------------------------------------------------------------------- */

/* What the balance makes of it. */
static void status_share(struct json_out *o, const struct endpoint_view *v)
{
	static const char *const tiers[TIERS] = { "local", "remote", "backup", "remote-backup" };
	static const char *const entries[] = { "open", "panics", "barred" };
	if (v->weight == UINT32_MAX)
		return;
	json_put_uint(o, "weight", v->weight);
	json_key(o, STR("share"));
	json_fixed(o, v->weight ? (uint64_t)v->share * 1000 / SHARE_ONE : 0, 3);
	json_put_str(o, "tier", str_of(tiers[v->tier]));
	json_put_str(o, "entry", str_of(entries[v->entry]));
}

/* The last active check, and all so far. */
static void status_check(struct json_out *o, const struct record_view *r)
{
	json_key(o, STR("check"));
	json_open(o, '{');
	json_put_str(o, "verdict", str_of(r->verdict == CHECKED_UP ? "up" : "down"));
	json_put_str(o, "result", str_of(check_result_name(r->last_result)));
	if (r->last_status)
		json_put_uint(o, "status", r->last_status);
	put_time(o, "at", r->checked_ms);
	json_key(o, STR("ms"));
	json_fixed(o, r->latency_us, 3);
	json_put_uint(o, "passed", r->n_results[CHECK_PASSED]);
	json_key(o, STR("failed"));
	json_open(o, '{');
	for (int i = 0; i < CHECK_RESULTS; i++) {
		if (i != CHECK_PASSED && r->n_results[i])
			json_put_uint(o, check_result_name((enum check_result)i), r->n_results[i]);
	}
	json_close(o, '}');
	json_close(o, '}');
}

static void status_server(struct json_out *o, const struct server_sum *s)
{
	char reason[SERVER_REASON];
	json_open(o, '{');
	json_put_str(o, "address", s->sum.address);
	if (s->sum.host.len)
		json_put_str(o, "host", s->sum.host);
	json_put_str(o, "state", str_of(server_state_name(server_state(s))));
	if (server_reason(s, reason))
		json_put_str(o, "reason", str_of(reason));
	if (s->sum.record.weight != RECORD_NO_WEIGHT)
		json_put_uint(o, "set_weight", (uint64_t)s->sum.record.weight);
	json_key(o, STR("workers"));
	json_open(o, '{');
	for (unsigned i = 0; i < SERVER_STATES; i++)
		json_put_uint(o, states[i], s->in_state[i]);
	json_close(o, '}');
	if (s->sum.down_for_ns) {
		json_key(o, STR("down_for_s"));
		json_fixed(o, s->sum.down_for_ns / NS_PER_MS, 3);
	}
	status_share(o, &s->sum);
	json_put_uint(o, "connections", s->sum.connections);
	json_put_uint(o, "idle", s->sum.idle);
	json_put_uint(o, "in_flight", s->sum.in_flight);
	json_put_uint(o, "requests", s->sum.requests);
	json_put_uint(o, "failures", s->sum.failures);
	json_put_uint(o, "connects", s->sum.connects);
	json_put_uint(o, "connect_failures", s->sum.connect_failures);
	json_put_uint(o, "reused", s->sum.reused);
	json_put_uint(o, "ejected", s->sum.ejected);
	json_put_uint(o, "latency_us", s->sum.latency_ns / 1000);
	if (s->sum.record.checked_ms && s->sum.record.verdict != CHECKED_NEVER)
		status_check(o, &s->sum.record);
	json_close(o, '}');
}

/* What finds the servers, and when it last did. */
static void status_discovery(struct json_out *o, const struct snapshot_upstream *u)
{
	const struct discovered *d = u->discovered;
	json_key(o, STR("discovery"));
	json_open(o, '{');
	json_put_str(o, "source", str_of(server_source_name(server_source_of(u->conf))));
	if (u->discovery)
		json_put_str(o, "plugin", u->discovery->name);
	else if (u->conf->discover.srv.len)
		json_put_str(o, "srv", u->conf->discover.srv);
	else
		json_put_str(o, "file", u->conf->discover.file);
	json_put_uint(o, "servers", d->set ? d->set->n : 0);
	if (d->set_ms) {
		json_put_uint(o, "set_at_ms", d->set_ms);
		json_put_uint(o, "changed_at_ms", d->changed_ms);
	}
	if (u->conf->discover.srv.len && d->ttl_ns != RESOLVE_NO_TTL)
		put_seconds(o, "ttl_s", d->ttl_ns);
	if (d->why[0])
		json_put_str(o, "error", str_of(d->why));
	json_close(o, '}');
}

static void status_circuit(struct json_out *o, const struct breaker *b)
{
	uint64_t ms = breaker_open_for_ms(b, clock_ns());
	json_key(o, STR("circuit"));
	json_open(o, '{');
	json_put_str(o, "state", str_of(breaker_state_name(breaker_state(b))));
	if (ms) {
		json_key(o, STR("open_for_s"));
		json_fixed(o, ms, 3);
	}
	json_close(o, '}');
}

/* The upstreams of the configuration in force, in the order of the file. Servers that only older
 * configurations use are left out: they end with the last request that uses them. */
static void status_upstreams(struct json_out *o, const struct snapshot *s,
	const struct gather_answer *v, unsigned n)
{
	size_t total, count;
	struct server_sum *all = servers_merge(v, n, &total);
	json_key(o, STR("upstreams"));
	json_open(o, '[');
	for (size_t i = 0; s && i < s->n_upstreams; i++) {
		sluice_str name = s->upstreams[i].conf->name;
		const struct server_sum *at = servers_of(all, total, name, &count);
		json_open(o, '{');
		json_put_str(o, "name", name);
		if (s->upstreams[i].discovered)
			status_discovery(o, &s->upstreams[i]);
		if (s->upstreams[i].breaker)
			status_circuit(o, s->upstreams[i].breaker);
		json_key(o, STR("servers"));
		json_open(o, '[');
		for (size_t j = 0; j < count; j++)
			status_server(o, &at[j]);
		json_close(o, ']');
		json_close(o, '}');
	}
	json_close(o, ']');
	free(all);
}

/* ---- names --------------------------------------------------------------------------------- */

static void status_name(void *ctx, const struct resolve_view *v)
{
	struct json_out *o = ctx;
	json_open(o, '{');
	json_put_str(o, "name", v->name);
	json_put_str(o, "type", str_of(v->kind == RESOLVE_SRV ? "srv" : "address"));
	json_put_uint(o, "answers", v->n);
	if (v->age_ns != UINT64_MAX)
		put_seconds(o, "age_s", v->age_ns);
	if (v->has_ttl)
		put_seconds(o, "ttl_s", v->ttl_ns);
	json_key(o, STR("stale"));
	json_bool(o, v->is_stale);
	if (v->reason != RESOLVE_OK)
		json_put_str(o, "failure", str_of(resolve_reason_name(v->reason)));
	json_close(o, '}');
}

static void status_names(struct json_out *o)
{
	json_key(o, STR("names"));
	json_open(o, '[');
	resolve_each(status_name, o, NAMES_SHOWN);
	json_close(o, ']');
}

/* ---- caches of plugins --------------------------------------------------------------------- */

static void status_cache(void *ctx, const struct cache_view *v)
{
	struct json_out *o = ctx;
	json_open(o, '{');
	json_put_str(o, "name", v->name);
	json_put_uint(o, "objects", v->objects);
	json_put_uint(o, "bytes", v->bytes);
	json_put_uint(o, "max_bytes", v->max_bytes);
	json_put_uint(o, "max_object", v->max_object);
	json_close(o, '}');
}

static void status_caches(struct json_out *o)
{
	json_key(o, STR("caches"));
	json_open(o, '[');
	cache_each(status_cache, o);
	json_close(o, ']');
}

void status_write(struct json_out *o, const struct admin_facts *f, const struct gather_answer *v,
	unsigned n)
{
	uint64_t left_out = 0;
	for (unsigned i = 0; i < n; i++)
		left_out += v[i].left_out;
	json_open(o, '{');
	json_put_str(o, "version", STR(SLUICE_VERSION));
	json_put_uint(o, "pid", (uint64_t)getpid());
	json_put_str(o, "state", str_of(phases[f->phase]));
	json_key(o, STR("uptime_s"));
	json_fixed(o, (clock_ns() - f->started_ns) / NS_PER_MS, 3);
	json_key(o, STR("config"));
	status_write_config(o, f->snap);
	json_put_uint(o, "snapshots", f->snapshots);
	json_put_uint(o, "reloads", f->reloads);
	json_put_uint(o, "reloads_failed", f->reloads_failed);
	if (f->overload.state)
		status_overload(o, &f->overload);
	status_workers(o, f, v, n);
	status_upstreams(o, f->snap, v, n);
	status_names(o);
	status_caches(o);
	json_key(o, STR("dependencies"));
	dependencies_write(o, f->snap);
	if (left_out)
		json_put_uint(o, "servers_left_out", left_out);
	json_close(o, '}');
}
