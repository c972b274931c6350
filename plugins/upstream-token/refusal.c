/* Refusals. See the header. */
#include "refusal.h"

#include "../oauth/challenge.h"

static const struct {
	int status;
	const char *code, *error, *sentence;
} refusals[] = {
#define REASON(name, status, code, error, sentence) \
	[REFUSAL_##name] = { status, code, error, sentence },
#include "refusal.def"
#undef REASON
};

void refusal_check(sluice_instance *inst, struct token_conf *conf)
{
	const struct challenge_param invalid = { "error",
		sluice_str_of(refusals[REFUSAL_INVALID].error) };
	conf->challenge = challenge_make(inst, SLUICE_STR("Bearer"), SLUICE_STR_NONE, NULL, 0);
	conf->invalid_challenge =
		challenge_make(inst, SLUICE_STR("Bearer"), SLUICE_STR_NONE, &invalid, 1);
}

sluice_verdict refusal_answer(sluice_exchange *x, const struct token_conf *conf, enum refusal why)
{
	if (refusals[why].status == 401)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"),
			refusals[why].error ? conf->invalid_challenge : conf->challenge);
	if (refusals[why].status == 503)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"), SLUICE_STR("1"));
	return sluice_refuse(x, refusals[why].status, refusals[why].code, refusals[why].sentence);
}

sluice_verdict refusal_unavailable(sluice_exchange *x, const struct token_conf *conf)
{
	if (conf->on_failure == FAILURE_DENY)
		return refusal_answer(x, conf, REFUSAL_UNAVAILABLE);
	sluice_note(x, "upstream-token-missing");
	return SLUICE_NEXT;
}
