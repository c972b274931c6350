/* Budgets, and what the meter makes of frames. */
#include "unit.h"

#include "base/clock.h"
#include "http2/limits.h"

TEST(budget)
{
	const struct budget_rule r = { .burst = 10, .per_s = 5 };
	struct budget b = { 0 };
	uint64_t now = 1000 * NS_PER_S;
	for (int i = 0; i < 10; i++)
		assert_true(budget_spend(&b, &r, now, 1));
	assert_false(budget_spend(&b, &r, now, 1));
	assert_false(budget_spend(&b, &r, now + NS_PER_S / 5 - 1, 1));
	assert_true(budget_spend(&b, &r, now + NS_PER_S / 5, 1));
	assert_false(budget_spend(&b, &r, now + NS_PER_S / 5, 1));
	budget_earn(&b, &r, 3);
	assert_true(budget_spend(&b, &r, now + NS_PER_S / 5, 3));
	assert_false(budget_spend(&b, &r, now + NS_PER_S / 5, 1));
	budget_earn(&b, &r, 1000); /* never more than the burst */
	now += NS_PER_S;
	assert_false(budget_spend(&b, &r, now, 11));
	assert_true(budget_spend(&b, &r, now, 10));
	now += 3600 * NS_PER_S;
	assert_false(budget_spend(&b, &r, now, 11));
	assert_true(budget_spend(&b, &r, now, 10));
}

static size_t frame(char *to, unsigned type, unsigned flags, uint32_t stream, size_t len)
{
	const char head[9] = { (char)(len >> 16), (char)(len >> 8), (char)len, (char)type,
		(char)flags, (char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8),
		(char)stream };
	memcpy(to, head, 9);
	memset(to + 9, 'x', len);
	return 9 + len;
}

/* However the bytes come, the same frames are seen, and never bytes of two in one piece. */
TEST(cut)
{
	static char all[4096];
	size_t n = HTTP2_PREFACE_LEN;
	memset(all, 'p', n);
	n += frame(all + n, FRAME_SETTINGS, 0, 0, 0);
	n += frame(all + n, FRAME_HEADERS, FRAME_END_HEADERS, 0x7fffffff, 300);
	n += frame(all + n, FRAME_PING, FRAME_ACK, 0, 8);
	n += frame(all + n, FRAME_DATA, FRAME_END_STREAM, 3, 1000);
	for (size_t step = 1; step <= n; step++) {
		static const unsigned types[] = { FRAME_SETTINGS, FRAME_HEADERS, FRAME_PING,
			FRAME_DATA };
		static const uint32_t lengths[] = { 0, 300, 8, 1000 };
		static const size_t ends[] = { 24, 33, 342, 359, 1368 };
		struct meter m;
		size_t frames = 0, end = 0;
		meter_init(&m, 1024);
		for (size_t at = 0; at < n;) {
			struct frame_head f;
			bool begun;
			size_t take = at + step < n ? step : n - at;
			size_t cut = meter_cut(&m, all + at, take, &f, &begun);
			assert_true(cut > 0 && cut <= take);
			at += cut;
			assert_true(at <= ends[end]);
			end += at == ends[end];
			if (!begun)
				continue;
			assert_int_equal(f.type, types[frames]);
			assert_int_equal(f.length, lengths[frames]);
			assert_int_equal(f.stream, frames == 1 ? 0x7fffffff : frames == 3 ? 3 : 0);
			frames++;
		}
		assert_int_equal(frames, 4);
		assert_int_equal(end, 5);
		assert_false(m.block_open);
	}
}

static bool see(struct meter *m, unsigned type, unsigned flags, uint32_t length, uint64_t now)
{
	const struct frame_head f = { .type = (uint8_t)type,
		.flags = (uint8_t)flags,
		.length = length,
		.stream = 1 };
	return meter_frame(m, &f, now);
}

static uint64_t how_many(unsigned type, unsigned flags, uint32_t length)
{
	struct meter m;
	uint64_t n = 0;
	meter_init(&m, 32768);
	while (n < 1000000 && see(&m, type, flags, length, NS_PER_S))
		n++;
	return n;
}

TEST(prices)
{
	assert_int_equal(how_many(FRAME_WINDOW_UPDATE, 0, 4), HTTP2_CONTROL_BURST);
	assert_int_equal(how_many(FRAME_PRIORITY, 0, 5), HTTP2_CONTROL_BURST);
	assert_int_equal(how_many(FRAME_RST_STREAM, 0, 4), HTTP2_CONTROL_BURST);
	assert_int_equal(how_many(FRAME_HEADERS, FRAME_END_HEADERS, 10), HTTP2_CONTROL_BURST);
	assert_int_equal(how_many(FRAME_PING, 0, 8), HTTP2_CONTROL_BURST / 4);
	assert_int_equal(how_many(FRAME_PRIORITY_UPDATE, 0, 8), HTTP2_CONTROL_BURST / 4);
	assert_int_equal(how_many(FRAME_DATA, 0, 0), HTTP2_CONTROL_BURST / 4);
	assert_int_equal(how_many(0xef, 0, 8), HTTP2_CONTROL_BURST / 4);
	assert_int_equal(how_many(FRAME_SETTINGS, 0, 0), HTTP2_CONTROL_BURST / 16);
	assert_int_equal(how_many(FRAME_SETTINGS, FRAME_ACK, 0), HTTP2_CONTROL_BURST);
	assert_int_equal(how_many(FRAME_GOAWAY, 0, 8), HTTP2_CONTROL_BURST / 16);
	assert_int_equal(how_many(FRAME_DATA, FRAME_END_STREAM, 0), 1000000);
	assert_int_equal(how_many(FRAME_DATA, 0, 1), 1000000);
}

/* Work pays for what comes with it. */
TEST(credit)
{
	struct meter m;
	meter_init(&m, 32768);
	for (unsigned i = 0; i < 10 * HTTP2_CONTROL_BURST; i++) {
		assert_true(see(&m, FRAME_HEADERS, FRAME_END_HEADERS, 30, NS_PER_S));
		meter_request(&m);
		assert_true(see(&m, FRAME_WINDOW_UPDATE, 0, 4, NS_PER_S));
		assert_true(see(&m, FRAME_WINDOW_UPDATE, 0, 4, NS_PER_S));
	}
	for (unsigned i = 0; i < 10 * HTTP2_CONTROL_BURST; i++) {
		meter_sent(&m, 16384, true);
		for (unsigned j = 0; j < 8; j++)
			assert_true(see(&m, FRAME_WINDOW_UPDATE, 0, 4, NS_PER_S));
	}
	for (unsigned i = 0; i < 10 * HTTP2_CONTROL_BURST; i++) {
		meter_sent(&m, 1, false);
		assert_true(see(&m, FRAME_PING, 0, 8, NS_PER_S));
	}
	unsigned n = 0;
	for (; n < 10 * HTTP2_CONTROL_BURST; n++) { /* byte by byte, for want of a window */
		meter_sent(&m, 1, true);
		if (!see(&m, FRAME_WINDOW_UPDATE, 0, 4, NS_PER_S))
			break;
	}
	assert_in_range(n, 1, HTTP2_CONTROL_BURST);
}

TEST(block)
{
	struct meter m;
	meter_init(&m, 16384);
	unsigned most = HTTP2_CONTINUATIONS_MIN + 16384 / HTTP2_CONTINUATION_BYTES, n = 0;
	assert_true(see(&m, FRAME_HEADERS, 0, 0, NS_PER_S));
	while (see(&m, FRAME_CONTINUATION, 0, 1, NS_PER_S))
		n++;
	assert_int_equal(n, most);
	/* the next one starts anew */
	assert_true(see(&m, FRAME_HEADERS, FRAME_END_HEADERS, 0, NS_PER_S));
	assert_true(see(&m, FRAME_CONTINUATION, 0, 1, NS_PER_S));

	meter_init(&m, 16384);
	assert_true(see(&m, FRAME_HEADERS, 0, 16384, NS_PER_S));
	assert_true(see(&m, FRAME_CONTINUATION, 0, HTTP2_BLOCK_SLACK, NS_PER_S));
	assert_false(see(&m, FRAME_CONTINUATION, 0, 1, NS_PER_S));
	meter_init(&m, 16384);
	assert_false(see(&m, FRAME_HEADERS, 0, 0xffffff, NS_PER_S));
}

TEST(open_block)
{
	char bytes[64];
	struct frame_head f;
	struct meter m;
	bool begun;
	meter_init(&m, 16384);
	m.preface_left = 0;
	size_t n = frame(bytes, FRAME_HEADERS, 0, 1, 5);
	assert_int_equal(meter_cut(&m, bytes, n, &f, &begun), n);
	assert_true(m.block_open); /* all of the frame, not all of the block */
	n = frame(bytes, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, 5);
	assert_int_equal(meter_cut(&m, bytes, n - 1, &f, &begun), n - 1);
	assert_true(m.block_open);
	assert_int_equal(meter_cut(&m, bytes + n - 1, 1, &f, &begun), 1);
	assert_false(m.block_open);
	n = frame(bytes, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, 0);
	assert_int_equal(meter_cut(&m, bytes, n, &f, &begun), n);
	assert_false(m.block_open);
}

TEST(resets)
{
	struct meter m;
	meter_init(&m, 16384);
	for (unsigned i = 0; i < HTTP2_RESET_BURST; i++)
		assert_true(meter_reset(&m, NS_PER_S));
	assert_false(meter_reset(&m, NS_PER_S));
	for (unsigned i = 0; i < HTTP2_RESETS_PER_S; i++)
		assert_true(meter_reset(&m, 2 * NS_PER_S));
	assert_false(meter_reset(&m, 2 * NS_PER_S));
}
