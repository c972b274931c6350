/* base/permute: the cipher of the paper, and what request ids need of it. */
#include "unit.h"

#include <stdlib.h>

#include "base/permute.h"

/* The test vector of the paper (appendix C, Speck128/128). */
TEST(it_is_the_cipher_of_the_paper)
{
	struct permutation p;
	const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	uint64_t block[2] = { 0x7469206564616d20u, 0x6c61766975716520u };
	permute_init(&p, key);
	permute(&p, block);
	assert_true(block[0] == 0x7860fedf5c570d18u);
	assert_true(block[1] == 0xa65d985179783265u);
}

static int by_value(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

TEST(no_two_blocks_are_equal_and_neighbours_have_nothing_in_common)
{
	enum { N = 20000 };
	static uint64_t seen[N][2];
	struct permutation p;
	uint64_t bits = 0;
	permute_init(&p, (const uint64_t[2]){ 1, 2 });
	for (uint64_t i = 0; i < N; i++) {
		seen[i][0] = i;
		permute(&p, seen[i]);
		if (i)
			bits += (uint64_t)__builtin_popcountll(seen[i][0] ^ seen[i - 1][0]) +
				(uint64_t)__builtin_popcountll(seen[i][1] ^ seen[i - 1][1]);
	}
	assert_in_range(bits / (N - 1), 62, 66); /* half of the 128 bits change */
	qsort(seen, N, sizeof(seen[0]), by_value);
	for (size_t i = 1; i < N; i++)
		assert_memory_not_equal(seen[i], seen[i - 1], 16);
}

TEST(another_key_is_another_permutation)
{
	struct permutation p, q;
	uint64_t a[2] = { 7, 0 }, b[2] = { 7, 0 };
	permute_init(&p, (const uint64_t[2]){ 1, 2 });
	permute_init(&q, (const uint64_t[2]){ 1, 3 });
	permute(&p, a);
	permute(&q, b);
	assert_memory_not_equal(a, b, 8);
}
