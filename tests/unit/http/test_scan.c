/* http/scan: byte classes against their definitions, and the two twins of each scanner against each
 * other. */
#include "unit.h"

#include <stdlib.h>

#include "http/scan.h"

TEST(classes)
{
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		sluice_str one = { &byte, 1 };
		bool visible = c > 0x20 && c < 0x7f;
		assert_int_equal(scan_is(byte, SCAN_TOKEN), str_is_token(one));
		assert_int_equal(scan_is(byte, SCAN_VALUE), str_is_field_value(one));
		assert_int_equal(scan_is(byte, SCAN_VISIBLE), visible);
		assert_int_equal(scan_is(byte, SCAN_NAME), visible && c != ':');
		assert_int_equal(scan_is(byte, SCAN_PATH), visible && !strchr("#%?\\", c));
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z');
		bool unreserved = alnum || (c && strchr("-._~", c));
		assert_int_equal(scan_is(byte, SCAN_UNRESERVED), unreserved);
		assert_int_equal(scan_is(byte, SCAN_HOST), unreserved && !(c >= 'A' && c <= 'Z'));
	}
}

TEST(empty_line)
{
	static const struct {
		const char *text;
		long at;
	} rows[] = {
		{ "", -1 },
		{ "\n", -1 },
		{ "\n\r", -1 },
		{ "\r\n\r", -1 },
		{ "\r\n\r\n", 1 },
		{ "\n\n", 0 },
		{ "a\r\n\n", 2 },
		{ "a\n\r\r\n", -1 },
		{ "a\r\nb\r\n\r\nc\r\n\r\n", 5 },
		{ "0123456789abcdefghijklmnopqrstuvwxyz\r\n\r\n", 37 },
		{ "0123456789abcde\n\r\n", 15 },
		{ "0123456789abcdef\n\n", 16 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *p = rows[i].text, *end = p + strlen(p);
		const char *hit = scan_empty_line_scalar(p, end);
		assert_int_equal(hit ? hit - p : -1, rows[i].at);
		hit = scan_empty_line(p, end);
		assert_int_equal(hit ? hit - p : -1, rows[i].at);
	}
}

#if SCAN_SIMD
static void compare(const char *p, const char *end)
{
	assert_ptr_equal(scan_value_simd(p, end), scan_value_scalar(p, end));
	assert_ptr_equal(scan_visible_simd(p, end), scan_visible_scalar(p, end));
	assert_ptr_equal(scan_name_simd(p, end), scan_name_scalar(p, end));
	assert_ptr_equal(scan_path_simd(p, end), scan_path_scalar(p, end));
	assert_ptr_equal(scan_empty_line_simd(p, end), scan_empty_line_scalar(p, end));
}

/* Every byte at every place of strings of every length around the width of a register, in heap
 * blocks of exact size. */
TEST(twins_every_place)
{
	for (size_t len = 0; len <= 50; len++) {
		char *p = malloc(len + 1);
		assert_non_null(p);
		memset(p, 'a', len);
		compare(p, p + len);
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				p[at] = (char)c;
				compare(p, p + len);
			}
			p[at] = 'a';
		}
		free(p);
	}
}

/* Random strings of the bytes that mean something. */
TEST(twins_random)
{
	static const char alphabet[] = "/./.?#%\\:\r\n\r\n\n\t ab\x7f\x80\xff";
	uint32_t seed = 1;
	char buf[96];
	for (int round = 0; round < 100000; round++) {
		size_t len = 0;
		for (; len < sizeof(buf); len++) {
			seed = seed * 1664525 + 1013904223;
			if (seed >> 24 < 6)
				break;
			buf[len] = (seed >> 20 & 3)
				? 'x'
				: alphabet[(seed >> 8) % (sizeof(alphabet) - 1)];
		}
		compare(buf, buf + len);
		for (size_t i = 0; i + 1 < len; i++) /* pairs across the border of a register */
			if (i % 16 == 15)
				buf[i] = buf[i + 1] = '/';
		compare(buf, buf + len);
	}
}
#endif
