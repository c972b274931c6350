/* Whose stories the error log tells: log.stories. */
#include "proxy/build.h"

static sluice_str build_route_name(struct build *b, size_t i)
{
	return b->snap->routes[i].name;
}

static struct route *build_find_route(const struct snapshot *s, sluice_str name)
{
	for (size_t i = 0; i < s->n_routes; i++) {
		if (str_eq(s->routes[i].name, name))
			return &s->routes[i];
	}
	return NULL;
}

static void build_story_routes(struct build *b, const struct stories_conf *c)
{
	struct snapshot *s = b->snap;
	for (size_t i = 0; i < c->routes.n; i++) {
		sluice_str name = c->routes.v[i];
		struct route *r = build_find_route(s, name);
		if (r) {
			r->tells_stories = true;
			continue;
		}
		(void)bind_error(&b->bind, c, "routes", "there is no route \"%.*s\"",
			STR_ARG(name));
		build_hint_names(b, name, s->n_routes, build_route_name, "route");
	}
	for (size_t i = 0; i < s->n_routes && s->stories.any_route; i++)
		s->routes[i].tells_stories = true;
}

void build_stories(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct stories_conf *c = &s->conf.log.stories;
	s->stories.are_chosen = c->routes.n || c->clients.n;
	s->stories.any_route = !c->routes.n;
	build_story_routes(b, c);
	s->stories.clients = build_cidr_set(b, c, "clients", c->clients);
}
