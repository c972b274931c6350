/*
 * upstream-token: the gateway gets an access token of its own for an upstream, and sends it along.
 * This file has the record and the options. supply.c gets the token of client credentials and keeps
 * it new; subject.c exchanges the tokens of clients; question.c asks an authorization server, and
 * answer.c judges what it says; request.c has the hooks.
 */
#include <sluice/plugin.h>

#include "../shared/metric.h"
#include "../shared/url.h"
#include "conf.h"
#include "digests.h"
#include "question.h"
#include "refusal.h"
#include "request.h"
#include "subject.h"
#include "supply.h"

#define C struct token_conf

static const char *const grant_choices[] = { "client_credentials", "token_exchange", NULL };
static const char *const failure_choices[] = { "deny", "pass", NULL };
static const char *const field_choices[] = { "replace", "refuse", NULL };

static const sluice_option token_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, C, grant, .def = "client_credentials",
		.choices = grant_choices,
		.doc = "how the token is got: for the gateway itself, or for the client's token "
		       "(RFC 8693)"),
	SLUICE_OPTION(SLUICE_T_STR, C, issuer, .max = "2048",
		.doc = "URL of the authorization server, exactly as it names itself: its token "
		       "endpoint is found by OpenID Connect Discovery or RFC 8414"),
	SLUICE_OPTION(SLUICE_T_STR, C, token_endpoint, .max = "2048",
		.doc = "in place of issuer: the URL of the token endpoint"),
	CLIENT_AUTH_OPTIONS(C, client),
	SLUICE_OPTION(SLUICE_T_STRS, C, scopes, .max = "64", .doc = "scopes that are asked for"),
	SLUICE_OPTION(SLUICE_T_STRS, C, audience, .max = "16",
		.doc = "names of the service that the token is for (parameter audience)"),
	SLUICE_OPTION(SLUICE_T_STRS, C, resource, .max = "16",
		.doc = "URLs of the service that the token is for (RFC 8707)"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, params, .flags = SLUICE_F_SECRET, .max = "32",
		.doc = "further parameters of the request for a token"),
	SLUICE_OPTION(SLUICE_T_STR, C, field, .def = "Authorization", .min = "1", .max = "64",
		.doc = "the header field that carries the token to the upstream"),
	SLUICE_OPTION(SLUICE_T_STR, C, scheme, .def = "Bearer", .max = "64",
		.doc = "the word before the token in that field; \"\": none"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, client_field, .def = "replace", .choices = field_choices,
		.doc = "when the client sends that field itself: replace it, or refuse the request "
		       "with 400"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, on_failure, .def = "deny", .choices = failure_choices,
		.doc = "when there is no token: deny the request with 503, or pass it on without "
		       "one"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, lifetime, .def = "5m", .min = "1s", .max = "365d",
		.doc = "how long a token is used of which the server does not say it "
		       "(expires_in)"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, leeway, .def = "5s", .max = "10m",
		.doc = "how long before its end a token is no longer sent; at most half of its "
		       "life"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, refresh_ahead, .def = "1m", .min = "1s", .max = "1d",
		.doc = "how long before that the next token of client credentials is fetched, at "
		       "the least; up to half of it earlier, by chance"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, min_refresh, .def = "10s", .min = "1s", .max = "1h",
		.doc = "how old a token has to be that is fetched anew because the upstream has "
		       "answered 401"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, wait, .def = "3s", .min = "100ms", .max = "30s",
		.doc = "how long a request waits for the token of client credentials, or for the "
		       "discovery of issuer"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, timeout, .def = "5s", .min = "10ms", .max = "1m",
		.doc = "how long one request to the authorization server may take"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, ready_wait, .def = "0", .max = "1h",
		.doc = "how long after its start the gateway is not ready (/readyz) while there "
		       "was no token yet; 0: it does not wait for one"),
	{ .name = "token_exchange",
		.offset = offsetof(C, subject),
		.type = SLUICE_T_BLOCK,
		.sub = subject_options,
		.flags = SLUICE_F_SUBOBJECT,
		.doc = "with grant: token_exchange, which token of the client is exchanged" },
	SLUICE_OPTION(SLUICE_T_STR, C, ca_file,
		.doc = "PEM file of the authorities that are trusted for the authorization server; "
		       "left out: the system's"),
	SLUICE_OPTION(SLUICE_T_BLOCK, C, fetch_proxy, .sub = proxy_options,
		.sub_size = sizeof(struct proxy), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the HTTP proxy to the authorization server; left out: that of "
		       "runtime.fetch_proxy, if there is one"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int check_server(sluice_instance *inst, const struct token_conf *conf)
{
	if (conf->issuer.len && conf->token_endpoint.len) {
		sluice_conf_error(inst, "token_endpoint", "stands beside issuer: give one of them");
		return -1;
	}
	if (!conf->issuer.len && !conf->token_endpoint.len) {
		sluice_conf_error(inst, NULL, "issuer or token_endpoint is required");
		return -1;
	}
	if (conf->token_endpoint.len &&
		(!url_is_http(conf->token_endpoint) ||
			memchr(conf->token_endpoint.data, '#', conf->token_endpoint.len))) {
		sluice_conf_error(inst, "token_endpoint", "expected an http:// or https:// URL");
		return -1;
	}
	return 0;
}

/* A field that only this plugin writes; what the client sends by its name is never logged. */
static int check_field(sluice_instance *inst, const struct token_conf *conf)
{
	const char *why = sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, conf->field,
		SLUICE_STR_NONE);
	if (!why && sluice_names_alike(conf->field, SLUICE_STR("cookie")))
		why = "has cookies of the client";
	if (!why && sluice_names_alike(conf->field, SLUICE_STR("host")))
		why = "names the host that is asked";
	if (why) {
		sluice_conf_error(inst, "field", "\"%.*s\" %s", (int)conf->field.len,
			conf->field.data, why);
		return -1;
	}
	if (conf->scheme.len && !sluice_str_is_token(conf->scheme)) {
		sluice_conf_error(inst, "scheme", "\"%.*s\" is no name of a scheme",
			(int)conf->scheme.len, conf->scheme.data);
		return -1;
	}
	if (!sluice_str_ieq(conf->field, SLUICE_STR("authorization")))
		sluice_secret(inst, SLUICE_SECRET_FIELD, conf->field);
	return 0;
}

static int check_resource(sluice_instance *inst, const struct token_conf *conf)
{
	for (size_t i = 0; i < conf->resource.n; i++) {
		sluice_str r = conf->resource.v[i];
		/* RFC 8707 2: an absolute URI without a fragment */
		if (memchr(r.data, ':', r.len) && !memchr(r.data, '#', r.len))
			continue;
		sluice_conf_error(inst, "resource",
			"\"%.*s\" is no absolute URI, or has a fragment", (int)r.len, r.data);
		sluice_conf_hint(inst, "a name that is no URI goes into `audience`");
		return -1;
	}
	return 0;
}

static int token_check(sluice_instance *inst, void *arg)
{
	struct token_conf *conf = arg;
	int rc = check_server(inst, conf);
	if (client_auth_check(inst, &conf->client, "") < 0)
		rc = -1;
	if (check_field(inst, conf) < 0 || check_resource(inst, conf) < 0)
		rc = -1;
	if (proxy_check(inst, "fetch_proxy", &conf->fetch_proxy) < 0)
		rc = -1;
	refusal_check(inst, conf);
	conf->fetches = metric_declare(inst, SLUICE_METRIC_COUNTER, "fetches",
		"Requests for a token to authorization servers, by what they said.", "result");
	if (question_check(inst, conf) < 0 || subject_check(inst, conf) < 0 || !conf->fetches)
		rc = -1;
	return rc < 0 ? -1 : supply_check(inst, conf);
}

static int token_start(sluice_instance *inst, void *arg)
{
	(void)inst;
	supply_start(arg);
	return 0;
}

static void token_stop(sluice_instance *inst, void *arg)
{
	struct token_conf *conf = arg;
	(void)inst;
	supply_stop(conf);
	subject_stop(conf);
	client_auth_free(&conf->client);
}

static void token_on_refresh(sluice_instance *inst, const void *arg)
{
	(void)inst;
	supply_refresh(arg);
}

static int token_worker_start(sluice_instance *inst, const void *arg, void *state)
{
	const struct token_conf *conf = arg;
	(void)inst;
	return conf->grant == GRANT_TOKEN_EXCHANGE ? digests_init(state) : 0;
}

static void token_worker_stop(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	digests_fini(state);
}

SLUICE_PLUGIN("upstream-token", .version = "1.0",
	.summary = "sends an access token of the gateway's own to the upstream",
	.options = token_options, .conf_size = sizeof(struct token_conf), .check = token_check,
	.start = token_start, .stop = token_stop, .worker_size = sizeof(struct digests),
	.worker_start = token_worker_start, .worker_stop = token_worker_stop,
	.on_request = request_run, .on_response = request_look, .on_refresh = token_on_refresh,
	.on_attempt = request_send);
