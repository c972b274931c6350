/* How requests are tried again: the rules of upstreams and of routes. Main thread. */
#include "proxy/build.h"

static struct retry_source source_of_upstream(struct build *b, const struct upstream_conf *c)
{
	bool retry = bind_given(&b->bind, c, "retry"), hedge = bind_given(&b->bind, c, "hedge");
	return (struct retry_source){ .retry = retry ? &c->retry : NULL,
		.hedge = hedge ? &c->hedge : NULL,
		.try_ms = c->timeouts.try,
		.response_ms = c->timeouts.response,
		.default_tries = (unsigned)c->retries + 1,
		.timeouts = &c->timeouts };
}

/* What the route does not say is as its upstream says. */
static struct retry_source source_of_route(struct build *b, const struct route *r)
{
	const struct route_conf *c = r->conf;
	const struct upstream_conf *u = b->snap->upstreams[r->upstream].conf;
	struct retry_source s = source_of_upstream(b, u);
	s.default_tries = s.retry && s.retry->tries ? (unsigned)s.retry->tries : s.default_tries;
	s.timeouts = NULL;
	if (bind_given(&b->bind, c, "retry"))
		s.retry = &c->retry;
	if (bind_given(&b->bind, c, "hedge"))
		s.hedge = &c->hedge;
	uint64_t try_ms = build_try_ms(b, r);
	if (try_ms)
		s.try_ms = try_ms;
	if (c->timeouts.try)
		s.timeouts = &c->timeouts;
	return s;
}

/* Whether it says anything of its own. */
static bool route_has_rules(struct build *b, const struct route *r)
{
	const struct route_conf *c = r->conf;
	return r->upstream >= 0 &&
		(bind_given(&b->bind, c, "retry") || bind_given(&b->bind, c, "hedge") ||
			build_try_ms(b, r));
}

void build_upstream_rules(struct build *b, struct snapshot_upstream *u)
{
	const struct retry_source s = source_of_upstream(b, u->conf);
	u->rules = retry_rules_make(&b->bind, &b->snap->arena, &s);
}

/* An answer of its own is not tried again. */
static void build_check_answer(struct build *b, const struct route *r)
{
	static const char *const options[] = { "retry", "hedge" };
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (bind_given(&b->bind, r->conf, options[i]))
			bind_warn(&b->bind, r->conf, options[i],
				"route \"%.*s\" answers by itself: `%s` has no effect",
				STR_ARG(r->name), options[i]);
	}
}

void build_route_rules(struct build *b, struct route *r)
{
	if (!route_has_rules(b, r))
		return;
	const struct retry_source s = source_of_route(b, r);
	r->rules = retry_rules_make(&b->bind, &b->snap->arena, &s);
}

void build_warn_rules(struct build *b)
{
	const struct snapshot *snap = b->snap;
	for (size_t i = 0; i < snap->n_upstreams; i++) {
		const struct snapshot_upstream *u = &snap->upstreams[i];
		const struct retry_source s = source_of_upstream(b, u->conf);
		if (u->rules)
			retry_rules_warn(&b->bind, u->rules, &s);
	}
	for (size_t i = 0; i < snap->n_routes; i++) {
		const struct route *r = &snap->routes[i];
		if (r->upstream < 0) {
			build_check_answer(b, r);
		} else if (r->rules) {
			struct retry_source s = source_of_route(b, r);
			if (!bind_given(&b->bind, r->conf, "retry"))
				s.retry = NULL; /* warned of at the upstream */
			retry_rules_warn(&b->bind, r->rules, &s);
		}
	}
}
