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
	const struct expression *regex;
	struct pieces *to;
	bool in_query;
	char *sample, *at; /* what could come of the path: for each group and fact the letter x */
};

/* Replace escapes, in place. plus: whether '+' is a blank. Returns the new length. */
static size_t decode(char *text, size_t len, bool plus)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		int high = c == '%' && i + 2 < len ? sluice_hex_value(text[i + 1]) : -1;
		int low = high >= 0 ? sluice_hex_value(text[i + 2]) : -1;
		if (low >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		text[n++] = c;
	}
	return n;
}

/* A text of the query, as it is written in a URL: plain. */
static sluice_str plain_text(sluice_instance *inst, sluice_str text)
{
	char *copy = sluice_conf_alloc(inst, text.len + 1);
	(void)sluice_str_put(copy, text);
	return sluice_str_n(copy, decode(copy, text.len, true));
}

static const sluice_template *compile_text(struct reader *r, sluice_str text)
{
	if (!r->in_query)
		return uri_text_compile(r->inst, r->option, text);
	/* any field that is not one of URIs: values are escaped when they are set */
	return sluice_template_compile(r->inst, r->option, SLUICE_REQUEST,
		SLUICE_STR("X-Parameter"), plain_text(r->inst, text));
}

static int add_text(struct reader *r, sluice_str text)
{
	if (!text.len)
		return 0;
	const sluice_template *t = compile_text(r, text);
	if (!t)
		return -1;
	if (!r->in_query)
		r->at = sluice_str_put(r->at, uri_text_sample(r->inst, text));
	r->to->v[r->to->n++] = (struct piece){ .text = t };
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
	if (!r->in_query)
		*r->at++ = 'x';
	r->to->v[r->to->n++] = (struct piece){ .group = (unsigned)found };
	return 0;
}

static size_t count(sluice_str s, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.data[i] == c;
	return n;
}

/* Read text into *to. */
static int read_pieces(struct reader *r, struct pieces *to, sluice_str text)
{
	/* each '$' ends a text, and is a piece of its own */
	size_t most = 2 * count(text, '$') + 1;
	*to = (struct pieces){ .v = sluice_conf_alloc(r->inst, most * sizeof(*to->v)) };
	r->to = to;
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

static int read_param(struct reader *r, struct param *p, sluice_str text)
{
	sluice_str name = sluice_str_cut(&text, '=');
	p->name = plain_text(r->inst, name);
	if (name.len && !memchr(name.data, '$', name.len) && !memchr(name.data, '{', name.len))
		return read_pieces(r, &p->value, text.data ? text : SLUICE_STR(""));
	sluice_conf_error(r->inst, r->option, "\"%.*s\" is no name of a parameter", (int)name.len,
		name.data);
	sluice_conf_hint(r->inst,
		"names are written out; values may have groups and facts: ?id=$1&by={ip}");
	return -1;
}

/* What stands behind the '?'. Another one at its end says that the client's query goes. */
static int read_query(struct reader *r, struct rule *rule, sluice_str text)
{
	rule->drops_query = !text.len || text.data[text.len - 1] == '?';
	if (text.len && rule->drops_query)
		text.len--;
	rule->params = sluice_conf_alloc(r->inst, (count(text, '&') + 1) * sizeof(*rule->params));
	r->in_query = true;
	while (text.len) {
		sluice_str one = sluice_str_cut(&text, '&');
		if (read_param(r, &rule->params[rule->n_params++], one) < 0)
			return -1;
	}
	return 0;
}

static int read_replacement(sluice_instance *inst, struct rule *rule, const char *option)
{
	sluice_str query = rule->replace, path = sluice_str_cut(&query, '?');
	char *sample = sluice_conf_alloc(inst, path.len + 1);
	struct reader r = { .inst = inst,
		.option = option,
		.regex = rule->regex,
		.sample = sample,
		.at = sample };
	if (read_pieces(&r, &rule->path, path) < 0)
		return -1;
	if (!path_is_normal(sluice_str_n(sample, (size_t)(r.at - sample)))) {
		uri_text_refuse_path(inst, option, path);
		return -1;
	}
	return query.data ? read_query(&r, rule, query) : 0;
}

int replace_compile(sluice_instance *inst, struct rule *r, size_t i)
{
	char option[64], why[256];
	(void)snprintf(option, sizeof(option), "regex[%zu].match", i);
	r->regex = expression_new(r->match, why, sizeof(why));
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

static sluice_template_result write_pieces(sluice_exchange *x, const struct pieces *p,
	const sluice_str *groups, bool plain, sluice_str *out)
{
	sluice_str *parts = sluice_alloc(x, (p->n + 1) * sizeof(*parts));
	size_t room = 1;
	if (!parts)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < p->n; i++) {
		const sluice_template *text = p->v[i].text;
		sluice_template_result t = SLUICE_TEMPLATE_OK;
		if (!text)
			parts[i] = groups[p->v[i].group];
		else
			t = plain ? sluice_template_write(x, text, &parts[i])
				  : uri_text_write(x, text, &parts[i]);
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
		if (plain && !p->v[i].text)
			at = part + decode(part, parts[i].len, false);
	}
	*out = sluice_str_n(start, (size_t)(at - start));
	return SLUICE_TEMPLATE_OK;
}

sluice_template_result replace_path(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out)
{
	return write_pieces(x, &r->path, groups, false, out);
}

sluice_template_result replace_values(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out)
{
	sluice_template_result t = SLUICE_TEMPLATE_OK;
	for (size_t i = 0; t == SLUICE_TEMPLATE_OK && i < r->n_params; i++)
		t = write_pieces(x, &r->params[i].value, groups, true, &out[i]);
	return t;
}
