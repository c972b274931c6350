/*
 * What differs: between what a script expects and what came of a run, or between two runs of the
 * same case.
 */
#ifndef TOOL_JUDGE_H
#define TOOL_JUDGE_H

#include "outcome.h"
#include "script.h"

/* Called for each difference; what: "status", "forwarded: field x-user". */
typedef void (*judge_fn)(void *ctx, const char *what, sluice_str expected, sluice_str got);

/* Returns the number of differences. */
size_t judge_expected(const struct script_expect *e, const struct outcome *o, judge_fn tell,
	void *ctx);
/* The same for a run that must end as another one did. The log may differ. */
size_t judge_same(const struct outcome *first, const struct outcome *o, judge_fn tell, void *ctx);
/* Whether a run in which memory ran out ended cleanly: the gateway refused the request, the
 * response was broken off, or it is the same refusal as without (`first`), whose words may be
 * lost. */
bool judge_failed_cleanly(const struct outcome *first, const struct outcome *o);

#endif
