/*
 * Keyed hashing (SipHash-1-3) for tables whose keys come from the network. The key is random, made
 * at start-up.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* Call once before threads start. */
void hash_seed(void);
uint64_t hash_str(sluice_str s);
/* folds ASCII case; s.len at most 256, longer ones hash their first 256 bytes */
uint64_t hash_str_ci(sluice_str s);
/* 128 bits: two independent halves, for keys that are compared by hash alone. */
void hash_str128(sluice_str s, uint64_t out[2]);
/* Unpredictable bytes from the system. */
void random_bytes(void *p, size_t n);

#endif
