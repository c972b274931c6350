/* Values that regular expressions change. See the header. */
#include "replace.h"

#include <sluice/str.h>

#include <stdio.h>

enum { OPTION_BYTES = 64 };

/* ---- check() ------------------------------------------------------------------------------- */

struct reader {
	sluice_instance *inst;
	const char *option;
	sluice_side which;
	sluice_str field;
};

static const sluice_template *compile_text(void *ctx, sluice_str text)
{
	const struct reader *r = ctx;
	return sluice_template_compile(r->inst, r->option, r->which, r->field, text);
}

static int check_field(sluice_instance *inst, const char *option, sluice_side which,
	sluice_str field)
{
	const char *wrong = sluice_field_refused(which, SLUICE_FIELD_SET, field, SLUICE_STR(""));
	if (!wrong && sluice_names_alike(field, SLUICE_STR("host")))
		wrong = "has one value in a request, which `set` gives it";
	if (!wrong)
		return 0;
	sluice_conf_error(inst, option, "field \"%.*s\" %s", (int)field.len, field.data, wrong);
	return -1;
}

static int check_one(sluice_instance *inst, const char *block, sluice_side which,
	struct replacement *r, size_t i)
{
	char option[OPTION_BYTES], why[256];
	(void)snprintf(option, sizeof(option), "%s.replace[%zu].field", block, i);
	if (check_field(inst, option, which, r->field) < 0)
		return -1;
	(void)snprintf(option, sizeof(option), "%s.replace[%zu].match", block, i);
	r->regex = expression_new(r->match, why, sizeof(why));
	if (!r->regex) {
		sluice_conf_error(inst, option, "%s", why);
		sluice_conf_hint(inst,
			"expressions are those of PCRE2; they match the whole value of a line of "
			"the field: .* stands for the rest");
		return -1;
	}
	(void)snprintf(option, sizeof(option), "%s.replace[%zu].with", block, i);
	struct reader to = { inst, option, which, r->field };
	const struct pieces_reader p = { .inst = inst,
		.option = option,
		.regex = r->regex,
		.text = compile_text,
		.ctx = &to };
	return pieces_read(&p, r->with, &r->pieces);
}

int replace_check(sluice_instance *inst, const char *block, sluice_side which, struct side *s)
{
	struct replacement *v = s->replace.v;
	int rc = 0;
	for (size_t i = 0; i < s->replace.n; i++) {
		if (check_one(inst, block, which, &v[i], i) < 0)
			rc = -1;
	}
	return rc;
}

void replace_fini(struct side *s)
{
	struct replacement *v = s->replace.v;
	for (size_t i = 0; i < s->replace.n; i++)
		expression_free(&v[i].regex);
}

/* ---- messages ------------------------------------------------------------------------------ */

/* The lines of one field. */
struct lines {
	sluice_str *v; /* data NULL: the line goes */
	size_t n;
	bool changed;
};

static size_t count_lines(sluice_exchange *x, sluice_side which, sluice_str field)
{
	sluice_pair f;
	size_t n = 0;
	for (size_t at = 0; sluice_field_next(x, which, &at, &f);)
		n += sluice_str_ieq(f.name, field);
	return n;
}

/* The line's new value in *value, which has the old one. A fact without a value takes the line
 * away, as `set` does. */
static sluice_verdict change_line(sluice_exchange *x, const struct replacement *r,
	struct lines *lines, sluice_str *value)
{
	static const struct pieces_writer w = { .text = sluice_template_write };
	const struct headers_worker *worker = sluice_worker_state(x);
	sluice_str groups[EXPRESSION_GROUPS + 1];
	switch (expression_match(r->regex, worker->scratch, *value, groups)) {
	case EXPRESSION_NO:
		return SLUICE_NEXT;
	case EXPRESSION_YES:
		break;
	case EXPRESSION_LIMIT:
	default:
		return SLUICE_FAIL;
	}
	sluice_template_result t = pieces_write(x, &r->pieces, groups, &w, value);
	if (t == SLUICE_TEMPLATE_FAIL)
		return SLUICE_FAIL;
	if (t == SLUICE_TEMPLATE_MISSING)
		*value = SLUICE_STR_NONE;
	lines->changed = true;
	return SLUICE_NEXT;
}

static void write_lines(sluice_exchange *x, sluice_side which, sluice_str field,
	const struct lines *l)
{
	bool first = true;
	for (size_t i = 0; i < l->n; i++) {
		if (!l->v[i].data)
			continue;
		if (first)
			sluice_field_set(x, which, field, l->v[i]);
		else
			sluice_field_add(x, which, field, l->v[i]);
		first = false;
	}
	if (first)
		sluice_field_remove(x, which, field);
}

static sluice_verdict replace_one(sluice_exchange *x, sluice_side which,
	const struct replacement *r)
{
	struct lines l = { .n = 0 };
	sluice_pair f;
	size_t n = count_lines(x, which, r->field);
	if (n == 0)
		return SLUICE_NEXT;
	l.v = sluice_alloc(x, n * sizeof(*l.v));
	if (!l.v)
		return SLUICE_FAIL;
	for (size_t at = 0; l.n < n && sluice_field_next(x, which, &at, &f);) {
		if (!sluice_str_ieq(f.name, r->field))
			continue;
		l.v[l.n] = f.value;
		if (change_line(x, r, &l, &l.v[l.n++]) != SLUICE_NEXT)
			return SLUICE_FAIL;
	}
	if (l.changed)
		write_lines(x, which, r->field, &l);
	return SLUICE_NEXT;
}

sluice_verdict replace_values(sluice_exchange *x, sluice_side which, const struct side *s)
{
	const struct replacement *v = s->replace.v;
	for (size_t i = 0; i < s->replace.n; i++) {
		if (replace_one(x, which, &v[i]) != SLUICE_NEXT)
			return SLUICE_FAIL;
	}
	return SLUICE_NEXT;
}
