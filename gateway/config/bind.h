/*
 * Binds a block of the configuration to a struct by its option table: values are parsed and
 * checked, defaults are filled in, and every mistake is reported at its place in the file. The
 * place of each option is kept, so that a later check across options can point at it. Main thread.
 *
 * Bound values never point into the tree, except those of SLUICE_T_NODE. An option whose value is
 * refused gets its default (or zero), so that further checks can go on; what they find in such an
 * option is not reported. `key:` without a value is an empty block, list of blocks or map; for
 * every other type it is a mistake.
 */
#ifndef CONFIG_BIND_H
#define CONFIG_BIND_H

#include "config/condition.h"
#include "config/file.h"

struct bind_block;

struct bind {
	struct arena *arena; /* borrowed: memory of the bound values */
	struct diag *diag;   /* borrowed */
	/* borrowed: file:PATH of a secret is relative to its folder; NULL: to the working
	   directory */
	const struct config *config;
	/* Parsers for values that a folder above knows. n is a scalar with a text, borrowed for the
	 * call. 0, or -1 when the callback reported the mistake. NULL: no table has such rows. */
	int (*expr)(void *ctx, const struct node *n, const sluice_expr **out);
	int (*store)(void *ctx, const struct node *n, const sluice_store **out);
	int (*upstream)(void *ctx, const struct node *n, const sluice_upstream **out);
	/* Compile a condition; c was bound and stands in b. Mistakes are reported by bind_error().
	 */
	int (*when)(struct bind *b, const struct match_conf *c, const sluice_condition **out);
	/* Called with the whole content of each file that a secret was read from. path lives in the
	 * arena. May be NULL. */
	void (*secret)(void *ctx, const char *path, sluice_str bytes);
	void *ctx;

	struct arena records; /* owned, like all that follow: where each option was given */
	struct bind_block **blocks;
	size_t n_blocks, n_slots;
};

enum { BIND_TABLES_MAX = 4, BIND_SECRET_MAX = 64 << 10 };

void bind_init(struct bind *b, struct arena *a, struct diag *d, const struct config *c);
void bind_fini(struct bind *b);

/* Fill *dst, which must be zeroed, from a map (or from a scalar, if a row is flagged
 * SLUICE_F_SCALAR). A row flagged SLUICE_F_KEY gets the key of the map. 0, or -1 when a mistake was
 * reported; dst is filled as far as possible then. */
must_use int bind_map(struct bind *b, const struct node *map, const sluice_option *table,
	void *dst);
/* Bind one map to several structs by several tables. The first table with a row for a key takes it;
 * a key that is in no table is a mistake. Tables may be NULL. n <= BIND_TABLES_MAX. */
must_use int bind_map_multi(struct bind *b, const struct node *map,
	const sluice_option *const *tables, void *const *dsts, size_t n);

/* The node that a struct was bound from: the block or the list's member, or the block around it
 * when it was omitted. NULL when dst was never bound. */
const struct node *bind_node(const struct bind *b, const void *dst);
/* The node of one of its options; NULL when the option was omitted. */
const struct node *bind_option(const struct bind *b, const void *dst, const char *option);
bool bind_given(const struct bind *b, const void *dst, const char *option);
/* Report a mistake in an option of a bound struct: at the option, or at the block when the option
 * was omitted or is NULL. Returns -1. */
__attribute__((format(printf, 4, 5))) int bind_error(struct bind *b, const void *dst,
	const char *option, const char *fmt, ...);
/* The same at one value of a list or map: the index-th, where each member of a list in a map counts
 * (SLUICE_F_MULTI). At the option when it is no list or map, or has no such value. */
__attribute__((format(printf, 5, 6))) int bind_error_in(struct bind *b, const void *dst,
	const char *option, size_t index, const char *fmt, ...);
/* The node that bind_error_in() points at; NULL when the option was omitted. */
const struct node *bind_member(const struct bind *b, const void *dst, const char *option,
	size_t index);
__attribute__((format(printf, 4, 5))) void bind_warn(struct bind *b, const void *dst,
	const char *option, const char *fmt, ...);
void bind_report(struct bind *b, bool warning, const void *dst, const char *option, const char *fmt,
	va_list ap);

#endif
