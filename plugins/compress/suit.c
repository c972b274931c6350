/* See suit.h. */
#include "suit.h"

#include <sluice/str.h>

/* ---- media types --------------------------------------------------------------------------- */

static bool starts(sluice_str s, sluice_str with)
{
	return s.len >= with.len && sluice_str_ieq(sluice_str_n(s.data, with.len), with);
}

static bool ends(sluice_str s, sluice_str with)
{
	return s.len >= with.len && sluice_str_ieq(sluice_str_skip(s, s.len - with.len), with);
}

/* pattern: "text/html", or with a '*' that stands for any bytes. Without a type before
 * it, it fits all. */
static bool type_fits(sluice_str pattern, sluice_str type)
{
	sluice_str behind = pattern, before = sluice_str_cut(&behind, '*');
	if (!behind.data)
		return sluice_str_ieq(pattern, type);
	if (!before.len) /* any type has any subtype */
		return true;
	return type.len >= before.len + behind.len && starts(type, before) && ends(type, behind);
}

bool suit_is_type(sluice_strs types, sluice_str content_type)
{
	sluice_str type = sluice_str_trim(sluice_str_cut(&content_type, ';'));
	if (type.len == 0 || starts(type, SLUICE_STR("application/grpc")))
		return false;
	for (size_t i = 0; i < types.n; i++) {
		if (type_fits(types.v[i], type))
			return true;
	}
	return false;
}

const char *suit_type_refused(sluice_str type)
{
	sluice_str subtype = type, main = sluice_str_cut(&subtype, '/'), behind = subtype;
	sluice_str before = sluice_str_cut(&behind, '*');
	if (!sluice_str_is_token(main) || !sluice_str_is_token(subtype))
		return "is no media type";
	if (sluice_str_is(main, "*") && !sluice_str_is(subtype, "*"))
		return "has a * for the type: only the subtype may be one, or both";
	if (behind.data && (before.len || (behind.len && behind.data[0] != '+')))
		return "has a * that is not the whole subtype, nor stands before a suffix such as "
		       "+json";
	return NULL;
}

/* ---- heads --------------------------------------------------------------------------------- */

/* Whether a list of tokens has one of that name, with or without a value. */
static bool list_has(sluice_str list, sluice_str name)
{
	while (list.len) {
		sluice_str member = sluice_str_trim(sluice_str_cut(&list, ','));
		if (starts(member, name) &&
			(member.len == name.len || member.data[name.len] == '='))
			return true;
	}
	return false;
}

bool suit_has_no_transform(sluice_str cache_control)
{
	return list_has(cache_control, SLUICE_STR("no-transform"));
}

/* Fields that hold for the bytes of the content or of the representation (RFC 9530). */
static bool is_digest(sluice_str name)
{
	return sluice_str_ieq(name, SLUICE_STR("content-digest")) ||
		sluice_str_ieq(name, SLUICE_STR("repr-digest")) ||
		sluice_str_ieq(name, SLUICE_STR("content-md5")) ||
		sluice_str_ieq(name, SLUICE_STR("digest"));
}

static void suit_note(struct suit_head *h, sluice_pair f)
{
	switch (f.name.len) {
	case 4:
		if (sluice_str_ieq(f.name, SLUICE_STR("etag")))
			h->etag = f.value;
		else if (sluice_str_ieq(f.name, SLUICE_STR("vary")))
			h->varies = h->varies || list_has(f.value, SLUICE_STR("*")) ||
				list_has(f.value, SLUICE_STR("accept-encoding"));
		return;
	case 13:
		if (sluice_str_ieq(f.name, SLUICE_STR("cache-control")))
			h->is_sealed = h->is_sealed || suit_has_no_transform(f.value);
		else if (sluice_str_ieq(f.name, SLUICE_STR("content-range")))
			h->is_partial = true;
		break;
	case 16:
		if (sluice_str_ieq(f.name, SLUICE_STR("content-encoding")))
			h->is_encoded = true;
		return;
	default:
		break;
	}
	h->is_encoded = h->is_encoded || is_digest(f.name);
}

struct suit_head suit_read(sluice_exchange *x)
{
	struct suit_head h = { 0 };
	sluice_pair f;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);)
		suit_note(&h, f);
	h.is_partial = h.is_partial || sluice_response_status(x) == 206;
	return h;
}

void suit_vary(sluice_exchange *x, const struct suit_head *h)
{
	if (!h->varies)
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Vary"),
			SLUICE_STR("Accept-Encoding"));
}

/* The tag in its weak form; data is NULL when the exchange's memory is spent. */
static sluice_str weak_form(sluice_exchange *x, sluice_str etag)
{
	char *weak = sluice_alloc(x, etag.len + 2);
	if (!weak)
		return SLUICE_STR_NONE;
	(void)sluice_str_put(sluice_str_put(weak, SLUICE_STR("W/")), etag);
	return sluice_str_n(weak, etag.len + 2);
}

static bool is_strong(sluice_str etag)
{
	return etag.len && etag.data[0] == '"';
}

bool suit_weaken(sluice_exchange *x, sluice_str etag)
{
	if (!is_strong(etag))
		return true;
	sluice_str weak = weak_form(x, etag);
	if (weak.data)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("ETag"), weak);
	return weak.data != NULL;
}

bool suit_asks_weak(sluice_exchange *x, sluice_str etag)
{
	sluice_str asked = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("if-none-match"));
	if (!is_strong(etag))
		return false;
	/* what stands between quotes has none, so that a tag is found at its quote alone */
	for (; asked.len >= etag.len + 2; asked = sluice_str_skip(asked, 1)) {
		if (asked.data[0] == 'W' && asked.data[1] == '/' &&
			sluice_str_eq(sluice_str_n(asked.data + 2, etag.len), etag))
			return true;
	}
	return false;
}
