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

static sluice_verdict judge_proof(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	struct request_state *state = request_state(x);
	if (!state)
		return SLUICE_FAIL;
	state->entry = e;
	return dpop_judge(x, conf, e, on_proof);
}

sluice_verdict admit_token(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	sluice_verdict verdict = SLUICE_NEXT;
	if (conf->dpop.mode != DPOP_OFF)
		verdict = judge_proof(x, conf, e);
	return verdict == SLUICE_NEXT ? answer_admit(x, conf, e) : verdict;
}
