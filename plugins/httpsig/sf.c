/* Reading and writing structured fields. Numbers in comments are sections of RFC 8941. */
#include "sf.h"

#include <stdio.h>

#include "base64.h"

/* ---- reading ------------------------------------------------------------------------------- */

static char first(sluice_str s)
{
	return s.len ? s.data[0] : '\0';
}

static bool take(sluice_str *s, char c)
{
	if (!s->len || s->data[0] != c)
		return false;
	*s = sluice_str_skip(*s, 1);
	return true;
}

static void skip_blanks(sluice_str *s, bool tabs)
{
	while (first(*s) == ' ' || (tabs && first(*s) == '\t'))
		*s = sluice_str_skip(*s, 1);
}

/* Take the first n bytes off. */
static sluice_str cut_at(sluice_str *s, size_t n)
{
	sluice_str taken = sluice_str_n(s->data, n);
	*s = sluice_str_skip(*s, n);
	return taken;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* 4.2.3.3 */
static bool read_key(sluice_str *s, sluice_str *out)
{
	size_t n = 0;
	if (!is_lower(first(*s)) && first(*s) != '*')
		return false;
	while (n < s->len) {
		char c = s->data[n];
		if (!is_lower(c) && !sluice_is_digit(c) && c != '_' && c != '-' && c != '.' &&
			c != '*')
			break;
		n++;
	}
	*out = cut_at(s, n);
	return true;
}

/* 4.2.4: at most 15 digits, of a decimal at most 12 before the point and 3 behind it */
static bool read_number(sluice_str *s, struct sf_bare *out)
{
	bool is_negative = take(s, '-');
	size_t digits = 0, fraction = 0;
	int64_t n = 0;
	out->type = SF_INTEGER;
	while (sluice_is_digit(first(*s)) && digits <= 15) {
		n = n * 10 + (first(*s) - '0');
		*s = sluice_str_skip(*s, 1);
		digits++;
	}
	if (digits == 0 || digits > 15)
		return false;
	if (take(s, '.')) {
		if (digits > 12)
			return false;
		out->type = SF_DECIMAL;
		while (sluice_is_digit(first(*s)) && fraction <= 3) {
			n = n * 10 + (first(*s) - '0');
			*s = sluice_str_skip(*s, 1);
			fraction++;
		}
		if (fraction == 0 || fraction > 3)
			return false;
		for (; fraction < 3; fraction++)
			n *= 10;
	}
	out->number = is_negative ? -n : n;
	return true;
}

/* 4.2.5; the quote was taken */
static bool read_string(sluice_str *s, struct sf_bare *out)
{
	size_t n = 0;
	out->type = SF_STRING;
	while (n < s->len && s->data[n] != '"') {
		bool is_escape = s->data[n] == '\\';
		n += is_escape;
		if (n == s->len || s->data[n] < 0x20 || s->data[n] > 0x7e ||
			(is_escape && s->data[n] != '"' && s->data[n] != '\\'))
			return false;
		n++;
	}
	out->text = cut_at(s, n);
	return take(s, '"');
}

/* 4.2.6 */
static bool read_token(sluice_str *s, struct sf_bare *out)
{
	size_t n = 0;
	while (n < s->len &&
		(sluice_is_token_char(s->data[n]) || s->data[n] == ':' || s->data[n] == '/'))
		n++;
	out->type = SF_TOKEN;
	out->text = cut_at(s, n);
	return true;
}

/* 4.2.7; the colon was taken */
static bool read_bytes(sluice_str *s, struct sf_bare *out)
{
	sluice_str rest = *s;
	out->type = SF_BYTES;
	out->text = sluice_str_cut(&rest, ':');
	if (!rest.data || !base64_is(out->text))
		return false;
	*s = rest;
	return true;
}

/* 4.2.8; the question mark was taken */
static bool read_boolean(sluice_str *s, struct sf_bare *out)
{
	out->type = SF_BOOLEAN;
	out->number = first(*s) == '1';
	return take(s, '0') || take(s, '1');
}

/* 4.2.3.1 */
static bool read_bare(sluice_str *s, struct sf_bare *out)
{
	char c = first(*s);
	*out = (struct sf_bare){ .text = SLUICE_STR("") };
	if (c == '-' || sluice_is_digit(c))
		return read_number(s, out);
	if (sluice_is_alnum(c) || c == '*')
		return read_token(s, out);
	if (take(s, '"'))
		return read_string(s, out);
	if (take(s, ':'))
		return read_bytes(s, out);
	return take(s, '?') && read_boolean(s, out);
}

const struct sf_bare *sf_param(const struct sf_params *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++) {
		if (sluice_str_is(p->v[i].key, key))
			return &p->v[i].value;
	}
	return NULL;
}

static void set_true(struct sf_bare *out)
{
	*out = (struct sf_bare){ .type = SF_BOOLEAN, .number = 1, .text = SLUICE_STR("") };
}

/* 4.2.3.2 */
static bool read_params(sluice_str *s, struct sf_params *out)
{
	out->n = 0;
	while (take(s, ';')) {
		if (out->n == SF_PARAMS_MAX)
			return false;
		struct sf_param *p = &out->v[out->n];
		skip_blanks(s, false);
		if (!read_key(s, &p->key))
			return false;
		for (size_t i = 0; i < out->n; i++) {
			if (sluice_str_eq(out->v[i].key, p->key))
				return false;
		}
		set_true(&p->value);
		if (take(s, '=') && !read_bare(s, &p->value))
			return false;
		out->n++;
	}
	return true;
}

static bool read_item(sluice_str *s, struct sf_item *out)
{
	return read_bare(s, &out->value) && read_params(s, &out->params);
}

/* 4.2.1.2; the parenthesis was taken. spare: for items that nobody keeps; out: NULL, or the list */
static bool read_list(sluice_str *s, struct sf_list *out, struct sf_item *spare)
{
	struct sf_params *params = out ? &out->params : &spare->params;
	for (size_t n = 0;; n++) {
		skip_blanks(s, false);
		if (take(s, ')'))
			return read_params(s, params);
		if (n == SF_ITEMS_MAX || !read_item(s, out ? &out->v[n] : spare))
			return false;
		if (out)
			out->n = n + 1;
		if (first(*s) != ' ' && first(*s) != ')')
			return false;
	}
}

bool sf_list_read(sluice_str text, struct sf_list *out)
{
	out->n = 0;
	return take(&text, '(') && read_list(&text, out, NULL) && text.len == 0;
}

/* ---- dictionaries -------------------------------------------------------------------------- */

void sf_dictionary_init(struct sf_dictionary *d, sluice_str value)
{
	d->n = 0;
	d->is_malformed = value.len > SF_TEXT_MAX;
	d->rest = value;
	skip_blanks(&d->rest, false);
	while (d->rest.len && d->rest.data[d->rest.len - 1] == ' ')
		d->rest.len--;
}

static bool is_known(const struct sf_dictionary *d, sluice_str key)
{
	return sluice_str_find(key, d->keys, d->n) < d->n;
}

static bool read_member(struct sf_dictionary *d, struct sf_member *out)
{
	sluice_str *s = &d->rest;
	if (!read_key(s, &out->key) || is_known(d, out->key) || d->n == SF_MEMBERS_MAX)
		return false;
	d->keys[d->n++] = out->key;
	out->is_list = false;
	if (!take(s, '=')) {
		set_true(&out->item.value);
		return read_params(s, &out->item.params);
	}
	const char *from = s->data;
	if (!take(s, '('))
		return read_item(s, &out->item);
	out->is_list = true;
	if (!read_list(s, NULL, &out->item))
		return false;
	out->list = sluice_str_n(from, (size_t)(s->data - from));
	return true;
}

/* 4.2.2: what follows a member is a comma and another member, or nothing. */
static bool read_comma(sluice_str *s)
{
	skip_blanks(s, true);
	if (!s->len)
		return true;
	if (!take(s, ','))
		return false;
	skip_blanks(s, true);
	return s->len > 0;
}

bool sf_dictionary_next(struct sf_dictionary *d, struct sf_member *out)
{
	if (d->is_malformed || !d->rest.len)
		return false;
	d->is_malformed = !read_member(d, out) || !read_comma(&d->rest);
	return !d->is_malformed;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void put_number(struct text *t, const struct sf_bare *b)
{
	char text[32];
	int64_t n = b->number, whole = n / 1000, rest = n % 1000;
	size_t len;
	if (b->type == SF_INTEGER) {
		len = (size_t)snprintf(text, sizeof(text), "%lld", (long long)n);
	} else {
		len = (size_t)snprintf(text, sizeof(text), "%s%lld.%03lld", n < 0 ? "-" : "",
			(long long)(whole < 0 ? -whole : whole),
			(long long)(rest < 0 ? -rest : rest));
		while (text[len - 1] == '0' && text[len - 2] != '.')
			len--;
	}
	text_put(t, sluice_str_n(text, len));
}

static void put_quoted(struct text *t, char quote, sluice_str s)
{
	text_put_char(t, quote);
	text_put(t, s);
	text_put_char(t, quote);
}

static void put_bare(struct text *t, const struct sf_bare *b)
{
	switch (b->type) {
	case SF_INTEGER:
	case SF_DECIMAL:
		put_number(t, b);
		break;
	case SF_STRING:
		put_quoted(t, '"', b->text);
		break;
	case SF_TOKEN:
		text_put(t, b->text);
		break;
	case SF_BYTES:
		put_quoted(t, ':', b->text);
		break;
	case SF_BOOLEAN:
	default:
		text_put(t, b->number ? SLUICE_STR("?1") : SLUICE_STR("?0"));
		break;
	}
}

void sf_put_params(struct text *t, const struct sf_params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct sf_bare *v = &p->v[i].value;
		text_put_char(t, ';');
		text_put(t, p->v[i].key);
		if (v->type == SF_BOOLEAN && v->number)
			continue;
		text_put_char(t, '=');
		put_bare(t, v);
	}
}

void sf_put_item(struct text *t, const struct sf_item *item)
{
	put_bare(t, &item->value);
	sf_put_params(t, &item->params);
}

void sf_put_list(struct text *t, const struct sf_list *list)
{
	text_put_char(t, '(');
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			text_put_char(t, ' ');
		sf_put_item(t, &list->v[i]);
	}
	text_put_char(t, ')');
	sf_put_params(t, &list->params);
}

bool sf_put_value(struct text *t, const struct sf_member *m)
{
	struct sf_list list;
	if (!m->is_list) {
		sf_put_item(t, &m->item);
		return true;
	}
	if (!sf_list_read(m->list, &list))
		return false;
	sf_put_list(t, &list);
	return true;
}
