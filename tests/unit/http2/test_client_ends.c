/* http2/client: how requests and connections end that do not end well. */
#include "far.h"

#include <unistd.h>

#include "http2/client_state.h"

#define END FRAME_END_STREAM

/* ---- resets -------------------------------------------------------------------------------- */

TEST(resets)
{
	struct far *f = far_new();
	far_start(f, 100);
	for (int i = 0; i < 6; i++)
		way_get(f, "/");
	far_run(f);
	far_reset(f, 1, NGHTTP2_REFUSED_STREAM);
	far_reset(f, 3, NGHTTP2_INTERNAL_ERROR);
	far_headers(f, 5, 0, ":status", "200", NULL);
	far_data(f, 5, "so far", false);
	far_reset(f, 5, NGHTTP2_INTERNAL_ERROR);
	/* it has looked at it: what it says then is not true */
	far_headers(f, 7, 0, ":status", "103", NULL);
	far_reset(f, 7, NGHTTP2_REFUSED_STREAM);
	far_reset(f, 9, NGHTTP2_NO_ERROR);
	far_headers(f, 11, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(f->ways[0].err, ERR_UPSTREAM_REFUSED);
	assert_true(f->ways[0].not_processed && f->ways[0].sent && !f->ways[0].answered);
	assert_int_equal(f->ways[1].err, ERR_UPSTREAM_ABORTED);
	assert_false(f->ways[1].not_processed);
	assert_int_equal(f->ways[2].err, ERR_UPSTREAM_TRUNCATED);
	assert_string_equal(f->ways[2].body, "so far");
	assert_int_equal(f->ways[3].err, ERR_UPSTREAM_ABORTED);
	assert_false(f->ways[3].not_processed);
	assert_int_equal(f->ways[4].err, ERR_UPSTREAM_ABORTED);
	assert_int_equal(f->ways[5].ended, 1);
	assert_non_null(f->conn);
	assert_int_equal(http2_conn_load(f->conn), 0);
	far_free(&f);
}

/* A server may answer without reading the request, and say so (RFC 9113 8.1). */
TEST(early_answer)
{
	struct far *f = far_new();
	f->no_updates = true;
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", 1 << 20, NULL);
	v->keep = true;
	while (!way_push(v, 10000))
		far_run(f);
	far_headers(f, 1, END, ":status", "413", NULL);
	far_reset(f, 1, NGHTTP2_NO_ERROR);
	far_run(f);
	assert_int_equal(v->status, 413);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->failed, 0);
	assert_int_equal(v->drained, 1); /* what comes is thrown away */
	assert_false(way_push(v, 100000));
	way_release(v);
	far_run(f);
	assert_false(far_got(f, 1)->reset);
	/* without that, it is we who stop */
	v = way_send(f, "POST", "/", 1 << 20, NULL);
	(void)way_push(v, 10);
	far_run(f);
	far_headers(f, 3, END, ":status", "413", NULL);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(far_got(f, 3)->reset_code, NGHTTP2_CANCEL);
	assert_non_null(f->conn);
	far_free(&f);
}

TEST(cancel)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *early = way_get(f, "/never-sent");
	way_release(early);
	far_run(f);
	assert_int_equal(f->n_gots == 0 || !far_got(f, 1)->n_heads || far_got(f, 1)->reset, 1);
	struct way *v = way_get(f, "/");
	far_run(f);
	uint32_t id = f->gots[f->n_gots - 1].stream;
	far_headers(f, id, 0, ":status", "200", NULL);
	far_run(f);
	way_release(v);
	far_run(f);
	assert_int_equal(far_got(f, id)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(http2_conn_load(f->conn), 0);
	/* what is still on its way is thrown away, and is no loss to the connection's window */
	uint64_t credit = f->credit;
	far_fill(f, id, CLIENT_STREAM_WINDOW, true);
	for (int i = 0; i < 16; i++) {
		v = way_get(f, "/");
		far_run(f);
		id = f->gots[f->n_gots - 1].stream;
		far_headers(f, id, 0, ":status", "200", NULL);
		far_run(f);
		way_release(v);
		far_fill(f, id, CLIENT_STREAM_WINDOW, true);
		far_run(f);
	}
	assert_true(f->credit - credit > 16ull * CLIENT_STREAM_WINDOW - CLIENT_WINDOW / 2);
	assert_non_null(f->conn);
	far_free(&f);
}

/* In the middle of a head that comes in pieces. */
TEST(cancel_within_a_head)
{
	struct far *f = far_new();
	char block[256];
	far_start(f, 100);
	struct way *v = way_get(f, "/"), *other = way_get(f, "/");
	far_run(f);
	size_t n = far_block(block, ":status", "200", "x-a", "b", NULL);
	far_frame(f, FRAME_HEADERS, 0, 1, block, n - 3);
	far_run(f);
	way_release(v);
	far_run(f);
	far_frame(f, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, block + n - 3, 3);
	far_headers(f, 3, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->heads, 0);
	assert_int_equal(other->ended, 1);
	far_free(&f);
}

static void release_now(struct way *v)
{
	way_release(v);
}

TEST(release_within_events)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *head = way_get(f, "/"), *interim = way_get(f, "/"), *fails = way_get(f, "/");
	head->on_head = interim->on_head = release_now;
	fails->on_fail = release_now;
	far_run(f);
	far_headers(f, 3, 0, ":status", "103", NULL);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_data(f, 1, "more", true);
	far_reset(f, 5, NGHTTP2_INTERNAL_ERROR);
	far_run(f);
	assert_int_equal(head->heads, 1);
	assert_int_equal(head->body_len + head->ended, 0);
	assert_int_equal(interim->heads, 1);
	assert_int_equal(fails->failed, 1);
	assert_int_equal(http2_conn_load(f->conn), 0);
	far_free(&f);
}

/* ---- GOAWAY -------------------------------------------------------------------------------- */

TEST(goaway)
{
	struct far *f = far_new();
	far_start(f, 100);
	for (int i = 0; i < 5; i++)
		way_get(f, "/");
	struct way *post = way_send(f, "POST", "/", 5, NULL);
	(void)way_push_text(post, "hello");
	post->keep = true;
	far_run(f);
	far_goaway(f, 3, NGHTTP2_NO_ERROR);
	far_run(f);
	for (int i = 2; i < 6; i++) { /* it has not seen them: they may go elsewhere */
		assert_int_equal(f->ways[i].err, ERR_UPSTREAM_REFUSED);
		assert_true(f->ways[i].not_processed && f->ways[i].sent);
	}
	assert_int_equal(f->ways[0].failed + f->ways[1].failed, 0);
	assert_non_null(f->conn);
	assert_int_equal(http2_conn_room(f->conn), 0);
	way_release(post);
	far_headers(f, 1, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(f->ways[0].ended, 1);
	assert_non_null(f->conn);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_data(f, 3, "all", true);
	far_run(f);
	assert_string_equal(f->ways[1].body, "all");
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->gone_err, 0);
	assert_true(f->eof);
	far_free(&f);
}

/* First that there will be an end, then where it is (RFC 9113 6.8). */
TEST(goaway_in_two_steps)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *first = way_get(f, "/"), *second = way_get(f, "/");
	far_run(f);
	far_goaway(f, INT32_MAX, NGHTTP2_NO_ERROR);
	far_run(f);
	assert_int_equal(http2_conn_room(f->conn), 0);
	assert_int_equal(first->failed + second->failed, 0);
	far_goaway(f, 1, NGHTTP2_NO_ERROR);
	far_headers(f, 1, END, ":status", "200", NULL);
	far_close(f);
	far_run(f);
	assert_int_equal(first->ended, 1);
	assert_true(second->not_processed);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

/* It comes with the end of the connection: what it says counts. */
TEST(goaway_and_close)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *seen = way_get(f, "/"), *unseen = way_get(f, "/");
	far_run(f);
	far_goaway(f, 1, NGHTTP2_NO_ERROR);
	far_close(f);
	far_run(f);
	assert_int_equal(seen->err, ERR_UPSTREAM_CLOSED);
	assert_false(seen->not_processed);
	assert_int_equal(unseen->err, ERR_UPSTREAM_REFUSED);
	assert_true(unseen->not_processed);
	far_free(&f);
}

TEST(goaway_idle)
{
	struct far *f = far_new();
	far_start(f, 100);
	far_goaway(f, 0, NGHTTP2_NO_ERROR);
	far_run(f);
	assert_int_equal(f->gone, 1);
	assert_int_equal(f->gone_err, 0);
	far_free(&f);
}

/* ---- the connection breaks ----------------------------------------------------------------- */

TEST(close)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *waits = way_get(f, "/"), *half = way_get(f, "/"), *whole = way_get(f, "/");
	far_run(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_data(f, 3, "half", false);
	far_headers(f, 5, 0, ":status", "200", NULL);
	far_run(f);
	whole->o->ops->hold(whole->o);
	far_data(f, 5, "whole", true);
	far_run(f);
	far_close(f);
	far_run(f);
	assert_int_equal(waits->err, ERR_UPSTREAM_CLOSED);
	assert_true(waits->sent && !waits->answered && !waits->not_processed);
	assert_int_equal(half->err, ERR_UPSTREAM_TRUNCATED);
	assert_string_equal(half->body, "half");
	assert_int_equal(f->gone, 0); /* one origin is left */
	assert_int_equal(http2_conn_stage(f->conn), HTTP2_LOST);
	assert_int_equal(http2_conn_room(f->conn), 0);
	assert_int_equal(whole->ended + whole->failed, 0);
	whole->o->ops->resume(whole->o); /* it was complete: it can still be had */
	far_run(f);
	assert_string_equal(whole->body, "whole");
	assert_int_equal(whole->ended, 1);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

/* Whether a request left is known even when all is over before it could. */
TEST(not_sent)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/sent");
	far_run(f);
	v->keep = true;
	far_close(f);
	struct way *late = way_get(f, "/never"); /* the loop has not turned yet */
	late->keep = true;
	f->w.clock_is_fresh = false;
	worker_turn(&f->w);
	assert_int_equal(v->failed + late->failed, 2);
	assert_true(v->sent);
	assert_false(late->sent);
	far_free(&f);
}

static struct way *another;

static void begin_another(struct way *v)
{
	/* of this one there is no more to be had */
	assert_int_equal(http2_conn_room(v->far->conn), 0);
	another = v;
}

TEST(no_room_where_it_failed)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	v->on_fail = begin_another;
	far_run(f);
	far_close(f);
	far_run(f);
	assert_ptr_equal(another, v);
	assert_true(f->changes > 0);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

TEST(close_idle)
{
	struct far *f = far_new();
	far_start(f, 100);
	assert_false(http2_conn_check_stale(f->conn));
	far_close(f);
	assert_int_equal(f->gone, 0);
	for (int i = 0; i < 100 && !http2_conn_check_stale(f->conn); i++)
		(void)usleep(1000);
	/* before the loop has turned */
	f->w.clock_is_fresh = false;
	http2_conn_close(f->conn);
	f->conn = NULL;
	far_free(&f);
	f = far_new();
	far_start(f, 100);
	far_close(f);
	far_run(f);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

TEST(owner_closes)
{
	struct far *f = far_new();
	far_start(f, 100);
	http2_conn_close(f->conn);
	f->conn = NULL;
	far_run(f);
	assert_int_equal(f->gone, 0);
	assert_int_equal(f->n_goaway, 1);
	assert_int_equal(f->goaway_code, NGHTTP2_NO_ERROR);
	assert_true(f->eof);
	far_free(&f);
}

TEST(retire)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	far_run(f);
	unsigned changes = f->changes;
	http2_conn_retire(f->conn);
	assert_int_equal(f->changes, changes + 1);
	assert_int_equal(http2_conn_room(f->conn), 0);
	far_run(f);
	assert_int_equal(f->gone, 0);
	far_headers(f, 1, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

/* ---- silence ------------------------------------------------------------------------------- */

TEST(timeouts)
{
	struct far *f = far_new();
	f->conf.response_ns = 150 * NS_PER_MS;
	far_start(f, 100);
	struct way *silent = way_get(f, "/"), *stalled = way_get(f, "/"), *held = way_get(f, "/"),
		   *lively = way_get(f, "/");
	far_run(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_headers(f, 5, 0, ":status", "200", NULL);
	far_headers(f, 7, 0, ":status", "200", NULL);
	far_run(f);
	held->o->ops->hold(held->o);
	for (int i = 0; i < 8; i++) {
		far_wait(f, 50);
		far_data(f, 7, ".", false);
	}
	far_run(f);
	assert_int_equal(silent->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(far_got(f, 1)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(stalled->err, ERR_UPSTREAM_STALLED);
	assert_int_equal(held->failed, 0); /* it is not the server that is slow */
	assert_int_equal(lively->failed, 0);
	assert_true(http2_conn_room(f->conn) > 0); /* the connection lives */
	held->o->ops->resume(held->o);
	assert_true(far_until(f, &held->failed, 1000));
	assert_int_equal(held->err, ERR_UPSTREAM_STALLED);
	far_free(&f);
}

/* A connection that says nothing at all is not used any more. */
TEST(a_dead_connection)
{
	struct far *f = far_new();
	f->conf.response_ns = 100 * NS_PER_MS;
	far_start(f, 100);
	far_wait(f, 30);
	struct way *v = way_get(f, "/");
	assert_true(far_until(f, &v->failed, 1000));
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

TEST(a_slow_upload_is_not_silence)
{
	struct far *f = far_new();
	f->conf.response_ns = 150 * NS_PER_MS;
	f->no_updates = true;
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", 200000, NULL);
	(void)way_push(v, 200000);
	way_end(v);
	far_run(f);
	for (int i = 0; i < 8; i++) {
		far_update(f, 0, 5000);
		far_update(f, 1, 5000);
		far_wait(f, 50);
	}
	assert_int_equal(v->failed, 0);
	assert_true(far_until(f, &v->failed, 1000));
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	far_free(&f);
}

TEST(no_settings)
{
	struct far *f = far_new();
	f->conf.connect_ns = 100 * NS_PER_MS;
	far_open(f);
	struct way *v = way_get(f, "/");
	assert_true(far_until(f, &v->failed, 1000));
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

TEST(idle)
{
	struct far *f = far_new();
	f->conf.idle_ns = 100 * NS_PER_MS;
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	far_wait(f, 200); /* not idle: it carries a request */
	assert_int_equal(f->gone, 0);
	far_headers(f, 1, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(f->gone, 0);
	assert_true(far_until(f, &f->gone, 1000));
	assert_int_equal(f->gone_err, 0);
	far_run(f);
	assert_int_equal(f->n_goaway, 1);
	assert_true(f->eof);
	far_free(&f);
}

/* ---- servers that break rules -------------------------------------------------------------- */

TEST(not_http2)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	struct far *f = far_new();
	far_open(f);
	struct way *v = way_get(f, "/");
	far_run(f);
	far_bytes(f, text, sizeof(text) - 1);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_PROTOCOL);
	assert_int_equal(f->gone, 1);
	far_free(&f);
}

static void bad_settings(struct far *f)
{
	far_settings(f, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000u, 0);
}

static void bad_data(struct far *f)
{
	far_data(f, 0, "on the connection", false);
}

static void bad_order(struct far *f)
{
	far_data(f, 1, "no head yet", false);
}

static void bad_idle_stream(struct far *f)
{
	far_headers(f, 99, END, ":status", "200", NULL);
}

static void bad_even_stream(struct far *f)
{
	far_headers(f, 2, END, ":status", "200", NULL);
}

static void bad_push(struct far *f)
{
	char payload[64] = { 0, 0, 0, 2 };
	size_t n = 4 + far_block(payload + 4, ":method", "GET", ":path", "/", NULL);
	far_frame(f, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, payload, n);
}

static void bad_size(struct far *f)
{
	static const char much[16385];
	far_frame(f, FRAME_DATA, 0, 1, much, sizeof(much));
}

static void bad_hpack(struct far *f)
{
	far_frame(f, FRAME_HEADERS, FRAME_END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6);
}

static void bad_continuation(struct far *f)
{
	far_frame(f, FRAME_HEADERS, 0, 1, "", 0);
	far_frame(f, FRAME_PING, 0, 0, "12345678", 8);
}

static void bad_ack(struct far *f)
{
	far_frame(f, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	far_frame(f, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
}

static void bad_window(struct far *f)
{
	far_update(f, 0, 0x7fffffff);
}

static void flood_ping(struct far *f)
{
	for (int i = 0; i < 20000 && f->conn; i++)
		far_frame(f, FRAME_PING, 0, 0, "12345678", 8);
}

static void flood_settings(struct far *f)
{
	for (int i = 0; i < 20000 && f->conn; i++)
		far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100 + (unsigned)i % 2, 0);
}

static void flood_empty_data(struct far *f)
{
	far_headers(f, 1, 0, ":status", "200", NULL);
	for (int i = 0; i < 20000 && f->conn; i++)
		far_frame(f, FRAME_DATA, 0, 1, "", 0);
}

static void flood_continuation(struct far *f)
{
	far_frame(f, FRAME_HEADERS, 0, 1, "", 0);
	for (int i = 0; i < 20000 && f->conn; i++)
		far_frame(f, FRAME_CONTINUATION, 0, 1, "", 0);
}

static void flood_head(struct far *f)
{
	char block[16000];
	size_t n = 0;
	while (n < sizeof(block) - 100)
		n += far_block(block + n, "x-padding", "0123456789", NULL);
	far_frame(f, FRAME_HEADERS, 0, 1, block, n);
	for (int i = 0; i < 1000 && f->conn; i++)
		far_frame(f, FRAME_CONTINUATION, 0, 1, block, n);
}

static void flood_updates(struct far *f)
{
	for (int i = 0; i < 20000 && f->conn; i++)
		far_update(f, 1, 1);
}

static void flood_unknown(struct far *f)
{
	for (int i = 0; i < 20000 && f->conn; i++)
		far_frame(f, 0xee, 0, 0, "", 0);
}

static void flood_interim(struct far *f)
{
	for (int i = 0; i < 20000 && f->conn; i++)
		far_headers(f, 1, 0, ":status", "103", NULL);
}

static void bad_priority_update(struct far *f) /* RFC 9218 7.1: only clients send it */
{
	far_frame(f, FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7);
}

/* All requests fail, none as not processed, and the server is told why. */
TEST(rules)
{
	static const struct {
		const char *name;
		void (*act)(struct far *f);
		uint32_t code;
	} rules[] = {
		{ "settings", bad_settings, NGHTTP2_FLOW_CONTROL_ERROR },
		{ "data", bad_data, NGHTTP2_PROTOCOL_ERROR },
		{ "order", bad_order, NGHTTP2_PROTOCOL_ERROR },
		{ "idle stream", bad_idle_stream, NGHTTP2_PROTOCOL_ERROR },
		{ "even stream", bad_even_stream, NGHTTP2_PROTOCOL_ERROR },
		{ "push", bad_push, NGHTTP2_PROTOCOL_ERROR },
		{ "size", bad_size, NGHTTP2_FRAME_SIZE_ERROR },
		{ "hpack", bad_hpack, NGHTTP2_COMPRESSION_ERROR },
		{ "continuation", bad_continuation, NGHTTP2_PROTOCOL_ERROR },
		{ "ack", bad_ack, NGHTTP2_PROTOCOL_ERROR },
		{ "window", bad_window, NGHTTP2_FLOW_CONTROL_ERROR },
		{ "priority update", bad_priority_update, NGHTTP2_PROTOCOL_ERROR },
		{ "ping flood", flood_ping, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "settings flood", flood_settings, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "empty data flood", flood_empty_data, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "continuation flood", flood_continuation, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "head flood", flood_head, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "update flood", flood_updates, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "unknown flood", flood_unknown, NGHTTP2_ENHANCE_YOUR_CALM },
		{ "interim flood", flood_interim, NGHTTP2_ENHANCE_YOUR_CALM },
	};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct far *f = far_new();
		far_start(f, 100);
		struct way *v = way_get(f, "/"), *other = way_get(f, "/");
		far_run(f);
		rules[i].act(f);
		far_run(f);
		if (!f->gone || !v->failed || other->err != ERR_UPSTREAM_PROTOCOL ||
			other->not_processed || v->not_processed)
			fail_msg("%s: gone %u, %d and %d", rules[i].name, f->gone, v->err,
				other->err);
		if (!f->eof || (f->n_goaway && f->goaway_code != rules[i].code))
			fail_msg("%s: GOAWAY %u with %u", rules[i].name, f->n_goaway,
				f->goaway_code);
		far_free(&f);
	}
}

/* ---- what can be sent anew ----------------------------------------------------------------- */

TEST(reclaim)
{
	struct far *f = far_new();
	struct buf b;
	buf_init(&b);
	far_start(f, 100);
	struct way *small = way_send(f, "POST", "/", -2, NULL),
		   *large = way_send(f, "POST", "/", -2, NULL);
	struct way *aborted = way_send(f, "POST", "/", -2, NULL);
	small->keep = large->keep = aborted->keep = true;
	(void)way_push_text(small, "some ");
	far_run(f);
	(void)way_push_text(small, "thing");
	(void)way_push(large, CLIENT_KEEP_MAX);
	(void)way_push(large, 1);
	(void)way_push_text(aborted, "x");
	far_run(f);
	far_reset(f, 1, NGHTTP2_REFUSED_STREAM);
	far_reset(f, 3, NGHTTP2_REFUSED_STREAM);
	far_reset(f, 5, NGHTTP2_INTERNAL_ERROR);
	far_run(f);
	assert_true(small->not_processed && large->not_processed && !aborted->not_processed);
	/* it came too late for this server, not for the next */
	assert_false(way_push_text(small, " more"));
	assert_true(small->o->ops->reclaim(small->o, &b));
	assert_int_equal(b.len, 15);
	assert_memory_equal(buf_pullup(&b, 15).data, "some thing more", 15);
	buf_fini(&b);
	assert_false(small->o->ops->reclaim(small->o, &b)); /* once */
	assert_false(large->o->ops->reclaim(large->o, &b));
	assert_false(aborted->o->ops->reclaim(aborted->o, &b));
	assert_int_equal(b.len, 0);
	far_free(&f);
}
