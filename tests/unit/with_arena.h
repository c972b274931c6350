/* For unit tests that share one arena: TEST_GROUP_WITH_ARENA(budget); in place of TEST_GROUP. */
#ifndef WITH_ARENA_H
#define WITH_ARENA_H

#include "unit.h"

#include "base/arena.h"

static struct arena arena;

static int with_arena_fini(void **state)
{
	(void)state;
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

#define TEST_GROUP_WITH_ARENA(budget)            \
	static int with_arena_init(void **state) \
	{                                        \
		(void)state;                     \
		arena_init(&arena, budget);      \
		return 0;                        \
	}                                        \
	TEST_GROUP(with_arena_init, with_arena_fini)

#endif
