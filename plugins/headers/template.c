/* Values with placeholders. */
#include "template.h"

#include <stdio.h>

static char *put(char *at, sluice_str s)
{
	if (s.len)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

/* ---- reading ---- */

static size_t run_length(const char *p, const char *end)
{
	const char *start = p;
	while (p < end && *p != '{' && *p != '}')
		p++;
	return (size_t)(p - start);
}

/* p: behind the brace that opens it. Returns where its closing brace is, or NULL. */
static const char *read_placeholder(sluice_instance *inst, const char *p, const char *end, struct template_part *part,
                                    char why[TEMPLATE_WHY])
{
	const char *close = memchr(p, '}', (size_t)(end - p)), *wrong = NULL;
	if (!close) {
		(void)snprintf(why, TEMPLATE_WHY, "has a { that nothing closes; write {{ for a brace");
		return NULL;
	}
	sluice_str text = { p, (size_t)(close - p) };
	part->expr = text.len ? sluice_expr_compile(inst, text, &wrong) : NULL;
	if (part->expr)
		return close;
	(void)snprintf(why, TEMPLATE_WHY, "has the placeholder {%.*s}: %s", text.len < 64 ? (int)text.len : 64, text.data,
	               wrong ? wrong : "a key expression must stand in it; write {{ for a brace");
	return NULL;
}

int template_read(sluice_instance *inst, sluice_str text, struct template *out, char why[TEMPLATE_WHY])
{
	const char *p = text.data, *end = p + text.len;
	struct template_part *v = sluice_conf_alloc(inst, (text.len + 1) * sizeof(*v));
	size_t n = 0;
	for (; p < end; n++) {
		size_t len = run_length(p, end);
		if (len > 0) {
			v[n].text = (sluice_str){ p, len };
			p += len;
		} else if (p + 1 < end && p[1] == p[0]) { /* {{ or }} */
			v[n].text = (sluice_str){ p, 1 };
			p += 2;
		} else if (*p == '}') {
			(void)snprintf(why, TEMPLATE_WHY, "has a } that nothing opened; write }} for a brace");
			return -1;
		} else {
			p = read_placeholder(inst, p + 1, end, &v[n], why);
			if (!p)
				return -1;
			p++;
		}
	}
	*out = (struct template){ v, n };
	return 0;
}

sluice_str template_literal(sluice_instance *inst, const struct template *t)
{
	size_t len = 0;
	for (size_t i = 0; i < t->n; i++)
		len += t->v[i].text.len;
	char *text = sluice_conf_alloc(inst, len + 1), *at = text;
	for (size_t i = 0; i < t->n; i++)
		at = put(at, t->v[i].text);
	return (sluice_str){ text, len };
}

/* ---- writing ---- */

enum template_result template_write(sluice_exchange *x, const struct template *t, sluice_str *out)
{
	*out = t->n ? t->v[0].text : SLUICE_STR("");
	if (t->n == 0 || (t->n == 1 && !t->v[0].expr))
		return TEMPLATE_OK;
	sluice_str *values = sluice_alloc(x, t->n * sizeof(*values));
	size_t len = 0;
	if (!values)
		return TEMPLATE_FAIL;
	for (size_t i = 0; i < t->n; i++) {
		values[i] = t->v[i].expr ? sluice_expr_value(x, t->v[i].expr) : t->v[i].text;
		if (!values[i].data)
			return TEMPLATE_MISSING;
		len += values[i].len;
	}
	if (t->n == 1) {
		*out = values[0];
		return TEMPLATE_OK;
	}
	char *text = sluice_alloc(x, len + 1), *at = text;
	if (!text)
		return TEMPLATE_FAIL;
	for (size_t i = 0; i < t->n; i++)
		at = put(at, values[i]);
	*out = (sluice_str){ text, len };
	return TEMPLATE_OK;
}
