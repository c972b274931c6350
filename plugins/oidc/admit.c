/* Admitting. See the header. */
#include "admit.h"

#include <sluice/plugin.h>

#include "../jose/claims.h"
#include "cookies.h"

void admit_remove_forgeries(sluice_exchange *x, const struct oidc_conf *conf)
{
	for (size_t i = 0; i < conf->claims_to_headers.n; i++)
		sluice_field_remove(x, SLUICE_REQUEST, conf->claims_to_headers.v[i].value);
}

/* A claim as text; data NULL: it has none. */
static sluice_str claim_text(sluice_exchange *x, const json_t *claims, sluice_str name)
{
	const json_t *v = claim_find(claims, name);
	ptrdiff_t len = v ? claim_text_len(v) : -1;
	if (json_is_string(v))
		return sluice_str_n(json_string_value(v), json_string_length(v));
	char *text = len < 0 ? NULL : sluice_alloc(x, (size_t)len + 1);
	if (!text)
		return SLUICE_STR_NONE;
	claim_text_write(v, text);
	return sluice_str_n(text, (size_t)len);
}

static sluice_str claim_attr(sluice_exchange *x, void *ctx, sluice_str name)
{
	return claim_text(x, ctx, name);
}

static bool forward_token(sluice_exchange *x, const struct session *s)
{
	char *text = sluice_alloc(x, s->access_token.len + 8);
	if (!text)
		return false;
	char *end = sluice_str_put(sluice_str_put(text, SLUICE_STR("Bearer ")), s->access_token);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("Authorization"),
		sluice_str_n(text, (size_t)(end - text)));
	return true;
}

sluice_verdict admit_session(sluice_exchange *x, const struct oidc_conf *conf, struct session *s)
{
	const sluice_pairs *map = &conf->claims_to_headers;
	const sluice_identity who = { .size = sizeof who,
		.name = claim_text(x, s->claims, conf->consumer) };
	sluice_attr_provide(x, "claim", claim_attr, s->claims);
	if (who.name.len && !sluice_identify(x, &who))
		return SLUICE_FAIL;
	for (size_t i = 0; i < map->n; i++) {
		sluice_str value = claim_text(x, s->claims, map->v[i].name);
		if (value.data)
			sluice_field_set(x, SLUICE_REQUEST, map->v[i].value, value);
	}
	if (conf->forward_access_token && s->access_token.data && !forward_token(x, s))
		return SLUICE_FAIL;
	return cookies_strip(x, conf) ? SLUICE_NEXT : SLUICE_FAIL;
}
