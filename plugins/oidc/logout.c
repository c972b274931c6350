/* Logout. See the header. */
#include "logout.h"

#include <sluice/plugin.h>

#include "client.h"
#include "keep.h"
#include "provider.h"
#include "refusal.h"
#include "target.h"

sluice_verdict logout_run(sluice_exchange *x, const struct oidc_conf *conf, const struct session *s)
{
	const struct known *known = sluice_published(x);
	sluice_str back = target_absolute(x, conf->post_logout_redirect_uri);
	struct client_form f = { .n = 0 };
	if (!back.data)
		return SLUICE_FAIL;
	keep_remove(x, conf);
	/* Who has no session here is not logged out there either: a link would suffice for that. */
	if (!s || !known || !known->endpoints[ENDPOINT_END_SESSION].data)
		return redirect_answer(x, 303, back);
	client_add(&f, SLUICE_STR("id_token_hint"), s->id_token);
	client_add(&f, SLUICE_STR("client_id"), conf->client.client_id);
	client_add(&f, SLUICE_STR("post_logout_redirect_uri"), back);
	sluice_str url = client_form_url(x, known->endpoints[ENDPOINT_END_SESSION], &f);
	return url.data ? redirect_answer(x, 303, url) : SLUICE_FAIL;
}
