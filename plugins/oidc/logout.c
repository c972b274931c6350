/* Logout. See the header. */
#include "logout.h"

#include <sluice/plugin.h>

#include "client.h"
#include "flow.h"
#include "keep.h"
#include "provider.h"
#include "refusal.h"
#include "target.h"

/* Who has no session here is not logged out there either: a link would suffice for that. */
static sluice_verdict leave(sluice_exchange *x, const struct oidc_conf *conf,
	const struct session *s)
{
	const struct known *known = sluice_published(x);
	sluice_str back = target_absolute(x, conf->post_logout_redirect_uri);
	struct client_form f = { .n = 0 };
	if (!back.data)
		return SLUICE_FAIL;
	if (!s || !known || !known->endpoints[ENDPOINT_END_SESSION].data)
		return redirect_answer(x, 303, back);
	client_add(&f, SLUICE_STR("id_token_hint"), s->id_token);
	client_add(&f, SLUICE_STR("client_id"), conf->client.client_id);
	client_add(&f, SLUICE_STR("post_logout_redirect_uri"), back);
	sluice_str url = client_form_url(x, known->endpoints[ENDPOINT_END_SESSION], &f);
	return url.data ? redirect_answer(x, 303, url) : SLUICE_FAIL;
}

static sluice_verdict on_ended(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	const struct session *s = &flow_of(x)->session;
	if (how != KEPT_GOOD)
		return refusal_answer(x, conf, REFUSAL_STORE);
	if (s->root)
		sluice_metric_add(conf->logouts, SLUICE_STR("user"), 1);
	return leave(x, conf, s->root ? s : NULL);
}

sluice_verdict logout_run(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	/* Without the store the session would go on, in whoever's hands its id is. */
	return how == KEPT_DOWN ? refusal_answer(x, conf, REFUSAL_STORE)
				: keep_end(x, conf, on_ended);
}
