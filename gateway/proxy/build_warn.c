/*
 * What is no mistake in a configuration, and yet hardly what was meant: things that nothing uses,
 * routes that no request reaches, clear text where TLS is usual. Main thread.
 */
#include <errno.h>
#include <sys/stat.h>

#include "policy/conn.h"
#include "proxy/build.h"
#include "proxy/mirror.h"
#include "proxy/split.h"
#include "route/reach.h"
#include "store/store.h"

/* ---- what nothing uses --------------------------------------------------------------------- */

static bool upstream_is_used(const struct snapshot *s, size_t index)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct route *r = &s->routes[i];
		int at;
		if (r->mirror && r->mirror->upstream == (int)index)
			return true;
		for (size_t k = 0; (at = split_upstream(r, k)) >= 0; k++) {
			if (at == (int)index)
				return true;
		}
	}
	for (size_t i = 0; i < s->n_instances; i++) {
		const sluice_instance *inst = s->instances[i];
		for (unsigned k = 0; k < inst->n_upstreams; k++) {
			if (str_eq(inst->upstreams[k].name, s->upstreams[index].conf->name))
				return true;
		}
	}
	return false;
}

static void warn_unused_upstreams(struct build *b)
{
	const struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_upstreams; i++) {
		if (!upstream_is_used(s, i))
			bind_warn(&b->bind, s->upstreams[i].conf, NULL,
				"no route and no plugin leads to upstream \"%.*s\"",
				STR_ARG(s->upstreams[i].conf->name));
	}
}

static bool listener_has(const struct snapshot *s, const sluice_instance *inst)
{
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (chain_has(&s->listeners[i].chain, inst))
			return true;
	}
	return false;
}

static bool instance_is_used(const struct snapshot *s, const sluice_instance *inst)
{
	if (listener_has(s, inst))
		return true;
	for (size_t i = 0; i < s->n_sinks; i++) {
		if (s->instances[s->sinks[i]] == inst)
			return true;
	}
	for (size_t i = 0; i < s->n_routes; i++) {
		if (chain_has(&s->routes[i].chain, inst))
			return true;
	}
	for (size_t i = 0; i < s->n_upstreams; i++) {
		const struct snapshot_upstream *u = &s->upstreams[i];
		if (u->discovery == inst || (u->balancer && u->balancer->inst == inst))
			return true;
	}
	return false;
}

static void warn_unused_plugins(struct build *b)
{
	for (size_t i = 0; i < b->n_named; i++) {
		const struct named_plugin *p = &b->named[i];
		bool is_chain = p->state != NAMED_INSTANCE;
		if (is_chain ? p->is_used : !p->inst || instance_is_used(b->snap, p->inst))
			continue;
		diag_warn_node(b->diag, p->node,
			"no route, listener or upstream uses the %s \"%.*s\"",
			is_chain ? "chain" : "plugin instance", STR_ARG(p->name));
	}
}

/* Whether hooks of connections are missed where they do not run. A plugin that only judges does it
 * at the request as well as at the connection. */
static bool plugin_misses_conns(const sluice_plugin *p)
{
	bool judges = p->on_connect && p->on_request && !p->on_secured && !p->on_disconnect;
	return plugin_sees_conns(p) && !judges;
}

/* Plugins whose hooks of connections never run. */
static void warn_deaf_plugins(struct build *b)
{
	const struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_routes; i++) {
		const struct route *r = &s->routes[i];
		for (uint32_t k = 0; r->chain.sees_conns && k < r->chain.n; k++) {
			const struct chain_item *item = &r->chain.v[k];
			if (!plugin_misses_conns(item->plugin) || listener_has(s, item->inst))
				continue;
			bind_warn(&b->bind, r->conf, "plugins",
				"plugin instance \"%.*s\" has hooks of connections, which do not "
				"run for the plugins of a route",
				STR_ARG(item->inst->name));
			diag_hint(b->diag, "add it to the `plugins` of a listener");
		}
	}
}

static bool store_is_used(const struct snapshot *s, const sluice_store *store)
{
	for (size_t i = 0; i < s->n_instances; i++) {
		for (unsigned k = 0; k < s->instances[i]->n_stores; k++) {
			if (s->instances[i]->stores[k] == store)
				return true;
		}
	}
	return false;
}

static void warn_unused_stores(struct build *b)
{
	const struct snapshot *s = b->snap;
	const struct store_conf *v = s->conf.stores.v;
	for (size_t i = 0; i < s->n_stores; i++) {
		if (store_is_used(s, s->stores[i]))
			continue;
		for (size_t k = 0; k < s->conf.stores.n; k++) {
			if (str_eq(v[k].name, str_of(store_name(s->stores[i]))))
				bind_warn(&b->bind, &v[k], NULL,
					"no plugin uses the store \"%.*s\"", STR_ARG(v[k].name));
		}
	}
}

/* ---- listeners and logs -------------------------------------------------------------------- */

static void warn_clear_443(struct build *b)
{
	enum { HTTPS_PORT = 443 };
	for (size_t i = 0; i < b->snap->n_listeners; i++) {
		const struct snapshot_listener *l = &b->snap->listeners[i];
		if (l->tls || !l->addr.len || addr_port(&l->addr) != HTTPS_PORT)
			continue;
		bind_warn(&b->bind, l->conf, "address",
			"listener \"%.*s\" speaks without TLS on port 443, where clients expect it",
			STR_ARG(l->conf->name));
		diag_hint(b->diag,
			"add tls: { certificates: [{ certificate: FILE, private_key: FILE }] }");
	}
}

/* A log that cannot be opened keeps the gateway from starting: a check tells it before. */
static void warn_log_folder(struct build *b)
{
	const struct access_conf *c = &b->snap->conf.log.access;
	struct stat st;
	if (str_eq(c->path, STR("off")) || str_eq(c->path, STR("stderr")) ||
		str_eq(c->path, STR("stdout")) || !c->path.len)
		return;
	sluice_str folder = arena_str(&b->bind.records,
		str_of(config_path(&b->config, bind_node(&b->bind, c), c->path)));
	while (folder.len && folder.data[folder.len - 1] != '/')
		folder.len--;
	const char *name = folder.len ? arena_str(&b->bind.records, folder).data : ".";
	if (stat(name, &st) < 0)
		bind_warn(&b->bind, c, "path", "the folder %s cannot be reached: %s", name,
			strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		bind_warn(&b->bind, c, "path", "%s is no folder", name);
}

/* ---- routes -------------------------------------------------------------------------------- */

static bool listener_is_plain(void *ctx, sluice_str name)
{
	const struct snapshot *s = ((const struct build *)ctx)->snap;
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (str_eq(s->listeners[i].conf->name, name))
			return !s->listeners[i].tls;
	}
	return false;
}

/* Where a warning of the route is shown. */
static struct mark warn_route_mark(struct build *b, const struct route_warning *w)
{
	const struct route_conf *c = w->rule->mark;
	const struct node *n = NULL;
	if (w->extent != ROUTE_WHOLE)
		n = bind_member(&b->bind, &c->match, w->extent == ROUTE_ONE_PATH ? "path" : "host",
			w->index);
	else if (w->trouble == ROUTE_NEVER_MATCHES)
		n = bind_option(&b->bind, &c->match, "path");
	return n ? node_mark(n) : node_key_mark(bind_node(&b->bind, c));
}

/* "route "x"", or "path "/a" of route "x"". */
static sluice_str warn_route_name(struct build *b, const struct route_warning *w)
{
	struct arena *a = &b->bind.records;
	const struct route_rule *r = w->rule;
	switch (w->extent) {
	case ROUTE_ONE_HOST:
		return arena_printf(a, "host \"%.*s\" of route \"%.*s\"",
			STR_ARG(r->host_texts[w->index]), STR_ARG(r->name));
	case ROUTE_ONE_PATH:
		return arena_printf(a, "path \"%.*s\" of route \"%.*s\"",
			STR_ARG(r->path_texts[w->index]), STR_ARG(r->name));
	default:
		return arena_printf(a, "route \"%.*s\"", STR_ARG(r->name));
	}
}

/* The names of listeners that a route is bound to, for a sentence. */
static sluice_str warn_listeners(struct build *b, sluice_strs names)
{
	sluice_str text = STR("");
	for (size_t i = 0; i < names.n; i++)
		text = arena_printf(&b->bind.records, "%.*s%s\"%.*s\"", STR_ARG(text),
			i == 0                    ? ""
				: i + 1 < names.n ? ", "
						  : " and ",
			STR_ARG(names.v[i]));
	return text;
}

static void warn_route_without_tls(struct build *b, const struct route_warning *w, struct mark at)
{
	const struct route_conf *c = w->rule->mark, *other = w->other->mark;
	sluice_strs names = other->match.listener;
	if (((const struct route *)w->rule->data)->upstream < 0)
		return; /* an answer of our own is not what TLS was for */
	bind_warn(&b->bind, c, NULL,
		"route \"%.*s\" is served without TLS on %s %.*s, ahead of route \"%.*s\" "
		"(%s:%u:%u) which is bound to %s: routes are compared by host and path first, "
		"`listener` is only a condition",
		STR_ARG(c->name), names.n > 1 ? "listeners" : "listener",
		STR_ARG(warn_listeners(b, names)), STR_ARG(other->name), at.file, at.line, at.col,
		names.n > 1 ? "them" : "it");
	diag_hint(b->diag, "say where this route is served: match: { listener: NAME }");
}

static void warn_route(void *ctx, const struct route_warning *w)
{
	struct build *b = ctx;
	const struct route_conf *other = w->other ? w->other->mark : NULL;
	struct mark at = warn_route_mark(b, w), there = { 0 };
	if (other)
		there = node_mark(bind_node(&b->bind, other));
	switch (w->trouble) {
	case ROUTE_NEVER_MATCHES:
		diag_warn(b->diag, &at,
			"%.*s takes no request: an expression must match the whole path, which "
			"begins with /",
			STR_ARG(warn_route_name(b, w)));
		break;
	case ROUTE_UNREACHABLE:
		diag_warn(b->diag, &at,
			"no request reaches %.*s: route \"%.*s\" (%s:%u:%u) takes all that it "
			"matches",
			STR_ARG(warn_route_name(b, w)), STR_ARG(other->name), there.file,
			there.line, there.col);
		diag_hint(b->diag,
			"an expression is asked after the patterns: give this route a longer path, "
			"or a host");
		break;
	case ROUTE_WITHOUT_TLS:
		warn_route_without_tls(b, w, there);
		break;
	}
}

static void warn_routes(struct build *b)
{
	const struct snapshot *s = b->snap;
	bool has_tls = false;
	for (size_t i = 0; i < s->n_listeners; i++)
		has_tls |= s->listeners[i].tls != NULL;
	reach_check(s->router, warn_route, b);
	if (has_tls)
		reach_check_without_tls(s->router, listener_is_plain, warn_route, b);
}

void build_warnings(struct build *b)
{
	warn_unused_upstreams(b);
	warn_unused_plugins(b);
	warn_deaf_plugins(b);
	warn_unused_stores(b);
	warn_clear_443(b);
	warn_log_folder(b);
	warn_routes(b);
	build_warn_rules(b);
	build_warn_auth(b);
}
