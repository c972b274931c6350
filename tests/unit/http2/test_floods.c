/* Clients that cost more than they bring: every limit of limits.h, from outside. */
#include "peer_client.h"

#include "http2/memory.h"

static void begin_nothing(struct call *call)
{
	(void)call;
}

/* Exchanges that wait for something when their client is lost. */
static void begin_slow(struct call *call)
{
	call->keep = true;
}

#define GET ":method", "GET", ":scheme", "https", ":authority", "h", ":path", "/"

/* Send such a frame until the connection ends: how many it took. */
static unsigned flood(struct peer *p, unsigned type, unsigned flags, uint32_t stream,
	const void *payload, size_t n)
{
	unsigned sent = 0;
	while (p->server && p->n_goaway == 0 && sent < 100000) {
		for (int i = 0; i < 32; i++, sent++)
			peer_frame(p, type, flags, stream, payload, n);
		peer_run(p);
	}
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	return sent;
}

/* A request in progress hears of it, once, and nothing is left. */
TEST(control_frames)
{
	static const struct {
		unsigned type, flags;
		uint32_t stream;
		const char *payload;
		size_t len;
		unsigned price;
	} rows[] = {
		{ FRAME_PING, 0, 0, "12345678", 8, 4 },
		{ FRAME_PING, FRAME_ACK, 0, "12345678", 8, 4 },
		{ FRAME_SETTINGS, 0, 0, "", 0, 16 },
		{ FRAME_SETTINGS, 0, 0, "\0\4\0\1\0\0", 6, 16 },
		{ FRAME_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4, 1 },
		{ FRAME_WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4, 1 },
		{ FRAME_PRIORITY, 0, 1, "\0\0\0\0\1", 5, 1 },
		{ FRAME_PRIORITY, 0, 7, "\0\0\0\0\1", 5, 1 },
		{ FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7, 4 },
		{ FRAME_DATA, 0, 1, "", 0, 4 },
		{ 0xef, 0, 0, "x", 1, 4 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *p = peer_client_new();
		p->on_request = begin_nothing;
		peer_client_start(p);
		peer_post(p, 1, "/");
		peer_run(p);
		unsigned n = flood(p, rows[i].type, rows[i].flags, rows[i].stream, rows[i].payload,
			rows[i].len);
		if (n > HTTP2_CONTROL_BURST / rows[i].price + 200 ||
			n < HTTP2_CONTROL_BURST / rows[i].price - 200)
			fail_msg("row %zu: %u frames", i, n);
		assert_int_equal(p->calls[0].gone, 1);
		assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_FLOOD);
		assert_false(p->calls[0].can_answer);
		peer_free(&p);
	}
}

/* What is answered but never read: the queue is bounded, and so is the memory. */
TEST(answers_not_read)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	p->no_read = true;
	p->quiet = true;
	unsigned i;
	for (i = 0; i < 100000 && p->server; i++) {
		peer_frame(p, FRAME_PING, 0, 0, "12345678", 8);
		worker_turn(&p->w);
		assert_true(p->s.out.len <= 2 * STREAM_OUT_HIGH);
		assert_true(memory_in_use() < 256 * 1024);
		if (i == HTTP2_CONTROL_BURST / 4 + 200)
			break;
	}
	p->no_read = false;
	assert_true(peer_ends(p, 1000));
	assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_free(&p);
}

/* CVE-2023-44487: streams that are reset as soon as they are open. */
TEST(rapid_reset)
{
	struct peer *p = peer_client_new();
	uint32_t id = 1;
	p->on_request = begin_nothing;
	peer_client_start(p);
	for (unsigned i = 0; p->server && p->n_goaway == 0 && i < 10000; i++, id += 2) {
		peer_get(p, id, "/");
		peer_reset(p, id, NGHTTP2_CANCEL);
		if (i % 16 == 15)
			peer_run(p);
	}
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_in_range(p->n_calls, HTTP2_RESET_BURST, HTTP2_RESET_BURST + 64);
	for (unsigned i = 0; i < p->n_calls; i++) {
		assert_int_equal(p->calls[i].gone, 1);
		assert_true(p->calls[i].c == NULL);
	}
	peer_free(&p);
}

/* The exchanges of reset streams count until they are through: never more of them than streams are
 * allowed. */
TEST(resets_and_concurrency)
{
	struct peer *p = peer_client_new();
	uint32_t id = 1;
	p->on_request = begin_slow;
	peer_client_start(p);
	for (unsigned i = 0; i < HTTP2_STREAMS_MAX + 50; i++, id += 2) {
		peer_get(p, id, "/");
		peer_reset(p, id, NGHTTP2_CANCEL);
	}
	peer_run(p);
	assert_int_equal(p->n_calls, HTTP2_STREAMS_MAX);
	assert_int_equal(p->n_goaway, 0);
	peer_get(p, id, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, HTTP2_STREAMS_MAX);
	assert_true(peer_stream(p, id)->reset);
	/* the client may try again */
	assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_REFUSED_STREAM);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(p->calls[i].gone, 1);
		assert_int_equal(p->calls[i].gone_err, ERR_CLIENT_GONE);
		call_finish(&p->calls[i]);
	}
	peer_run(p);
	p->on_request = NULL;
	for (unsigned i = 0; i < 20; i++) {
		id += 2;
		peer_get(p, id, "/");
		peer_run(p);
		assert_int_equal(peer_stream(p, id)->status, 200);
	}
	peer_free(&p);
}

/* CVE-2025-8671: streams that the client makes us reset. */
TEST(made_you_reset)
{
	for (unsigned how = 0; how < 3; how++) {
		struct peer *p = peer_client_new();
		uint32_t id = 1;
		unsigned i;
		p->on_request = begin_nothing;
		peer_client_start(p);
		for (i = 0; p->server && p->n_goaway == 0 && i < 10000; i++, id += 2) {
			peer_headers(p, id, 0, GET, "content-length", "1", NULL);
			if (how == 0)
				peer_update(p, id, 0x7fffffff); /* window overflow */
			else if (how == 1)
				peer_data(p, id, "12", false); /* more than it said */
			else
				/* trailers that end nothing */
				peer_headers(p, id, 0, "x-t", "1", NULL);
			if (i % 16 == 15)
				peer_run(p);
		}
		assert_true(peer_ends(p, 500));
		assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
		assert_in_range(i, HTTP2_RESET_BURST, HTTP2_RESET_BURST + 200);
		for (unsigned j = 0; j < p->n_calls; j++)
			assert_true(p->calls[j].c == NULL);
		peer_free(&p);
	}
}

/* More streams than allowed: refused, and in the end not tolerated. */
TEST(too_many_streams)
{
	struct peer *p = peer_client_new();
	p->quiet = true; /* our SETTINGS are not acknowledged: the client may not know */
	p->on_request = begin_nothing;
	peer_client_open(p);
	peer_preface(p);
	uint32_t id = 1;
	for (unsigned i = 0; i < HTTP2_STREAMS_MAX + 10; i++, id += 2)
		peer_get(p, id, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, HTTP2_STREAMS_MAX);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(peer_stream(p, 2 * (HTTP2_STREAMS_MAX + i) + 1)->reset_code,
			NGHTTP2_REFUSED_STREAM);
	for (unsigned i = 0; p->server && p->n_goaway == 0 && i < 5000; i++, id += 2) {
		peer_get(p, id, "/");
		if (i % 16 == 15)
			peer_run(p);
	}
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_free(&p);

	p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	id = 1;
	for (unsigned i = 0; i < HTTP2_STREAMS_MAX + 1; i++, id += 2)
		peer_get(p, id, "/");
	assert_true(peer_ends(p, 500)); /* it knew */
	assert_int_equal(p->goaway_code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(p->n_calls, HTTP2_STREAMS_MAX);
	peer_free(&p);
}

/* CVE-2024-27316: a header block without end, in many frames, empty or not. */
TEST(continuations)
{
	static char block[20000];
	for (unsigned how = 0; how < 3; how++) {
		struct peer *p = peer_client_new();
		size_t n = peer_block(block, GET, NULL);
		peer_client_start(p);
		peer_frame(p, FRAME_HEADERS, FRAME_END_STREAM, 1, block, n);
		n = peer_block(block, "x-a", "value", NULL);
		for (unsigned i = 0; p->server && p->n_goaway == 0 && i < 1000; i++) {
			if (how == 0)
				peer_frame(p, FRAME_CONTINUATION, 0, 1, "", 0);
			else if (how == 1)
				peer_frame(p, FRAME_CONTINUATION, 0, 1, block, n);
			else
				peer_frame(p, FRAME_CONTINUATION, 0, 1, block, 16384);
			peer_run(p);
			assert_true(i < HTTP2_CONTINUATIONS_MIN +
					p->conf.max_head / HTTP2_CONTINUATION_BYTES + 2);
		}
		assert_true(peer_ends(p, 500));
		if (how < 2)
			assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
		assert_int_equal(p->n_calls, 0); /* it never was a request */
		assert_int_equal(memory_in_use(), 0);
		peer_free(&p);
	}
}

/* As many frames as are allowed are no flood. */
TEST(continuations_allowed)
{
	static char block[20000];
	struct peer *p = peer_client_new();
	size_t n = peer_block(block, GET, "x-a", "value", NULL), most = HTTP2_CONTINUATIONS_MIN + 4;
	peer_client_start(p);
	peer_frame(p, FRAME_HEADERS, FRAME_END_STREAM, 1, block, 1);
	for (size_t i = 1; i < most; i++)
		peer_frame(p, FRAME_CONTINUATION, 0, 1, block + i, 1);
	peer_frame(p, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, block + most, n - most);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	peer_free(&p);
}

/* A few bytes that decode to very many: indexed fields. The head is refused, the work is bounded by
 * the bytes. */
TEST(header_bomb)
{
	static char block[40000], value[4000];
	struct peer *p = peer_client_new();
	peer_client_start(p);
	memset(value, 'v', sizeof(value) - 1);
	size_t n = peer_block(block, GET, NULL), at = n;
	n += peer_block(block + n, "x-bomb", value, NULL);
	block[at] = 0x40; /* keep it: RFC 7541 6.2.1 */
	while (n < 16384)
		block[n++] = (char)0xbe; /* and say it again, 6.1 */
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
	peer_get(p, 3, "/");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 431);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	assert_true(p->calls[0].gone == 0);
	peer_free(&p);
}

/* RFC 7541 4.2, CVE-2016-6581: names of no bytes, values of no bytes, many of them. */
TEST(empty_names)
{
	static char block[20000];
	struct peer *p = peer_client_new();
	peer_client_start(p);
	size_t n = peer_block(block, GET, NULL);
	while (n < 16000)
		n += peer_block(block + n, "", "", NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 400);
	assert_int_equal(p->calls[0].bad, ERR_BAD_FIELD);
	assert_int_equal(memory_in_use() < 64 * 1024, 1);
	peer_free(&p);
}

/* CVE-2019-9511 and its kin: a client that takes the responses byte by byte, or not at all. Memory
 * stays flat. */
TEST(window_of_nothing)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	p->no_updates = true;
	peer_client_start(p);
	peer_frame(p, FRAME_SETTINGS, 0, 0, "\0\4\0\0\0\0", 6); /* initial window 0 */
	for (uint32_t i = 0; i < 100; i++)
		peer_get(p, 2 * i + 1, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 100);
	for (unsigned i = 0; i < 100; i++) {
		call_head(&p->calls[i], 200, -1);
		unsigned pushes = 0;
		while (!call_push(&p->calls[i], 16384))
			assert_true(++pushes <= HTTP2_SEND_HIGH / 16384);
	}
	peer_run(p);
	assert_int_equal(p->data, 0);
	for (unsigned i = 0; i < 20; i++) {
		for (uint32_t j = 0; j < 100; j++)
			peer_update(p, 2 * j + 1, 1);
		peer_run(p);
	}
	assert_int_equal(p->data, 2000);
	assert_int_equal(p->n_goaway, 0);
	for (unsigned i = 0; i < 50 && p->n_goaway == 0; i++) {
		for (uint32_t j = 0; j < 100; j++)
			peer_update(p, 2 * j + 1, 1);
		peer_run(p);
	}
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_free(&p);
}

/* While the process is overloaded new requests are refused so that they may be sent again, and that
 * is none of the client's doing: its connection stays, and what is in progress goes on. */
TEST(overload)
{
	static struct shares shares;
	struct peer *p = peer_client_new();
	uint32_t id = 3;
	p->w.shares = &shares;
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 1);
	atomic_store(&shares.overload, ERR_LOW_MEMORY);
	for (unsigned i = 0; i < 2 * HTTP2_RESET_BURST; i++, id += 2) {
		peer_get(p, id, "/");
		peer_run(p);
		assert_true(peer_stream(p, id)->reset);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_REFUSED_STREAM);
	}
	assert_int_equal(p->n_calls, 1);
	assert_int_equal(p->n_goaway, 0);
	assert_int_equal(p->calls[0].gone, 0);
	atomic_store(&shares.overload, 0);
	peer_get(p, id, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 2);
	peer_free(&p);
}
