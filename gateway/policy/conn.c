/* Hooks of connections. See conn.h. */
#include "policy/conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "policy/any_of.h"
#include "policy/run.h"
#include "policy/running.h"

enum { SCRATCH = 256 << 10 }; /* bytes of the texts that one call of a hook may ask for */

struct conn_cleanup {
	struct conn_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
	uint32_t at; /* the instance that registered it */
};

/* ---- calling a hook ------------------------------------------------------------------------ */

struct conn_call {
	struct running_call_before before;
	uint64_t since_ns; /* 0: its time is not measured */
};

static bool conn_is_hook(unsigned call)
{
	return call != RUNNING_CONN_CLEANUP;
}

static struct conn_call conn_enter(sluice_conn *c, uint32_t at, unsigned call)
{
	const struct conn_plugin *p = &c->row->v[at];
	struct conn_call run = { running_begin(c->row->worker, p->inst, call), 0 };
	c->row->worker->running_for = c;
	c->at = at;
	c->call = (uint8_t)call;
	c->refused = NULL;
	if (conn_is_hook(call) && instance_count_call(p->iw))
		run.since_ns = clock_ns();
	return run;
}

static void conn_measure(const sluice_conn *c, uint64_t since_ns)
{
	const struct conn_plugin *p = &c->row->v[c->at];
	uint64_t took = clock_ns() - since_ns;
	instance_count_time(p->iw, took);
	blame_slow(p->inst, c->call, took, "listener %.*s, peer %s",
		STR_ARG(c->info->listener->name), c->info->peer_ip);
}

static void conn_leave(sluice_conn *c, struct conn_call run)
{
	if (run.since_ns)
		conn_measure(c, run.since_ns);
	running_end(c->row->worker, run.before);
	c->call = 0;
	if (unlikely(c->row->scratch.used))
		arena_fini(&c->row->scratch);
}

/* ---- what it has decided ------------------------------------------------------------------- */

/* The connection is refused. */
static bool conn_refuse(sluice_conn *c, const char *code, char why[GATE_WHY])
{
	sluice_str name = c->row->v[c->at].inst->name;
	series_add(series_find(FAMILY_PLUGIN_REFUSED, name, str_of(code)), 1);
	(void)snprintf(why, GATE_WHY, "%s, by plugin instance \"%.*s\"", code, STR_ARG(name));
	return false;
}

static void conn_report(const sluice_conn *c, const char *code)
{
	series_add(series_find(FAMILY_PLUGIN_REPORTS, c->row->v[c->at].inst->name, str_of(code)),
		1);
}

static bool conn_failed(sluice_conn *c, unsigned call, const char *wrong, char why[GATE_WHY])
{
	sluice_instance *inst = c->row->v[c->at].inst;
	bool reports = inst->mode == INSTANCE_REPORT, goes_on = reports;
	goes_on |= inst->on_error == INSTANCE_SKIP && !c->refused;
	series_add(inst->failures, 1);
	blame(inst, call, BLAME_FAILED, "%s; listener %.*s, peer %s%s", wrong,
		STR_ARG(c->info->listener->name), c->info->peer_ip,
		reports           ? "; mode: report, so the connection goes on"
			: goes_on ? "; on_error: skip, so the connection goes on"
				  : "");
	if (!goes_on)
		return conn_refuse(c, "plugin-failed", why);
	if (reports)
		conn_report(c, "plugin-failed");
	else
		series_add(inst->skipped, 1);
	return true;
}

static bool conn_refused(sluice_conn *c, unsigned call, char why[GATE_WHY])
{
	sluice_instance *inst = c->row->v[c->at].inst;
	if (inst->mode != INSTANCE_REPORT)
		return conn_refuse(c, c->refused, why);
	conn_report(c, c->refused);
	blame(inst, call, BLAME_CHANGE,
		"it would have refused the connection: %s; listener %.*s, peer %s", c->refused,
		STR_ARG(c->info->listener->name), c->info->peer_ip);
	return true;
}

/* Whether the connection goes on. v is no plain SLUICE_NEXT. */
static bool conn_judge(sluice_conn *c, unsigned call, sluice_verdict v, char why[GATE_WHY])
{
	const char *wrong = "it returned a number that is no verdict";
	switch (v) {
	case SLUICE_NEXT:
		wrong = "it returned SLUICE_NEXT after it had refused";
		break;
	case SLUICE_REPLY:
		if (c->refused)
			return conn_refused(c, call, why);
		wrong = "it returned SLUICE_REPLY without sluice_conn_refuse()";
		break;
	case SLUICE_WAIT:
		wrong = "it returned SLUICE_WAIT, and a hook of a connection cannot wait";
		break;
	case SLUICE_FAIL:
		wrong = "it returned SLUICE_FAIL";
		break;
	}
	return conn_failed(c, call, wrong, why);
}

static bool conn_hook(sluice_conn *c, uint32_t at, unsigned call, sluice_conn_hook hook,
	char why[GATE_WHY])
{
	struct conn_call run = conn_enter(c, at, call);
	sluice_verdict v = hook(c, c->row->v[at].inst->conf);
	conn_leave(c, run);
	return likely(v == SLUICE_NEXT && !c->refused) || conn_judge(c, call, v, why);
}

/* ---- the gate ------------------------------------------------------------------------------ */

static bool conn_on_connect(struct conn_gate *g, void *room, const struct conn_info *info,
	char why[GATE_WHY])
{
	struct conn_row *r = container_of(g, struct conn_row, gate);
	sluice_conn *c = room;
	c->row = r;
	c->info = info;
	c->started_ns = worker_now(r->worker);
	while (c->reached < r->n) {
		uint32_t at = c->reached++;
		sluice_conn_hook hook = r->v[at].inst->plugin->on_connect;
		if (hook && !conn_hook(c, at, RUNNING_CONNECT, hook, why))
			return false;
	}
	return true;
}

static bool conn_on_secured(void *room, char why[GATE_WHY])
{
	sluice_conn *c = room;
	for (uint32_t at = 0; at < c->reached; at++) {
		sluice_conn_hook hook = c->row->v[at].inst->plugin->on_secured;
		if (hook && !conn_hook(c, at, RUNNING_SECURED, hook, why))
			return false;
	}
	return true;
}

static void conn_run_cleanups(sluice_conn *c)
{
	struct conn_cleanup *e;
	while ((e = c->cleanups)) {
		c->cleanups = e->next;
		struct conn_call run = conn_enter(c, e->at, RUNNING_CONN_CLEANUP);
		e->fn(e->arg);
		conn_leave(c, run);
		free(e);
	}
}

static void conn_on_close(void *room)
{
	sluice_conn *c = room;
	for (uint32_t at = 0; at < c->reached; at++) {
		sluice_conn_hook hook = c->row->v[at].inst->plugin->on_disconnect;
		if (!hook)
			continue;
		struct conn_call run = conn_enter(c, at, RUNNING_DISCONNECT);
		(void)hook(c, c->row->v[at].inst->conf); /* its verdict is ignored */
		conn_leave(c, run);
	}
	conn_run_cleanups(c);
	for (uint32_t at = 0; at < c->reached; at++)
		free(c->states[at]);
}

static void conn_row_free(struct conn_gate *g)
{
	struct conn_row *r = container_of(g, struct conn_row, gate);
	list_del(&r->link);
	r->keeper->unref(r->keeper);
	free(r);
}

static const struct conn_gate_ops conn_gate_ops = {
	.on_connect = conn_on_connect,
	.on_secured = conn_on_secured,
	.on_close = conn_on_close,
	.free = conn_row_free,
};

/* ---- rows ---------------------------------------------------------------------------------- */

int conn_place(const struct conn_row *r, const sluice_instance *inst)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (r->v[i].inst == inst)
			return (int)i;
	}
	return -1;
}

static bool conn_is_alternative(const struct chain *chain, uint32_t place)
{
	for (uint32_t i = 0; i < chain->n_any; i++) {
		if (place >= chain->any[i].first && place < chain->any[i].end)
			return true;
	}
	return false;
}

struct conn_row *conn_row_new(struct worker *w, const struct chain *chain,
	struct instance_worker *const *slots, struct instance_keeper *keeper, struct list *on)
{
	struct conn_row *r =
		mem_zeroed(1, sizeof(*r) + chain->n * sizeof(r->v[0]), "struct conn_row");
	for (uint32_t i = 0; i < chain->n; i++) {
		const struct chain_item *item = &chain->v[i];
		/* an alternative decides when the others have been asked, which is not now */
		if (plugin_sees_conns(item->plugin) && !conn_is_alternative(chain, i) &&
			conn_place(r, item->inst) < 0)
			r->v[r->n++] = (struct conn_plugin){ item->inst, slots[item->slot] };
	}
	r->gate = (struct conn_gate){ .ops = &conn_gate_ops,
		.room = sizeof(struct sluice_conn) + r->n * sizeof(void *),
		.refs = 1 };
	r->worker = w;
	r->keeper = keeper;
	keeper->ref(keeper);
	arena_init(&r->scratch, SCRATCH);
	list_push(on, &r->link);
	return r;
}

void conn_row_move(struct conn_row *r, struct instance_keeper *to)
{
	struct instance_keeper *from = r->keeper;
	to->ref(to);
	r->keeper = to;
	from->unref(from);
}

/* ---- what a connection keeps --------------------------------------------------------------- */

sluice_conn *conn_of_exchange(const sluice_exchange *x)
{
	const struct conn_info *info = x->client->conn;
	const struct conn_listener *l = info->listener;
	return l && l->plugged ? l->plugged(info) : NULL;
}

void *conn_state(sluice_conn *c, uint32_t at, size_t n)
{
	if (!c->states[at])
		c->states[at] = calloc(1, n);
	return c->states[at];
}

bool conn_cleanup(sluice_conn *c, uint32_t at, void (*fn)(void *), void *arg)
{
	unsigned n = 0;
	for (const struct conn_cleanup *e = c->cleanups; e; e = e->next)
		n += e->at == at;
	struct conn_cleanup *e = n < SLUICE_CONN_CLEANUPS ? malloc(sizeof(*e)) : NULL;
	if (!e)
		return false;
	*e = (struct conn_cleanup){ .next = c->cleanups, .fn = fn, .arg = arg, .at = at };
	c->cleanups = e;
	return true;
}
