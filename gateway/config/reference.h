/*
 * Option tables for people: a page of Markdown, and text for a terminal. Every nested block is described in a part of its
 * own, under the path by which it is reached. Main thread.
 */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include <stdio.h>

#include "base/str.h"

/* One section for the table and one for each block in it. path: what is written before the names, "" or e.g. "listeners[]";
 * level: of the first heading (1: "#"); no heading for the table itself when title is NULL. */
void reference_markdown(FILE *to, const sluice_option *table, const char *title, const char *path, unsigned level);
/* The same for a terminal of that many columns (at least 40). */
void reference_text(FILE *to, const sluice_option *table, unsigned columns);

#endif
