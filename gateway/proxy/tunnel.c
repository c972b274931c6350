/*
 * Tunnels. See tunnel.h. On a WebSocket the gateway knows where frames end, so that it can send a
 * close frame between two of them when it stops. Both lanes work alike: a lane's `passed` says that
 * our side of its sink has ended, by the source's end or by a close frame of ours.
 */
#include "proxy/tunnel.h"

#include "http/upgrade.h"
#include "proxy/exchange.h"
#include "proxy/limits.h"
#include "proxy/websocket.h"

struct tunnel {
	struct exchange *x;
	struct timer timer;
	uint64_t idle_ns;
	bool is_websocket;
	bool leaving;               /* a close frame is to be sent on both lanes */
	bool looked;                /* since the last bytes passed, for a reset */
	struct websocket frames[2]; /* by enum sluice_side: what passes on the lane */
};

/* Neither end reads its socket more often than there are bytes, so that a message costs one read. A
 * reset that came with the last bytes is found when the tunnel has been quiet for a while. */
#define TUNNEL_LOOK_NS NS_PER_S

static void tunnel_look_at_ends(const struct exchange *x)
{
	struct client *c = x->px.client;
	struct origin *o = x->origin;
	if (c->ops->look && !x->gone)
		c->ops->look(c);
	if (o && o->ops->look)
		o->ops->look(o);
}

static void tunnel_on_due(struct timer *t)
{
	struct tunnel *u = container_of(t, struct tunnel, timer);
	struct exchange *x = u->x;
	if (u->looked || u->idle_ns <= TUNNEL_LOOK_NS) {
		x->events->on_failed(x, ERR_TUNNEL_IDLE);
		return;
	}
	u->looked = true;
	worker_timer(x->px.worker, t, u->idle_ns - TUNNEL_LOOK_NS);
	tunnel_look_at_ends(x);
}

/* Something passed: the silence is counted anew. */
static void tunnel_rearm_idle(struct tunnel *u)
{
	u->looked = false;
	worker_timer(u->x->px.worker, &u->timer,
		u->idle_ns < TUNNEL_LOOK_NS ? u->idle_ns : TUNNEL_LOOK_NS);
}

/* ---- ends ---------------------------------------------------------------------------------- */

static bool lane_is_over(const struct lane *l)
{
	return l->ended && l->drained;
}

static void tunnel_check_over(struct exchange *x)
{
	if (lane_is_over(&x->to_upstream) && lane_is_over(&x->to_client))
		x->events->on_through(&x->to_client);
}

/* All that the sink was told has left. */
static void tunnel_lane_drained(struct lane *l)
{
	l->drained = true;
	tunnel_check_over(l->x);
}

static void tunnel_end_sink(struct lane *l)
{
	struct exchange *x = l->x;
	if (l->passed)
		return;
	l->passed = true;
	if (l->side == SLUICE_REQUEST)
		x->origin->ops->end(x->origin, NULL);
	else
		x->px.client->ops->end(x->px.client, NULL);
	lane_release(l, HOLD_FULL); /* what still comes is thrown away: it needs no room */
}

/* What passed until now ended with a frame: a close frame fits in behind it, and our side of the
 * sink ends. */
static void tunnel_leave(struct lane *l)
{
	struct tunnel *u = l->x->tunnel;
	char frame[WEBSOCKET_CLOSE_MAX];
	struct buf data;
	if (!u->frames[l->side].closed) {
		buf_init(&data);
		buf_append(&data, frame, websocket_close(frame, l->side == SLUICE_REQUEST));
		(void)lane_put(l, &data);
	}
	tunnel_end_sink(l);
}

static void tunnel_leave_between_frames(struct lane *l)
{
	if (websocket_is_between(&l->x->tunnel->frames[l->side]) && !l->ended)
		tunnel_leave(l);
}

void tunnels_drain(struct proxy *p)
{
	list_each (e, &p->exchanges) {
		const struct exchange *x = container_of(e, struct exchange, at);
		struct tunnel *u = x->tunnel;
		if (x->state != EXCHANGE_TUNNEL || !u->is_websocket || u->leaving)
			continue;
		u->leaving = true;
		tunnel_leave_between_frames(&u->x->to_client);
		tunnel_leave_between_frames(&u->x->to_upstream);
	}
}

/* ---- the way ------------------------------------------------------------------------------- */

/* Look at what passes, and cut it behind the last whole frame when we are leaving. True: leave
 * now. */
static bool tunnel_look(struct tunnel *u, struct websocket *frames, struct buf *data)
{
	if (!u->is_websocket)
		return false;
	size_t whole = websocket_pass(frames, data);
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

static void tunnel_take(struct lane *l, struct buf *data)
{
	struct tunnel *u = l->x->tunnel;
	tunnel_rearm_idle(u);
	if (l->passed) {
		buf_drain(data, data->len);
		return;
	}
	bool leave = tunnel_look(u, &u->frames[l->side], data);
	if (lane_put(l, data))
		lane_hold(l, HOLD_FULL);
	if (leave)
		tunnel_leave(l);
}

static void tunnel_ended(struct lane *l)
{
	tunnel_rearm_idle(l->x->tunnel);
	tunnel_end_sink(l);
	tunnel_check_over(l->x);
}

/* Of the client on_sent tells when all has left, of the upstream this. */
static void tunnel_drained(struct lane *l)
{
	lane_release(l, HOLD_FULL);
	if (l->side == SLUICE_REQUEST && l->passed)
		tunnel_lane_drained(l);
}

static const struct lane_way tunnel_way = {
	.name = "tunnel",
	.take = tunnel_take,
	.ended = tunnel_ended,
	.drained = tunnel_drained,
};

void tunnel_client_sent(struct exchange *x)
{
	tunnel_lane_drained(&x->to_client);
}

bool tunnel_client_is_through(const struct exchange *x)
{
	return x->state == EXCHANGE_TUNNEL && x->to_upstream.ended && x->to_client.drained;
}

/* ---- from beginning to end ----------------------------------------------------------------- */

int tunnel_begin(struct exchange *x)
{
	struct client *c = x->px.client;
	struct origin *o = x->origin;
	struct tunnel *u = arena_new(x->px.arena, struct tunnel);
	if (!u)
		return ERR_NO_MEMORY;
	u->x = x;
	u->idle_ns = limits_tunnel_ns(x);
	u->is_websocket = upgrade_is_websocket(upgrade_protocol(&x->px.request->fields));
	timer_init(&u->timer, tunnel_on_due);
	x->tunnel = u;
	exchange_set_state(x, EXCHANGE_TUNNEL);
	lane_hold(&x->to_upstream, HOLD_HOOKS); /* as the client's codec begins a tunnel */
	c->ops->head(c, x->px.response);
	c->ops->tunnel(c);
	o->ops->tunnel(o);
	lane_reopen(&x->to_upstream, &tunnel_way);
	lane_reopen(&x->to_client, &tunnel_way);
	tunnel_rearm_idle(u);
	lane_release(&x->to_upstream, HOLD_HOOKS);
	lane_release(&x->to_client, HOLD_HOOKS);
	return 0;
}

void tunnel_fini(struct tunnel *u)
{
	timer_drop(&u->timer);
}
