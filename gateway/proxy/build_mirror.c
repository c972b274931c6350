/* Where copies of a route's requests go. Main thread. */
#include "proxy/build.h"
#include "proxy/mirror.h"

void build_mirror(struct build *b, struct route *r)
{
	const struct mirror_conf *c = &r->conf->mirror;
	if (!bind_given(&b->bind, r->conf, "mirror"))
		return;
	struct route_mirror *m = arena_new(&b->snap->arena, struct route_mirror);
	m->upstream = build_upstream_index(b->snap, c->to);
	if (c->to.len && m->upstream < 0) {
		(void)bind_error(&b->bind, c, "to", "there is no upstream \"%.*s\"",
			STR_ARG(c->to));
		build_hint_upstreams(b, c->to);
	}
	if (bind_given(&b->bind, r->conf, "respond"))
		(void)bind_error(&b->bind, r->conf, "mirror",
			"a route that answers by itself sends no requests of which there could be "
			"copies");
	m->share = (uint32_t)c->share;
	m->max_body = c->max_body;
	m->max_copies = (uint32_t)c->max_copies;
	m->timeout_ns = c->timeout * NS_PER_MS;
	if (m->upstream >= 0)
		r->mirror = m;
}

void build_mirror_counts(struct route *r)
{
	struct route_mirror *m = r->mirror;
	for (unsigned i = 0; m && i < MIRROR_RESULTS; i++)
		m->counts[i] = series_find(FAMILY_MIRRORED, r->name, str_of(mirror_results[i]));
}
