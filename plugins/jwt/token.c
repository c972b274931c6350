/* Reading a token. */
#include "token.h"

#include <stdlib.h>

#include "strict.h"

/* One part as a JSON object. */
static enum reason read_part(sluice_str part, json_t **out)
{
	uint8_t *buf = malloc(B64URL_MAX(part.len));
	size_t n;
	if (!buf)
		return REASON_NO_MEMORY;
	*out = b64url_decode(part, buf, &n)
		? json_read_object((const char *)buf, n, TOKEN_MAX_DEPTH)
		: NULL;
	free(buf);
	return *out ? REASON_NONE : REASON_TOKEN_MALFORMED;
}

/* RFC 7519 5.1 and RFC 9068 2.1: a media type whose `application/` may be left out. An ID token is
 * a JWT too; telling it from an access token is the audience's work. */
static bool type_accepted(sluice_str typ)
{
	const sluice_str prefix = SLUICE_STR("application/");
	if (typ.len > prefix.len && sluice_str_ieq((sluice_str){ typ.data, prefix.len }, prefix)) {
		typ.data += prefix.len;
		typ.len -= prefix.len;
	}
	return sluice_str_ieq(typ, SLUICE_STR("JWT")) || sluice_str_ieq(typ, SLUICE_STR("at+jwt"));
}

/* jku, jwk, x5u and x5c are the sender's own word for the key to trust: they are not looked at (RFC
 * 8725 3.10). */
static enum reason read_header(struct token *t, const json_t *header)
{
	sluice_str alg, kid, typ;
	if (!json_member_str(header, "alg", &alg) || !json_member_str(header, "kid", &kid) ||
		!json_member_str(header, "typ", &typ) || !alg.data || kid.len > TOKEN_MAX_KID)
		return REASON_TOKEN_MALFORMED;
	/* RFC 7515 4.1.11: whoever does not understand all that `crit` names must refuse, and we
	 * understand none. RFC 7797 demands that `b64` be in it. */
	if (json_object_get(header, "crit") || json_is_false(json_object_get(header, "b64")))
		return REASON_TOKEN_CRITICAL;
	if (!alg_find(alg, &t->alg))
		return REASON_TOKEN_ALGORITHM;
	if (typ.data && !type_accepted(typ))
		return REASON_TOKEN_TYPE;
	t->has_kid = kid.data != NULL;
	t->kid_len = kid.len;
	if (kid.data)
		memcpy(t->kid, kid.data, kid.len);
	return REASON_NONE;
}

enum reason token_open(struct token *t, sluice_str text)
{
	const char *end = text.data + text.len;
	const char *dot1 = text.len ? memchr(text.data, '.', text.len) : NULL;
	const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
	if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
		return REASON_TOKEN_MALFORMED;
	t->signed_text = (sluice_str){ text.data, (size_t)(dot2 - text.data) };
	t->claims_text = (sluice_str){ dot1 + 1, (size_t)(dot2 - dot1 - 1) };

	json_t *header;
	enum reason why = read_part((sluice_str){ text.data, (size_t)(dot1 - text.data) }, &header);
	if (why != REASON_NONE)
		return why;
	why = read_header(t, header);
	json_decref(header);
	if (why != REASON_NONE)
		return why;

	sluice_str signature = { dot2 + 1, (size_t)(end - dot2 - 1) };
	if (signature.len == 0 || B64URL_MAX(signature.len) > sizeof t->signature ||
		!b64url_decode(signature, t->signature, &t->signature_len))
		return REASON_TOKEN_MALFORMED;
	return REASON_NONE;
}

enum reason token_read_claims(const struct token *t, json_t **claims)
{
	return read_part(t->claims_text, claims);
}
