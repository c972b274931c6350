/* proxy/websocket: where frames end, however their bytes come; the words of goodbye. */
#include "unit.h"

#include "proxy/websocket.h"

/* One frame's head and payload of n bytes. */
static size_t frame(unsigned char *at, unsigned opcode, uint64_t n, bool masked)
{
	size_t len = 0;
	at[len++] = (unsigned char)(0x80 | opcode);
	if (n < 126) {
		at[len++] = (unsigned char)(n | (masked ? 0x80u : 0u));
	} else if (n < 65536) {
		at[len++] = (unsigned char)(126 | (masked ? 0x80 : 0));
		at[len++] = (unsigned char)(n >> 8);
		at[len++] = (unsigned char)n;
	} else {
		at[len++] = (unsigned char)(127 | (masked ? 0x80 : 0));
		for (int i = 7; i >= 0; i--)
			at[len++] = (unsigned char)(n >> (8 * i));
	}
	memset(at + len, 0x55, (masked ? 4 : 0) + n);
	return len + (masked ? 4 : 0) + n;
}

TEST(frames_in_pieces)
{
	static const uint64_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, 3, 0 };
	static unsigned char bytes[200000];
	size_t ends[16], n = 0, n_ends = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n += frame(bytes + n, 2, sizes[i], i % 2 == 0);
		ends[n_ends++] = n;
	}
	for (size_t piece = 1; piece < 40000; piece = piece * 3 + 1) {
		struct websocket w = { 0 };
		size_t whole = 0;
		for (size_t at = 0; at < n; at += piece) {
			struct buf b;
			size_t len = n - at < piece ? n - at : piece, got;
			buf_init(&b);
			buf_append(&b, (const char *)bytes + at, len);
			got = websocket_pass(&w, &b);
			if (got)
				whole = at + got;
			size_t want = 0;
			for (size_t i = 0; i < n_ends && ends[i] <= at + len; i++)
				want = ends[i];
			assert_int_equal(whole, want);
			assert_int_equal(websocket_is_between(&w), want == at + len);
			buf_fini(&b);
		}
		assert_false(w.closed);
	}
}

TEST(close_frames)
{
	char out[WEBSOCKET_CLOSE_MAX];
	assert_int_equal(websocket_close(out, false), 4);
	assert_memory_equal(out, "\x88\x02\x03\xe9", 4);
	assert_int_equal(websocket_close(out, true), 8);
	assert_memory_equal(out, "\x88\x82", 2);
	assert_int_equal((unsigned char)(out[6] ^ out[2]), 0x03);
	assert_int_equal((unsigned char)(out[7] ^ out[3]), 0xe9);

	for (int client = 0; client < 2; client++) {
		struct websocket w = { 0 };
		struct buf b;
		buf_init(&b);
		buf_append(&b, out, websocket_close(out, client));
		assert_int_equal(websocket_pass(&w, &b), b.len);
		assert_true(w.closed && websocket_is_between(&w));
		buf_fini(&b);
	}
}
