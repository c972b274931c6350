/* reroute-probe: send a request elsewhere as its options say, in the phase that they say. */
#include <sluice/plugin.h>

struct reroute {
	sluice_str path, query, host;
	sluice_pairs set;
	sluice_strs remove;
	const sluice_upstream *to;
	int32_t when;
	bool no_query, given_path, given_host;
};

enum { WHEN_REQUEST, WHEN_WAIT, WHEN_BUFFER, WHEN_STREAM, WHEN_RESPONSE };
static const char *const whens[] = { "request", "wait", "buffer", "stream", "response", NULL };

#define R struct reroute
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, R, path, .doc = "new path"),
	SLUICE_OPTION(SLUICE_T_STR, R, query, .doc = "new query, with the path"),
	SLUICE_OPTION(SLUICE_T_BOOL, R, no_query, .doc = "none"),
	SLUICE_OPTION(SLUICE_T_STR, R, host, .doc = "new host"),
	SLUICE_OPTION(SLUICE_T_PAIRS, R, set, .doc = "parameters"),
	SLUICE_OPTION(SLUICE_T_STRS, R, remove, .doc = "parameters"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, R, to, .doc = "new upstream"),
	SLUICE_OPTION(SLUICE_T_ENUM, R, when, .choices = whens, .def = "request", .doc = "phase"),
	SLUICE_OPTIONS_END,
};

static int check(sluice_instance *inst, void *conf)
{
	struct reroute *r = conf;
	r->given_path = sluice_conf_given(inst, "path");
	r->given_host = sluice_conf_given(inst, "host");
	return 0;
}

/* Tells the client which of the calls were refused. */
static void act(sluice_exchange *x, const struct reroute *r)
{
	unsigned refused = 0;
	char text[] = { '0', 0 };
	if (r->given_path)
		refused += !sluice_target_set(x, r->path,
			r->no_query ? (sluice_str){ NULL, 0 } : r->query);
	for (size_t i = 0; i < r->remove.n; i++)
		refused += !sluice_query_remove(x, r->remove.v[i]);
	for (size_t i = 0; i < r->set.n; i++)
		refused += !sluice_query_set(x, r->set.v[i].name, r->set.v[i].value);
	if (r->given_host)
		refused += !sluice_host_set(x, r->host);
	if (r->to)
		refused += !sluice_upstream_set(x, r->to);
	text[0] = (char)('0' + refused);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Refused"), (sluice_str){ text, 1 });
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Target"),
		sluice_get(x, SLUICE_I_TARGET));
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Upstream"),
		sluice_get(x, SLUICE_I_UPSTREAM));
}

static sluice_verdict waited(sluice_exchange *x, const void *conf)
{
	act(x, conf);
	return SLUICE_NEXT;
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct reroute *r = conf;
	if (r->when == WHEN_BUFFER || r->when == WHEN_STREAM) {
		const sluice_body_plan plan = { .size = sizeof(plan),
			.max = 1 << 20,
			.mode = r->when == WHEN_BUFFER ? SLUICE_BODY_BUFFER : SLUICE_BODY_STREAM };
		return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
	}
	if (r->when == WHEN_WAIT)
		return sluice_sleep(x, 5, waited);
	if (r->when == WHEN_REQUEST)
		act(x, r);
	return SLUICE_NEXT;
}

static sluice_verdict on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	(void)data;
	if (end)
		act(x, conf);
	return SLUICE_NEXT;
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	const struct reroute *r = conf;
	if (r->when == WHEN_RESPONSE)
		act(x, r);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("reroute-probe", .version = "1", .summary = "sends requests elsewhere",
	.options = options, .conf_size = sizeof(struct reroute), .check = check,
	.on_request = on_request, .on_response = on_response, .on_request_body = on_request_body);
