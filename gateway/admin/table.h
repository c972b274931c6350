/*
 * What the admin address can do: one row for each method and path. Dispatch, permissions, `GET /`
 * and the manual all come from this table. Any thread.
 */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include "http/head.h"

struct admin_call;

struct admin_command {
	enum method method; /* GET answers HEAD as well */
	sluice_str path;
	bool changes; /* it changes something in the gateway: allowed from this machine only */
	/* Answer the call, now or later. */
	void (*run)(struct admin_call *c);
	const char *help;
};

extern const struct admin_command admin_table[];
extern const size_t admin_table_rows;

/* The row for a request. NULL: there is none; *known tells whether the path exists for another
 * method. */
const struct admin_command *admin_table_find(enum method m, sluice_str path, bool *known);
/* The value of Allow (RFC 9110 10.2.1) for a path. */
sluice_str admin_table_allow(sluice_str path, struct arena *a);
/* All rows as text, for `GET /`. */
sluice_str admin_table_text(struct arena *a);

#endif
