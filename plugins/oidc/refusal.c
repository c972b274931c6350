/* Refusals. See the header. */
#include "refusal.h"

#include <sluice/plugin.h>

static const struct {
	int status;
	const char *code, *sentence;
} refusals[REFUSAL_COUNT] = {
	[REFUSAL_REQUIRED] = { 401, "login-required", "a login is required" },
	[REFUSAL_STATE] = { 400, "login-state",
		"this login was not begun by this browser, or too long ago: ask for the page again" },
	[REFUSAL_REFUSED] = { 403, "login-refused", "the provider refused the login" },
	[REFUSAL_PROVIDER] = { 502, "login-provider", "the provider gave no usable answer" },
	[REFUSAL_TOKEN] = { 403, "login-token", "the provider's token does not hold for this login" },
	[REFUSAL_UNAVAILABLE] = { 503, "login-unavailable", "logins are not possible at present" },
	[REFUSAL_TOO_LARGE] = { 500, "login-too-large", "the session is too large" },
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

sluice_verdict redirect_answer(sluice_exchange *x, int status, sluice_str location)
{
	const sluice_pair fields[] = { { SLUICE_STR("Location"), location },
		{ SLUICE_STR("Referrer-Policy"), SLUICE_STR("no-referrer") } };
	set_no_store(x);
	const sluice_answer a = { .size = sizeof a, .status = status, .headers = { fields, 2 } };
	return sluice_answer_with(x, &a);
}
