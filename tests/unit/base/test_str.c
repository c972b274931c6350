/* base/str: comparison, cutting, numbers, list fields, the alphabets of HTTP. */
#include "unit.h"

TEST(compare)
{
	assert_true(str_eq(STR_NONE, STR("")));
	assert_true(str_eq(STR("a"), STR("a")));
	assert_false(str_eq(STR("a"), STR("b")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_ieq(STR("Content-Type"), STR("cONTENT-tYPE")));
	assert_false(str_ieq(STR("a"), STR("aa")));
	/* only letters fold: '[' and '{' differ by the same bit as 'A' and 'a' */
	assert_false(str_ieq(STR("["), STR("{")));
	assert_false(str_ieq(STR("@"), STR("`")));
	assert_true(str_starts(STR("unix:/x"), STR("unix:")));
	assert_true(str_starts(STR("x"), STR_NONE));
	assert_false(str_starts(STR("uni"), STR("unix:")));
	assert_true(str_ends(STR("a.example"), STR(".example")));
	assert_false(str_ends(STR("example"), STR(".example")));
	assert_true(str_ends(STR_NONE, STR_NONE));
}

TEST(trim)
{
	assert_str(str_trim(STR(" \t a b \t")), "a b");
	assert_str(str_trim(STR("  \t ")), "");
	assert_str(str_trim(STR("\ra\n")), "\ra\n"); /* OWS is SP and HTAB, nothing else */
	assert_int_equal(str_trim(STR_NONE).len, 0);
}

TEST(cut)
{
	sluice_str rest = STR("a=b=c");
	assert_str(str_cut(&rest, '='), "a");
	assert_str(str_cut(&rest, '='), "b");
	assert_non_null(rest.data);
	assert_str(str_cut(&rest, '='), "c");
	assert_null(rest.data);
	/* a separator at the end leaves an empty rest that is there; a missing one leaves none */
	rest = STR("a=");
	assert_str(str_cut(&rest, '='), "a");
	assert_non_null(rest.data);
	assert_int_equal(rest.len, 0);
	rest = STR_NONE;
	assert_int_equal(str_cut(&rest, '=').len, 0);
	assert_null(rest.data);
}

TEST(u64)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1a", "1_0",
		"18446744073709551616", "99999999999999999999", "184467440737095516150",
		"\xd9\xa1" };
	uint64_t v = 7;
	assert_true(str_u64(STR("0"), &v));
	assert_int_equal(v, 0);
	assert_true(str_u64(STR("00042"), &v));
	assert_int_equal(v, 42);
	assert_true(str_u64(STR("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (str_u64(str_of(bad[i]), &v))
			fail_msg("\"%s\" was read as %llu", bad[i], (unsigned long long)v);
	}
	assert_false(str_u64(str_n("1\0", 2), &v));
}

/* The members of a list, joined with '|'. */
static const char *members(const char *text, char *out, size_t size)
{
	sluice_str rest = str_of(text), item;
	size_t at = 0;
	while (str_list_next(&rest, &item)) {
		assert_true(at + item.len + 2 <= size);
		memcpy(out + at, item.data, item.len);
		at += item.len;
		out[at++] = '|';
	}
	out[at] = 0;
	return out;
}

TEST(list)
{
	char out[64];
	assert_string_equal(members("a, b ,c", out, sizeof(out)), "a|b|c|");
	assert_string_equal(members(" , ,a,, \t,b,", out, sizeof(out)), "a|b|");
	assert_string_equal(members("", out, sizeof(out)), "");
	assert_string_equal(members(",,,", out, sizeof(out)), "");
	assert_string_equal(members("a=\"1,2\", b", out, sizeof(out)), "a=\"1,2\"|b|");
	assert_string_equal(members("a=\"\\\",\", b", out, sizeof(out)), "a=\"\\\",\"|b|");
	/* a quote that never closes takes the rest with it, and a backslash at the very end is no
	 * step past it */
	assert_string_equal(members("a, \"b, c", out, sizeof(out)), "a|\"b, c|");
	assert_string_equal(members("\"\\", out, sizeof(out)), "\"\\|");
}

TEST(list_has)
{
	assert_true(str_list_has(STR("gzip, Chunked"), STR("chunked")));
	assert_false(str_list_has(STR("xchunked, chunkedx"), STR("chunked")));
	assert_false(str_list_has(STR("\"a, chunked, b\""), STR("chunked")));
	assert_false(str_list_has(STR_NONE, STR("close")));
}

TEST(distance)
{
	assert_int_equal(str_distance(STR("route"), STR("route"), 3), 0);
	assert_int_equal(str_distance(STR("rotue"), STR("route"), 3), 2);
	assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 3), 3);
	/* limit + 1: too far */
	assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 2), 3);
	assert_int_equal(str_distance(STR(""), STR("ab"), 2), 2);
	assert_int_equal(str_distance(STR("a"), STR("abcdefgh"), 2), 3);
	char long_a[65];
	memset(long_a, 'a', sizeof(long_a));
	assert_int_equal(str_distance(str_n(long_a, 65), str_n(long_a, 65), 2), 3);
	assert_int_equal(str_distance(str_n(long_a, 64), str_n(long_a, 64), 2), 0);
}

TEST(token)
{
	char c;
	unsigned n = 0;
	assert_true(str_is_token(STR("X-Rate_Limit.1~")));
	assert_false(str_is_token(STR_NONE));
	assert_false(str_is_token(STR("a b")));
	assert_false(str_is_token(STR("a:")));
	for (int i = 0; i < 256; i++) {
		c = (char)i;
		n += str_is_token(str_n(&c, 1));
	}
	assert_int_equal(n, 62 + 15); /* DIGIT, ALPHA and the 15 signs of RFC 9110 5.6.2 */
}

TEST(field_value)
{
	char c;
	unsigned n = 0;
	assert_true(str_is_field_value(STR_NONE));
	for (int b = 0; b < 256; b++) { /* at each place of words of eight bytes, and behind them */
		bool ok = (b >= 0x20 && b != 0x7f) || b == '\t';
		for (size_t at = 0; at < 20; at++) {
			char text[20];
			memset(text, 'a', sizeof(text));
			text[at] = (char)b;
			assert_int_equal(str_is_field_value(str_n(text, sizeof(text))), ok);
		}
	}
	assert_true(str_is_field_value(STR("a\tb \xc3\xa9")));
	assert_false(str_is_field_value(STR("a\r\nb: c")));
	assert_false(str_is_field_value(str_n("a\0b", 3)));
	for (int i = 0; i < 256; i++) {
		c = (char)i;
		n += !str_is_field_value(str_n(&c, 1));
	}
	assert_int_equal(n, 31 + 1); /* the control bytes but HTAB, and DEL */
}
