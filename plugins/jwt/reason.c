/* The table of reasons. */
#include "reason.h"

#include <stddef.h>

static const struct reason_info infos[REASON_COUNT] = {
#define REASON(name, status, code, error, sentence) \
	[REASON_##name] = { status, code, error, sentence },
#include "reason.def"
#undef REASON
};

const struct reason_info *reason_info(enum reason why)
{
	return &infos[why];
}
