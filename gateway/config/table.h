/*
 * Works on option tables (sluice_option of the public header): finds rows, describes in words what
 * a row takes, and checks a plugin's table before it is used. Any thread.
 *
 * `min` and `max` bound the value of numbers, sizes, durations and rates; the length in bytes of a
 * SLUICE_T_STR; the number of members of FLAGS, STRS, PAIRS, EXPRS, LIST and MAP. Other types must
 * not have them.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include "base/str.h"

enum { TABLE_ROWS_MAX = 256, TABLE_DEPTH_MAX = 8 };

size_t table_rows(const sluice_option *table); /* 0 for NULL */
/* The row of that name, or NULL. Rows flagged SLUICE_F_KEY are not options and are not found. */
const sluice_option *table_find(const sluice_option *table, sluice_str name);
/* The first row with the flag, or NULL. */
const sluice_option *table_flagged(const sluice_option *table, uint32_t flag);

/* "duration", "list of blocks", "one of". */
const char *option_type(const sluice_option *o);
/* The same for a sentence, with an example: "a duration such as 30s". buf of OPTION_TEXT bytes;
 * returns buf. */
enum { OPTION_TEXT = 256 };
const char *option_expected(const sluice_option *o, char *buf);
/* Whether an example says more than the type does. */
bool option_has_example(const sluice_option *o);
/* A possible value: the default, the first choice, or a typical one of the type. */
const char *option_example(const sluice_option *o, char *buf);
/* "between 1 and 10", "at least 1s", "" when there is no bound; with what is counted: "between 1
 * and 8 members". */
const char *option_range(const sluice_option *o, char *buf);
/* When a change comes into force on reload: "at once", "for new connections", "after a restart". */
const char *option_reload(const sluice_option *o);
/* The next member of a default such as [RS256, ES256], or a single default. *rest is option->def at
 * first. false: no more. */
bool option_def_next(sluice_str *rest, sluice_str *item);

/* Check a table that binds to a struct of size bytes: names, types, offsets, defaults, bounds, and
 * that no name is used twice. core: types that only the core may use are permitted. 0, or -1 and
 * the reason in why. */
must_use int table_check(const sluice_option *table, size_t size, bool core, char *why,
	size_t why_size);

#endif
