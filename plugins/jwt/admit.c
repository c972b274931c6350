/* The checks of each request. */
#include "admit.h"

#include "answer.h"
#include "dpop.h"
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
	return conf->dpop.mode == DPOP_OFF ? answer_admit(x, conf, e) : admit_by_proof(x, conf, e);
}
