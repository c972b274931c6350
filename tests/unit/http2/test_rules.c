/* Rules of RFC 9113 as a client that breaks them sees them: a stream error with an answer, or the
 * end of the connection. */
#include "peer_client.h"

static void begin_resume(struct call *call)
{
	call->c->ops->resume(call->c);
}

static void begin_nothing(struct call *call)
{
	(void)call;
}

#define GET ":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/"
#define POST ":method", "POST", ":scheme", "https", ":authority", "h", ":path", "/"

/* 8.1.1: malformed requests are answered, and their stream is reset; other streams live on.
 * test_head.c has all of them. */
TEST(malformed)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	peer_headers(p, 1, FRAME_END_STREAM, GET, "X-Upper", "1", NULL);
	peer_headers(p, 3, FRAME_END_STREAM, GET, "connection", "close", NULL);
	peer_headers(p, 5, 0, GET, ":path", "/", NULL);
	peer_headers(p, 7, FRAME_END_STREAM, POST, "content-length", "5", NULL);
	peer_get(p, 9, "/");
	peer_data(p, 5, "ignored", true);
	peer_run(p);
	for (uint32_t id = 1; id <= 7; id += 2) {
		assert_int_equal(peer_stream(p, id)->status, 400);
		assert_true(peer_stream(p, id)->ended);
		assert_true(peer_stream(p, id)->reset);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_PROTOCOL_ERROR);
		assert_int_equal(p->calls[id / 2].sent, 1);
	}
	assert_int_equal(p->calls[0].bad, ERR_BAD_FIELD);
	assert_int_equal(p->calls[3].bad, ERR_BAD_FRAMING);
	assert_int_equal(peer_stream(p, 9)->status, 200);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* What is refused as in HTTP/1.1 is answered, and that is all. */
TEST(refused)
{
	static char value[40000];
	static const struct {
		uint32_t id;
		int status;
	} rows[] = { { 1, 400 }, { 3, 414 }, { 5, 431 }, { 7, 417 }, { 11, 413 } };
	struct peer *p = peer_client_new();
	p->conf.max_target = 100;
	p->conf.max_body = 9;
	p->conf.linger.silence_ns = 20 * NS_PER_MS;
	peer_client_start(p);
	memset(value, 'v', sizeof(value) - 1);
	value[200] = 0;
	peer_get(p, 1, "/../x");
	peer_headers(p, 3, FRAME_END_STREAM, ":method", "GET", ":scheme", "https", ":authority",
		"h", ":path", value, NULL);
	value[200] = 'v';
	char *block = value;
	static char big[70000];
	size_t n = peer_block(big, GET, "x-long", block, NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_STREAM, 5, big, 16384);
	peer_frame(p, FRAME_CONTINUATION, 0, 5, big + 16384, 16384);
	peer_frame(p, FRAME_CONTINUATION, FRAME_END_HEADERS, 5, big + 32768, n - 32768);
	peer_headers(p, 7, FRAME_END_STREAM, GET, "expect", "more", NULL);
	peer_headers(p, 11, 0, POST, "content-length", "10", NULL);
	peer_wait(p, 80);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(peer_stream(p, rows[i].id)->status, rows[i].status);
		assert_true(peer_stream(p, rows[i].id)->ended);
		/* the rest is not wanted */
		assert_int_equal(peer_stream(p, rows[i].id)->reset, rows[i].id >= 9);
		assert_int_equal(peer_stream(p, rows[i].id)->reset_code, NGHTTP2_NO_ERROR);
	}
	peer_get(p, 13, "/");
	peer_run(p);
	assert_int_equal(peer_stream(p, 13)->status, 200); /* the compression state is intact */
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

TEST(too_many_fields)
{
	static char block[20000];
	struct peer *p = peer_client_new();
	size_t n;
	peer_client_start(p);
	n = peer_block(block, GET, NULL);
	for (int i = 0; i < 101; i++)
		n += peer_block(block + n, "x-a", "b", NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 431);
	assert_int_equal(p->calls[0].bad, ERR_TOO_MANY_FIELDS);
	peer_free(&p);
}

/* 8.1.1: content-length and what came. */
TEST(length_mismatch)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_headers(p, 1, 0, POST, "content-length", "5", NULL);
	peer_data(p, 1, "123456", false); /* more */
	peer_headers(p, 3, 0, POST, "content-length", "5", NULL);
	peer_data(p, 3, "1234", true); /* less */
	peer_headers(p, 5, 0, POST, "content-length", "5", NULL);
	peer_data(p, 5, "123", false);
	peer_headers(p, 5, FRAME_END_STREAM, "x-t", "1", NULL); /* less, and trailers */
	peer_headers(p, 7, 0, POST, "content-length", "0", NULL);
	peer_data(p, 7, "1", false);
	peer_headers(p, 9, 0, POST, "content-length", "5", NULL);
	peer_data(p, 9, "12345", false);
	peer_data(p, 9, "", true); /* exactly */
	peer_run(p);
	for (uint32_t id = 1; id <= 7; id += 2) {
		struct call *call = &p->calls[id / 2];
		assert_int_equal(call->gone, 1);
		assert_int_equal(call->gone_err, ERR_BAD_FRAMING);
		assert_true(call->can_answer);
		assert_int_equal(call->ended, 0);
		assert_int_equal(peer_stream(p, id)->status, 400);
		assert_true(peer_stream(p, id)->reset);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	}
	assert_int_equal(p->calls[0].body_len, 0); /* bytes too many are not passed on */
	assert_int_equal(p->calls[4].ended, 1);
	call_answer(&p->calls[4], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 9)->status, 200);
	peer_free(&p);
}

/* The same when an answer has begun: then it is cut. */
TEST(mismatch_late)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_headers(p, 1, 0, POST, "content-length", "5", NULL);
	peer_run(p);
	call_head(&p->calls[0], 200, -1);
	(void)call_push(&p->calls[0], 10);
	peer_run(p);
	peer_data(p, 1, "123456", true);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 1);
	assert_false(p->calls[0].can_answer);
	assert_false(peer_stream(p, 1)->ended);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	peer_free(&p);
}

/* 8.1: trailers end the request, and hold no pseudo-fields. */
TEST(trailers)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_headers(p, 1, 0, "x-t", "1", NULL); /* no END_STREAM */
	peer_post(p, 3, "/");
	peer_headers(p, 3, FRAME_END_STREAM, ":path", "/", NULL);
	peer_post(p, 5, "/");
	peer_headers(p, 5, FRAME_END_STREAM, "X-T", "1", NULL);
	peer_run(p);
	for (uint32_t id = 1; id <= 5; id += 2) {
		assert_int_equal(p->calls[id / 2].gone, 1);
		assert_int_equal(p->calls[id / 2].ended, 0);
		assert_int_equal(peer_stream(p, id)->status, 400);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	}
	peer_free(&p);
}

TEST(body_too_large)
{
	struct peer *p = peer_client_new();
	p->conf.max_body = 5;
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "12345", false);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 0);
	peer_data(p, 1, "6", false);
	peer_run(p);
	assert_int_equal(p->calls[0].gone_err, ERR_BODY_TOO_LARGE);
	assert_int_equal(p->calls[0].body_len, 5);
	assert_int_equal(peer_stream(p, 1)->status, 413);
	assert_true(peer_stream(p, 1)->ended && !peer_stream(p, 1)->reset);
	peer_free(&p);
}

/* What ends the connection, and the code it ends with. A request in progress hears of it. */
TEST(connection_errors)
{
	static const char zero[16384 + 1], window[] = { 0, 4, (char)0x80, 0, 0, 0 };
	static const struct {
		unsigned type, flags;
		uint32_t stream;
		const char *payload;
		size_t len;
		uint32_t code;
	} rows[] = {
		{ FRAME_DATA, 0, 0, zero, 1, NGHTTP2_PROTOCOL_ERROR }, /* 6.1 */
		{ FRAME_DATA, 0, 9, zero, 1, NGHTTP2_PROTOCOL_ERROR }, /* 5.1: idle */
		/* 6.1: padding */
		{ FRAME_DATA, 8, 1,
			"\x09"
			"12345678",
			9, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 0, zero, 1, NGHTTP2_PROTOCOL_ERROR },
		/* 5.1.1 */
		{ FRAME_HEADERS, FRAME_END_HEADERS, 2, zero, 1, NGHTTP2_PROTOCOL_ERROR },
		/* 4.3 */
		{ FRAME_HEADERS, FRAME_END_HEADERS, 9, "\x00\x7f", 2, NGHTTP2_COMPRESSION_ERROR },
		{ FRAME_HEADERS, FRAME_END_HEADERS, 9, "\xff\xff\xff\xff\xff\xff", 6,
			NGHTTP2_COMPRESSION_ERROR },
		{ FRAME_RST_STREAM, 0, 0, zero, 4, NGHTTP2_PROTOCOL_ERROR }, /* 6.4 */
		{ FRAME_RST_STREAM, 0, 9, zero, 4, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_RST_STREAM, 0, 1, zero, 5, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_SETTINGS, 0, 1, zero, 0, NGHTTP2_PROTOCOL_ERROR }, /* 6.5 */
		{ FRAME_SETTINGS, 0, 0, zero, 5, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_SETTINGS, FRAME_ACK, 0, zero, 6, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_SETTINGS, 0, 0, window, 6, NGHTTP2_FLOW_CONTROL_ERROR }, /* 6.5.2 */
		/* 8.4 */
		{ FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, zero, 5, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_PING, 0, 1, zero, 8, NGHTTP2_PROTOCOL_ERROR }, /* 6.7 */
		{ FRAME_PING, 0, 0, zero, 7, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_GOAWAY, 0, 1, zero, 8, NGHTTP2_PROTOCOL_ERROR },        /* 6.8 */
		{ FRAME_WINDOW_UPDATE, 0, 0, zero, 4, NGHTTP2_PROTOCOL_ERROR }, /* 6.9 */
		{ FRAME_WINDOW_UPDATE, 0, 9, "\0\0\0\1", 4, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4, NGHTTP2_FLOW_CONTROL_ERROR },
		/* 6.10 */
		{ FRAME_CONTINUATION, FRAME_END_HEADERS, 1, zero, 1, NGHTTP2_PROTOCOL_ERROR },
		/* RFC 9218 7.1 */
		{ FRAME_PRIORITY_UPDATE, 0, 1, "\0\0\0\1u=1", 7, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\0u=1", 7, NGHTTP2_PROTOCOL_ERROR },
		/* a push that is idle */
		{ FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\2u=1", 7, NGHTTP2_PROTOCOL_ERROR },
		{ FRAME_PRIORITY_UPDATE, 0, 0, zero, 0, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_PRIORITY_UPDATE, 0, 0, zero, 3, NGHTTP2_FRAME_SIZE_ERROR },
		{ FRAME_DATA, 0, 1, zero, 16385, NGHTTP2_FRAME_SIZE_ERROR }, /* 4.2 */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *p = peer_client_new();
		p->on_request = begin_nothing;
		peer_client_start(p);
		peer_post(p, 1, "/");
		peer_run(p);
		peer_frame(p, rows[i].type, rows[i].flags, rows[i].stream, rows[i].payload,
			rows[i].len);
		peer_get(p, 99, "/"); /* is not looked at any more */
		peer_get(p, 101, "/");
		bool ended = peer_ends(p, 500);
		if (!ended || p->n_goaway != 1 || p->goaway_code != rows[i].code)
			fail_msg("row %zu: ended %d, %u GOAWAY, code %u", i, ended, p->n_goaway,
				p->goaway_code);
		assert_int_equal(p->n_calls, 1);
		assert_int_equal(p->calls[0].gone, 1);
		assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_PROTOCOL);
		assert_false(p->calls[0].can_answer);
		peer_free(&p);
	}
}

/* 3.4 */
TEST(bad_preface)
{
	struct peer *p = peer_client_new();
	peer_client_open(p);
	peer_bytes(p, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
	assert_true(peer_ends(p, 500));
	peer_free(&p);

	p = peer_client_new();
	peer_client_open(p);
	peer_bytes(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	peer_get(p, 1, "/"); /* SETTINGS must come first */
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(p->n_calls, 0);
	peer_free(&p);
}

/* 5.1: frames for streams that are over are harmless, or end the connection; they never reach an
 * exchange. */
TEST(after_the_end)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	peer_reset(p, 1, NGHTTP2_CANCEL); /* crossed our answer */
	peer_update(p, 1, 10);
	peer_data(p, 1, "late", false);
	peer_headers(p, 1, FRAME_END_STREAM, "x-late", "1", NULL);
	peer_get(p, 3, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 2);
	assert_int_equal(p->calls[0].gone, 0);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);

	p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	peer_data(p, 1, "late", false); /* half-closed */
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_STREAM_CLOSED);
	assert_int_equal(p->calls[0].gone, 1);
	peer_free(&p);
}

/* 6.9.1: more than the window. */
TEST(window_overrun)
{
	static char data[16384];
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing; /* held: nothing is given back */
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_get(p, 3, "/");
	for (unsigned i = 0; i < HTTP2_STREAM_WINDOW / sizeof(data); i++)
		peer_frame(p, FRAME_DATA, 0, 1, data, sizeof(data));
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 0);
	peer_frame(p, FRAME_DATA, 0, 1, data, 1);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_PROTOCOL);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_FLOW_CONTROL_ERROR);
	assert_int_equal(p->n_goaway, 0);
	assert_int_equal(p->calls[1].gone, 0);
	call_answer(&p->calls[1], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	peer_free(&p);
}

/* 5.5: what is not known is ignored. */
TEST(unknown_frames)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	peer_frame(p, 0xfe, 0xff, 0, "hello", 5);
	peer_frame(p, 0xfe, 0xff, 77, "hello", 5);
	static const char settings[] = { 0x7f, 0x01, 0, 0, 0, 1 };
	peer_frame(p, FRAME_SETTINGS, 0, 0, settings, sizeof(settings));
	peer_frame(p, FRAME_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
	peer_get(p, 1, "/");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	peer_free(&p);
}

/* RFC 9218: more urgent responses first; those of use in pieces take turns. */
TEST(priorities)
{
	struct peer *p = peer_client_new();
	p->no_updates = true;
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_headers(p, 1, FRAME_END_STREAM, GET, "priority", "u=6", NULL);
	peer_headers(p, 3, FRAME_END_STREAM, GET, "priority", "u=0", NULL);
	peer_headers(p, 5, FRAME_END_STREAM, GET, NULL);
	peer_headers(p, 7, FRAME_END_STREAM, GET, "priority", "u=5, i", NULL);
	peer_headers(p, 9, FRAME_END_STREAM, GET, "priority", "u=5, i", NULL);
	/* the third has become urgent */
	peer_frame(p, FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\x05u=1", 7);
	/* before its request, and over its field */
	peer_frame(p, FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\x0bu=7", 7);
	peer_headers(p, 11, FRAME_END_STREAM, GET, "priority", "u=0", NULL);
	peer_run(p);
	peer_update(p, 0, 1 << 20);
	for (unsigned i = 0; i < 6; i++) {
		call_head(&p->calls[i], 200, -1);
		(void)call_push(&p->calls[i], 40000);
		p->calls[i].c->ops->end(p->calls[i].c, NULL);
	}
	peer_run(p);
	static const uint32_t order[] = { 3, 5, 7, 9, 1, 11 };
	for (size_t i = 0; i + 1 < 6; i++) {
		if (order[i] != 7)
			assert_true(peer_stream(p, order[i])->last_data <=
				peer_stream(p, order[i + 1])->first_data);
	}
	assert_true(peer_stream(p, 9)->first_data < peer_stream(p, 7)->last_data);
	assert_true(peer_stream(p, 11)->ended);
	peer_free(&p);
}
