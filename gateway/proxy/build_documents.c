/*
 * Documents that plugins have the gateway serve (sluice_serve()): each is a route without plugins,
 * for the document's path on the hosts and listeners of the routes whose lists have the instance. A
 * route of the file for the same path and host comes first, and takes what it takes (method,
 * listener, further conditions); the document has the rest. Main thread.
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

static bool has_host(sluice_strs hosts, sluice_str host)
{
	for (size_t i = 0; i < hosts.n; i++) {
		if (str_ieq(hosts.v[i], host))
			return true;
	}
	return false;
}

/* How many of a are in b. */
static size_t count_shared(sluice_strs a, sluice_strs b)
{
	size_t n = 0;
	for (size_t i = 0; i < a.n; i++) {
		for (size_t k = 0; k < b.n; k++)
			n += str_eq(a.v[i], b.v[k]);
	}
	return n;
}

static bool is_same_document(const struct instance_document *a, const struct instance_document *b)
{
	bool same = a->status == b->status && str_eq(a->body, b->body) &&
		str_eq(a->content_type, b->content_type) && a->headers.n == b->headers.n;
	for (size_t i = 0; same && i < a->headers.n; i++)
		same = str_ieq(a->headers.v[i].name, b->headers.v[i].name) &&
			str_eq(a->headers.v[i].value, b->headers.v[i].value);
	return same;
}

/* What is served already at a document's path on one host of its owner's listeners. */
enum served {
	SERVED_NOT, /* nothing on all of them */
	SERVED_ALIKE,
	SERVED_OTHERWISE, /* another document on one of them */
};

/* A document for some listeners comes before one for all of them. */
static enum served served_there(const struct documents *d, const struct instance_document *doc,
	sluice_str host, sluice_strs listeners)
{
	enum served found = SERVED_NOT;
	for (size_t i = 0; i < d->n && found != SERVED_OTHERWISE; i++) {
		const struct route_spec *s = &d->specs[d->n_routes + i];
		size_t shared = count_shared(s->listeners, listeners);
		bool both_any = s->listeners.n == 0 && listeners.n == 0;
		if (!str_eq(d->of[i]->path, doc->path) || !has_host(s->hosts, host) ||
			!(both_any || shared))
			continue;
		if (!is_same_document(d->of[i], doc))
			found = SERVED_OTHERWISE;
		else if (shared == listeners.n)
			found = SERVED_ALIKE;
	}
	return found;
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

static void tell_conflict(struct build *b, const struct route *from, const sluice_instance *inst,
	const struct instance_document *doc)
{
	(void)bind_error(&b->bind, from->conf, "plugins",
		"plugin instance \"%.*s\" has another document for %.*s than one of another route",
		STR_ARG(inst->name), STR_ARG(doc->path));
	diag_hint(b->diag, "instances that speak for one resource have to say the same of it");
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
		enum served there = served_there(d, doc, hosts.v[i], owner->listeners);
		if (there == SERVED_OTHERWISE) {
			tell_conflict(b, from, inst, doc);
			return;
		}
		if (there == SERVED_NOT)
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
		.methods = { methods, 2 },
		.is_last = true };
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
