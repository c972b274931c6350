/* Regular expressions over PCRE2. Compiled by one thread, matched by any. */
#include "route/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct regex {
	pcre2_code *code;
	unsigned n_groups; /* all, named or not */
	unsigned n_named;
	unsigned entry; /* bytes of an entry of names */
	PCRE2_SPTR names;
};

/*
 * Bounds of one match. A reasonable expression on a path of some KiB stays far below them; one that
 * backtracks without end stops after about a millisecond. The bound grows with the subject's
 * length, so that no permitted input is refused for its length alone. The stack of compiled code
 * (in bytes) is address space that is mostly untouched; expressions that store something for each
 * byte of a long subject fill it. The heap of interpreted code is counted in KiB.
 */
enum { WORK_MAX = 100000, WORK_BYTES = 4096 };
enum { DEPTH_MAX = 1 << 20, HEAP_MAX_KIB = 16 << 10, STACK_MIN = 32 << 10, STACK_MAX = 16 << 20 };

/* The working memory of a thread. */
static __thread pcre2_match_data *work_data;
static __thread pcre2_match_context *work_context;
static __thread pcre2_jit_stack *work_stack;

static void regex_thread_init(void)
{
	work_data = pcre2_match_data_create(REGEX_GROUPS + 1, NULL);
	work_context = pcre2_match_context_create(NULL);
	check(work_data && work_context, "out of memory for regular expressions");
	(void)pcre2_set_depth_limit(work_context, DEPTH_MAX);
	(void)pcre2_set_heap_limit(work_context, HEAP_MAX_KIB);
	/* when NULL, the library uses 32 KiB of the machine stack */
	work_stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (work_stack)
		pcre2_jit_stack_assign(work_context, NULL, work_stack);
}

void regex_thread_fini(void)
{
	pcre2_match_data_free(work_data);
	pcre2_match_context_free(work_context);
	pcre2_jit_stack_free(work_stack);
	work_data = NULL;
	work_context = NULL;
	work_stack = NULL;
}

static void regex_describe(struct regex *r)
{
	uint32_t n = 0;
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
	r->n_groups = n;
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &n);
	r->n_named = n;
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &n);
	r->entry = n;
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &r->names);
}

struct regex *regex_new(sluice_str expression, struct regex_error *e)
{
	/* Neither UTF-8 nor \C: subjects are bytes of any value. All options are given here: with
	 * one at match time the library would not use the compiled code. */
	uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
	int code = 0;
	PCRE2_SIZE at = 0;

	*e = (struct regex_error){ 0 };
	if (expression.len > REGEX_BYTES) {
		e->offset = REGEX_BYTES;
		(void)snprintf(e->text, sizeof(e->text), "the expression is longer than %d bytes",
			REGEX_BYTES);
		return NULL;
	}
	struct regex *r = mem_new(struct regex);
	r->code = pcre2_compile((PCRE2_SPTR)(expression.len ? expression.data : ""), expression.len,
		options, &code, &at, NULL);
	if (!r->code) {
		char why[160];
		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		e->offset = at;
		(void)snprintf(e->text, sizeof(e->text), "bad regular expression: %s", why);
		goto fail;
	}
	regex_describe(r);
	if (r->n_groups > REGEX_GROUPS) {
		(void)snprintf(e->text, sizeof(e->text), "the expression has more than %d groups",
			REGEX_GROUPS);
		goto fail;
	}
	/* when that fails the library interprets the expression, with the same result */
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	return r;
fail:
	regex_free(&r);
	return NULL;
}

void regex_free(struct regex **r)
{
	if (!*r)
		return;
	pcre2_code_free((*r)->code);
	free(*r);
	*r = NULL;
}

bool regex_group_at(const struct regex *r, unsigned i, struct regex_group *out)
{
	if (i >= r->n_named)
		return false;
	PCRE2_SPTR p = r->names + (size_t)i * r->entry; /* number, high byte first; name; NUL */
	out->number = (unsigned)(p[0] << 8 | p[1]);
	out->name = str_of((const char *)p + 2);
	return true;
}

enum match regex_match(const struct regex *r, sluice_str subject, sluice_str *spans)
{
	if (unlikely(!work_data))
		regex_thread_init();
	const char *text = subject.len ? subject.data : "";
	size_t pieces = subject.len / WORK_BYTES + 1;
	(void)pcre2_set_match_limit(work_context,
		pieces < UINT32_MAX / WORK_MAX ? (uint32_t)pieces * WORK_MAX : UINT32_MAX);
	int n = pcre2_match(r->code, (PCRE2_SPTR)text, subject.len, 0, 0, work_data, work_context);
	if (n == PCRE2_ERROR_NOMATCH)
		return MATCH_NO;
	if (n < 0)
		return MATCH_LIMIT;
	if (spans) {
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(work_data);
		for (unsigned i = 0; i <= r->n_groups; i++) {
			bool is_set = i < (unsigned)n && v[2 * i] != PCRE2_UNSET &&
				v[2 * i] <= v[2 * i + 1];
			spans[i] = is_set ? str_n(text + v[2 * i], v[2 * i + 1] - v[2 * i])
					  : STR_NONE;
		}
	}
	return MATCH_YES;
}
