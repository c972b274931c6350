/*
 * Option tables for people: Markdown, manual pages, and text for a terminal. Every nested block is
 * described in a part of its own, under the path by which it is reached. Main thread.
 */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include <stdio.h>

#include "base/str.h"

/* One section for the table and one for each block in it. path: what is written before the names,
 * "" or e.g. "listeners[]"; level: of the first heading (1: "#"); no heading for the table itself
 * when title is NULL. */
void reference_markdown(FILE *to, const sluice_option *table, const char *title, const char *path,
	unsigned level);
/* The same as parts of a page in man(7): a paragraph for each option, and a subsection (.SS) for
 * each block. */
void reference_man(FILE *to, const sluice_option *table, const char *path);
/* Text in man(7): what it would take for its own is escaped, and `code` becomes bold. */
void reference_man_text(FILE *to, const char *s);
/* The same for a terminal of that many columns (at least 40). */
void reference_text(FILE *to, const sluice_option *table, unsigned columns);

#endif
