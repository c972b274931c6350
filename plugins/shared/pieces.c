/* Replacements for a match of a regular expression. See the header. */
#include "pieces.h"

#include <sluice/str.h>

/* ---- check() ------------------------------------------------------------------------------- */

/* The length of what names a group behind a '$': digits, or letters, digits and '_'. */
static size_t name_length(sluice_str s)
{
	bool is_number = s.len && sluice_is_digit(s.data[0]);
	size_t n = 0;
	while (n < s.len &&
		(is_number ? sluice_is_digit(s.data[n])
			   : sluice_is_alnum(s.data[n]) || s.data[n] == '_'))
		n++;
	return n;
}

static int add_text(const struct pieces_reader *r, struct pieces *to, sluice_str text)
{
	if (!text.len)
		return 0;
	const sluice_template *t = r->text(r->ctx, text);
	if (!t)
		return -1;
	to->v[to->n++] = (struct piece){ .text = t };
	return 0;
}

static int add_group(const struct pieces_reader *r, struct pieces *to, sluice_str name)
{
	unsigned groups = expression_groups(r->regex);
	uint64_t number = 0;
	int found = -1;
	if (sluice_str_u64(name, &number))
		found = number <= groups ? (int)number : -1;
	else if (name.len)
		found = expression_group(r->regex, name);
	if (found < 0) {
		sluice_conf_error(r->inst, r->option, "\"$%.*s\" names no group of the expression",
			(int)name.len, name.data);
		sluice_conf_hint(r->inst,
			"it has %u group%s: $1 is the first, $NAME one that is written "
			"(?<NAME>...), $0 "
			"the whole match; write $$ for a dollar",
			groups, groups == 1 ? "" : "s");
		return -1;
	}
	if (r->group)
		r->group(r->ctx);
	to->v[to->n++] = (struct piece){ .group = (unsigned)found };
	return 0;
}

static size_t dollars(sluice_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.data[i] == '$';
	return n;
}

int pieces_read(const struct pieces_reader *r, sluice_str text, struct pieces *out)
{
	/* each '$' ends a text, and is a piece of its own */
	size_t most = 2 * dollars(text) + 1;
	*out = (struct pieces){ .v = sluice_conf_alloc(r->inst, most * sizeof(*out->v)) };
	while (text.len) {
		sluice_str before = sluice_str_cut(&text, '$');
		if (add_text(r, out, before) < 0)
			return -1;
		if (!text.data)
			return 0;
		size_t n = name_length(text);
		bool is_dollar = text.len && text.data[0] == '$';
		if (is_dollar ? add_text(r, out, SLUICE_STR("$")) < 0
			      : add_group(r, out, sluice_str_n(text.data, n)) < 0)
			return -1;
		text = sluice_str_skip(text, is_dollar ? 1 : n);
	}
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

sluice_template_result pieces_write(sluice_exchange *x, const struct pieces *p,
	const sluice_str *groups, const struct pieces_writer *w, sluice_str *out)
{
	sluice_str *parts = sluice_alloc(x, (p->n + 1) * sizeof(*parts));
	size_t room = 1;
	if (!parts)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < p->n; i++) {
		sluice_template_result t = SLUICE_TEMPLATE_OK;
		if (p->v[i].text)
			t = w->text(x, p->v[i].text, &parts[i]);
		else
			parts[i] = groups[p->v[i].group];
		if (t != SLUICE_TEMPLATE_OK)
			return t;
		room += parts[i].len;
	}
	char *start = sluice_alloc(x, room), *at = start;
	if (!start)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < p->n; i++) {
		char *part = at;
		at = sluice_str_put(at, parts[i]);
		if (w->group && !p->v[i].text)
			at = part + w->group(part, parts[i].len);
	}
	*out = sluice_str_n(start, (size_t)(at - start));
	return SLUICE_TEMPLATE_OK;
}
