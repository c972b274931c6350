/* base/arena: alignment, budgets, and blocks that come back. */
#include "base/arena.h"

#include "unit.h"

TEST(alignment)
{
	struct arena a;
	arena_init(&a, 0);
	for (size_t n = 0; n < 300; n++) {
		char *p = arena_alloc(&a, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 0xa5, n);
	}
	arena_fini(&a);
	assert_int_equal(a.used, 0);
}

TEST(no_overlap)
{
	/* Sizes on both sides of the block's limits; every byte keeps what was written to it. */
	static const size_t sizes[] = { 1, 2000, 2040, 16, 4064, 4065, 4096, 8, 100000, 24, 3000,
		3000, 1 };
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	unsigned char *p[N];
	struct arena a;
	arena_init(&a, 0);
	for (size_t i = 0; i < N; i++) {
		p[i] = arena_alloc(&a, sizes[i]);
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < sizes[i]; j++) {
			if (p[i][j] != i + 1)
				fail_msg("byte %zu of allocation %zu was overwritten", j, i);
		}
	}
	arena_fini(&a);
}

TEST(large_keeps_block)
{
	struct arena a;
	arena_init(&a, 0);
	char *first = arena_alloc(&a, 16);
	(void)arena_alloc(&a, 50000);
	char *second = arena_alloc(&a, 16);
	/* a large block does not end the one being filled */
	assert_ptr_equal(second, first + arena_round(16));
	arena_fini(&a);
}

TEST(budget)
{
	struct arena a;
	arena_init(&a, 2 * ARENA_BLOCK);
	assert_non_null(arena_alloc(&a, 3000));
	assert_false(a.failed);
	assert_null(arena_alloc(&a, 2 * ARENA_BLOCK));
	assert_true(a.failed);
	assert_non_null(arena_alloc(&a, 3000)); /* what still fits is given; the flag stays */
	assert_true(a.failed);
	assert_null(arena_alloc(&a, 3000));
	assert_true(a.used <= 2 * ARENA_BLOCK);
	assert_null(arena_str(&a, str_n("x", 5000)).data);
	assert_null(arena_printf(&a, "%5000d", 1).data);
	assert_null(arena_zalloc(&a, 5000));
	arena_fini(&a);
	assert_false(a.failed);
	assert_int_equal(a.budget, 2 * ARENA_BLOCK);
}

TEST(overflow)
{
	struct arena a;
	arena_init(&a, 1 << 20);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 15));
	assert_null(arena_alloc(&a, SIZE_MAX - 64));
	assert_null(arena_alloc(&a, SIZE_MAX / 2));
	assert_int_equal(a.used, 0);
	arena_fini(&a);
}

TEST(strings)
{
	struct arena a;
	arena_init(&a, 0);
	char src[] = "abc";
	sluice_str s = arena_str(&a, str_n(src, 2));
	src[0] = 'x';
	assert_str(s, "ab");
	assert_int_equal(s.data[2], 0);
	s = arena_str(&a, STR_NONE);
	assert_non_null(s.data);
	assert_int_equal(s.data[0], 0);
	s = arena_printf(&a, "%s-%d", "route", 7);
	assert_str(s, "route-7");
	assert_int_equal(s.data[s.len], 0);
	s = arena_printf(&a, "%0*d", 6000, 1); /* larger than a block */
	assert_int_equal(s.len, 6000);
	arena_fini(&a);
}

TEST(zeroed_after_reuse)
{
	struct arena a;
	arena_init(&a, 0);
	memset(arena_alloc(&a, 4000), 0xff, 4000);
	arena_fini(&a); /* its block goes to the free list of the thread, dirty */
	unsigned char *p = arena_zalloc(&a, 4000);
	for (size_t i = 0; i < 4000; i++)
		assert_int_equal(p[i], 0);
	arena_fini(&a);
	arena_thread_fini();
}

TEST(reuse)
{
	struct arena a;
	if (MEMORY_IS_WATCHED)
		skip(); /* see test_watched_memory */
	arena_thread_fini();
	arena_init(&a, 0);
	void *first = arena_alloc(&a, 8);
	arena_fini(&a);
	arena_init(&a, ARENA_BLOCK);
	assert_ptr_equal(arena_alloc(&a, 8), first);
	arena_fini(&a);
	arena_thread_fini();
}

/* Where memory is watched: what was never written does not look like anything that was, also in a
 * block that a thread has used before. */
TEST(fresh_memory_holds_a_pattern)
{
	struct arena a;
	if (!MEMORY_IS_FILLED)
		skip();
	for (int round = 0; round < 3; round++) {
		arena_init(&a, 0);
		const size_t sizes[] = { 1, 100, 3000, 2000, 50000, 7 };
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			unsigned char *p = arena_alloc(&a, sizes[i]);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(p[k], MEMORY_PATTERN);
			memset(p, 'u', sizes[i]);
		}
		arena_fini(&a);
	}
	arena_thread_fini();
}

/* Where single bytes can be out of bounds: everything of a block is, but the pieces that were given
 * out. */
TEST(what_is_not_given_out_is_out_of_bounds)
{
#if SANITIZE_BOUNDS
	struct arena a;
	arena_init(&a, 0);
	const size_t sizes[] = { 1, 16, 31, 32, 1000, 3500, 5000, 16 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = arena_alloc(&a, sizes[i]);
		assert_null(__asan_region_is_poisoned(p, sizes[i]));
		assert_true(__asan_address_is_poisoned(p + sizes[i]));
	}
	char *p = arena_alloc(&a, 10);
	arena_fini(&a);
	assert_true(__asan_address_is_poisoned(p)); /* and nobody else has it */
#else
	skip();
#endif
}

/* Several arenas, each within its own budget, may together take no more than their account has. */
TEST(an_account_bounds_arenas_together)
{
	struct arena_account account = { .budget = 10 * ARENA_BLOCK };
	struct arena a[8];
	unsigned n = 0;
	for (unsigned i = 0; i < 8; i++) {
		arena_init(&a[i], 4 * ARENA_BLOCK);
		a[i].account = &account;
	}
	for (unsigned i = 0; i < 8; i++) {
		while (arena_alloc(&a[i], ARENA_BLOCK - 16)) /* a whole block */
			n++;
		assert_true(a[i].failed);
		assert_true(account.used <= account.budget);
	}
	/* whole blocks, not what was asked for; where memory is watched, a little more than one for
	 * each */
	assert_true(n <= 10 && account.used > account.budget - 2 * ARENA_BLOCK);
	size_t before = account.used, of_one = a[0].used;
	arena_fini(&a[0]);
	assert_int_equal(account.used, before - of_one);
	assert_non_null(arena_alloc(&a[7], 10)); /* there is room again */
	for (unsigned i = 1; i < 8; i++)
		arena_fini(&a[i]);
	assert_int_equal(account.used, 0);
}

/* A copy for people fails nothing, and does not need what is left of the budget. */
TEST(a_note_fails_nothing)
{
	struct arena a;
	arena_init(&a, ARENA_BLOCK);
	while (arena_alloc(&a, 64))
		;
	a.failed = false;
	sluice_str s = arena_note(&a, STR("why"));
	assert_true(str_eq(s, STR("why")));
	assert_false(a.failed);
	arena_fini(&a);
}
