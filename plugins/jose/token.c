/* Reading a token. */
#include "token.h"

#include <stdlib.h>

#include "strict.h"

/* One part as a JSON object. */
static enum jose_result read_part(sluice_str part, json_t **out)
{
	uint8_t *buf = malloc(B64URL_MAX(part.len));
	size_t n;
	if (!buf)
		return JOSE_NO_MEMORY;
	*out = b64url_decode(part, buf, &n)
		? json_read_object((const char *)buf, n, TOKEN_MAX_DEPTH)
		: NULL;
	free(buf);
	return *out ? JOSE_OK : JOSE_MALFORMED;
}

/* jku, jwk, x5u and x5c are the sender's own word for the key to trust: they are not looked at (RFC
 * 8725 3.10). */
static enum jose_result read_header(struct token_header *t, const json_t *header)
{
	sluice_str alg, kid, typ;
	if (!json_member_str(header, "alg", &alg) || !json_member_str(header, "kid", &kid) ||
		!json_member_str(header, "typ", &typ) || !alg.data || kid.len > TOKEN_MAX_KID)
		return JOSE_MALFORMED;
	/* RFC 7515 4.1.11: whoever does not understand all that `crit` names must refuse, and we
	 * understand none. RFC 7797 demands that `b64` be in it. */
	if (json_object_get(header, "crit") || json_is_false(json_object_get(header, "b64")))
		return JOSE_CRITICAL;
	if (!alg_find(alg, &t->alg))
		return JOSE_ALGORITHM;
	t->has_typ = typ.data != NULL;
	t->typ_len = typ.len < TOKEN_MAX_TYP ? typ.len : TOKEN_MAX_TYP;
	if (typ.data)
		memcpy(t->typ, typ.data, t->typ_len);
	t->has_kid = kid.data != NULL;
	t->kid_len = kid.len;
	if (kid.data)
		memcpy(t->kid, kid.data, kid.len);
	return JOSE_OK;
}

/* Split the text. False: it has not three parts. */
static bool split(struct token *t, sluice_str text, sluice_str *header, sluice_str *signature)
{
	const char *end = text.data + text.len;
	const char *dot1 = text.len ? memchr(text.data, '.', text.len) : NULL;
	const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
	if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
		return false;
	t->signed_text = (sluice_str){ text.data, (size_t)(dot2 - text.data) };
	t->claims_text = (sluice_str){ dot1 + 1, (size_t)(dot2 - dot1 - 1) };
	*header = (sluice_str){ text.data, (size_t)(dot1 - text.data) };
	*signature = (sluice_str){ dot2 + 1, (size_t)(end - dot2 - 1) };
	return true;
}

static enum jose_result read_signature(struct token *t, sluice_str signature)
{
	return signature.len > 0 && B64URL_MAX(signature.len) <= sizeof t->signature &&
			b64url_decode(signature, t->signature, &t->signature_len)
		? JOSE_OK
		: JOSE_MALFORMED;
}

enum jose_result token_open_keeping(struct token *t, sluice_str text, json_t **header)
{
	sluice_str first, signature;
	json_t *json;
	if (!split(t, text, &first, &signature))
		return JOSE_MALFORMED;
	enum jose_result why = read_part(first, &json);
	if (why != JOSE_OK)
		return why;
	why = read_header(&t->header, json);
	if (why == JOSE_OK)
		why = read_signature(t, signature);
	if (why == JOSE_OK)
		*header = json;
	else
		json_decref(json);
	return why;
}

enum jose_result token_open(struct token *t, sluice_str text)
{
	json_t *header;
	enum jose_result why = token_open_keeping(t, text, &header);
	if (why == JOSE_OK)
		json_decref(header);
	return why;
}

static const struct token_header *find_seen(const struct token_headers *headers, sluice_str text)
{
	for (unsigned i = 0; i < TOKEN_HEADERS; i++) {
		const struct token_header_seen *s = &headers->seen[i];
		if (s->len > 0 && sluice_str_eq(text, (sluice_str){ s->text, s->len }))
			return &s->header;
	}
	return NULL;
}

static void remember(struct token_headers *headers, sluice_str text, const struct token_header *h)
{
	if (text.len > TOKEN_HEADER_KEPT)
		return;
	struct token_header_seen *s = &headers->seen[headers->next];
	headers->next = (headers->next + 1) % TOKEN_HEADERS;
	memcpy(s->text, text.data, text.len);
	s->len = text.len;
	s->header = *h;
}

enum jose_result token_open_seen(struct token *t, sluice_str text, struct token_headers *headers)
{
	sluice_str first, signature;
	if (!split(t, text, &first, &signature))
		return JOSE_MALFORMED;
	const struct token_header *seen = headers ? find_seen(headers, first) : NULL;
	if (seen) {
		t->header = *seen;
		return read_signature(t, signature);
	}
	enum jose_result why = token_open(t, text);
	if (why == JOSE_OK && headers)
		remember(headers, first, &t->header);
	return why;
}

enum jose_result token_read_claims(const struct token *t, json_t **claims)
{
	return read_part(t->claims_text, claims);
}

/* RFC 7515 4.1.9: a media type, whose `application/` may be left out. */
bool token_has_type(const struct token *t, sluice_str name)
{
	const sluice_str prefix = SLUICE_STR("application/");
	sluice_str typ = { t->header.typ, t->header.typ_len };
	if (typ.len > prefix.len && sluice_str_ieq((sluice_str){ typ.data, prefix.len }, prefix))
		typ = sluice_str_skip(typ, prefix.len);
	return t->header.has_typ && sluice_str_ieq(typ, name);
}
