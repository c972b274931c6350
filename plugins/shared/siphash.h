/* SipHash-2-4 with a result of 128 bits: a hash with a key, so that nobody without the key can find
 * two inputs of one result, or an input from a result. Any thread. */
#ifndef PLUGINS_SHARED_SIPHASH_H
#define PLUGINS_SHARED_SIPHASH_H

#include <sluice/str.h>

struct siphash {
	uint64_t lo, hi;
};

struct siphash siphash(const uint64_t key[2], sluice_str input);

#endif
