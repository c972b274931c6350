/*
 * jwt: admits requests with a token that a trusted issuer signed (RFC 7519, RFC 9068), and gives
 * its claims to later plugins and to the service. This file has the record and the options.
 * request.c judges a request: bearer.c finds the token, ../jose/ parses it and checks its
 * signature, rules.c its claims; answer.c says what follows. The keys are in issuers.c and
 * ../oauth/source.c.
 */
#include <sluice/plugin.h>

#include "challenge.h"
#include "deny_list.h"
#include "explain.h"
#include "fields.h"
#include "introspect_conf.h"
#include "dpop.h"
#include "encrypted.h"
#include "issuers.h"
#include "places.h"
#include "request.h"
#include "rules.h"
#include "resource.h"
#include "worker.h"

#define OPT(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct jwt_conf, field, __VA_ARGS__)
/* an option of the rules */
/* clang-format off */
#define OPT_RULE(opt_type, field, ...)                                    \
	{ .name = #field, .offset = offsetof(struct jwt_conf, rules.field), \
	  .type = SLUICE_T_##opt_type, __VA_ARGS__ }
/* clang-format on */
/* a time that is one of the terms for its keys */
/* clang-format off */
#define OPT_TERM(field, ...)                                             \
	{ .name = #field, .offset = offsetof(struct jwt_conf, keys.field), \
	  .type = SLUICE_T_DURATION, __VA_ARGS__ }
/* clang-format on */

/* one of the options of DPoP, whose names begin with it */
/* clang-format off */
#define OPT_DPOP(T, opt, field, ...)                                          \
	{ .name = (opt), .offset = offsetof(struct jwt_conf, dpop.field),        \
	  .type = SLUICE_T_##T, __VA_ARGS__ }
/* clang-format on */

static const char *const dpop_modes[] = { "off", "accept", "require", NULL };
static const char *const dpop_failures[] = { "deny", "allow", NULL };
static const char *const format_choices[] = { "text", "json", NULL };

static const sluice_option jwt_options[] = {
	OPT(STRS, issuer, .max = "16",
		.doc = "trusted issuers: the claim iss must equal one of them; without jwks "
		       "their keys are found by OpenID Connect Discovery or RFC 8414"),
	OPT(PAIRS, issuers, .max = "16",
		.doc = "in place of issuer and jwks: each issuer with the place of its own keys, "
		       "an http(s) URL, file:PATH, secret:PLACE, or discover; openid and oauth: "
		       "found "
		       "by OpenID Connect Discovery, or by RFC 8414, alone"),
	OPT(STRS, audience,
		.doc = "one of these must be in the claim aud; left out: any audience is accepted"),
	OPT(STR, jwks,
		.doc = "the keys of every issuer: an http(s) URL, file:PATH, or secret:PLACE for a "
		       "shared secret, where PLACE is env:NAME or file:PATH; left out: found by "
		       "OpenID Connect Discovery or RFC 8414"),
	OPT(FLAGS, algorithms, .def = "[RS256, ES256]", .min = "1", .choices = alg_names,
		.doc = "signature algorithms that are accepted"),
	OPT(STRS, scopes,
		.doc = "scopes that must all be granted, in the claim scope or scp; else 403"),
	OPT(PAIRS, claims, .flags = SLUICE_F_MULTI,
		.doc = "claims and their required value; of a list of values one must match, and "
		       "of an array in the token one member"),
	OPT(STRS, required, .doc = "claims that must be present, with any value"),
	OPT_RULE(STRS, types, .def = "[JWT, at+jwt, none]", .min = "1", .max = "16",
		.doc = "values of the header's typ that are accepted, without application/; none "
		       "stands for a header without typ; [at+jwt] accepts access tokens by RFC "
		       "9068 only"),
	OPT_RULE(BOOL, exp_optional, .def = "false",
		.doc = "whether to accept tokens that never expire, as they have no claim exp"),
	OPT_RULE(STRS, tenants, .max = "1024",
		.doc = "for issuers with {tenantid} in their name: values of the claim tid that "
		       "are accepted; \"*\": all"),
	OPT_RULE(STRS, audience_all, .doc = "these must all be in the claim aud"),
	OPT_RULE(STRS, clients, .max = "1024",
		.doc = "clients that may have got the token: each of the claims client_id, azp, "
		       "appid and cid that it has must be one of these, and it must have one"),
	OPT_RULE(PAIRS, match_claims, .flags = SLUICE_F_MULTI, .max = "256",
		.doc = "claims and what their value must be, in the words of a route's match: a "
		       "text, \"*\" (any value), regex:PATTERN (the whole value), or a list of "
		       "these; of an array in the token one member must fit"),
	OPT_RULE(PAIRS, forbid_claims, .flags = SLUICE_F_MULTI, .max = "256",
		.doc = "the same, for claims that must not have such a value, nor a member that "
		       "has"),
	OPT_RULE(STRS, scopes_any, .doc = "scopes of which one must be granted; else 403"),
	OPT_RULE(STRS, acr_values, .max = "32",
		.doc = "ways to log in of which the user must have used one (claim acr), the "
		       "preferred first; else 401 with the challenge of RFC 9470"),
	OPT_RULE(DURATION, max_auth_age, .min = "1s", .max = "365d",
		.doc = "longest time since the user has logged in (claim auth_time); else 401 "
		       "with the challenge of RFC 9470; left out: no limit"),
	OPT(DURATION, leeway, .def = "5s", .max = "10m",
		.doc = "tolerated difference between the issuer's clock and ours"),
	OPT(DURATION, max_age, .max = "365d",
		.doc = "longest time since a token was issued (claim iat); 0: no limit"),
	OPT(SIZE, max_size, .def = "8KiB", .min = "256", .max = "64KiB",
		.doc = "longest token; longer ones are refused without reading them"),
	OPT(PAIRS, claims_to_headers,
		.doc = "claims and the header field that carries each of them to the upstream; "
		       "such fields are removed from the client's request"),
	OPT(ENUM, claims_format, .def = "text", .choices = format_choices,
		.doc = "how claims_to_headers writes arrays and objects: text joins the members of "
		       "an array, and leaves objects out; json writes both as JSON"),
	OPT(STR, claims_separator,
		.doc = "what stands between the members of an array: a comma, a semicolon, a bar, "
		       "or, left "
		       "out, a blank; a member that has it is left out"),
	OPT(STR, claims_field,
		.doc = "field that carries all claims to the upstream, as JSON in base64url; it is "
		       "removed from the client's request"),
	OPT(STR, consumer, .def = "sub",
		.doc = "the claim that names the consumer to other plugins and the log"),
	OPT(STRS, from, .def = "scheme:Bearer", .min = "1", .max = "8",
		.doc = "where a token may be: scheme:Bearer (the field Authorization), "
		       "header:NAME, cookie:NAME, or query:NAME; a request with two is refused"),
	OPT(BOOL, forward_token, .def = "true",
		.doc = "whether the field Authorization, whatever it holds, and what stands in the "
		       "places of from, are sent to the upstream"),
	OPT(BOOL, optional, .def = "false",
		.doc = "whether to admit requests without a token; a bad token, or a value that a "
		       "service might take for a token, is refused in any case"),
	OPT(STR, realm, .doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	OPT(STR, resource_metadata,
		.doc = "URL of the protected resource metadata (RFC 9728) to name in "
		       "WWW-Authenticate"),
	OPT(STR, resource, .max = "2048",
		.doc = "URL by which clients call what the tokens are for, such as "
		       "https://api.example.com/mcp: its metadata (RFC 9728) is served at "
		       "/.well-known/oauth-protected-resource and named in WWW-Authenticate, and "
		       "it is the audience unless audience says another"),
	OPT(STRS, resource_scopes, .max = "64",
		.doc = "scopes that a client may ask for, for the metadata; left out: those of "
		       "scopes"),
	OPT(STR, resource_name, .max = "256",
		.doc = "name of the resource for people, for the metadata"),
	OPT(STR, resource_documentation, .max = "2048",
		.doc = "URL of a page for developers, for the metadata"),
	OPT(UINT, cache, .def = "4096", .max = "1048576",
		.doc = "number of verified tokens in the cache of each worker; 0: none"),
	OPT_TERM(refresh, .def = "5m", .min = "10s", .max = "7d",
		.doc = "how often the keys are fetched again; more often where the answer says "
		       "that it is current for a shorter time (Cache-Control, Expires)"),
	OPT_TERM(min_refresh, .def = "10s", .min = "1s", .max = "1h",
		.doc = "shortest time between two fetches of the keys; a token that no known key "
		       "verifies makes the gateway fetch them early"),
	OPT_TERM(max_stale, .def = "24h", .max = "365d",
		.doc = "how long keys are used when they cannot be fetched again; left out: a "
		       "day, or twice refresh if that is longer; 0: for ever"),
	OPT(DURATION, key_wait, .def = "3s", .min = "100ms", .max = "30s",
		.doc = "how long a request waits for keys"),
	OPT_TERM(fetch_timeout, .def = "5s", .min = "100ms", .max = "1m",
		.doc = "how long one fetch of keys may take"),
	OPT(STR, ca_file,
		.doc = "PEM file of the authorities that are trusted for the servers of keys and "
		       "of introspection; left "
		       "out: the system's"),
	OPT(BLOCK, introspection, .sub = introspect_options,
		.doc = "ask an authorization server about tokens that are no JWT (RFC 7662)"),
	OPT(BLOCK, deny, .sub = deny_list_options,
		.doc = "refuse tokens that were revoked before they expire: a list in Redis, which "
		       "the gateway has at hand"),
	OPT(BLOCK, fetch_proxy, .sub = proxy_options, .sub_size = sizeof(struct proxy),
		.flags = SLUICE_F_SUBOBJECT,
		.doc = "the HTTP proxy for fetches of keys and introspection; left out: that of "
		       "runtime.fetch_proxy, if there is one"),
	OPT(DURATION, ready_wait, .def = "0", .max = "1h",
		.doc = "how long after its start the gateway is not ready (/readyz) while an "
		       "issuer's keys were never fetched; 0: it does not wait for keys"),
	OPT_DPOP(ENUM, "dpop", mode, .def = "off", .choices = dpop_modes,
		.doc = "proof of possession (RFC 9449): not looked at, needed for tokens that are "
		       "bound to a key, or for all"),
	OPT_DPOP(DURATION, "dpop_window", window, .def = "1m", .min = "1s", .max = "1h",
		.doc = "how long a proof is accepted after it was made"),
	OPT_DPOP(FLAGS, "dpop_algorithms", algorithms, .def = "[ES256, EdDSA]", .min = "1",
		.choices = alg_public_names, .doc = "signature algorithms of proofs"),
	OPT_DPOP(STR, "dpop_origin", origin, .max = "300",
		.doc = "scheme and host of the URLs in proofs, as clients see them; left out: "
		       "those "
		       "of the request"),
	OPT_DPOP(BOOL, "dpop_nonce", nonce, .def = "false",
		.doc = "whether a proof needs a nonce of this gateway"),
	OPT_DPOP(STR, "dpop_nonce_key", nonce_key, .flags = SLUICE_F_SECRET, .min = "32",
		.max = "4096",
		.doc = "secret of the nonces, the same for all gateways that take each other's; "
		       "left out: one that this process draws"),
	OPT_DPOP(STORE, "dpop_store", store,
		.doc = "where proofs that have come are remembered: a store of the stores block; "
		       "left out: the memory of this process"),
	OPT_DPOP(ENUM, "dpop_on_store_failure", on_store_failure, .def = "deny",
		.choices = dpop_failures,
		.doc = "when the store does not answer: deny the request with 503, or allow it "
		       "although the proof may have been used before"),
	OPT_DPOP(DURATION, "dpop_store_timeout", store_timeout, .def = "50ms", .min = "1ms",
		.max = "10s", .doc = "how long a request waits for the store"),
	OPT(STR, decryption_keys, .flags = SLUICE_F_SECRET, .min = "1",
		.doc = "private keys for tokens that are encrypted (JWE): PEM, or a key set; left "
		       "out: such tokens are refused"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int jwt_check(sluice_instance *inst, void *arg)
{
	struct jwt_conf *conf = arg;
	int rc = 0;
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
	if (places_check(inst, conf) < 0)
		rc = -1;
	if (fields_check(inst, conf) < 0)
		rc = -1;
	if (conf->keys.min_refresh > conf->keys.refresh) {
		sluice_conf_error(inst, "min_refresh", "is longer than refresh");
		rc = -1;
	}
	if (rules_conf_check(inst, conf) < 0)
		rc = -1;
	if (dpop_check(inst, conf) < 0 || encrypted_check(inst, conf) < 0)
		rc = -1;
	if (deny_list_check(inst, conf) < 0)
		rc = -1;
	if (proxy_check(inst, "fetch_proxy", &conf->fetch_proxy) < 0 ||
		resource_check(inst, conf) < 0 || issuers_check(inst, conf) < 0 ||
		challenge_check(inst, conf) < 0 || introspect_check(inst, conf) < 0)
		rc = -1;
	return rc;
}

static int jwt_start(sluice_instance *inst, void *arg)
{
	(void)inst;
	issuers_start(arg);
	deny_list_start(arg);
	return 0;
}

static void jwt_stop(sluice_instance *inst, void *arg)
{
	(void)inst;
	issuers_stop(arg);
	deny_list_stop(arg);
	introspect_stop(arg);
	rules_conf_free(arg);
	encrypted_stop(arg);
}

static void jwt_on_refresh(sluice_instance *inst, const void *arg)
{
	issuers_refresh(inst, arg);
}

static int jwt_worker_start(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst;
	return worker_init(state, arg);
}

static void jwt_worker_stop(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	worker_fini(state);
}

static sluice_verdict jwt_explain(sluice_instance *inst, const void *arg, const sluice_question *q)
{
	(void)inst;
	return explain_token(arg, q);
}

static const char *const jwt_provides[] = { "consumer", "groups", "consumer:", "claim:", NULL };

SLUICE_PLUGIN("jwt", .version = "1.0",
	.summary = "admits requests with a token of a trusted issuer", .options = jwt_options,
	.conf_size = sizeof(struct jwt_conf), .check = jwt_check, .start = jwt_start,
	.stop = jwt_stop, .worker_size = sizeof(struct worker), .worker_start = jwt_worker_start,
	.worker_stop = jwt_worker_stop, .on_request = request_judge, .on_refresh = jwt_on_refresh,
	.provides = jwt_provides, .explain = jwt_explain);
