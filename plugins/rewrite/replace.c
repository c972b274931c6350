/* Replacements of regular expressions. See the header. */
#include "replace.h"

#include <stdio.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"

/* ---- check() ------------------------------------------------------------------------------- */

/* A replacement while it is read. */
struct reader {
	sluice_instance *inst;
	const char *option;
	struct rule *rule;
	char *sample, *at; /* what could come of it: for each group and fact the letter x */
};

static int add_text(struct reader *r, sluice_str text)
{
	if (!text.len)
		return 0;
	const sluice_template *t = uri_text_compile(r->inst, r->option, text);
	if (!t)
		return -1;
	r->at = sluice_str_put(r->at, uri_text_sample(r->inst, text));
	r->rule->pieces[r->rule->n_pieces++] = (struct piece){ .text = t };
	return 0;
}

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

static int add_group(struct reader *r, sluice_str name)
{
	unsigned groups = regex_groups(r->rule->regex);
	uint64_t number = 0;
	int found = -1;
	if (sluice_str_u64(name, &number))
		found = number <= groups ? (int)number : -1;
	else if (name.len)
		found = regex_group(r->rule->regex, name);
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
	*r->at++ = 'x';
	r->rule->pieces[r->rule->n_pieces++] = (struct piece){ .group = (unsigned)found };
	return 0;
}

static int read_pieces(struct reader *r, sluice_str text)
{
	while (text.len) {
		sluice_str before = sluice_str_cut(&text, '$');
		if (add_text(r, before) < 0)
			return -1;
		if (!text.data)
			return 0;
		size_t n = name_length(text);
		bool is_dollar = text.len && text.data[0] == '$';
		if (is_dollar ? add_text(r, SLUICE_STR("$")) < 0
			      : add_group(r, sluice_str_n(text.data, n)) < 0)
			return -1;
		text = sluice_str_skip(text, is_dollar ? 1 : n);
	}
	return 0;
}

static size_t count(sluice_str s, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.data[i] == c;
	return n;
}

static int read_replacement(sluice_instance *inst, struct rule *rule, const char *option)
{
	sluice_str text = rule->replace;
	/* each '$' ends a text, and is a piece of its own */
	size_t most = 2 * count(text, '$') + 1;
	rule->pieces = sluice_conf_alloc(inst, most * sizeof(*rule->pieces));
	char *sample = sluice_conf_alloc(inst, text.len + 1);
	struct reader r = { .inst = inst,
		.option = option,
		.rule = rule,
		.sample = sample,
		.at = sample };
	if (read_pieces(&r, text) < 0)
		return -1;
	sluice_str whole = sluice_str_n(sample, (size_t)(r.at - sample));
	if (path_is_normal(whole))
		return 0;
	uri_text_refuse_path(inst, option, text);
	return -1;
}

int replace_compile(sluice_instance *inst, struct rule *r, size_t i)
{
	char option[64], why[256];
	(void)snprintf(option, sizeof(option), "regex[%zu].match", i);
	r->regex = regex_new(r->match, why, sizeof(why));
	if (!r->regex) {
		sluice_conf_error(inst, option, "%s", why);
		sluice_conf_hint(inst,
			"expressions are those of PCRE2; they match the whole path, from its first "
			"slash to its end");
		return -1;
	}
	(void)snprintf(option, sizeof(option), "regex[%zu].replace", i);
	return read_replacement(inst, r, option);
}

/* ---- requests ------------------------------------------------------------------------------ */

sluice_template_result replace_write(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out)
{
	sluice_str *parts = sluice_alloc(x, r->n_pieces * sizeof(*parts));
	size_t room = 0;
	if (!parts)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < r->n_pieces; i++) {
		const struct piece *p = &r->pieces[i];
		sluice_template_result t = SLUICE_TEMPLATE_OK;
		parts[i] = p->text ? SLUICE_STR_NONE : groups[p->group];
		if (p->text)
			t = uri_text_write(x, p->text, &parts[i]);
		if (t != SLUICE_TEMPLATE_OK)
			return t;
		room += parts[i].len;
	}
	char *start = sluice_alloc(x, room + 1), *at = start;
	if (!start)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < r->n_pieces; i++)
		at = sluice_str_put(at, parts[i]);
	*out = sluice_str_n(start, (size_t)(at - start));
	return SLUICE_TEMPLATE_OK;
}
