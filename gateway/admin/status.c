/* The status document. What the workers told of one server is summed up; their views of its health are counted. */
#include "admin/status.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const phases[] = { "starting", "serving", "draining" };
static const char *const states[] = { "up", "down", "trial" };

static void put_uint(struct json_out *o, const char *name, uint64_t v)
{
	json_key(o, str_of(name));
	json_uint(o, v);
}

static void put_str(struct json_out *o, const char *name, sluice_str v)
{
	json_key(o, str_of(name));
	json_str(o, v);
}

/* ---- the process -------------------------------------------------------------------------------------------------- */

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
	put_uint(o, "id", s->id);
	put_str(o, "file", str_of(s->file));
	put_time(o, "loaded_at", s->loaded_ms);
	put_uint(o, "routes", s->n_routes);
	put_uint(o, "upstreams", s->n_upstreams);
	put_uint(o, "plugins", s->n_instances);
	json_key(o, STR("listeners"));
	json_open(o, '[');
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		json_open(o, '{');
		put_str(o, "name", l->conf->name);
		put_str(o, "address", l->conf->address);
		json_key(o, STR("tls"));
		json_bool(o, l->tls != NULL);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_close(o, '}');
}

static void status_workers(struct json_out *o, const struct gather_answer *v, unsigned n)
{
	uint64_t connections = 0, requests = 0;
	for (unsigned i = 0; i < n; i++) {
		connections += v[i].connections;
		requests += v[i].requests;
	}
	put_uint(o, "connections", connections);
	put_uint(o, "requests", requests);
	json_key(o, STR("workers"));
	json_open(o, '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(o, '{');
		put_uint(o, "id", i);
		json_key(o, STR("silent"));
		json_bool(o, v[i].silent);
		if (!v[i].silent) {
			put_uint(o, "config", v[i].config_id);
			put_uint(o, "connections", v[i].connections);
			put_uint(o, "requests", v[i].requests);
		}
		json_close(o, '}');
	}
	json_close(o, ']');
}

/* ---- servers ------------------------------------------------------------------------------------------------------ */

static int str_order(sluice_str a, sluice_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.data, b.data, n) : 0;
	return r ? r : a.len < b.len ? -1 : a.len > b.len;
}

static int endpoint_order(const void *a, const void *b)
{
	const struct endpoint_view *const *x = a, *const *y = b;
	int r = str_order((*x)->upstream, (*y)->upstream);
	if (r == 0)
		r = str_order((*x)->address, (*y)->address);
	return r ? r : str_order((*x)->host, (*y)->host);
}

/* Every endpoint of every worker, those of one server beside each other. Owned by the caller. */
static const struct endpoint_view **endpoints_sorted(const struct gather_answer *v, unsigned n, size_t *count)
{
	size_t total = 0;
	for (unsigned i = 0; i < n; i++)
		total += v[i].n_endpoints;
	const struct endpoint_view **all = calloc(total + 1, sizeof(*all));
	check(all, "out of memory: %zu servers", total);
	*count = 0;
	for (unsigned i = 0; i < n; i++) {
		for (size_t j = 0; j < v[i].n_endpoints; j++)
			all[(*count)++] = &v[i].endpoints[j];
	}
	qsort(all, total, sizeof(*all), endpoint_order); /* NOLINT(bugprone-sizeof-expression): of pointers */
	return all;
}

/* One server as n workers see it. */
static void status_server(struct json_out *o, const struct endpoint_view *const *v, size_t n)
{
	struct endpoint_view sum = { 0 };
	unsigned in_state[3] = { 0 };
	for (size_t i = 0; i < n; i++) {
		in_state[v[i]->state]++;
		sum.connections += v[i]->connections;
		sum.idle += v[i]->idle;
		sum.in_flight += v[i]->in_flight;
		sum.requests += v[i]->requests;
		sum.failures += v[i]->failures;
		sum.connects += v[i]->connects;
		sum.connect_failures += v[i]->connect_failures;
		sum.reused += v[i]->reused;
		sum.ejected += v[i]->ejected;
		if (v[i]->down_for_ns > sum.down_for_ns)
			sum.down_for_ns = v[i]->down_for_ns;
	}
	json_open(o, '{');
	put_str(o, "address", v[0]->address);
	if (v[0]->host.len)
		put_str(o, "host", v[0]->host);
	json_key(o, STR("state"));
	json_str(o, str_of(in_state[ENDPOINT_UP] == n ? "up" : in_state[ENDPOINT_UP] ? "partly-up" : "down"));
	json_key(o, STR("workers"));
	json_open(o, '{');
	for (unsigned i = 0; i < 3; i++)
		put_uint(o, states[i], in_state[i]);
	json_close(o, '}');
	if (sum.down_for_ns) {
		json_key(o, STR("down_for_s"));
		json_fixed(o, sum.down_for_ns / NS_PER_MS, 3);
	}
	put_uint(o, "connections", sum.connections);
	put_uint(o, "idle", sum.idle);
	put_uint(o, "in_flight", sum.in_flight);
	put_uint(o, "requests", sum.requests);
	put_uint(o, "failures", sum.failures);
	put_uint(o, "connects", sum.connects);
	put_uint(o, "connect_failures", sum.connect_failures);
	put_uint(o, "reused", sum.reused);
	put_uint(o, "ejected", sum.ejected);
	json_close(o, '}');
}

/* The servers of all[0..n) as one array, a member for each run of equals. */
static void status_servers(struct json_out *o, const struct endpoint_view *const *all, size_t n)
{
	json_open(o, '[');
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && endpoint_order(&all[i], &all[end]) == 0; end++)
			;
		status_server(o, all + i, end - i);
	}
	json_close(o, ']');
}

static int upstream_order(const void *name, const void *member)
{
	const struct endpoint_view *const *v = member;
	return str_order(*(const sluice_str *)name, (*v)->upstream);
}

/* The upstreams of the configuration in force, in the order of the file. Servers that only older configurations want are
 * not told of: they go when the last request that uses them does. */
static void status_upstreams(struct json_out *o, const struct snapshot *s, const struct gather_answer *v, unsigned n)
{
	size_t total;
	const struct endpoint_view **all = endpoints_sorted(v, n, &total);
	json_key(o, STR("upstreams"));
	json_open(o, '[');
	for (size_t i = 0; s && i < s->n_upstreams; i++) {
		sluice_str name = s->upstreams[i].conf->name;
		const struct endpoint_view *const *hit = bsearch(&name, all, total, sizeof(*all), upstream_order);
		size_t first = hit ? (size_t)(hit - all) : 0, end = first;
		while (first > 0 && str_eq(all[first - 1]->upstream, name))
			first--;
		while (end < total && str_eq(all[end]->upstream, name))
			end++;
		json_open(o, '{');
		put_str(o, "name", name);
		json_key(o, STR("servers"));
		status_servers(o, all + first, hit ? end - first : 0);
		json_close(o, '}');
	}
	json_close(o, ']');
	free(all);
}

void status_write(struct json_out *o, const struct admin_facts *f, const struct gather_answer *v, unsigned n)
{
	uint64_t left_out = 0;
	for (unsigned i = 0; i < n; i++)
		left_out += v[i].left_out;
	json_open(o, '{');
	put_str(o, "version", STR(SLUICE_VERSION));
	put_uint(o, "pid", (uint64_t)getpid());
	put_str(o, "state", str_of(phases[f->phase]));
	json_key(o, STR("uptime_s"));
	json_fixed(o, (clock_ns() - f->started_ns) / NS_PER_MS, 3);
	json_key(o, STR("config"));
	status_write_config(o, f->snap);
	put_uint(o, "snapshots", f->snapshots);
	put_uint(o, "reloads", f->reloads);
	put_uint(o, "reloads_failed", f->reloads_failed);
	status_workers(o, v, n);
	status_upstreams(o, f->snap, v, n);
	if (left_out)
		put_uint(o, "servers_left_out", left_out);
	json_close(o, '}');
}
