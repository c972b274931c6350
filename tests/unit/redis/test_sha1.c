/* redis/sha1: the examples of FIPS 180 and every length around a block's end. */
#include "unit.h"

#include <stdlib.h>

#include "redis/sha1.h"

static void expect(const char *text, size_t len, const char *want)
{
	char hex[SHA1_HEX + 1];
	sha1_hex(str_n(text, len), hex);
	if (strcmp(hex, want) != 0)
		fail_msg("%zu bytes: %s, not %s", len, hex, want);
}

static void test_examples(void **state)
{
	static const char long_one[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	(void)state;
	expect("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	expect(NULL, 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	expect("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
	expect(long_one, sizeof(long_one) - 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	char *million = malloc(1000000);
	assert_non_null(million);
	memset(million, 'a', 1000000);
	expect(million, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	free(million);
}

static void test_block_ends(void **state)
{
	/* of as many letters a; computed with sha1sum */
	static const struct { size_t n; const char *hex; } rows[] = {
		{ 54, "b05d71c64979cb95fa74a33cdb31a40d258ae02e" },
		{ 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a" },
		{ 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699" },
		{ 57, "f08f24908d682555111be7ff6f004e78283d989a" },
		{ 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5" },
		{ 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d" },
		{ 65, "11655326c708d70319be2610e8a57d9a5b959d3b" },
		{ 119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56" },
		{ 120, "f34c1488385346a55709ba056ddd08280dd4c6d6" },
		{ 121, "fa6b5a6f8ac27182f838fe7841ec6d2aef3ade29" },
		{ 127, "89d95fa32ed44a7c610b7ee38517ddf57e0bb975" },
		{ 128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0" },
		{ 129, "d96debf1bdcbc896e6c134ea76e8141f40d78536" },
	};
	char text[130];
	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(text, rows[i].n, rows[i].hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_examples), cmocka_unit_test(test_block_ends) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
