/*
 * Rows of a deny list: a map that the main thread changes, and tables that are made from it, never
 * changed, and read by workers. A row is 24 bytes; a table has four places for three rows, a map up
 * to two for one. Rows are found by a keyed hash of 128 bits, so that no two of different texts
 * meet and nobody without the key can make any meet.
 */
#ifndef OAUTH_DENY_TABLE_H
#define OAUTH_DENY_TABLE_H

#include <stdatomic.h>
#include <stddef.h>

#include "deny_member.h"

struct deny_row {
	struct siphash print; /* all 0: the place is free */
	uint32_t before, until;
};

/* zeroed: empty */
struct deny_map {
	struct deny_row *rows; /* owned */
	size_t room, n;
};

enum deny_put { DENY_PUT, DENY_PUT_FULL, DENY_PUT_NO_MEMORY };

/* Add the row, or change the `until` of that print and time. max: rows of the map at most. */
enum deny_put deny_map_put(struct deny_map *m, const struct deny_row *row, size_t max);
void deny_map_remove(struct deny_map *m, const struct deny_row *row);
/* Forget rows that matter no more. */
void deny_map_purge(struct deny_map *m, uint32_t now_s);
void deny_map_free(struct deny_map *m);

struct deny_table {
	_Atomic unsigned refs;
	size_t n, room;
	struct deny_row rows[];
};

/* Of the rows that matter now, with one reference. *out is NULL when there are none. False: no
 * memory. */
bool deny_table_make(const struct deny_map *m, uint32_t now_s, struct deny_table **out);
/* Any thread. t may be NULL. */
struct deny_table *deny_table_ref(struct deny_table *t);
void deny_table_unref(struct deny_table *t);
/* Any thread: whether a token of that print, issued at iat, is denied. */
bool deny_table_has(const struct deny_table *t, const struct siphash *print, uint32_t iat,
	uint32_t now_s);

#endif
