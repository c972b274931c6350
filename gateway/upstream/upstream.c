/*
 * Calls: from an upstream to a connection. Whatever a call waited for (names, room among the
 * connections, a connection being made), it goes on in call_go(), which does all that needs no
 * waiting.
 */
#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "net/shortage.h"
#include "upstream/pool.h"
#include "upstream/server_list.h"

struct upstream {
	struct list at;                   /* in part.upstreams */
	struct worker *worker;            /* borrowed */
	const struct upstream_conf *conf; /* borrowed: lives as long as the snapshot */
	struct tls_client *tls;           /* borrowed likewise; NULL: plain */
	struct link_conf link_conf;
	struct balance balance;
	struct server_setup setup;
	struct server_list servers;
	uint64_t discovered; /* id of what finds its servers; 0: nothing does */
	struct list waiting; /* calls: NAMES, QUEUED; the oldest first */
	uint32_t n_waiting;
	uint32_t n_calls;      /* not IDLE */
	struct turn_hook hook; /* serves the calls that wait */
	struct grave grave;
};

static enum link_protocol upstream_link_protocol(const struct upstream_conf *conf)
{
	switch ((enum upstream_protocol)conf->protocol) {
	case PROTOCOL_H2:
	case PROTOCOL_H2C:
		return LINK_HTTP2;
	case PROTOCOL_AUTO:
		return conf->use_tls ? LINK_EITHER : LINK_HTTP1;
	case PROTOCOL_HTTP1:
		break;
	}
	return LINK_HTTP1;
}

static void upstream_wake(struct upstream *u)
{
	if (u->n_waiting)
		worker_at_turn_end(u->worker, &u->hook);
}

/* ---- calls --------------------------------------------------------------------------------- */

static void call_set_state(struct upstream_call *c, enum upstream_call_state state)
{
	struct upstream *u = c->upstream;
	bool waited = c->state == UPSTREAM_CALL_NAMES || c->state == UPSTREAM_CALL_QUEUED;
	bool waits = state == UPSTREAM_CALL_NAMES || state == UPSTREAM_CALL_QUEUED;

	if (waited) {
		list_del(&c->at);
		timer_stop(&c->timer);
		u->n_waiting--;
	}
	if (waits) {
		list_push(&u->waiting, &c->at);
		u->n_waiting++;
	}
	if (c->state == UPSTREAM_CALL_IDLE)
		u->n_calls++;
	if (state == UPSTREAM_CALL_IDLE)
		u->n_calls--;
	if (state == UPSTREAM_CALL_READY || state == UPSTREAM_CALL_IDLE)
		c->wait_ns += worker_now(u->worker) - c->since_ns;
	c->state = (uint8_t)state;
}

static void call_set_endpoint(struct upstream_call *c, struct endpoint *e)
{
	endpoint_ref(e);
	if (c->endpoint)
		endpoint_unref(&c->endpoint);
	c->endpoint = e;
}

static void call_note_failure(struct upstream_call *c, int err)
{
	struct upstream_failure *f = arena_spare(c->arena, sizeof(*f));
	if (!f)
		return;
	*f = (struct upstream_failure){ .next = c->failures,
		.server = arena_note(c->arena, endpoint_address(c->endpoint)),
		.err = err };
	c->failures = f;
}

/* Every try is counted here. */
static void call_end_try(struct upstream_call *c, enum upstream_verdict v, int err)
{
	bool counts = v != VERDICT_NOT_PROCESSED && v != VERDICT_NOT_SENT;

	if (likely(v == VERDICT_SERVED))
		endpoint_succeeded(c->endpoint);
	else if (v == VERDICT_FAILED)
		endpoint_failed(c->endpoint, c->trial, err);
	else if (c->trial)
		endpoint_end_trial(c->endpoint);
	c->trial = false;
	c->verdict = (uint8_t)v;
	c->tries += v != VERDICT_NOT_SENT;
	c->spent += counts; /* keep the server's id, which stands at tried[spent] */
	c->free_tries += !counts;
	if (err || v == VERDICT_SERVED)
		c->last_err = err;
	if (unlikely(err))
		call_note_failure(c, err);
}

static int call_ready(struct upstream_call *c, struct link *l)
{
	c->link = l;
	c->origin = pool_begin(l, c->events, c->user, c->arena);
	c->endpoint->n_requests++;
	call_set_state(c, UPSTREAM_CALL_READY);
	return 1;
}

static int call_wait(struct upstream_call *c, enum upstream_call_state state)
{
	struct upstream *u = c->upstream;
	bool names = state == UPSTREAM_CALL_NAMES;
	if (u->n_waiting >= u->conf->max_queue && c->state == UPSTREAM_CALL_IDLE)
		return ERR_OVERLOADED;
	/* the timeouts for names and for a connection are independent */
	call_set_state(c, state);
	worker_timer(u->worker, &c->timer,
		(names ? u->conf->timeouts.connect : u->conf->timeouts.queue) * NS_PER_MS);
	return 0;
}

/* No server is there, and none is awaited any longer. */
static int upstream_lacks_servers(const struct upstream *u)
{
	return server_list_is_empty(&u->servers) ? ERR_NO_SERVER : ERR_NOT_RESOLVED;
}

/* No server can be chosen: wait, or return why that is no use. */
static int call_without_server(struct upstream_call *c, enum balance_result r)
{
	struct upstream *u = c->upstream;
	if (r == BALANCE_BUSY)
		return call_wait(c, UPSTREAM_CALL_QUEUED);
	if (r == BALANCE_FAILED)
		return ERR_PLUGIN_FAILED;
	if (u->balance.n == 0 && server_list_awaits(&u->servers))
		return call_wait(c, UPSTREAM_CALL_NAMES);
	if (c->last_err)
		return c->last_err;
	return u->balance.n ? ERR_NO_SERVER : upstream_lacks_servers(u);
}

/* 1: ready; 0: the call is in a waiting state; negative: an enum err, and the state has not
 * changed. */
static int call_go(struct upstream_call *c)
{
	struct upstream *u = c->upstream;
	const struct link_conf *conf = &u->link_conf;
	struct link_conf http1;

	if (unlikely(c->http1)) {
		http1 = u->link_conf;
		http1.protocol = LINK_HTTP1_CHOSEN;
		conf = &http1;
	}
	while (c->spent <= u->conf->retries) {
		const struct balance_ask ask = { c->tried, c->spent, c->only, c->request, c->key,
			c->exchange };
		struct candidate *chosen = NULL;
		struct link *l = NULL;
		enum balance_result r = balance_choose(&u->balance, &ask, &chosen);
		if (r != BALANCE_CHOSEN)
			return call_without_server(c, r);
		call_set_endpoint(c, chosen->endpoint);
		c->tried[c->spent] = c->endpoint->id;
		c->trial = endpoint_begin_trial(c->endpoint);
		c->connect_ns = 0;
		if (!c->fresh || !pool_may_open(c->endpoint))
			l = pool_take(c->endpoint, conf, c->proxy_header);
		c->reused = l != NULL;
		if (l)
			return call_ready(c, l);
		int err = pool_open(c->endpoint, conf, u->tls, c->proxy_header, &c->ask);
		if (!err) {
			call_set_state(c, UPSTREAM_CALL_OPENING);
			return 0;
		}
		if (err == ERR_NO_DESCRIPTORS) {
			/* another server would need a descriptor too */
			call_end_try(c, VERDICT_NOT_SENT, err);
			return err;
		}
		call_end_try(c, shortage_is(err) ? VERDICT_NONE : VERDICT_FAILED, err);
	}
	return c->last_err ? c->last_err : ERR_NO_SERVER;
}

static void call_tell(struct upstream_call *c, int result)
{
	if (result > 0) {
		c->on_ready(c);
	} else if (result < 0) {
		call_set_state(c, UPSTREAM_CALL_IDLE);
		c->on_fail(c, result);
	}
}

static void call_on_link(struct pool_ask *ask, struct link *l, int err)
{
	struct upstream_call *c = container_of(ask, struct upstream_call, ask);
	uint64_t now = worker_now(c->upstream->worker);
	if (l) {
		c->connect_ns = now - l->since_ns;
		call_tell(c, call_ready(c, l));
		return;
	}
	if (!err && c->free_tries < UPSTREAM_FREE_TRIES)
		call_end_try(c, VERDICT_NOT_SENT, 0); /* the connection had no room for all asks */
	else
		call_end_try(c, ask->first && !shortage_is(err) ? VERDICT_FAILED : VERDICT_NONE,
			err ? err : ERR_UPSTREAM_REFUSED);
	call_tell(c, call_go(c));
}

static void call_on_due(struct timer *t)
{
	struct upstream_call *c = container_of(t, struct upstream_call, timer);
	if (c->state == UPSTREAM_CALL_NAMES) {
		call_tell(c, upstream_lacks_servers(c->upstream));
	} else if (c->state == UPSTREAM_CALL_QUEUED) {
		stat_inc(STAT_TIMEOUT_QUEUE);
		call_tell(c, ERR_OVERLOADED);
	}
}

void upstream_call_init(struct upstream_call *c, void (*on_ready)(struct upstream_call *c),
	void (*on_fail)(struct upstream_call *c, int err))
{
	*c = (struct upstream_call){ .on_ready = on_ready, .on_fail = on_fail };
	list_init(&c->at);
	list_init(&c->ask.at);
	c->ask.on_done = call_on_link;
	timer_init(&c->timer, call_on_due);
}

int upstream_open(struct upstream_call *c, struct upstream *u, const struct origin_events *events,
	void *user, struct arena *arena)
{
	check(c->state == UPSTREAM_CALL_IDLE, "a call is opened in state %d", c->state);
	check(!c->upstream || c->upstream == u, "a call is opened again for another upstream");
	c->upstream = u;
	c->events = events;
	c->user = user;
	c->arena = arena;
	c->key = balance_key(&u->balance, c->request);
	c->since_ns = worker_now(u->worker);
	if (u->n_waiting == 0)
		return call_go(c);
	if (c->spent > u->conf->retries)
		return c->last_err;
	if (u->balance.n_ready) /* there is room, but calls that came earlier go first */
		upstream_wake(u);
	return call_wait(c, u->balance.n ? UPSTREAM_CALL_QUEUED : UPSTREAM_CALL_NAMES);
}

bool upstream_may_repeat(const struct origin *o, enum method method, int err)
{
	bool lost = err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET ||
		err == ERR_UPSTREAM_ABORTED || err == ERR_UPSTREAM_PROTOCOL;
	if (o->answered)
		return false;
	return !o->sent || o->not_processed || (lost && method_is_idempotent(method));
}

bool upstream_may_retry(const struct upstream_call *c)
{
	const struct upstream *u = c->upstream;
	return u && c->spent <= u->conf->retries && !(c->only && c->spent) &&
		balance_has_untried(&u->balance, c->tried, c->spent);
}

void upstream_want_http1(struct upstream_call *c)
{
	if (c->upstream->link_conf.protocol != LINK_EITHER || c->http1)
		return;
	c->http1 = true;
	c->not_sent = true;
}

bool upstream_is_at_fault(int err)
{
	switch (err) {
	case ERR_CONNECT_FAILED:
	case ERR_CONNECT_TIMEOUT:
	case ERR_UPSTREAM_TLS:
	case ERR_UPSTREAM_CLOSED:
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_TIMEOUT:
	case ERR_UPSTREAM_STALLED:
	case ERR_UPSTREAM_BAD_HEAD:
	case ERR_UPSTREAM_BAD_FRAMING:
	case ERR_UPSTREAM_BAD_CHUNK:
	case ERR_UPSTREAM_TRUNCATED:
	case ERR_UPSTREAM_PROTOCOL:
	case ERR_UPSTREAM_REFUSED:
	case ERR_UPSTREAM_ABORTED:
		return true;
	default:
		return false;
	}
}

static enum upstream_verdict call_judge(struct upstream_call *c, int err, bool not_processed)
{
	if (unlikely(c->not_sent))
		return VERDICT_NOT_SENT;
	if (unlikely(not_processed) && c->free_tries < UPSTREAM_FREE_TRIES)
		return VERDICT_NOT_PROCESSED;
	if (err == 0)
		return VERDICT_SERVED;
	/* of the requests that were lost with one connection, only the first is counted */
	if (upstream_is_at_fault(err) && pool_report_loss(c->link))
		return VERDICT_FAILED;
	return VERDICT_NONE;
}

void upstream_report(struct upstream_call *c, int err)
{
	check(c->state == UPSTREAM_CALL_READY, "a report in state %d", c->state);
	bool stale = c->reused && !c->origin->answered &&
		(err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET);
	bool not_processed = stale || c->origin->not_processed;

	c->fresh = not_processed || c->not_sent;
	call_end_try(c, call_judge(c, err, not_processed), err);
	c->not_sent = false;
	c->origin = NULL;
	c->link = NULL;
	/* the time as READY does not count as waiting */
	c->since_ns = worker_now(c->upstream->worker);
	call_set_state(c, UPSTREAM_CALL_IDLE);
}

void upstream_cancel(struct upstream_call *c)
{
	if (c->state == UPSTREAM_CALL_IDLE)
		return;
	check(c->state != UPSTREAM_CALL_READY, "a call is cancelled that owes a report");
	if (c->state == UPSTREAM_CALL_OPENING)
		call_end_try(c, VERDICT_NONE, 0);
	call_set_state(c, UPSTREAM_CALL_IDLE);
	pool_cancel(&c->ask);
}

void upstream_call_fini(struct upstream_call *c)
{
	upstream_cancel(c);
	timer_drop(&c->timer);
	endpoint_unref(&c->endpoint);
}

/* ---- upstreams ----------------------------------------------------------------------------- */

/* Every call that waits goes as far as it can; those that must go on waiting keep their order. The
 * last call may end, and the upstream be detached, within this function: the upstream is then
 * buried, and freed after turn hooks have run. */
static void upstream_serve_waiting(struct turn_hook *h)
{
	struct upstream *u = container_of(h, struct upstream, hook);
	struct list batch, *e;

	list_init(&batch);
	while ((e = list_pop(&u->waiting)))
		list_push(&batch, e);
	while (!list_is_empty(&batch)) {
		struct upstream_call *c = container_of(batch.next, struct upstream_call, at);
		uint64_t due = c->timer.due_ns;
		int r = call_go(c);
		bool waits = r == 0 && c->state != UPSTREAM_CALL_OPENING;
		if (waits)
			/* it keeps its deadline */
			timer_set(&u->worker->wheel, &c->timer, due);
		call_tell(c, r);
		if (waits && u->balance.n_ready == 0)
			break; /* there is no server for the other calls either */
	}
	while ((e = list_pop(&batch)))
		list_push(&u->waiting, e);
}

static void upstream_on_room(struct balance *b)
{
	upstream_wake(container_of(b, struct upstream, balance));
}

static void upstream_on_answer(void *user)
{
	upstream_wake(user);
}

/* The server of the same address in an earlier snapshot, if its name is resolved there. */
static const struct server *upstream_find_earlier(void *ctx, sluice_str address)
{
	const struct upstream *u = ctx;
	struct upstream_part *p = upstream_part_of(u->worker);
	list_each (at, &p->upstreams) {
		const struct upstream *other = container_of(at, struct upstream, at);
		if (other == u || !str_eq(other->conf->name, u->conf->name))
			continue;
		const struct server *s = server_list_find(&other->servers, address);
		if (s && s->n_candidates)
			return s;
	}
	return NULL;
}

void upstream_on_set(struct worker *w, void *arg)
{
	struct discovered_mail *m = arg;
	struct upstream_part *p = w->part[PART_UPSTREAM];
	if (p) {
		list_each (at, &p->upstreams) {
			struct upstream *u = container_of(at, struct upstream, at);
			if (u->discovered != m->id)
				continue;
			server_list_take(&u->servers, &u->setup, server_set_ref(m->set));
			upstream_wake(u); /* also when there is no server any more */
		}
	}
	server_set_unref(&m->set);
	free(m);
}

struct upstream *upstream_attach(struct worker *w, const struct upstream_conf *conf,
	struct tls_client *tls, unsigned workers, const struct upstream_plugins *plugins)
{
	struct upstream *u = mem_new(struct upstream);

	check(conf->use_tls == (tls != NULL), "TLS is %s", tls ? "not wanted" : "wanted");
	check(conf->retries <= UPSTREAM_RETRIES_MAX, "%llu retries",
		(unsigned long long)conf->retries);
	u->worker = w;
	u->conf = conf;
	u->tls = tls;
	u->link_conf = (struct link_conf){
		.http1 = { .connect_ns = conf->timeouts.connect * NS_PER_MS,
			.response_ns = conf->timeouts.response * NS_PER_MS,
			.idle_ns = conf->timeouts.idle * NS_PER_MS,
			.max_head = conf->max_head,
			.max_fields = (uint32_t)conf->max_fields,
			.lenient = conf->parsing == PARSING_LENIENT },
		.protocol = upstream_link_protocol(conf),
		.max_streams = (uint32_t)conf->max_streams,
		.ping_ns = conf->timeouts.ping * NS_PER_MS,
	};
	u->setup = (struct server_setup){
		.worker = w,
		.balance = &u->balance,
		.conf = conf,
		.bounds = { .serial = ++upstream_part_of(w)->last_serial,
			.max_idle = (uint32_t)conf->keepalive,
			.max_links = (uint32_t)((conf->max_connections + workers - 1) / workers),
			.health = conf->health },
		.on_answer = upstream_on_answer,
		.user = u,
	};
	if (tls)
		tls_client_identity(tls, u->setup.tls_identity);
	list_init(&u->waiting);
	turn_hook_init(&u->hook, upstream_serve_waiting);
	balance_init(&u->balance, (enum upstream_balance)conf->balance.algorithm, upstream_on_room);
	if (plugins && plugins->chooser)
		balance_ask_plugin(&u->balance, conf->name, plugins->chooser);
	struct discovered *discovered = plugins ? plugins->discovered : NULL;
	u->discovered = discovered ? discovered->id : 0;
	server_list_start(&u->servers, &u->setup, discovered, upstream_find_earlier, u);
	list_push_front(&upstream_part_of(w)->upstreams, &u->at);
	return u;
}

static void upstream_free(struct grave *g)
{
	struct upstream *u = container_of(g, struct upstream, grave);
	free(u);
}

void upstream_detach(struct upstream **at)
{
	struct upstream *u = *at;
	*at = NULL;
	if (!u)
		return;
	check(u->n_calls == 0, "%.*s is given up with %u calls", STR_ARG(u->conf->name),
		(unsigned)u->n_calls);
	list_del(&u->at);
	list_del(&u->hook.link);
	server_list_stop(&u->servers);
	balance_fini(&u->balance);
	worker_bury(u->worker, &u->grave, upstream_free);
}

const struct upstream_conf *upstream_conf_of(const struct upstream *u)
{
	return u->conf;
}

void upstream_each_endpoint(struct worker *w, void (*fn)(void *ctx, const struct endpoint_view *v),
	void *ctx)
{
	struct upstream_part *p = upstream_part_of(w);
	struct endpoint_view v;
	for (int i = 0; i < ENDPOINT_BUCKETS; i++) {
		list_each (at, &p->endpoints[i]) {
			endpoint_view(container_of(at, struct endpoint, at), &v);
			fn(ctx, &v);
		}
	}
}
