/* Cookies of a request. Any thread. */
#include "http/cookie.h"

static bool field_is_cookie(const struct field *f)
{
	return f->token == TOKEN_COOKIE && !(f->flags & FIELD_DROP);
}

bool cookie_next(struct cookie_walk *w, sluice_str *value)
{
	for (;;) {
		while (w->rest.len) {
			sluice_str text = str_trim(str_cut(&w->rest, ';')),
				   name = str_cut(&text, '=');
			if (!str_eq(name, w->name))
				continue;
			*value = text.data ? text : STR("");
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
