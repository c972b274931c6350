/*
 * Describes option tables for people: as Markdown, manual pages, and text for a terminal. Every
 * nested block has a section of its own, named by its path. Main thread.
 */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include <stdio.h>

#include "base/str.h"

/* One section for the table and one for each block in it. path: the prefix of the names, "" or for
 * example "listeners[]"; level: of the first heading (1: "#"); title NULL: no heading for the table
 * itself. */
void reference_markdown(FILE *to, const sluice_option *table, const char *title, const char *path,
	unsigned level);
/* The same as parts of a page in man(7): a paragraph for each option, and a subsection (.SS) for
 * each block. */
void reference_man(FILE *to, const sluice_option *table, const char *path);
/* Text in man(7): its special characters are escaped, and `code` becomes bold. */
void reference_man_text(FILE *to, const char *s);
/* The same for a terminal of that many columns (at least 40). */
void reference_text(FILE *to, const sluice_option *table, unsigned columns);

#endif
