/* The way of a request: its token is found, is in the cache or is verified, perhaps after a wait
 * for keys, and then decides. */
#include "request.h"

#include "../jose/token.h"
#include "accept.h"
#include "admit.h"
#include "answer.h"
#include "dpop.h"
#include "introspect.h"
#include "encrypted.h"
#include "issuers.h"
#include "judge.h"
#include "key_wait.h"
#include "places.h"
#include "resource.h"
#include "rules.h"
#include "state.h"
#include "worker.h"

/* The current keys do not verify the token. Wait for newer ones while they may come and key_wait
 * permits, then refuse. After the wait the hook runs again from its start. */
static sluice_verdict wait_or_refuse(sluice_exchange *x, const struct jwt_conf *conf, size_t issuer,
	const struct issuer_keys *seen, enum reason why)
{
	const sluice_str none = { NULL, 0 };
	struct request_state *state = request_state(x);
	if (!state)
		return SLUICE_FAIL;
	const struct key_lack lack = { &conf->trusted[issuer], seen, why };
	uint64_t left = key_wait_left(x, conf, &state->keys, &lack);
	return left ? sluice_await_publish(x, left, request_judge)
		    : answer_refuse(x, conf, why, none);
}

/* Verify the signature, unless the same keys failed before the wait, and read the claims, if they
 * were not read before. */
static enum reason check_signature(sluice_exchange *x, const struct jwt_conf *conf,
	const struct token *t, size_t issuer, json_t **claims)
{
	const struct worker *w = sluice_worker_state(x);
	const struct request_state *state = request_state(x);
	const struct key_wait *p = state ? &state->keys : NULL;
	const struct keyset *keys = issuers_keys(sluice_published(x))[issuer].keys;
	if (!w->verifiers)
		return REASON_NO_MEMORY; /* this worker has no verifiers: its start failed */
	if (!keys)
		return REASON_JWKS_UNAVAILABLE;
	if (p && p->since_ns && p->generation == keys->generation)
		return p->why;
	return reason_of_jose(
		verifier_read(&w->verifiers[issuer], keys, t, conf->algorithms, claims));
}

/* Verify a token that is not in the cache. */
static sluice_verdict jwt_verify(sluice_exchange *x, const struct jwt_conf *conf, sluice_str text,
	uint64_t hash, const struct issuer_keys *keys)
{
	struct worker *w = sluice_worker_state(x);
	struct token t;
	json_t *claims = NULL;
	size_t issuer = 0;
	sluice_str which = { NULL, 0 }, inner;
	enum reason why = encrypted_open(x, text, &inner);
	if (why == REASON_NONE)
		why = judge_open(conf, &w->headers, &t, inner);
	if (why == REASON_NONE)
		why = judge_issuer(conf, &t, &issuer, &claims);
	if (why == REASON_NONE) {
		why = check_signature(x, conf, &t, issuer, &claims);
		if (key_wait_might_help(why)) {
			json_decref(claims);
			return wait_or_refuse(x, conf, issuer, &keys[issuer], why);
		}
	}
	if (why != REASON_NONE) {
		json_decref(claims);
		return answer_refuse(x, conf, why, which);
	}
	const struct vouched v = { .token = text,
		.hash = hash,
		.issuer = issuer,
		.generation = keys[issuer].keys->generation,
		.for_ms = UINT64_MAX };
	return accept_claims(x, conf, &v, claims);
}

/* Ask the server about a token that is not in the cache. */
static sluice_verdict introspect(sluice_exchange *x, const struct jwt_conf *conf, sluice_str text,
	uint64_t hash)
{
	struct request_state *state = request_state(x);
	struct token t;
	/* a JWT of another type is no access token, whoever vouches for it */
	if (token_open(&t, text) == JOSE_OK && !rules_accept_type(conf, &t))
		return answer_refuse(x, conf, REASON_TOKEN_TYPE, SLUICE_STR_NONE);
	if (!state)
		return SLUICE_FAIL;
	state->inquiry.token = text;
	state->inquiry.hash = hash;
	return introspect_judge(x, conf, &state->inquiry);
}

sluice_verdict request_judge(sluice_exchange *x, const void *arg)
{
	const struct jwt_conf *conf = arg;
	const sluice_str none = { NULL, 0 };
	sluice_str text;
	answer_remove_forgeries(x, conf);
	enum reason why = conf->dpop.mode == DPOP_OFF ? places_find(x, conf, &text)
						      : dpop_find(x, &text);
	if (why == REASON_NONE && !text.data) {
		if (resource_is_asked(x, conf))
			return resource_tell(x, conf);
		if (conf->optional)
			return answer_pass(x, conf);
		why = REASON_TOKEN_MISSING;
	}
	if (why == REASON_NONE && text.len > conf->max_size)
		why = REASON_TOKEN_TOO_LARGE;
	const struct issuer_keys *keys = issuers_keys(sluice_published(x));
	if (why == REASON_NONE && !keys)
		why = REASON_NO_MEMORY; /* check() publishes keys: it had no memory */
	if (why != REASON_NONE)
		return answer_refuse(x, conf, why, none);

	struct worker *w = sluice_worker_state(x);
	uint64_t hash = cache_hash(&w->cache, text);
	struct entry *e = cache_find(&w->cache, text, hash, keys, sluice_unix_ms());
	if (!e && introspect_wants(conf, text))
		return introspect(x, conf, text, hash);
	if (!e)
		return jwt_verify(x, conf, text, hash, keys);
	return admit_token(x, conf, e);
}
