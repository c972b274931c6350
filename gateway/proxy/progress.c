/* What exchanges do right now. See progress.h. */
#include "proxy/progress.h"

#include "obs/access.h"
#include "policy/running.h"

static sluice_str copy(struct arena *a, sluice_str s)
{
	return s.len ? arena_str(a, s) : STR_NONE;
}

/* Bounded: who asks for a thousand requests gets a document that can be read. */
static sluice_str copy_cut(struct arena *a, sluice_str s)
{
	return copy(a, str_n(s.data, s.len < PROGRESS_TEXT ? s.len : PROGRESS_TEXT));
}

static uint64_t ms_since(const struct exchange *x, uint64_t ns)
{
	uint64_t now = worker_now(x->px.worker);
	return now > ns ? (now - ns) / NS_PER_MS : 0;
}

/* ---- what is waited for -------------------------------------------------------------------- */

static const char *progress_connecting(const struct exchange *x)
{
	switch ((enum upstream_call_state)x->call.state) {
	case UPSTREAM_CALL_NAMES:
		return "the name service";
	case UPSTREAM_CALL_QUEUED:
		return "a free connection: all are in use";
	case UPSTREAM_CALL_PAUSED:
		return "the end of the pause before another server is asked";
	default:
		return "a connection to the server";
	}
}

/* The request is with a server, or on its way there. */
static const char *progress_forwarding(const struct exchange *x)
{
	const struct lane *l = &x->to_upstream;
	if (l->holds & HOLD_FULL)
		return "the server, which takes no more of the request's body";
	return l->ended ? "the head of the response"
			: "the client, for the rest of the request's body";
}

static const char *progress_waits_for(const struct exchange *x)
{
	switch ((enum exchange_state)x->state) {
	case EXCHANGE_REQUEST_BODY:
		return "the client, for the part of the request's body that plugins hold";
	case EXCHANGE_CONNECT:
		return progress_connecting(x);
	case EXCHANGE_FORWARD:
		return progress_forwarding(x);
	case EXCHANGE_RESPONSE_BODY:
		if (x->px.producer)
			return "the plugin that writes the response, for the part that plugins "
			       "hold";
		return "the server, for the part of the response's body that plugins hold";
	case EXCHANGE_STREAM:
		if (x->to_client.holds & HOLD_FULL)
			return "the client, which takes no more of the response";
		return x->px.producer ? "the plugin that writes the response"
				      : "the server, for more of the response";
	case EXCHANGE_SENT:
		return "the client, which has not taken all of the response";
	default:
		return exchange_state_info((enum exchange_state)x->state)->waits_for;
	}
}

/* ---- one exchange -------------------------------------------------------------------------- */

static void progress_lane(const struct lane *l, struct progress_lane *to)
{
	to->way = l->way ? l->way->name : "direct";
	to->ended = l->ended;
	for (unsigned i = 0; !l->ended && i < LANE_HOLDS; i++) {
		if (l->holds & 1u << i)
			to->holds[to->n_holds++] =
				(struct progress_hold){ lane_hold_name(i), lane_held_ms(l, i) };
	}
}

static void progress_plugins(const struct exchange *x, struct arena *a, struct progress *to)
{
	for (const struct frame *f = x->px.frame; f && to->n_plugins < PROGRESS_PLUGINS;
		f = f->below) {
		if (f->state != FRAME_PARKED)
			continue;
		to->plugins[to->n_plugins++] =
			(struct progress_plugin){ copy(a, f->item->inst->name),
				running_call_name(f->call), f->wait->what,
				ms_since(x, f->since_ns) };
	}
	const struct progress_plugin *top = &to->plugins[0];
	if (to->n_plugins)
		to->waits_for = arena_printf(a, "plugin %.*s, for %s", STR_ARG(top->instance),
			top->waits_for);
	else
		to->waits_for = str_of(progress_waits_for(x));
}

/* The target that its client asked for, as the access log shows it. */
static void progress_target(const struct exchange *x, struct arena *a, struct progress *to)
{
	const struct request_head *h = x->px.request;
	const struct run_asked *asked = x->px.asked;
	struct access_room room;
	struct access_record r = { .path = asked ? asked->path : h->path,
		.query = asked ? asked->query : h->query,
		.target = h->path.len ? STR_NONE : h->target,
		.secrets = x->view->snap->secrets };
	access_mask_target(&x->view->snap->conf.log.access, &r, &room);
	to->path = copy_cut(a, r.path);
	to->query = copy_cut(a, r.query);
}

static void progress_upstream(const struct exchange *x, struct arena *a, struct progress *to)
{
	struct upstream_failure *f, **at = (struct upstream_failure **)(uintptr_t)&to->failures;
	to->upstream = copy(a, x->px.upstream_name);
	if (x->call.endpoint)
		to->server = copy(a, endpoint_address(x->call.endpoint));
	to->tries = x->call.tries;
	for (const struct upstream_failure *from = x->call.failures; from; from = from->next) {
		f = arena_new(a, struct upstream_failure);
		*f = (struct upstream_failure){ .server = copy(a, from->server),
			.reason = arena_str(a, str_of(from->reason)).data,
			.us = from->us };
		*at = f;
		at = (struct upstream_failure **)(uintptr_t)&f->next;
	}
}

static void progress_of(const struct exchange *x, struct arena *a, struct progress *to)
{
	struct client *c = x->px.client;
	uint64_t now = worker_now(x->px.worker) >> 20;
	if (c->ops->count)
		c->ops->count(c);
	*to = (struct progress){ .started_ns = c->started_ns,
		.id = copy(a, x->px.request_id),
		.listener = copy(a, c->conn->listener->name),
		.client = copy(a, x->px.client_ip),
		.method = copy_cut(a, c->head->method_text),
		.host = copy_cut(a, c->head->host),
		.route = copy(a, x->px.route_name),
		.state = exchange_state_info((enum exchange_state)x->state),
		.state_ms = ((uint64_t)((uint32_t)now - x->since) << 20) / NS_PER_MS,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.status = x->status,
		.version = c->head->version };
	progress_target(x, a, to);
	progress_upstream(x, a, to);
	progress_plugins(x, a, to);
	progress_lane(&x->to_upstream, &to->lanes[SLUICE_REQUEST]);
	progress_lane(&x->to_client, &to->lanes[SLUICE_RESPONSE]);
	if (x->px.timeline) {
		char text[TIMELINE_TEXT];
		to->story = arena_str(a, str_n(text, timeline_text(x->px.timeline, text)));
	}
}

/* ---- all of a worker ----------------------------------------------------------------------- */

static bool progress_meets(const char *wanted, sluice_str is)
{
	return !*wanted || str_eq(str_of(wanted), is);
}

static bool exchange_meets(const struct exchange *x, const struct progress_filter *f)
{
	return x->state != EXCHANGE_DONE && progress_meets(f->id, x->px.request_id) &&
		progress_meets(f->route, x->px.route_name) &&
		progress_meets(f->client, x->px.client_ip);
}

void progress_gather(const struct proxy *p, const struct progress_filter *f, struct arena *a,
	struct progress_list *out)
{
	size_t room = p->active < f->limit ? p->active : f->limit;
	struct progress *v = arena_alloc(a, sizeof(*v) * (room ? room : 1));
	*out = (struct progress_list){ .v = v };
	list_each (e, &p->exchanges) {
		const struct exchange *x = container_of(e, struct exchange, at);
		if (!exchange_meets(x, f))
			continue;
		if (out->n < room)
			progress_of(x, a, &v[out->n++]);
		else
			out->more++;
	}
}
