/*
 * How an exchange ends, and lets go of its upstream. Whoever ends one may be far up the stack of
 * its codecs, its hooks or its timers: so both faces are detached at once, and everything else
 * waits for the end of the turn.
 */
#include "base/addr.h"
#include "base/cidr.h"
#include "base/log.h"
#include "proxy/admit.h"
#include "proxy/deadline.h"
#include "proxy/exchange.h"
#include "proxy/grpc.h"
#include "proxy/hedge.h"
#include "proxy/mirror.h"
#include "proxy/tunnel.h"

/* ---- the end ------------------------------------------------------------------------------- */

/* Both servers, where a second one was asked; and what was kept for further tries. */
__attribute__((noinline)) static void exchange_leave_tries(struct exchange *x, bool is_over)
{
	hedge_leave_all(x->retry, x->gone ? ERR_CLIENT_GONE : ERR_OVERTAKEN);
	if (is_over)
		retry_fini(x->retry);
}

static inline void exchange_leave_server(struct exchange *x, int err)
{
	struct origin *o = x->origin;
	if (!o) {
		upstream_cancel(&x->call);
		return;
	}
	x->origin = NULL;
	upstream_report(&x->call, err);
	o->ops->release(o);
}

__attribute__((noinline)) static void exchange_leave_servers(struct exchange *x, int err)
{
	exchange_leave_tries(x, false);
	exchange_leave_server(x, err);
}

void exchange_leave_upstream(struct exchange *x, int err)
{
	if (unlikely(x->retry))
		exchange_leave_servers(x, err);
	else
		exchange_leave_server(x, err);
}

void exchange_set_reason(struct exchange *x, int err)
{
	x->err = err;
	x->code = err_code(err);
}

/* For the story: what still held a body when the exchange ended. */
static void exchange_note_holds(struct exchange *x, const struct lane *l)
{
	char text[LANE_TEXT];
	if (!l->holds || l->ended)
		return;
	sluice_str holds = str_n(text, lane_text(l, text));
	timeline_add(x->px.timeline, "ends with the", arena_note(x->px.arena, holds), 0);
}

void exchange_end(struct exchange *x, int err)
{
	if (x->state == EXCHANGE_DONE)
		return;
	if (err && !x->code)
		exchange_set_reason(x, err);
	if (unlikely(x->px.timeline)) {
		exchange_note_holds(x, &x->to_upstream);
		exchange_note_holds(x, &x->to_client);
	}
	exchange_set_state(x, EXCHANGE_DONE);
	x->done_ns = clock_ns();
	x->px.client->events = &client_ended;
	run_cancel(&x->px);
	if (unlikely(x->retry))
		exchange_leave_tries(x, true);
	exchange_leave_server(x, 0);
	if (unlikely(x->tunnel))
		tunnel_fini(x->tunnel);
	if (unlikely(x->mirror))
		mirror_drop(x);
	if (unlikely(x->deadline))
		deadline_fini(x->deadline);
	worker_at_turn_end(x->px.worker, &x->end);
}

void exchanges_refuse(struct proxy *p, int err)
{
	const unsigned unasked = 1u << EXCHANGE_LISTENER_HOOKS | 1u << EXCHANGE_REQUEST_HOOKS |
		1u << EXCHANGE_REQUEST_BODY | 1u << EXCHANGE_CONNECT;
	list_each_safe (e, &p->exchanges) {
		struct exchange *x = container_of(e, struct exchange, at);
		if (unasked & 1u << x->state && !x->gone)
			x->events->on_failed(x, err);
	}
}

/* Whether log.stories means x. */
static bool exchange_is_chosen(const struct exchange *x)
{
	const struct snapshot_stories *s = &x->view->snap->stories;
	struct addr client;
	if (x->route ? !x->route->tells_stories : !s->any_route)
		return false;
	return !s->clients ||
		(addr_from_ip(x->px.client_ip, 0, &client) && cidr_set_has(s->clients, &client));
}

/* What happened, for whoever asked for it by log.stories, or reads the log at level debug. */
static void exchange_tell_story(const struct exchange *x)
{
	char text[TIMELINE_TEXT];
	bool are_chosen = x->view->snap->stories.are_chosen;
	if (are_chosen && !exchange_is_chosen(x))
		return;
	(void)timeline_text(x->px.timeline, text);
	log_write(are_chosen ? LOG_INFO : LOG_DEBUG, "request", "%.*s %s%.*s: %u%s%s; %s",
		STR_ARG(x->px.request_id), x->route ? "on route " : "without a route",
		STR_ARG(x->px.route_name), (unsigned)x->status, x->code ? " " : "",
		x->code ? x->code : "", text);
}

/* Nobody up the stack looks at x: hooks, log, memory. */
static void exchange_complete(struct turn_hook *h)
{
	struct exchange *x = container_of(h, struct exchange, end);
	struct proxy *p = x->proxy;
	struct client *c = x->px.client;
	struct view *v = x->view;
	admit_leave(x);
	run_complete(&x->px);
	if (unlikely(x->px.timeline))
		exchange_tell_story(x);
	if (p->on_complete)
		p->on_complete(p, x);
	upstream_call_fini(&x->call);
	if (unlikely(x->retry))
		hedge_free(x->retry);
	buf_fini(&x->kept);
	buf_fini(&x->answer_body);
	p->active--;
	list_del(&x->at);
	c->ops->finish(c);
	view_unref(v);
}

void exchange_end_init(struct exchange *x)
{
	turn_hook_init(&x->end, exchange_complete);
}
