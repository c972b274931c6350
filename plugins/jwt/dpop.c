/* Proof of possession: from the request to the answer. */
#include "dpop.h"

#include "../shared/origin.h"
#include "answer.h"
#include "bearer.h"
#include "dpop_nonce.h"
#include "dpop_proof.h"
#include "worker.h"

/* ---- options ------------------------------------------------------------------------------- */

static int check_origin(sluice_instance *inst, struct dpop_conf *d)
{
	sluice_str rest;
	if (d->origin.len == 0)
		return 0;
	if (origin_split(d->origin, &d->origin_scheme, &d->origin_authority, &rest) &&
		rest.len == 0)
		return 0;
	sluice_conf_error(inst, "dpop_origin", "is no scheme and host");
	sluice_conf_hint(inst, "write it without a path: https://api.example.com");
	return -1;
}

static int check_nonce(sluice_instance *inst, struct dpop_conf *d)
{
	if (d->nonce_key.len && !d->nonce) {
		sluice_conf_error(inst, "dpop_nonce_key", "needs dpop_nonce: true");
		return -1;
	}
	if (d->nonce && dpop_nonce_init(d) < 0) {
		sluice_conf_error(inst, "dpop_nonce", "needs randomness, and there is none");
		return -1;
	}
	return 0;
}

/* The names of the algorithms, as the challenge has them. */
static sluice_str names_of(sluice_instance *inst, uint64_t algorithms)
{
	char *text = sluice_conf_alloc(inst, ALG_N_PUBLIC * 8), *at = text;
	for (unsigned i = 0; i < ALG_N_PUBLIC; i++) {
		if (!(algorithms & ALG_BIT(i)))
			continue;
		if (at > text)
			*at++ = ' ';
		at = sluice_str_put(at, sluice_str_of(alg_names[i]));
	}
	return sluice_str_n(text, (size_t)(at - text));
}

int dpop_check(sluice_instance *inst, struct jwt_conf *conf)
{
	static const char *const others[] = { "dpop_window", "dpop_algorithms", "dpop_origin",
		"dpop_nonce", "dpop_nonce_key", "dpop_store", "dpop_on_store_failure",
		"dpop_store_timeout" };
	struct dpop_conf *d = &conf->dpop;
	int rc = 0;
	for (size_t i = 0; d->mode == DPOP_OFF && i < sizeof others / sizeof *others; i++) {
		if (!sluice_conf_given(inst, others[i]))
			continue;
		sluice_conf_error(inst, others[i], "is about DPoP, which is off");
		sluice_conf_hint(inst, "write dpop: accept or dpop: require");
		rc = -1;
	}
	if (d->mode == DPOP_OFF)
		return rc;
	if (sluice_conf_given(inst, "from")) {
		sluice_conf_error(inst, "from", "does not go with dpop");
		sluice_conf_hint(inst,
			"a token with a proof comes in the field Authorization alone (RFC 9449 "
			"7.1): leave `from` out");
		return -1;
	}
	if (check_origin(inst, d) < 0 || check_nonce(inst, d) < 0)
		return -1;
	seen_init(&d->seen, inst, d->store, "dpop");
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("dpop"));
	sluice_secret(inst, SLUICE_SECRET_FIELD, SLUICE_STR("dpop"));
	conf->asks.dpop_algs = names_of(inst, d->algorithms);
	conf->takes |= SCHEME_BIT(SCHEME_DPOP);
	if (d->mode == DPOP_ACCEPT)
		conf->takes |= SCHEME_BIT(SCHEME_BEARER);
	return 0;
}

/* ---- the token ----------------------------------------------------------------------------- */

enum reason dpop_find(sluice_exchange *x, sluice_str *token)
{
	sluice_pair f;
	sluice_str value = { NULL, 0 };
	size_t n = 0;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (!sluice_str_ieq(f.name, SLUICE_STR("authorization")))
			continue;
		value = f.value;
		n++;
	}
	sluice_str rest = value, scheme = sluice_str_cut(&rest, ' ');
	if (n != 1 || !sluice_str_ieq(scheme, SLUICE_STR("dpop")))
		return bearer_find(x, token);
	while (rest.len && rest.data[0] == ' ')
		rest = sluice_str_skip(rest, 1);
	*token = (sluice_str){ NULL, 0 };
	if (rest.len == 0)
		return REASON_TOKEN_MALFORMED;
	if (memchr(rest.data, ' ', rest.len) || memchr(rest.data, ',', rest.len))
		return REASON_TOKEN_AMBIGUOUS;
	*token = rest;
	return REASON_NONE;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Give the client the nonce that its next proof needs (RFC 9449 8.2). */
static void give_nonce(sluice_exchange *x, const struct dpop_conf *d)
{
	struct worker *w = sluice_worker_state(x);
	sluice_str nonce = dpop_nonce_now(&w->nonces, d, sluice_unix_ms());
	if (nonce.data)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("DPoP-Nonce"), nonce);
}

static sluice_verdict refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why)
{
	const sluice_str none = { NULL, 0 };
	if (conf->dpop.nonce && (why == REASON_DPOP_NONCE || why == REASON_DPOP_MISSING))
		give_nonce(x, &conf->dpop);
	return answer_refuse(x, conf, why, none);
}

static enum reason find_proof(sluice_exchange *x, sluice_str *proof)
{
	sluice_pair f;
	proof->data = NULL;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (!sluice_str_ieq(f.name, SLUICE_STR("dpop")))
			continue;
		if (proof->data)
			return REASON_DPOP_AMBIGUOUS;
		*proof = f.value;
	}
	return proof->data ? REASON_NONE : REASON_DPOP_MISSING;
}

void dpop_ask_of(struct dpop_ask *ask, const struct jwt_conf *conf, uint64_t now_ms)
{
	const struct dpop_conf *d = &conf->dpop;
	uint64_t past = d->window + conf->leeway;
	if (d->origin.len > 0) {
		ask->target.scheme = d->origin_scheme;
		ask->target.authority = d->origin_authority;
	}
	ask->algorithms = d->algorithms;
	ask->from_ms = now_ms > past ? now_ms - past : 0;
	ask->until_ms = now_ms + conf->leeway;
}

static enum reason judge_nonce(sluice_exchange *x, const struct dpop_conf *d, sluice_str nonce)
{
	struct worker *w = sluice_worker_state(x);
	enum nonce_age age = NONCE_UNKNOWN;
	if (nonce.data)
		age = dpop_nonce_judge(&w->nonces, d, sluice_unix_ms(), nonce);
	if (age == NONCE_OLD)
		give_nonce(x, d);
	return age == NONCE_UNKNOWN ? REASON_DPOP_NONCE : REASON_NONE;
}

/* What is still to be done when the store has said whether the proof is new. */
static sluice_verdict end(sluice_exchange *x, const struct jwt_conf *conf, enum seen seen)
{
	if (seen == SEEN_DOWN && conf->dpop.on_store_failure == DPOP_FAILURE_ALLOW) {
		sluice_note(x, "dpop-store-down");
		return SLUICE_NEXT;
	}
	if (seen == SEEN_DOWN)
		return refuse(x, conf, REASON_DPOP_STORE);
	return seen == SEEN_BEFORE ? refuse(x, conf, REASON_DPOP_REPLAYED) : SLUICE_NEXT;
}

sluice_verdict dpop_answered(sluice_exchange *x, const struct jwt_conf *conf, sluice_status st,
	const sluice_value *v)
{
	return end(x, conf, seen_answer(st, v));
}

/* Check the proof; *ttl_ms is how long its like would be accepted. */
static enum reason check_proof(sluice_exchange *x, const struct jwt_conf *conf,
	const struct entry *e, struct dpop_proof *proof, uint64_t *ttl_ms)
{
	const struct dpop_conf *d = &conf->dpop;
	struct worker *w = sluice_worker_state(x);
	/* the URL as the client wrote it, whatever plugins that ran before have made of it */
	struct dpop_ask ask = { .target = { sluice_get(x, SLUICE_I_SCHEME),
					sluice_get(x, SLUICE_I_ASKED_AUTHORITY),
					sluice_get(x, SLUICE_I_ASKED_PATH) },
		.method = sluice_get(x, SLUICE_I_METHOD),
		.binding = e->binding };
	uint64_t now = sluice_unix_ms();
	sluice_str text;
	dpop_ask_of(&ask, conf, now);
	enum reason why = w->verifiers ? find_proof(x, &text) : REASON_NO_MEMORY;
	*proof = (struct dpop_proof){ .claims = NULL };
	if (why == REASON_NONE)
		why = dpop_proof_check(&w->proofs, &ask, text, proof);
	if (why == REASON_NONE && d->nonce)
		why = judge_nonce(x, d, proof->nonce);
	if (why == REASON_NONE)
		*ttl_ms = proof->iat_ms + d->window + conf->leeway - now + 1;
	return why;
}

/* Whether the token may come by the scheme by which it came. */
static enum reason judge_scheme(sluice_exchange *x, const struct jwt_conf *conf,
	const struct entry *e)
{
	bool is_dpop = bearer_scheme(x) == SCHEME_DPOP;
	if (is_dpop)
		return e->binding ? REASON_NONE : REASON_DPOP_UNBOUND;
	return e->binding || conf->dpop.mode == DPOP_REQUIRE ? REASON_DPOP_REQUIRED : REASON_NONE;
}

sluice_verdict dpop_judge(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e,
	sluice_store_fn then, bool *is_then_s)
{
	struct dpop_proof proof;
	uint64_t ttl_ms;
	sluice_verdict verdict = SLUICE_FAIL;
	enum reason why = judge_scheme(x, conf, e);
	*is_then_s = false;
	if (why != REASON_NONE)
		return refuse(x, conf, why);
	if (!e->binding)
		return SLUICE_NEXT; /* a bearer token, and those are accepted */
	why = check_proof(x, conf, e, &proof, &ttl_ms);
	dpop_proof_fini(&proof);
	if (why != REASON_NONE)
		return refuse(x, conf, why);
	const struct seen_note note = { .ttl_ms = ttl_ms,
		.timeout_ms = conf->dpop.store_timeout,
		.then = then };
	enum seen seen = seen_note(x, &conf->dpop.seen, proof.id, &note, &verdict);
	*is_then_s = seen == SEEN_LATER;
	return *is_then_s ? verdict : end(x, conf, seen);
}
