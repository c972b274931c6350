/* The checks of each request. */
#include "admit.h"

#include "answer.h"
#include "deny_list.h"
#include "dpop.h"
#include "issuers.h"
#include "state.h"

static sluice_verdict on_proof(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	const struct request_state *state = request_state(x);
	sluice_verdict verdict = state ? dpop_answered(x, conf, st, v) : SLUICE_FAIL;
	return verdict == SLUICE_NEXT ? answer_admit(x, conf, state->entry) : verdict;
}

static sluice_verdict admit_by_proof(sluice_exchange *x, const struct jwt_conf *conf,
	struct entry *e)
{
	struct request_state *state = request_state(x);
	bool is_on_proof_s;
	if (!state)
		return SLUICE_FAIL;
	state->entry = e;
	sluice_verdict verdict = dpop_judge(x, conf, e, on_proof, &is_on_proof_s);
	return verdict == SLUICE_NEXT && !is_on_proof_s ? answer_admit(x, conf, e) : verdict;
}

static sluice_verdict admit_unlisted(sluice_exchange *x, const struct jwt_conf *conf,
	struct entry *e)
{
	return conf->dpop.mode == DPOP_OFF ? answer_admit(x, conf, e) : admit_by_proof(x, conf, e);
}

/* ---- the deny list -------------------------------------------------------------------------- */

static sluice_verdict on_list(sluice_exchange *x, const void *conf);

/* How much longer it may wait for the first reading, in ms. */
static uint64_t list_wait(const struct jwt_conf *conf, struct request_state *state)
{
	uint64_t now = sluice_now_ns();
	if (!state->list_since_ns)
		state->list_since_ns = now;
	uint64_t waited = (now - state->list_since_ns) / 1000000;
	return waited < conf->key_wait ? conf->key_wait - waited : 0;
}

static sluice_verdict admit_by_list(sluice_exchange *x, const struct jwt_conf *conf,
	struct entry *e)
{
	const struct deny_view *v = issuers_deny(sluice_published(x));
	if (v->is_coming) {
		struct request_state *state = request_state(x);
		if (!state)
			return SLUICE_FAIL;
		uint64_t left = list_wait(conf, state);
		state->entry = e;
		if (left)
			return sluice_await_publish(x, left, on_list);
	}
	enum reason why = deny_list_judge(conf, v, e->ids);
	return why == REASON_NONE ? admit_unlisted(x, conf, e)
				  : answer_refuse(x, conf, why, SLUICE_STR_NONE);
}

static sluice_verdict on_list(sluice_exchange *x, const void *conf)
{
	const struct request_state *state = request_state(x);
	return state ? admit_by_list(x, conf, state->entry) : SLUICE_FAIL;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* The exchange has a reference until it ends. False: there is no memory, and it has none. */
static bool hold(sluice_exchange *x, struct entry *e)
{
	uint32_t refs = ++e->refs;
	sluice_cleanup(x, entry_unref, e); /* without memory it is done at once */
	return e->refs == refs;
}

sluice_verdict admit_token(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	if (!hold(x, e))
		return SLUICE_FAIL;
	return conf->deny.sub ? admit_by_list(x, conf, e) : admit_unlisted(x, conf, e);
}
