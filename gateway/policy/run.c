/*
 * Walking the plugins of a listener and of a route: in order for the request, in reverse for the
 * response, once more at the end. A hook that waits ends the walk for now; run_resume() goes on
 * with it when the answer has come.
 */
#include "policy/run.h"

#include "policy/any_of.h"
#include "policy/edit.h"
#include "policy/frame_call.h"
#include "policy/producer.h"
#include "policy/stage.h"

struct run_cleanup {
	struct run_cleanup *next;
	const struct chain_item *item; /* borrowed: of the chain; the plugin that registered it */
	void (*fn)(void *arg);
	void *arg;
};

void run_init(sluice_exchange *x)
{
	const struct conn_info *conn = x->client->conn;
	x->arena = &x->client->arena;
	x->client_ip = str_n(conn->peer_ip, conn->peer_ip_len);
	x->client_port = conn->peer_port;
	x->scheme = conn->tls_version ? STR("https") : STR("http");
	x->edits_end = &x->edits;
	x->response_start = UINT32_MAX;
}

/* The request hooks from the i-th plugin on, of a chain with alternatives. */
static enum run_result run_walk_groups(sluice_exchange *x, uint32_t i)
{
	enum run_result r = RUN_NEXT;
	while (r == RUN_NEXT && i < x->chain->n) {
		const struct chain_item *item = &x->chain->v[i];
		sluice_hook hook = item->plugin->on_request;
		any_of_enter(x, i);
		x->at = i++;
		x->reached = i;
		r = hook ? frame_call(x, item, RUN_REQUEST, hook) : RUN_NEXT;
		if (x->any && r != RUN_WAIT)
			r = any_of_judge(x, r, &i);
	}
	if (r == RUN_NEXT)
		x->reached = x->chain->n;
	return r;
}

/* The request hooks of item and of the plugins behind it. The chain has one at least. */
static enum run_result run_walk_request(sluice_exchange *x, const struct chain *chain,
	const struct chain_item *item)
{
	const struct chain_item *end = chain->v + chain->n;
	if (unlikely(chain->n_any))
		return run_walk_groups(x, item->place);
	x->reached = chain->n;
	do {
		sluice_hook hook = item->plugin->on_request;
		enum run_result r = hook ? frame_call(x, item, RUN_REQUEST, hook) : RUN_NEXT;
		if (unlikely(r != RUN_NEXT)) {
			x->at = item->place;
			x->reached = item->place + 1;
			return r;
		}
	} while (++item < end);
	return RUN_NEXT;
}

/* The response hooks of the first n plugins, in reverse. */
static enum run_result run_walk_response(sluice_exchange *x, uint32_t n)
{
	x->at = 0; /* unless it stops before that */
	if (n == 0)
		return RUN_NEXT;
	const struct chain_item *item = &x->chain->v[n - 1];
	for (;; item--) {
		sluice_hook hook = item->plugin->on_response;
		enum run_result r = hook ? frame_call(x, item, RUN_RESPONSE, hook) : RUN_NEXT;
		if (unlikely(r != RUN_NEXT)) {
			x->at = item->place;
			return r;
		}
		if (item->place == 0)
			return RUN_NEXT;
	}
}

static inline void run_walk_complete(sluice_exchange *x)
{
	const struct chain_item *item = x->chain->v, *end = item + x->reached;
	for (; item < end; item++) {
		sluice_hook hook = item->plugin->on_complete;
		if (hook)
			(void)frame_call(x, item, RUN_COMPLETE, hook);
	}
}

enum run_result run_request(sluice_exchange *x, const struct chain *chain)
{
	if (chain->n == 0)
		return RUN_NEXT;
	x->chain = chain;
	x->phase = RUN_REQUEST;
	return run_walk_request(x, chain, chain->v);
}

static void chain_copy(struct chain_item *to, const struct chain *from, uint32_t place)
{
	for (uint32_t i = 0; i < from->n; i++) {
		to[place + i] = from->v[i];
		to[place + i].place = place + i;
	}
}

/* Places do not change, so what the listener's plugins left in x (memory, facts that they provide,
 * bodies that they asked for) finds its plugin in the new chain. */
bool run_append(sluice_exchange *x, const struct chain *chain)
{
	const struct chain *first = x->chain;
	if (chain->n == 0)
		return true;
	struct chain *both = arena_new(x->arena, struct chain);
	struct chain_item *v = arena_alloc(x->arena, (first->n + chain->n) * sizeof(*v));
	uint32_t n_any = first->n_any + chain->n_any;
	struct any_of *any = n_any ? arena_alloc(x->arena, n_any * sizeof(*any)) : NULL;
	if (!both || !v || (n_any && !any))
		return false;
	any_of_copy(any, first, 0);
	any_of_copy(any ? any + first->n_any : NULL, chain, first->n);
	chain_copy(v, first, 0);
	chain_copy(v, chain, first->n);
	*both = (struct chain){ .v = v,
		.n = first->n + chain->n,
		.n_any = n_any,
		.any = any,
		.has_response = first->has_response || chain->has_response,
		.has_attempt = first->has_attempt || chain->has_attempt,
		.has_complete = first->has_complete || chain->has_complete };
	x->chain = both;
	return true;
}

/* The request hooks from the i-th plugin on. */
static enum run_result run_walk_request_from(sluice_exchange *x, uint32_t i)
{
	const struct chain *chain = x->chain;
	return i < chain->n ? run_walk_request(x, chain, &chain->v[i]) : RUN_NEXT;
}

enum run_result run_request_rest(sluice_exchange *x)
{
	return run_walk_request_from(x, x->reached);
}

/* A frame of its own: a try may come at any place of the walk, and again. */
enum run_result run_attempt(sluice_exchange *x)
{
	for (uint32_t i = 0; i < x->reached; i++) {
		const struct chain_item *item = &x->chain->v[i];
		sluice_hook hook = module_on_attempt(item->plugin);
		if (!hook)
			continue;
		struct frame f = { .item = item, .call = RUN_ATTEMPT };
		frame_enter(x, &f);
		if (frame_leave(x, hook(x, item->conf)) != RUN_NEXT)
			return RUN_FAIL;
	}
	return RUN_NEXT;
}

enum run_result run_response(sluice_exchange *x)
{
	frame_cancel_all(x); /* drop parked hooks of the response that this one replaces */
	if (unlikely(x->edits))
		edit_apply(x);
	if (!x->chain || !x->chain->has_response)
		return RUN_NEXT;
	x->phase = RUN_RESPONSE;
	run_drop_answer(x);
	return run_walk_response(x,
		x->response_start < x->reached ? x->response_start : x->reached);
}

enum run_result run_hurry(sluice_exchange *x)
{
	enum run_result r = RUN_WAIT;
	while (r == RUN_WAIT) {
		frame_cancel_all(x);
		r = run_walk_response(x, x->at);
	}
	return r;
}

/* The parked hook of f has decided to go on. */
static enum run_result run_go_on(sluice_exchange *x, struct frame *f)
{
	if (f->stage)
		return stage_resumed(x, f->stage);
	if (x->phase == RUN_RESPONSE)
		return run_walk_response(x, x->at);
	return run_walk_request_from(x, x->at + 1);
}

/* The same within alternatives, whatever the hook has decided. */
static enum run_result run_go_on_in_group(sluice_exchange *x, enum run_result r)
{
	uint32_t next = 0;
	r = any_of_judge(x, r, &next);
	return r == RUN_NEXT ? run_walk_request_from(x, next) : r;
}

void run_resume(sluice_exchange *x, sluice_verdict v)
{
	struct frame *f = x->frame;
	enum run_result r = frame_leave(x, v);
	if (unlikely(f->call == RUN_WRITE)) {
		producer_left(x, r);
		return;
	}
	if (f->stage)
		r = stage_left(x, f->stage, r);
	if (unlikely(x->any) && r != RUN_WAIT && !f->stage && x->phase == RUN_REQUEST)
		r = run_go_on_in_group(x, r);
	else if (r == RUN_NEXT)
		r = run_go_on(x, f);
	if (r != RUN_WAIT || unlikely(x->waits_for_body))
		x->on_resumed(x, r);
}

void run_cancel(sluice_exchange *x)
{
	frame_cancel_all(x);
	if (unlikely(x->any))
		any_of_drop(x);
	producer_drop(x);
}

bool run_cleanup(sluice_exchange *x, void (*fn)(void *arg), void *arg)
{
	struct run_cleanup *c = arena_alloc(x->arena, sizeof(*c));
	if (!c)
		return false;
	*c = (struct run_cleanup){ .next = x->cleanups, .item = run_item(x), .fn = fn, .arg = arg };
	x->cleanups = c;
	return true;
}

static void run_cleanups(sluice_exchange *x)
{
	for (struct run_cleanup *c = x->cleanups; c; c = c->next) {
		struct frame f = { .item = c->item, .call = RUNNING_CLEANUP };
		frame_enter(x, &f);
		c->fn(c->arg);
		(void)frame_leave(x, SLUICE_NEXT);
	}
	x->cleanups = NULL;
}

void run_complete(sluice_exchange *x)
{
	run_cancel(x);
	run_drop_answer(x);
	stages_fini(x);
	x->phase = RUN_COMPLETE;
	if (x->chain && x->chain->has_complete)
		run_walk_complete(x);
	if (unlikely(x->cleanups))
		run_cleanups(x);
}
