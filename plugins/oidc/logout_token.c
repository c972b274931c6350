/* Logout tokens. See the header. */
#include "logout_token.h"

#include "../jose/strict.h"

static bool read_text(const json_t *claims, const char *name, sluice_str *out)
{
	return json_member_str(claims, name, out) &&
		(!out->data || (out->len > 0 && out->len <= LOGOUT_TOKEN_TEXT));
}

/* 2.4: which token it is, and of whom it speaks. */
static const char *check_texts(const json_t *claims, struct logout_said *out)
{
	const json_t *event = json_object_get(json_object_get(claims, "events"),
		"http://schemas.openid.net/event/backchannel-logout");
	if (!json_is_object(event))
		return "has no event of a logout: it is another token";
	if (json_object_get(claims, "nonce"))
		return "has a nonce: it is an ID token";
	if (!read_text(claims, "jti", &out->jti) || !out->jti.data)
		return "has no jti, or one that is no text";
	if (!read_text(claims, "sid", &out->sid) || !read_text(claims, "sub", &out->sub))
		return "has a sid or sub that is no text";
	return out->sid.data || out->sub.data ? NULL : "says of nobody that he is logged out";
}

const char *logout_token_check(const struct token *t, const json_t *claims,
	const struct id_expected *e, struct logout_said *out)
{
	struct logout_said said = { .until_ms = 0 };
	uint64_t iat_ms = 0;
	if (t->header.has_typ && !token_has_type(t, SLUICE_STR("logout+jwt")) &&
		!token_has_type(t, SLUICE_STR("JWT")))
		return "has a typ that no logout token has";
	const char *wrong = check_texts(claims, &said);
	if (!wrong)
		wrong = id_token_check_issue(claims, e, &iat_ms);
	if (!wrong && e->now_ms >= iat_ms + LOGOUT_TOKEN_AGE_MS + e->leeway_ms)
		wrong = "was issued too long ago";
	said.until_ms = iat_ms + LOGOUT_TOKEN_AGE_MS + e->leeway_ms;
	if (!wrong)
		*out = said;
	return wrong;
}
