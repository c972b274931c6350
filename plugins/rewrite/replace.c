/* Replacements of regular expressions. See the header. */
#include "replace.h"

#include <stdio.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"

/* ---- check() ------------------------------------------------------------------------------- */

/* A replacement while it is read. */
struct reader {
	struct pieces_reader pieces;
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

static const sluice_template *add_text(void *ctx, sluice_str text)
{
	struct reader *r = ctx;
	sluice_instance *inst = r->pieces.inst;
	if (r->in_query)
		/* any field that is not one of URIs: values are escaped when they are set */
		return sluice_template_compile(inst, r->pieces.option, SLUICE_REQUEST,
			SLUICE_STR("X-Parameter"), plain_text(inst, text));
	const sluice_template *t = uri_text_compile(inst, r->pieces.option, text);
	if (t)
		r->at = sluice_str_put(r->at, uri_text_sample(inst, text));
	return t;
}

static void add_group(void *ctx)
{
	struct reader *r = ctx;
	if (!r->in_query)
		*r->at++ = 'x';
}

static size_t count(sluice_str s, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.data[i] == c;
	return n;
}

static int read_param(struct reader *r, struct param *p, sluice_str text)
{
	sluice_str name = sluice_str_cut(&text, '=');
	p->name = plain_text(r->pieces.inst, name);
	if (name.len && !memchr(name.data, '$', name.len) && !memchr(name.data, '{', name.len))
		return pieces_read(&r->pieces, text.data ? text : SLUICE_STR(""), &p->value);
	sluice_conf_error(r->pieces.inst, r->pieces.option, "\"%.*s\" is no name of a parameter",
		(int)name.len, name.data);
	sluice_conf_hint(r->pieces.inst,
		"names are written out; values may have groups and facts: ?id=$1&by={ip}");
	return -1;
}

/* What stands behind the '?'. Another one at its end says that the client's query goes. */
static int read_query(struct reader *r, struct rule *rule, sluice_str text)
{
	rule->drops_query = !text.len || text.data[text.len - 1] == '?';
	if (text.len && rule->drops_query)
		text.len--;
	rule->params =
		sluice_conf_alloc(r->pieces.inst, (count(text, '&') + 1) * sizeof(*rule->params));
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
	struct reader r = { .pieces = { .inst = inst,
				    .option = option,
				    .regex = rule->regex,
				    .text = add_text,
				    .group = add_group,
				    .ctx = &r },
		.sample = sample,
		.at = sample };
	if (pieces_read(&r.pieces, path, &rule->path) < 0)
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

static size_t decode_group(char *text, size_t len)
{
	return decode(text, len, false);
}

sluice_template_result replace_path(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out)
{
	static const struct pieces_writer w = { .text = uri_text_write };
	return pieces_write(x, &r->path, groups, &w, out);
}

sluice_template_result replace_values(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out)
{
	static const struct pieces_writer w = { .text = sluice_template_write,
		.group = decode_group };
	sluice_template_result t = SLUICE_TEMPLATE_OK;
	for (size_t i = 0; t == SLUICE_TEMPLATE_OK && i < r->n_params; i++)
		t = pieces_write(x, &r->params[i].value, groups, &w, &out[i]);
	return t;
}
