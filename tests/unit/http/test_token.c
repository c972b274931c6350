/* http/token: every name of the table is found in any case, and nothing else is. */
#include "unit.h"

#include <stdlib.h>

#include "http/head.h"

static void test_every_row(void **state)
{
	(void)state;
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		sluice_str name = token_name((enum token)t);
		assert_in_range(name.len, 1, 24);
		char *exact = malloc(name.len); /* a sanitizer sees any read past the name */
		assert_non_null(exact);
		memcpy(exact, name.data, name.len);
		assert_int_equal(token_find(exact, name.len), t);
		for (size_t i = 0; i < name.len; i++)
			exact[i] = (char)(exact[i] >= 'a' && exact[i] <= 'z' ? exact[i] - 0x20 : exact[i]);
		assert_int_equal(token_find(exact, name.len), t);
		free(exact);
	}
}

/* Change any single byte of any name into any other: found only when it is the same letter. */
static void test_near_misses(void **state)
{
	(void)state;
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		sluice_str name = token_name((enum token)t);
		char buf[64];
		memcpy(buf, name.data, name.len);
		for (size_t i = 0; i < name.len; i++) {
			for (int c = 0; c < 256; c++) {
				buf[i] = (char)c;
				bool same = ascii_lower((char)c) == name.data[i];
				assert_int_equal(token_find(buf, name.len) == t, same);
			}
			buf[i] = name.data[i];
		}
		buf[name.len] = 'x';
		assert_int_not_equal(token_find(buf, name.len + 1), t);
		assert_int_not_equal(token_find(buf, name.len - 1), t);
	}
}

static void test_others(void **state)
{
	char longest[300];
	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(token_find("", 0), TOKEN_OTHER);
	assert_int_equal(token_find(NULL, 0), TOKEN_OTHER);
	for (size_t n = 1; n <= sizeof(longest); n++)
		assert_int_equal(token_find(longest, n), TOKEN_OTHER);
	assert_int_equal(token_find("x-custom", 8), TOKEN_OTHER);
	/* CR is '-' without the bit that tells upper from lower case */
	assert_int_equal(token_find("content\rlength", 14), TOKEN_OTHER);
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(token_flags(TOKEN_OTHER), 0);
	assert_int_equal(token_flags(TOKEN_TRANSFER_ENCODING), TOKEN_FRAMING | TOKEN_HOP);
	assert_int_equal(token_flags(TOKEN_HOST), TOKEN_SINGLE);
	assert_str(token_name(TOKEN_OTHER), "");
	assert_str(token_name(TOKEN_X_FORWARDED_FOR), "x-forwarded-for");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
