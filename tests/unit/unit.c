/*
 * main() of every unit test: runs the tests of the program, or those alone whose name holds one of
 * its arguments.
 */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most programs have none. */
#pragma weak unit_group

static bool is_chosen(const char *name, char **words)
{
	if (!*words)
		return true;
	for (; *words; words++) {
		if (strstr(name, *words))
			return true;
	}
	return false;
}

static int by_line(const void *a, const void *b)
{
	const struct unit_test *const *x = a, *const *y = b;
	return (*x)->line - (*y)->line;
}

int main(int argc, char **argv)
{
	size_t all = (size_t)(__stop_unit_tests - __start_unit_tests), n = 0;
	struct CMUnitTest *chosen = calloc(all, sizeof(*chosen));
	const char *slash = strrchr(argv[0], '/');
	(void)argc;
	if (!chosen)
		return 1;
	qsort(__start_unit_tests, all, sizeof(*__start_unit_tests), by_line);
	for (size_t i = 0; i < all; i++) {
		if (is_chosen(__start_unit_tests[i]->test.name, argv + 1))
			chosen[n++] = __start_unit_tests[i]->test;
	}
	if (n == 0) {
		(void)fprintf(stderr, "%s: no test has such a name\n", argv[0]);
		free(chosen);
		return 1;
	}
	const struct unit_group *group = &unit_group;
	int failed = _cmocka_run_group_tests(slash ? slash + 1 : argv[0], chosen, n,
		group ? group->setup : NULL, group ? group->teardown : NULL);
	free(chosen);
	return failed;
}
