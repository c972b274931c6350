/* Conditions on claims. See the header. */
#include "claim_match.h"

#include <stdio.h>

#include "../jose/claims.h"

enum value_kind { VALUE_EQUALS, VALUE_PRESENT, VALUE_REGEX };

struct claim_value {
	enum value_kind kind;
	sluice_str text;
	struct expression *regex; /* owned; NULL: of another kind */
};

/* ---- configuration ------------------------------------------------------------------------- */

static int value_check(sluice_instance *inst, const char *path, sluice_str text,
	struct claim_value *out)
{
	static const sluice_str prefix = { "regex:", 6 };
	char why[256];
	*out = (struct claim_value){ VALUE_EQUALS, text, NULL };
	if (sluice_str_is(text, "*"))
		out->kind = VALUE_PRESENT;
	if (text.len < prefix.len || !sluice_str_eq((sluice_str){ text.data, prefix.len }, prefix))
		return 0;
	out->kind = VALUE_REGEX;
	out->regex = expression_new(sluice_str_skip(text, prefix.len), why, sizeof(why));
	if (out->regex)
		return 0;
	sluice_conf_error(inst, path, "\"%.*s\" %s", text.len < 200 ? (int)text.len : 200,
		text.data, why);
	return -1;
}

int claim_matches_check(sluice_instance *inst, const char *option, const sluice_pairs *pairs,
	struct claim_matches *out)
{
	struct claim_value *values = sluice_conf_alloc(inst, (pairs->n + 1) * sizeof(*values));
	char path[CLAIM_MAX_PATH + 32];
	int rc = 0;
	*out = (struct claim_matches){ sluice_conf_alloc(inst, (pairs->n + 1) * sizeof(*out->v)), 0,
		false };
	for (size_t i = 0; i < pairs->n; i++) {
		sluice_str name = pairs->v[i].name;
		(void)snprintf(path, sizeof(path), "%s[\"%.*s\"]", option,
			name.len < CLAIM_MAX_PATH ? (int)name.len : CLAIM_MAX_PATH, name.data);
		if (value_check(inst, path, pairs->v[i].value, &values[i]) < 0)
			rc = -1;
		out->has_regex |= values[i].kind == VALUE_REGEX;
		/* the values of one list stand side by side */
		if (i == 0 || !sluice_str_eq(name, pairs->v[i - 1].name))
			out->v[out->n++] = (struct claim_match){ name, &values[i], 0 };
		out->v[out->n - 1].n++;
	}
	return rc;
}

void claim_matches_free(struct claim_matches *m)
{
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->v[i].n; k++) {
			struct expression *regex = m->v[i].any[k].regex;
			expression_free(&regex);
		}
	}
	m->n = 0;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static enum expression_match text_fits(const struct claim_value *v, sluice_str text,
	struct expression_scratch *scratch)
{
	if (!text.data)
		return EXPRESSION_NO;
	if (v->kind == VALUE_EQUALS)
		return sluice_str_eq(text, v->text) ? EXPRESSION_YES : EXPRESSION_NO;
	return scratch ? expression_match(v->regex, scratch, text, NULL) : EXPRESSION_LIMIT;
}

static enum expression_match value_fits(const struct claim_value *v, const json_t *claim,
	struct expression_scratch *scratch)
{
	char buf[CLAIM_SCALAR_MAX];
	enum expression_match fits = EXPRESSION_NO;
	size_t i;
	const json_t *item;
	if (v->kind == VALUE_PRESENT)
		return EXPRESSION_YES;
	if (!json_is_array(claim))
		return text_fits(v, claim_scalar(claim, buf), scratch);
	json_array_foreach (claim, i, item) {
		fits = text_fits(v, claim_scalar(item, buf), scratch);
		if (fits != EXPRESSION_NO)
			return fits;
	}
	return fits;
}

enum expression_match claim_match_asks(const struct claim_match *m, const json_t *claims,
	struct expression_scratch *scratch)
{
	const json_t *claim = claim_find(claims, m->name);
	for (size_t i = 0; claim && i < m->n; i++) {
		enum expression_match fits = value_fits(&m->any[i], claim, scratch);
		if (fits != EXPRESSION_NO)
			return fits;
	}
	return EXPRESSION_NO;
}
