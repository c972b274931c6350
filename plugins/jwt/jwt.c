/*
 * jwt: lets a request through when it carries a token that a trusted issuer signed (RFC 7519, RFC 9068), and tells the plugins
 * and services behind it what the token says. This file has the record, the options, and the path of a request; what a token
 * is stands in token.c, what it must say in rules.c, the keys in keys.c and source.c, signatures in verify.c.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache.h"
#include "challenge.h"
#include "claims.h"
#include "conf.h"
#include "source.h"
#include "strict.h"
#include "token.h"
#include "verify.h"

#define OPT(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct jwt_conf, field, __VA_ARGS__)

static const sluice_option jwt_options[] = {
	OPT(STR, issuer, .flags = SLUICE_F_REQUIRED, .min = "1",
	    .doc = "what the claim iss must be, exactly; also where the keys are discovered when jwks is "
		   "left out"),
	OPT(STRS, audience, .doc = "one of these must be in the claim aud; left out: any audience will do"),
	OPT(STR, jwks,
	    .doc = "the keys: an http(s) URL or file:PATH; left out: found by OpenID Connect Discovery"),
	OPT(FLAGS, algorithms, .def = "[RS256, ES256]", .min = "1", .choices = alg_names,
	    .doc = "signature algorithms that are accepted"),
	OPT(STRS, scopes, .doc = "scopes that must all be granted, in the claim scope or scp; else 403"),
	OPT(PAIRS, claims,
	    .doc = "claims and the value each must have, or must have among the members of an array"),
	OPT(STRS, required, .doc = "claims that must be there, whatever their value"),
	OPT(DURATION, leeway, .def = "5s", .max = "10m", .doc = "how far the issuer's clock may be off"),
	OPT(DURATION, max_age, .max = "365d",
	    .doc = "refuse tokens issued (claim iat) longer ago; 0: however old"),
	OPT(SIZE, max_size, .def = "8KiB", .min = "256", .max = "64KiB",
	    .doc = "refuse longer tokens unread"),
	OPT(PAIRS, claims_to_headers,
	    .doc = "claims and the header field that carries each to the upstream; copies a client sends are "
		   "removed"),
	OPT(STR, consumer, .def = "sub",
	    .doc = "the claim that names the consumer to other plugins and the log"),
	OPT(BOOL, forward_token, .def = "true", .doc = "whether the upstream is given the token as well"),
	OPT(BOOL, optional, .def = "false",
	    .doc = "let requests without a token through; a bad token is refused all the same"),
	OPT(STR, realm, .doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	OPT(STR, resource_metadata,
	    .doc = "URL of the protected resource metadata (RFC 9728) to name in WWW-Authenticate"),
	OPT(UINT, cache, .def = "4096", .max = "1048576",
	    .doc = "verified tokens that each worker remembers; 0: none"),
	OPT(DURATION, refresh, .def = "5m", .min = "10s", .max = "7d",
	    .doc = "how often the keys are fetched anew"),
	OPT(DURATION, min_refresh, .def = "10s", .min = "1s", .max = "1h",
	    .doc = "a token signed with an unknown key has the keys fetched early, but not sooner after the "
		   "last time"),
	OPT(DURATION, key_wait, .def = "3s", .min = "100ms", .max = "30s",
	    .doc = "how long a request waits for keys"),
	OPT(DURATION, fetch_timeout, .def = "5s", .min = "100ms", .max = "1m",
	    .doc = "how long one fetch of keys may take"),
	OPT(STR, ca_file,
	    .doc = "PEM file of the authorities that may vouch for the keys' server; left out: the system's"),
	SLUICE_OPTIONS_END
};

struct worker { /* what a worker has for each instance */
	struct verifier verifier;
	struct cache cache;
};

/* ---- configuration ---- */

/* RFC 9110 5.6.2 */
static bool is_field_name(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.len > 0;
}

/* Fields that the gateway itself writes, and the one that brought the token. */
static bool is_taken(sluice_str name)
{
	static const sluice_str taken[] = { SLUICE_STR("authorization"),
					    SLUICE_STR("connection"),
					    SLUICE_STR("content-length"),
					    SLUICE_STR("host"),
					    SLUICE_STR("te"),
					    SLUICE_STR("trailer"),
					    SLUICE_STR("transfer-encoding"),
					    SLUICE_STR("upgrade") };
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		if (str_same_ci(name, taken[i]))
			return true;
	}
	return false;
}

static int check_headers(sluice_instance *inst, const struct jwt_conf *conf)
{
	const sluice_pairs *map = &conf->claims_to_headers;
	int rc = 0;
	for (size_t i = 0; i < map->n; i++) {
		sluice_str name = map->v[i].value;
		bool twice = false;
		for (size_t j = 0; j < i; j++)
			twice |= str_same_ci(name, map->v[j].value);
		if (!is_field_name(name) || is_taken(name) || twice) {
			sluice_conf_error(inst, "claims_to_headers", "\"%.*s\" %s", (int)name.len, name.data,
					  !is_field_name(name) ? "is no name of a header field"
					  : twice              ? "is set from two claims"
							       : "is not a field that may be set");
			rc = -1;
		}
	}
	return rc;
}

static int jwt_check(sluice_instance *inst, void *arg)
{
	struct jwt_conf *conf = arg;
	int rc = challenge_check(inst, conf);
	if (check_headers(inst, conf) < 0)
		rc = -1;
	if (conf->min_refresh > conf->refresh) {
		sluice_conf_error(inst, "min_refresh", "is longer than refresh");
		rc = -1;
	}
	if (source_check(inst, conf) < 0)
		rc = -1;
	return rc;
}

static int jwt_start(sluice_instance *inst, void *arg)
{
	(void)inst;
	source_start(((struct jwt_conf *)arg)->source);
	return 0;
}

static void jwt_stop(sluice_instance *inst, void *arg)
{
	(void)inst;
	source_stop(((struct jwt_conf *)arg)->source);
}

static void jwt_on_refresh(sluice_instance *inst, const void *arg)
{
	(void)inst;
	source_refresh(((const struct jwt_conf *)arg)->source);
}

static void worker_fini(struct worker *w)
{
	cache_fini(&w->cache);
	verifier_fini(&w->verifier);
}

static int jwt_worker_start(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst;
	const struct jwt_conf *conf = arg;
	struct worker *w = state;
	if (verifier_init(&w->verifier) == 0 && cache_init(&w->cache, conf->cache) == 0)
		return 0;
	worker_fini(w);
	return -1;
}

static void jwt_worker_stop(sluice_instance *inst, const void *arg, void *state)
{
	(void)inst, (void)arg;
	worker_fini(state);
}

/* ---- answers ---- */

static sluice_verdict refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why,
			     sluice_str which)
{
	if (why == REASON_NO_MEMORY)
		return SLUICE_FAIL;
	const struct reason_info *info = reason_info(why);
	char detail[CLAIM_MAX_PATH + 64];
	if (conf->challenges[why].data)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("www-authenticate"), conf->challenges[why]);
	if (!which.data)
		return sluice_refuse(x, info->status, info->code, info->sentence);
	(void)snprintf(detail, sizeof detail, "the claim %.*s of the token is missing or not as required",
		       which.len > CLAIM_MAX_PATH ? CLAIM_MAX_PATH : (int)which.len, which.data);
	return sluice_refuse(x, info->status, info->code, detail);
}

/* Of the namespace `claim`. ctx: the entry. */
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

/* The token is good. texts of the entry: the consumer, then one for each row of claims_to_headers. */
static sluice_verdict admit(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	sluice_attr_provide(x, "claim", claim_attr, e);
	if (e->texts[0].data)
		sluice_attr_set(x, SLUICE_STR("consumer"), e->texts[0]);
	for (size_t i = 0; i < conf->claims_to_headers.n; i++) {
		if (e->texts[i + 1].data)
			sluice_field_set(x, SLUICE_REQUEST, conf->claims_to_headers.v[i].value,
					 e->texts[i + 1]);
	}
	if (!conf->forward_token)
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	return SLUICE_NEXT;
}

/* ---- the request ---- */

/* Equal but for case, and for `-` and `_`, which servers that speak CGI's dialect cannot tell apart. */
static bool reads_the_same(sluice_str a, sluice_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned char p = a.data[i] == '_' ? '-' : lower(a.data[i]);
		if (p != (b.data[i] == '_' ? '-' : lower(b.data[i])))
			return false;
	}
	return true;
}

/* Whatever the upstream would take for the word of this gateway must not come from the client. */
static void remove_forgeries(sluice_exchange *x, const struct jwt_conf *conf)
{
	sluice_pair f;
	for (size_t i = 0; i < conf->claims_to_headers.n; i++) {
		sluice_str ours = conf->claims_to_headers.v[i].value;
		for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
			if (!reads_the_same(f.name, ours))
				continue;
			sluice_field_remove(x, SLUICE_REQUEST, f.name);
			at = 0; /* the fields have moved */
		}
	}
}

/* The credentials of RFC 6750 2.1; data NULL: none of that scheme. */
static enum reason find_token(sluice_exchange *x, sluice_str *token)
{
	const sluice_str scheme = SLUICE_STR("bearer ");
	sluice_pair f;
	sluice_str value = { NULL, 0 };
	*token = value;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (!str_same_ci(f.name, SLUICE_STR("authorization")))
			continue;
		if (value.data)
			return REASON_TOKEN_AMBIGUOUS; /* the upstream might read the other one */
		value = f.value;
	}
	if (value.data && str_same_ci(value, SLUICE_STR("bearer")))
		return REASON_TOKEN_MALFORMED;
	if (!value.data || value.len < scheme.len ||
	    !str_same_ci((sluice_str){ value.data, scheme.len }, scheme))
		return REASON_NONE;
	*token = (sluice_str){ value.data + scheme.len, value.len - scheme.len };
	while (token->len && token->data[0] == ' ')
		token->data++, token->len--;
	if (token->len && (memchr(token->data, ' ', token->len) || memchr(token->data, ',', token->len)))
		return REASON_TOKEN_AMBIGUOUS;
	return token->len ? REASON_NONE : REASON_TOKEN_MALFORMED;
}

static sluice_verdict jwt_look(sluice_exchange *x, const struct jwt_conf *conf, bool waited);

/* The same hook again, from the start: all it needs is in the exchange. */
static sluice_verdict jwt_waited(sluice_exchange *x, const void *conf)
{
	return jwt_look(x, conf, true);
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

/* Verify all of it. On REASON_NONE *out is an entry with one reference. */
static enum reason verify_token(struct worker *w, const struct jwt_conf *conf, const struct keyset *keys,
				struct token *t, sluice_str text, struct entry **out, sluice_str *which)
{
	json_t *claims;
	struct validity when;
	uint64_t now = sluice_unix_ms();
	enum reason why = verifier_check(&w->verifier, keys, t, conf->algorithms);
	if (why == REASON_NONE)
		why = token_read_claims(t, &claims);
	if (why != REASON_NONE)
		return why;
	why = rules_check(conf, claims, now, &when, which);
	if (why != REASON_NONE) {
		json_decref(claims);
		return why;
	}
	struct entry *e = make_entry(conf, text, claims);
	if (!e)
		return REASON_NO_MEMORY;
	e->when = when;
	e->generation = keys->generation;
	*out = e;
	return REASON_NONE;
}

/* Nobody we know has signed it: perhaps the issuer has new keys. One look at them, for all who come with such tokens. Another
 * worker may have the answer already, and the client may have heard of it: what is on its way to this one is waited for. */
static bool wait_for_new_keys(sluice_exchange *x, const struct jwt_conf *conf, const struct keyset *keys)
{
	if (source_fetching(conf->source) || source_is_ahead(conf->source, keys))
		return true;
	if (!source_may_refresh(conf->source))
		return false;
	sluice_refresh(x);
	return true;
}

/* A token that is not remembered. */
static sluice_verdict jwt_verify(sluice_exchange *x, const struct jwt_conf *conf, sluice_str text,
				 uint64_t hash, bool waited)
{
	struct worker *w = sluice_worker_state(x);
	const struct keyset *keys = source_keys(sluice_published(x));
	struct token t;
	struct entry *e = NULL;
	sluice_str which = { NULL, 0 };
	enum reason why = token_open(&t, text);
	if (why != REASON_NONE)
		return refuse(x, conf, why, which);
	if (!keys) {
		if (!waited && (source_expects(conf->source, conf->key_wait) || source_is_ahead(conf->source, NULL)))
			return sluice_await_publish(x, conf->key_wait, jwt_waited);
		return refuse(x, conf, REASON_JWKS_UNAVAILABLE, which);
	}
	why = verify_token(w, conf, keys, &t, text, &e, &which);
	if (!waited && (why == REASON_TOKEN_KEY_UNKNOWN || (why == REASON_TOKEN_SIGNATURE && !t.has_kid)) &&
	    wait_for_new_keys(x, conf, keys))
		return sluice_await_publish(x, conf->key_wait, jwt_waited);
	if (why != REASON_NONE)
		return refuse(x, conf, why, which);
	e->hash = hash;
	cache_put(&w->cache, e, sluice_unix_ms());
	sluice_cleanup(x, entry_unref, e);
	return admit(x, conf, e);
}

static sluice_verdict jwt_look(sluice_exchange *x, const struct jwt_conf *conf, bool waited)
{
	const sluice_str none = { NULL, 0 };
	sluice_str text;
	remove_forgeries(x, conf);
	enum reason why = find_token(x, &text);
	if (why == REASON_NONE && !text.data) {
		if (conf->optional)
			return SLUICE_NEXT;
		why = REASON_TOKEN_MISSING;
	}
	if (why == REASON_NONE && text.len > conf->max_size)
		why = REASON_TOKEN_TOO_LARGE;
	if (why != REASON_NONE)
		return refuse(x, conf, why, none);

	struct worker *w = sluice_worker_state(x);
	const struct keyset *keys = source_keys(sluice_published(x));
	uint64_t hash = cache_hash(&w->cache, text);
	struct entry *e = keys ? cache_find(&w->cache, text, hash, keys->generation, sluice_unix_ms()) : NULL;
	if (!e)
		return jwt_verify(x, conf, text, hash, waited);
	e->refs++;
	sluice_cleanup(x, entry_unref, e);
	return admit(x, conf, e);
}

static sluice_verdict jwt_on_request(sluice_exchange *x, const void *conf)
{
	return jwt_look(x, conf, false);
}

static const char *const jwt_provides[] = { "consumer", "claim:", NULL };

SLUICE_PLUGIN("jwt", .version = "1.0",
	      .summary = "lets requests through that carry a token of a trusted issuer",
	      .options = jwt_options, .conf_size = sizeof(struct jwt_conf), .check = jwt_check,
	      .start = jwt_start, .stop = jwt_stop, .worker_size = sizeof(struct worker),
	      .worker_start = jwt_worker_start, .worker_stop = jwt_worker_stop, .on_request = jwt_on_request,
	      .on_refresh = jwt_on_refresh, .provides = jwt_provides);
