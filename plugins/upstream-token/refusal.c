/* Refusals. See the header. */
#include "refusal.h"

sluice_verdict refusal_unavailable(sluice_exchange *x, const struct token_conf *conf)
{
	if (conf->on_failure == FAILURE_PASS) {
		sluice_note(x, "upstream-token-missing");
		return SLUICE_NEXT;
	}
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"), SLUICE_STR("1"));
	return sluice_refuse(x, 503, "upstream-token-unavailable",
		"The gateway has no access to the service at present. Try again later.");
}

sluice_verdict refusal_challenge(sluice_exchange *x, sluice_str challenge, const char *code,
	const char *sentence)
{
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), challenge);
	return sluice_refuse(x, 401, code, sentence);
}
