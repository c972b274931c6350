/*
 * Warnings of what may be open by mistake: a route that asks for no credentials beside routes that
 * do, and credentials that come without TLS although a listener with TLS is there for them. Main
 * thread.
 */
#include <stdlib.h>
#include <strings.h>

#include "proxy/build.h"

enum {
	SHOWN = 3,   /* neighbours that a warning names */
	LOOKED = 200 /* neighbours that it looks at; how many there are beyond, it does not say */
};

/* A host of a route that asks for credentials. */
struct guarded_host {
	sluice_str host; /* as in the file; empty: any */
	const struct route *route;
	uint64_t listeners; /* a bit for each at which the route decides about credentials */
};

/* Sorted by host, then in the order of the file. */
struct guarded {
	struct guarded_host *v;
	size_t n;
};

/* ---- who asks for credentials -------------------------------------------------------------- */

static bool instance_reads_credentials(const sluice_instance *inst)
{
	const struct instance_own *o = inst->owns;
	while (o && o->kind == SLUICE_OWN_WORD)
		o = o->next;
	return o != NULL;
}

/* The first plugin of the chain that reads credentials; NULL: none. One whose mode is report is
 * one: somebody thought about it. */
static const sluice_instance *chain_guard(const struct chain *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		if (instance_reads_credentials(c->v[i].inst))
			return c->v[i].inst;
	}
	return NULL;
}

/* Its own plugins or certificates of clients decide, whatever the route. */
static bool listener_is_guarded(const struct snapshot_listener *l)
{
	return chain_guard(&l->chain) ||
		(l->tls && l->conf->tls.client_ca.len &&
			l->conf->tls.client_certificate == TLS_CLIENT_REQUIRED);
}

/* The listeners of the route, a bit for each, but for those that ask for credentials themselves. */
static uint64_t route_open_listeners(const struct snapshot *s, const struct route *r)
{
	uint64_t set = 0;
	check(s->n_listeners <= 64, "%zu listeners", s->n_listeners);
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (!listener_is_guarded(&s->listeners[i]) &&
			route_is_at(r->conf, s->listeners[i].conf->name))
			set |= UINT64_C(1) << i;
	}
	return set;
}

static size_t route_hosts(const struct route *r)
{
	size_t n = r->conf->match.host.n;
	return n ? n : 1;
}

static sluice_str route_host(const struct route *r, size_t i)
{
	const sluice_strs *v = &r->conf->match.host;
	return v->n ? v->v[i] : STR("");
}

/* ---- a route without authentication among routes that have it ------------------------------ */

static int host_order(sluice_str a, sluice_str b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? strncasecmp(a.data, b.data, a.len) : 0;
}

static int guarded_order(const void *a, const void *b)
{
	const struct guarded_host *x = a, *y = b;
	int d = host_order(x->host, y->host);
	return d ? d : (x->route->index > y->route->index) - (x->route->index < y->route->index);
}

static struct guarded guarded_make(struct build *b)
{
	const struct snapshot *s = b->snap;
	struct guarded g = { .n = 0 };
	size_t room = 0;
	for (size_t i = 0; i < s->n_routes; i++)
		room += chain_guard(&s->routes[i].chain) ? route_hosts(&s->routes[i]) : 0;
	if (room == 0)
		return g;
	g.v = arena_alloc(&b->bind.records, room * sizeof(*g.v));
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct route *r = &s->routes[i];
		uint64_t at = chain_guard(&r->chain) ? route_open_listeners(s, r) : 0;
		for (size_t k = 0; at && k < route_hosts(r); k++)
			g.v[g.n++] = (struct guarded_host){ route_host(r, k), r, at };
	}
	qsort(g.v, g.n, sizeof(*g.v), guarded_order);
	return g;
}

/* The first of this host. */
static size_t guarded_find(const struct guarded *g, sluice_str host)
{
	size_t low = 0, high = g->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (host_order(g->v[mid].host, host) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Neighbours of a route, for a sentence. */
struct neighbours {
	const struct route *v[SHOWN];
	size_t n;
};

static void neighbours_add(struct neighbours *found, const struct route *r)
{
	for (size_t i = 0; i < found->n && i < SHOWN; i++) {
		if (found->v[i] == r)
			return; /* by another of its hosts */
	}
	if (found->n < SHOWN)
		found->v[found->n] = r;
	found->n++;
}

/* Of one host of the route: those at a listener that is in the set. */
static void neighbours_of_host(const struct guarded *g, sluice_str host, uint64_t listeners,
	struct neighbours *found)
{
	size_t first = guarded_find(g, host);
	for (size_t i = first; i < g->n && i < first + LOOKED; i++) {
		if (host_order(g->v[i].host, host) != 0)
			return;
		if (g->v[i].listeners & listeners)
			neighbours_add(found, g->v[i].route);
	}
}

static sluice_str neighbours_text(struct build *b, const struct neighbours *found)
{
	struct arena *a = &b->bind.records;
	sluice_str text = STR("");
	for (size_t i = 0; i < found->n && i < SHOWN; i++)
		text = arena_printf(a, "%.*s%s\"%.*s\" (%.*s)", STR_ARG(text), i ? ", " : "",
			STR_ARG(found->v[i]->name),
			STR_ARG(chain_guard(&found->v[i]->chain)->name));
	return found->n > SHOWN ? arena_printf(a, "%.*s and others", STR_ARG(text)) : text;
}

/* An answer of the gateway's own gives nothing away, and `client` decides who may ask. */
static bool route_may_be_open(const struct route *r)
{
	return r->conf->public || r->upstream < 0 || r->conf->match.client.n ||
		chain_guard(&r->chain);
}

static void warn_open_route(struct build *b, const struct guarded *g, const struct route *r)
{
	uint64_t at = route_open_listeners(b->snap, r);
	struct neighbours found = { .n = 0 };
	if (!at)
		return;
	for (size_t i = 0; i < route_hosts(r); i++)
		neighbours_of_host(g, route_host(r, i), at, &found);
	if (found.n == 0)
		return;
	bind_warn(&b->bind, r->conf, NULL,
		"route \"%.*s\" asks for no credentials, beside routes of the same host that do: "
		"%.*s",
		STR_ARG(r->name), STR_ARG(neighbours_text(b, &found)));
	diag_hint(b->diag,
		"add the plugin that authenticates; or say that everybody may come: public: true");
}

/* It says that everybody may come, and a plugin asks who it is. */
static void warn_guarded_public(struct build *b, const struct route *r)
{
	const sluice_instance *guard = chain_guard(&r->chain);
	for (size_t i = 0; !guard && i < b->snap->n_listeners; i++) {
		const struct snapshot_listener *l = &b->snap->listeners[i];
		if (route_is_at(r->conf, l->conf->name))
			guard = chain_guard(&l->chain);
	}
	if (!guard)
		return;
	bind_warn(&b->bind, r->conf, "public",
		"route \"%.*s\" is public, and plugin instance \"%.*s\" reads credentials all the "
		"same",
		STR_ARG(r->name), STR_ARG(guard->name));
	diag_hint(b->diag, "`public` changes nothing about the plugins: take one of the two out");
}

static void warn_open_routes(struct build *b)
{
	const struct snapshot *s = b->snap;
	struct guarded g = guarded_make(b);
	for (size_t i = 0; i < s->n_routes && b->diag->n_warnings < DIAG_KEPT; i++) {
		const struct route *r = &s->routes[i];
		if (r->conf->public)
			warn_guarded_public(b, r);
		else if (g.n && !route_may_be_open(r))
			warn_open_route(b, &g, r);
	}
}

/* ---- credentials without TLS --------------------------------------------------------------- */

/* Nobody but this machine reaches it, or what is in front of it speaks TLS with clients. */
static bool listener_is_inner(const struct snapshot_listener *l)
{
	return l->conf->trusted_proxies.n || l->conf->proxy_protocol.from.n ||
		addr_is_local(&l->addr);
}

/* A plugin of its own that no listener with TLS has: a redirect to https, most likely. */
static bool listener_has_own_plugin(const struct snapshot *s, const struct snapshot_listener *l)
{
	bool shared = true;
	for (uint32_t i = 0; i < l->chain.n && shared; i++) {
		shared = false;
		for (size_t k = 0; k < s->n_listeners; k++) {
			const struct snapshot_listener *other = &s->listeners[k];
			shared |= other->tls && chain_has(&other->chain, l->chain.v[i].inst);
		}
	}
	return !shared;
}

/* A listener with TLS at which the route is served too. */
static const struct snapshot_listener *listener_with_tls(const struct snapshot *s,
	const struct route *r)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		if (l->tls && route_is_at(r->conf, l->conf->name))
			return l;
	}
	return NULL;
}

static void warn_clear_credentials(struct build *b, const struct snapshot_listener *l)
{
	const struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct route *r = &s->routes[i];
		const sluice_instance *guard = chain_guard(&r->chain);
		/* one that names its listeners is meant to be there */
		const struct snapshot_listener *with =
			guard && !r->conf->match.listener.n ? listener_with_tls(s, r) : NULL;
		if (!with)
			continue;
		bind_warn(&b->bind, l->conf, "address",
			"listener \"%.*s\" is without TLS and reaches what listener \"%.*s\" is "
			"for: credentials that plugin instance \"%.*s\" reads for route \"%.*s\" "
			"may come in clear text",
			STR_ARG(l->conf->name), STR_ARG(with->conf->name), STR_ARG(guard->name),
			STR_ARG(r->name));
		diag_hint(b->diag,
			"have the listener redirect to https (plugins: [{ use: redirect, scheme: "
			"https }]), or say where its routes are served: match: { listener: NAME }");
		return;
	}
}

void build_warn_auth(struct build *b)
{
	warn_open_routes(b);
	for (size_t i = 0; i < b->snap->n_listeners; i++) {
		const struct snapshot_listener *l = &b->snap->listeners[i];
		if (!l->tls && l->addr.len && !listener_is_inner(l) &&
			!listener_has_own_plugin(b->snap, l))
			warn_clear_credentials(b, l);
	}
}
