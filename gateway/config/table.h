/*
 * Option tables (sluice_option of the public header) as data: finding rows, saying in words what a
 * row takes, and checking that a table a plugin brings is sound before it is used. Any thread.
 *
 * What `min` and `max` bound: numbers, sizes, durations and rates themselves; the length in bytes
 * of a SLUICE_T_STR; the number of members of FLAGS, STRS, PAIRS, EXPRS, LIST and MAP. They mean
 * nothing for other types.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include "base/str.h"

enum { TABLE_ROWS_MAX = 256, TABLE_DEPTH_MAX = 8 };

size_t table_rows(const sluice_option *table); /* 0 for NULL */
/* The row of that name, or NULL. Rows flagged SLUICE_F_KEY are no options and are not found. */
const sluice_option *table_find(const sluice_option *table, sluice_str name);
/* The first row with the flag, or NULL. */
const sluice_option *table_flagged(const sluice_option *table, uint32_t flag);

/* "duration", "list of blocks", "one of". */
const char *option_type(const sluice_option *o);
/* The same as it is written in a sentence, with an example: "a duration such as 30s". buf of
 * OPTION_TEXT bytes; returns buf. */
enum { OPTION_TEXT = 256 };
const char *option_expected(const sluice_option *o, char *buf);
/* Whether an example says more than that a text is a text. */
bool option_has_example(const sluice_option *o);
/* A value as it might be written: the default, the first choice, or one typical of the type. */
const char *option_example(const sluice_option *o, char *buf);
/* "between 1 and 10", "at least 1s", "" when there is no bound; with what is counted: "between 1
 * and 8 members". */
const char *option_range(const sluice_option *o, char *buf);
/* When a change comes into force on reload: "at once", "for new connections", "after a restart". */
const char *option_reload(const sluice_option *o);
/* The members of a default such as [RS256, ES256] or of a single one; *rest starts as option->def.
 * false: no more. */
bool option_def_next(sluice_str *rest, sluice_str *item);

/* Whether the table, which binds to a struct of size bytes, can be used: names, types, offsets,
 * defaults and bounds that can be read, no two options of one name. core: the types kept for the
 * core are allowed. 0, or -1 and why in the buffer. */
must_use int table_check(const sluice_option *table, size_t size, bool core, char *why,
	size_t why_size);

#endif
