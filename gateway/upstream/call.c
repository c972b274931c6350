/*
 * Calls: from an upstream to a connection. Whatever a call waited for (names, room among the
 * connections, a connection being made), it goes on in call_go(), which does all that needs no
 * waiting.
 */
#include "base/series.h"
#include "base/stat.h"
#include "net/shortage.h"
#include "upstream/stall.h"
#include "upstream/state.h"

/* Its limit of requests at a time is reached. */
static bool upstream_is_full(const struct upstream *u)
{
	const struct admission *a = u->admission;
	return a && a->most && a->n >= a->most;
}

/* The balance goes by latency: it is told of each response. */
static inline bool call_is_measured(const struct upstream_call *c)
{
	return c->upstream->balance.by_latency;
}

/* There may be room for a call that waits. */
__attribute__((noinline)) static void call_give_place(struct upstream_call *c)
{
	struct upstream *u = c->upstream;
	if (unlikely(u->admission) && admission_give(u->admission, c))
		upstream_wake(u);
}

static bool call_state_waits(unsigned s)
{
	return s == UPSTREAM_CALL_NAMES || s == UPSTREAM_CALL_QUEUED;
}

/* It is in a list of the queue. */
static bool call_state_is_listed(unsigned s)
{
	return call_state_waits(s) || s == UPSTREAM_CALL_SHED;
}

/* Out of the queue, or into it. */
__attribute__((noinline)) static void call_move(struct upstream_call *c,
	enum upstream_call_state to)
{
	struct upstream *u = c->upstream;
	bool waited = call_state_waits(c->state), waits = call_state_waits(to);

	/* a call that waits for something else from now on keeps its place */
	if (waited && !waits) {
		waitlist_remove(&u->queue, c);
		timer_stop(&c->timer);
	} else if (waits && !waited) {
		waitlist_put(&u->queue, c);
	} else if (c->state == UPSTREAM_CALL_SHED) {
		list_del(&c->at);
	}
	if (to == UPSTREAM_CALL_SHED)
		list_push(&u->queue.shed, &c->at);
}

/* Most calls become ready at once, and are idle again when they have reported. */
static inline void call_set_state(struct upstream_call *c, enum upstream_call_state state)
{
	struct upstream *u = c->upstream;

	if (unlikely(call_state_is_listed(c->state) || call_state_is_listed(state)))
		call_move(c, state);
	if (state == UPSTREAM_CALL_IDLE && unlikely(c->has_place))
		call_give_place(c);
	u->n_calls += c->state == UPSTREAM_CALL_IDLE;
	u->n_calls -= state == UPSTREAM_CALL_IDLE;
	/* what it does while it is ready is no waiting */
	if (c->state != UPSTREAM_CALL_READY &&
		(state == UPSTREAM_CALL_READY || state == UPSTREAM_CALL_IDLE))
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

/* When the try began; of the first one, the waiting for a server or a connection is part of it. */
static uint64_t call_began(const struct upstream_call *c)
{
	return c->try_ns ? c->try_ns : c->since_ns;
}

static void call_note_failure(struct upstream_call *c, int err)
{
	struct upstream_failure *f = arena_spare(c->arena, sizeof(*f));
	if (!f)
		return;
	*f = (struct upstream_failure){ .next = c->failures,
		.server = arena_note(c->arena, endpoint_address(c->endpoint)),
		.reason = err ? err_code(err) : c->unwanted,
		.us = (worker_now(c->upstream->worker) - call_began(c)) / 1000 };
	c->failures = f;
}

static void call_failed(struct upstream_call *c, int err)
{
	endpoint_failed(c->endpoint, c->trial, err);
	if (unlikely(call_is_measured(c)))
		balance_missed(&c->upstream->balance, c->endpoint,
			c->asked_ns ? clock_ns() - c->asked_ns : 0);
}

/* A server is asked, and not the first one. */
static void call_count_again(struct upstream_call *c)
{
	c->try_ns = worker_now(c->upstream->worker);
	const char *reason = c->failures ? c->failures->reason : "other";
	series_add(series_find(FAMILY_UPSTREAM_RETRIES, c->upstream->conf->name, str_of(reason)),
		1);
}

/* Every try is counted here. */
static void call_end_try(struct upstream_call *c, enum upstream_verdict v, int err)
{
	bool counts = v != VERDICT_NOT_PROCESSED && v != VERDICT_NOT_SENT;

	if (likely(v == VERDICT_SERVED))
		endpoint_succeeded(c->endpoint);
	else if (v == VERDICT_FAILED)
		call_failed(c, err ? err : ERR_UPSTREAM_STATUS);
	else if (c->trial)
		endpoint_end_trial(c->endpoint);
	c->trial = false;
	c->verdict = (uint8_t)v;
	c->tries += v != VERDICT_NOT_SENT;
	c->spent += counts; /* keep the server's id, which stands at tried[spent] */
	c->free_tries += !counts;
	if (err || v == VERDICT_SERVED)
		c->last_err = err;
	if (unlikely(err || c->unwanted)) {
		if (c->state == UPSTREAM_CALL_READY && !c->origin->answered &&
			!upstream_is_lost(err))
			stall_given_up(c->link);
		call_note_failure(c, err);
		c->unwanted = NULL;
	}
}

static int call_ready(struct upstream_call *c, struct link *l)
{
	c->link = l;
	c->origin = pool_begin(l, c->events, c->user, c->arena);
	c->endpoint->n_requests++;
	c->status = 0;
	if (unlikely(call_is_measured(c))) {
		c->asked_ns = clock_ns();
		balance_asked(c->endpoint);
	}
	call_set_state(c, UPSTREAM_CALL_READY);
	c->since_ns = worker_now(c->upstream->worker);
	return 1;
}

/* False: the queue is full of calls that are at least as important. */
static bool call_make_room(struct upstream_call *c)
{
	struct upstream *u = c->upstream;
	struct upstream_call *shed = NULL;
	if (!waitlist_make_room(&u->queue, (enum call_priority)c->priority, &shed))
		return false;
	if (shed) {
		/* its owner must not be called from within a function of another's */
		call_set_state(shed, UPSTREAM_CALL_SHED);
		worker_at_turn_end(u->worker, &u->hook);
	}
	return true;
}

static int call_wait(struct upstream_call *c, enum upstream_call_state state)
{
	struct upstream *u = c->upstream;
	bool names = state == UPSTREAM_CALL_NAMES;
	if (c->state == state)
		return 0; /* it keeps its place and its deadline */
	if (!call_state_waits(c->state) && !call_make_room(c))
		return ERR_QUEUE_FULL;
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
	if (r == BALANCE_BUSY) {
		/* a call that waits for a connection keeps no other from a server with room */
		if (unlikely(u->admission))
			(void)admission_give(u->admission, c);
		return call_wait(c, UPSTREAM_CALL_QUEUED);
	}
	if (r == BALANCE_FAILED)
		return ERR_PLUGIN_FAILED;
	if (u->balance.n == 0 && server_list_awaits(&u->servers))
		return call_wait(c, UPSTREAM_CALL_NAMES);
	if (c->last_err)
		return c->last_err;
	return u->balance.n ? ERR_NO_SERVER : upstream_lacks_servers(u);
}

static int call_pause(struct upstream_call *c)
{
	call_give_place(c); /* another may use it meanwhile */
	call_set_state(c, UPSTREAM_CALL_PAUSED);
	worker_timer(c->upstream->worker, &c->timer, c->pause_ns);
	return 0;
}

/* No connection could be made. 1: choose another server; 0: after a pause; else why not. */
static int call_after_failure(struct upstream_call *c)
{
	if (likely(!c->rules) || c->verdict == VERDICT_NOT_SENT)
		return 1;
	if (!(c->rules->on & RETRY_ON_CONNECT) || !upstream_take_retry(c))
		return c->last_err;
	return c->pause_ns ? call_pause(c) : 1;
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
	if (unlikely(u->admission) && !c->only && !admission_take(u->admission, c))
		return call_wait(c, UPSTREAM_CALL_QUEUED);
	while (c->spent < c->most) {
		const struct balance_ask ask = { .tried = c->tried,
			.n_tried = c->spent,
			.only = c->only,
			.none_down = c->none_down,
			.key = c->key,
			.exchange = c->exchange,
			.stays = c->stays };
		struct candidate *chosen = NULL;
		struct link *l = NULL;
		enum balance_result r = balance_choose(&u->balance, &ask, &chosen);
		if (r != BALANCE_CHOSEN)
			return call_without_server(c, r);
		if (unlikely(chosen->endpoint->state == ENDPOINT_TRIAL) &&
			!endpoint_begin_trial(chosen->endpoint, &c->trial))
			continue;
		call_set_endpoint(c, chosen->endpoint);
		c->tried[c->spent] = c->endpoint->id;
		stall_watch(c->endpoint);
		c->connect_ns = 0;
		c->asked_ns = 0;
		if (unlikely(c->tries))
			call_count_again(c);
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
		err = call_after_failure(c);
		if (err <= 0)
			return err;
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
	int r = call_after_failure(c);
	call_tell(c, r > 0 ? call_go(c) : r);
}

static void call_on_due(struct timer *t)
{
	struct upstream_call *c = container_of(t, struct upstream_call, timer);
	if (c->state == UPSTREAM_CALL_NAMES) {
		call_tell(c, upstream_lacks_servers(c->upstream));
	} else if (c->state == UPSTREAM_CALL_QUEUED) {
		stat_inc(STAT_TIMEOUT_QUEUE);
		call_tell(c, ERR_QUEUE_TIMEOUT);
	} else if (c->state == UPSTREAM_CALL_PAUSED) {
		c->pause_ns = 0;
		call_tell(c, call_go(c));
	}
}

void upstream_call_init(struct upstream_call *c, void (*on_ready)(struct upstream_call *c),
	void (*on_fail)(struct upstream_call *c, int err))
{
	check(!c->on_ready, "a call is made of memory that is in use");
	c->on_ready = on_ready;
	c->on_fail = on_fail;
	c->priority = PRIORITY_NORMAL;
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
	c->since_ns = worker_now(u->worker);
	int refused = unlikely(u->admission) && !c->only ? admission_enter(u->admission, c) : 0;
	if (unlikely(refused))
		return refused;
	if (likely(!c->rules))
		c->most = (uint8_t)(u->conf->retries + 1);
	else if (c->pause_ns)
		return call_pause(c);
	if (likely(u->queue.n == 0)) {
		int r = call_go(c);
		if (r < 0)
			call_give_place(c);
		return r;
	}
	if (c->spent >= c->most)
		return c->last_err;
	if (u->balance.n_ready) /* there is room, but calls that came earlier go first */
		upstream_wake(u);
	return call_wait(c, u->balance.n ? UPSTREAM_CALL_QUEUED : UPSTREAM_CALL_NAMES);
}

bool upstream_is_lost(int err)
{
	return err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET ||
		err == ERR_UPSTREAM_ABORTED || err == ERR_UPSTREAM_PROTOCOL;
}

bool upstream_may_repeat(const struct origin *o, enum method method, int err)
{
	if (o->headed)
		return false;
	return !o->sent || o->not_processed ||
		(upstream_is_lost(err) && method_is_idempotent(method));
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

/* An answer is one, whatever its status, unless the operator counts that one. */
static enum upstream_verdict call_judge_status(const struct upstream_call *c)
{
	const struct upstream_health *h = &c->endpoint->bounds.health;
	bool fails = unlikely(c->status >= 400) && health_counts_status(h, c->status);
	return fails ? VERDICT_FAILED : VERDICT_SERVED;
}

static enum upstream_verdict call_judge(struct upstream_call *c, int err, bool not_processed)
{
	if (unlikely(c->not_sent))
		return VERDICT_NOT_SENT;
	if (unlikely(not_processed) && c->free_tries < UPSTREAM_FREE_TRIES)
		return VERDICT_NOT_PROCESSED;
	if (err == 0)
		return call_judge_status(c);
	/* of the requests that were lost with one connection, only the first is counted */
	if (upstream_is_at_fault(err) && pool_report_loss(c->link))
		return VERDICT_FAILED;
	return VERDICT_NONE;
}

/* For a balance that goes by latency. */
static void call_measure(struct upstream_call *c)
{
	struct balance *b = &c->upstream->balance;
	uint64_t ns = clock_ns() - c->asked_ns;
	/* who is quick to say that something is wrong must not draw requests */
	if (c->status >= 500)
		balance_missed(b, c->endpoint, ns);
	else
		balance_measured(b, c->endpoint, ns);
}

/* Those that go by what responses tell. */
__attribute__((noinline)) static void call_tell_answer(struct upstream_call *c, uint64_t latency_ns)
{
	struct admission *a = c->upstream->admission;
	if (a) {
		admission_answered(a, c, latency_ns);
		admission_headed(a, c);
	}
	if (call_is_measured(c))
		call_measure(c);
}

void upstream_answered(struct upstream_call *c, unsigned status)
{
	const struct upstream *u = c->upstream;
	uint64_t now = worker_now(u->worker), latency_ns = now - c->since_ns;
	c->status = (uint16_t)status;
	c->endpoint->heard_ns = now;
	endpoint_answered(c->endpoint, latency_ns);
	if (unlikely(u->goes_by_answers))
		call_tell_answer(c, latency_ns);
}

/* held_back: another try decides what came of the request. */
static void call_tell_admission(struct upstream_call *c, int err, bool held_back)
{
	struct admission *a = c->upstream->admission;
	if (err == ERR_UPSTREAM_TIMEOUT)
		admission_dropped(a, c);
	bool has_answer = c->verdict == VERDICT_SERVED || (c->verdict == VERDICT_FAILED && !err);
	if (has_answer && !held_back)
		admission_leave(a, c, OUTCOME_OK); /* which looks at the status */
}

/* Whether the method of its request may be repeated. */
static bool call_may_repeat(const struct upstream_call *c)
{
	const struct request_head *h = c->request;
	return !h || method_is_idempotent((enum method)h->method) ||
		(c->rules && retry_takes_method(c->rules, h));
}

/* The server closed the connection between two requests. Nobody can tell that from a server that
 * took the request and ended: where the request is lost by it, it is a failure, and a few of them
 * in a row have another cause. */
static bool call_is_stale(const struct upstream_call *c, int err)
{
	return (err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET) && c->reused &&
		!c->origin->answered && (!c->origin->sent || call_may_repeat(c));
}

void upstream_report(struct upstream_call *c, int err)
{
	check(c->state == UPSTREAM_CALL_READY, "a report in state %d", c->state);
	bool not_processed = call_is_stale(c, err) || c->origin->not_processed;

	c->fresh = not_processed || c->not_sent;
	bool held_back = c->unwanted != NULL; /* call_end_try() clears it */
	call_end_try(c, call_judge(c, err, not_processed), err);
	if (unlikely(c->upstream->admission))
		call_tell_admission(c, err, held_back);
	c->not_sent = false;
	c->origin = NULL;
	c->link = NULL;
	call_set_state(c, UPSTREAM_CALL_IDLE);
}

bool upstream_has_stayed(const struct upstream_call *c, struct sticky_token *out)
{
	const struct candidate *of = balance_find(&c->upstream->balance, c->endpoint);
	/* a server that has left the list since it was chosen has no cookie */
	return !of || sticky_is_newest(of, c->stays, out);
}

void upstream_hedge_wins(struct upstream_call *c, struct upstream_call *first)
{
	check(c->state == UPSTREAM_CALL_READY, "a hedge wins in state %d", c->state);
	first->since_ns = worker_now(c->upstream->worker);
	/* the slow one is measured too; of one that failed, that was done */
	if (unlikely(call_is_measured(first)) && first->asked_ns && first->verdict == VERDICT_NONE)
		balance_missed(&first->upstream->balance, first->endpoint,
			clock_ns() - first->asked_ns);
	call_set_endpoint(first, c->endpoint);
	first->tried[first->spent] = c->endpoint->id;
	first->trial = c->trial;
	first->reused = c->reused;
	first->connect_ns = c->connect_ns;
	first->asked_ns = c->asked_ns;
	first->status = c->status;
	first->try_ns = call_began(c);
	first->link = c->link;
	first->origin = c->origin;
	first->has_place = c->has_place;
	c->has_place = false;
	call_set_state(first, UPSTREAM_CALL_READY);
	first->since_ns = c->since_ns;
	c->trial = false;
	c->link = NULL;
	c->origin = NULL;
	call_set_state(c, UPSTREAM_CALL_IDLE);
}

__attribute__((noinline)) static void call_cancel(struct upstream_call *c)
{
	check(c->state != UPSTREAM_CALL_READY, "a call is cancelled that owes a report");
	if (c->state == UPSTREAM_CALL_OPENING)
		call_end_try(c, VERDICT_NONE, 0);
	if (c->state == UPSTREAM_CALL_PAUSED)
		timer_stop(&c->timer);
	c->pause_ns = 0;
	call_set_state(c, UPSTREAM_CALL_IDLE);
	pool_cancel(&c->ask);
}

void upstream_cancel(struct upstream_call *c)
{
	if (unlikely(c->state != UPSTREAM_CALL_IDLE))
		call_cancel(c);
}

void upstream_call_fini(struct upstream_call *c)
{
	upstream_cancel(c);
	/* of a request that was not served, only its end says that no other try follows */
	if (c->upstream && unlikely(c->upstream->admission))
		admission_leave(c->upstream->admission, c,
			c->last_err && upstream_is_at_fault(c->last_err) ? OUTCOME_FAILED
									 : OUTCOME_NONE);
	timer_drop(&c->timer);
	endpoint_unref(&c->endpoint);
}

/* ---- those that wait ----------------------------------------------------------------------- */

/* Those that gave up their places so far; those who do so meanwhile are told in the next turn. */
static void upstream_tell_shed(struct upstream *u)
{
	struct list batch, *e;

	list_init(&batch);
	while ((e = list_pop(&u->queue.shed)))
		list_push(&batch, e);
	while (!list_is_empty(&batch)) {
		struct upstream_call *c = container_of(batch.next, struct upstream_call, at);
		c->last_err = ERR_SHED;
		call_tell(c, ERR_SHED);
	}
}

/* Every call that waits goes as far as it can; those that must go on waiting keep their places. The
 * last call may end, and the upstream be detached, within this function: the upstream is then
 * buried, and freed after turn hooks have run. */
void upstream_serve_waiting(struct turn_hook *h)
{
	struct upstream *u = container_of(h, struct upstream, hook);
	struct upstream_call *c;

	upstream_tell_shed(u);
	waitlist_walk_begin(&u->queue);
	while ((c = waitlist_walk_next(&u->queue))) {
		int r = call_go(c);
		bool waits = r == 0 && call_state_waits(c->state);
		call_tell(c, r);
		if (waits && (u->balance.n_ready == 0 || upstream_is_full(u)))
			break; /* there is no room for the other calls either */
	}
	waitlist_walk_end(&u->queue);
}
