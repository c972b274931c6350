/* Changed tokens, read here and by libjwt: a fixed number of them, always the same changes. */
#include "second.h"

#include <string.h>

#include "mint.h"
#include "test.h"

enum { CHANGED = 12000, SIGNED = 3000 };

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static unsigned n_accepted, n_theirs;

static void try_one(const uint8_t *data, size_t n)
{
	struct second_result r = second_try(data, n);
	n_accepted += r.ours;
	n_theirs += r.theirs;
	if (r.differs)
		fail_msg("libjwt refuses %s", r.token);
}

/* A good token, so that what follows is not refused for another reason. */
TEST(both_accept_good_tokens)
{
	for (uint8_t alg = 0; alg < SECOND_ALGS; alg++) {
		const uint8_t nothing[] = { alg, 1 };
		struct second_result r = second_try(nothing, sizeof nothing);
		assert_true(r.ours);
		assert_true(r.theirs);
	}
}

TEST(no_changed_token_is_accepted_that_libjwt_refuses)
{
	uint32_t seed = 2;
	uint8_t data[2 + 12];
	for (unsigned i = 0; i < CHANGED; i++) {
		/* signatures of RSA take longest to make */
		data[0] = (uint8_t)(i % 64 == 0 ? i / 64 % SECOND_ALGS : i % 6);
		data[1] = 1;
		size_t n = 2 + 3 * (1 + next(&seed) % 4);
		for (size_t k = 2; k < n; k++)
			data[k] = (uint8_t)next(&seed);
		try_one(data, n);
	}
}

/* Headers and claims that are changed and then signed by the right key: the signature is good. */
TEST(no_signed_oddity_is_accepted_that_libjwt_refuses)
{
	static const char *const pieces[] = { "{", "}", "[", "]", ":", ",", "\"", "\\u0000",
		"\\ud800", "1e999", "-0", "01", "18446744073709551616", "\"alg\":\"HS256\"",
		"\"alg\":\"none\"", "\"kid\":\"a\"", "\"typ\":\"JWT\"", "\"typ\":1", "null", "true",
		" ", "\t", "\xc3\x28", "\xef\xbb\xbf", "\"crit\":[]", "\"b64\":true", "//", "NaN" };
	static const char *const seeds[] = {
		"{\"alg\":\"%s\",\"typ\":\"JWT\"}\n{\"iss\":\"i\",\"exp\":1700000100}",
		"{\"alg\":\"%s\"}\n{\"a\":[1,{\"b\":null}],\"c\":1.5}",
		"{\"typ\":\"jwt\",\"alg\":\"%s\",\"x\":{}}\n{}",
	};
	static const char *const names[] = { "HS256", "HS384", "HS512", "ES256" };
	uint32_t seed = 3;
	for (unsigned i = 0; i < SIGNED; i++) {
		const char *text = mint_text(seeds[i % 3], names[i % 4]);
		const char *piece = pieces[next(&seed) % (sizeof pieces / sizeof *pieces)];
		int at = (int)(next(&seed) % strlen(text)), gone = (int)(next(&seed) % 3);
		size_t end = (size_t)(at + gone) < strlen(text) ? (size_t)(at + gone)
								: strlen(text);
		const char *input = mint_text("%c%c%.*s%s%s", (int)(i % 4 ? i % 4 : 9), 3, at, text,
			i % 5 ? piece : "", text + end);
		try_one((const uint8_t *)input, strlen(input));
	}
	assert_in_range(n_accepted, 100, CHANGED);
	assert_in_range(n_theirs, 100, CHANGED + SIGNED);
}

static int teardown(void **state)
{
	(void)state;
	second_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
