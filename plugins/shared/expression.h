/*
 * Regular expressions for input from the network (PCRE2), as those of routes are: they match the
 * whole subject, byte by byte, compiled to machine code where the system permits it, and stop when
 * a match takes too much work. Compiled expressions are immutable, and any thread may match them
 * with a scratch of its own.
 */
#ifndef PLUGINS_SHARED_EXPRESSION_H
#define PLUGINS_SHARED_EXPRESSION_H

#include <sluice/str.h>

enum {
	EXPRESSION_BYTES = 4096, /* longest expression */
	EXPRESSION_GROUPS = 63,  /* capture groups of one expression */
};

struct expression;
struct expression_scratch;

enum expression_match {
	EXPRESSION_NO = 0,
	EXPRESSION_YES,
	EXPRESSION_LIMIT /* more work than one match may take: neither yes nor no */
};

/* NULL when the expression is malformed; why, of size bytes, then has the end of a sentence. */
struct expression *expression_new(sluice_str expression, char *why, size_t size);
void expression_free(struct expression **r); /* also of NULL */
unsigned expression_groups(const struct expression *r);
/* The number of the group of that name, or -1. */
int expression_group(const struct expression *r, sluice_str name);

/* The working memory of one thread; NULL when there is none. */
struct expression_scratch *expression_scratch_new(void);
void expression_scratch_free(struct expression_scratch **s); /* also of NULL */

/* groups: EXPRESSION_GROUPS + 1, the whole match first; a group that took no part has no data. They
 * are slices of subject, and are set when EXPRESSION_YES. NULL: nobody asks for them. */
enum expression_match expression_match(const struct expression *r, struct expression_scratch *s,
	sluice_str subject, sluice_str *groups);

#endif
