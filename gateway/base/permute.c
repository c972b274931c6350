/* A keyed permutation. Block and key are pairs (low, high). Any thread. */
#include "base/permute.h"

static inline uint64_t left(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

/* One round, on both words. */
static inline void round_of(uint64_t *high, uint64_t *low, uint64_t key)
{
	*high = (left(*high, 56) + *low) ^ key;
	*low = left(*low, 3) ^ *high;
}

void permute_init(struct permutation *p, const uint64_t key[2])
{
	uint64_t low = key[0], high = key[1];
	for (unsigned i = 0; i < PERMUTE_ROUNDS; i++) {
		p->key[i] = low;
		round_of(&high, &low, i);
	}
}

void permute(const struct permutation *p, uint64_t block[2])
{
	uint64_t low = block[0], high = block[1];
#pragma GCC unroll 32
	for (unsigned i = 0; i < PERMUTE_ROUNDS; i++)
		round_of(&high, &low, p->key[i]);
	block[0] = low;
	block[1] = high;
}
