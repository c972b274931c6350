/*
 * Regular expressions for input from the network. They are compiled to machine code where the
 * system permits it, match the whole subject, byte by byte, and stop when a match takes too much
 * work. Only a thread's first match allocates. Compiled expressions are immutable: any thread may
 * match them.
 */
#ifndef ROUTE_REGEX_H
#define ROUTE_REGEX_H

#include "base/str.h"

enum {
	REGEX_BYTES = 4096, /* longest expression */
	REGEX_GROUPS = 63,  /* capture groups of one expression */
};

struct regex;

struct regex_error {
	size_t offset; /* in the expression */
	char text[200];
};

/* A capture group with a name. */
struct regex_group {
	sluice_str name; /* borrowed: lives as long as the regex */
	unsigned number;
};

enum match {
	MATCH_NO = 0,
	MATCH_YES,
	MATCH_LIMIT /* more work than one match may take: neither yes nor no */
};

/* NULL when the expression is malformed; e then says why. */
struct regex *regex_new(sluice_str expression, struct regex_error *e);
void regex_free(struct regex **r); /* also of NULL */
/* The i-th named group, from 0; false past the last. */
bool regex_group_at(const struct regex *r, unsigned i, struct regex_group *out);

/* spans, when not NULL, has room for REGEX_GROUPS + 1 slices and gets the whole match and the
 * groups, by number; a group that took no part is empty, its data NULL. */
enum match regex_match(const struct regex *r, sluice_str subject, sluice_str *spans);
/* Frees the calling thread's working memory. To be called at the end of a thread that matched. */
void regex_thread_fini(void);

#endif
