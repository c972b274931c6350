/* The document of the requests in progress. */
#include "admin/requests.h"

#include <stdlib.h>

#include "base/mem.h"
#include "http/query.h"
#include "http/version.h"

/* ---- the query ----------------------------------------------------------------------------- */

static bool requests_limit(sluice_str value, unsigned *out)
{
	uint64_t n;
	if (!str_u64(value, &n) || n == 0 || n > PROGRESS_MAX)
		return false;
	*out = (unsigned)n;
	return true;
}

static bool requests_name(sluice_str value, char *out)
{
	if (value.len == 0 || value.len >= PROGRESS_NAME)
		return false;
	out[query_decode(value, QUERY_PLUS_IS_SPACE, out)] = 0;
	return true;
}

static bool requests_parameter(sluice_str name, sluice_str value, struct progress_filter *f)
{
	if (str_eq(name, STR("limit")))
		return requests_limit(value, &f->limit);
	if (str_eq(name, STR("id")))
		return requests_name(value, f->id);
	if (str_eq(name, STR("route")))
		return requests_name(value, f->route);
	return str_eq(name, STR("client")) && requests_name(value, f->client);
}

bool requests_parse(sluice_str query, struct progress_filter *f, sluice_str *bad)
{
	f->limit = REQUESTS_LIMIT;
	while (query.len) {
		sluice_str value = str_cut(&query, '&'), whole = value, name = str_cut(&value, '=');
		if (!requests_parameter(name, value, f)) {
			*bad = whole;
			return false;
		}
	}
	return true;
}

/* ---- the document -------------------------------------------------------------------------- */

static void requests_lane(struct json_out *o, const char *name, const struct progress_lane *l)
{
	json_key(o, str_of(name));
	json_open(o, '{');
	json_put_some(o, "way", str_of(l->way));
	json_put_some(o, "state", str_of(l->ended ? "ended" : l->n_holds ? "held" : "moves"));
	json_key(o, STR("holds"));
	json_open(o, '[');
	for (unsigned i = 0; i < l->n_holds; i++) {
		json_open(o, '{');
		json_put_some(o, "hold", str_of(l->holds[i].name));
		json_put_uint(o, "ms", l->holds[i].ms);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_close(o, '}');
}

static void requests_plugins(struct json_out *o, const struct progress *p)
{
	json_key(o, STR("plugins"));
	json_open(o, '[');
	for (unsigned i = 0; i < p->n_plugins; i++) {
		json_open(o, '{');
		json_put_some(o, "instance", p->plugins[i].instance);
		json_put_some(o, "hook", str_of(p->plugins[i].hook));
		json_put_some(o, "waits_for", str_of(p->plugins[i].waits_for));
		json_put_uint(o, "ms", p->plugins[i].ms);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void requests_upstream(struct json_out *o, const struct progress *p)
{
	json_put_some(o, "upstream", p->upstream);
	json_put_some(o, "server", p->server);
	json_put_uint(o, "tries", p->tries);
	json_key(o, STR("failures"));
	json_open(o, '[');
	for (const struct upstream_failure *f = p->failures; f; f = f->next) {
		json_open(o, '{');
		json_put_some(o, "server", f->server);
		json_put_some(o, "reason", str_of(f->reason));
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void requests_one(struct json_out *o, unsigned worker, const struct progress *p,
	uint64_t now_ns)
{
	json_open(o, '{');
	json_put_some(o, "id", p->id);
	json_put_uint(o, "worker", worker);
	json_put_uint(o, "ms", now_ns > p->started_ns ? (now_ns - p->started_ns) / NS_PER_MS : 0);
	json_put_some(o, "listener", p->listener);
	json_put_some(o, "client", p->client);
	json_put_some(o, "protocol", http_version_of(p->version)->name);
	json_put_some(o, "method", p->method);
	json_put_some(o, "host", p->host);
	json_put_some(o, "path", p->path);
	json_put_some(o, "query", p->query);
	json_put_some(o, "route", p->route);
	json_put_some(o, "state", str_of(p->state->name));
	json_put_uint(o, "state_ms", p->state_ms);
	json_put_some(o, "waits_for", p->waits_for);
	json_put_some(o, "bounded_by", str_of(p->state->bound));
	if (p->status)
		json_put_uint(o, "status", p->status);
	requests_upstream(o, p);
	requests_plugins(o, p);
	requests_lane(o, "request_body", &p->lanes[SLUICE_REQUEST]);
	requests_lane(o, "response_body", &p->lanes[SLUICE_RESPONSE]);
	json_put_uint(o, "bytes_in", p->bytes_in);
	json_put_uint(o, "bytes_out", p->bytes_out);
	json_put_some(o, "story", p->story);
	json_close(o, '}');
}

struct request_of_worker {
	const struct progress *p;
	unsigned worker;
};

static int older_first(const void *a, const void *b)
{
	uint64_t x = ((const struct request_of_worker *)a)->p->started_ns,
		 y = ((const struct request_of_worker *)b)->p->started_ns;
	return x < y ? -1 : x > y;
}

void requests_write(struct json_out *o, const struct gather_answer *v, unsigned n, size_t limit)
{
	size_t total = 0, more = 0, told;
	unsigned silent = 0;
	uint64_t now = clock_ns();
	for (unsigned i = 0; i < n; i++) {
		total += v[i].in_progress.n;
		more += v[i].in_progress.more;
		silent += v[i].silent;
	}
	struct request_of_worker *all = mem_array(struct request_of_worker, total);
	total = 0;
	for (unsigned i = 0; i < n; i++) {
		for (size_t j = 0; j < v[i].in_progress.n; j++)
			all[total++] = (struct request_of_worker){ &v[i].in_progress.v[j], i };
	}
	qsort(all, total, sizeof(*all), older_first);
	told = total < limit ? total : limit;
	json_open(o, '{');
	json_put_uint(o, "total", total + more);
	json_put_uint(o, "left_out", total + more - told);
	json_put_uint(o, "silent_workers", silent);
	json_key(o, STR("requests"));
	json_open(o, '[');
	for (size_t i = 0; i < told; i++)
		requests_one(o, all[i].worker, all[i].p, now);
	json_close(o, ']');
	json_close(o, '}');
	free(all);
}
