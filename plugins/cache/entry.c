/* Metas of objects. See the header. */
#include "entry.h"

#include <stdlib.h>

#include "../shared/date.h"

enum { LENGTHS = 2 * sizeof(uint32_t) };

static char *put_pair(char *at, sluice_str name, sluice_str value)
{
	const uint32_t n[2] = { (uint32_t)name.len, (uint32_t)value.len };
	memcpy(at, n, sizeof(n));
	return sluice_str_put(sluice_str_put(at + sizeof(n), name), value);
}

char *entry_new(const struct cache *c, const struct reply *r, const struct keeping *k, size_t *n)
{
	char date[DATE_TEXT + 1];
	size_t room = sizeof(struct entry_head) + LENGTHS + sizeof("Date") + sizeof(date);
	for (size_t i = 0; i < r->n; i++)
		room += LENGTHS + r->v[i].name.len + r->v[i].value.len;
	char *meta = malloc(room);
	if (!meta)
		return NULL;
	char *at = meta + sizeof(struct entry_head);
	struct entry_head h;
	memset(&h, 0, sizeof(h));
	h.kind = ENTRY_RESPONSE;
	h.status = (uint32_t)r->status;
	h.validate = k->validate;
	h.no_stale = k->no_stale;
	h.head_ns = r->head_ns;
	h.age_ms = k->age_ms;
	h.lifetime_ms = k->lifetime_ms;
	h.while_revalidate_ms = k->while_revalidate_ms;
	h.if_error_ms = k->if_error_ms;
	h.date_s = k->date_s;
	h.modified_s = k->modified_s;
	for (size_t i = 0; i < r->n; i++) {
		bool is_bad_date = !k->has_date && sluice_str_ieq(r->v[i].name, SLUICE_STR("date"));
		if (is_bad_date || !rule_stores_field(c, k, r, r->v[i].name))
			continue;
		at = put_pair(at, r->v[i].name, r->v[i].value);
		h.n_fields++;
		h.hides |= rule_hides_field(c, r->v[i].name);
	}
	if (!k->has_date) { /* RFC 9110 6.6.1 */
		date_write(k->date_s, date);
		at = put_pair(at, SLUICE_STR("Date"), sluice_str_n(date, DATE_TEXT));
		h.n_fields++;
	}
	memcpy(meta, &h, sizeof(h));
	*n = (size_t)(at - meta);
	return meta;
}

bool entry_read(sluice_str meta, struct entry *out)
{
	if (meta.len < sizeof(out->head))
		return false;
	memcpy(&out->head, meta.data, sizeof(out->head));
	out->fields = sluice_str_skip(meta, sizeof(out->head));
	return true;
}

bool entry_next(sluice_str *rest, sluice_pair *out)
{
	uint32_t n[2];
	if (rest->len < sizeof(n))
		return false;
	memcpy(n, rest->data, sizeof(n));
	*rest = sluice_str_skip(*rest, sizeof(n));
	out->name = sluice_str_n(rest->data, n[0]);
	out->value = sluice_str_n(rest->data + n[0], n[1]);
	*rest = sluice_str_n(rest->data + n[0] + n[1], rest->len - n[0] - n[1]);
	return true;
}

sluice_str entry_field(const struct entry *e, const char *name)
{
	sluice_pair f;
	sluice_str wanted = sluice_str_of(name);
	for (sluice_str rest = e->fields; entry_next(&rest, &f);) {
		if (sluice_str_ieq(f.name, wanted))
			return f.value;
	}
	return SLUICE_STR_NONE;
}
