/* Writing JSON: commas, escapes, bytes that are not UTF-8, and buffers that are too small. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "unit.h"

static char buf[4096];

static const char *text_of(struct json_out *o)
{
	sluice_str s = json_text(o);
	static char z[4096];
	assert_true(s.len < sizeof(z));
	memcpy(z, s.data, s.len);
	z[s.len] = 0;
	return z;
}

static void document(struct json_out *o)
{
	json_open(o, '{');
	json_key(o, STR("a"));
	json_uint(o, UINT64_MAX);
	json_key(o, STR("b"));
	json_open(o, '[');
	json_int(o, INT64_MIN);
	json_int(o, 0);
	json_str(o, STR("x,"));
	json_open(o, '{');
	json_close(o, '}');
	json_open(o, '[');
	json_close(o, ']');
	json_bool(o, true);
	json_bool(o, false);
	json_null(o);
	json_close(o, ']');
	json_key(o, STR("c[{:"));
	json_strf(o, "%d%s", 5, "%");
	json_close(o, '}');
}

static const char compact[] =
	"{\"a\":18446744073709551615,\"b\":[-9223372036854775808,0,\"x,\",{},[],true,false,null],"
	"\"c[{:\":\"5%\"}";

TEST(structure)
{
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	document(&o);
	assert_string_equal(text_of(&o), compact);
	assert_false(o.full);
	assert_int_equal(o.depth, 0);
	json_raw(&o, STR("\n")); /* a next document on a line of its own */
	json_open(&o, '{');
	json_close(&o, '}');
	assert_string_equal(text_of(&o) + sizeof(compact) - 1, "\n{}");
}

TEST(pretty)
{
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	o.pretty = true;
	json_open(&o, '{');
	json_key(&o, STR("a"));
	json_open(&o, '[');
	json_uint(&o, 1);
	json_uint(&o, 2);
	json_close(&o, ']');
	json_key(&o, STR("b"));
	json_open(&o, '{');
	json_close(&o, '}');
	json_close(&o, '}');
	assert_string_equal(text_of(&o), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

static void escaped(const char *in, size_t n, const char *out)
{
	struct json_out o;
	char want[512];
	(void)snprintf(want, sizeof(want), "\"%s\"", out);
	json_init(&o, buf, sizeof(buf));
	json_str(&o, str_n(in, n));
	assert_string_equal(text_of(&o), want);
}
#define ESCAPED(in, out) escaped((in), sizeof(in) - 1, (out))

TEST(escapes)
{
	ESCAPED("", "");
	ESCAPED("plain text that is longer than eight bytes",
		"plain text that is longer than eight bytes");
	ESCAPED("say \"hi\" \\ / \b\f\n\r\t", "say \\\"hi\\\" \\\\ / \\b\\f\\n\\r\\t");
	ESCAPED("\0\x01\x1f\x20\x7f", "\\u0000\\u0001\\u001f \x7f");
	ESCAPED("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	ESCAPED("\xff", "\xef\xbf\xbd");
	ESCAPED("a\xc3", "a\xef\xbf\xbd");                               /* cut short */
	ESCAPED("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");                 /* overlong */
	ESCAPED("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
	ESCAPED("\xf4\x90\x80\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	json_str(&o, STR_NONE);
	assert_string_equal(text_of(&o), "\"\"");
}

/* Every byte at every place of a word: the scan by words must find what the scan by bytes finds. */
TEST(escapes_at_every_place)
{
	for (unsigned c = 0; c < 128; c++) {
		for (size_t at = 0; at < 19; at++) {
			char in[19], out[64];
			memset(in, ' ', sizeof(in));
			in[at] = (char)c;
			bool plain = c >= 0x20 && c != '"' && c != '\\';
			struct json_out o;
			json_init(&o, out, sizeof(out));
			json_str(&o, str_n(in, sizeof(in)));
			sluice_str s = json_text(&o);
			if (plain) {
				assert_int_equal(s.len, 21);
				assert_memory_equal(s.data + 1, in, 19);
			} else {
				assert_true(s.len == 22 || s.len == 26);
				assert_int_equal(s.data[1 + at], '\\');
				assert_int_equal(s.data[s.len - 2],
					at == 18 ? s.data[s.len - 2] : ' ');
			}
		}
	}
}

static void cut(const char *in, size_t max, const char *out)
{
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	json_str_cut(&o, str_of(in), max);
	assert_string_equal(text_of(&o), out);
}

TEST(cut)
{
	cut("abc", 3, "\"abc\"");
	cut("abcd", 3, "\"abc\xe2\x80\xa6\"");
	cut("ab\xe2\x82\xac", 5, "\"ab\xe2\x82\xac\"");
	cut("ab\xe2\x82\xac", 4, "\"ab\xe2\x80\xa6\"");
	cut("ab\xe2\x82\xac", 3, "\"ab\xe2\x80\xa6\"");
	cut("\xf0\x9f\x98\x80", 3, "\"\xe2\x80\xa6\"");
	/* no characters to spare */
	assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5);
}

static void fixed(uint64_t v, unsigned decimals, const char *out)
{
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	json_fixed(&o, v, decimals);
	assert_string_equal(text_of(&o), out);
}

TEST(fixed)
{
	fixed(1250000, 6, "1.25");
	fixed(1, 6, "0.000001");
	fixed(3000000, 6, "3");
	fixed(0, 6, "0");
	fixed(42, 0, "42");
	fixed(UINT64_MAX, 18, "18.446744073709551615");
}

/* Whatever the room, nothing is written behind it, and what did not fit is known. */
TEST(full)
{
	for (size_t size = 0; size < sizeof(compact); size++) {
		char *room = malloc(size + 1);
		struct json_out o;
		room[size] = 'Z';
		json_init(&o, room, size);
		document(&o);
		assert_int_equal(room[size], 'Z');
		assert_int_equal(o.full, size < sizeof(compact) - 1);
		assert_true(json_text(&o).len <= size);
		free(room);
	}
}

TEST(heap)
{
	struct json_out o;
	json_init_heap(&o, 100000);
	json_open(&o, '[');
	for (int i = 0; i < 2000; i++)
		json_strf(&o, "%04d", i);
	json_close(&o, ']');
	assert_false(o.full);
	assert_int_equal(json_text(&o).len, 2000 * 7 + 1);
	json_fini(&o);
	json_init_heap(&o, 100000);
	for (int i = 0; i < 20000; i++)
		json_null(&o);
	assert_true(json_text(&o).len <= 100000);
	json_fini(&o);
	json_init_heap(&o, 100000);
	for (int i = 0; i < 100000; i++)
		json_null(&o);
	assert_true(o.full);
	json_fini(&o);
}
