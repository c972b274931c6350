/*
 * Walking a route's plugins: forth for the request, back for the response, once more at the end. A
 * hook that waits returns out of the walk; the answer comes in through run_resume() and the walk
 * goes on behind it.
 */
#include "policy/run.h"

#include "base/log.h"
#include "policy/edit.h"
#include "policy/stage.h"
#include "policy/wait.h"
#include "policy/walk.h"

void run_init(sluice_exchange *x)
{
	const struct conn_info *conn = x->client->conn;
	x->arena = &x->client->arena;
	x->client_ip = str_n(conn->peer_ip, conn->peer_ip_len);
	x->client_port = conn->peer_port;
	x->scheme = conn->tls_version ? STR("https") : STR("http");
	x->edits_end = &x->edits;
	x->below = UINT32_MAX;
}

const struct chain_item *run_item(const sluice_exchange *x)
{
	return &x->chain->v[x->at];
}

enum run_result run_settle(sluice_exchange *x, sluice_verdict v)
{
	if (v == SLUICE_WAIT && x->wait)
		return RUN_WAIT;
	if (x->wait)
		wait_cancel(x);
	if (v == SLUICE_NEXT)
		return RUN_NEXT;
	if (v == SLUICE_REPLY && x->answer.status)
		return RUN_REPLY;
	if (v != SLUICE_FAIL)
		log_error("plugin", "%s: a hook returned %d without what belongs to it",
			run_item(x)->plugin->name, (int)v);
	x->answer.status = 0;
	series_add(run_item(x)->inst->failures, 1);
	return RUN_FAIL;
}

static sluice_verdict run_hook(sluice_exchange *x, const struct chain_item *item, sluice_hook hook)
{
	uint64_t entered = run_enter(x, item);
	sluice_verdict v = hook(x, item->conf);
	run_leave(x, item, entered);
	return v;
}

static enum run_result run_walk_request(sluice_exchange *x)
{
	while (x->at < x->chain->n) {
		const struct chain_item *item = run_item(x);
		x->reached = x->at + 1;
		if (item->plugin->on_request) {
			enum run_result r =
				run_settle(x, run_hook(x, item, item->plugin->on_request));
			if (r != RUN_NEXT)
				return r;
		}
		x->at++;
	}
	return RUN_NEXT;
}

/* x->at counts down; it is one more than the plugin that runs next. */
static enum run_result run_walk_response(sluice_exchange *x)
{
	while (x->at > 0) {
		x->at--;
		const struct chain_item *item = run_item(x);
		if (item->plugin->on_response) {
			enum run_result r =
				run_settle(x, run_hook(x, item, item->plugin->on_response));
			if (r != RUN_NEXT)
				return r;
		}
	}
	return RUN_NEXT;
}

enum run_result run_request(sluice_exchange *x, const struct chain *chain)
{
	if (chain->n == 0)
		return RUN_NEXT;
	x->chain = chain;
	x->phase = RUN_REQUEST;
	x->at = 0;
	return run_walk_request(x);
}

enum run_result run_response(sluice_exchange *x)
{
	edit_apply(x);
	if (!x->chain || !x->chain->has_response)
		return RUN_NEXT;
	x->phase = RUN_RESPONSE;
	x->at = x->below < x->reached ? x->below : x->reached;
	x->answer.status = 0;
	return run_walk_response(x);
}

enum run_result run_hurry(sluice_exchange *x)
{
	enum run_result r = RUN_WAIT;
	while (r == RUN_WAIT) {
		wait_cancel(x);
		r = run_walk_response(x);
	}
	return r;
}

void run_resume(sluice_exchange *x, sluice_verdict v)
{
	enum run_result r = run_settle(x, v);
	if (r == RUN_WAIT)
		return;
	if (r == RUN_NEXT && x->phase == RUN_REQUEST) {
		x->at++;
		r = run_walk_request(x);
	} else if (r == RUN_NEXT && x->phase == RUN_RESPONSE) {
		r = run_walk_response(x);
	} else if (r == RUN_NEXT) {
		r = stage_resumed(x);
	}
	if (r != RUN_WAIT)
		x->on_resumed(x, r);
}

void run_cancel(sluice_exchange *x)
{
	if (x->wait)
		wait_cancel(x);
}

void run_complete(sluice_exchange *x)
{
	run_cancel(x);
	stages_fini(x);
	x->phase = RUN_COMPLETE;
	for (x->at = 0; x->at < x->reached; x->at++) {
		const struct chain_item *item = run_item(x);
		if (!item->plugin->on_complete)
			continue;
		(void)run_hook(x, item, item->plugin->on_complete);
		if (x->wait)
			wait_cancel(x);
	}
	for (struct run_cleanup *c = x->cleanups; c; c = c->next) {
		running_set(x->worker, c->inst, RUNNING_CLEANUP, x);
		c->fn(c->arg);
		running_clear(x->worker);
	}
	x->cleanups = NULL;
}
