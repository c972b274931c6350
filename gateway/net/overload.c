/* When to refuse new work. See the header. */
#include "net/overload.h"

uint64_t overload_first(uint64_t limit, const struct overload_mark *mark)
{
	if (mark->percent == 0)
		return mark->amount;
	return limit / 100 * mark->percent + limit % 100 * mark->percent / 100;
}

static uint64_t overload_second(uint64_t limit, uint64_t first)
{
	return limit > first ? first + (limit - first) / 2 : first + first / 8;
}

/* Whether a level lasts or begins: it ends a sixteenth below its mark. */
static int is_above(uint64_t used, uint64_t mark, int lasts)
{
	return used >= (lasts ? mark - mark / 16 : mark);
}

enum overload_level overload_level(enum overload_level before, uint64_t used, uint64_t limit,
	const struct overload_mark *mark)
{
	uint64_t first = overload_first(limit, mark);
	if (first == 0)
		return OVERLOAD_NONE;
	if (is_above(used, overload_second(limit, first), before == OVERLOAD_CONNECTIONS))
		return OVERLOAD_CONNECTIONS;
	return is_above(used, first, before != OVERLOAD_NONE) ? OVERLOAD_REQUESTS : OVERLOAD_NONE;
}
