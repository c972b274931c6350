/* Logouts by the front channel. See the header. */
#include "frontchannel.h"

#include "../jose/strict.h"
#include "../shared/url.h"
#include "flow.h"
#include "keep.h"
#include "refusal.h"
#include "text.h"

/* Section 3: iss and sid come together. They are wanted, so that a page of a stranger that is shown
 * in the browser logs nobody out. */
static bool is_about(sluice_exchange *x, const struct oidc_conf *conf, const struct session *s)
{
	sluice_str q = sluice_get(x, SLUICE_I_QUERY), iss, sid, own;
	char *room = sluice_alloc(x, 2 * q.len + 2);
	return room && text_parameter(q, SLUICE_STR("iss"), room, &iss) == TEXT_ONE &&
		text_parameter(q, SLUICE_STR("sid"), room + q.len + 1, &sid) == TEXT_ONE &&
		sluice_str_eq(iss, conf->issuer) && json_member_str(s->claims, "sid", &own) &&
		own.data && text_same(own, sid);
}

/* "frame-ancestors https://idp.example": the page of the provider may show it, no other. */
static sluice_str policy_of(sluice_exchange *x, sluice_str issuer)
{
	const sluice_str word = SLUICE_STR("default-src 'none'; frame-ancestors ");
	size_t start = url_is_https(issuer) ? 8 : 7, n = start;
	while (n < issuer.len && issuer.data[n] != '/')
		n++;
	char *text = sluice_alloc(x, word.len + n);
	if (!text)
		return SLUICE_STR_NONE;
	char *end = sluice_str_put(sluice_str_put(text, word), sluice_str_n(issuer.data, n));
	return sluice_str_n(text, (size_t)(end - text));
}

static sluice_verdict answer(sluice_exchange *x, const struct oidc_conf *conf)
{
	sluice_str policy = policy_of(x, conf->issuer);
	const sluice_pair field = { SLUICE_STR("Content-Security-Policy"), policy };
	return policy.data ? refusal_empty_answer(x, &field, 1) : SLUICE_FAIL;
}

static sluice_verdict on_ended(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	if (how != KEPT_GOOD)
		return refusal_answer(x, conf, REFUSAL_STORE);
	sluice_metric_add(conf->logouts, SLUICE_STR("front-channel"), 1);
	return answer(x, conf);
}

sluice_verdict frontchannel_run(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	if (how == KEPT_DOWN)
		return refusal_answer(x, conf, REFUSAL_STORE);
	if (how == KEPT_NONE) /* as is wanted; or its cookie was not sent */
		return answer(x, conf);
	if (is_about(x, conf, &flow_of(x)->session))
		return keep_end(x, conf, on_ended);
	sluice_metric_add(conf->logouts, SLUICE_STR("front-channel-refused"), 1);
	return refusal_answer(x, conf, REFUSAL_LOGOUT_REFUSED);
}
