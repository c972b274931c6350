/* See script.h. */
#include "script.h"

SLUICE_EXPORT extern struct script script;
SLUICE_EXPORT struct script script;

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct script_conf, label, .doc = "what it is called"),
	SLUICE_OPTION(SLUICE_T_STR, struct script_conf, secret, .flags = SLUICE_F_SECRET,
		.doc = "what it knows"),
	SLUICE_OPTION(SLUICE_T_EXPR, struct script_conf, by, .doc = "what it counts by"),
	SLUICE_OPTION(SLUICE_T_STORE, struct script_conf, store, .doc = "where it counts"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct script_conf, upstream, .doc = "where it sends"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct script_conf, other, .doc = "or there"),
	SLUICE_OPTION(SLUICE_T_UINT, struct script_conf, number, .def = "7", .max = "100",
		.doc = "a number"),
	SLUICE_OPTIONS_END,
};

static int check(sluice_instance *inst, void *conf)
{
	return script.check ? script.check(inst, conf) : 0;
}

static int start(sluice_instance *inst, void *conf)
{
	return script.start ? script.start(inst, conf) : 0;
}

static void stop(sluice_instance *inst, void *conf)
{
	if (script.stop)
		script.stop(inst, conf);
}

static int worker_start(sluice_instance *inst, const void *conf, void *state)
{
	return script.worker_start ? script.worker_start(inst, conf, state) : 0;
}

static void worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	if (script.worker_stop)
		script.worker_stop(inst, conf, state);
}

static void on_refresh(sluice_instance *inst, const void *conf)
{
	if (script.on_refresh)
		script.on_refresh(inst, conf);
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	return script.on_request ? script.on_request(x, conf) : SLUICE_NEXT;
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	return script.on_response ? script.on_response(x, conf) : SLUICE_NEXT;
}

static sluice_verdict on_complete(sluice_exchange *x, const void *conf)
{
	return script.on_complete ? script.on_complete(x, conf) : SLUICE_NEXT;
}

static sluice_verdict on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	if (script.on_request_body)
		return script.on_request_body(x, conf, data, end);
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

static sluice_verdict on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	if (script.on_response_body)
		return script.on_response_body(x, conf, data, end);
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("script", .version = "1", .summary = "does what the test says", .options = options,
	.conf_size = sizeof(struct script_conf), .check = check, .start = start, .stop = stop,
	.worker_size = SCRIPT_STATE, .worker_start = worker_start, .worker_stop = worker_stop,
	.on_request = on_request, .on_response = on_response, .on_complete = on_complete,
	.on_refresh = on_refresh, .on_request_body = on_request_body,
	.on_response_body = on_response_body);
