/* What routes bound, by their own options and the defaults of their listeners. Main thread. */
#include "proxy/build.h"

#include "http/head.h"

static bool limits_are_alike(const struct route_limits *a, const struct route_limits *b)
{
	if (!a || !b)
		return a == b;
	return a->request_ns == b->request_ns && a->response_ns == b->response_ns &&
		a->idle_ns == b->idle_ns && a->max_body == b->max_body &&
		str_eq(a->deadline, b->deadline);
}

static void limits_add_times(struct build *b, const struct route_timeouts *t,
	struct route_limits *m)
{
	if (bind_given(&b->bind, t, "request"))
		m->request_ns = t->request * NS_PER_MS;
	if (bind_given(&b->bind, t, "response"))
		m->response_ns = t->response * NS_PER_MS;
	if (bind_given(&b->bind, t, "idle"))
		m->idle_ns = t->idle * NS_PER_MS;
	if (bind_given(&b->bind, t, "deadline"))
		m->deadline = t->deadline;
}

/* Of a route at a listener; d: the listener's defaults, NULL: there are none. NULL: nothing. */
static const struct route_limits *limits_make(struct build *b, const struct route_conf *c,
	const struct route_defaults *d)
{
	static const struct route_limits nothing = { .max_body = LIMITS_UNSAID };
	struct route_limits m = nothing;
	if (d) {
		limits_add_times(b, &d->timeouts, &m);
		if (bind_given(&b->bind, d, "max_body"))
			m.max_body = d->max_body;
	}
	limits_add_times(b, &c->timeouts, &m);
	if (bind_given(&b->bind, c, "max_body"))
		m.max_body = c->max_body;
	if (limits_are_alike(&m, &nothing))
		return NULL;
	struct route_limits *kept = arena_new(&b->snap->arena, struct route_limits);
	*kept = m;
	return kept;
}

bool route_is_at(const struct route_conf *c, sluice_str listener)
{
	for (size_t i = 0; i < c->match.listener.n; i++) {
		if (str_eq(c->match.listener.v[i], listener))
			return true;
	}
	return c->match.listener.n == 0;
}

/* A field that has no meaning of its own to the gateway. */
static void limits_check_field(struct build *b, const struct route_timeouts *t)
{
	sluice_str name = t->deadline;
	unsigned code = token_read(name.data, name.len);
	const struct field f = { .name = name.data,
		.name_len = (uint32_t)name.len,
		.token = (uint16_t)(code & TOKEN_CODE) };
	if (!name.len ||
		(str_is_token(name) && !field_is_no_trailer(&f) &&
			!str_ieq(name, STR("grpc-timeout"))))
		return;
	(void)bind_error(&b->bind, t, "deadline", "\"%.*s\" cannot say how long a client waits",
		STR_ARG(name));
	diag_hint(b->diag,
		"write the name of a field such as x-request-timeout; the grpc-timeout "
		"of calls needs no option");
}

void build_defaults(struct build *b)
{
	for (size_t i = 0; i < b->snap->n_listeners; i++)
		limits_check_field(b, &b->snap->listeners[i].conf->defaults.timeouts);
}

void build_limits(struct build *b, struct route *r)
{
	struct snapshot *s = b->snap;
	const struct route_limits **v = arena_zalloc(&s->arena, (s->n_listeners + 1) * sizeof(*v));
	const struct route_limits *own = limits_make(b, r->conf, NULL), *first = own;
	bool is_first = true;
	limits_check_field(b, &r->conf->timeouts);
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct listener_conf *l = s->listeners[i].conf;
		v[i] = own;
		if (!route_is_at(r->conf, l->name))
			continue;
		if (bind_given(&b->bind, l, "defaults"))
			v[i] = limits_make(b, r->conf, &l->defaults);
		if (is_first)
			first = v[i];
		else
			r->limits_differ |= !limits_are_alike(first, v[i]);
		is_first = false;
	}
	v[s->n_listeners] = own;
	if (!r->limits_differ)
		v[0] = first;
	r->limits = r->limits_differ || first ? v : NULL;
}
