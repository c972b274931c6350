/* What each row of the admin table does. Status, the longest answer, has a file of its own. */
#include "admin/answers.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/call.h"
#include "admin/dependencies.h"
#include "admin/metrics.h"
#include "admin/order.h"
#include "admin/purge.h"
#include "admin/requests.h"
#include "admin/service.h"
#include "admin/status.h"
#include "obs/metric.h"

enum { RELOAD_TRIES = 3 };

static struct admin_facts call_facts(const struct admin_call *c)
{
	const struct admin_env *env = &c->service->env;
	struct admin_facts f = { .phase = ADMIN_STARTING };
	env->facts(env->ctx, &f);
	return f;
}

/* A document of one or two members. */
static void call_say(struct admin_call *c, int status, const char *state)
{
	struct json_out o;
	json_init_heap(&o, CALL_JSON_MAX);
	o.pretty = true;
	json_open(&o, '{');
	json_key(&o, STR("state"));
	json_str(&o, str_of(state));
	json_close(&o, '}');
	call_answer_json(c, status, &o);
}

/* ---- looking ------------------------------------------------------------------------------- */

void answer_healthz(struct admin_call *c)
{
	call_answer(c, 200, STR("text/plain; charset=utf-8"), STR("alive\n"));
}

void answer_readyz(struct admin_call *c)
{
	struct admin_facts f = call_facts(c);
	struct json_out o;
	if (f.phase == ADMIN_SERVING && !f.n_silent && !f.unchecked && !f.awaited) {
		call_answer(c, 200, STR("text/plain; charset=utf-8"), STR("ready\n"));
		return;
	}
	call_problem_begin(&o, PROBLEM_NOT_READY);
	json_key(&o, STR("reasons"));
	json_open(&o, '[');
	if (f.phase == ADMIN_LEAVING)
		json_str(&o,
			STR("leaving: the gateway was told to stop, and takes new connections "
			    "until runtime.drain_delay is over"));
	else if (f.phase == ADMIN_DRAINING)
		json_str(&o,
			STR("draining: the gateway takes no new connections and ends when requests "
			    "are done"));
	else if (f.phase == ADMIN_STARTING)
		json_strf(&o, "starting: %u workers have no configuration yet", f.waiting);
	if (f.unchecked)
		json_strf(&o, "starting: the first check of %u servers has not ended", f.unchecked);
	if (f.awaited)
		dependencies_write_reasons(&o, f.snap, f.started_ns);
	for (unsigned i = 0; i < f.n_silent; i++)
		json_str(&o, str_of(f.silent[i].text));
	json_close(&o, ']');
	call_problem_end(c, PROBLEM_NOT_READY, &o);
}

/* True, and refused, when there is no room for one more large answer. */
static bool answer_refuse_large(struct admin_call *c)
{
	if (!service_is_loaded(c->service))
		return false;
	call_problem(c, PROBLEM_BUSY, STR("Too many answers are waiting to be read."));
	return true;
}

static void metrics_on_workers(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct admin_call *c = container_of(w, struct admin_call, wait);
	struct buf page;
	if (answer_refuse_large(c))
		return;
	buf_init(&page);
	metrics_write(&page, call_facts(c).snap, v, n);
	call_answer_buf(c, 200, STR(METRIC_CONTENT_TYPE), &page);
}

void answer_metrics(struct admin_call *c)
{
	c->wait.on_done = metrics_on_workers;
	service_ask_workers(c->service, &c->wait);
}

static void status_on_workers(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct admin_call *c = container_of(w, struct admin_call, wait);
	struct admin_facts f = call_facts(c);
	struct json_out o;
	if (answer_refuse_large(c))
		return;
	json_init_heap(&o, CALL_JSON_MAX);
	o.pretty = true;
	status_write(&o, &f, v, n);
	call_answer_json(c, 200, &o);
}

void answer_status(struct admin_call *c)
{
	c->wait.on_done = status_on_workers;
	service_ask_workers(c->service, &c->wait);
}

static void requests_on_workers(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct admin_call *c = container_of(w, struct admin_call, wait);
	struct json_out o;
	if (answer_refuse_large(c))
		return;
	json_init_heap(&o, CALL_JSON_MAX);
	o.pretty = true;
	requests_write(&o, v, n, c->filter.limit);
	call_answer_json(c, 200, &o);
}

void answer_requests(struct admin_call *c)
{
	sluice_str bad;
	if (!requests_parse(c->client->head->query, &c->filter, &bad)) {
		call_problem(c, PROBLEM_BAD_PARAMETER, bad);
		return;
	}
	c->wait.on_done = requests_on_workers;
	c->wait.filter = &c->filter;
	service_ask_workers(c->service, &c->wait);
}

/* ---- changing ------------------------------------------------------------------------------ */

static void reload_answer_bad(struct admin_call *c, const struct diag *d)
{
	struct json_out o;
	size_t n;
	char *text = diag_printed(d, &n);
	call_problem_begin(&o, PROBLEM_BAD_CONFIGURATION);
	json_key(&o, STR("detail"));
	json_str(&o, str_n(text, n));
	json_key(&o, STR("diagnostics"));
	diag_json(d, &o);
	free(text);
	call_problem_end(c, PROBLEM_BAD_CONFIGURATION, &o);
}

/* The document of a command that workers have heard of, up to its state. Returns how many have not
 * answered. */
static unsigned begin_state(struct json_out *o, const struct gather_answer *v, unsigned n)
{
	unsigned silent = 0;
	for (unsigned i = 0; i < n; i++)
		silent += v[i].silent;
	json_init_heap(o, CALL_JSON_MAX);
	o->pretty = true;
	json_open(o, '{');
	json_key(o, STR("state"));
	return silent;
}

/* The snapshot was posted before the question, so a worker that has answered has it. */
static void reload_on_workers(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct admin_call *c = container_of(w, struct admin_call, wait);
	struct admin_facts f = call_facts(c);
	struct json_out o;
	unsigned silent = begin_state(&o, v, n);
	json_str(&o, silent ? STR("loaded") : STR("in-force"));
	json_key(&o, STR("config"));
	status_write_config(&o, f.snap);
	if (silent) {
		json_key(&o, STR("silent_workers"));
		json_uint(&o, silent);
	}
	json_close(&o, '}');
	call_answer_json(c, silent ? 202 : 200, &o);
}

static void reload_on_room(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	(void)v, (void)n;
	answer_reload(container_of(w, struct admin_call, wait));
}

void answer_reload(struct admin_call *c)
{
	const struct admin_env *env = &c->service->env;
	struct diag d;
	diag_init(&d);
	switch (env->reload(env->ctx, &d)) {
	case ADMIN_RELOADED:
		c->wait.on_done = reload_on_workers;
		service_ask_workers(c->service, &c->wait);
		break;
	case ADMIN_RELOAD_BAD:
		reload_answer_bad(c, &d);
		break;
	case ADMIN_RELOAD_BUSY:
		/* once every worker has answered, the previous reload is complete */
		if (c->tries++ < RELOAD_TRIES) {
			c->wait.on_done = reload_on_room;
			service_ask_workers(c->service, &c->wait);
		} else {
			call_problem(c, PROBLEM_BUSY, STR_NONE);
		}
		break;
	case ADMIN_RELOAD_ENDING:
		call_problem(c, PROBLEM_ENDING, STR_NONE);
		break;
	}
	diag_fini(&d);
}

/* The caches are those of the process, so that no worker has to be asked. */
void answer_purge(struct admin_call *c)
{
	struct purge p = { .asked = 0 };
	struct json_out o;
	sluice_str bad;
	switch (purge_run(c->client->head->query, &p, &bad)) {
	case PURGE_BAD_PARAMETER:
		call_problem(c, PROBLEM_BAD_PARAMETER, bad);
		return;
	case PURGE_NO_CACHE:
		call_problem(c, PROBLEM_NO_CACHE, bad);
		return;
	case PURGE_DONE:
		break;
	}
	json_init_heap(&o, CALL_JSON_MAX);
	o.pretty = true;
	json_open(&o, '{');
	json_key(&o, STR("state"));
	json_str(&o, STR("purged"));
	json_key(&o, STR("asked"));
	json_uint(&o, p.asked);
	json_key(&o, STR("found"));
	json_uint(&o, p.found);
	json_close(&o, '}');
	call_answer_json(c, 200, &o);
}

/* The change was posted before the question, so a worker that has answered knows it. */
static void servers_on_workers(struct gather_wait *w, const struct gather_answer *v, unsigned n)
{
	struct admin_call *c = container_of(w, struct admin_call, wait);
	struct json_out o;
	unsigned silent = begin_state(&o, v, n);
	json_str(&o, STR("set"));
	if (silent) {
		json_key(&o, STR("silent_workers"));
		json_uint(&o, silent);
	}
	json_close(&o, '}');
	call_answer_json(c, silent ? 202 : 200, &o);
}

void answer_servers(struct admin_call *c)
{
	struct order order;
	sluice_str bad;
	switch (order_run(c->client->head->query, c->client->conn, &order, &bad)) {
	case ORDER_BAD_PARAMETER:
		call_problem(c, PROBLEM_BAD_PARAMETER, bad);
		return;
	case ORDER_NO_SERVER:
		call_problem(c, PROBLEM_NO_SERVER, bad);
		return;
	case ORDER_DONE:
		break;
	}
	c->wait.on_done = servers_on_workers;
	service_ask_workers(c->service, &c->wait);
}

void answer_reopen(struct admin_call *c)
{
	const struct admin_env *env = &c->service->env;
	env->reopen(env->ctx);
	call_say(c, 202, "reopening");
}

void answer_upgrade(struct admin_call *c)
{
	const struct admin_env *env = &c->service->env;
	switch (env->upgrade(env->ctx)) {
	case ADMIN_UPGRADE_STARTS:
		list_push(&c->service->heirs, &c->wait.link);
		break;
	case ADMIN_UPGRADE_FAILED:
		call_problem(c, PROBLEM_NO_SUCCESSOR,
			STR("It could not be started: see the error log."));
		break;
	case ADMIN_UPGRADE_TOO_MANY:
		call_problem(c, PROBLEM_NO_SUCCESSOR,
			STR("There are too many listening sockets to hand over: see the error "
			    "log."));
		break;
	case ADMIN_UPGRADE_ENDING:
		call_problem(c, PROBLEM_ENDING, STR_NONE);
		break;
	}
}

void answer_upgraded(struct admin_call *c, int pid, const char *why)
{
	struct json_out o;
	if (why) {
		call_problem(c, PROBLEM_NO_SUCCESSOR, str_of(why));
		return;
	}
	json_init_heap(&o, CALL_JSON_MAX);
	o.pretty = true;
	json_open(&o, '{');
	json_key(&o, STR("state"));
	json_str(&o, STR("handed-over"));
	json_key(&o, STR("pid"));
	json_int(&o, pid);
	json_close(&o, '}');
	call_answer_json(c, 200, &o);
}

void answer_drain(struct admin_call *c)
{
	const struct admin_env *env = &c->service->env;
	env->drain(env->ctx);
	call_say(c, 202, "draining");
}

void answer_stop(struct admin_call *c)
{
	service_stop_soon(c->service);
	call_say(c, 202, "stopping");
}
