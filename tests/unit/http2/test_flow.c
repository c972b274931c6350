/* Bodies both ways: flow control, back-pressure, memory that stays flat. */
#include "peer_client.h"

static void begin_nothing(struct call *call)
{
	(void)call;
}

static void begin_resume(struct call *call)
{
	call->c->ops->resume(call->c);
}

/* A long response, read as fast as it comes, is whole; the exchange is told when to go on. */
TEST(long_response)
{
	struct peer *p = peer_client_new();
	const size_t total = 8 << 20;
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	struct call *call = &p->calls[0];
	call_head(call, 200, (int64_t)total);
	size_t most = 0;
	while (call->pushed < total) {
		while (!call->full && call->pushed < total)
			(void)call_push(call, 16384);
		peer_run(p);
		most = p->s.out.len > most ? p->s.out.len : most;
	}
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(r->body_len, total);
	for (size_t i = 0; i < PEER_TEXT; i++)
		assert_int_equal(r->body[i], 'a' + i % 23);
	assert_true(r->ended);
	assert_int_equal(call->sent, 1);
	assert_true(call->drained > 10);
	assert_true(most <= 2 * STREAM_OUT_HIGH);
	peer_free(&p);
}

/* A client that does not read at all: so much is taken from the exchange and no more. */
TEST(slow_reader)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_update(p, 0, 100 << 20); /* its windows are wide open */
	peer_frame(p, FRAME_SETTINGS, 0, 0, "\0\4\x06\0\0\0", 6);
	peer_get(p, 1, "/");
	peer_run(p);
	p->no_read = true;
	struct call *call = &p->calls[0];
	call_head(call, 200, -1);
	for (unsigned i = 0; i < 100; i++) {
		while (!call->full)
			(void)call_push(call, 16384);
		peer_run(p);
		assert_true(p->s.out.len <= 2 * STREAM_OUT_HIGH);
	}
	uint64_t pushed = call->pushed;
	assert_true(call->full);
	assert_true(pushed < (4 << 20)); /* ours and the socket's */
	peer_run(p);
	assert_int_equal(call->drained > 0 && !call->full, 0);
	p->no_read = false; /* and it goes on when it reads */
	p->no_updates = true;
	peer_run(p);
	assert_false(call->full);
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, call->pushed);
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

/* The client's window is the bound, byte by byte. */
TEST(client_window)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	p->no_updates = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 100000);
	assert_true(call_push(&p->calls[0], 100000));
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	assert_int_equal(p->calls[0].sent, 0);
	peer_update(p, 1, 1000); /* not for the connection */
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	peer_update(p, 0, 10);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65545);
	peer_update(p, 0, 1 << 20);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 66535);
	peer_update(p, 1, 1 << 20);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 100000);
	assert_true(peer_stream(p, 1)->ended);
	assert_int_equal(p->calls[0].sent, 1);
	peer_free(&p);
}

/* A response that is cut short is delivered as far as it came, if the client takes it, and is not
 * taken for whole. */
TEST(cut_behind_window)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	p->no_updates = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 200000);
	assert_true(call_push(&p->calls[0], 100000));
	p->calls[0].c->ops->abort(p->calls[0].c);
	call_finish(&p->calls[0]);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	assert_false(peer_stream(p, 1)->reset);
	peer_update(p, 0, 1 << 20);
	peer_update(p, 1, 1 << 20);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 100000);
	assert_true(peer_stream(p, 1)->reset);
	assert_false(peer_stream(p, 1)->ended);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_INTERNAL_ERROR);
	peer_free(&p);
}

/* Blocks are not copied: frames end where blocks do. */
TEST(frames_follow_blocks)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_update(p, 0, 1 << 20);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 4 * BUF_BLOCK);
	assert_true(call_push(&p->calls[0], 4 * BUF_BLOCK));
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_run(p);
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(r->body_len, 4 * BUF_BLOCK);
	assert_true(r->ended);
	/* one more where the window ended, and one that says the end */
	assert_in_range(r->frames, 4, 6);
	peer_free(&p);
}

/* A request body that nobody takes fills its window and no more; taken, the window opens again. */
TEST(upload_window)
{
	static char data[16384];
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_post(p, 1, "/");
	unsigned frames = HTTP2_STREAM_WINDOW / sizeof(data), updates = p->n_updates;
	for (unsigned i = 0; i < frames; i++)
		peer_frame(p, FRAME_DATA, 0, 1, data, sizeof(data));
	peer_run(p);
	assert_int_equal(p->n_updates, updates);
	assert_int_equal(p->calls[0].gone, 0);
	p->calls[0].c->ops->resume(p->calls[0].c);
	peer_run(p);
	assert_int_equal(p->calls[0].body_len, HTTP2_STREAM_WINDOW);
	assert_true(p->n_updates > updates);
	for (unsigned i = 0; i < 20 * frames; i++) { /* as it is taken it may go on for ever */
		peer_frame(p, FRAME_DATA, 0, 1, data, sizeof(data));
		if (i % 4 == 3)
			peer_run(p);
	}
	peer_data(p, 1, "", true);
	peer_run(p);
	assert_int_equal(p->calls[0].body_len, 21 * HTTP2_STREAM_WINDOW);
	assert_int_equal(p->calls[0].ended, 1);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* Bodies of requests that are over do not use up the connection's window. */
TEST(connection_window_leaks)
{
	static char data[16384];
	struct peer *p = peer_client_new();
	uint32_t id = 1;
	uint64_t sent = 0;
	peer_client_start(p);
	uint64_t window = 65535 + p->credit;
	for (unsigned i = 0; i < 200; i++, id += 2) {
		/* held, answered at once, refused */
		p->on_request = i % 2 ? begin_nothing : NULL;
		peer_post(p, id, i % 4 == 2 ? "/../x" : "/");
		for (unsigned j = 0; j < 4; j++, sent += sizeof(data))
			peer_frame(p, FRAME_DATA, 0, id, data, sizeof(data));
		peer_frame(p, FRAME_DATA, 8, id, data, 101); /* padding counts */
		sent += 101;
		if (i % 2) {
			peer_run(p);
			peer_reset(p, id, NGHTTP2_CANCEL);
		}
		peer_run(p);
	}
	assert_int_equal(p->n_goaway, 0);
	assert_true(sent > 4 * window);
	/* what was sent came back, but for what waits to be worth a frame */
	assert_true(65535 + p->credit + window / 2 + 65536 >= sent + window - window / 2);
	peer_free(&p);
}

/* A big body in pieces that a real client's library cuts, echoed: what comes back is what was
 * sent. */
static void echo_body(struct call *call)
{
	call->c->ops->resume(call->c);
	call_head(call, 200, -1);
}

TEST(upload_whole)
{
	char data[10000];
	struct peer *p = peer_client_new();
	p->on_request = echo_body;
	peer_client_start(p);
	peer_post(p, 1, "/");
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned j = 0; j < sizeof(data); j++)
			data[j] = (char)('a' + (i * sizeof(data) + j) % 23);
		peer_frame(p, FRAME_DATA, i == 5 ? FRAME_END_STREAM : 0, 1, data, sizeof(data));
		peer_run(p);
	}
	struct call *call = &p->calls[0];
	assert_int_equal(call->body_len, 60000);
	for (size_t i = 0; i < 60000; i++)
		assert_int_equal(call->body[i], 'a' + i % 23);
	assert_int_equal(call->ended, 1);
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

/* An answer before the request is complete, and the request goes on meanwhile. */
TEST(both_ways)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "one", false);
	peer_run(p);
	struct call *call = &p->calls[0];
	call_head(call, 200, -1);
	(void)call_push(call, 5);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 5);
	peer_data(p, 1, "two", false);
	peer_run(p);
	assert_string_equal(call->body, "onetwo");
	(void)call_push(call, 5);
	peer_data(p, 1, "three", true);
	peer_run(p);
	assert_string_equal(call->body, "onetwothree");
	assert_int_equal(call->ended, 1);
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 10);
	assert_true(peer_stream(p, 1)->ended);
	assert_false(peer_stream(p, 1)->reset);
	peer_free(&p);
}

/* Bytes are counted for each request. */
TEST(counts)
{
	struct peer *p = peer_client_new();
	uint64_t in = 0, out = 0;
	p->on_sent = NULL;
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "0123456789", true);
	peer_run(p);
	in = p->calls[0].c->bytes_in;
	assert_in_range(in, 9 + 40 + 9 + 10, 9 + 80 + 9 + 10);
	call_head(&p->calls[0], 200, 1000);
	(void)call_push(&p->calls[0], 1000);
	peer_run(p);
	out = p->calls[0].c->bytes_out;
	assert_in_range(out, 9 + 20 + 9 + 1000, 9 + 60 + 9 + 1000);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_run(p);
	peer_free(&p);
}
