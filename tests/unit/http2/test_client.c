/* http2/client: requests and responses on one connection, against a server that writes frames byte
 * by byte. */
#include "far.h"

#include "http2/client_state.h"

#include <stdio.h>

#define END FRAME_END_STREAM

TEST(beginning)
{
	struct far *f = far_new();
	far_open(f);
	assert_int_equal(f->n_settings, 1);
	assert_int_equal(f->settings[NGHTTP2_SETTINGS_ENABLE_PUSH], 0);
	assert_int_equal(f->settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], CLIENT_STREAM_WINDOW);
	assert_int_equal(f->settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], f->conf.max_head);
	assert_int_equal(f->credit, CLIENT_WINDOW - 65535);
	far_free(&f);
}

TEST(get)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/a?b=c");
	far_run(f);
	struct got *g = far_got(f, 1);
	assert_string_equal(g->head,
		":method: GET\n:scheme: http\n:authority: example.com\n:path: /a?b=c\n");
	assert_true(g->ended);
	assert_int_equal(g->frames, 0);
	far_headers(f, 1, 0, ":status", "200", "content-length", "5", "x-a", "b", NULL);
	far_data(f, 1, "hel", false);
	far_run(f);
	assert_int_equal(v->status, 200);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_int_equal(v->length, 5);
	assert_string_equal(v->fields, "content-length: 5\nx-a: b\n");
	assert_string_equal(v->body, "hel");
	assert_int_equal(v->ended, 0);
	far_data(f, 1, "lo", true);
	far_run(f);
	assert_string_equal(v->body, "hello");
	assert_int_equal(v->ended, 1);
	assert_true(v->answered);
	assert_int_equal(http2_conn_load(f->conn), 0);
	assert_int_equal(http2_conn_room(f->conn), 100);
	assert_false(g->reset);
	far_free(&f);
}

/* What is about the connection, and what the head itself says, is not sent as it came. */
TEST(request_fields)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", 3, "Host", "elsewhere", "Content-Type",
		"text/plain", "X-Own", "Va lue", "Content-Length", "99", "Connection", "close",
		"Keep-Alive", "9", "Transfer-Encoding", "chunked", "Upgrade", "x", "TE",
		"trailers, deflate", "Cookie", "a=b", "Authorization", "Basic x", NULL);
	(void)way_push_text(v, "abc");
	way_end(v);
	far_run(f);
	assert_string_equal(far_got(f, 1)->head,
		":method: POST\n:scheme: http\n:authority: example.com\n:path: /\n"
		"content-type: text/plain\nx-own: Va lue\ncookie: a=b (never indexed)\n"
		"authorization: Basic x (never indexed)\nte: trailers\ncontent-length: 3\n");
	assert_string_equal(far_got(f, 1)->body, "abc");
	assert_true(far_got(f, 1)->ended);
	far_free(&f);
}

TEST(bodies)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", 5, NULL);
	(void)way_push_text(v, "hello");
	way_end(v);
	far_run(f);
	assert_int_equal(far_got(f, 1)->frames, 1); /* the end is said with the last bytes */
	assert_true(far_got(f, 1)->ended);
	/* of unknown length, piece by piece */
	v = way_send(f, "PUT", "/", -2, NULL);
	far_run(f);
	assert_false(far_got(f, 3)->ended);
	assert_null(strstr(far_got(f, 3)->head, "content-length"));
	(void)way_push_text(v, "one");
	far_run(f);
	assert_string_equal(far_got(f, 3)->body, "one");
	(void)way_push_text(v, "two");
	far_run(f);
	way_end(v);
	far_run(f);
	assert_string_equal(far_got(f, 3)->body, "onetwo");
	assert_true(far_got(f, 3)->ended);
	/* none: said with the head, and that there is none */
	v = way_send(f, "POST", "/", -1, NULL);
	way_end(v);
	v = way_send(f, "POST", "/", 0, NULL);
	way_end(v);
	far_run(f);
	assert_true(far_got(f, 5)->ended && far_got(f, 7)->ended);
	assert_int_equal(far_got(f, 5)->frames + far_got(f, 7)->frames, 0);
	assert_non_null(strstr(far_got(f, 5)->head, "content-length: 0\n"));
	assert_non_null(strstr(far_got(f, 7)->head, "content-length: 0\n"));
	far_free(&f);
}

TEST(trailers)
{
	struct far *f = far_new();
	struct fields t = { 0 };
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", -2, NULL);
	(void)way_push_text(v, "x");
	assert_int_equal(fields_add(&t, &v->arena, STR("X-Sum"), STR("1")), 0);
	assert_int_equal(fields_add(&t, &v->arena, STR("Dropped"), STR("2")), 0);
	t.v[1].flags |= FIELD_DROP;
	v->o->ops->end(v->o, &t);
	far_run(f);
	assert_string_equal(far_got(f, 1)->body, "x");
	assert_string_equal(far_got(f, 1)->trailers, "x-sum: 1\n");
	assert_true(far_got(f, 1)->ended);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_data(f, 1, "y", false);
	far_headers(f, 1, END, "grpc-status", "0", "content-type", "late", NULL);
	far_run(f);
	assert_string_equal(v->body, "y");
	assert_string_equal(v->trailers, "grpc-status: 0\n");
	assert_int_equal(v->ended, 1);
	/* without a body before them */
	v = way_send(f, "POST", "/", -2, NULL);
	t = (struct fields){ 0 };
	assert_int_equal(fields_add(&t, &v->arena, STR("X-Sum"), STR("2")), 0);
	v->o->ops->end(v->o, &t);
	far_run(f);
	assert_string_equal(far_got(f, 3)->trailers, "x-sum: 2\n");
	assert_true(far_got(f, 3)->ended);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_headers(f, 3, END, "x-t", "u", NULL);
	far_run(f);
	assert_string_equal(v->trailers, "x-t: u\n");
	far_free(&f);
}

TEST(interim)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	far_run(f);
	far_headers(f, 1, 0, ":status", "103", "link", "</a>", NULL);
	far_run(f);
	assert_int_equal(v->interim, 1);
	assert_string_equal(v->fields, "link: </a>\n");
	far_headers(f, 1, 0, ":status", "100", NULL);
	far_headers(f, 1, END, ":status", "204", NULL);
	far_run(f);
	assert_int_equal(v->interim, 2);
	assert_int_equal(v->status, 204);
	assert_int_equal(v->kind, BODY_NONE);
	assert_int_equal(v->ended, 1);
	/* a server that keeps promising is not answering */
	v = way_get(f, "/");
	far_run(f);
	for (int i = 0; i <= CLIENT_INTERIM_MAX; i++)
		far_headers(f, 3, 0, ":status", "102", NULL);
	far_run(f);
	assert_int_equal(v->interim, CLIENT_INTERIM_MAX);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	assert_int_equal(far_got(f, 3)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	far_free(&f);
}

/* What frames a response, and what it is for the gateway. */
TEST(framing)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_send(f, "HEAD", "/", -1, NULL);
	way_end(v);
	far_run(f);
	far_headers(f, 1, END, ":status", "200", "content-length", "1234", NULL);
	far_run(f);
	assert_int_equal(v->kind, BODY_NONE);
	assert_true(v->has_length);
	assert_int_equal(v->length, 1234);
	assert_int_equal(v->ended, 1);
	v = way_get(f, "/"); /* no length, and no end in sight */
	far_run(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->kind, BODY_CHUNKED);
	far_frame(f, FRAME_DATA, END, 3, "", 0);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->body_len, 0);
	v = way_get(f, "/"); /* the end at once */
	far_run(f);
	far_headers(f, 5, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->kind, BODY_NONE);
	assert_false(v->has_length); /* nothing is added to what the server said */
	assert_int_equal(v->ended, 1);
	far_free(&f);
}

TEST(wrong_length)
{
	struct far *f = far_new();
	struct way *v[5];
	far_start(f, 100);
	for (int i = 0; i < 4; i++)
		v[i] = way_get(f, "/");
	v[4] = way_send(f, "HEAD", "/", -1, NULL);
	way_end(v[4]);
	far_run(f);
	far_headers(f, 1, 0, ":status", "200", "content-length", "3", NULL);
	far_data(f, 1, "abcd", true);
	far_headers(f, 3, 0, ":status", "200", "content-length", "3", NULL);
	far_data(f, 3, "ab", true);
	far_headers(f, 5, END, ":status", "200", "content-length", "3", NULL);
	far_headers(f, 7, 0, ":status", "200", "content-length", "3", NULL);
	far_data(f, 7, "ab", false);
	far_headers(f, 7, END, "x-t", "u", NULL);
	far_headers(f, 9, 0, ":status", "200", NULL);
	far_data(f, 9, "to HEAD", true);
	far_run(f);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(v[i]->err, ERR_UPSTREAM_BAD_FRAMING);
		assert_int_equal(v[i]->ended, 0);
		assert_int_equal(far_got(f, 1 + 2 * (uint32_t)i)->reset_code,
			NGHTTP2_PROTOCOL_ERROR);
	}
	assert_string_equal(v[1]->body, "ab");
	assert_non_null(f->conn); /* that was about those requests alone */
	way_get(f, "/");
	far_run(f);
	far_headers(f, 11, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(f->ways[5].ended, 1);
	far_free(&f);
}

TEST(malformed_heads)
{
	static const struct {
		const char *fields[6];
		unsigned flags;
		int err;
	} bad[] = {
		{ { "x-a", "b" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "99" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "0200" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "2x0" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "600" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "101" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "100" }, END, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", ":status", "200" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { "x-a", "b", ":status", "200" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", ":path", "/" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "X-Upper", "b" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "", "b" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "x a", "b" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "x-a", "b\r\nset-cookie: c" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "x-a", "b\nc" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "connection", "close" }, 0, ERR_UPSTREAM_BAD_HEAD },
		{ { ":status", "200", "transfer-encoding", "chunked" }, 0,
			ERR_UPSTREAM_BAD_FRAMING },
		{ { ":status", "200", "content-length", "3", "content-length", "4" }, 0,
			ERR_UPSTREAM_BAD_FRAMING },
		{ { ":status", "200", "content-length", "3, 4" }, 0, ERR_UPSTREAM_BAD_FRAMING },
		{ { ":status", "200", "content-length", "-1" }, 0, ERR_UPSTREAM_BAD_FRAMING },
		{ { ":status", "200", "content-length", "99999999999999999999" }, 0,
			ERR_UPSTREAM_BAD_FRAMING },
	};
	struct far *f = far_new();
	far_start(f, 100);
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const *p = bad[i].fields;
		struct way *v = way_get(f, "/");
		far_run(f);
		far_headers(f, 1 + 2 * i, bad[i].flags, p[0], p[1], p[2], p[3], p[4], p[5], NULL);
		far_run(f);
		if (v->err != bad[i].err)
			fail_msg("%s: %s, %s: %s gives %d", p[0], p[1], p[2], p[3], v->err);
		assert_int_equal(v->status, 0);
		assert_true(v->answered);
		assert_int_equal(far_got(f, 1 + 2 * i)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	}
	assert_non_null(f->conn);
	far_free(&f);
}

TEST(malformed_ends)
{
	struct far *f = far_new();
	far_start(f, 100);
	for (int i = 0; i < 4; i++)
		way_get(f, "/");
	far_run(f);
	for (uint32_t i = 0; i < 4; i++)
		far_headers(f, 1 + 2 * i, 0, ":status", "200", NULL);
	far_headers(f, 1, 0, "x-t", "not the end", NULL);
	far_headers(f, 3, END, ":status", "200", NULL);
	far_headers(f, 5, END, "X-T", "u", NULL);
	far_headers(f, 7, END, "x-t", "u\rv", NULL);
	far_run(f);
	assert_int_equal(f->ways[0].err, ERR_UPSTREAM_BAD_FRAMING);
	for (int i = 1; i < 4; i++)
		assert_int_equal(f->ways[i].err, ERR_UPSTREAM_BAD_HEAD);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f->ways[i].status, 200);
	far_free(&f);
}

TEST(large_heads)
{
	struct far *f = far_new();
	char block[60000], value[8000];
	size_t n;
	f->conf.max_fields = 20;
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	far_run(f);
	/* in pieces, and just within the bounds */
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = 0;
	n = far_block(block, ":status", "200", "x-a", value, "x-b", value, NULL);
	far_frame(f, FRAME_HEADERS, 0, 1, block, 10000);
	far_frame(f, FRAME_CONTINUATION, 0, 1, block + 10000, 1);
	far_frame(f, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, block + 10001, n - 10001);
	far_run(f);
	assert_int_equal(v->status, 200);
	/* beyond them: that request fails, the others do not notice */
	v = way_get(f, "/");
	far_run(f);
	n = far_block(block, ":status", "200", "x-a", value, "x-b", value, "x-c", value, NULL);
	far_frame(f, FRAME_HEADERS, 0, 3, block, 16000);
	far_frame(f, FRAME_CONTINUATION, FRAME_END_HEADERS, 3, block + 16000, n - 16000);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_HEAD_TOO_LARGE);
	v = way_get(f, "/");
	far_run(f);
	n = far_block(block, ":status", "200", NULL);
	for (int i = 0; i < 21; i++)
		n += far_block(block + n, "x", "y", NULL);
	far_frame(f, FRAME_HEADERS, FRAME_END_HEADERS, 5, block, n);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_HEAD_TOO_LARGE);
	assert_non_null(f->conn);
	far_free(&f);
}

/* ---- flow control -------------------------------------------------------------------------- */

static void assert_pushed(const struct got *g, uint64_t n)
{
	assert_int_equal(g->body_len, n);
	for (uint64_t i = 0; i < n && i < FAR_TEXT; i++) {
		if (g->body[i] != (char)('a' + i % 23))
			fail_msg("byte %llu is %c", (unsigned long long)i, g->body[i]);
	}
}

TEST(a_slow_server)
{
	struct far *f = far_new();
	f->no_updates = true;
	far_start(f, 100);
	struct way *v = way_send(f, "POST", "/", -2, NULL);
	uint64_t pushed = 0;
	while (!v->full && pushed < 1 << 20) {
		(void)way_push(v, 10000);
		pushed += 10000;
		far_run(f);
	}
	assert_true(v->full);
	assert_int_equal(far_got(f, 1)->body_len, 65535); /* what the protocol allows at first */
	assert_true(pushed < 65535 + HTTP2_SEND_HIGH + 20000);
	far_update(f, 1, 20000); /* the request may go on, the connection may not */
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 65535);
	far_update(f, 0, 1 << 20);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 85535);
	assert_int_equal(v->drained, 0);
	far_update(f, 1, 45000);
	far_run(f);
	assert_int_equal(v->drained, 1);
	way_end(v);
	far_update(f, 1, 1 << 20);
	far_run(f);
	assert_pushed(far_got(f, 1), pushed);
	assert_true(far_got(f, 1)->ended);
	far_free(&f);
}

/* Smaller windows and larger frames, as the server says; and a window that shrinks below
 * nothing. */
TEST(settings_of_the_server)
{
	struct far *f = far_new();
	f->no_updates = true;
	far_open(f);
	far_settings(f, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100,
		NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0, 0);
	far_run(f);
	struct way *v = way_send(f, "POST", "/", -2, "X-Some", "thing", NULL);
	(void)way_push(v, 1000);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 100);
	far_settings(f, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 50, 0);
	far_update(f, 1, 40);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 100);
	far_settings(f, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 300, 0);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 340);
	way_end(v);
	far_update(f, 1, 1000);
	far_run(f);
	assert_pushed(far_got(f, 1), 1000);
	far_free(&f);
}

/* A response that is not taken stops at its window, and stops no other. */
TEST(a_slow_exchange)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *slow = way_get(f, "/slow"), *quick = way_get(f, "/quick");
	far_run(f);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_run(f);
	slow->o->ops->hold(slow->o);
	uint64_t credit = f->credit;
	far_fill(f, 1, CLIENT_STREAM_WINDOW, false);
	far_run(f);
	assert_int_equal(slow->body_len, 0);
	assert_int_equal(far_got(f, 1)->credit, 0);
	far_headers(f, 3, 0, ":status", "200", NULL);
	for (int i = 0; i < 64; i++) { /* 16 MiB, four times the connection's window */
		far_fill(f, 3, CLIENT_STREAM_WINDOW / 2, false);
		far_fill(f, 3, CLIENT_STREAM_WINDOW / 2, i == 63);
		far_run(f);
	}
	assert_int_equal(quick->body_len, 64ull * CLIENT_STREAM_WINDOW);
	assert_int_equal(quick->ended, 1);
	assert_true(f->credit - credit > 63ull * CLIENT_STREAM_WINDOW - CLIENT_WINDOW);
	assert_true(far_got(f, 3)->credit >= 62ull * CLIENT_STREAM_WINDOW);
	assert_int_equal(slow->body_len, 0);
	slow->o->ops->resume(slow->o);
	far_run(f);
	assert_int_equal(slow->body_len, CLIENT_STREAM_WINDOW);
	assert_true(far_got(f, 1)->credit >= CLIENT_STREAM_WINDOW / 2);
	far_data(f, 1, "end", true);
	far_run(f);
	assert_int_equal(slow->ended, 1);
	far_free(&f);
}

/* What the exchange does not take is offered again, and until then not room for more. */
TEST(left_over)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	v->take_nothing = true;
	far_run(f);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_fill(f, 1, CLIENT_STREAM_WINDOW - 3, false);
	far_data(f, 1, "end", true);
	far_run(f);
	assert_int_equal(v->body_len, 0);
	assert_int_equal(v->ended, 0); /* the end does not overtake it */
	v->take_nothing = false;
	v->o->ops->hold(v->o);
	v->o->ops->resume(v->o);
	far_run(f);
	assert_int_equal(v->body_len, CLIENT_STREAM_WINDOW);
	assert_int_equal(v->ended, 1);
	far_free(&f);
}

TEST(more_than_the_window)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = way_get(f, "/"), *other = way_get(f, "/");
	far_run(f);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_run(f);
	v->o->ops->hold(v->o);
	far_fill(f, 1, CLIENT_STREAM_WINDOW + 1, false);
	far_run(f);
	assert_int_equal(v->failed, 1);
	assert_true(v->err == ERR_UPSTREAM_TRUNCATED || v->err == ERR_UPSTREAM_PROTOCOL);
	assert_true(far_got(f, 1)->reset_code == NGHTTP2_FLOW_CONTROL_ERROR ||
		f->goaway_code == NGHTTP2_FLOW_CONTROL_ERROR);
	(void)other;
	far_free(&f);
}

/* ---- many at a time ------------------------------------------------------------------------ */

TEST(room)
{
	struct far *f = far_new();
	far_open(f); /* the server has not said how many it takes */
	assert_int_equal(http2_conn_stage(f->conn), HTTP2_NEW);
	assert_int_equal(http2_conn_room(f->conn), 16);
	assert_int_equal(http2_conn_limit(f->conn), 0);
	way_get(f, "/");
	assert_int_equal(http2_conn_room(f->conn), 15);
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3, 0);
	far_run(f);
	assert_int_equal(f->changes, 1);
	assert_int_equal(http2_conn_stage(f->conn), HTTP2_OPEN);
	assert_int_equal(http2_conn_limit(f->conn), 3);
	assert_int_equal(http2_conn_room(f->conn), 2);
	way_get(f, "/");
	way_get(f, "/");
	assert_int_equal(http2_conn_room(f->conn), 0);
	far_run(f);
	far_headers(f, 3, END, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(f->changes, 2); /* there is room again */
	assert_int_equal(http2_conn_room(f->conn), 1);
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1, 0);
	far_run(f);
	assert_int_equal(http2_conn_room(f->conn), 0); /* two are on their way, and finish */
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000000, 0);
	far_run(f);
	assert_int_equal(http2_conn_limit(f->conn), 100); /* our own bound */
	far_free(&f);
}

/* A server that lowers its number while requests wait: they wait, and none is lost. */
TEST(less_room_than_promised)
{
	struct far *f = far_new();
	far_start(f, 10);
	for (int i = 0; i < 10; i++)
		way_get(f, "/");
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2, 0);
	far_run(f);
	for (uint32_t done = 0; done < 10; done++) {
		uint32_t id = 1 + 2 * done;
		assert_true(far_got(f, id)->ended);
		far_headers(f, id, END, ":status", "200", NULL);
		far_run(f);
	}
	for (int i = 0; i < 10; i++)
		assert_int_equal(f->ways[i].ended, 1);
	far_free(&f);
}

TEST(interleaved)
{
	struct far *f = far_new();
	char text[32];
	far_start(f, 100);
	for (int i = 0; i < 100; i++)
		way_get(f, "/");
	far_run(f);
	for (uint32_t i = 0; i < 100; i++)
		far_headers(f, 199 - 2 * i, 0, ":status", "200", NULL);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 100; i++) {
			(void)snprintf(text, sizeof(text), "%u.%d ", i, round);
			far_data(f, 1 + 2 * i, text, round == 2);
		}
	}
	far_run(f);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d.0 %d.1 %d.2 ", i, i, i);
		assert_string_equal(f->ways[i].body, text);
		assert_int_equal(f->ways[i].ended, 1);
	}
	assert_int_equal(http2_conn_load(f->conn), 0);
	far_free(&f);
}

/* Frames cut anywhere. */
TEST(byte_by_byte)
{
	struct far *f = far_new();
	char frames[256];
	size_t n = 9;
	far_start(f, 100);
	struct way *v = way_get(f, "/");
	far_run(f);
	n += far_block(frames + 9, ":status", "200", "content-length", "5", NULL);
	memcpy(frames,
		(const char[]){ 0, 0, (char)(n - 9), FRAME_HEADERS, FRAME_END_HEADERS, 0, 0, 0, 1 },
		9);
	memcpy(frames + n,
		(const char[]){ 0, 0, 5, FRAME_DATA, FRAME_END_STREAM, 0, 0, 0, 1, 'h', 'e', 'l',
			'l', 'o' },
		14);
	n += 14;
	for (size_t i = 0; i < n; i++) {
		far_bytes(f, frames + i, 1);
		far_run(f);
	}
	assert_string_equal(v->body, "hello");
	assert_int_equal(v->ended, 1);
	far_free(&f);
}

TEST(pings_are_answered)
{
	struct far *f = far_new();
	far_start(f, 100);
	far_frame(f, FRAME_PING, 0, 0, "12345678", 8);
	far_frame(f, 0xee, 0, 0, "unknown", 7);
	far_run(f);
	assert_int_equal(f->n_ping_acks, 1);
	assert_non_null(f->conn);
	far_free(&f);
}
