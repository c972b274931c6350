/* What every unit test includes: cmocka with the headers it wants, and assertions on borrowed
 * strings. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(got, want)                                                                    \
	do {                                                                                     \
		sluice_str unit_got = (got);                                                     \
		if (!str_eq(unit_got, str_of(want)))                                             \
			fail_msg("%s is \"%.*s\", not \"%s\"", #got, STR_ARG(unit_got), (want)); \
	} while (0)

#endif
