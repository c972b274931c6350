/* Refusals. See the header. */
#include "refusal.h"

#include <sluice/plugin.h>

static const struct {
	int status;
	const char *code, *sentence;
} refusals[REFUSAL_COUNT] = {
#define REASON(name, status, code, error, sentence) [REFUSAL_##name] = { status, code, sentence },
#include "refusal.def"
#undef REASON
};

static void set_no_store(sluice_exchange *x)
{
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Control"), SLUICE_STR("no-store"));
}

sluice_verdict refusal_answer(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why)
{
	set_no_store(x);
	if (why == REFUSAL_REQUIRED)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"),
			conf->challenge);
	return sluice_refuse(x, refusals[why].status, refusals[why].code, refusals[why].sentence);
}

sluice_verdict refusal_of_login(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why)
{
	sluice_metric_add(conf->logins, sluice_str_of(refusals[why].code), 1);
	return refusal_answer(x, conf, why);
}

sluice_verdict refusal_empty_answer(sluice_exchange *x, const sluice_pair *fields, size_t n)
{
	const sluice_answer a = { .size = sizeof a, .status = 200, .headers = { fields, n } };
	set_no_store(x);
	return sluice_answer_with(x, &a);
}

sluice_verdict redirect_answer(sluice_exchange *x, int status, sluice_str location)
{
	const sluice_pair fields[] = { { SLUICE_STR("Location"), location },
		{ SLUICE_STR("Referrer-Policy"), SLUICE_STR("no-referrer") } };
	set_no_store(x);
	const sluice_answer a = { .size = sizeof a, .status = status, .headers = { fields, 2 } };
	return sluice_answer_with(x, &a);
}
