/* See cookie.h. */
#include "http/cookie.h"

bool cookie_pair_next(sluice_str *rest, struct cookie_pair *out)
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
	while (cookie_pair_next(&field, &p)) {
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
	while (cookie_pair_next(&rest, &p)) {
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

/* ---- the cookies of a request -------------------------------------------------------------- */

static bool field_is_cookie(const struct field *f)
{
	return f->token == TOKEN_COOKIE && !(f->flags & FIELD_DROP);
}

bool cookie_next(struct cookie_walk *w, sluice_str *value)
{
	for (;;) {
		while (w->rest.len) {
			struct cookie_pair p;
			if (!cookie_pair_next(&w->rest, &p) || !str_eq(p.name, w->name))
				continue;
			*value = p.value.data ? p.value : STR("");
			return true;
		}
		while (w->next < w->fields->n && !field_is_cookie(&w->fields->v[w->next]))
			w->next++;
		if (w->next == w->fields->n)
			return false;
		w->rest = field_value(&w->fields->v[w->next++]);
	}
}

size_t cookie_room(const struct fields *f)
{
	size_t room = 0;
	for (uint32_t i = 0; i < f->n; i++)
		room += field_is_cookie(&f->v[i]) ? 2 * (size_t)f->v[i].value_len + 2 : 0;
	return room;
}
