/*
 * Regular expressions for input from the network (PCRE2), as those of routes are: they match the
 * whole subject, byte by byte, compiled to machine code where the system permits it, and stop when
 * a match takes too much work. Compiled expressions are immutable, and any thread may match them
 * with a scratch of its own.
 */
#ifndef PLUGINS_SHARED_REGEX_H
#define PLUGINS_SHARED_REGEX_H

#include <sluice/str.h>

enum {
	REGEX_BYTES = 4096, /* longest expression */
	REGEX_GROUPS = 63,  /* capture groups of one expression */
};

struct regex;
struct regex_scratch;

enum regex_match {
	REGEX_NO = 0,
	REGEX_YES,
	REGEX_LIMIT /* more work than one match may take: neither yes nor no */
};

/* NULL when the expression is malformed; why, of size bytes, then has the end of a sentence. */
struct regex *regex_new(sluice_str expression, char *why, size_t size);
void regex_free(struct regex **r); /* also of NULL */
unsigned regex_groups(const struct regex *r);
/* The number of the group of that name, or -1. */
int regex_group(const struct regex *r, sluice_str name);

/* The working memory of one thread; NULL when there is none. */
struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch **s); /* also of NULL */

/* groups: REGEX_GROUPS + 1, the whole match first; a group that took no part has no data. They are
 * slices of subject, and are set when REGEX_YES. NULL: nobody asks for them. */
enum regex_match regex_match(const struct regex *r, struct regex_scratch *s, sluice_str subject,
	sluice_str *groups);

#endif
