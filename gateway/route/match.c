/* Conditions on header fields, query parameters, cookies and facts. Any thread. */
#include "route/match.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/cookie.h"
#include "http/query.h"

/* Longer values are joined or decoded on the heap, so that an expression can match any value that
 * the listener's max_head permits. */
enum { VALUE_ON_STACK = 4096 };

static int condition_fail(struct pattern_error *e, size_t offset, const char *text)
{
	e->offset = offset;
	(void)snprintf(e->text, sizeof(e->text), "%s", text);
	return -1;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static int condition_parse_value(struct arena *a, sluice_str value, struct condition *out,
	struct pattern_error *e)
{
	sluice_str prefix = STR("regex:");
	struct regex_error why;

	out->value = arena_str(a, value);
	if (str_eq(value, STR("*"))) {
		out->kind = CONDITION_PRESENT;
	} else if (str_starts(value, prefix)) {
		out->kind = CONDITION_REGEX;
		out->regex =
			regex_new(str_n(value.data + prefix.len, value.len - prefix.len), &why);
		if (!out->regex)
			return condition_fail(e, prefix.len + why.offset, why.text);
	} else {
		out->kind = CONDITION_EQUALS;
	}
	return 0;
}

int header_condition_parse(struct arena *a, sluice_pair text, struct condition *out, bool *in_name,
	struct pattern_error *e)
{
	*out = (struct condition){ .kind = CONDITION_EQUALS };
	*in_name = true;
	if (!str_is_token(text.name))
		return condition_fail(e, 0, "not the name of a header field");
	if (str_ieq(text.name, STR("host")))
		return condition_fail(e, 0, "to match on the host use `host`");
	char *low = arena_alloc(a, text.name.len + 1);
	for (size_t i = 0; i < text.name.len; i++)
		low[i] = ascii_lower(text.name.data[i]);
	low[text.name.len] = 0;
	out->name = str_n(low, text.name.len);
	*in_name = false;
	sluice_str trimmed = str_trim(text.value);
	if (trimmed.len != text.value.len && !str_starts(text.value, STR("regex:")))
		return condition_fail(e, 0,
			"a field's value neither starts nor ends with a blank: this never matches");
	if (!str_is_field_value(text.value) && !str_starts(text.value, STR("regex:")))
		return condition_fail(e, 0,
			"a field's value has no control characters: this never matches");
	return condition_parse_value(a, text.value, out, e);
}

int query_condition_parse(struct arena *a, sluice_pair text, struct condition *out, bool *in_name,
	struct pattern_error *e)
{
	*out = (struct condition){ .kind = CONDITION_EQUALS };
	*in_name = true;
	if (text.name.len == 0)
		return condition_fail(e, 0, "a query parameter has a name");
	out->name = arena_str(a, text.name);
	*in_name = false;
	return condition_parse_value(a, text.value, out, e);
}

int cookie_condition_parse(struct arena *a, sluice_pair text, struct condition *out, bool *in_name,
	struct pattern_error *e)
{
	*out = (struct condition){ .kind = CONDITION_EQUALS };
	*in_name = true;
	if (!str_is_token(text.name)) /* RFC 6265 4.1.1 */
		return condition_fail(e, 0, "not the name of a cookie");
	out->name = arena_str(a, text.name);
	*in_name = false;
	bool is_regex = str_starts(text.value, STR("regex:"));
	if (!is_regex && memchr(text.value.data, ';', text.value.len))
		return condition_fail(e, 0, "a cookie ends before `;`: this never matches");
	if (!is_regex &&
		(str_trim(text.value).len != text.value.len || !str_is_field_value(text.value)))
		return condition_fail(e, 0,
			"a cookie neither starts nor ends with a blank, and has no control "
			"characters: this never matches");
	return condition_parse_value(a, text.value, out, e);
}

int fact_condition_parse(struct arena *a, sluice_pair text, struct condition *out,
	struct pattern_error *e)
{
	*out = (struct condition){ .name = arena_str(a, text.name), .kind = CONDITION_EQUALS };
	return condition_parse_value(a, text.value, out, e);
}

void condition_free(struct condition *c)
{
	regex_free(&c->regex);
}

/* ---- header fields ------------------------------------------------------------------------- */

/* What a plugin has removed is not there. Fields of the connection, which plugins cannot remove,
 * are not forwarded either, and can be asked for. */
static bool field_is(const struct field *f, sluice_str name)
{
	bool is_there = !(f->flags & FIELD_DROP) || field_is_hop_by_hop(f);
	return f->name_len == name.len && is_there && str_ieq(field_name(f), name);
}

/* The index of the first line of that name, from `at` on; f->n when there is none. */
static uint32_t header_find(const struct fields *f, sluice_str name, uint32_t at)
{
	while (at < f->n && !field_is(&f->v[at], name))
		at++;
	return at;
}

static sluice_str field_joint(sluice_str name)
{
	return str_eq(name, STR("cookie")) ? STR("; ") : STR(", ");
}

/* Whether the joined lines of the field equal the condition's value. at: the first line. */
static bool header_equals(const struct condition *c, const struct fields *f, uint32_t at)
{
	sluice_str want = c->value, joint = field_joint(c->name);
	bool is_first = true;
	for (uint32_t i = at; i < f->n; i = header_find(f, c->name, i + 1)) {
		sluice_str have = field_value(&f->v[i]);
		if (!is_first) {
			if (!str_starts(want, joint))
				return false;
			want = str_n(want.data + joint.len, want.len - joint.len);
		}
		if (!str_starts(want, have))
			return false;
		want = str_n(want.data + have.len, want.len - have.len);
		is_first = false;
	}
	return want.len == 0;
}

enum match header_value(const struct fields *f, sluice_str name, char *buf, size_t cap,
	sluice_str *out)
{
	sluice_str joint = field_joint(name);
	uint32_t at = header_find(f, name, 0);
	if (at == f->n)
		return MATCH_NO;
	*out = field_value(&f->v[at]);
	while ((at = header_find(f, name, at + 1)) < f->n) {
		sluice_str line = field_value(&f->v[at]);
		if (out->len > cap || joint.len + line.len > cap - out->len)
			return MATCH_LIMIT;
		if (out->data != buf && out->len)
			memcpy(buf, out->data, out->len);
		memcpy(buf + out->len, joint.data, joint.len);
		if (line.len)
			memcpy(buf + out->len + joint.len, line.data, line.len);
		*out = str_n(buf, out->len + joint.len + line.len);
	}
	return MATCH_YES;
}

/* The length of the joined lines of the field. at: the first line. */
static size_t header_value_len(const struct fields *f, sluice_str name, uint32_t at)
{
	size_t len = 0;
	for (; at < f->n; at = header_find(f, name, at + 1))
		len += field_value(&f->v[at]).len + field_joint(name).len;
	return len;
}

static enum match header_regex(const struct condition *c, const struct fields *f, uint32_t at)
{
	char few[VALUE_ON_STACK], *joined = few;
	sluice_str value = field_value(&f->v[at]);
	if (header_find(f, c->name, at + 1) == f->n)
		return regex_match(c->regex, value, NULL);
	size_t cap = header_value_len(f, c->name, at);
	if (cap > sizeof(few) && !(joined = malloc(cap)))
		return MATCH_LIMIT;
	enum match m = header_value(f, c->name, joined, cap, &value);
	if (m == MATCH_YES)
		m = regex_match(c->regex, value, NULL);
	if (joined != few)
		free(joined);
	return m;
}

enum match header_condition_match(const struct condition *c, const struct fields *f)
{
	uint32_t at = header_find(f, c->name, 0);
	if (at == f->n)
		return MATCH_NO;
	switch ((enum condition_kind)c->kind) {
	case CONDITION_EQUALS:
		return header_equals(c, f, at) ? MATCH_YES : MATCH_NO;
	case CONDITION_PRESENT:
		return MATCH_YES;
	case CONDITION_REGEX:
		return header_regex(c, f, at);
	}
	return MATCH_NO;
}

/* ---- query parameters ---------------------------------------------------------------------- */

/* Whether the joined values of all parameters of that name equal the condition's value. */
static bool query_equals_all(const struct condition *c, sluice_str query)
{
	sluice_str want = c->value, joint = STR(", "), value;
	for (bool is_first = true; query_find(&query, c->name, &value); is_first = false) {
		if (!is_first) {
			if (!str_starts(want, joint))
				return false;
			want = str_n(want.data + joint.len, want.len - joint.len);
		}
		if (!query_take(value, &want))
			return false;
	}
	return want.len == 0;
}

enum match query_value(sluice_str query, sluice_str name, char *buf, size_t cap, sluice_str *out)
{
	sluice_str value, joint = STR(", ");
	size_t n = 0;
	*out = STR_NONE;
	if (!query_find(&query, name, &value))
		return MATCH_NO;
	do {
		if (out->data) {
			if (joint.len > cap - n)
				return MATCH_LIMIT;
			memcpy(buf + n, joint.data, joint.len);
			n += joint.len;
		}
		if (value.len > cap - n)
			return MATCH_LIMIT;
		n += query_decode(value, QUERY_PLUS_IS_SPACE, buf + n);
		out->data = buf;
	} while (query_find(&query, name, &value));
	*out = str_n(buf, n);
	return MATCH_YES;
}

static enum match query_regex(const struct condition *c, sluice_str query)
{
	char few[VALUE_ON_STACK], *plain = few;
	/* enough for all values: ", " between two is no longer than the "&" and the name that it
	   replaces */
	size_t cap = query.len + 2;
	sluice_str value;
	if (cap > sizeof(few) && !(plain = malloc(cap)))
		return MATCH_LIMIT;
	enum match m = query_value(query, c->name, plain, cap, &value);
	if (m == MATCH_YES)
		m = regex_match(c->regex, value, NULL);
	if (plain != few)
		free(plain);
	return m;
}

enum match query_condition_match(const struct condition *c, sluice_str query)
{
	sluice_str value, rest = query;
	if (!query_find(&rest, c->name, &value))
		return MATCH_NO;
	switch ((enum condition_kind)c->kind) {
	case CONDITION_EQUALS:
		return query_equals_all(c, query) ? MATCH_YES : MATCH_NO;
	case CONDITION_PRESENT:
		return MATCH_YES;
	case CONDITION_REGEX:
		return query_regex(c, query);
	}
	return MATCH_NO;
}

/* ---- cookies ------------------------------------------------------------------------------- */

/* Whether the joined values of all cookies of that name equal the condition's value. */
static bool cookie_equals_all(const struct condition *c, struct cookie_walk *w, sluice_str value)
{
	sluice_str want = c->value, joint = STR(", ");
	for (;;) {
		if (!str_starts(want, value))
			return false;
		want = str_n(want.data + value.len, want.len - value.len);
		if (!cookie_next(w, &value))
			return want.len == 0;
		if (!str_starts(want, joint))
			return false;
		want = str_n(want.data + joint.len, want.len - joint.len);
	}
}

enum match cookie_value(const struct fields *f, sluice_str name, char *buf, size_t cap,
	sluice_str *out)
{
	struct cookie_walk w = { .fields = f, .name = name };
	sluice_str value, joint = STR(", ");
	size_t n = 0;
	*out = STR_NONE;
	while (cookie_next(&w, &value)) {
		size_t more = out->data ? joint.len : 0;
		if (more + value.len > cap - n)
			return MATCH_LIMIT;
		memcpy(buf + n, joint.data, more);
		if (value.len)
			memcpy(buf + n + more, value.data, value.len);
		n += more + value.len;
		*out = str_n(buf, n);
	}
	return out->data ? MATCH_YES : MATCH_NO;
}

static enum match cookie_regex(const struct condition *c, const struct fields *f)
{
	char few[VALUE_ON_STACK], *joined = few;
	size_t cap = cookie_room(f);
	sluice_str value;
	if (cap > sizeof(few) && !(joined = malloc(cap)))
		return MATCH_LIMIT;
	enum match m = cookie_value(f, c->name, joined, cap, &value);
	if (m == MATCH_YES)
		m = regex_match(c->regex, value, NULL);
	if (joined != few)
		free(joined);
	return m;
}

enum match cookie_condition_match(const struct condition *c, const struct fields *f)
{
	struct cookie_walk w = { .fields = f, .name = c->name };
	sluice_str value;
	if (!cookie_next(&w, &value))
		return MATCH_NO;
	switch ((enum condition_kind)c->kind) {
	case CONDITION_EQUALS:
		return cookie_equals_all(c, &w, value) ? MATCH_YES : MATCH_NO;
	case CONDITION_PRESENT:
		return MATCH_YES;
	case CONDITION_REGEX:
		return cookie_regex(c, f);
	}
	return MATCH_NO;
}

/* ---- facts --------------------------------------------------------------------------------- */

static enum match value_match(const struct condition *c, sluice_str value)
{
	switch ((enum condition_kind)c->kind) {
	case CONDITION_EQUALS:
		return str_eq(c->value, value) ? MATCH_YES : MATCH_NO;
	case CONDITION_PRESENT:
		return MATCH_YES;
	case CONDITION_REGEX:
		return regex_match(c->regex, value, NULL);
	}
	return MATCH_NO;
}

enum match fact_condition_match(const struct fact_condition *c, sluice_str value)
{
	enum match m = MATCH_NO;
	for (unsigned i = 0; i < c->n && m == MATCH_NO; i++)
		m = value_match(&c->any[i], value);
	return m;
}

/* ---- pairs --------------------------------------------------------------------------------- */

bool condition_implies(const struct condition *a, const struct condition *b)
{
	if (!str_eq(a->name, b->name))
		return false;
	if (b->kind == CONDITION_PRESENT || (a->kind == b->kind && str_eq(a->value, b->value)))
		return true;
	return a->kind == CONDITION_EQUALS && b->kind == CONDITION_REGEX &&
		regex_match(b->regex, a->value, NULL) == MATCH_YES;
}

bool condition_excludes(const struct condition *a, const struct condition *b)
{
	if (!str_eq(a->name, b->name))
		return false;
	if (a->kind == CONDITION_EQUALS && b->kind == CONDITION_EQUALS)
		return !str_eq(a->value, b->value);
	if (a->kind == CONDITION_EQUALS && b->kind == CONDITION_REGEX)
		return regex_match(b->regex, a->value, NULL) == MATCH_NO;
	if (a->kind == CONDITION_REGEX && b->kind == CONDITION_EQUALS)
		return condition_excludes(b, a);
	return false;
}

/* Whether each value that a takes is one that b takes. */
bool fact_condition_implies(const struct fact_condition *a, const struct fact_condition *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		unsigned k = 0;
		while (k < b->n && !condition_implies(&a->any[i], &b->any[k]))
			k++;
		if (k == b->n)
			return false;
	}
	return true;
}

bool fact_condition_excludes(const struct fact_condition *a, const struct fact_condition *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned k = 0; k < b->n; k++) {
			if (!condition_excludes(&a->any[i], &b->any[k]))
				return false;
		}
	}
	return true;
}
