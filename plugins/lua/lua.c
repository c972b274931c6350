/*
 * lua: hooks written in Lua. This file has the record and the options. program.c reads the script,
 * vm.c is a Lua state, sandbox.c what a script sees of Lua, run.c a script at work on a request;
 * api_*.c is the table `sluice`, and pattern.c matches patterns within the budget. Where LuaJIT is
 * missing, without.c stands for all of them.
 */
#include <sluice/plugin.h>

#include "../shared/metric.h"
#include "script.h"

#define C struct lua_conf

static const sluice_option upstream_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct lua_upstream, name, .flags = SLUICE_F_KEY,
		.doc = "name of the upstream in the script"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct lua_upstream, upstream, .flags = SLUICE_F_REQUIRED,
		.doc = "the upstream"),
	SLUICE_OPTIONS_END,
};

static const char *const metric_kinds[] = { "counter", "gauge", NULL };

static const sluice_option metric_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct lua_metric, name, .flags = SLUICE_F_KEY,
		.doc = "name of the metric: a-z, 0-9 and _"),
	SLUICE_OPTION(SLUICE_T_STR, struct lua_metric, help,
		.flags = SLUICE_F_SCALAR | SLUICE_F_REQUIRED, .min = "1", .max = "255",
		.doc = "what it counts, in one sentence"),
	SLUICE_OPTION(SLUICE_T_STR, struct lua_metric, label, .max = "63",
		.doc = "a label, whose value the script gives with each count"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct lua_metric, kind, .def = "counter",
		.choices = metric_kinds,
		.doc = "`counter`, which only grows, or `gauge`, which the script also sets"),
	SLUICE_OPTIONS_END,
};

static const sluice_option lua_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, C, file,
		.doc = "file with the script, relative to the configuration file; it is watched"),
	SLUICE_OPTION(SLUICE_T_STR, C, script, .doc = "the script itself, in place of file"),
	SLUICE_OPTION(SLUICE_T_STR, C, modules, .max = "512",
		.doc = "folder of the Lua files that the script may load by require(); they are "
		       "watched"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, options, .max = "256",
		.doc = "values for the script: `sluice.options.NAME`"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, secrets, .flags = SLUICE_F_SECRET, .max = "64",
		.doc = "values that are never shown: `sluice.secrets.NAME`"),
	SLUICE_OPTION(SLUICE_T_EXPRS, C, facts, .max = "64",
		.doc = "facts with a name behind a colon that the script reads by `sluice.get()`, "
		       "such as `query:key`"),
	SLUICE_OPTION(SLUICE_T_STRS, C, credentials, .max = "16",
		.doc = "fields, and parameters as `query:NAME`, in which the script reads "
		       "credentials: `any-of` removes those that admitted nobody"),
	SLUICE_OPTION(SLUICE_T_STRS, C, words, .max = "16",
		.doc = "fields of requests that the script alone writes: `any-of` removes what the "
		       "client sent"),
	SLUICE_OPTION(SLUICE_T_MAP, C, upstreams, .sub = upstream_options,
		.sub_size = sizeof(struct lua_upstream), .max = "64",
		.doc = "upstreams that the script may choose or fetch from, by a name of its own"),
	SLUICE_OPTION(SLUICE_T_MAP, C, metrics, .sub = metric_options,
		.sub_size = sizeof(struct lua_metric), .max = "32",
		.doc = "metrics that the script counts, by their name; the value is what they "
		       "count, or a block"),
	SLUICE_OPTION(SLUICE_T_STORE, C, store, .doc = "Redis store for `sluice.redis()`"),
	SLUICE_OPTION(SLUICE_T_UINT, C, instructions, .def = "200000", .min = "2000",
		.max = "1000000000",
		.doc = "how many instructions of Lua a call of a hook may take; then it fails"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, memory, .def = "16MiB", .min = "256KiB", .max = "1GiB",
		.doc = "memory of the script, on each worker"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, max_body, .def = "64KiB", .min = "1", .max = "1GiB",
		.doc = "largest body that the script is given, where it does not say another"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, timeout, .def = "5s", .min = "1ms", .max = "10m",
		.doc = "how long a fetch or a command of the store may take, where the script "
		       "does not say another time"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, jit, .def = "false",
		.doc = "whether the script is compiled to machine code, which knows no "
		       "`instructions`: an endless loop then blocks a worker for ever"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, refresh, .def = "5s", .min = "1s", .max = "1d",
		.doc = "how often files are looked at"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int check_options(sluice_instance *inst, const C *c)
{
	if ((c->file.len != 0) == (c->script.len != 0)) {
		sluice_conf_error(inst, NULL, "either file or script has to be given");
		sluice_conf_hint(inst, "file: greet.lua");
		return -1;
	}
	if (c->store && sluice_store_kind_of(c->store) != SLUICE_STORE_REDIS) {
		sluice_conf_error(inst, "store", "must be a Redis store");
		return -1;
	}
	return 0;
}

static int declare_metrics(sluice_instance *inst, C *c)
{
	struct lua_metric *v = c->metrics.v;
	c->errors = metric_declare(inst, SLUICE_METRIC_COUNTER, "errors",
		"Calls of hooks of the script that ended by an error.", "hook");
	c->refused_scripts = metric_declare(inst, SLUICE_METRIC_GAUGE, "refused_scripts",
		"Scripts whose present content has a mistake and is not used.", NULL);
	int rc = c->errors && c->refused_scripts ? 0 : -1;
	for (size_t i = 0; i < c->metrics.n; i++) {
		v[i].metric = metric_declare(inst,
			v[i].kind == 1 ? SLUICE_METRIC_GAUGE : SLUICE_METRIC_COUNTER,
			v[i].name.data, v[i].help.data, v[i].label.len ? v[i].label.data : NULL);
		rc = v[i].metric ? rc : -1;
	}
	return rc;
}

static void declare_own(sluice_instance *inst, const C *c)
{
	const sluice_str query = SLUICE_STR("query:");
	for (size_t i = 0; i < c->credentials.n; i++) {
		sluice_str name = c->credentials.v[i];
		if (sluice_str_starts(name, query))
			sluice_own(inst, SLUICE_OWN_CREDENTIAL_PARAMETER,
				sluice_str_skip(name, query.len));
		else
			sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, name);
	}
	for (size_t i = 0; i < c->words.n; i++)
		sluice_own(inst, SLUICE_OWN_WORD, c->words.v[i]);
}

static int lua_check(sluice_instance *inst, void *conf)
{
	C *c = conf;
	c->inst = inst;
	declare_own(inst, c);
	if (check_options(inst, c) < 0 || declare_metrics(inst, c) < 0)
		return -1;
	return script_check(inst, c);
}

static int lua_start(sluice_instance *inst, void *conf)
{
	script_start(inst, conf);
	return 0;
}

static void lua_stop(sluice_instance *inst, void *conf)
{
	(void)inst;
	script_fini(conf);
}

static int lua_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	return script_worker_start(inst, conf, state);
}

static void lua_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	(void)inst;
	(void)conf;
	script_worker_stop(state);
}

/* ---- hooks --------------------------------------------------------------------------------- */

static sluice_verdict lua_on_request(sluice_exchange *x, const void *conf)
{
	return script_call(x, conf, SCRIPT_REQUEST);
}

static sluice_verdict lua_on_response(sluice_exchange *x, const void *conf)
{
	return script_call(x, conf, SCRIPT_RESPONSE);
}

static sluice_verdict lua_on_attempt(sluice_exchange *x, const void *conf)
{
	return script_call(x, conf, SCRIPT_ATTEMPT);
}

static sluice_verdict lua_on_complete(sluice_exchange *x, const void *conf)
{
	return script_call(x, conf, SCRIPT_COMPLETE);
}

/* Bodies come whole; this one is asked for by the script alone. */
static sluice_verdict lua_on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	return end ? script_body(x, conf, data) : SLUICE_NEXT;
}

static const char *const lua_provides[] = { "consumer", "groups", "consumer:", "lua:", NULL };

SLUICE_PLUGIN("lua", .version = "1.0", .summary = "runs hooks that are written in Lua",
	.options = lua_options, .conf_size = sizeof(C), .check = lua_check, .start = lua_start,
	.stop = lua_stop, .worker_size = sizeof(struct lua_worker),
	.worker_start = lua_worker_start, .worker_stop = lua_worker_stop,
	.on_request = lua_on_request, .on_response = lua_on_response,
	.on_complete = lua_on_complete, .on_response_body = lua_on_response_body,
	.provides = lua_provides, .on_attempt = lua_on_attempt);
