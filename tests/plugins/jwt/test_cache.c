/* The memory of verified tokens. */
#include "cache.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1000)

static struct cache c;

static sluice_str token_no(unsigned i)
{
	static char text[64];
	return (sluice_str){ text,
		(size_t)snprintf(text, sizeof text, "header.claims.signature-%u", i) };
}

/* What an instance with one issuer has: a key set of that generation. */
static const struct issuer_keys *by_generation(uint64_t generation)
{
	static struct keyset set;
	static const struct issuer_keys keys = { .keys = &set };
	set.generation = generation;
	return &keys;
}

static struct entry *remember(sluice_str token, uint64_t generation, uint64_t until)
{
	json_t *claims = json_pack("{s:s, s:[s,s]}", "sub", "user", "roles", "a", "b");
	const json_t *values[] = { json_object_get(claims, "sub"), NULL,
		json_object_get(claims, "roles") };
	struct entry *e = entry_new(token, claims, values, 3);
	e->hash = cache_hash(&c, token);
	e->generation = generation;
	e->when = (struct validity){ .from = NOW, .until = until };
	cache_put(&c, e, by_generation(generation), NOW);
	entry_unref(e);
	return e;
}

static struct entry *find(sluice_str token, uint64_t generation, uint64_t now)
{
	return cache_find(&c, token, cache_hash(&c, token), by_generation(generation), now);
}

TEST(gives_back_what_it_was_given)
{
	assert_int_equal(cache_init(&c, 16), 0);
	struct entry *e = remember(token_no(1), 1, NOW + 10);
	assert_ptr_equal(find(token_no(1), 1, NOW), e);
	assert_int_equal(e->refs, 1);
	assert_int_equal(e->n_texts, 3);
	assert_memory_equal(e->texts[0].data, "user", 4);
	assert_null(e->texts[1].data);
	assert_int_equal(e->texts[2].len, 3);
	assert_memory_equal(e->texts[2].data, "a b", 3);
	assert_null(find(token_no(2), 1, NOW));
	/* valid from, until, and only with the keys it was verified with */
	assert_null(find(token_no(1), 1, NOW - 1));
	assert_non_null(find(token_no(1), 1, NOW + 9));
	assert_null(find(token_no(1), 1, NOW + 10));
	assert_null(find(token_no(1), 2, NOW));
	cache_fini(&c);
}

/* A hash that is the same is not a token that is the same. */
TEST(compares_the_whole_token)
{
	assert_int_equal(cache_init(&c, 16), 0);
	struct entry *e = remember(token_no(1), 1, NOW + 10);
	char other[64];
	memcpy(other, e->token.data, e->token.len);
	for (size_t i = 0; i < e->token.len; i++) {
		other[i] ^= 1;
		assert_null(cache_find(&c, (sluice_str){ other, e->token.len }, e->hash,
			by_generation(1), NOW));
		other[i] ^= 1;
	}
	assert_null(cache_find(&c, (sluice_str){ other, e->token.len - 1 }, e->hash,
		by_generation(1), NOW));
	assert_ptr_equal(cache_find(&c, (sluice_str){ other, e->token.len }, e->hash,
				 by_generation(1), NOW),
		e);
	cache_fini(&c);
}

/* An entry is good by the keys of its own issuer, whatever the others have; and not at all while
 * that one has none. */
TEST(goes_by_the_keys_of_its_issuer)
{
	struct keyset one = { .generation = 1 }, two = { .generation = 2 };
	struct issuer_keys keys[] = { { .keys = &one }, { .keys = &two } };
	assert_int_equal(cache_init(&c, 16), 0);
	struct entry *e = remember(token_no(1), 2, NOW + 10);
	uint64_t hash = cache_hash(&c, token_no(1));
	e->issuer = 1;
	assert_ptr_equal(cache_find(&c, token_no(1), hash, keys, NOW), e);
	one.generation = 7;
	assert_ptr_equal(cache_find(&c, token_no(1), hash, keys, NOW), e);
	keys[1].keys = NULL;
	assert_null(cache_find(&c, token_no(1), hash, keys, NOW));
	keys[1].keys = &one;
	assert_null(cache_find(&c, token_no(1), hash, keys, NOW));
	cache_fini(&c);
}

TEST(stays_within_its_size)
{
	assert_int_equal(cache_init(&c, 64), 0);
	for (unsigned i = 0; i < 10000; i++)
		remember(token_no(i), 1, NOW + 10);
	unsigned n = 0;
	for (unsigned i = 0; i < 10000; i++)
		n += find(token_no(i), 1, NOW) != NULL;
	assert_in_range(n, 60, 64);
	cache_fini(&c);
}

TEST(keeps_what_is_used)
{
	assert_int_equal(cache_init(&c, CACHE_WAYS), 0); /* one set */
	for (unsigned i = 0; i < CACHE_WAYS; i++)
		remember(token_no(i), 1, NOW + 10);
	for (unsigned i = 100; i < 200; i++) {
		assert_non_null(find(token_no(3), 1, NOW));
		remember(token_no(i), 1, NOW + 10);
	}
	assert_non_null(find(token_no(3), 1, NOW));
	assert_null(find(token_no(4), 1, NOW));
	cache_fini(&c);
}

TEST(gives_up_the_invalid_first)
{
	assert_int_equal(cache_init(&c, CACHE_WAYS), 0);
	for (unsigned i = 0; i < CACHE_WAYS; i++) {
		if (i != 5)
			remember(token_no(i), 2, NOW + 10);
	}
	remember(token_no(5), 2, NOW);
	remember(token_no(50), 2, NOW + 10); /* 5 has expired */
	for (unsigned i = 0; i < CACHE_WAYS; i++)
		assert_int_equal(find(token_no(i), 2, NOW) != NULL, i != 5);
	/* the same token again takes its own place, not one more */
	remember(token_no(0), 2, NOW + 20);
	assert_non_null(find(token_no(0), 2, NOW + 15));
	assert_non_null(find(token_no(50), 2, NOW));
	cache_fini(&c);
}

TEST(entries_outlive_their_place)
{
	assert_int_equal(cache_init(&c, CACHE_WAYS), 0);
	struct entry *e = remember(token_no(0), 1, NOW + 10);
	e->refs++;
	for (unsigned i = 1; i < 100; i++)
		remember(token_no(i), 1, NOW + 10);
	assert_null(find(token_no(0), 1, NOW));
	assert_int_equal(e->refs, 1);
	assert_string_equal(json_string_value(json_object_get(e->claims, "sub")), "user");
	entry_unref(e);
	cache_fini(&c);
}

TEST(remembers_nothing_when_told)
{
	assert_int_equal(cache_init(&c, 0), 0);
	struct entry *e = remember(token_no(0), 1, NOW + 10); /* freed at once: not to be touched */
	(void)e;
	assert_null(find(token_no(0), 1, NOW));
	cache_fini(&c);
}

TEST(hashes_by_its_own_key)
{
	struct cache other;
	/* the reference implementation's value for SipHash-1-3, key 00..0f, text 00..0e */
	c.key[0] = UINT64_C(0x0706050403020100);
	c.key[1] = UINT64_C(0x0f0e0d0c0b0a0908);
	char text[15];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)i;
	assert_int_equal(cache_hash(&c, (sluice_str){ text, 15 }), UINT64_C(0xd320d86d2a519956));
	assert_int_equal(cache_init(&c, 8), 0);
	assert_int_equal(cache_init(&other, 8), 0);
	assert_int_not_equal(cache_hash(&c, token_no(1)), cache_hash(&other, token_no(1)));
	cache_fini(&c);
	cache_fini(&other);
}
