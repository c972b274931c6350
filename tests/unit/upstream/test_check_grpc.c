/* upstream/check_grpc: the two messages of a gRPC health check. */
#include "upstream/check_grpc.h"

#include "unit.h"

static enum grpc_health read_bytes(const char *bytes, size_t n)
{
	return check_grpc_read(str_n(bytes, n));
}
#define READ(text) read_bytes(text, sizeof(text) - 1)

TEST(asks)
{
	char out[GRPC_ASK_MAX], name[GRPC_SERVICE_MAX];
	assert_int_equal(check_grpc_ask(STR(""), out), 5);
	assert_memory_equal(out, "\0\0\0\0\0", 5);
	assert_int_equal(check_grpc_ask(STR("a.B"), out), 10);
	assert_memory_equal(out, "\0\0\0\0\5\x0a\3a.B", 10);
	memset(name, 'x', sizeof(name));
	assert_int_equal(check_grpc_ask(str_n(name, sizeof(name)), out), 5 + 3 + 200);
	assert_memory_equal(out, "\0\0\0\0\xcb\x0a\xc8\x01x", 9);
}

TEST(answers)
{
	assert_int_equal(READ("\0\0\0\0\2\x08\1"), GRPC_CHECK_SERVING);
	assert_int_equal(READ("\0\0\0\0\2\x08\2"), GRPC_CHECK_NOT_SERVING);
	assert_int_equal(READ("\0\0\0\0\2\x08\3"), GRPC_CHECK_NOT_SERVING);
	assert_int_equal(READ("\0\0\0\0\0"), GRPC_CHECK_UNKNOWN);
	assert_int_equal(READ("\0\0\0\0\2\x08\0"), GRPC_CHECK_UNKNOWN);
	/* the last of several counts, and other fields are passed over */
	assert_int_equal(READ("\0\0\0\0\4\x08\2\x08\1"), GRPC_CHECK_SERVING);
	assert_int_equal(READ("\0\0\0\0\x14\x12\2ab\x1d\1\2\3\4\x21\1\2\3\4\5\6\7\x08\x08\1"),
		GRPC_CHECK_SERVING);
	assert_int_equal(READ("\0\0\0\0\x0b\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\0"),
		GRPC_CHECK_SERVING); /* one, in the longest form */
}

TEST(malformed)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "\0\0\0\0", 4 },
		{ "\1\0\0\0\2\x08\1", 7 },
		{ "\0\0\0\0\3\x08\1", 7 },
		{ "\0\0\0\0\1\x08\1", 7 },
		{ "\0\0\0\0\1\x08", 6 },
		{ "\0\0\0\0\2\x08\x80", 7 },
		{ "\0\0\0\0\2\x12\5", 7 },
		{ "\0\0\0\0\2\x0b\1", 7 },
		{ "\0\0\0\0\2\x00\1", 7 },
		{ "\0\0\0\0\3\x1d\1\2", 8 },
		{ "\0\0\0\0\3\x21\1\2", 8 },
		{ "\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 16 },
		{ "\xff\xff\xff\xff\xff", 5 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_bytes(cases[i].bytes, cases[i].n) != GRPC_CHECK_MALFORMED)
			fail_msg("case %zu", i);
	}
}
