/* Fetches of plugins. See the header. */
#include "policy/fetching.h"

#include "tls/client.h"

static const sluice_upstream *fetching_named(const sluice_fetch_request *r)
{
	bool knows = r->size >= offsetof(sluice_fetch_request, upstream) + sizeof(r->upstream);
	return knows ? r->upstream : NULL;
}

static bool fetching_of_exchange(const sluice_fetch_request *r)
{
	bool knows = r->size >= offsetof(sluice_fetch_request, of_exchange) + sizeof(bool);
	return knows && r->of_exchange;
}

static struct upstream *fetching_own(const struct fetching *who, const sluice_upstream *named,
	const char **why)
{
	if (named)
		*why = "it names an upstream, and asks for that of the exchange";
	else if (!who->upstreams || who->own < 0)
		*why = "the exchange has no upstream";
	else
		return who->upstreams[who->own];
	return NULL;
}

static struct upstream *fetching_upstream(const struct fetching *who, const sluice_upstream *u,
	const char **why)
{
	if (u->inst != who->inst)
		*why = "the upstream was named by another instance";
	else if (!who->upstreams || !who->places)
		*why = "the main thread has no connections to upstreams";
	else
		return who->upstreams[who->places[u->at]];
	return NULL;
}

/* Authorities are read when they are first asked for, which takes a while: not for a URL without
 * TLS. */
static bool fetching_is_plain(const sluice_fetch_request *r)
{
	return str_starts(r->url, STR("http://"));
}

static struct tls_client *fetching_tls(const struct fetching *who, const sluice_fetch_request *r,
	const char **why)
{
	sluice_str ca_file = instance_ca_file(who->inst, who->arena, r->ca_file);
	if (!r->ca_file.len || ca_file.len)
		return who->inst->policy->fetch_tls(ca_file, why);
	/* an empty one would mean the system's authorities */
	*why = "the request has no memory left for the path of its authorities";
	return NULL;
}

struct fetch *fetching_start(const struct fetching *who, const sluice_fetch_request *r, fetch_fn fn,
	void *ctx, const char **why)
{
	const sluice_upstream *u = fetching_named(r);
	struct fetch_way way = { .keep = who->worker->id != WORKER_MAIN };
	struct fetch *f = NULL;
	*why = NULL;
	if (fetching_of_exchange(r))
		way.upstream = fetching_own(who, u, why);
	else if (u)
		way.upstream = fetching_upstream(who, u, why);
	else if (!fetching_is_plain(r))
		way.tls = fetching_tls(who, r, why);
	if (!*why)
		f = fetch_start(who->worker, r, &way, fn, ctx, why);
	tls_client_free(&way.tls);
	return f;
}
