/* Cookies of a request. See cookie.h. */
#include "http/cookie.h"

bool cookie_next(sluice_str *rest, struct cookie_pair *out)
{
	if (!rest->len)
		return false;
	out->text = str_trim(str_cut(rest, ';'));
	out->value = out->text;
	out->name = str_cut(&out->value, '=');
	return true;
}

bool cookie_has(sluice_str field, sluice_str name)
{
	struct cookie_pair p;
	while (cookie_next(&field, &p)) {
		if (str_eq(p.name, name))
			return true;
	}
	return false;
}

int cookie_take_out(struct arena *a, struct field *f, sluice_str name)
{
	/* what separates pairs may grow by a blank for each */
	char *text = arena_alloc(a, 2 * (size_t)f->value_len + 1), *at = text;
	sluice_str rest = field_value(f);
	struct cookie_pair p;
	if (!text)
		return ERR_NO_MEMORY;
	while (cookie_next(&rest, &p)) {
		if (str_eq(p.name, name) || !p.text.len)
			continue;
		if (at != text)
			at = mempcpy(at, "; ", 2); /* RFC 6265 4.2.1 */
		at = mempcpy(at, p.text.data, p.text.len);
	}
	f->value = text;
	f->value_len = (uint32_t)(at - text);
	f->flags &= (uint16_t)~FIELD_LINE;
	if (at == text)
		f->flags |= FIELD_DROP;
	return 0;
}
