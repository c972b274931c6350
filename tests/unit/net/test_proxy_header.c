/* net/proxy_header: which bytes are a header and what it says, in both versions; and headers that
 * are written. */
#include "net/proxy_header.h"

#include "../unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.1:56324, 198.51.100.7:443 */
#define INET "\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"
#define INET6                                                                                      \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x00" \
	"\x01\xff\xff"
#define LITERAL(text) (text), sizeof(text) - 1

static void assert_named(const struct proxy_header *h, const char *source, const char *target)
{
	char text[ADDR_TEXT];
	assert_true(h->is_named);
	(void)addr_text(&h->source, text);
	assert_string_equal(text, source);
	(void)addr_text(&h->target, text);
	assert_string_equal(text, target);
}

/* Whole, with bytes behind it, and in every part. */
static void assert_header(const char *p, size_t n, struct proxy_header *h)
{
	const char *why = NULL;
	char more[600];
	struct proxy_header other;
	for (size_t part = 0; part < n; part++) {
		if (proxy_header_parse(p, part, &other, &why) != 0)
			fail_msg("the first %zu of %zu bytes are not the beginning of a header",
				part, n);
	}
	assert_true(n + 7 <= sizeof(more));
	memcpy(more, p, n);
	memcpy(more + n, "PROXY \n", 7);
	assert_int_equal(proxy_header_parse(more, n + 7, &other, &why), n);
	int len = proxy_header_parse(p, n, h, &why);
	if (len != (int)n)
		fail_msg("%zu bytes are a header of %d: %s", n, len, why ? why : "");
	assert_int_equal(h->is_named, other.is_named);
}

TEST(version_1)
{
	struct proxy_header h;
	assert_header(LITERAL("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"), &h);
	assert_int_equal(h.version, 1);
	assert_named(&h, "192.0.2.1:56324", "198.51.100.7:443");
	assert_header(LITERAL("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"), &h);
	assert_named(&h, "255.255.255.255:65535", "0.0.0.0:0");
	assert_header(LITERAL("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), &h);
	assert_named(&h, "[2001:db8::1]:1", "[::1]:65535");
	assert_header(LITERAL("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			      "65535 65535\r\n"),
		&h);
	assert_true(h.is_named);
	assert_header(LITERAL("PROXY UNKNOWN\r\n"), &h);
	assert_false(h.is_named);
	assert_header(LITERAL("PROXY UNKNOWN whatever it says\r\n"), &h);
	assert_false(h.is_named);
}

TEST(version_1_refused)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n",
		"PROXy TCP4 192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY\r\n",
		"PROXY \r\n",
		"PROXY TCP4\r\n",
		"PROXY TCP5 192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY UNKNOWNX\r\n",
		"PROXY unknown\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 2 3\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 2 \r\n",
		"PROXY TCP4  192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY  TCP4 192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY\tTCP4 192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 65536\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 01 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 -1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 \r\n",
		"PROXY TCP4 192.0.2.01 198.51.100.7 1 2\r\n",
		"PROXY TCP4 192.0.2 198.51.100.7 1 2\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
		"PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
		"PROXY TCP6 2001:db8::1 198.51.100.7 1 2\r\n",
		"PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 2\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\r\n",
		"PROXY TCP4 192.0.2.1\r198.51.100.7 1 2\r\n",
		"PROXY UNKNOWN \r x\r\n",
		"PROXY UNKNOWN 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
		"0123456789 0123456789 01234\r\n",
		"PROXY UNKNOWN 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
		"0123456789 0123456789 012345",
	};
	struct proxy_header h;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		h = (struct proxy_header){ .version = 77 };
		if (proxy_header_parse(bad[i], strlen(bad[i]), &h, &why) >= 0)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_int_equal(h.version, 77); /* nothing of it is taken */
		assert_false(h.is_named);
		assert_non_null(why);
	}
}

TEST(version_2)
{
	struct proxy_header h;
	char unix_paths[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/run/a";
	assert_header(LITERAL(SIGNATURE "\x21\x11\x00\x0c" INET), &h);
	assert_int_equal(h.version, 2);
	assert_named(&h, "192.0.2.1:56324", "198.51.100.7:443");
	assert_header(LITERAL(SIGNATURE "\x21\x21\x00\x24" INET6), &h);
	assert_named(&h, "[2001:db8::1]:1", "[2001:db8::2]:65535");
	/* for itself, whatever else it says */
	assert_header(LITERAL(SIGNATURE "\x20\x00\x00\x00"), &h);
	assert_false(h.is_named);
	assert_header(LITERAL(SIGNATURE "\x20\x11\x00\x0f" INET "xyz"), &h);
	assert_false(h.is_named);
	assert_header(LITERAL(SIGNATURE "\x20\xff\x00\x03xyz"), &h);
	assert_false(h.is_named);
	/* of no Internet family, or not of TCP */
	assert_header(LITERAL(SIGNATURE "\x21\x00\x00\x03xyz"), &h);
	assert_false(h.is_named);
	assert_header(LITERAL(SIGNATURE "\x21\x12\x00\x0c" INET), &h);
	assert_false(h.is_named);
	assert_header(LITERAL(SIGNATURE "\x21\x22\x00\x24" INET6), &h);
	assert_false(h.is_named);
	assert_header(unix_paths, sizeof(unix_paths), &h);
	assert_false(h.is_named);
}

TEST(extensions)
{
	struct proxy_header h;
	const char *why = NULL;
	assert_header(LITERAL(SIGNATURE "\x21\x11\x00\x1f" INET "\x02\x00\x0b"
					"example.com"
					"\x04\x00\x02\0\0"),
		&h);
	assert_named(&h, "192.0.2.1:56324", "198.51.100.7:443");
	assert_header(LITERAL(SIGNATURE "\x21\x11\x00\x0f" INET "\xff\x00\x00"), &h);
	assert_true(h.is_named);

	/* the longest there may be */
	static char longest[PROXY_HEADER_MAX];
	memcpy(longest, LITERAL(SIGNATURE "\x21\x11\x0f\xf0" INET "\x04\x0f\xe1"));
	assert_int_equal(proxy_header_parse(longest, sizeof(longest) - 1, &h, &why), 0);
	assert_int_equal(proxy_header_parse(longest, sizeof(longest), &h, &why), sizeof(longest));
	longest[15]++;
	assert_int_equal(proxy_header_parse(longest, 16, &h, &why), -1);
}

TEST(checksum)
{
	/* the checksum was worked out apart from the code under test */
	char h4[] = SIGNATURE "\x21\x11\x00\x18" INET "\x05\x00\x02id\x03\x00\x04\x00\x00\x00\x00";
	struct proxy_header h;
	const char *why = NULL;
	memcpy(h4 + sizeof(h4) - 5, "\xcb\xb4\x92\x8e", 4);
	assert_header(h4, sizeof(h4) - 1, &h);
	assert_named(&h, "192.0.2.1:56324", "198.51.100.7:443");
	/* no byte may be another one, but what says that there is a checksum */
	for (size_t i = 12; i < sizeof(h4) - 1; i++) {
		if (i == sizeof(h4) - 1 - 7)
			continue;
		h4[i] ^= 1;
		assert_true(proxy_header_parse(h4, sizeof(h4) - 1, &h, &why) <= 0 || !h.is_named);
		h4[i] ^= 1;
	}
}

TEST(version_2_refused)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
		{ LITERAL("\r\n\r\n\1") },
		{ LITERAL("\r\n\r\nGET ") },
		{ LITERAL(SIGNATURE "\x11") },                  /* version 1 */
		{ LITERAL(SIGNATURE "\x31\x11\x00\x0c" INET) }, /* version 3 */
		/* a command nobody knows */
		{ LITERAL(SIGNATURE "\x22\x11\x00\x0c" INET) },
		{ LITERAL(SIGNATURE "\x21\x10\x00\x0c" INET) }, /* a transport */
		{ LITERAL(SIGNATURE "\x21\x13\x00\x0c" INET) },
		{ LITERAL(SIGNATURE "\x21\x01\x00\x0c" INET) },
		{ LITERAL(SIGNATURE "\x21\x41\x00\x0c" INET) }, /* a family */
		/* addresses that do not fit */
		{ LITERAL(SIGNATURE "\x21\x11\x00\x0b" INET) },
		{ LITERAL(SIGNATURE "\x21\x21\x00\x0c" INET) },
		{ LITERAL(SIGNATURE "\x21\x31\x00\x0c" INET) },
		{ LITERAL(SIGNATURE "\x21\x11\x0f\xf1") }, /* too long */
		{ LITERAL(SIGNATURE "\x21\x11\xff\xff") },
		{ LITERAL(SIGNATURE "\x20\x11\xff\xff") },
		/* half an extension */
		{ LITERAL(SIGNATURE "\x21\x11\x00\x0d" INET "\x04") },
		{ LITERAL(SIGNATURE "\x21\x11\x00\x0e" INET "\x04\x00") },
		{ LITERAL(SIGNATURE "\x21\x11\x00\x0f" INET "\x04\x00\x01") },
		{ LITERAL(SIGNATURE "\x21\x11\x00\x12" INET "\x04\xff\xff"
				    "abc") },
		/* a checksum that is none */
		{ LITERAL(SIGNATURE "\x21\x11\x00\x12" INET "\x03\x00\x03"
				    "abc") },
	};
	struct proxy_header h;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		if (proxy_header_parse(bad[i].p, bad[i].n, &h, &why) >= 0)
			fail_msg("header %zu was not refused", i);
		assert_non_null(why);
	}
}

static struct addr address(const char *text)
{
	struct addr a;
	assert_true(addr_parse(str_of(text), &a));
	return a;
}

static void assert_written(int version, const struct addr *source, const struct addr *target,
	const char *want, size_t n)
{
	char buf[PROXY_HEADER_WRITTEN];
	size_t len = proxy_header_write(version, source, target, buf);
	assert_int_equal(len, n);
	assert_memory_equal(buf, want, n);
}

TEST(written)
{
	struct addr a = address("192.0.2.1:56324"), b = address("198.51.100.7:443"),
		    c = address("[2001:db8::1]:1"), d = address("[2001:db8::2]:65535"),
		    path = address("unix:/run/x"), none = { 0 },
		    mapped = address("[::ffff:192.0.2.1]:56324");
	assert_written(1, &a, &b, LITERAL("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"));
	assert_written(1, &mapped, &b, LITERAL("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"));
	assert_written(1, &c, &d, LITERAL("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"));
	assert_written(1, &a, &d,
		LITERAL("PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 65535\r\n"));
	assert_written(1, &c, &b, LITERAL("PROXY TCP6 2001:db8::1 ::ffff:198.51.100.7 1 443\r\n"));
	assert_written(1, &a, &path, LITERAL("PROXY TCP4 192.0.2.1 0.0.0.0 56324 0\r\n"));
	assert_written(1, &c, &none, LITERAL("PROXY TCP6 2001:db8::1 :: 1 0\r\n"));
	assert_written(1, &path, &b, LITERAL("PROXY UNKNOWN\r\n"));
	assert_written(1, &none, &none, LITERAL("PROXY UNKNOWN\r\n"));
	assert_written(2, &a, &b, LITERAL(SIGNATURE "\x21\x11\x00\x0c" INET));
	assert_written(2, &mapped, &b, LITERAL(SIGNATURE "\x21\x11\x00\x0c" INET));
	assert_written(2, &c, &d, LITERAL(SIGNATURE "\x21\x21\x00\x24" INET6));
	assert_written(2, &path, &b, LITERAL(SIGNATURE "\x21\x00\x00\x00"));
}
