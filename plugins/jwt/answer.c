/* Refusing and admitting. */
#include "answer.h"

#include <stdio.h>

#include "../jose/claims.h"
#include "challenge.h"
#include "fields.h"
#include "places.h"

void answer_remove_forgeries(sluice_exchange *x, const struct jwt_conf *conf)
{
	fields_remove(x, conf);
}

sluice_verdict answer_refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why,
	sluice_str which)
{
	if (why == REASON_NO_MEMORY)
		return SLUICE_FAIL;
	const struct reason_info *info = reason_info(why);
	char detail[CLAIM_MAX_PATH + 64];
	challenge_tell(x, conf, why);
	if (why == REASON_TOKEN_MISSING)
		sluice_credentials_absent(x);
	if (why == REASON_TOKEN_SCOPE && conf->rules.scopes_needed.data)
		return sluice_refuse(x, info->status, info->code, conf->rules.scopes_needed.data);
	if (!which.data)
		return sluice_refuse(x, info->status, info->code, info->sentence);
	(void)snprintf(detail, sizeof detail,
		"the claim %.*s of the token is missing or not as required",
		which.len > CLAIM_MAX_PATH ? CLAIM_MAX_PATH : (int)which.len, which.data);
	return sluice_refuse(x, info->status, info->code, detail);
}

/* The facts of the namespace `claim`. ctx: the entry. */
static sluice_str claim_attr(sluice_exchange *x, void *ctx, sluice_str name)
{
	const sluice_str none = { NULL, 0 };
	const json_t *v = claim_find(((const struct entry *)ctx)->claims, name);
	if (json_is_string(v))
		return (sluice_str){ json_string_value(v), json_string_length(v) };
	ptrdiff_t len = v ? claim_text_len(v) : -1;
	char *text = len < 0 ? NULL : sluice_alloc(x, (size_t)len + 1);
	if (!text)
		return none;
	claim_text_write(v, text);
	return (sluice_str){ text, (size_t)len };
}

sluice_verdict answer_pass(sluice_exchange *x, const struct jwt_conf *conf)
{
	if (conf->places.has_query)
		places_keep_private(x, conf);
	if (conf->forward_token)
		return SLUICE_NEXT;
	if (!places_remove(x, conf))
		return SLUICE_FAIL;
	if (conf->dpop.mode != DPOP_OFF)
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("dpop"));
	return SLUICE_NEXT;
}

sluice_verdict answer_admit(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e)
{
	sluice_attr_provide(x, "claim", claim_attr, e);
	const sluice_identity who = { .size = sizeof(who), .name = e->texts[0] };
	if (who.name.len && !sluice_identify(x, &who))
		return SLUICE_FAIL;
	fields_set(x, conf, e);
	if (conf->places.n)
		places_used(x, conf);
	return answer_pass(x, conf);
}
