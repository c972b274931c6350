/* What plugins say of a token, as text and as JSON. See token_judge.h. */
#include "app/token_judge.h"

#include <stdio.h>

#include "base/json.h"

enum { RULE_WIDTH = 15 };

static const char *verdict_text(const struct token_opinion *o)
{
	switch (o->verdict) {
	case SLUICE_NEXT:
		return "admits it";
	case SLUICE_REPLY:
		return "refuses it";
	default:
		return "cannot judge it";
	}
}

/* A token is a stranger's text: nothing in it may steer the terminal. */
static void put_text(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c < 0x20 || c >= 0x7f)
			(void)printf("\\x%02x", c);
		else
			(void)putchar(c);
	}
}

static void print_step(const struct token_step *s)
{
	(void)printf("  %-5s %.*s", s->code.data ? "FAILS" : "ok", STR_ARG(s->rule));
	if (s->found.len || s->wanted.len)
		(void)printf("%*s", s->rule.len < RULE_WIDTH ? (int)(RULE_WIDTH - s->rule.len) : 1,
			"");
	put_text(s->found);
	if (s->wanted.len) {
		(void)printf("%swanted: ", s->found.len ? "; " : "");
		put_text(s->wanted);
	}
	(void)printf("\n");
	if (s->code.data)
		(void)printf("        %d %.*s: %.*s\n", s->status, STR_ARG(s->code),
			STR_ARG(s->detail));
}

static void print_opinion(const struct token_opinion *o)
{
	const struct token_step *fault = token_opinion_fault(o);
	(void)printf("%.*s (%s%s%s) %s", STR_ARG(o->inst->name), o->inst->plugin->name,
		o->group >= 0 ? ", of any-of" : "",
		o->inst->mode == INSTANCE_REPORT ? ", mode: report, it changes nothing" : "",
		verdict_text(o));
	if (fault)
		(void)printf(": %d %.*s", fault->status, STR_ARG(fault->code));
	(void)printf("\n");
	for (size_t i = 0; i < o->n_steps; i++)
		print_step(&o->steps[i]);
}

static const char *sum_name(enum token_exit sum)
{
	switch (sum) {
	case TOKEN_ADMITTED:
		return "admitted";
	case TOKEN_REFUSED:
		return "refused";
	default:
		return "unknown";
	}
}

void token_judgement_print(const struct token_judgement *j)
{
	for (size_t i = 0; i < j->n; i++)
		print_opinion(&j->v[i]);
	(void)printf("route %.*s: %s\n", STR_ARG(j->route), sum_name(token_judgement_sum(j)));
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_step(struct json_out *o, const struct token_step *s)
{
	json_open(o, '{');
	json_put_some(o, "rule", s->rule);
	json_key(o, STR("passed"));
	json_bool(o, !s->code.data);
	json_put_some(o, "found", s->found);
	json_put_some(o, "wanted", s->wanted);
	if (s->code.data) {
		json_key(o, STR("status"));
		json_int(o, s->status);
	}
	json_put_some(o, "code", s->code);
	json_put_some(o, "detail", s->detail);
	json_close(o, '}');
}

static void put_opinion(struct json_out *o, const struct token_opinion *p)
{
	json_open(o, '{');
	json_put_some(o, "instance", p->inst->name);
	json_put_some(o, "plugin", str_of(p->inst->plugin->name));
	json_put_some(o, "verdict",
		str_of(sum_name(p->verdict == SLUICE_NEXT    ? TOKEN_ADMITTED
				: p->verdict == SLUICE_REPLY ? TOKEN_REFUSED
							     : TOKEN_UNKNOWN)));
	json_key(o, STR("rules"));
	json_open(o, '[');
	for (size_t i = 0; i < p->n_steps; i++)
		put_step(o, &p->steps[i]);
	json_close(o, ']');
	json_close(o, '}');
}

void token_judgement_print_json(const struct token_judgement *j)
{
	struct json_out o;
	json_init_heap(&o, 16 << 20);
	o.pretty = true;
	json_open(&o, '{');
	json_put_some(&o, "route", j->route);
	json_put_some(&o, "verdict", str_of(sum_name(token_judgement_sum(j))));
	json_key(&o, STR("plugins"));
	json_open(&o, '[');
	for (size_t i = 0; i < j->n; i++)
		put_opinion(&o, &j->v[i]);
	json_close(&o, ']');
	json_close(&o, '}');
	(void)printf("%.*s\n", STR_ARG(json_text(&o)));
	json_fini(&o);
}
