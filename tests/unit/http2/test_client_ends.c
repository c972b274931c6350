/* http2/client: how requests and connections end that do not end well. */
#include "peer_server.h"

#include <unistd.h>

#include "http2/client_state.h"

#define END FRAME_END_STREAM

/* ---- resets -------------------------------------------------------------------------------- */

TEST(resets)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	for (int i = 0; i < 6; i++)
		probe_get(p, "/");
	peer_run(p);
	peer_reset(p, 1, NGHTTP2_REFUSED_STREAM);
	peer_reset(p, 3, NGHTTP2_INTERNAL_ERROR);
	peer_headers(p, 5, 0, ":status", "200", NULL);
	peer_data(p, 5, "so far", false);
	peer_reset(p, 5, NGHTTP2_INTERNAL_ERROR);
	/* it has looked at it: what it says then is not true */
	peer_headers(p, 7, 0, ":status", "103", NULL);
	peer_reset(p, 7, NGHTTP2_REFUSED_STREAM);
	peer_reset(p, 9, NGHTTP2_NO_ERROR);
	peer_headers(p, 11, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(p->probes[0].err, ERR_UPSTREAM_REFUSED);
	assert_true(p->probes[0].not_processed && p->probes[0].sent && !p->probes[0].answered);
	assert_int_equal(p->probes[1].err, ERR_UPSTREAM_ABORTED);
	assert_false(p->probes[1].not_processed);
	assert_int_equal(p->probes[2].err, ERR_UPSTREAM_TRUNCATED);
	assert_string_equal(p->probes[2].body, "so far");
	assert_int_equal(p->probes[3].err, ERR_UPSTREAM_ABORTED);
	assert_false(p->probes[3].not_processed);
	assert_int_equal(p->probes[4].err, ERR_UPSTREAM_ABORTED);
	assert_int_equal(p->probes[5].ended, 1);
	assert_non_null(p->conn);
	assert_int_equal(http2_conn_load(p->conn), 0);
	peer_free(&p);
}

/* A server may answer without reading the request, and say so (RFC 9113 8.1). */
TEST(early_answer)
{
	struct peer *p = peer_server_new();
	p->no_updates = true;
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", 1 << 20, NULL);
	v->keep = true;
	while (!probe_push(v, 10000))
		peer_run(p);
	peer_headers(p, 1, END, ":status", "413", NULL);
	peer_reset(p, 1, NGHTTP2_NO_ERROR);
	peer_run(p);
	assert_int_equal(v->status, 413);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->failed, 0);
	assert_int_equal(v->drained, 1); /* what comes is thrown away */
	assert_false(probe_push(v, 100000));
	probe_release(v);
	peer_run(p);
	assert_false(peer_stream(p, 1)->reset);
	/* without that, it is we who stop */
	v = probe_send(p, "POST", "/", 1 << 20, NULL);
	(void)probe_push(v, 10);
	peer_run(p);
	peer_headers(p, 3, END, ":status", "413", NULL);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(peer_stream(p, 3)->reset_code, NGHTTP2_CANCEL);
	assert_non_null(p->conn);
	peer_free(&p);
}

TEST(cancel)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *early = probe_get(p, "/never-sent");
	probe_release(early);
	peer_run(p);
	assert_int_equal(p->n_streams == 0 || !peer_stream(p, 1)->n_heads ||
			peer_stream(p, 1)->reset,
		1);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	uint32_t id = p->streams[p->n_streams - 1].id;
	peer_headers(p, id, 0, ":status", "200", NULL);
	peer_run(p);
	probe_release(v);
	peer_run(p);
	assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(http2_conn_load(p->conn), 0);
	/* what is still on its way is thrown away, and is no loss to the connection's window */
	uint64_t credit = p->credit;
	peer_fill(p, id, CLIENT_STREAM_WINDOW, true);
	for (int i = 0; i < 16; i++) {
		v = probe_get(p, "/");
		peer_run(p);
		id = p->streams[p->n_streams - 1].id;
		peer_headers(p, id, 0, ":status", "200", NULL);
		peer_run(p);
		probe_release(v);
		peer_fill(p, id, CLIENT_STREAM_WINDOW, true);
		peer_run(p);
	}
	assert_true(p->credit - credit > 16ull * CLIENT_STREAM_WINDOW - CLIENT_WINDOW / 2);
	assert_non_null(p->conn);
	peer_free(&p);
}

/* In the middle of a head that comes in pieces. */
TEST(cancel_within_a_head)
{
	struct peer *p = peer_server_new();
	char block[256];
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/"), *other = probe_get(p, "/");
	peer_run(p);
	size_t n = peer_block(block, ":status", "200", "x-a", "b", NULL);
	peer_frame(p, FRAME_HEADERS, 0, 1, block, n - 3);
	peer_run(p);
	probe_release(v);
	peer_run(p);
	peer_frame(p, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, block + n - 3, 3);
	peer_headers(p, 3, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->heads, 0);
	assert_int_equal(other->ended, 1);
	peer_free(&p);
}

static void release_now(struct probe *v)
{
	probe_release(v);
}

TEST(release_within_events)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *head = probe_get(p, "/"), *interim = probe_get(p, "/"),
		     *fails = probe_get(p, "/");
	head->on_head = interim->on_head = release_now;
	fails->on_fail = release_now;
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "103", NULL);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_data(p, 1, "more", true);
	peer_reset(p, 5, NGHTTP2_INTERNAL_ERROR);
	peer_run(p);
	assert_int_equal(head->heads, 1);
	assert_int_equal(head->body_len + head->ended, 0);
	assert_int_equal(interim->heads, 1);
	assert_int_equal(fails->failed, 1);
	assert_int_equal(http2_conn_load(p->conn), 0);
	peer_free(&p);
}

/* ---- GOAWAY -------------------------------------------------------------------------------- */

TEST(goaway)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	for (int i = 0; i < 5; i++)
		probe_get(p, "/");
	struct probe *post = probe_send(p, "POST", "/", 5, NULL);
	(void)probe_push_text(post, "hello");
	post->keep = true;
	peer_run(p);
	peer_goaway(p, 3, NGHTTP2_NO_ERROR);
	peer_run(p);
	for (int i = 2; i < 6; i++) { /* it has not seen them: they may go elsewhere */
		assert_int_equal(p->probes[i].err, ERR_UPSTREAM_REFUSED);
		assert_true(p->probes[i].not_processed && p->probes[i].sent);
	}
	assert_int_equal(p->probes[0].failed + p->probes[1].failed, 0);
	assert_non_null(p->conn);
	assert_int_equal(http2_conn_room(p->conn), 0);
	probe_release(post);
	peer_headers(p, 1, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(p->probes[0].ended, 1);
	assert_non_null(p->conn);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_data(p, 3, "all", true);
	peer_run(p);
	assert_string_equal(p->probes[1].body, "all");
	assert_int_equal(p->gone, 1);
	assert_int_equal(p->gone_err, 0);
	assert_true(p->eof);
	peer_free(&p);
}

/* First that there will be an end, then where it is (RFC 9113 6.8). */
TEST(goaway_in_two_steps)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *first = probe_get(p, "/"), *second = probe_get(p, "/");
	peer_run(p);
	peer_goaway(p, INT32_MAX, NGHTTP2_NO_ERROR);
	peer_run(p);
	assert_int_equal(http2_conn_room(p->conn), 0);
	assert_int_equal(first->failed + second->failed, 0);
	peer_goaway(p, 1, NGHTTP2_NO_ERROR);
	peer_headers(p, 1, END, ":status", "200", NULL);
	peer_close(p);
	peer_run(p);
	assert_int_equal(first->ended, 1);
	assert_true(second->not_processed);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

/* It comes with the end of the connection: what it says counts. */
TEST(goaway_and_close)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *seen = probe_get(p, "/"), *unseen = probe_get(p, "/");
	peer_run(p);
	peer_goaway(p, 1, NGHTTP2_NO_ERROR);
	peer_close(p);
	peer_run(p);
	assert_int_equal(seen->err, ERR_UPSTREAM_CLOSED);
	assert_false(seen->not_processed);
	assert_int_equal(unseen->err, ERR_UPSTREAM_REFUSED);
	assert_true(unseen->not_processed);
	peer_free(&p);
}

TEST(goaway_idle)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	peer_goaway(p, 0, NGHTTP2_NO_ERROR);
	peer_run(p);
	assert_int_equal(p->gone, 1);
	assert_int_equal(p->gone_err, 0);
	peer_free(&p);
}

/* ---- the connection breaks ----------------------------------------------------------------- */

TEST(close)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *waits = probe_get(p, "/"), *half = probe_get(p, "/"),
		     *whole = probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_data(p, 3, "half", false);
	peer_headers(p, 5, 0, ":status", "200", NULL);
	peer_run(p);
	whole->o->ops->hold(whole->o);
	peer_data(p, 5, "whole", true);
	peer_run(p);
	peer_close(p);
	peer_run(p);
	assert_int_equal(waits->err, ERR_UPSTREAM_CLOSED);
	assert_true(waits->sent && !waits->answered && !waits->not_processed);
	assert_int_equal(half->err, ERR_UPSTREAM_TRUNCATED);
	assert_string_equal(half->body, "half");
	assert_int_equal(p->gone, 0); /* one origin is left */
	assert_int_equal(http2_conn_stage(p->conn), HTTP2_LOST);
	assert_int_equal(http2_conn_room(p->conn), 0);
	assert_int_equal(whole->ended + whole->failed, 0);
	whole->o->ops->resume(whole->o); /* it was complete: it can still be had */
	peer_run(p);
	assert_string_equal(whole->body, "whole");
	assert_int_equal(whole->ended, 1);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

/* Whether a request left is known even when all is over before it could. */
TEST(not_sent)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/sent");
	peer_run(p);
	v->keep = true;
	peer_close(p);
	struct probe *late = probe_get(p, "/never"); /* the loop has not turned yet */
	late->keep = true;
	p->w.clock_is_fresh = false;
	worker_turn(&p->w);
	assert_int_equal(v->failed + late->failed, 2);
	assert_true(v->sent);
	assert_false(late->sent);
	peer_free(&p);
}

static struct probe *another;

static void begin_another(struct probe *v)
{
	/* of this one there is no more to be had */
	assert_int_equal(http2_conn_room(v->peer->conn), 0);
	another = v;
}

TEST(no_room_where_it_failed)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	v->on_fail = begin_another;
	peer_run(p);
	peer_close(p);
	peer_run(p);
	assert_ptr_equal(another, v);
	assert_true(p->changes > 0);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

TEST(close_idle)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	assert_false(http2_conn_check_stale(p->conn));
	peer_close(p);
	assert_int_equal(p->gone, 0);
	for (int i = 0; i < 100 && !http2_conn_check_stale(p->conn); i++)
		(void)usleep(1000);
	/* before the loop has turned */
	p->w.clock_is_fresh = false;
	http2_conn_close(p->conn);
	p->conn = NULL;
	peer_free(&p);
	p = peer_server_new();
	peer_server_start(p, 100);
	peer_close(p);
	peer_run(p);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

TEST(owner_closes)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	http2_conn_close(p->conn);
	p->conn = NULL;
	peer_run(p);
	assert_int_equal(p->gone, 0);
	assert_int_equal(p->n_goaway, 1);
	assert_int_equal(p->goaway_code, NGHTTP2_NO_ERROR);
	assert_true(p->eof);
	peer_free(&p);
}

TEST(retire)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	unsigned changes = p->changes;
	http2_conn_retire(p->conn);
	assert_int_equal(p->changes, changes + 1);
	assert_int_equal(http2_conn_room(p->conn), 0);
	peer_run(p);
	assert_int_equal(p->gone, 0);
	peer_headers(p, 1, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

/* ---- silence ------------------------------------------------------------------------------- */

TEST(timeouts)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 150 * NS_PER_MS;
	peer_server_start(p, 100);
	struct probe *silent = probe_get(p, "/"), *stalled = probe_get(p, "/"),
		     *held = probe_get(p, "/"), *lively = probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_headers(p, 5, 0, ":status", "200", NULL);
	peer_headers(p, 7, 0, ":status", "200", NULL);
	peer_run(p);
	held->o->ops->hold(held->o);
	for (int i = 0; i < 8; i++) {
		peer_wait(p, 50);
		peer_data(p, 7, ".", false);
	}
	peer_run(p);
	assert_int_equal(silent->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(stalled->err, ERR_UPSTREAM_STALLED);
	assert_int_equal(held->failed, 0); /* it is not the server that is slow */
	assert_int_equal(lively->failed, 0);
	assert_true(http2_conn_room(p->conn) > 0); /* the connection lives */
	held->o->ops->resume(held->o);
	assert_true(peer_until(p, &held->failed, 1000));
	assert_int_equal(held->err, ERR_UPSTREAM_STALLED);
	peer_free(&p);
}

/* A connection that says nothing at all is not used any more. */
TEST(a_dead_connection)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 100 * NS_PER_MS;
	peer_server_start(p, 100);
	peer_wait(p, 30);
	struct probe *v = probe_get(p, "/");
	assert_true(peer_until(p, &v->failed, 1000));
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

TEST(a_slow_upload_is_not_silence)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 150 * NS_PER_MS;
	p->no_updates = true;
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", 200000, NULL);
	(void)probe_push(v, 200000);
	probe_end(v);
	peer_run(p);
	for (int i = 0; i < 8; i++) {
		peer_update(p, 0, 5000);
		peer_update(p, 1, 5000);
		peer_wait(p, 50);
	}
	assert_int_equal(v->failed, 0);
	assert_true(peer_until(p, &v->failed, 1000));
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	peer_free(&p);
}

TEST(no_settings)
{
	struct peer *p = peer_server_new();
	p->conn_conf.connect_ns = 100 * NS_PER_MS;
	peer_server_open(p);
	struct probe *v = probe_get(p, "/");
	assert_true(peer_until(p, &v->failed, 1000));
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

TEST(idle)
{
	struct peer *p = peer_server_new();
	p->conn_conf.idle_ns = 100 * NS_PER_MS;
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	peer_wait(p, 200); /* not idle: it carries a request */
	assert_int_equal(p->gone, 0);
	peer_headers(p, 1, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(p->gone, 0);
	assert_true(peer_until(p, &p->gone, 1000));
	assert_int_equal(p->gone_err, 0);
	peer_run(p);
	assert_int_equal(p->n_goaway, 1);
	assert_true(p->eof);
	peer_free(&p);
}

/* ---- servers that break rules -------------------------------------------------------------- */

TEST(not_http2)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	struct peer *p = peer_server_new();
	peer_server_open(p);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	peer_bytes(p, text, sizeof(text) - 1);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_PROTOCOL);
	assert_int_equal(p->gone, 1);
	peer_free(&p);
}

static void bad_settings(struct peer *p)
{
	peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000u, 0);
}

static void bad_data(struct peer *p)
{
	peer_data(p, 0, "on the connection", false);
}

static void bad_order(struct peer *p)
{
	peer_data(p, 1, "no head yet", false);
}

static void bad_idle_stream(struct peer *p)
{
	peer_headers(p, 99, END, ":status", "200", NULL);
}

static void bad_even_stream(struct peer *p)
{
	peer_headers(p, 2, END, ":status", "200", NULL);
}

static void bad_push(struct peer *p)
{
	char payload[64] = { 0, 0, 0, 2 };
	size_t n = 4 + peer_block(payload + 4, ":method", "GET", ":path", "/", NULL);
	peer_frame(p, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, payload, n);
}

static void bad_size(struct peer *p)
{
	static const char much[16385];
	peer_frame(p, FRAME_DATA, 0, 1, much, sizeof(much));
}

static void bad_hpack(struct peer *p)
{
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6);
}

static void bad_continuation(struct peer *p)
{
	peer_frame(p, FRAME_HEADERS, 0, 1, "", 0);
	peer_frame(p, FRAME_PING, 0, 0, "12345678", 8);
}

static void bad_ack(struct peer *p)
{
	peer_frame(p, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	peer_frame(p, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
}

static void bad_window(struct peer *p)
{
	peer_update(p, 0, 0x7fffffff);
}

static void flood_ping(struct peer *p)
{
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_frame(p, FRAME_PING, 0, 0, "12345678", 8);
}

static void flood_settings(struct peer *p)
{
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100 + (unsigned)i % 2, 0);
}

static void flood_empty_data(struct peer *p)
{
	peer_headers(p, 1, 0, ":status", "200", NULL);
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_frame(p, FRAME_DATA, 0, 1, "", 0);
}

static void flood_continuation(struct peer *p)
{
	peer_frame(p, FRAME_HEADERS, 0, 1, "", 0);
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_frame(p, FRAME_CONTINUATION, 0, 1, "", 0);
}

static void flood_head(struct peer *p)
{
	char block[16000];
	size_t n = 0;
	while (n < sizeof(block) - 100)
		n += peer_block(block + n, "x-padding", "0123456789", NULL);
	peer_frame(p, FRAME_HEADERS, 0, 1, block, n);
	for (int i = 0; i < 1000 && p->conn; i++)
		peer_frame(p, FRAME_CONTINUATION, 0, 1, block, n);
}

static void flood_updates(struct peer *p)
{
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_update(p, 1, 1);
}

static void flood_unknown(struct peer *p)
{
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_frame(p, 0xee, 0, 0, "", 0);
}

static void flood_interim(struct peer *p)
{
	for (int i = 0; i < 20000 && p->conn; i++)
		peer_headers(p, 1, 0, ":status", "103", NULL);
}

static void bad_priority_update(struct peer *p) /* RFC 9218 7.1: only clients send it */
{
	peer_frame(p, FRAME_PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7);
}

/* All requests fail, none as not processed, and the server is told why. */
TEST(rules)
{
	static const struct {
		const char *name;
		void (*act)(struct peer *p);
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
		struct peer *p = peer_server_new();
		peer_server_start(p, 100);
		struct probe *v = probe_get(p, "/"), *other = probe_get(p, "/");
		peer_run(p);
		rules[i].act(p);
		peer_run(p);
		if (!p->gone || !v->failed || other->err != ERR_UPSTREAM_PROTOCOL ||
			other->not_processed || v->not_processed)
			fail_msg("%s: gone %u, %d and %d", rules[i].name, p->gone, v->err,
				other->err);
		if (!p->eof || (p->n_goaway && p->goaway_code != rules[i].code))
			fail_msg("%s: GOAWAY %u with %u", rules[i].name, p->n_goaway,
				p->goaway_code);
		peer_free(&p);
	}
}

/* ---- what can be sent anew ----------------------------------------------------------------- */

TEST(reclaim)
{
	struct peer *p = peer_server_new();
	struct buf b;
	buf_init(&b);
	peer_server_start(p, 100);
	struct probe *small = probe_send(p, "POST", "/", -2, NULL),
		     *large = probe_send(p, "POST", "/", -2, NULL);
	struct probe *aborted = probe_send(p, "POST", "/", -2, NULL);
	small->keep = large->keep = aborted->keep = true;
	(void)probe_push_text(small, "some ");
	peer_run(p);
	(void)probe_push_text(small, "thing");
	(void)probe_push(large, CLIENT_KEEP_MAX);
	(void)probe_push(large, 1);
	(void)probe_push_text(aborted, "x");
	peer_run(p);
	peer_reset(p, 1, NGHTTP2_REFUSED_STREAM);
	peer_reset(p, 3, NGHTTP2_REFUSED_STREAM);
	peer_reset(p, 5, NGHTTP2_INTERNAL_ERROR);
	peer_run(p);
	assert_true(small->not_processed && large->not_processed && !aborted->not_processed);
	/* it came too late for this server, not for the next */
	assert_false(probe_push_text(small, " more"));
	assert_true(small->o->ops->reclaim(small->o, &b));
	assert_int_equal(b.len, 15);
	assert_memory_equal(buf_pullup(&b, 15).data, "some thing more", 15);
	buf_fini(&b);
	assert_false(small->o->ops->reclaim(small->o, &b)); /* once */
	assert_false(large->o->ops->reclaim(large->o, &b));
	assert_false(aborted->o->ops->reclaim(aborted->o, &b));
	assert_int_equal(b.len, 0);
	peer_free(&p);
}
