/*
 * Documents that plugins have the gateway serve (sluice_serve()): each is a route without plugins,
 * for the document's path on the hosts and listeners of the routes whose lists have the instance. A
 * route of the file for the same path and host takes its place. Main thread.
 */
#include "policy/template.h"
#include "proxy/build.h"

/* Those that are there so far. */
struct documents {
	struct build *b;
	const struct route_spec *routes; /* of the file */
	size_t n_routes;
	struct route_spec *specs; /* in the arena: room for all */
	struct route **made;      /* by the same indices, behind those of the file */
	const struct instance_document **of;
	size_t n;
};

static const sluice_str any_host[] = { { "", 0 } };

static sluice_strs hosts_of(const struct route_spec *s)
{
	return s->hosts.n ? s->hosts : (sluice_strs){ any_host, 1 };
}

static bool has_text(sluice_strs list, sluice_str text)
{
	for (size_t i = 0; i < list.n; i++) {
		if (str_ieq(list.v[i], text))
			return true;
	}
	return false;
}

/* The file says itself what is answered there. */
static bool is_of_the_file(const struct documents *d, sluice_str path, sluice_str host)
{
	for (size_t i = 0; i < d->n_routes; i++) {
		if (has_text(d->routes[i].paths, path) && has_text(hosts_of(&d->routes[i]), host))
			return true;
	}
	return false;
}

static bool is_same_list(sluice_strs a, sluice_strs b)
{
	for (size_t i = 0; i < a.n; i++) {
		if (!has_text(b, a.v[i]))
			return false;
	}
	return a.n == b.n;
}

/* The document that is served there already; NULL: none. */
static const struct instance_document *served_there(const struct documents *d, sluice_str path,
	sluice_str host, sluice_strs listeners)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct route_spec *s = &d->specs[d->n_routes + i];
		if (str_eq(d->of[i]->path, path) && has_text(hosts_of(s), host) &&
			is_same_list(s->listeners, listeners))
			return d->of[i];
	}
	return NULL;
}

static void fill_answer(struct build *b, struct route *r, struct route_conf *c,
	const struct instance_document *doc)
{
	struct arena *a = &b->snap->arena;
	struct template_part *parts = arena_zalloc(a, (doc->headers.n + 1) * sizeof(*parts));
	struct sluice_template *v = arena_zalloc(a, (doc->headers.n + 1) * sizeof(*v));
	c->respond = (struct respond_conf){ .status = (uint64_t)doc->status,
		.content_type = doc->content_type,
		.headers = doc->headers };
	r->answer.body_text = doc->body;
	r->answer.headers = arena_zalloc(a, (doc->headers.n + 1) * sizeof(*r->answer.headers));
	for (size_t i = 0; i < doc->headers.n; i++) {
		parts[i].text = doc->headers.v[i].value;
		v[i] = (struct sluice_template){ &parts[i], 1, TEMPLATE_FIELD };
		r->answer.headers[i] = &v[i];
	}
}

/* owner: a route that has inst in its list. */
static void add_document(struct documents *d, const struct route_spec *owner,
	const sluice_instance *inst, const struct instance_document *doc)
{
	static const sluice_str methods[] = { { "GET", 3 }, { "OPTIONS", 7 } };
	struct build *b = d->b;
	const struct route *from = owner->data;
	sluice_strs hosts = hosts_of(owner);
	sluice_str *left = arena_alloc(&b->snap->arena, hosts.n * sizeof(*left));
	size_t n = 0;
	for (size_t i = 0; i < hosts.n; i++) {
		const struct instance_document *other =
			served_there(d, doc->path, hosts.v[i], owner->listeners);
		if (other && !str_eq(other->body, doc->body)) {
			(void)bind_error(&b->bind, from->conf, "plugins",
				"plugin instance \"%.*s\" has another document for %.*s than one "
				"of another route",
				STR_ARG(inst->name), STR_ARG(doc->path));
			diag_hint(b->diag,
				"instances that speak for one resource have to say the same of it");
			return;
		}
		if (!other && !is_of_the_file(d, doc->path, hosts.v[i]))
			left[n++] = hosts.v[i];
	}
	if (!n)
		return;
	struct route_conf *c = arena_new(&b->snap->arena, struct route_conf);
	struct route *r = arena_new(&b->snap->arena, struct route);
	sluice_str *path = arena_alloc(&b->snap->arena, sizeof(*path));
	*path = doc->path;
	c->name = arena_printf(&b->snap->arena, "%.*s:document", STR_ARG(inst->name));
	*r = (struct route){ .name = c->name,
		.conf = c,
		.at = from->at,
		.upstream = -1,
		.document_of = inst };
	fill_answer(b, r, c, doc);
	d->of[d->n] = doc;
	d->made[d->n] = r;
	d->specs[d->n_routes + d->n++] = (struct route_spec){ .name = r->name,
		.mark = from->conf,
		.data = r,
		.hosts = { left, n },
		.paths = { path, 1 },
		.listeners = owner->listeners,
		.methods = { methods, 2 } };
}

static size_t count_documents(const struct route *r)
{
	size_t n = 0;
	for (uint32_t i = 0; i < r->chain.n; i++) {
		const struct instance_document *doc = r->chain.v[i].inst->documents;
		for (; doc; doc = doc->next)
			n++;
	}
	return n;
}

struct route_spec *build_documents(struct build *b, const struct route_spec *routes, size_t *n)
{
	struct snapshot *s = b->snap;
	size_t room = 0;
	for (size_t i = 0; i < s->n_routes; i++)
		room += count_documents(&s->routes[i]);
	struct documents d = { .b = b, .routes = routes, .n_routes = *n };
	d.specs = arena_zalloc(&b->bind.records, (*n + room) * sizeof(*d.specs) + 1);
	d.made = arena_zalloc(&s->arena, (room + 1) * sizeof(*d.made));
	d.of = arena_zalloc(&b->bind.records, (room + 1) * sizeof(*d.of));
	if (*n)
		memcpy(d.specs, routes, *n * sizeof(*routes));
	for (size_t i = 0; room && i < s->n_routes; i++) {
		const struct chain *c = &s->routes[i].chain;
		for (uint32_t k = 0; k < c->n; k++) {
			const struct instance_document *doc = c->v[k].inst->documents;
			for (; doc; doc = doc->next)
				add_document(&d, &routes[i], c->v[k].inst, doc);
		}
	}
	s->documents = d.made;
	s->n_documents = d.n;
	*n += d.n;
	return d.specs;
}
