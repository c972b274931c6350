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
	build_match_facts(b, r, spec);
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
		"query", "facts" };
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
	s->upgrade_told = arena_zalloc(&s->arena, n * sizeof(*s->upgrade_told) + 1);
	build_defaults(b);
	for (size_t i = 0; i < n; i++) {
		struct route *r = &s->routes[i];
		struct build_links links;
		r->conf = &v[i];
		r->name = v[i].name;
		r->index = (unsigned)i;
		r->at = node_mark(bind_node(&b->bind, r->conf));
		if (build_chain(b, r->name, v[i].plugins, &r->chain, &links))
			build_check_facts(b, r, &links);
		build_target(b, r);
		build_limits(b, r);
		build_mirror(b, r);
		build_check_balancer_facts(b, r);
		build_trailers(b, &v[i]);
		build_spec(b, r, &specs[i]);
	}
	s->router = router_new(&s->arena, specs, n, build_on_route_error, b);
	if (s->router)
		router_reads_facts(s->router, match_fact_read);
	s->n_match_facts = b->n_match_facts;
}
