/* Plugin instances and routes of a snapshot being built. Main thread. */
#include "proxy/build.h"

/* ---- instances ----------------------------------------------------------------------------- */

static bool build_has_upstream(void *ctx, sluice_str name)
{
	return build_upstream_index(ctx, name) >= 0;
}

/* The instance a node asks for: the one of the old snapshot when nothing about it changed, else a
 * new one. */
static sluice_instance *build_instance(struct build *b, sluice_str name, const struct node *n,
	uint32_t *slot)
{
	struct snapshot *s = b->snap;
	const struct snapshot *old = b->env->old;
	sluice_instance *inst = NULL;
	const struct instance_needs there = { .stores = (const sluice_store *const *)s->stores,
		.n_stores = s->n_stores,
		.has_upstream = build_has_upstream,
		.ctx = s };

	if (n->kind != NODE_MAP) {
		(void)diag_error_node(b->diag, n, "expected a block with `use`, not %s",
			node_kind_text(n));
		return NULL;
	}
	for (size_t i = 0; old && !inst && i < old->n_instances; i++) {
		if (instance_is_same(old->instances[i], name, n, &there)) {
			inst = old->instances[i];
			inst->refs++;
		}
	}
	if (!inst)
		inst = instance_new(b->env->policy, name, n, &b->bind);
	if (!inst)
		return NULL;
	if ((s->n_instances & (s->n_instances - 1)) == 0) { /* at a power of two: double */
		size_t cap = s->n_instances ? s->n_instances * 2 : 1;
		sluice_instance **more = arena_alloc(&s->arena, cap * sizeof(sluice_instance *));
		if (s->n_instances)
			memcpy(more, s->instances, s->n_instances * sizeof(sluice_instance *));
		s->instances = more;
	}
	*slot = (uint32_t)s->n_instances;
	s->instances[s->n_instances++] = inst;
	return inst;
}

void build_plugins(struct build *b)
{
	const struct node *n = b->snap->conf.plugins;
	if (!n || node_is_null(n))
		return;
	if (n->kind != NODE_MAP) {
		(void)diag_error_node(b->diag, n, "expected a block of named instances, not %s",
			node_kind_text(n));
		return;
	}
	b->named = arena_zalloc(&b->snap->arena, n->n * sizeof(*b->named) + 1);
	for (uint32_t i = 0; i < n->n; i++) {
		struct named_instance *at = &b->named[b->n_named++];
		at->name = n->v[i]->key;
		at->inst = build_instance(b, at->name, n->v[i], &at->slot);
	}
}

void build_secrets(struct build *b)
{
	struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_instances; i++) {
		for (const struct instance_secret *n = s->instances[i]->secrets; n; n = n->next) {
			if (!s->secrets)
				s->secrets = arena_zalloc(&s->arena, sizeof(*s->secrets));
			bool ok = n->is_field ? secrets_add_field(s->secrets, &s->arena, n->name)
					      : secrets_add_query(s->secrets, &s->arena, n->name);
			if (ok)
				continue;
			(void)bind_error(&b->bind, &s->conf, "plugins",
				"plugins declare more than %d names of secrets", SECRET_NAMES_MAX);
			return;
		}
	}
}

/* ---- routes -------------------------------------------------------------------------------- */

static sluice_str build_named(struct build *b, size_t i)
{
	return b->named[i].name;
}

static sluice_str build_listener_name(struct build *b, size_t i)
{
	return b->snap->listeners[i].conf->name;
}

/* The name stands for the instance in stores, logs and metrics: nothing else may have it. */
static bool build_name_is_free(struct build *b, const struct node *n, sluice_str name)
{
	for (size_t i = 0; i < b->n_named; i++) {
		if (!str_eq(b->named[i].name, name))
			continue;
		(void)diag_error_node(b->diag, n,
			"an instance in `plugins` is called \"%.*s\", as this one would be",
			STR_ARG(name));
		return false;
	}
	return true;
}

/* Which upstreams of this snapshot those are that the instance names. */
static const uint32_t *build_item_upstreams(struct build *b, const sluice_instance *inst)
{
	uint32_t *v = inst->n_upstreams
		? arena_alloc(&b->snap->arena, inst->n_upstreams * sizeof(*v))
		: NULL;
	for (unsigned i = 0; i < inst->n_upstreams; i++) {
		int at = build_upstream_index(b->snap, inst->upstreams[i].name);
		check(at >= 0, "instance %.*s names an upstream that is gone", STR_ARG(inst->name));
		v[i] = (uint32_t)at;
	}
	return v;
}

static bool build_link(struct build *b, const struct route_conf *conf, const struct node *n,
	uint32_t at, struct chain_item *item)
{
	sluice_instance *inst = NULL;
	if (n->kind == NODE_MAP) {
		sluice_str name = arena_printf(&b->snap->arena, "%.*s/%u", STR_ARG(conf->name), at);
		if (!build_name_is_free(b, n, name))
			return false;
		inst = build_instance(b, name, n, &item->slot);
	} else if (n->kind == NODE_SCALAR) {
		size_t i = 0;
		while (i < b->n_named && !str_eq(b->named[i].name, n->text))
			i++;
		if (i == b->n_named) {
			(void)diag_error_node(b->diag, n, "there is no plugin instance \"%.*s\"",
				STR_ARG(n->text));
			build_hint_names(b, n->text, b->n_named, build_named, "instance");
			return false;
		}
		inst = b->named[i].inst;
		item->slot = b->named[i].slot;
	} else {
		(void)diag_error_node(b->diag, n,
			"expected the name of an instance, or a block with `use`");
	}
	if (!inst)
		return false;
	item->inst = inst;
	item->plugin = inst->plugin;
	item->conf = inst->conf;
	item->upstreams = build_item_upstreams(b, inst);
	return true;
}

static void build_chain(struct build *b, struct route *r)
{
	enum { CHAIN_MAX = 64 };
	const struct node *n = r->conf->plugins;
	if (!n || node_is_null(n))
		return;
	if (n->kind != NODE_LIST || n->n > CHAIN_MAX) {
		(void)diag_error_node(b->diag, n, "expected a list of at most %d plugins, not %s",
			CHAIN_MAX, node_kind_text(n));
		diag_hint(b->diag, "write plugins: [NAME, NAME]");
		return;
	}
	struct chain_item *v = arena_zalloc(&b->snap->arena, n->n * sizeof(*v) + 1);
	for (uint32_t i = 0; i < n->n; i++) {
		if (!build_link(b, r->conf, n->v[i], i, &v[i]))
			continue;
		r->chain.has_response |= v[i].plugin->on_response != NULL;
		r->chain.n++;
	}
	r->chain.v = v;
	if (r->chain.n == n->n) /* else places would not be those of the file */
		build_check_facts(b, r);
}

static void build_target(struct build *b, struct route *r)
{
	const struct route_conf *c = r->conf;
	bool responds = bind_given(&b->bind, c, "respond");
	r->upstream = -1;
	if (responds == (c->upstream.len > 0)) {
		(void)bind_error(&b->bind, c, responds ? "respond" : NULL,
			"a route needs an `upstream` or a `respond`, and not both");
		return;
	}
	if (responds) {
		build_respond(b, r);
		return;
	}
	r->upstream = build_upstream_index(b->snap, c->upstream);
	if (r->upstream < 0) {
		(void)bind_error(&b->bind, c, "upstream", "there is no upstream \"%.*s\"",
			STR_ARG(c->upstream));
		build_hint_upstreams(b, c->upstream);
	}
}

static void build_trailers(struct build *b, const struct route_conf *c)
{
	for (size_t i = 0; i < c->request_trailers.n; i++) {
		sluice_str name = c->request_trailers.v[i];
		unsigned code = token_read(name.data, name.len);
		const struct field f = { .name = name.data,
			.name_len = (uint32_t)name.len,
			.token = (uint16_t)(code & TOKEN_CODE) };
		if (!str_is_token(name) || field_is_no_trailer(&f) ||
			(code & ~(unsigned)TOKEN_CODE))
			(void)bind_error(&b->bind, c, "request_trailers",
				"\"%.*s\" cannot stand behind a body", STR_ARG(name));
	}
}

static void build_spec(struct build *b, struct route *r, struct route_spec *spec)
{
	const struct match_conf *m = &r->conf->match;
	*spec = (struct route_spec){ .name = r->name,
		.mark = r->conf,
		.data = r,
		.host = m->host,
		.path = m->path,
		.methods = m->methods,
		.headers = m->headers,
		.query = m->query,
		.listener = m->listener };
	if (m->listener.len == 0)
		return;
	for (size_t i = 0; i < b->snap->n_listeners; i++) {
		if (str_eq(b->snap->listeners[i].conf->name, m->listener))
			return;
	}
	(void)bind_error(&b->bind, m, "listener", "there is no listener \"%.*s\"",
		STR_ARG(m->listener));
	build_hint_names(b, m->listener, b->snap->n_listeners, build_listener_name, "listener");
}

static void build_on_route_error(void *ctx, const struct route_error *e)
{
	static const char *const options[] = { "host", "path", "listener", "methods", "headers",
		"query" };
	struct build *b = ctx;
	const struct route_conf *c = e->spec->mark, *other = e->other ? e->other->mark : NULL;
	if (other) {
		struct mark at = node_mark(bind_node(&b->bind, other));
		(void)bind_error(&b->bind, c, NULL,
			"route \"%.*s\" and route \"%.*s\" (%s:%u:%u) cannot be told apart: %s",
			STR_ARG(c->name), STR_ARG(other->name), at.file, at.line, at.col, e->text);
		diag_hint(b->diag, "give one of them a condition the other does not have");
		return;
	}
	(void)bind_error(&b->bind, &c->match, options[e->part], "%s (at character %zu)", e->text,
		e->offset + 1);
}

void build_routes(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct route_conf *v = s->conf.routes.v;
	size_t n = s->conf.routes.n;
	struct route_spec *specs = arena_zalloc(&b->bind.records, n * sizeof(*specs) + 1);
	s->routes = arena_zalloc(&s->arena, n * sizeof(*s->routes) + 1);
	s->n_routes = n;
	for (size_t i = 0; i < n; i++) {
		struct route *r = &s->routes[i];
		r->conf = &v[i];
		r->name = v[i].name;
		r->index = (unsigned)i;
		build_chain(b, r);
		build_target(b, r);
		build_trailers(b, &v[i]);
		build_spec(b, r, &specs[i]);
	}
	s->router = router_new(&s->arena, specs, n, build_on_route_error, b);
}
