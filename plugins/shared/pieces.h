/* Replacements for a match of a regular expression: "/new/$1/{ip}", a text with groups and facts.
 */
#ifndef PLUGINS_SHARED_PIECES_H
#define PLUGINS_SHARED_PIECES_H

#include <sluice/plugin.h>

#include "expression.h"

/* A part of a replacement: a text with facts, or a group of the expression. */
struct piece {
	const sluice_template *text; /* NULL: a group */
	unsigned group;
};

struct pieces {
	struct piece *v;
	size_t n;
};

/* What a replacement is read for. */
struct pieces_reader {
	sluice_instance *inst;
	const char *option; /* where it is written, as sluice_conf_error() has it */
	const struct expression *regex;
	/* Compile a text without groups. NULL: a mistake was reported. */
	const sluice_template *(*text)(void *ctx, sluice_str text);
	void (*group)(void *ctx); /* a group stands here; may be NULL */
	void *ctx;
};

/* Main thread, in check(). $1 is a group by its number, $NAME one by its name, $0 the whole match,
 * $$ a dollar. -1: a mistake was reported. */
int pieces_read(const struct pieces_reader *r, sluice_str text, struct pieces *out);

/* How the pieces of one replacement are written. */
struct pieces_writer {
	sluice_template_result (
		*text)(sluice_exchange *x, const sluice_template *t, sluice_str *out);
	/* change a group's len bytes in place, and return how many they are then; NULL: they stay
	 */
	size_t (*group)(char *bytes, size_t len);
};

/* groups: of the match; one that took no part is empty. */
sluice_template_result pieces_write(sluice_exchange *x, const struct pieces *p,
	const sluice_str *groups, const struct pieces_writer *w, sluice_str *out);

#endif
