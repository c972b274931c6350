/* The limits of routes, at work. See the header. */
#include "proxy/limits.h"

#include "http/grpc.h"
#include "http/timeout.h"
#include "proxy/deadline.h"

/* ---- the beginning ------------------------------------------------------------------------- */

static const struct route_limits *limits_find(const struct exchange *x)
{
	const struct route *r = x->route;
	const struct snapshot *s = x->view->snap;
	if (likely(!r->limits_differ))
		return r->limits[0];
	/* of a listener that is gone, nobody knows the defaults */
	return r->limits[snapshot_listener_index(s, x->px.client->conn->listener)];
}

/* How long the client waits; TIMER_NEVER: it does not say. */
static int limits_read_deadline(const struct exchange *x, uint64_t *ns)
{
	const struct fields *f = &x->px.request->fields;
	sluice_str name = x->limits->deadline;
	*ns = TIMER_NEVER;
	for (uint32_t i = 0; i < f->n; i++) {
		if ((f->v[i].flags & FIELD_DROP) || !str_ieq(field_name(&f->v[i]), name))
			continue;
		if (*ns != TIMER_NEVER ||
			!timeout_parse(field_value(&f->v[i]), timeout_is_ms(name), ns))
			return ERR_DEADLINE_MALFORMED;
	}
	return 0;
}

static int limits_take_times(struct exchange *x)
{
	const struct route_limits *m = x->limits;
	uint64_t start = x->px.client->started_ns, ns;
	int err = m->request_ns ? deadline_by(x, start + m->request_ns, ERR_ROUTE_TIMEOUT) : 0;
	if (err || !m->deadline.len)
		return err;
	err = limits_read_deadline(x, &ns);
	if (err || ns == TIMER_NEVER)
		return err;
	return deadline_by(x, start + ns, ERR_DEADLINE_EXCEEDED);
}

int limits_take(struct exchange *x)
{
	struct client *c = x->px.client;
	const struct route_limits *m = limits_find(x);
	x->limits = m;
	if (m && m->max_body != LIMITS_UNSAID)
		c->max_body = m->max_body;
	if (m && m->idle_ns && !x->is_call)
		c->silence_ns = m->idle_ns;
	/* a plugin of the listener may have read it already */
	if (client_body_is_too_large(c) || (c->max_body && x->to_upstream.bytes > c->max_body))
		return ERR_BODY_TOO_LARGE;
	return m ? limits_take_times(x) : 0;
}

/* ---- towards the server -------------------------------------------------------------------- */

static int limits_tell(struct exchange *x, sluice_str name, sluice_str value)
{
	sluice_str kept = arena_str(x->px.arena, value);
	return kept.data ? fields_set(&x->px.request->fields, x->px.arena, name, kept)
			 : ERR_NO_MEMORY;
}

static int limits_tell_left(struct exchange *x, uint64_t left)
{
	char text[TIMEOUT_TEXT], call[GRPC_TIMEOUT_TEXT];
	const struct route_limits *m = x->limits;
	int err = 0;
	if (m && m->deadline.len)
		err = limits_tell(x, m->deadline,
			str_n(text, timeout_write(left, timeout_is_ms(m->deadline), text)));
	if (!err && x->is_call)
		err = limits_tell(x, STR("grpc-timeout"),
			str_n(call, grpc_timeout_write(left, call)));
	return err;
}

void limits_bound(const struct exchange *x, struct origin *o)
{
	const struct route_limits *m = x->limits;
	if (m && m->response_ns)
		o->begin_ns = m->response_ns;
	if (m && m->idle_ns)
		o->idle_ns = m->idle_ns;
}

int limits_aim(struct exchange *x)
{
	limits_bound(x, x->origin);
	uint64_t left = x->deadline ? deadline_left_ns(x->deadline) : TIMER_NEVER;
	if (left == TIMER_NEVER)
		return 0;
	return left ? limits_tell_left(x, left) : x->deadline->err;
}

int limits_late(const struct exchange *x)
{
	return x->deadline && deadline_left_ns(x->deadline) == 0 ? x->deadline->err : 0;
}

uint64_t limits_tunnel_ns(const struct exchange *x)
{
	if (x->limits && x->limits->idle_ns)
		return x->limits->idle_ns;
	return x->view->snap->upstreams[x->px.upstream].conf->timeouts.tunnel * NS_PER_MS;
}
