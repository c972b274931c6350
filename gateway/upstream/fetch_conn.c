/* From a host to an open connection. */
#include "upstream/fetch_conn.h"

#include <stdio.h>

enum {
	HEAD_MAX = 64 * 1024, /* of a response */
	FIELDS_MAX = 200,
};

/* the caller's deadline comes before */
#define KEPT_RESPONSE_NS (3600 * NS_PER_S)

static void fetch_conn_try(struct fetch_conn *c, int err);

static void fetch_conn_look_up(struct fetch_conn *c)
{
	const struct fetch_place *p = &c->place;
	c->reused = false;
	c->stage = p->via ? "the look-up of the proxy's name" : "the look-up of the name";
	resolve_start(c->worker, &c->resolve, str_of(p->via ? p->via : p->host),
		p->via ? p->via_port : p->port);
}

static struct fetch_conn *fetch_conn_of(struct fetch_link_user *u)
{
	return container_of(u, struct fetch_conn, holder);
}

static void fetch_conn_ready(struct fetch_conn *c)
{
	c->origin = fetch_link_begin(c->link, c->events, c->user, c->arena);
	c->why[0] = 0;
	c->on_ready(c);
}

static void fetch_conn_on_open(struct fetch_link_user *u)
{
	fetch_conn_ready(fetch_conn_of(u));
}

static void fetch_conn_on_gone(struct fetch_link_user *u, int err, const char *why)
{
	struct fetch_conn *c = fetch_conn_of(u);
	c->link = NULL;
	if (c->reused && !c->origin) { /* a kept one, before it was used */
		timer_stop(&c->late);
		fetch_conn_look_up(c);
		return;
	}
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	fetch_conn_try(c, err);
}

/* A kept connection is used after fetch_conn_open() has returned. */
static void fetch_conn_on_late(struct timer *t)
{
	fetch_conn_ready(container_of(t, struct fetch_conn, late));
}

/* Go on to the next address; each gets its share of the time that is left. err: of the address
 * before. */
static void fetch_conn_try(struct fetch_conn *c, int err)
{
	uint64_t now = worker_now(c->worker), left = c->due_ns > now ? c->due_ns - now : 1;

	c->stage = "a connection";
	while (c->at < c->n_addrs) {
		const struct http1_conn_conf conf = {
			.connect_ns = left / (c->n_addrs - c->at),
			.response_ns = c->place.keep ? KEPT_RESPONSE_NS : left,
			.idle_ns = FETCH_LINK_IDLE_MS * NS_PER_MS,
			.max_head = HEAD_MAX,
			.max_fields = FIELDS_MAX,
		};
		const struct addr *to = &c->addrs[c->at++];
		c->link = fetch_link_open(c->worker, &c->place, to, &conf, &c->holder, &err);
		if (c->link)
			return;
		if (err == ERR_UPSTREAM_TLS || err == ERR_NO_DESCRIPTORS) {
			c->why[0] = 0; /* drop what was said about the address before */
			break;
		}
	}
	c->on_fail(c, err);
}

static void fetch_conn_on_answer(struct resolve_call *r, const struct resolve_answer *a)
{
	struct fetch_conn *c = container_of(r, struct fetch_conn, resolve);
	if (a->error) {
		(void)snprintf(c->why, sizeof(c->why), "%s", a->error);
		c->on_fail(c, ERR_NOT_RESOLVED);
		return;
	}
	c->n_addrs = a->n < RESOLVE_TRIED_MAX ? a->n : RESOLVE_TRIED_MAX;
	memcpy(c->addrs, a->addrs, c->n_addrs * sizeof(a->addrs[0]));
	fetch_conn_try(c, 0);
}

void fetch_conn_init(struct fetch_conn *c, void (*on_ready)(struct fetch_conn *c),
	void (*on_fail)(struct fetch_conn *c, int err))
{
	*c = (struct fetch_conn){ .on_ready = on_ready,
		.on_fail = on_fail,
		.holder = { fetch_conn_on_open, fetch_conn_on_gone } };
	resolve_call_init(&c->resolve, fetch_conn_on_answer);
	timer_init(&c->late, fetch_conn_on_late);
}

void fetch_conn_open(struct fetch_conn *c, struct worker *w, const struct fetch_target *t,
	const struct origin_events *events, void *user, struct arena *arena)
{
	c->worker = w;
	c->place = t->place;
	c->due_ns = t->due_ns;
	c->events = events;
	c->user = user;
	c->arena = arena;
	c->link = fetch_link_take(w, &c->place, &c->holder);
	c->reused = c->link != NULL;
	c->stage = "a connection";
	if (c->reused)
		worker_timer(w, &c->late, 0);
	else
		fetch_conn_look_up(c);
}

static void fetch_conn_leave(struct fetch_conn *c)
{
	struct fetch_link *l = c->link;
	struct origin *o = c->origin;
	timer_stop(&c->late);
	c->link = NULL;
	c->origin = NULL;
	if (l)
		fetch_link_leave(l, o);
}

bool fetch_conn_again(struct fetch_conn *c, enum method method, int err)
{
	const struct origin *o = c->origin;
	bool stale = c->reused && !o->answered &&
		(err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET);
	if (!stale || (o->sent && !method_is_idempotent(method)))
		return false;
	fetch_conn_leave(c);
	fetch_conn_look_up(c);
	return true;
}

void fetch_conn_close(struct fetch_conn *c)
{
	resolve_cancel(&c->resolve);
	fetch_conn_leave(c);
	timer_drop(&c->late);
}
