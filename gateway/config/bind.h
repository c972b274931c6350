/*
 * A block of the configuration into a struct, by its option table: values are parsed and checked,
 * defaults filled in, and every mistake is reported at its place. Who gave what is remembered, so
 * that a later check across options can point at the option as well. Main thread.
 *
 * Bound values never point into the tree, except those of SLUICE_T_NODE. An option whose value is
 * refused has its default (or zero), so that further checks can go on; mistakes they find in such
 * an option are not reported a second time. `key:` with nothing behind it is an empty block, list
 * of blocks or map; for every other type it is a mistake.
 */
#ifndef CONFIG_BIND_H
#define CONFIG_BIND_H

#include "config/file.h"

struct bind_block;

struct bind {
	struct arena *arena; /* borrowed: what is bound lives here */
	struct diag *diag;   /* borrowed */
	/* borrowed: where file:PATH of secrets begins; NULL: the working directory */
	const struct config *config;
	/* Values whose meaning is known upstairs: n is a scalar with a text, borrowed for the call.
	 * 0, or -1 when the callback reported the mistake. NULL: no table has such rows. */
	int (*expr)(void *ctx, const struct node *n, const sluice_expr **out);
	int (*store)(void *ctx, const struct node *n, const sluice_store **out);
	/* A secret was read from this file, and this is all that stands in it. path lives in the
	 * arena. NULL: nobody asks. */
	void (*secret)(void *ctx, const char *path, sluice_str bytes);
	void *ctx;

	struct arena records; /* owned, like all below: what was bound where */
	struct bind_block **blocks;
	size_t n_blocks, n_slots;
};

enum { BIND_TABLES_MAX = 4, BIND_SECRET_MAX = 64 << 10 };

void bind_init(struct bind *b, struct arena *a, struct diag *d, const struct config *c);
void bind_fini(struct bind *b);

/* Fill *dst, which is zeroed, from a map (or from a scalar, if a row is flagged SLUICE_F_SCALAR). A
 * row flagged SLUICE_F_KEY gets the key under which the map stands. 0, or -1 when a mistake was
 * reported; dst is filled as far as possible then. */
must_use int bind_map(struct bind *b, const struct node *map, const sluice_option *table,
	void *dst);
/* One map into several structs by several tables: the first table that has a row for a key takes
 * it, and a key no table has is unknown. Tables may be NULL. n <= BIND_TABLES_MAX. */
must_use int bind_map_multi(struct bind *b, const struct node *map,
	const sluice_option *const *tables, void *const *dsts, size_t n);

/* Where a bound struct came from: the node of the block or the list's member; of the block around
 * it when it was left out; NULL for a pointer that was never bound. */
const struct node *bind_node(const struct bind *b, const void *dst);
/* Where one of its options was given; NULL when it was left out. */
const struct node *bind_option(const struct bind *b, const void *dst, const char *option);
bool bind_given(const struct bind *b, const void *dst, const char *option);
/* Report what is wrong with an option of a bound struct: at the option, or at the block when it was
 * left out or option is NULL. Returns -1. */
__attribute__((format(printf, 4, 5))) int bind_error(struct bind *b, const void *dst,
	const char *option, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void bind_warn(struct bind *b, const void *dst,
	const char *option, const char *fmt, ...);
void bind_report(struct bind *b, bool warning, const void *dst, const char *option, const char *fmt,
	va_list ap);

#endif
