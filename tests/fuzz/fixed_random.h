/*
 * Chance that is the same every time: for a target that is linked with --wrap=random_bytes, so that
 * its inputs can be run again. fixed_random_reset() at the beginning of each.
 */
#ifndef FUZZ_FIXED_RANDOM_H
#define FUZZ_FIXED_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void __wrap_random_bytes(void *p, size_t n);

static uint64_t fixed_random_state;

static inline void fixed_random_reset(void)
{
	fixed_random_state = 1;
}

void __wrap_random_bytes(void *p, size_t n)
{
	uint8_t *at = p;
	for (size_t i = 0; i < n; i++) {
		fixed_random_state = fixed_random_state * 6364136223846793005u +
			1442695040888963407u;
		at[i] = (uint8_t)(fixed_random_state >> 56);
	}
}

#endif
