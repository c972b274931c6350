/* Cache-Control. See the header. */
#include "directives.h"

void directives_init(struct directives *d)
{
	*d = (struct directives){ .max_age = DIRECTIVE_NONE,
		.s_maxage = DIRECTIVE_NONE,
		.min_fresh = DIRECTIVE_NONE,
		.max_stale = DIRECTIVE_NONE,
		.stale_while_revalidate = DIRECTIVE_NONE,
		.stale_if_error = DIRECTIVE_NONE };
}

/* ---- members ------------------------------------------------------------------------------- */

struct member {
	sluice_str name, value; /* value.data NULL: it has none */
	bool malformed;
};

/* How many bytes of s a quoted string takes, with its quotes (RFC 9110 5.6.4). 0: it does not
 * end. */
static size_t quoted_length(sluice_str s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.data[i] == '"')
			return i + 1;
		if (s.data[i] == '\\')
			i++;
	}
	return 0;
}

static sluice_str take_token(sluice_str *rest)
{
	size_t n = 0;
	while (n < rest->len && sluice_is_token_char(rest->data[n]))
		n++;
	sluice_str token = sluice_str_n(rest->data, n);
	*rest = sluice_str_skip(*rest, n);
	return token;
}

/* What stands behind '='. */
static void take_value(sluice_str *rest, struct member *m)
{
	if (rest->len && rest->data[0] == '"') {
		size_t n = quoted_length(*rest);
		m->malformed = n == 0;
		m->value = n ? sluice_str_n(rest->data + 1, n - 2)
			     : sluice_str_skip(*rest, rest->len);
		*rest = sluice_str_skip(*rest, n ? n : rest->len);
		return;
	}
	m->value = take_token(rest);
	m->malformed = m->value.len == 0;
}

/* The next member of the list; false at its end. */
static bool take_member(sluice_str *rest, struct member *m)
{
	*m = (struct member){ .malformed = false };
	while (rest->len && (rest->data[0] == ',' || rest->data[0] == ' ' || rest->data[0] == '\t'))
		*rest = sluice_str_skip(*rest, 1);
	if (!rest->len)
		return false;
	m->name = take_token(rest);
	m->malformed = m->name.len == 0;
	if (rest->len && rest->data[0] == '=') {
		*rest = sluice_str_skip(*rest, 1);
		take_value(rest, m);
	}
	/* nothing but blanks may stand before the next comma */
	sluice_str behind = sluice_str_cut(rest, ',');
	if (sluice_str_trim(behind).len) {
		m->malformed = true;
		m->value = SLUICE_STR_NONE;
	}
	if (!rest->data)
		*rest = SLUICE_STR("");
	return true;
}

/* ---- directives ---------------------------------------------------------------------------- */

/* 0 where it is malformed: what depends on it is then stale. */
static uint64_t seconds(const struct member *m)
{
	uint64_t n = 0;
	bool digits = m->value.len > 0 && !m->malformed;
	for (size_t i = 0; digits && i < m->value.len; i++) {
		digits = sluice_is_digit(m->value.data[i]);
		n = n * 10 + (uint64_t)(m->value.data[i] - '0');
		n = n > SECONDS_MAX ? SECONDS_MAX : n;
	}
	return digits ? n : 0;
}

static void set_seconds(uint64_t *to, const struct member *m)
{
	uint64_t n = seconds(m);
	*to = *to == DIRECTIVE_NONE || *to == n ? n : 0;
}

static const struct {
	const char *name;
	size_t flag;
} flags[] = {
	{ "no-store", offsetof(struct directives, no_store) },
	{ "public", offsetof(struct directives, is_public) },
	{ "must-revalidate", offsetof(struct directives, must_revalidate) },
	{ "proxy-revalidate", offsetof(struct directives, proxy_revalidate) },
	{ "must-understand", offsetof(struct directives, must_understand) },
	{ "only-if-cached", offsetof(struct directives, only_if_cached) },
};

static const struct {
	const char *name;
	size_t number;
} numbers[] = {
	{ "max-age", offsetof(struct directives, max_age) },
	{ "s-maxage", offsetof(struct directives, s_maxage) },
	{ "min-fresh", offsetof(struct directives, min_fresh) },
	{ "stale-while-revalidate", offsetof(struct directives, stale_while_revalidate) },
	{ "stale-if-error", offsetof(struct directives, stale_if_error) },
};

/* `no-cache` and `private`: of the whole message, or of some fields (RFC 9111 5.2.2.4, 5.2.2.7). A
 * list for which there is no room counts as the whole. */
static void set_qualified(struct directives *d, bool *whole, const struct member *m)
{
	if (!m->value.len || m->malformed || d->n_fields == DIRECTIVE_LISTS)
		*whole = true;
	else
		d->fields[d->n_fields++] = m->value;
}

static void set_member(struct directives *d, const struct member *m)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (sluice_str_ieq(m->name, sluice_str_of(flags[i].name)))
			*(bool *)(void *)((char *)d + flags[i].flag) = true;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (sluice_str_ieq(m->name, sluice_str_of(numbers[i].name)))
			set_seconds((uint64_t *)(void *)((char *)d + numbers[i].number), m);
	}
	if (sluice_str_ieq(m->name, SLUICE_STR("no-cache")))
		set_qualified(d, &d->no_cache, m);
	else if (sluice_str_ieq(m->name, SLUICE_STR("private")))
		set_qualified(d, &d->is_private, m);
	else if (!sluice_str_ieq(m->name, SLUICE_STR("max-stale")))
		return;
	else if (m->value.data || m->malformed)
		set_seconds(&d->max_stale, m);
	else
		d->max_stale_any = true;
}

void directives_read(struct directives *d, sluice_str value)
{
	struct member m;
	if (value.len > DIRECTIVE_BYTES) {
		d->no_store = d->any = d->malformed = true;
		return;
	}
	while (take_member(&value, &m)) {
		d->any = true;
		d->malformed |= m.malformed;
		set_member(d, &m);
	}
}

bool directives_name_field(const struct directives *d, sluice_str name)
{
	for (size_t i = 0; i < d->n_fields; i++) {
		sluice_str list = d->fields[i];
		while (list.len) {
			if (sluice_str_ieq(sluice_str_trim(sluice_str_cut(&list, ',')), name))
				return true;
		}
	}
	return false;
}
