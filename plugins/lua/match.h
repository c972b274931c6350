/* Matching of Lua's patterns: see pattern.h. */
#ifndef PLUGINS_LUA_MATCH_H
#define PLUGINS_LUA_MATCH_H

#include "vm.h"

enum { CAPTURES_MAX = 32, CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct match {
	lua_State *L;
	const char *text, *text_end; /* borrowed: strings of Lua on its stack */
	const char *pattern_end;
	unsigned depth, steps;
	int n_captures;
	struct {
		const char *at;
		ptrdiff_t len; /* or one of CAPTURE_ */
	} captures[CAPTURES_MAX];
};

void match_init(struct match *m, lua_State *L, sluice_str text, sluice_str pattern);
/* Match the pattern from p on at s. The end of what it matches, or NULL. Throws errors: of a
 * malformed pattern, and of the budget. */
const char *match_at(struct match *m, const char *s, const char *p);
/* The same at every place from s on, or at s alone: *start is where it matches. */
const char *match_from(struct match *m, const char *s, const char *p, bool is_anchored,
	const char **start);
/* Push the captures; the whole match, from s to e, where the pattern has none. How many. s NULL:
 * captures alone. */
int match_push_captures(struct match *m, const char *s, const char *e);
/* Push one of them. */
void match_push_capture(struct match *m, int i, const char *s, const char *e);

#endif
