/* Connections whose memory is put away while nothing happens: when it is, when not, and that nobody
 * notices. */
#include "peer_client.h"

#include <unistd.h>

#include "base/clock.h"
#include "http2/server_state.h"

/* Where there are no pages nothing rests, but would. */
static bool resting(struct peer *p)
{
	return !pages_are_used() ? server_may_rest(p->server)
				 : pages_are_resting(&p->server->pages);
}

static bool rests(struct peer *p)
{
	http2_server_rest(p->server);
	return resting(p);
}

static void stay(struct call *call)
{
	(void)call;
}

/* A response whose head changes the library's table each time, and nearly fills its buffer for
 * frames. */
static void answer_long(struct call *call)
{
	static char value[20000];
	struct response_head h = { .status = 200, .body = BODY_LENGTH };
	memset(value, (int)('0' + (call->peer->n_calls - 1) % 10), sizeof(value) - 1);
	check(fields_add(&h.fields, &call->c->arena, STR("x-short"), str_n(value, 200)) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("x-long"), str_of(value)) == 0,
		"no memory for %s", "fields");
	call->c->ops->head(call->c, &h);
	call->c->ops->end(call->c, NULL);
}

/* The tables of both directions come back: the second request says by index what the first one said
 * in full. */
TEST(tables)
{
	static const uint8_t first[] = { 0x82, 0x86, 0x44, 2, '/', 'a', 0x41, 1, 'h', 0x40, 1, 'x',
		3, 'o', 'n', 'e' };
	static const uint8_t again[] = { 0x82, 0x86, 0xc0, 0xbf, 0xbe }; /* :path, :authority, x */
	struct peer *p = peer_client_new();
	p->on_request = answer_long;
	peer_client_start(p);
	assert_true(rests(p));
	for (uint32_t id = 1; id < 100; id += 2) {
		peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, id,
			id == 1 ? first : again, id == 1 ? sizeof(first) : sizeof(again));
		peer_run(p);
		const struct call *call = &p->calls[p->n_calls - 1];
		assert_string_equal(call->head, "GET /a host=h body=none");
		assert_non_null(strstr(call->fields, "x: one\n"));
		char want[32] = "x-short: 0000", digit = (char)('0' + (p->n_calls - 1) % 10);
		memset(want + strlen("x-short: "), digit, 4);
		assert_non_null(strstr(peer_stream(p, id)->fields, want));
		assert_true(rests(p));
	}
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* In the midst of what the client sends: in the preface, a frame's head, its payload, between two
 * frames of one head. */
TEST(between_any_two_bytes)
{
	struct peer *p = peer_client_new();
	char block[200], frames[400];
	p->quiet = true; /* no answer of its own in between */
	peer_client_open(p);
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	for (size_t i = 0; i < sizeof(preface) - 1; i++) {
		peer_bytes(p, preface + i, 1);
		peer_run(p);
	}
	assert_int_equal(p->n_settings_acks, 1);
	size_t n = peer_block(block, ":method", "GET", ":scheme", "http", ":path", "/bytes",
		":authority", "h", NULL);
	size_t half = n / 2, rest = n - half;
	const uint8_t head[HTTP2_FRAME_HEAD] = { 0, 0, (uint8_t)half, FRAME_HEADERS,
		FRAME_END_STREAM, 0, 0, 0, 1 };
	const uint8_t next[HTTP2_FRAME_HEAD] = { 0, 0, (uint8_t)rest, FRAME_CONTINUATION,
		FRAME_END_HEADERS, 0, 0, 0, 1 };
	char *at = mempcpy(frames, head, sizeof(head));
	at = mempcpy(at, block, half);
	at = mempcpy(at, next, sizeof(next));
	at = mempcpy(at, block + half, rest);
	for (const char *b = frames; b < at; b++) {
		peer_bytes(p, b, 1);
		peer_run(p);
	}
	assert_int_equal(p->n_calls, 1);
	assert_string_equal(p->calls[0].head, "GET /bytes host=h body=none");
	assert_string_equal(peer_stream(p, 1)->body, "ok\n");
	peer_free(&p);
}

/* Not while a request is there, nor while something is to be sent. */
TEST(not_at_work)
{
	struct peer *p = peer_client_new();
	p->on_request = stay;
	peer_client_start(p);
	assert_true(rests(p));
	peer_get(p, 1, "/");
	peer_run(p);
	assert_false(rests(p));
	call_head(&p->calls[0], 200, 3);
	assert_false(rests(p));
	peer_run(p);
	assert_false(rests(p));
	struct buf b;
	buf_init(&b);
	buf_append(&b, "abc", 3);
	(void)p->calls[0].c->ops->body(p->calls[0].c, &b);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	assert_false(rests(p));
	peer_run(p);
	assert_string_equal(peer_stream(p, 1)->body, "abc");
	assert_true(rests(p));
	http2_server_drain(p->server, NS_PER_S); /* has something to say */
	assert_false(rests(p));
	peer_run(p);
	assert_true(p->n_goaway > 0);
	peer_free(&p);
}

/* The client does not read: a head in pieces waits in the stream and in the library. */
TEST(not_in_a_frame)
{
	struct peer *p = peer_client_new();
	p->on_request = answer_long;
	peer_client_start(p);
	p->no_read = true;
	for (uint32_t id = 1; id < 100; id += 2) {
		peer_get(p, id, "/");
		peer_run(p);
	}
	assert_true(p->s.out.len > STREAM_OUT_LOW);
	p->no_read = false;
	peer_run(p);
	for (uint32_t id = 1; id < 100; id += 2) {
		assert_int_equal(peer_stream(p, id)->status, 200);
		assert_true(peer_stream(p, id)->ended);
	}
	assert_true(rests(p));
	peer_free(&p);
}

/* By itself, after a while; and what ends a connection that rests. */
TEST(by_itself)
{
	struct peer *p = peer_client_new();
	p->conf.idle_ns = (HTTP2_REST_S * 1000 + 300) * NS_PER_MS;
	p->restless = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	bool rested = false;
	while (p->n_goaway == 0) { /* the idle time passes */
		rested |= resting(p);
		peer_wait(p, 2);
	}
	assert_true(rested);
	assert_int_equal(p->n_goaway, 1);
	assert_int_equal(p->goaway_code, NGHTTP2_NO_ERROR);
	assert_true(peer_ends(p, 5000));
	peer_free(&p);
}

TEST(ends_at_rest)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	assert_true(rests(p));
	(void)close(p->fd); /* the client leaves */
	p->fd = -1;
	assert_true(peer_ends(p, 5000));
	peer_free(&p);

	p = peer_client_new();
	peer_client_start(p);
	assert_true(rests(p));
	http2_server_abort(p->server);
	assert_null(p->server);
	peer_free(&p);
}
