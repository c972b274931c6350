/* Routes of a snapshot being built. Main thread. */
#include "proxy/build.h"
#include "proxy/match_fact.h"

static sluice_str build_listener_name(struct build *b, size_t i)
{
	return b->snap->listeners[i].conf->name;
}

static void build_target(struct build *b, struct route *r)
{
	const struct route_conf *c = r->conf;
	bool responds = bind_given(&b->bind, c, "respond"),
	     splits = bind_given(&b->bind, c, "split");
	r->upstream = -1;
	if (responds + splits + (c->upstream.len > 0) != 1) {
		(void)bind_error(&b->bind, c,
			responds         ? "respond"
				: splits ? "split"
					 : NULL,
			"a route needs an `upstream`, a `split` or a `respond`, and only one of "
			"them");
		return;
	}
	if (splits) {
		r->upstream = build_split(b, r);
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

/* Whether a listener has that name. */
static bool build_has_listener(const struct build *b, sluice_str name)
{
	size_t i = 0;
	while (i < b->snap->n_listeners && !str_eq(b->snap->listeners[i].conf->name, name))
		i++;
	return i < b->snap->n_listeners;
}

static void build_spec(struct build *b, struct route *r, struct route_spec *spec)
{
	const struct match_conf *m = &r->conf->match;
	*spec = (struct route_spec){ .name = r->name,
		.mark = r->conf,
		.data = r,
		.hosts = m->host,
		.paths = m->path,
		.listeners = m->listener,
		.methods = m->methods,
		.clients = m->client,
		.headers = m->headers,
		.query = m->query,
		.cookies = m->cookies };
	build_match_facts(b, r, spec);
	for (size_t i = 0; i < m->listener.n; i++) {
		sluice_str name = m->listener.v[i];
		if (build_has_listener(b, name))
			continue;
		(void)bind_error_in(&b->bind, m, "listener", i, "there is no listener \"%.*s\"",
			STR_ARG(name));
		build_hint_names(b, name, b->snap->n_listeners, build_listener_name, "listener");
	}
}

/* Two routes that cannot be told apart: at the member of a list, if there is one that does it. */
static void build_on_conflict(struct build *b, const struct route_error *e)
{
	const struct route_conf *c = e->spec->mark, *other = e->other->mark;
	const sluice_strs *list = e->part == ROUTE_PATH ? &c->match.path : &c->match.host;
	struct mark at = node_mark(bind_node(&b->bind, other));
	sluice_str text = arena_printf(&b->bind.records,
		"route \"%.*s\" and route \"%.*s\" (%s:%u:%u) cannot be told apart: %s",
		STR_ARG(c->name), STR_ARG(other->name), at.file, at.line, at.col, e->text);
	if (list->n > 1)
		(void)bind_error_in(&b->bind, &c->match, route_part_name(e->part), e->index, "%.*s",
			STR_ARG(text));
	else
		(void)bind_error(&b->bind, c, NULL, "%.*s", STR_ARG(text));
	diag_hint(b->diag, "give one of them a condition the other does not have");
}

static void build_on_route_error(void *ctx, const struct route_error *e)
{
	struct build *b = ctx;
	const struct route_conf *c = e->spec->mark;
	if (e->other)
		build_on_conflict(b, e);
	else
		(void)bind_error_in(&b->bind, &c->match, route_part_name(e->part), e->index,
			"%s (at character %zu)", e->text, e->offset + 1);
}

void build_routes(struct build *b)
{
	struct snapshot *s = b->snap;
	struct route_conf *v = s->conf.routes.v;
	size_t n = s->conf.routes.n;
	struct route_spec *specs = arena_zalloc(&b->bind.records, n * sizeof(*specs) + 1);
	s->routes = arena_zalloc(&s->arena, n * sizeof(*s->routes) + 1);
	s->n_routes = n;
	s->upgrade_told = arena_zalloc(&s->arena, n * sizeof(*s->upgrade_told) + 1);
	build_defaults(b);
	build_default_rules(b);
	for (size_t i = 0; i < n; i++) {
		struct route *r = &s->routes[i];
		struct build_links links;
		r->conf = &v[i];
		if (v[i].match.listener.n == 1 && !v[i].match.listener.v[0].len)
			v[i].match.listener.n = 0; /* an empty text stands for none */
		r->name = v[i].name;
		r->index = (unsigned)i;
		r->at = node_mark(bind_node(&b->bind, r->conf));
		if (build_chain(b, r->name, v[i].plugins, &r->chain, &links))
			build_check_facts(b, r, &links);
		build_target(b, r);
		if (r->upstream >= 0 && !r->split)
			r->upstream_name = s->upstreams[r->upstream].conf->name;
		build_route_rules(b, r);
		build_limits(b, r);
		build_mirror(b, r);
		build_check_balancer_facts(b, r);
		build_trailers(b, &v[i]);
		build_spec(b, r, &specs[i]);
	}
	specs = build_documents(b, specs, &n);
	s->router = router_new(&s->arena, specs, n, build_on_route_error, b);
	if (s->router)
		router_reads_facts(s->router, match_fact_read);
	s->n_match_facts = b->n_match_facts;
}
