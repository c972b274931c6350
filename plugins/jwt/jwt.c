/*
 * jwt: admits requests with a token that a trusted issuer signed (RFC 7519, RFC 9068), and gives
 * its claims to later plugins and to the service. This file has the record, the options, and the
 * handling of a request. bearer.c finds the token, token.c parses it, verify.c checks its signature
 * and rules.c its claims; keys are in issuers.c, source.c and keys.c.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

#include "bearer.h"
#include "cache.h"
#include "challenge.h"
#include "claims.h"
#include "conf.h"
#include "issuers.h"
#include "strict.h"
#include "token.h"
#include "verify.h"

#define OPT(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct jwt_conf, field, __VA_ARGS__)

static const sluice_option jwt_options[] = {
	OPT(STRS, issuer, .max = "16",
		.doc = "trusted issuers: the claim iss must equal one of them; without jwks "
		       "their keys are found by OpenID Connect Discovery"),
	OPT(PAIRS, issuers, .max = "16",
		.doc = "in place of issuer and jwks: each issuer with the place of its own keys, "
		       "an http(s) URL, file:PATH, or discover"),
	OPT(STRS, audience,
		.doc = "one of these must be in the claim aud; left out: any audience is accepted"),
	OPT(STR, jwks,
		.doc = "the keys of every issuer: an http(s) URL or file:PATH; left out: found by "
		       "OpenID Connect "
		       "Discovery"),
	OPT(FLAGS, algorithms, .def = "[RS256, ES256]", .min = "1", .choices = alg_names,
		.doc = "signature algorithms that are accepted"),
	OPT(STRS, scopes,
		.doc = "scopes that must all be granted, in the claim scope or scp; else 403"),
	OPT(PAIRS, claims, .flags = SLUICE_F_MULTI,
		.doc = "claims and their required value; of a list of values one must match, and "
		       "of an array in the token one member"),
	OPT(STRS, required, .doc = "claims that must be present, with any value"),
	OPT(DURATION, leeway, .def = "5s", .max = "10m",
		.doc = "tolerated difference between the issuer's clock and ours"),
	OPT(DURATION, max_age, .max = "365d",
		.doc = "longest time since a token was issued (claim iat); 0: no limit"),
	OPT(SIZE, max_size, .def = "8KiB", .min = "256", .max = "64KiB",
		.doc = "longest token; longer ones are refused without reading them"),
	OPT(PAIRS, claims_to_headers,
		.doc = "claims and the header field that carries each of them to the upstream; "
		       "such fields are removed from the client's request"),
	OPT(STR, consumer, .def = "sub",
		.doc = "the claim that names the consumer to other plugins and the log"),
	OPT(BOOL, forward_token, .def = "true",
		.doc = "whether the field Authorization is sent to the upstream, whatever it "
		       "holds"),
	OPT(BOOL, optional, .def = "false",
		.doc = "whether to admit requests without a token; a bad token, or a value that a "
		       "service might take for a token, is refused in any case"),
	OPT(STR, realm, .doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	OPT(STR, resource_metadata,
		.doc = "URL of the protected resource metadata (RFC 9728) to name in "
		       "WWW-Authenticate"),
	OPT(UINT, cache, .def = "4096", .max = "1048576",
		.doc = "number of verified tokens in the cache of each worker; 0: none"),
	OPT(DURATION, refresh, .def = "5m", .min = "10s", .max = "7d",
		.doc = "how often the keys are fetched again"),
	OPT(DURATION, min_refresh, .def = "10s", .min = "1s", .max = "1h",
		.doc = "shortest time between two fetches of the keys; a token that no known key "
		       "verifies makes the gateway fetch them early"),
	OPT(DURATION, max_stale, .def = "24h", .max = "365d",
		.doc = "how long keys are used when they cannot be fetched again; left out: a "
		       "day, or twice refresh if that is longer; 0: for ever"),
	OPT(DURATION, key_wait, .def = "3s", .min = "100ms", .max = "30s",
		.doc = "how long a request waits for keys"),
	OPT(DURATION, fetch_timeout, .def = "5s", .min = "100ms", .max = "1m",
		.doc = "how long one fetch of keys may take"),
	OPT(STR, ca_file,
		.doc = "PEM file of the authorities that are trusted for the keys' server; left "
		       "out: the system's"),
	SLUICE_OPTIONS_END,
};

/* the data of an instance on one worker */
struct worker {
	struct verifier *verifiers; /* owned: one for each issuer */
	size_t n_verifiers;
	struct cache cache;
};

/* ---- configuration ------------------------------------------------------------------------- */

/* Why the field of the i-th row cannot carry a claim, as the end of a sentence. NULL: it can. */
static const char *header_refused(const sluice_pairs *map, size_t i)
{
	sluice_str name = map->v[i].value;
	const char *why =
		sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, name, SLUICE_STR(""));
	if (why)
		return why;
	if (sluice_names_alike(name, SLUICE_STR("authorization")))
		return "brings the token";
	if (sluice_names_alike(name, SLUICE_STR("host")))
		return "says for which host the request is";
	for (size_t j = 0; j < i; j++) {
		if (sluice_names_alike(name, map->v[j].value))
			return "is set from two claims";
	}
	return NULL;
}

static int check_headers(sluice_instance *inst, const struct jwt_conf *conf)
{
	const sluice_pairs *map = &conf->claims_to_headers;
	char path[CLAIM_MAX_PATH + 32];
	int rc = 0;
	for (size_t i = 0; i < map->n; i++) {
		sluice_str name = map->v[i].value, claim = map->v[i].name;
		const char *why = header_refused(map, i);
		if (!why) {
			sluice_own(inst, SLUICE_OWN_WORD, name);
			continue;
		}
		(void)snprintf(path, sizeof(path), "claims_to_headers.%.*s",
			claim.len < CLAIM_MAX_PATH ? (int)claim.len : CLAIM_MAX_PATH, claim.data);
		sluice_conf_error(inst, path, "field \"%.*s\" %s", (int)name.len, name.data, why);
		sluice_conf_hint(inst,
			"give the claim a field that nothing else writes, such as "
			"X-Token-Subject");
		rc = -1;
	}
	return rc;
}

static int jwt_check(sluice_instance *inst, void *arg)
{
	struct jwt_conf *conf = arg;
	int rc = challenge_check(inst, conf);
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
	if (check_headers(inst, conf) < 0)
		rc = -1;
	if (conf->min_refresh > conf->refresh) {
		sluice_conf_error(inst, "min_refresh", "is longer than refresh");
		rc = -1;
	}
	if (issuers_check(inst, conf) < 0)
		rc = -1;
	return rc;
}

static int jwt_start(sluice_instance *inst, void *arg)
{
	(void)inst;
	issuers_start(arg);
	return 0;
}

static void jwt_stop(sluice_instance *inst, void *arg)
{
	(void)inst;
	issuers_stop(arg);
}

static void jwt_on_refresh(sluice_instance *inst, const void *arg)
{
	issuers_refresh(inst, arg);
}

static void worker_fini(struct worker *w)
{
	cache_fini(&w->cache);
	for (size_t i = 0; i < w->n_verifiers; i++)
		verifier_fini(&w->verifiers[i]);
	free(w->verifiers);
	*w = (struct worker){ .n_verifiers = 0 };
}

static int jwt_worker_start(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst;
	const struct jwt_conf *conf = arg;
	struct worker *w = state;
	int rc = cache_init(&w->cache, conf->cache);
	w->verifiers = calloc(conf->n_trusted, sizeof *w->verifiers);
	for (; rc == 0 && w->verifiers && w->n_verifiers < conf->n_trusted; w->n_verifiers++)
		rc = verifier_init(&w->verifiers[w->n_verifiers]);
	if (rc == 0 && w->verifiers)
		return 0;
	worker_fini(w);
	return -1;
}

static void jwt_worker_stop(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	worker_fini(state);
}

/* ---- answers ------------------------------------------------------------------------------- */

static sluice_verdict refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why,
	sluice_str which)
{
	if (why == REASON_NO_MEMORY)
		return SLUICE_FAIL;
	const struct reason_info *info = reason_info(why);
	char detail[CLAIM_MAX_PATH + 64];
	if (conf->challenges[why].data)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"),
			conf->challenges[why]);
	if (why == REASON_TOKEN_MISSING)
		sluice_credentials_absent(x);
	if (!which.data)
		return sluice_refuse(x, info->status, info->code, info->sentence);
	(void)snprintf(detail, sizeof detail,
		"the claim %.*s of the token is missing or not as required",
		which.len > CLAIM_MAX_PATH ? CLAIM_MAX_PATH : (int)which.len, which.data);
	return sluice_refuse(x, info->status, info->code, detail);
}

/* The facts of the namespace `claim`. ctx: the entry. */
static sluice_str claim_attr(sluice_exchange *x, void *ctx, sluice_str name)
{
	const sluice_str none = { NULL, 0 };
	const json_t *v = claim_find(((const struct entry *)ctx)->claims, name);
	if (json_is_string(v))
		return (sluice_str){ json_string_value(v), json_string_length(v) };
	ptrdiff_t len = v ? claim_text_len(v) : -1;
	char *text = len < 0 ? NULL : sluice_alloc(x, (size_t)len + 1);
	if (!text)
		return none;
	claim_text_write(v, text);
	return (sluice_str){ text, (size_t)len };
}

/* The request is admitted, with a good token or without any. */
static sluice_verdict pass(sluice_exchange *x, const struct jwt_conf *conf)
{
	if (!conf->forward_token)
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	return SLUICE_NEXT;
}

/* The token is good. texts of the entry: the consumer, then one for each row of
 * claims_to_headers. */
static sluice_verdict admit(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	sluice_attr_provide(x, "claim", claim_attr, e);
	const sluice_identity who = { .size = sizeof(who), .name = e->texts[0] };
	if (who.name.len && !sluice_identify(x, &who))
		return SLUICE_FAIL;
	for (size_t i = 0; i < conf->claims_to_headers.n; i++) {
		if (e->texts[i + 1].data)
			sluice_field_set(x, SLUICE_REQUEST, conf->claims_to_headers.v[i].value,
				e->texts[i + 1]);
	}
	return pass(x, conf);
}

/* ---- the request --------------------------------------------------------------------------- */

/* Remove fields of the client, in head and trailers, that the upstream would take for claims
 * verified by this gateway. */
static void remove_forgeries(sluice_exchange *x, const struct jwt_conf *conf)
{
	for (size_t i = 0; i < conf->claims_to_headers.n; i++)
		sluice_field_remove(x, SLUICE_REQUEST, conf->claims_to_headers.v[i].value);
}

/* State of a request that waits for keys. */
struct key_wait {
	uint64_t since_ns;   /* when it began to wait; 0: it did not */
	uint64_t generation; /* of the keys that did not verify the token; 0: there were none */
	enum reason why;     /* why they did not */
};

static sluice_verdict jwt_on_request(sluice_exchange *x, const void *arg);

/* How much longer it may wait, in ms. */
static uint64_t time_left(const struct jwt_conf *conf, const struct key_wait *p)
{
	uint64_t waited = (sluice_now_ns() - p->since_ns) / 1000000;
	return waited < conf->key_wait ? conf->key_wait - waited : 0;
}

/* Whether newer keys might verify the token: no key has its kid, or the key with its kid does not
 * verify it, since some issuers give an old kid to a new key. */
static bool new_keys_might_help(enum reason why)
{
	return why == REASON_JWKS_UNAVAILABLE || why == REASON_TOKEN_KEY_UNKNOWN ||
		why == REASON_TOKEN_SIGNATURE || why == REASON_TOKEN_KEY_ALGORITHM;
}

/* The current keys do not verify the token. Wait for newer ones while they may come and key_wait
 * permits, then refuse. After the wait the hook runs again from its start. */
static sluice_verdict wait_or_refuse(sluice_exchange *x, const struct jwt_conf *conf, size_t issuer,
	const struct issuer_keys *seen, enum reason why)
{
	const sluice_str none = { NULL, 0 };
	struct issuer *i = &conf->trusted[issuer];
	struct key_wait *p = sluice_state(x, sizeof *p);
	if (!p)
		return SLUICE_FAIL;
	if (!p->since_ns)
		p->since_ns = sluice_now_ns();
	p->why = why;
	p->generation = seen->keys ? seen->keys->generation : 0;
	uint64_t left = time_left(conf, p);
	if (left > 0 &&
		(seen->keys ? issuer_seeks_keys(x, conf, i, seen, p->since_ns, left)
			    : issuer_expects_keys(i, seen, left)))
		return sluice_await_publish(x, left, jwt_on_request);
	return refuse(x, conf, why, none);
}

static struct entry *make_entry(const struct jwt_conf *conf, sluice_str token, json_t *claims)
{
	size_t n = 1 + conf->claims_to_headers.n;
	const json_t **values = malloc(n * sizeof *values);
	if (!values) {
		json_decref(claims);
		return NULL;
	}
	values[0] = claim_find(claims, conf->consumer);
	for (size_t i = 1; i < n; i++)
		values[i] = claim_find(claims, conf->claims_to_headers.v[i - 1].name);
	struct entry *e = entry_new(token, claims, values, n);
	free(values);
	return e;
}

/* Choose the issuer whose keys must verify the token. With one issuer the claims are not read
 * before the signature was verified. With several, `iss` chooses, and is trusted only after these
 * keys verified the token. */
static enum reason choose_issuer(const struct jwt_conf *conf, const struct token *t, size_t *issuer,
	json_t **claims)
{
	*issuer = 0;
	*claims = NULL;
	if (conf->n_trusted == 1)
		return REASON_NONE;
	enum reason why = token_read_claims(t, claims);
	if (why != REASON_NONE)
		return why;
	*issuer = issuers_find(conf, *claims);
	return *issuer < conf->n_trusted ? REASON_NONE : REASON_TOKEN_ISSUER;
}

/* Verify the signature, unless the same keys failed before the wait. */
static enum reason check_signature(sluice_exchange *x, const struct jwt_conf *conf,
	const struct token *t, size_t issuer, const struct keyset *keys)
{
	const struct worker *w = sluice_worker_state(x);
	const struct key_wait *p = sluice_state(x, sizeof *p);
	if (!w->verifiers)
		return REASON_NO_MEMORY; /* this worker has no verifiers: its start failed */
	if (!keys)
		return REASON_JWKS_UNAVAILABLE;
	if (p && p->since_ns && p->generation == keys->generation)
		return p->why;
	return verifier_check(&w->verifiers[issuer], keys, t, conf->algorithms);
}

/* Check the claims, and take ownership of them. On REASON_NONE *out is an entry with one
 * reference. */
static enum reason accept_claims(const struct jwt_conf *conf, size_t issuer, sluice_str text,
	json_t *claims, struct entry **out, sluice_str *which)
{
	struct validity when;
	enum reason why = rules_check(conf, conf->trusted[issuer].name, claims, sluice_unix_ms(),
		&when, which);
	if (why != REASON_NONE) {
		json_decref(claims);
		return why;
	}
	struct entry *e = make_entry(conf, text, claims);
	if (!e)
		return REASON_NO_MEMORY;
	e->when = when;
	e->issuer = issuer;
	*out = e;
	return REASON_NONE;
}

/* Verify a token that is not in the cache. */
static sluice_verdict jwt_verify(sluice_exchange *x, const struct jwt_conf *conf, sluice_str text,
	uint64_t hash, const struct issuer_keys *keys)
{
	struct worker *w = sluice_worker_state(x);
	struct token t;
	struct entry *e;
	json_t *claims = NULL;
	size_t issuer = 0;
	sluice_str which = { NULL, 0 };
	enum reason why = token_open(&t, text);
	if (why == REASON_NONE)
		why = choose_issuer(conf, &t, &issuer, &claims);
	if (why == REASON_NONE) {
		why = check_signature(x, conf, &t, issuer, keys[issuer].keys);
		if (new_keys_might_help(why)) {
			json_decref(claims);
			return wait_or_refuse(x, conf, issuer, &keys[issuer], why);
		}
	}
	if (why == REASON_NONE && !claims)
		why = token_read_claims(&t, &claims);
	if (why != REASON_NONE) {
		json_decref(claims);
		return refuse(x, conf, why, which);
	}
	why = accept_claims(conf, issuer, text, claims, &e, &which);
	if (why != REASON_NONE)
		return refuse(x, conf, why, which);
	e->generation = keys[issuer].keys->generation;
	e->hash = hash;
	cache_put(&w->cache, e, keys, sluice_unix_ms());
	sluice_cleanup(x, entry_unref, e);
	return admit(x, conf, e);
}

static sluice_verdict jwt_on_request(sluice_exchange *x, const void *arg)
{
	const struct jwt_conf *conf = arg;
	const sluice_str none = { NULL, 0 };
	sluice_str text;
	remove_forgeries(x, conf);
	enum reason why = bearer_find(x, &text);
	if (why == REASON_NONE && !text.data) {
		if (conf->optional)
			return pass(x, conf);
		why = REASON_TOKEN_MISSING;
	}
	if (why == REASON_NONE && text.len > conf->max_size)
		why = REASON_TOKEN_TOO_LARGE;
	const struct issuer_keys *keys = issuers_keys(sluice_published(x));
	if (why == REASON_NONE && !keys)
		why = REASON_NO_MEMORY; /* check() publishes keys: it had no memory */
	if (why != REASON_NONE)
		return refuse(x, conf, why, none);

	struct worker *w = sluice_worker_state(x);
	uint64_t hash = cache_hash(&w->cache, text);
	struct entry *e = cache_find(&w->cache, text, hash, keys, sluice_unix_ms());
	if (!e)
		return jwt_verify(x, conf, text, hash, keys);
	e->refs++;
	sluice_cleanup(x, entry_unref, e);
	return admit(x, conf, e);
}

static const char *const jwt_provides[] = { "consumer", "groups", "consumer:", "claim:", NULL };

SLUICE_PLUGIN("jwt", .version = "1.0",
	.summary = "admits requests with a token of a trusted issuer", .options = jwt_options,
	.conf_size = sizeof(struct jwt_conf), .check = jwt_check, .start = jwt_start,
	.stop = jwt_stop, .worker_size = sizeof(struct worker), .worker_start = jwt_worker_start,
	.worker_stop = jwt_worker_stop, .on_request = jwt_on_request, .on_refresh = jwt_on_refresh,
	.provides = jwt_provides);
