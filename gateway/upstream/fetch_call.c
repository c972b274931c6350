/* A fetch over the pools of an upstream. See the header. */
#include "upstream/fetch_call.h"

static void call_ready(struct fetch_call *c)
{
	c->origin = c->call.origin;
	c->on_ready(c);
}

static void call_on_ready(struct upstream_call *call)
{
	call_ready(container_of(call, struct fetch_call, call));
}

static void call_on_fail(struct upstream_call *call, int err)
{
	struct fetch_call *c = container_of(call, struct fetch_call, call);
	c->on_fail(c, err);
}

static void call_on_late(struct timer *t)
{
	struct fetch_call *c = container_of(t, struct fetch_call, late);
	if (c->late_err)
		c->on_fail(c, c->late_err);
	else
		call_ready(c);
}

/* 1: ready, 0: on_ready or on_fail follows; negative: an enum err. */
static int call_open(struct fetch_call *c)
{
	return upstream_open(&c->call, c->upstream, c->events, c->user, c->arena);
}

void fetch_call_init(struct fetch_call *c, void (*on_ready)(struct fetch_call *c),
	void (*on_fail)(struct fetch_call *c, int err))
{
	*c = (struct fetch_call){ .on_ready = on_ready, .on_fail = on_fail };
	upstream_call_init(&c->call, call_on_ready, call_on_fail);
	timer_init(&c->late, call_on_late);
}

void fetch_call_open(struct fetch_call *c, struct worker *w, struct upstream *u,
	const struct request_head *head, const struct origin_events *events, void *user,
	struct arena *arena)
{
	c->upstream = u;
	c->events = events;
	c->user = user;
	c->arena = arena;
	c->call.request = head;
	c->call.proxy_header = upstream_proxy_header(upstream_conf_of(u));
	int r = call_open(c);
	if (r == 0)
		return;
	c->late_err = r < 0 ? r : 0;
	worker_timer(w, &c->late, 0); /* nothing calls back before this has returned */
}

static void call_leave(struct fetch_call *c, int err)
{
	struct origin *o = c->call.origin;
	c->origin = NULL;
	timer_stop(&c->late);
	upstream_report(&c->call, err);
	o->ops->release(o);
}

void fetch_call_answered(struct fetch_call *c, unsigned status)
{
	c->call.origin->headed = true;
	upstream_answered(&c->call, status);
}

bool fetch_call_again(struct fetch_call *c, int err)
{
	/* it may fail before on_ready, which sets c->origin */
	bool safe = upstream_may_repeat(c->call.origin, (enum method)c->call.request->method, err);
	call_leave(c, err);
	if (!safe || !upstream_take_retry(&c->call))
		return false;
	int r = call_open(c);
	if (r > 0)
		call_ready(c);
	else if (r < 0)
		c->on_fail(c, r);
	return true;
}

void fetch_call_close(struct fetch_call *c, int err)
{
	timer_drop(&c->late);
	if (c->call.origin)
		call_leave(c, err);
	upstream_call_fini(&c->call);
}

const char *fetch_call_why(const struct fetch_call *c)
{
	return c->call.endpoint ? endpoint_why(c->call.endpoint) : "";
}
