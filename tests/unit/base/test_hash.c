/* base/hash: stable within a process, changed by the key, and spread well enough for a table. */
#include "base/hash.h"

#include <stdio.h>

#include "unit.h"

TEST(stable)
{
	char a[] = "/v1/orders", b[] = "x/v1/orders";
	uint64_t w[2], v[2];
	assert_true(hash_str(str_of(a)) == hash_str(str_of(b + 1)));  /* at any alignment */
	assert_true(hash_str(STR("a")) != hash_str(str_n("a\0", 2))); /* the length counts */
	assert_true(hash_str(STR_NONE) == hash_str(STR("")));
	hash_str128(str_of(a), w);
	hash_str128(str_of(b + 1), v);
	assert_memory_equal(w, v, sizeof(w));
	assert_true(w[0] != w[1]);
}

TEST(every_byte_counts)
{
	char text[40];
	for (size_t n = 1; n <= sizeof(text); n++) {
		memset(text, 'a', sizeof(text));
		uint64_t before = hash_str(str_n(text, n));
		for (size_t i = 0; i < n; i++) {
			text[i] ^= 1;
			assert_true(hash_str(str_n(text, n)) != before);
			text[i] ^= 1;
		}
	}
}

TEST(case)
{
	char upper[300], lower[300];
	assert_true(hash_str_ci(STR("Content-Length")) == hash_str_ci(STR("cONTENT-lENGTH")));
	assert_true(hash_str_ci(STR("[")) != hash_str_ci(STR("{")));
	assert_true(hash_str_ci(STR("etag")) == hash_str(STR("etag")));
	memset(upper, 'A', sizeof(upper));
	memset(lower, 'a', sizeof(lower));
	lower[299] = 'z'; /* past the 256 bytes that count */
	assert_true(hash_str_ci(str_n(upper, 300)) == hash_str_ci(str_n(lower, 300)));
}

TEST(seed)
{
	uint64_t before = hash_str(STR("key"));
	hash_seed();
	uint64_t once = hash_str(STR("key"));
	hash_seed();
	assert_true(before != once);
	assert_true(once != hash_str(STR("key")));
}

TEST(spread)
{
	enum { BUCKETS = 256, KEYS = 256 * 64 };
	unsigned count[BUCKETS] = { 0 };
	char key[32];
	for (unsigned i = 0; i < KEYS; i++) {
		int n = snprintf(key, sizeof(key), "user-%u", i);
		count[hash_str(str_n(key, (size_t)n)) % BUCKETS]++;
	}
	/* 64 expected; 8 standard deviations either way are beyond chance */
	for (unsigned b = 0; b < BUCKETS; b++)
		assert_in_range(count[b], 1, 128);
}

TEST(random)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_bytes(a, 0);
}
