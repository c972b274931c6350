/* Regular expressions for origins, by PCRE2. See the header. */
#include "regex.h"

#include <sluice/str.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A sensible expression needs some hundred steps for the 300 bytes of the longest origin. One that
 * tries without end stops after a tenth of a millisecond. */
enum { STEPS_MAX = 20000, DEPTH_MAX = 10000, HEAP_MAX_KIB = 1024 };

/*
 * The place of a dot that was most likely meant as a dot: "app.example" as an expression takes
 * "appXexample" too, which anybody can register. One that stands for any character on purpose is
 * followed by a quantifier, or by the end of a group. Returns e.len when there is none.
 */
static size_t find_bare_dot(sluice_str e)
{
	bool in_class = false;
	for (size_t i = 0; i < e.len; i++) {
		char next = i + 1 < e.len ? e.data[i + 1] : '\0';
		if (e.data[i] == '\\')
			i++;
		else if (e.data[i] == '[' || e.data[i] == ']')
			in_class = e.data[i] == '[';
		else if (e.data[i] == '.' && !in_class && sluice_is_alnum(next))
			return i;
	}
	return e.len;
}

int regex_open(sluice_instance *inst, const char *option, sluice_str e, struct regex *out)
{
	const uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY |
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
	int code = 0;
	PCRE2_SIZE at = 0;
	if (e.len > REGEX_MAX) {
		sluice_conf_error(inst, option, "the expression is longer than %d bytes",
			REGEX_MAX);
		return -1;
	}
	size_t dot = find_bare_dot(e);
	if (dot < e.len) {
		sluice_conf_error(inst, option,
			"the dot in front of \"%.*s\" stands for any character, so that more "
			"origins match than it seems",
			(int)(e.len - dot - 1 > 16 ? 16 : e.len - dot - 1), e.data + dot + 1);
		sluice_conf_hint(inst,
			"write `\\.` or `[.]` for a dot; in \"double quotes\" a backslash is "
			"written twice");
		return -1;
	}
	out->code =
		pcre2_compile((PCRE2_SPTR)(e.len ? e.data : ""), e.len, options, &code, &at, NULL);
	if (!out->code) {
		char why[160];
		(void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		sluice_conf_error(inst, option, "bad regular expression: %s, at byte %zu of it",
			why, (size_t)at);
		return -1;
	}
	/* when that fails the library interprets the expression, with the same result */
	(void)pcre2_jit_compile(out->code, PCRE2_JIT_COMPLETE);
	return 0;
}

void regex_close(struct regex *r)
{
	pcre2_code_free(r->code);
	r->code = NULL;
}

int regex_work_init(struct regex_work *w)
{
	w->data = pcre2_match_data_create(1, NULL);
	w->limits = pcre2_match_context_create(NULL);
	if (!w->data || !w->limits)
		return -1;
	(void)pcre2_set_match_limit(w->limits, STEPS_MAX);
	(void)pcre2_set_depth_limit(w->limits, DEPTH_MAX);
	(void)pcre2_set_heap_limit(w->limits, HEAP_MAX_KIB);
	return 0;
}

void regex_work_fini(struct regex_work *w)
{
	pcre2_match_data_free(w->data);
	pcre2_match_context_free(w->limits);
	*w = (struct regex_work){ NULL, NULL };
}

bool regex_is(const struct regex *r, const struct regex_work *w, sluice_str s)
{
	return w->data &&
		pcre2_match(r->code, (PCRE2_SPTR)(s.len ? s.data : ""), s.len, 0, 0, w->data,
			w->limits) >= 0;
}
