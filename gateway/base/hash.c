/* Keyed hashing after Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), with 1 and
 * 3 rounds. Any thread. */
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t keys[4] = { 0x736c756963650001ull, 0x9e3779b97f4a7c15ull, 0xbf58476d1ce4e5b9ull,
	0x94d049bb133111ebull };

void random_bytes(void *p, size_t n)
{
	char *at = p;
	while (n) {
		ssize_t r = getrandom(at, n, 0);
		check(r > 0 || errno == EINTR, "no random bytes: errno %d", errno);
		if (r > 0) {
			at += r;
			n -= (size_t)r;
		}
	}
}

void hash_seed(void)
{
	random_bytes(keys, sizeof(keys));
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND                      \
	do {                       \
		v0 += v1;          \
		v1 = ROTL(v1, 13); \
		v1 ^= v0;          \
		v0 = ROTL(v0, 32); \
		v2 += v3;          \
		v3 = ROTL(v3, 16); \
		v3 ^= v2;          \
		v0 += v3;          \
		v3 = ROTL(v3, 21); \
		v3 ^= v0;          \
		v2 += v1;          \
		v1 = ROTL(v1, 17); \
		v1 ^= v2;          \
		v2 = ROTL(v2, 32); \
	} while (0)

static uint64_t sip13(const uint64_t key[2], const char *p, size_t n)
{
	uint64_t v0 = key[0] ^ 0x736f6d6570736575ull, v1 = key[1] ^ 0x646f72616e646f6dull;
	uint64_t v2 = key[0] ^ 0x6c7967656e657261ull, v3 = key[1] ^ 0x7465646279746573ull;
	uint64_t last = (uint64_t)n << 56, m;
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		memcpy(&m, p + i, 8);
		v3 ^= m;
		ROUND;
		v0 ^= m;
	}
	m = 0;
	if (n > i)
		memcpy(&m, p + i, n - i);
	last |= m;
	v3 ^= last;
	ROUND;
	v0 ^= last;
	v2 ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}

uint64_t hash_str(sluice_str s)
{
	return sip13(keys, s.data, s.len);
}

uint64_t hash_str_ci(sluice_str s)
{
	char low[256];
	size_t n = s.len < sizeof(low) ? s.len : sizeof(low);
	for (size_t i = 0; i < n; i++)
		low[i] = ascii_lower(s.data[i]);
	return sip13(keys, low, n);
}

void hash_str128(sluice_str s, uint64_t out[2])
{
	out[0] = sip13(keys, s.data, s.len);
	out[1] = sip13(keys + 2, s.data, s.len);
}
