/*
 * The variations of a case: runs that differ in what the network, the client or the memory do, and
 * that must end as the plain run did, or cleanly.
 */
#ifndef TOOL_VARY_H
#define TOOL_VARY_H

#include "play.h"

enum vary_kind {
	VARY_SPLITS = 1 << 0,
	VARY_DELAYS = 1 << 1,
	VARY_DROPS = 1 << 2,
	VARY_MEMORY = 1 << 3,
	VARY_SLOW = 1 << 4,
	VARY_ALL = (1 << 5) - 1,
};

enum {
	VARY_SPLIT_MAX = 256,  /* splits of one body; of a longer one, as many at equal distances */
	VARY_MEMORY_MAX = 256, /* budgets that are tried, in the same way */
	VARY_WAITS_MAX = 64,
};

/* A bit of enum vary_kind for each word of "splits,memory"; 0: there is an unknown one. */
unsigned vary_read(const char *list);
/* Call fn for each variation. plain: what came of the plain run. */
void vary_each(const struct script_case *c, const struct outcome *plain, unsigned kinds,
	void (*fn)(void *ctx, const struct run *r), void *ctx);

#endif
