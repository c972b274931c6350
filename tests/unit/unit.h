/* What every unit test includes: how a test declares itself, and assertions on borrowed strings. */
#ifndef UNIT_H
#define UNIT_H

#include <string.h>

#include "base/str.h"
#include "test.h"

#define assert_str(got, want)                                                                    \
	do {                                                                                     \
		sluice_str unit_got = (got);                                                     \
		if (!str_eq(unit_got, str_of(want)))                                             \
			fail_msg("%s is \"%.*s\", not \"%s\"", #got, STR_ARG(unit_got), (want)); \
	} while (0)

#endif
