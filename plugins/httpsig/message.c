/* Requests as signatures see them. */
#include "message.h"

static bool next_line(const struct sig_message *m, size_t *at, sluice_str name, sluice_str *value)
{
	sluice_pair f;
	while (m->next(m->ctx, at, &f)) {
		if (!sluice_str_ieq(f.name, name))
			continue;
		*value = sluice_str_trim(f.value);
		return true;
	}
	return false;
}

bool message_put_field(struct text *t, const struct sig_message *m, sluice_str name)
{
	sluice_str joint = sluice_str_is(name, "cookie") ? SLUICE_STR("; ") : SLUICE_STR(", ");
	sluice_str value;
	size_t n = 0;
	for (size_t at = 0; next_line(m, &at, name, &value); n++) {
		if (n)
			text_put(t, joint);
		text_put(t, value);
	}
	return n > 0;
}

sluice_str message_field(struct text *scratch, const struct sig_message *m, sluice_str name,
	size_t *n)
{
	sluice_str value = SLUICE_STR_NONE, next;
	size_t from = scratch->len;
	*n = 0;
	for (size_t at = 0; next_line(m, &at, name, &next); ++*n)
		value = *n ? value : next;
	if (*n < 2)
		return value;
	(void)message_put_field(scratch, m, name);
	return text_from(scratch, from);
}

/* ---- of an exchange ------------------------------------------------------------------------ */

static bool next_of_exchange(void *ctx, size_t *at, sluice_pair *out)
{
	return sluice_field_next(ctx, SLUICE_REQUEST, at, out);
}

void message_of(struct sig_message *m, sluice_exchange *x, sluice_str scheme, sluice_str authority)
{
	sluice_str path = sluice_get(x, SLUICE_I_SENT_PATH);
	*m = (struct sig_message){ .method = sluice_get(x, SLUICE_I_METHOD),
		.scheme = scheme,
		.authority = authority,
		.path = path.len ? path : SLUICE_STR("/"),
		.query = sluice_get(x, SLUICE_I_QUERY),
		.next = next_of_exchange,
		.ctx = x };
}

enum message_body message_body(sluice_exchange *x)
{
	uint64_t n;
	sluice_str length = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("content-length"));
	if (!length.data)
		return MESSAGE_UNTOLD;
	return sluice_str_u64(length, &n) && n == 0 ? MESSAGE_NO_BODY : MESSAGE_BODY;
}
