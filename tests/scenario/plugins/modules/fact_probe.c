/*
 * fact-probe: writes all facts and numbers of an exchange into the log, a line for each:
 *
 *      PHASE name=value
 *
 * Newlines in a value are written as '~'.
 */
#include <sluice/plugin.h>

struct probe {
	sluice_instance *inst;
	bool body; /* work on bodies, so that they take the way through plugins */
};

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_BOOL, struct probe, body, .def = "false",
		.doc = "whether to work on bodies"),
	SLUICE_OPTIONS_END,
};

#define INFO(NAME) [SLUICE_I_##NAME] = #NAME
static const char *const infos[] = { INFO(METHOD), INFO(SCHEME), INFO(HOST), INFO(PATH),
	INFO(QUERY), INFO(TARGET), INFO(CLIENT_IP), INFO(ROUTE), INFO(UPSTREAM), INFO(REQUEST_ID),
	INFO(PROTOCOL), INFO(LISTENER), INFO(PEER), INFO(PEER_PORT), INFO(TLS_VERSION),
	INFO(TLS_CIPHER), INFO(TLS_SNI), INFO(TLS_ALPN), INFO(CLIENT_CERT_SUBJECT),
	INFO(CLIENT_CERT_ISSUER), INFO(CLIENT_CERT_DNS), INFO(CLIENT_CERT_URI),
	INFO(CLIENT_CERT_EMAIL), INFO(CLIENT_CERT_SERIAL), INFO(CLIENT_CERT_SHA256),
	INFO(CLIENT_CERT_PEM), INFO(CLIENT_CERT_DER), INFO(REASON), INFO(SERVER),
	INFO(UPSTREAM_PROTOCOL), INFO(AUTHORITY) };

#define NUMBER(NAME) [SLUICE_N_##NAME] = #NAME
static const char *const numbers[] = { NUMBER(STATUS), NUMBER(UPSTREAM_STATUS), NUMBER(TRIES),
	NUMBER(BYTES_IN), NUMBER(BYTES_OUT), NUMBER(REQUEST_BODY), NUMBER(RESPONSE_BODY),
	NUMBER(DURATION_US), NUMBER(CONNECT_US), NUMBER(RESPONSE_US), NUMBER(START_MS),
	NUMBER(CLIENT_PORT), NUMBER(PEER_PORT), NUMBER(CONNECTION_REQUESTS),
	NUMBER(CONNECTION_KEPT) };

static void tell(sluice_exchange *x, const struct probe *p, const char *phase)
{
	char text[1600];
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		sluice_str v = sluice_get(x, (sluice_info)i);
		if (!v.data)
			continue;
		size_t n = v.len < sizeof(text) ? v.len : sizeof(text);
		for (size_t k = 0; k < n; k++)
			text[k] = v.data[k] == '\n' ? '~' : v.data[k];
		sluice_log(p->inst, SLUICE_LOG_INFO, "%s %s=%.*s", phase, infos[i], (int)n, text);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int64_t n = sluice_number(x, (sluice_number_id)i);
		if (n != SLUICE_UNKNOWN)
			sluice_log(p->inst, SLUICE_LOG_INFO, "%s %s=%lld", phase, numbers[i],
				(long long)n);
	}
	if (sluice_get(x, (sluice_info)10000).data ||
		sluice_number(x, (sluice_number_id)10000) != SLUICE_UNKNOWN)
		sluice_log(p->inst, SLUICE_LOG_ERROR, "knows what there is not");
	sluice_log(p->inst, SLUICE_LOG_INFO, "%s end", phase);
}

static int probe_check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->inst = inst;
	return 0;
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1 << 20 };
	tell(x, p, "request");
	if (p->body &&
		(!sluice_body_want(x, SLUICE_REQUEST, &plan) ||
			!sluice_body_want(x, SLUICE_RESPONSE, &plan)))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	(void)conf;
	sluice_body_pass(x, data.len);
	if (end)
		(void)sluice_body_write(x, SLUICE_STR("!!"));
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_response(sluice_exchange *x, const void *conf)
{
	tell(x, conf, "response");
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_complete(sluice_exchange *x, const void *conf)
{
	tell(x, conf, "complete");
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("fact-probe", .version = "1", .summary = "write facts and numbers into the log",
	.options = options, .conf_size = sizeof(struct probe), .check = probe_check,
	.on_request = probe_on_request, .on_response = probe_on_response,
	.on_complete = probe_on_complete, .on_request_body = probe_on_body,
	.on_response_body = probe_on_response_body);
