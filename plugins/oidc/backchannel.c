/* Logouts by the back channel. See the header. */
#include "backchannel.h"

#include "flow.h"
#include "logout_token.h"
#include "refusal.h"
#include "remote.h"
#include "text.h"
#include "verify.h"

enum { MAX_BODY = 32 * 1024 };

/* 2.8: 200, or 400 where the token does not hold or the logout failed. */
static sluice_verdict refuse(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why)
{
	sluice_metric_add(conf->logouts, SLUICE_STR("back-channel-refused"), 1);
	return refusal_answer(x, conf, why);
}

static sluice_verdict on_ended(sluice_exchange *x, const struct oidc_conf *conf, enum calls_end how)
{
	if (how == CALLS_SEEN)
		sluice_log_for(x, SLUICE_LOG_WARN, "the logout token was used before");
	if (how != CALLS_DONE)
		return refuse(x, conf,
			how == CALLS_SEEN ? REFUSAL_LOGOUT_REFUSED : REFUSAL_LOGOUT_FAILED);
	sluice_metric_add(conf->logouts, SLUICE_STR("back-channel"), 1);
	return refusal_empty_answer(x, NULL, 0);
}

/* 2.5: a sid stands for one session at the provider, and a sub alone for all of the user. */
static sluice_verdict end_sessions(sluice_exchange *x, const struct oidc_conf *conf,
	const struct logout_said *said)
{
	uint64_t now = sluice_unix_ms();
	struct store_key index = said->sid.data ? names_index(conf, "sid", said->sid)
						: names_index(conf, "sub", said->sub),
			 jti = names_index(conf, "jti", said->jti);
	uint64_t left = said->until_ms > now ? said->until_ms - now : 1;
	return remote_end_all(x, conf, &index, &jti, left, on_ended);
}

/* Also after a wait for keys. */
static sluice_verdict verify(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	const struct id_expected e = { .issuer = conf->issuer,
		.client_id = conf->client.client_id,
		.now_ms = sluice_unix_ms(),
		.leeway_ms = conf->leeway };
	struct logout_said said;
	struct token t;
	json_t *claims = NULL;
	sluice_verdict verdict;
	enum verified v = verify_token(x, conf, f->logout_token, "the logout token", &t, &claims);
	if (v == VERIFIED_NO_KEY && verify_waits(x, conf, f->since_ns, verify, &verdict))
		return verdict;
	if (v != VERIFIED_GOOD)
		return refuse(x, conf,
			v == VERIFIED_BAD || verify_has_keys(x) ? REFUSAL_LOGOUT_REFUSED
								: REFUSAL_LOGOUT_FAILED);
	const char *wrong = logout_token_check(&t, claims, &e, &said);
	if (wrong)
		sluice_log_for(x, SLUICE_LOG_WARN, "the logout token %s", wrong);
	verdict = wrong ? refuse(x, conf, REFUSAL_LOGOUT_REFUSED) : end_sessions(x, conf, &said);
	json_decref(claims);
	return verdict;
}

static sluice_verdict on_body(sluice_exchange *x, const void *arg, sluice_str data, bool is_end)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	sluice_str token = SLUICE_STR_NONE;
	char *room = sluice_alloc(x, data.len + 1);
	if (!room)
		return SLUICE_FAIL;
	if (!is_end || text_parameter(data, SLUICE_STR("logout_token"), room, &token) != TEXT_ONE)
		return refuse(x, conf, REFUSAL_LOGOUT_REFUSED);
	f->logout_token = token;
	f->since_ns = sluice_now_ns();
	return verify(x, conf);
}

sluice_verdict backchannel_run(sluice_exchange *x, const struct oidc_conf *conf)
{
	const sluice_body_plan plan = { .size = sizeof plan,
		.mode = SLUICE_BODY_BUFFER,
		.over = SLUICE_BODY_REFUSE,
		.max = MAX_BODY };
	if (!sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "POST"))
		return refuse(x, conf, REFUSAL_LOGOUT_REFUSED);
	return sluice_body_wait(x, &plan, on_body);
}
