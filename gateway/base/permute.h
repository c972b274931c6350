/*
 * A keyed permutation of 128 bits. It turns numbers that count up into numbers that look random to
 * anyone without the key, hide the count, and are all different. It is the block cipher
 * Speck128/128 (Beaulieu and others, "The Simon and Speck Families of Lightweight Block Ciphers",
 * 2013): a few instructions a round, no tables, no system call.
 */
#ifndef BASE_PERMUTE_H
#define BASE_PERMUTE_H

#include <stdint.h>

enum { PERMUTE_ROUNDS = 32 };

struct permutation {
	uint64_t key[PERMUTE_ROUNDS];
};

/* Any thread. Then immutable. */
void permute_init(struct permutation *p, const uint64_t key[2]);
/* Any thread. */
void permute(const struct permutation *p, uint64_t block[2]);

#endif
