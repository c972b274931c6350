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

/* Blocks that a route or the defaults of a listener have, over those of *s. */
static void source_add(struct build *b, const void *owner, const struct retry_conf *retry,
	const struct hedge_conf *hedge, struct retry_source *s)
{
	if (s->retry && s->retry->tries)
		s->default_tries = (unsigned)s->retry->tries;
	if (bind_given(&b->bind, owner, "retry"))
		s->retry = retry;
	if (bind_given(&b->bind, owner, "hedge"))
		s->hedge = hedge;
}

/* 0: not given. */
static uint64_t time_over(uint64_t ms, uint64_t other_ms)
{
	return ms ? ms : other_ms;
}

/* What the route does not say is as the defaults of its listener say (d; NULL: there are none), and
 * what these do not say, as its upstream says. */
static struct retry_source source_of_route(struct build *b, const struct route *r,
	const struct route_defaults *d)
{
	const struct route_conf *c = r->conf;
	struct retry_source s = source_of_upstream(b, b->snap->upstreams[r->upstream].conf);
	if (d) {
		source_add(b, d, &d->retry, &d->hedge, &s);
		s.try_ms = time_over(d->timeouts.try, s.try_ms);
	}
	source_add(b, c, &c->retry, &c->hedge, &s);
	s.timeouts = NULL;
	/* one that undoes a shorter one is no mistake */
	if (c->timeouts.try && !s.try_ms)
		s.timeouts = &c->timeouts;
	s.try_ms = time_over(c->timeouts.try, s.try_ms);
	return s;
}

/* Whether the owner of a block `timeouts` says anything that rules are made of. */
static bool has_rules(struct build *b, const void *owner, const struct route_timeouts *t)
{
	return bind_given(&b->bind, owner, "retry") || bind_given(&b->bind, owner, "hedge") ||
		t->try;
}

void build_upstream_rules(struct build *b, struct snapshot_upstream *u)
{
	const struct retry_source s = source_of_upstream(b, u->conf);
	unsigned before = b->diag->n_errors;
	u->rules = retry_rules_make(&b->bind, &b->snap->arena, &s);
	b->rules_are_broken |= b->diag->n_errors != before;
}

/* What the defaults of a listener say by themselves, without a route and an upstream. */
static struct retry_source source_of_defaults(struct build *b, const struct route_defaults *d)
{
	struct retry_source s = { .default_tries = 2, .try_ms = d->timeouts.try };
	source_add(b, d, &d->retry, &d->hedge, &s);
	return s;
}

/* Mistakes in a block are reported once, however many rules are made of it. */
static const struct retry_rules *build_check_rules(struct build *b, const struct retry_source *s)
{
	unsigned before = b->diag->n_errors;
	const struct retry_rules *r = retry_rules_make(&b->bind, &b->bind.records, s);
	b->rules_are_broken |= b->diag->n_errors != before;
	return r;
}

/* The defaults of a listener, where they say anything about tries; NULL: they do not. */
static const struct route_defaults *defaults_with_rules(struct build *b,
	const struct listener_conf *l)
{
	const struct route_defaults *d = &l->defaults;
	return bind_given(&b->bind, l, "defaults") && has_rules(b, d, &d->timeouts) ? d : NULL;
}

void build_default_rules(struct build *b)
{
	for (size_t i = 0; i < b->snap->n_listeners; i++) {
		const struct route_defaults *d = defaults_with_rules(b, b->snap->listeners[i].conf);
		if (!d)
			continue;
		const struct retry_source s = source_of_defaults(b, d);
		(void)build_check_rules(b, &s);
	}
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

/* Of the route at a listener; d: what the listener's defaults say about tries, NULL: nothing. */
static const struct retry_rules *build_rules_at(struct build *b, const struct route *r,
	const struct route_defaults *d)
{
	if (!d && !has_rules(b, r->conf, &r->conf->timeouts))
		return NULL;
	const struct retry_source s = source_of_route(b, r, d);
	return retry_rules_make(&b->bind, &b->snap->arena, &s);
}

/* The defaults change nothing about a route that says all of it. */
static bool defaults_add_nothing(struct build *b, const struct route *r,
	const struct route_defaults *d)
{
	const struct retry_source without = source_of_route(b, r, NULL),
				  with = source_of_route(b, r, d);
	return has_rules(b, r->conf, &r->conf->timeouts) && with.retry == without.retry &&
		with.hedge == without.hedge && with.try_ms == without.try_ms &&
		with.default_tries == without.default_tries;
}

static void build_rules_by_listener(struct build *b, struct route *r)
{
	struct snapshot *s = b->snap;
	const struct retry_rules **v = arena_zalloc(&s->arena, (s->n_listeners + 1) * sizeof(*v));
	const struct retry_rules *own = build_rules_at(b, r, NULL), *first = own;
	bool is_first = true;
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct listener_conf *l = s->listeners[i].conf;
		const struct route_defaults *d = defaults_with_rules(b, l);
		v[i] = own;
		if (!route_is_at(r->conf, l->name))
			continue;
		if (d && !defaults_add_nothing(b, r, d))
			v[i] = build_rules_at(b, r, d);
		if (is_first)
			first = v[i];
		r->rules_differ |= v[i] != first;
		is_first = false;
	}
	v[s->n_listeners] = own;
	if (!r->rules_differ)
		v[0] = first;
	r->rules = r->rules_differ || first ? v : NULL;
}

void build_route_rules(struct build *b, struct route *r)
{
	const struct route_conf *c = r->conf;
	struct retry_source own = { .default_tries = 1 };
	source_add(b, c, &c->retry, &c->hedge, &own);
	(void)build_check_rules(b, &own);
	if (r->upstream >= 0 && !b->rules_are_broken)
		build_rules_by_listener(b, r);
}

static void build_warn_default_rules(struct build *b)
{
	for (size_t i = 0; i < b->snap->n_listeners; i++) {
		const struct route_defaults *d = defaults_with_rules(b, b->snap->listeners[i].conf);
		if (!d)
			continue;
		const struct retry_source s = source_of_defaults(b, d);
		const struct retry_rules *rules = build_check_rules(b, &s);
		if (rules)
			retry_rules_warn(&b->bind, rules, &s);
	}
}

/* Of what the route says itself. */
static void build_warn_route_rules(struct build *b, const struct route *r)
{
	struct retry_source s = source_of_route(b, r, NULL);
	const struct retry_rules *own = r->rules_differ ? r->rules[b->snap->n_listeners]
							: r->rules[0];
	if (!bind_given(&b->bind, r->conf, "retry"))
		s.retry = NULL; /* warned of where it is written */
	if (own)
		retry_rules_warn(&b->bind, own, &s);
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
			build_warn_route_rules(b, r);
		}
	}
	build_warn_default_rules(b);
}
