/* Key expressions. */
#include "policy/expr.h"

enum { EXPR_ATTR_MAX = 128 };

/* consumer, claim:sub, claim:realm.roles */
static bool expr_is_attr(sluice_str s)
{
	if (s.len == 0 || s.len > EXPR_ATTR_MAX || s.data[0] == ':' || s.data[s.len - 1] == ':')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == ',')
			return false;
	}
	return true;
}

static const sluice_expr *expr_refuse(struct expr_wrong *wrong, const char *why)
{
	*wrong = (struct expr_wrong){ .why = why, .hint = STR("") };
	return NULL;
}

static const sluice_expr *expr_unknown(struct arena *a, sluice_str text, const struct stated *names,
	struct expr_wrong *wrong)
{
	*wrong = (struct expr_wrong){ .hint = stated_nearest(names, a, text) };
	wrong->why = arena_printf(a, "there is no fact \"%.*s\"", STR_ARG(text)).data;
	return NULL;
}

/* The facts that could be meant, as a text. */
static const char *expr_expected(struct arena *a)
{
	sluice_str list = STR("expected ");
	for (unsigned f = 0; f < FACT_COUNT; f++)
		list = arena_printf(a, "%.*s%.*s%s, ", STR_ARG(list), STR_ARG(fact_table[f].text),
			fact_table[f].named == FACT_NAMED ? "NAME" : "");
	return arena_printf(a, "%.*sor another fact that a plugin states", STR_ARG(list)).data;
}

const sluice_expr *expr_compile(struct arena *a, sluice_str text, const struct stated *names,
	struct expr_wrong *wrong)
{
	struct sluice_expr *e = arena_new(a, struct sluice_expr);
	e->text = arena_str(a, text);
	e->fact = (uint8_t)fact_find(e->text, &e->name);
	if (fact_table[e->fact].named == FACT_NAMED && e->name.len == 0)
		return expr_refuse(wrong, "a name must follow the colon");
	if (e->fact == FACT_HEADER) {
		if (!str_is_token(e->name))
			return expr_refuse(wrong, "that is not the name of a header field");
		e->token = token_find(e->name.data, e->name.len);
	}
	if (expr_is_stated(e) && !expr_is_attr(text))
		return expr_refuse(wrong, expr_expected(a));
	if (e->fact == FACT_ATTR && names && !stated_have(names, text))
		return expr_unknown(a, text, names, wrong);
	return e;
}

const char *expr_wrong_text(struct arena *a, const struct expr_wrong *wrong)
{
	if (wrong->hint.len == 0)
		return wrong->why;
	return arena_printf(a, "%s; did you mean \"%.*s\"?", wrong->why, STR_ARG(wrong->hint)).data;
}

bool expr_is_stated(const sluice_expr *e)
{
	return fact_table[e->fact].how == FACT_STATED;
}

sluice_str expr_text(const sluice_expr *e)
{
	return e->text;
}

enum sluice_reading expr_read(sluice_exchange *x, const sluice_expr *e, sluice_str *out)
{
	return fact_table[e->fact].read(x, e, out);
}

sluice_str expr_value(sluice_exchange *x, const sluice_expr *e)
{
	sluice_str value;
	(void)expr_read(x, e, &value);
	return value;
}
