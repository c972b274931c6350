/*
 * Parking exchanges. Each service either parks x and returns SLUICE_WAIT, or, when the answer is
 * there at once, runs the callback and returns its verdict. Every wait has a deadline: stores and
 * fetches have their own.
 */
#include "policy/wait.h"

#include "base/sanitize.h"
#include "base/stat.h"
#include "policy/blame.h"
#include "policy/fetching.h"
#include "policy/guard.h"
#include "policy/stage.h"
#include "policy/ticket.h"
#include "store/store.h"
#include "upstream/fetch.h"

enum wait_kind { WAIT_SLEEP, WAIT_PUBLISH, WAIT_TICKET, WAIT_FETCH, WAIT_STORE, WAIT_BODY };
enum { WAIT_MAX_MS = 600 * 1000 };

struct run_wait {
	struct frame_wait wait; /* of the frame that it parks */
	sluice_exchange *x;
	struct frame *frame; /* borrowed: parked, on x's stack */
	enum wait_kind kind;
	union {
		sluice_hook hook;
		sluice_park_fn park;
		sluice_fetch_fn fetch;
		sluice_store_fn store;
	} then;
	struct timer timer;
	struct instance_waiter waiter; /* PUBLISH: on the list of the instance */
	struct parked parked;          /* TICKET */
	struct fetch *fetch;           /* owned, while under way */
	struct redis_call call;        /* STORE */
	const sluice_store *store;     /* borrowed: of the instance; STORE */
};

static void wait_on_due(struct timer *t);
static void wait_on_ticket(struct parked *p);
static void wait_cancel(struct frame_wait *fw);

static const struct {
	const char *what, *call; /* for people, with its article; name of the service */
} wait_names[] = {
	[WAIT_SLEEP] = { "a timer", "sluice_sleep()" },
	[WAIT_PUBLISH] = { "what the plugin publishes", "sluice_await_publish()" },
	[WAIT_TICKET] = { "a ticket", "sluice_park()" },
	[WAIT_FETCH] = { "a fetch", "sluice_fetch()" },
	[WAIT_STORE] = { "a store", "a call of a store" },
	[WAIT_BODY] = { "the body of the request", "sluice_body_wait()" },
};

/* Whether x can be parked now. */
static bool wait_may(const sluice_exchange *x, const char *service, bool has_callback)
{
	if (!guard_hook(x, service))
		return false;
	if (!x->frame->may_wait)
		return guard_refuse(service, "this hook cannot wait");
	if (x->frame->wait)
		return guard_refuse(service, "the hook waits for something already");
	return has_callback || guard_refuse(service, "the callback is NULL");
}

/* NULL when it is refused, with a line in the log, or when the exchange's memory is spent. */
static struct run_wait *wait_new(sluice_exchange *x, enum wait_kind kind, bool has_callback)
{
	if (!wait_may(x, wait_names[kind].call, has_callback))
		return NULL;
	struct run_wait *w = x->spare_wait;
	struct frame *f = x->frame;
	if (!w)
		w = arena_alloc(x->arena, sizeof(*w));
	if (!w)
		return NULL;
	w->wait = (struct frame_wait){ wait_cancel, wait_names[kind].what };
	w->x = x;
	w->frame = f;
	w->kind = kind;
	w->fetch = NULL;
	timer_init(&w->timer, wait_on_due);
	list_init(&w->waiter.link);
	x->spare_wait = NULL;
	f->wait = &w->wait;
	x->acted = 1;
	return w;
}

/* The frame's wait has ended. The struct is kept for the next wait, unless memory is watched. */
static void wait_end(struct run_wait *w)
{
	timer_drop(&w->timer);
	list_del(&w->waiter.link);
	if (w->kind == WAIT_TICKET)
		(void)parked_leave(&w->parked);
	if (w->kind == WAIT_BODY)
		w->x->waits_for_body = false;
	w->frame->wait = NULL;
	if (!MEMORY_IS_WATCHED)
		w->x->spare_wait = w;
	else
		memory_close(w, sizeof(*w));
}

static void wait_cancel(struct frame_wait *fw)
{
	struct run_wait *w = container_of(fw, struct run_wait, wait);
	if (w->kind == WAIT_FETCH && w->fetch)
		fetch_cancel(w->fetch);
	else if (w->kind == WAIT_STORE)
		redis_cancel(&w->call);
	wait_end(w);
}

/* End the wait and enter its frame again. Returns the conf for the callback. */
static const void *wait_wake(struct run_wait *w)
{
	sluice_exchange *x = w->x;
	struct frame *f = w->frame;
	wait_end(w);
	frame_enter(x, f);
	return f->item->conf;
}

static void wait_resume_hook(struct run_wait *w)
{
	sluice_exchange *x = w->x;
	sluice_hook then = w->then.hook;
	const void *conf = wait_wake(w);
	run_resume(x, then(x, conf));
}

static void wait_resume_park(struct run_wait *w, sluice_status st)
{
	sluice_exchange *x = w->x;
	sluice_park_fn then = w->then.park;
	const void *conf = wait_wake(w);
	run_resume(x, then(x, conf, st));
}

static void wait_on_due(struct timer *t)
{
	struct run_wait *w = container_of(t, struct run_wait, timer);
	/* sluice_resume() has returned true, so that the result is SLUICE_OK */
	bool resumed = w->kind == WAIT_TICKET && parked_leave(&w->parked);
	if (w->kind != WAIT_SLEEP && !resumed)
		stat_inc(STAT_TIMEOUT_PLUGIN);
	if (w->kind == WAIT_TICKET)
		wait_resume_park(w, resumed ? SLUICE_OK : SLUICE_TIMEOUT);
	else
		wait_resume_hook(w);
}

static void wait_on_ticket(struct parked *p)
{
	wait_resume_park(container_of(p, struct run_wait, parked), SLUICE_OK);
}

static void wait_on_publish(struct instance_waiter *waiter)
{
	wait_resume_hook(container_of(waiter, struct run_wait, waiter));
}

static void wait_set_timer(struct run_wait *w, uint64_t ms)
{
	worker_timer(w->x->worker, &w->timer, (ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS) * NS_PER_MS);
}

static sluice_verdict wait_until(sluice_exchange *x, enum wait_kind kind, uint64_t ms,
	sluice_hook then)
{
	struct run_wait *w = wait_new(x, kind, then);
	if (!w)
		return SLUICE_FAIL;
	w->then.hook = then;
	wait_set_timer(w, ms);
	if (kind == WAIT_PUBLISH) {
		w->waiter.on_publish = wait_on_publish;
		list_push(&x->slots[run_item(x)->slot]->waiters, &w->waiter.link);
	}
	return SLUICE_WAIT;
}

sluice_verdict host_await_publish(sluice_exchange *x, uint64_t timeout_ms, sluice_hook then)
{
	return wait_until(x, WAIT_PUBLISH, timeout_ms, then);
}

sluice_verdict host_sleep(sluice_exchange *x, uint64_t ms, sluice_hook then)
{
	return wait_until(x, WAIT_SLEEP, ms, then);
}

sluice_verdict host_park(sluice_exchange *x, uint64_t timeout_ms, sluice_ticket *ticket,
	sluice_park_fn then)
{
	const char *service = wait_names[WAIT_TICKET].call;
	if (!guard_given(ticket, service, "there is no place for the ticket"))
		return SLUICE_FAIL;
	if (timeout_ms == 0) {
		blame_misuse(service, "no time is given");
		return SLUICE_FAIL;
	}
	struct run_wait *w = wait_new(x, WAIT_TICKET, then);
	if (!w)
		return SLUICE_FAIL;
	parked_init(&w->parked, wait_on_ticket);
	if (!parked_enter(&w->parked, x->worker, ticket)) {
		wait_end(w);
		return SLUICE_FAIL;
	}
	w->then.park = then;
	wait_set_timer(w, timeout_ms);
	return SLUICE_WAIT;
}

/* ---- the body ------------------------------------------------------------------------------ */

sluice_verdict host_body_wait(sluice_exchange *x, const sluice_body_plan *plan,
	sluice_body_hook then)
{
	const char *service = wait_names[WAIT_BODY].call;
	if (!guard_hook(x, service))
		return SLUICE_FAIL;
	if (x->frame->call != RUN_REQUEST || x->frame->stage) {
		blame_misuse(service, "it is for on_request");
		return SLUICE_FAIL;
	}
	struct run_wait *w = wait_new(x, WAIT_BODY, then);
	if (!w)
		return SLUICE_FAIL;
	if (!stage_wait(x, plan, then, service)) {
		wait_end(w);
		return SLUICE_FAIL;
	}
	x->waits_for_body = true;
	return SLUICE_WAIT;
}

void wait_body_came(sluice_exchange *x)
{
	(void)wait_wake(container_of(x->frame->wait, struct run_wait, wait));
	run_resume(x, SLUICE_NEXT);
}

/* ---- fetch --------------------------------------------------------------------------------- */

static void wait_on_fetch(void *ctx, const sluice_fetch_response *r)
{
	struct run_wait *w = ctx;
	sluice_exchange *x = w->x;
	sluice_fetch_fn then = w->then.fetch;
	w->fetch = NULL;
	const void *conf = wait_wake(w);
	run_resume(x, then(x, conf, r));
}

sluice_verdict host_fetch(sluice_exchange *x, const sluice_fetch_request *r, sluice_fetch_fn then)
{
	sluice_fetch_response failed = { .size = sizeof(failed), .status = SLUICE_ERROR };
	if (!guard_given(r, wait_names[WAIT_FETCH].call, "the request is NULL"))
		return SLUICE_FAIL;
	struct run_wait *w = wait_new(x, WAIT_FETCH, then);
	const char *why = NULL;
	if (!w)
		return SLUICE_FAIL;
	const struct fetching whose = { .worker = x->worker,
		.inst = run_item(x)->inst,
		.places = run_item(x)->upstreams,
		.upstreams = x->keeper ? x->keeper->upstreams : NULL,
		.own = x->upstream,
		.arena = x->arena };
	w->then.fetch = then;
	w->fetch = fetching_start(&whose, r, wait_on_fetch, w, &why);
	if (w->fetch)
		return SLUICE_WAIT;
	wait_end(w);
	failed.error = why;
	return then(x, run_item(x)->conf, &failed);
}

/* ---- store --------------------------------------------------------------------------------- */

static void wait_on_store(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	struct run_wait *w = container_of(c, struct run_wait, call);
	sluice_exchange *x = w->x;
	sluice_store_fn then = w->then.store;
	store_count(w->store, st);
	const void *conf = wait_wake(w);
	run_resume(x, then(x, conf, st, v));
}

static struct run_wait *wait_new_store(sluice_exchange *x, const sluice_store *s,
	sluice_store_fn then)
{
	struct run_wait *w = wait_new(x, WAIT_STORE, then);
	if (w) {
		w->store = s;
		w->then.store = then;
		redis_call_init(&w->call, wait_on_store);
	}
	return w;
}

static sluice_verdict wait_sent(struct run_wait *w, sluice_status st)
{
	static const sluice_value none = { .type = SLUICE_V_NIL };
	sluice_exchange *x = w->x;
	sluice_store_fn then = w->then.store;
	if (st == SLUICE_OK)
		return SLUICE_WAIT;
	store_count(w->store, st);
	wait_end(w);
	return then(x, run_item(x)->conf, st, &none);
}

sluice_verdict host_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then)
{
	static const char service[] = "sluice_store_eval()";
	if (!guard_given(s, service, "the store is NULL") ||
		!guard_given(script, service, "the script is NULL") ||
		(nargs && !guard_given(args, service, "the arguments are NULL")))
		return SLUICE_FAIL;
	struct run_wait *w = wait_new_store(x, s, then);
	if (!w)
		return SLUICE_FAIL;
	return wait_sent(w,
		store_eval(x->worker, s, &w->call, script, key, args, nargs, timeout_ms));
}

sluice_verdict host_store_command(sluice_exchange *x, const sluice_store *s, const sluice_str *argv,
	size_t argc, uint64_t timeout_ms, sluice_store_fn then)
{
	static const char service[] = "sluice_store_command()";
	if (!guard_given(s, service, "the store is NULL") ||
		!guard_given(argc ? argv : NULL, service, "the command is empty"))
		return SLUICE_FAIL;
	struct run_wait *w = wait_new_store(x, s, then);
	if (!w)
		return SLUICE_FAIL;
	return wait_sent(w, store_command(x->worker, s, &w->call, argv, argc, timeout_ms));
}
