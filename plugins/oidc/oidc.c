/*
 * oidc: logs browsers in at an OpenID provider (OpenID Connect Core 1.0, authorization code with
 * PKCE) and lets requests with a session through, with what is known of the user. This file has the
 * record and the options. request.c says which way a request goes; login.c sends a browser to the
 * provider, callback.c takes it back, keep.c keeps its session, refresh.c its tokens, admit.c lets
 * it through, logout.c ends it; so do backchannel.c and frontchannel.c when the provider says so.
 */
#include <sluice/plugin.h>

#include <stdio.h>

#include "../oauth/challenge.h"
#include "../oauth/claim_fields.h"
#include "../shared/metric.h"
#include "../shared/path.h"
#include "../shared/url.h"
#include "asked.h"
#include "cookies.h"
#include "provider.h"
#include "refresh.h"
#include "remote.h"
#include "request.h"
#include "target.h"
#include "worker.h"

enum { SECRET_MIN = 32 };

#define OPT(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct oidc_conf, field, __VA_ARGS__)
/* clang-format off */
#define OPT_TERM(field, ...)                                              \
	{ .name = #field, .offset = offsetof(struct oidc_conf, keys.field), \
	  .type = SLUICE_T_DURATION, __VA_ARGS__ }
/* clang-format on */

static const char *const pushed_choices[] = { "auto", "never", NULL };

static const sluice_option oidc_options[] = {
	OPT(STR, issuer, .flags = SLUICE_F_REQUIRED,
		.doc = "URL of the OpenID provider, exactly as it names itself; its endpoints and "
		       "keys "
		       "are found by OpenID Connect Discovery"),
	CLIENT_AUTH_OPTIONS(struct oidc_conf, client),
	OPT(BOOL, public_client, .def = "false",
		.doc = "whether the client has no credentials at the provider, only its client_id"),
	OPT(STRS, secret, .flags = SLUICE_F_SECRET | SLUICE_F_REQUIRED, .min = "1", .max = "8",
		.doc = "what cookies are sealed with: at least 32 random bytes, the same on all "
		       "gateways; of a list the first seals, and all open"),
	OPT(STR, redirect_uri, .def = "/oidc/callback",
		.doc = "where the provider sends browsers back to: a path of the host that was "
		       "asked, "
		       "or a URL; the plugin must run for it, and the provider must know it"),
	OPT(STR, login_path,
		.doc = "path at which a login begins whoever asks; return_to in its query is the "
		       "path "
		       "to come back to"),
	OPT(STR, logout_path,
		.doc = "path at which a session ends, here and at the provider (OpenID Connect "
		       "RP-Initiated Logout)"),
	OPT(STR, post_logout_redirect_uri, .def = "/",
		.doc = "where browsers go after a logout: a path of the host that was asked, or a "
		       "URL; "
		       "the provider must know it"),
	OPT(STR, backchannel_logout_path,
		.doc = "path at which the provider ends sessions by a request of its own (OpenID "
		       "Connect Back-Channel Logout); needs store"),
	OPT(STR, frontchannel_logout_path,
		.doc = "path at which the provider's page ends the session of a browser by an "
		       "iframe (OpenID Connect Front-Channel Logout)"),
	OPT(STRS, scopes, .def = "[openid]", .max = "32",
		.doc = "what is asked of the provider; openid is always among it"),
	OPT(PAIRS, authorization_params, .max = "12",
		.doc = "further parameters of the authorization request, such as prompt, "
		       "acr_values or "
		       "resource"),
	OPT(STRS, acr_values, .max = "16",
		.doc = "how a user has to log in, the preferred first: values of the claim acr, "
		       "which are asked for; an ID token with another one is refused"),
	OPT(BOOL, acr_essential, .def = "false",
		.doc = "whether acr_values are asked for as an essential claim, so that the "
		       "provider itself refuses where it cannot do that"),
	OPT(DURATION, max_age, .min = "1s", .max = "30d",
		.doc = "how long ago a user may have logged in at the provider when a login "
		       "begins here: it is asked for, and auth_time of the ID token must say so; "
		       "left out: any time"),
	OPT(ENUM, pushed_requests, .def = "auto", .choices = pushed_choices,
		.doc = "whether the authorization request is pushed (RFC 9126) where the provider "
		       "offers that, so that it does not pass through the browser"),
	OPT(FLAGS, algorithms, .def = "[RS256, ES256]", .min = "1", .choices = alg_names,
		.doc = "signature algorithms of ID tokens that are accepted"),
	OPT(BOOL, userinfo, .def = "false",
		.doc = "whether the userinfo endpoint is asked at a login for claims that the ID "
		       "token "
		       "does not have"),
	OPT(BOOL, forward_access_token, .def = "false",
		.doc = "whether the upstream gets the user's access token, in the field "
		       "Authorization"),
	OPT(PAIRS, claims_to_headers,
		.doc = "claims and the header field that carries each of them to the upstream; "
		       "such "
		       "fields are removed from the client's request"),
	OPT(STR, consumer, .def = "sub",
		.doc = "the claim that names the consumer to other plugins and the log"),
	OPT(STR, cookie, .def = "session", .min = "1", .max = "64",
		.doc = "name of the session's cookie; over https `__Host-` stands before it"),
	OPT(STORE, store, .doc = "a Redis store, where sessions are kept; left out: in cookies"),
	OPT(DURATION, store_timeout, .def = "250ms", .min = "1ms", .max = "10s",
		.doc = "how long a request waits for the store"),
	OPT(DURATION, session_lifetime, .def = "8h", .min = "1m", .max = "30d",
		.doc = "how long a session lasts at most, from the login on"),
	OPT(DURATION, session_idle, .def = "1h", .max = "30d",
		.doc = "how long a session lasts without a request; 0: for all of "
		       "session_lifetime"),
	OPT(DURATION, refresh_ahead, .def = "30s", .max = "1h",
		.doc = "how long before the access token expires a new one is fetched with the "
		       "refresh "
		       "token, where it is forwarded"),
	OPT(DURATION, login_timeout, .def = "10m", .min = "10s", .max = "1h",
		.doc = "how long a login may take at the provider"),
	OPT(DURATION, leeway, .def = "5s", .max = "10m",
		.doc = "tolerated difference between the provider's clock and ours"),
	OPT(STR, realm, .doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	OPT_TERM(refresh, .def = "5m", .min = "10s", .max = "7d",
		.doc = "how often endpoints and keys are fetched again"),
	OPT_TERM(min_refresh, .def = "10s", .min = "1s", .max = "1h",
		.doc = "shortest time between two fetches of the keys; an ID token that no known "
		       "key "
		       "verifies makes the gateway fetch them early"),
	OPT_TERM(max_stale, .def = "24h", .max = "365d",
		.doc = "how long keys are used when they cannot be fetched again; 0: for ever"),
	OPT_TERM(fetch_timeout, .def = "5s", .min = "100ms", .max = "1m",
		.doc = "how long one request to the provider may take"),
	OPT(STR, ca_file,
		.doc = "PEM file of the authorities that are trusted for the provider; left out: "
		       "the "
		       "system's"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static const char *header_refused(const void *conf, sluice_str name)
{
	(void)conf;
	return sluice_names_alike(name, SLUICE_STR("authorization")) ||
			sluice_names_alike(name, SLUICE_STR("cookie"))
		? "brings credentials"
		: claim_field_refused(name);
}

static int check_secrets(sluice_instance *inst, struct oidc_conf *conf)
{
	for (size_t i = 0; i < conf->secret.n; i++) {
		if (conf->secret.v[i].len >= SECRET_MIN)
			continue;
		sluice_conf_error(inst, "secret", "has fewer than %d bytes", SECRET_MIN);
		sluice_conf_hint(inst, "make one by `openssl rand -base64 48`");
		return -1;
	}
	if (seal_init(&conf->seal, conf->secret.v, conf->secret.n) == 0)
		return 0;
	sluice_conf_error(inst, "secret", "OpenSSL has no AES-256-GCM or no HMAC");
	return -1;
}

static int check_client(sluice_instance *inst, struct oidc_conf *conf)
{
	if (!conf->public_client)
		return client_auth_check(inst, &conf->client, "");
	if (conf->client.client_id.len && !conf->client.client_secret.len &&
		!conf->client.client_key.len)
		return 0;
	sluice_conf_error(inst, "public_client",
		conf->client.client_id.len ? "stands beside client_secret or client_key"
					   : "needs client_id");
	return -1;
}

static int check_path(sluice_instance *inst, const char *option, sluice_str path)
{
	if (target_is_local(path) && !memchr(path.data, '?', path.len) && path_is_normal(path))
		return 0;
	sluice_conf_error(inst, option, "\"%.*s\" is no path", (int)path.len, path.data);
	return -1;
}

/* A URL, of which the path is ours, or a path. */
static int check_redirect_uri(sluice_instance *inst, struct oidc_conf *conf)
{
	sluice_str uri = conf->redirect_uri;
	conf->callback_path = uri;
	if (url_is_http(uri)) {
		size_t start = url_is_https(uri) ? 8 : 7;
		const char *slash = memchr(uri.data + start, '/', uri.len - start);
		conf->callback_path = slash ? sluice_str_skip(uri, (size_t)(slash - uri.data))
					    : SLUICE_STR_NONE;
	}
	return check_path(inst, "redirect_uri", conf->callback_path);
}

static int check_after_logout(sluice_instance *inst, const struct oidc_conf *conf)
{
	if (url_is_http(conf->post_logout_redirect_uri) ||
		target_is_local(conf->post_logout_redirect_uri))
		return 0;
	sluice_conf_error(inst, "post_logout_redirect_uri", "\"%.*s\" is neither a path nor a URL",
		(int)conf->post_logout_redirect_uri.len, conf->post_logout_redirect_uri.data);
	return -1;
}

/* The pieces of a session are credentials, by either name. */
static void own_cookies(sluice_instance *inst, sluice_str cookie)
{
	static const char *const prefixes[] = { "", "__Host-" };
	enum { ROOM = COOKIE_NAME + 16 };
	for (unsigned p = 0; p < 2; p++) {
		for (unsigned i = 0; i < COOKIE_PIECES; i++) {
			char *text = sluice_conf_alloc(inst, ROOM);
			int n = i ? snprintf(text, ROOM, "%s%.*s.%u", prefixes[p], (int)cookie.len,
					    cookie.data, i)
				  : snprintf(text, ROOM, "%s%.*s", prefixes[p], (int)cookie.len,
					    cookie.data);
			sluice_own(inst, SLUICE_OWN_CREDENTIAL_COOKIE,
				sluice_str_n(text, (size_t)n));
		}
	}
}

static int check_cookie(sluice_instance *inst, const struct oidc_conf *conf)
{
	if (sluice_str_is_token(conf->cookie) &&
		!sluice_str_starts(conf->cookie, SLUICE_STR("__"))) {
		own_cookies(inst, conf->cookie);
		return 0;
	}
	sluice_conf_error(inst, "cookie", "\"%.*s\" is no name of a cookie", (int)conf->cookie.len,
		conf->cookie.data);
	return -1;
}

/* The parameters that are ours to set. */
static int check_params(sluice_instance *inst, const struct oidc_conf *conf)
{
	static const sluice_str ours[] = { { "response_type", 13 }, { "client_id", 9 },
		{ "redirect_uri", 12 }, { "scope", 5 }, { "state", 5 }, { "nonce", 5 },
		{ "code_challenge", 14 }, { "code_challenge_method", 21 }, { "response_mode", 13 },
		{ "request", 7 }, { "request_uri", 11 }, { "client_secret", 13 } };
	enum { N = sizeof ours / sizeof ours[0] };
	for (size_t i = 0; i < conf->authorization_params.n; i++) {
		sluice_str name = conf->authorization_params.v[i].name;
		if (sluice_str_find(name, ours, N) == N && !asked_sets(conf, name))
			continue;
		sluice_conf_error(inst, "authorization_params", "%.*s is set by the plugin itself",
			(int)name.len, name.data);
		return -1;
	}
	return 0;
}

static sluice_str join_scopes(sluice_instance *inst, const sluice_strs *scopes)
{
	size_t room = sizeof "openid";
	bool has_openid = false;
	for (size_t i = 0; i < scopes->n; i++) {
		room += scopes->v[i].len + 1;
		has_openid = has_openid || sluice_str_is(scopes->v[i], "openid");
	}
	char *text = sluice_conf_alloc(inst, room), *at = text;
	if (!has_openid)
		at = sluice_str_put(at, SLUICE_STR("openid"));
	for (size_t i = 0; i < scopes->n; i++) {
		if (at != text)
			*at++ = ' ';
		at = sluice_str_put(at, scopes->v[i]);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

/* "WORD issuer client_id": cookies of another use of the same secret cannot be opened. */
static sluice_str purpose(sluice_instance *inst, const struct oidc_conf *conf, const char *word)
{
	size_t room = strlen(word) + conf->issuer.len + conf->client.client_id.len +
		conf->cookie.len + conf->scope.len + conf->acr_list.len + 6;
	char *text = sluice_conf_alloc(inst, room), *at = sluice_str_put(text, sluice_str_of(word));
	*at++ = '\n';
	at = sluice_str_put(at, conf->issuer);
	*at++ = '\n';
	at = sluice_str_put(at, conf->client.client_id);
	*at++ = '\n';
	at = sluice_str_put(at, conf->cookie);
	*at++ = '\n';
	at = sluice_str_put(at, conf->scope);
	*at++ = conf->forward_access_token ? '+' : '-';
	if (conf->acr_list.len) { /* a session of a weaker login is none */
		*at++ = '\n';
		at = sluice_str_put(at, conf->acr_list);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

static int check_paths(sluice_instance *inst, const struct oidc_conf *conf)
{
	const struct {
		const char *option;
		sluice_str path;
	} all[] = { { "login_path", conf->login_path }, { "logout_path", conf->logout_path },
		{ "backchannel_logout_path", conf->backchannel_logout_path },
		{ "frontchannel_logout_path", conf->frontchannel_logout_path } };
	int rc = 0;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (all[i].path.len && check_path(inst, all[i].option, all[i].path) < 0)
			rc = -1;
	}
	return rc;
}

static int declare_metrics(sluice_instance *inst, struct oidc_conf *conf)
{
	const sluice_metric_kind kind = SLUICE_METRIC_COUNTER;
	conf->logins = metric_declare(inst, kind, "logins",
		"Logins: begun, done, or the code by which they were refused.", "result");
	conf->refreshes = metric_declare(inst, kind, "refreshes",
		"Refreshes of tokens: done, refused by the provider, or failed.", "result");
	conf->logouts = metric_declare(inst, kind, "logouts",
		"Ends of sessions: by the user, or by the provider over the back or the front "
		"channel.",
		"kind");
	conf->store_calls = metric_declare(inst, kind, "store_calls",
		"Calls to the store of sessions: found, absent, broken, done, or failed.",
		"result");
	return conf->logins && conf->refreshes && conf->logouts && conf->store_calls ? 0 : -1;
}

static int oidc_check(sluice_instance *inst, void *arg)
{
	struct oidc_conf *conf = arg;
	int rc = claim_fields_check(inst, &conf->claims_to_headers, header_refused, conf);
	if (declare_metrics(inst, conf) < 0)
		rc = -1;
	if (check_secrets(inst, conf) < 0)
		rc = -1;
	if (check_client(inst, conf) < 0)
		rc = -1;
	if (check_redirect_uri(inst, conf) < 0)
		rc = -1;
	if (check_paths(inst, conf) < 0)
		rc = -1;
	if (check_after_logout(inst, conf) < 0)
		rc = -1;
	if (check_cookie(inst, conf) < 0)
		rc = -1;
	if (refresh_check(inst, conf) < 0)
		rc = -1;
	if (remote_check(inst, conf) < 0)
		rc = -1;
	if (asked_check(inst, conf) < 0)
		rc = -1;
	if (check_params(inst, conf) < 0)
		rc = -1;
	if (!challenge_printable(inst, "realm", conf->realm))
		return -1;
	conf->challenge = challenge_make(inst, SLUICE_STR("OIDC"), conf->realm, NULL, 0);
	if (!conf->challenge.data)
		rc = -1;
	conf->scope = join_scopes(inst, &conf->scopes);
	conf->for_session = purpose(inst, conf, "session");
	conf->for_login = purpose(inst, conf, "login");
	sluice_secret(inst, SLUICE_SECRET_PARAMETER, SLUICE_STR("code"));
	sluice_secret(inst, SLUICE_SECRET_PARAMETER, SLUICE_STR("state"));
	if (provider_check(inst, conf) < 0)
		rc = -1;
	return rc;
}

static int oidc_start(sluice_instance *inst, void *arg)
{
	(void)inst;
	provider_start(arg);
	return 0;
}

static void oidc_stop(sluice_instance *inst, void *arg)
{
	struct oidc_conf *conf = arg;
	(void)inst;
	provider_stop(conf);
	client_auth_free(&conf->client);
	seal_fini(&conf->seal);
}

static void oidc_on_refresh(sluice_instance *inst, const void *arg)
{
	(void)inst;
	provider_refresh(arg);
}

static int oidc_worker_start(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	struct worker *w = state;
	if (verifier_init(&w->verifier) < 0) {
		verifier_fini(&w->verifier);
		return -1;
	}
	w->is_ready = true;
	return 0;
}

static void oidc_worker_stop(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	struct worker *w = state;
	refresh_worker_stop(&w->jobs);
	if (w->is_ready)
		verifier_fini(&w->verifier);
	w->is_ready = false;
}

static const char *const oidc_provides[] = { "consumer", "groups", "consumer:", "claim:", NULL };

SLUICE_PLUGIN("oidc", .version = "1.0", .summary = "logs browsers in at an OpenID provider",
	.options = oidc_options, .conf_size = sizeof(struct oidc_conf), .check = oidc_check,
	.start = oidc_start, .stop = oidc_stop, .worker_size = sizeof(struct worker),
	.worker_start = oidc_worker_start, .worker_stop = oidc_worker_stop,
	.on_request = request_run, .on_refresh = oidc_on_refresh, .provides = oidc_provides);
