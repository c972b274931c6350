/* Regular expressions over PCRE2. See the header. */
#include "expression.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

struct expression {
	pcre2_code *code;
	uint32_t groups;
};

struct expression_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* NULL: the library uses 32 KiB of the thread's stack */
};

/* Bounds of one match, as for routes: a reasonable expression on a path of some KiB stays far below
 * them; one that backtracks without end stops after about a millisecond. The bound on work grows
 * with the subject, so that no path is refused for its length alone. */
enum { WORK_MAX = 100000, WORK_BYTES = 4096 };
enum { DEPTH_MAX = 1 << 20, HEAP_MAX_KIB = 16 << 10, STACK_MIN = 32 << 10, STACK_MAX = 1 << 20 };

/* ---- expressions --------------------------------------------------------------------------- */

static pcre2_code *compile(sluice_str expression, char *why, size_t size)
{
	/* Neither UTF-8 nor \C: subjects are bytes of any value. All options are given here: with
	 * one at match time the library would not use the compiled code. */
	uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
	int code = 0;
	PCRE2_SIZE at = 0;
	char text[160];

	if (expression.len > EXPRESSION_BYTES) {
		(void)snprintf(why, size, "is longer than %d bytes", EXPRESSION_BYTES);
		return NULL;
	}
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(expression.len ? expression.data : ""),
		expression.len, options, &code, &at, NULL);
	if (!compiled) {
		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		(void)snprintf(why, size, "is no regular expression: %s, behind \"%.*s\"", text,
			at < 64 ? (int)at : 64, expression.data);
	}
	return compiled;
}

struct expression *expression_new(sluice_str expression, char *why, size_t size)
{
	struct expression *r = calloc(1, sizeof(*r));
	if (!r) {
		(void)snprintf(why, size, "takes more memory than there is");
		return NULL;
	}
	r->code = compile(expression, why, size);
	if (!r->code) {
		expression_free(&r);
		return NULL;
	}
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
	if (r->groups > EXPRESSION_GROUPS) {
		(void)snprintf(why, size, "has more than %d groups", EXPRESSION_GROUPS);
		expression_free(&r);
		return NULL;
	}
	/* when that fails the library interprets the expression, with the same result */
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	return r;
}

void expression_free(struct expression **r)
{
	if (!*r)
		return;
	pcre2_code_free((*r)->code);
	free(*r);
	*r = NULL;
}

unsigned expression_groups(const struct expression *r)
{
	return r->groups;
}

int expression_group(const struct expression *r, sluice_str name)
{
	uint32_t n = 0, entry = 0;
	PCRE2_SPTR at = NULL; /* entries: number, high byte first; name; NUL */
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n);
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &entry);
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &at);
	for (uint32_t i = 0; i < n; i++, at += entry) {
		if (sluice_str_is(name, (const char *)at + 2))
			return at[0] << 8 | at[1];
	}
	return -1;
}

/* ---- matching ------------------------------------------------------------------------------ */

struct expression_scratch *expression_scratch_new(void)
{
	struct expression_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->data = pcre2_match_data_create(EXPRESSION_GROUPS + 1, NULL);
	s->context = pcre2_match_context_create(NULL);
	if (!s->data || !s->context) {
		expression_scratch_free(&s);
		return NULL;
	}
	(void)pcre2_set_depth_limit(s->context, DEPTH_MAX);
	(void)pcre2_set_heap_limit(s->context, HEAP_MAX_KIB);
	s->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (s->stack)
		pcre2_jit_stack_assign(s->context, NULL, s->stack);
	return s;
}

void expression_scratch_free(struct expression_scratch **s)
{
	if (!*s)
		return;
	pcre2_match_data_free((*s)->data);
	pcre2_match_context_free((*s)->context);
	pcre2_jit_stack_free((*s)->stack);
	free(*s);
	*s = NULL;
}

static sluice_str group_at(const PCRE2_SIZE *span, sluice_str subject)
{
	if (span[0] == PCRE2_UNSET || span[0] > span[1])
		return SLUICE_STR_NONE;
	return sluice_str_n(subject.data + span[0], span[1] - span[0]);
}

enum expression_match expression_match(const struct expression *r, struct expression_scratch *s,
	sluice_str subject, sluice_str *groups)
{
	uint64_t work = (uint64_t)(subject.len / WORK_BYTES + 1) * WORK_MAX;
	(void)pcre2_set_match_limit(s->context, work < UINT32_MAX ? (uint32_t)work : UINT32_MAX);
	int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.len ? subject.data : ""), subject.len, 0,
		0, s->data, s->context);
	if (n == PCRE2_ERROR_NOMATCH)
		return EXPRESSION_NO;
	if (n < 0)
		return EXPRESSION_LIMIT;
	const PCRE2_SIZE *spans = pcre2_get_ovector_pointer(s->data);
	for (unsigned i = 0; groups && i <= r->groups; i++)
		groups[i] = i < (unsigned)n ? group_at(&spans[2 * (size_t)i], subject)
					    : SLUICE_STR_NONE;
	return EXPRESSION_YES;
}
