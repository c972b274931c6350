/*
 * Tunnels: after a 101 an exchange is two streams of bytes that know nothing of messages (RFC
 * 9110 7.8). Each side may end its own; the exchange ends when both have, when one fails, or when
 * neither says anything for `timeouts.tunnel`. On a WebSocket the gateway knows where frames end,
 * so that it can say goodbye when it stops.
 */
#include "base/log.h"
#include "http/upgrade.h"
#include "proxy/exchange.h"
#include "proxy/websocket.h"

struct tunnel {
	struct list link; /* proxy.tunnels */
	struct exchange *x;
	struct timer timer;
	uint64_t idle_ns;
	bool is_websocket;
	bool leaving;                    /* a close frame is to be said on both sides */
	bool left_client, left_upstream; /* it was */
	struct websocket from_client, from_upstream;
};

bool tunnel_is_allowed(const struct exchange *x)
{
	const struct request_head *h = x->px.request;
	const sluice_strs *names = &x->route->conf->upgrade;
	if (!h->upgrade || !x->request_done || names->n == 0 || !x->px.client->ops->tunnel)
		return false;
	sluice_str protocol = upgrade_protocol(&h->fields);
	for (size_t i = 0; i < names->n; i++) {
		if (protocol.len && str_ieq(protocol, names->v[i]))
			return true;
	}
	return false;
}

bool tunnel_is_well_asked(const struct exchange *x)
{
	const struct fields *f = &x->px.request->fields;
	return !upgrade_is_websocket(upgrade_protocol(f)) || upgrade_key(f).len;
}

bool tunnel_is_agreed(const struct exchange *x, const struct response_head *h)
{
	const struct request_head *rh = x->px.request;
	sluice_str asked = upgrade_protocol(&rh->fields), got = upgrade_protocol(&h->fields);
	char accept[UPGRADE_ACCEPT_LEN];
	if (!x->upgrade || !got.len || !str_ieq(asked, got))
		return false;
	if (!rh->upgrade_only || !upgrade_is_websocket(asked))
		return true;
	/* the key is our own: nobody else looks whether the answer fits (RFC 6455 4.1) */
	const struct field *f = fields_find(&h->fields, TOKEN_SEC_WEBSOCKET_ACCEPT);
	upgrade_make_accept(upgrade_key(&rh->fields), accept);
	return f && str_eq(field_value(f), str_n(accept, sizeof(accept)));
}

static void tunnel_on_due(struct timer *t)
{
	struct tunnel *u = container_of(t, struct tunnel, timer);
	struct exchange *x = u->x;
	x->px.client->ops->abort(x->px.client);
	exchange_end(x, ERR_TUNNEL_IDLE);
}

static void tunnel_is_alive(struct tunnel *u)
{
	worker_timer(u->x->px.worker, &u->timer, u->idle_ns);
}

void tunnel_begin(struct exchange *x)
{
	struct client *c = x->px.client;
	struct origin *o = x->origin;
	struct tunnel *u = arena_zalloc(x->px.arena, sizeof(*u));
	if (!u) {
		forward_stop(x, 0);
		x->status = 0;
		respond_error(x, ERR_NO_MEMORY);
		return;
	}
	u->x = x;
	u->idle_ns = upstream_conf_of(x->view->upstreams[x->route->upstream])->timeouts.tunnel *
		NS_PER_MS;
	u->is_websocket = upgrade_is_websocket(upgrade_protocol(&x->px.request->fields));
	timer_init(&u->timer, tunnel_on_due);
	list_push(&x->proxy->tunnels, &u->link);
	x->tunnel = u;
	exchange_set_state(x, EXCHANGE_TUNNEL);
	c->ops->head(c, x->px.response);
	c->ops->tunnel(c);
	o->ops->tunnel(o);
	x->request_done = x->origin_done = false;
	tunnel_is_alive(u);
	c->ops->resume(c);
	o->ops->resume(o);
}

/* ---- leaving ------------------------------------------------------------------------------- */

/* What one side sent until now ended with a frame: a close frame fits in behind it, and our side of
 * it ends. */
static void tunnel_leave_client(struct tunnel *u)
{
	struct client *c = u->x->px.client;
	char frame[WEBSOCKET_CLOSE_MAX];
	struct buf data;
	u->left_client = true;
	if (!u->from_upstream.closed) {
		buf_init(&data);
		buf_append(&data, frame, websocket_close(frame, false));
		(void)c->ops->body(c, &data);
	}
	c->ops->end(c, NULL);
}

static void tunnel_leave_upstream(struct tunnel *u)
{
	struct origin *o = u->x->origin;
	char frame[WEBSOCKET_CLOSE_MAX];
	struct buf data;
	u->left_upstream = true;
	if (!u->from_client.closed) {
		buf_init(&data);
		buf_append(&data, frame, websocket_close(frame, true));
		(void)o->ops->body(o, &data);
	}
	o->ops->end(o, NULL);
}

void tunnels_drain(struct proxy *p)
{
	list_each_safe (e, &p->tunnels) {
		struct tunnel *u = container_of(e, struct tunnel, link);
		if (!u->is_websocket || u->leaving)
			continue;
		u->leaving = true;
		if (websocket_is_between(&u->from_upstream) && !u->x->origin_done)
			tunnel_leave_client(u);
		if (websocket_is_between(&u->from_client) && !u->x->request_done)
			tunnel_leave_upstream(u);
	}
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Look at what passes, and cut it behind the last whole frame when we are leaving. True: leave
 * now. */
static bool tunnel_look(struct tunnel *u, struct websocket *w, struct buf *data)
{
	if (!u->is_websocket)
		return false;
	size_t whole = websocket_pass(w, data);
	if (!u->leaving || whole == 0)
		return false;
	if (whole < data->len) { /* the beginning of a frame that nobody will hear the end of */
		struct buf keep;
		buf_init(&keep);
		buf_move(&keep, data, whole);
		buf_drain(data, data->len);
		buf_move_all(data, &keep);
	}
	return true;
}

void tunnel_from_client(struct exchange *x, struct buf *data)
{
	struct tunnel *u = x->tunnel;
	struct origin *o = x->origin;
	tunnel_is_alive(u);
	if (u->left_upstream) {
		buf_drain(data, data->len);
		return;
	}
	bool leave = tunnel_look(u, &u->from_client, data);
	if (o->ops->body(o, data))
		x->px.client->ops->hold(x->px.client);
	if (leave)
		tunnel_leave_upstream(u);
}

void tunnel_from_upstream(struct exchange *x, struct buf *data)
{
	struct tunnel *u = x->tunnel;
	struct client *c = x->px.client;
	tunnel_is_alive(u);
	if (u->left_client) {
		buf_drain(data, data->len);
		return;
	}
	bool leave = tunnel_look(u, &u->from_upstream, data);
	if (c->ops->body(c, data))
		x->origin->ops->hold(x->origin);
	if (leave)
		tunnel_leave_client(u);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void tunnel_maybe_over(struct exchange *x)
{
	if (x->request_done && x->origin_done && x->tunnel_sent && x->tunnel_passed)
		exchange_end(x, 0);
}

void tunnel_client_ended(struct exchange *x)
{
	struct tunnel *u = x->tunnel;
	tunnel_is_alive(u);
	if (!u->left_upstream) {
		u->left_upstream = true;
		x->origin->ops->end(x->origin, NULL);
	}
	tunnel_maybe_over(x);
}

void tunnel_upstream_ended(struct exchange *x)
{
	struct tunnel *u = x->tunnel;
	tunnel_is_alive(u);
	if (!u->left_client) {
		u->left_client = true;
		x->px.client->ops->end(x->px.client, NULL);
	}
	tunnel_maybe_over(x);
}

void tunnel_client_sent(struct exchange *x)
{
	x->tunnel_sent = true;
	tunnel_maybe_over(x);
}

bool tunnel_client_is_through(const struct exchange *x)
{
	return x->state == EXCHANGE_TUNNEL && x->request_done && x->tunnel_sent;
}

void tunnel_upstream_sent(struct exchange *x)
{
	if (!x->tunnel->left_upstream) /* there is room again, nothing more */
		return;
	x->tunnel_passed = true;
	tunnel_maybe_over(x);
}

void tunnel_fini(struct exchange *x)
{
	if (!x->tunnel)
		return;
	timer_drop(&x->tunnel->timer);
	list_del(&x->tunnel->link);
}
