/* http/grpc: content types, deadlines, statuses, messages. */
#include "http/grpc.h"
#include "unit.h"

TEST(content_types)
{
	static const char *const calls[] = { "application/grpc", "application/grpc+proto",
		"APPLICATION/GRPC", "application/grpc;a=b", "application/grpc ; a=b",
		"application/grpc+", "application/grpc\t;a" };
	static const char *const others[] = { "", "application/grp", "application/grpc-web",
		"application/grpc-web+proto", "application/grpcs",
		"application/grpc,application/grpc", "xapplication/grpc", "application/grpc/x" };
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!grpc_is_content_type(str_of(calls[i])))
			fail_msg("%s is none", calls[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (grpc_is_content_type(str_of(others[i])))
			fail_msg("%s is one", others[i]);
	}
	assert_false(grpc_is_content_type(STR_NONE));
	assert_false(grpc_is_content_type(STR("application/grpc\0")));
}

TEST(timeouts)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "0n", 0 },
		{ "1n", 1 },
		{ "1u", 1000 },
		{ "250m", 250000000 },
		{ "1S", 1000000000 },
		{ "00000010S", UINT64_C(10000000000) },
		{ "2M", UINT64_C(120000000000) },
		{ "1H", UINT64_C(3600000000000) },
		{ "99999999n", 99999999 },
		{ "99999999M", UINT64_C(5999999940000000000) },
		{ "5124095H", UINT64_C(18446742000000000000) },
		{ "5124096H", GRPC_NO_TIMEOUT },
		{ "99999999H", GRPC_NO_TIMEOUT },
	};
	static const char *const bad[] = { "", "1", "S", "123456789S", "1s", "1h", "1U", "-1S",
		"+1S", " 1S", "1S ", "1 S", "1.0S", "0x1S", "1SS", "1mS", "1,2S", "\xd9\xa1S" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t ns = 7;
		if (!grpc_timeout_parse(str_of(good[i].text), &ns) || ns != good[i].ns)
			fail_msg("%s is %llu", good[i].text, (unsigned long long)ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ns;
		if (grpc_timeout_parse(str_of(bad[i]), &ns))
			fail_msg("\"%s\" is taken for one", bad[i]);
	}
	assert_false(grpc_timeout_parse(STR("1S\0"), &(uint64_t){ 0 }));
}

TEST(writing_timeouts)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{ 0, "0n" },
		{ 99999999, "99999999n" },
		{ 100000000, "100000u" },
		/* rounded down: the server is not to have more than the client */
		{ 100000999, "100000u" },
		{ UINT64_C(30000000000), "30000000u" },
		{ UINT64_C(99999999999), "99999999u" },
		{ UINT64_C(100000000000), "100000m" },
		{ UINT64_C(86400000000000), "86400000m" },
		{ UINT64_C(365) * 86400 * 1000000000, "31536000S" },
		{ UINT64_MAX - 1, "5124095H" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[GRPC_TIMEOUT_TEXT];
		sluice_str text = str_n(buf, grpc_timeout_write(rows[i].ns, buf));
		if (!str_eq(text, str_of(rows[i].text)))
			fail_msg("%llu ns are written %.*s", (unsigned long long)rows[i].ns,
				STR_ARG(text));
	}
}

TEST(statuses)
{
	assert_int_equal(grpc_status_parse(STR("0")), 0);
	assert_int_equal(grpc_status_parse(STR("16")), 16);
	assert_int_equal(grpc_status_parse(STR("999")), GRPC_STATUS_MAX);
	static const char *const bad[] = { "", "1000", "00", "01", "-1", "+1", " 1", "1 ", "x",
		"1.", "4294967297" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (grpc_status_parse(str_of(bad[i])) != -1)
			fail_msg("\"%s\" is taken for one", bad[i]);
	}
	assert_string_equal(grpc_code_name(0), "OK");
	assert_string_equal(grpc_code_name(16), "UNAUTHENTICATED");
	assert_string_equal(grpc_code_name(17), "other");
}

/* Every status the table of failures has is told by a code somebody chose. */
TEST(codes)
{
	static const struct {
		int status;
		enum grpc_code code;
	} rows[] = {
		{ 400, GRPC_INTERNAL },
		{ 401, GRPC_UNAUTHENTICATED },
		{ 403, GRPC_PERMISSION_DENIED },
		{ 404, GRPC_UNIMPLEMENTED },
		{ 405, GRPC_UNIMPLEMENTED },
		{ 408, GRPC_CANCELLED },
		{ 413, GRPC_RESOURCE_EXHAUSTED },
		{ 421, GRPC_UNAVAILABLE },
		{ 429, GRPC_RESOURCE_EXHAUSTED },
		{ 431, GRPC_RESOURCE_EXHAUSTED },
		{ 499, GRPC_CANCELLED },
		{ 500, GRPC_INTERNAL },
		{ 501, GRPC_UNIMPLEMENTED },
		{ 502, GRPC_UNAVAILABLE },
		{ 503, GRPC_UNAVAILABLE },
		{ 504, GRPC_UNAVAILABLE },
		{ 402, GRPC_UNKNOWN },
		{ 200, GRPC_UNKNOWN },
		{ 0, GRPC_UNKNOWN },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(grpc_code_of(rows[i].status), rows[i].code);
	for (int e = 1; e < ERR_COUNT; e++) {
		int status = err_info(-e)->status;
		if (grpc_code_of(status) == GRPC_UNKNOWN && status != 417 && status != 505)
			fail_msg("nobody chose a code for %d", status);
	}
}

static void assert_message(sluice_str text, size_t max, const char *expected)
{
	char out[256];
	assert_true(max <= sizeof(out));
	memset(out, '!', sizeof(out));
	size_t n = grpc_message_write(text, out, max);
	assert_true(n <= max);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(out, expected, n);
}

TEST(messages)
{
	assert_message(STR(""), 256, "");
	assert_message(STR_NONE, 256, "");
	assert_message(STR("plain ~ text!"), 256, "plain ~ text!");
	assert_message(STR("100%"), 256, "100%25");
	assert_message(STR("a\r\nb\tc\x7f"), 256, "a%0D%0Ab%09c%7F");
	assert_message(STR("a\0b"), 256, "a%00b");
	assert_message(STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 256,
		"%C3%A9%E2%82%AC%F0%9F%98%80");
	assert_message(STR("\xff\xc3(\xe2\x82"), 256,
		"?"
		"?(?"
		"?");
	/* blanks at the ends are part of it */
	assert_message(STR(" a b "), 256, "%20a b%20");
	assert_message(STR("  "), 256, "%20%20");
}

TEST(messages_are_cut)
{
	assert_message(STR("abcdef"), 3, "abc");
	assert_message(STR("ab%"), 4, "ab");
	assert_message(STR("ab%"), 5, "ab%25");
	assert_message(STR("a\xe2\x82\xac"), 9, "a"); /* a character is whole or not there */
	assert_message(STR("a\xe2\x82\xac"), 10, "a%E2%82%AC");
	assert_message(STR("ab cd"), 3, "ab"); /* no blank at the end */
	assert_message(STR("ab  \xc3\xa9"), 5, "ab");
	assert_message(STR("abc"), 0, "");
}
