/* http2/client: requests and responses on one connection, against a server that writes frames byte
 * by byte. */
#include "peer_server.h"

#include "http2/client_state.h"

#include <stdio.h>

#define END FRAME_END_STREAM

TEST(beginning)
{
	struct peer *p = peer_server_new();
	peer_server_open(p);
	assert_int_equal(p->n_settings, 1);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_ENABLE_PUSH], 0);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], CLIENT_STREAM_WINDOW);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], p->conn_conf.max_head);
	assert_int_equal(p->credit, CLIENT_WINDOW - 65535);
	peer_free(&p);
}

TEST(get)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/a?b=c");
	peer_run(p);
	struct peer_stream *g = peer_stream(p, 1);
	assert_string_equal(g->fields,
		":method: GET\n:scheme: http\n:authority: example.com\n:path: /a?b=c\n");
	assert_true(g->ended);
	assert_int_equal(g->frames, 0);
	peer_headers(p, 1, 0, ":status", "200", "content-length", "5", "x-a", "b", NULL);
	peer_data(p, 1, "hel", false);
	peer_run(p);
	assert_int_equal(v->status, 200);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_int_equal(v->length, 5);
	assert_string_equal(v->fields, "content-length: 5\nx-a: b\n");
	assert_string_equal(v->body, "hel");
	assert_int_equal(v->ended, 0);
	peer_data(p, 1, "lo", true);
	peer_run(p);
	assert_string_equal(v->body, "hello");
	assert_int_equal(v->ended, 1);
	assert_true(v->answered);
	assert_int_equal(http2_conn_load(p->conn), 0);
	assert_int_equal(http2_conn_room(p->conn), 100);
	assert_false(g->reset);
	peer_free(&p);
}

/* What is about the connection, and what the head itself says, is not sent as it came. */
TEST(request_fields)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", 3, "Host", "elsewhere", "Content-Type",
		"text/plain", "X-Own", "Va lue", "Content-Length", "99", "Connection", "close",
		"Keep-Alive", "9", "Transfer-Encoding", "chunked", "Upgrade", "x", "TE",
		"trailers, deflate", "Cookie", "a=b", "Authorization", "Basic x", NULL);
	(void)probe_push_text(v, "abc");
	probe_end(v);
	peer_run(p);
	assert_string_equal(peer_stream(p, 1)->fields,
		":method: POST\n:scheme: http\n:authority: example.com\n:path: /\n"
		"content-type: text/plain\nx-own: Va lue\ncookie: a=b (never indexed)\n"
		"authorization: Basic x (never indexed)\nte: trailers\ncontent-length: 3\n");
	assert_string_equal(peer_stream(p, 1)->body, "abc");
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

TEST(bodies)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", 5, NULL);
	(void)probe_push_text(v, "hello");
	probe_end(v);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->frames, 1); /* the end is said with the last bytes */
	assert_true(peer_stream(p, 1)->ended);
	/* of unknown length, piece by piece */
	v = probe_send(p, "PUT", "/", -2, NULL);
	peer_run(p);
	assert_false(peer_stream(p, 3)->ended);
	assert_null(strstr(peer_stream(p, 3)->fields, "content-length"));
	(void)probe_push_text(v, "one");
	peer_run(p);
	assert_string_equal(peer_stream(p, 3)->body, "one");
	(void)probe_push_text(v, "two");
	peer_run(p);
	probe_end(v);
	peer_run(p);
	assert_string_equal(peer_stream(p, 3)->body, "onetwo");
	assert_true(peer_stream(p, 3)->ended);
	/* none: said with the head, and that there is none */
	v = probe_send(p, "POST", "/", -1, NULL);
	probe_end(v);
	v = probe_send(p, "POST", "/", 0, NULL);
	probe_end(v);
	peer_run(p);
	assert_true(peer_stream(p, 5)->ended && peer_stream(p, 7)->ended);
	assert_int_equal(peer_stream(p, 5)->frames + peer_stream(p, 7)->frames, 0);
	assert_non_null(strstr(peer_stream(p, 5)->fields, "content-length: 0\n"));
	assert_non_null(strstr(peer_stream(p, 7)->fields, "content-length: 0\n"));
	peer_free(&p);
}

TEST(trailers)
{
	struct peer *p = peer_server_new();
	struct fields t = { 0 };
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", -2, NULL);
	(void)probe_push_text(v, "x");
	assert_int_equal(fields_add(&t, &v->arena, STR("X-Sum"), STR("1")), 0);
	assert_int_equal(fields_add(&t, &v->arena, STR("Dropped"), STR("2")), 0);
	t.v[1].flags |= FIELD_DROP;
	v->o->ops->end(v->o, &t);
	peer_run(p);
	assert_string_equal(peer_stream(p, 1)->body, "x");
	assert_string_equal(peer_stream(p, 1)->trailers, "x-sum: 1\n");
	assert_true(peer_stream(p, 1)->ended);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_data(p, 1, "y", false);
	peer_headers(p, 1, END, "grpc-status", "0", "content-type", "late", NULL);
	peer_run(p);
	assert_string_equal(v->body, "y");
	assert_string_equal(v->trailers, "grpc-status: 0\n");
	assert_int_equal(v->ended, 1);
	/* without a body before them */
	v = probe_send(p, "POST", "/", -2, NULL);
	t = (struct fields){ 0 };
	assert_int_equal(fields_add(&t, &v->arena, STR("X-Sum"), STR("2")), 0);
	v->o->ops->end(v->o, &t);
	peer_run(p);
	assert_string_equal(peer_stream(p, 3)->trailers, "x-sum: 2\n");
	assert_true(peer_stream(p, 3)->ended);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_headers(p, 3, END, "x-t", "u", NULL);
	peer_run(p);
	assert_string_equal(v->trailers, "x-t: u\n");
	peer_free(&p);
}

TEST(interim)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "103", "link", "</a>", NULL);
	peer_run(p);
	assert_int_equal(v->interim, 1);
	assert_string_equal(v->fields, "link: </a>\n");
	peer_headers(p, 1, 0, ":status", "100", NULL);
	peer_headers(p, 1, END, ":status", "204", NULL);
	peer_run(p);
	assert_int_equal(v->interim, 2);
	assert_int_equal(v->status, 204);
	assert_int_equal(v->kind, BODY_NONE);
	assert_int_equal(v->ended, 1);
	/* a server that keeps promising is not answering */
	v = probe_get(p, "/");
	peer_run(p);
	for (int i = 0; i <= CLIENT_INTERIM_MAX; i++)
		peer_headers(p, 3, 0, ":status", "102", NULL);
	peer_run(p);
	assert_int_equal(v->interim, CLIENT_INTERIM_MAX);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	assert_int_equal(peer_stream(p, 3)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	peer_free(&p);
}

/* What frames a response, and what it is for the gateway. */
TEST(framing)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "HEAD", "/", -1, NULL);
	probe_end(v);
	peer_run(p);
	peer_headers(p, 1, END, ":status", "200", "content-length", "1234", NULL);
	peer_run(p);
	assert_int_equal(v->kind, BODY_NONE);
	assert_true(v->has_length);
	assert_int_equal(v->length, 1234);
	assert_int_equal(v->ended, 1);
	v = probe_get(p, "/"); /* no length, and no end in sight */
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->kind, BODY_CHUNKED);
	peer_frame(p, FRAME_DATA, END, 3, "", 0);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->body_len, 0);
	v = probe_get(p, "/"); /* the end at once */
	peer_run(p);
	peer_headers(p, 5, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->kind, BODY_NONE);
	assert_false(v->has_length); /* nothing is added to what the server said */
	assert_int_equal(v->ended, 1);
	peer_free(&p);
}

TEST(wrong_length)
{
	struct peer *p = peer_server_new();
	struct probe *v[5];
	peer_server_start(p, 100);
	for (int i = 0; i < 4; i++)
		v[i] = probe_get(p, "/");
	v[4] = probe_send(p, "HEAD", "/", -1, NULL);
	probe_end(v[4]);
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "200", "content-length", "3", NULL);
	peer_data(p, 1, "abcd", true);
	peer_headers(p, 3, 0, ":status", "200", "content-length", "3", NULL);
	peer_data(p, 3, "ab", true);
	peer_headers(p, 5, END, ":status", "200", "content-length", "3", NULL);
	peer_headers(p, 7, 0, ":status", "200", "content-length", "3", NULL);
	peer_data(p, 7, "ab", false);
	peer_headers(p, 7, END, "x-t", "u", NULL);
	peer_headers(p, 9, 0, ":status", "200", NULL);
	peer_data(p, 9, "to HEAD", true);
	peer_run(p);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(v[i]->err, ERR_UPSTREAM_BAD_FRAMING);
		assert_int_equal(v[i]->ended, 0);
		assert_int_equal(peer_stream(p, 1 + 2 * (uint32_t)i)->reset_code,
			NGHTTP2_PROTOCOL_ERROR);
	}
	assert_string_equal(v[1]->body, "ab");
	assert_non_null(p->conn); /* that was about those requests alone */
	probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 11, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(p->probes[5].ended, 1);
	peer_free(&p);
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
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const *of = bad[i].fields;
		struct probe *v = probe_get(p, "/");
		peer_run(p);
		peer_headers(p, 1 + 2 * i, bad[i].flags, of[0], of[1], of[2], of[3], of[4], of[5],
			NULL);
		peer_run(p);
		if (v->err != bad[i].err)
			fail_msg("%s: %s, %s: %s gives %d", of[0], of[1], of[2], of[3], v->err);
		assert_int_equal(v->status, 0);
		assert_true(v->answered);
		assert_int_equal(peer_stream(p, 1 + 2 * i)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	}
	assert_non_null(p->conn);
	peer_free(&p);
}

TEST(malformed_ends)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	for (int i = 0; i < 4; i++)
		probe_get(p, "/");
	peer_run(p);
	for (uint32_t i = 0; i < 4; i++)
		peer_headers(p, 1 + 2 * i, 0, ":status", "200", NULL);
	peer_headers(p, 1, 0, "x-t", "not the end", NULL);
	peer_headers(p, 3, END, ":status", "200", NULL);
	peer_headers(p, 5, END, "X-T", "u", NULL);
	peer_headers(p, 7, END, "x-t", "u\rv", NULL);
	peer_run(p);
	assert_int_equal(p->probes[0].err, ERR_UPSTREAM_BAD_FRAMING);
	for (int i = 1; i < 4; i++)
		assert_int_equal(p->probes[i].err, ERR_UPSTREAM_BAD_HEAD);
	for (int i = 0; i < 4; i++)
		assert_int_equal(p->probes[i].status, 200);
	peer_free(&p);
}

TEST(large_heads)
{
	struct peer *p = peer_server_new();
	char block[60000], value[8000];
	size_t n;
	p->conn_conf.max_fields = 20;
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	/* in pieces, and just within the bounds */
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = 0;
	n = peer_block(block, ":status", "200", "x-a", value, "x-b", value, NULL);
	peer_frame(p, FRAME_HEADERS, 0, 1, block, 10000);
	peer_frame(p, FRAME_CONTINUATION, 0, 1, block + 10000, 1);
	peer_frame(p, FRAME_CONTINUATION, FRAME_END_HEADERS, 1, block + 10001, n - 10001);
	peer_run(p);
	assert_int_equal(v->status, 200);
	/* beyond them: that request fails, the others do not notice */
	v = probe_get(p, "/");
	peer_run(p);
	n = peer_block(block, ":status", "200", "x-a", value, "x-b", value, "x-c", value, NULL);
	peer_frame(p, FRAME_HEADERS, 0, 3, block, 16000);
	peer_frame(p, FRAME_CONTINUATION, FRAME_END_HEADERS, 3, block + 16000, n - 16000);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_HEAD_TOO_LARGE);
	v = probe_get(p, "/");
	peer_run(p);
	n = peer_block(block, ":status", "200", NULL);
	for (int i = 0; i < 21; i++)
		n += peer_block(block + n, "x", "y", NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS, 5, block, n);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_HEAD_TOO_LARGE);
	assert_non_null(p->conn);
	peer_free(&p);
}

/* ---- flow control -------------------------------------------------------------------------- */

static void assert_pushed(const struct peer_stream *g, uint64_t n)
{
	assert_int_equal(g->body_len, n);
	for (uint64_t i = 0; i < n && i < PEER_TEXT; i++) {
		if (g->body[i] != (char)('a' + i % 23))
			fail_msg("byte %llu is %c", (unsigned long long)i, g->body[i]);
	}
}

TEST(a_slow_server)
{
	struct peer *p = peer_server_new();
	p->no_updates = true;
	peer_server_start(p, 100);
	struct probe *v = probe_send(p, "POST", "/", -2, NULL);
	uint64_t pushed = 0;
	while (!v->full && pushed < 1 << 20) {
		(void)probe_push(v, 10000);
		pushed += 10000;
		peer_run(p);
	}
	assert_true(v->full);
	assert_int_equal(peer_stream(p, 1)->body_len,
		65535); /* what the protocol allows at first */
	assert_true(pushed < 65535 + HTTP2_SEND_HIGH + 20000);
	peer_update(p, 1, 20000); /* the request may go on, the connection may not */
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	peer_update(p, 0, 1 << 20);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 85535);
	assert_int_equal(v->drained, 0);
	peer_update(p, 1, 45000);
	peer_run(p);
	assert_int_equal(v->drained, 1);
	probe_end(v);
	peer_update(p, 1, 1 << 20);
	peer_run(p);
	assert_pushed(peer_stream(p, 1), pushed);
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

/* Smaller windows and larger frames, as the server says; and a window that shrinks below
 * nothing. */
TEST(settings_of_the_server)
{
	struct peer *p = peer_server_new();
	p->no_updates = true;
	peer_server_open(p);
	peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100,
		NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0, 0);
	peer_run(p);
	struct probe *v = probe_send(p, "POST", "/", -2, "X-Some", "thing", NULL);
	(void)probe_push(v, 1000);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 100);
	peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 50, 0);
	peer_update(p, 1, 40);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 100);
	peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 300, 0);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 340);
	probe_end(v);
	peer_update(p, 1, 1000);
	peer_run(p);
	assert_pushed(peer_stream(p, 1), 1000);
	peer_free(&p);
}

/* A response that is not taken stops at its window, and stops no other. */
TEST(a_slow_exchange)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *slow = probe_get(p, "/slow"), *quick = probe_get(p, "/quick");
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_run(p);
	slow->o->ops->hold(slow->o);
	uint64_t credit = p->credit;
	peer_fill(p, 1, CLIENT_STREAM_WINDOW, false);
	peer_run(p);
	assert_int_equal(slow->body_len, 0);
	assert_int_equal(peer_stream(p, 1)->credit, 0);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	for (unsigned i = 0; i < 64; i++) { /* 16 MiB, four times the connection's window */
		peer_fill(p, 3, CLIENT_STREAM_WINDOW / 2, false);
		peer_fill(p, 3, CLIENT_STREAM_WINDOW / 2, i == 63);
		peer_run(p);
		/* a busy machine may take its time to bring bytes from one socket to the other */
		for (int ms = 0; ms < 2000 && quick->body_len < (i + 1ull) * CLIENT_STREAM_WINDOW;
			ms++)
			peer_wait(p, 1);
	}
	assert_int_equal(quick->body_len, 64ull * CLIENT_STREAM_WINDOW);
	assert_int_equal(quick->ended, 1);
	assert_true(p->credit - credit > 63ull * CLIENT_STREAM_WINDOW - CLIENT_WINDOW);
	assert_true(peer_stream(p, 3)->credit >= 62ull * CLIENT_STREAM_WINDOW);
	assert_int_equal(slow->body_len, 0);
	slow->o->ops->resume(slow->o);
	peer_run(p);
	assert_int_equal(slow->body_len, CLIENT_STREAM_WINDOW);
	assert_true(peer_stream(p, 1)->credit >= CLIENT_STREAM_WINDOW / 2);
	peer_data(p, 1, "end", true);
	peer_run(p);
	assert_int_equal(slow->ended, 1);
	peer_free(&p);
}

/* What the exchange does not take is offered again, and until then not room for more. */
TEST(left_over)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	v->take_nothing = true;
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_fill(p, 1, CLIENT_STREAM_WINDOW - 3, false);
	peer_data(p, 1, "end", true);
	peer_run(p);
	assert_int_equal(v->body_len, 0);
	assert_int_equal(v->ended, 0); /* the end does not overtake it */
	v->take_nothing = false;
	v->o->ops->hold(v->o);
	v->o->ops->resume(v->o);
	peer_run(p);
	assert_int_equal(v->body_len, CLIENT_STREAM_WINDOW);
	assert_int_equal(v->ended, 1);
	peer_free(&p);
}

TEST(more_than_the_window)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/"), *other = probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_run(p);
	v->o->ops->hold(v->o);
	peer_fill(p, 1, CLIENT_STREAM_WINDOW + 1, false);
	peer_run(p);
	assert_int_equal(v->failed, 1);
	assert_true(v->err == ERR_UPSTREAM_TRUNCATED || v->err == ERR_UPSTREAM_PROTOCOL);
	assert_true(peer_stream(p, 1)->reset_code == NGHTTP2_FLOW_CONTROL_ERROR ||
		p->goaway_code == NGHTTP2_FLOW_CONTROL_ERROR);
	(void)other;
	peer_free(&p);
}

/* ---- many at a time ------------------------------------------------------------------------ */

TEST(room)
{
	struct peer *p = peer_server_new();
	peer_server_open(p); /* the server has not said how many it takes */
	assert_int_equal(http2_conn_stage(p->conn), HTTP2_NEW);
	assert_int_equal(http2_conn_room(p->conn), 16);
	assert_int_equal(http2_conn_limit(p->conn), 0);
	probe_get(p, "/");
	assert_int_equal(http2_conn_room(p->conn), 15);
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3, 0);
	peer_run(p);
	assert_int_equal(p->changes, 1);
	assert_int_equal(http2_conn_stage(p->conn), HTTP2_OPEN);
	assert_int_equal(http2_conn_limit(p->conn), 3);
	assert_int_equal(http2_conn_room(p->conn), 2);
	probe_get(p, "/");
	probe_get(p, "/");
	assert_int_equal(http2_conn_room(p->conn), 0);
	peer_run(p);
	peer_headers(p, 3, END, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(p->changes, 2); /* there is room again */
	assert_int_equal(http2_conn_room(p->conn), 1);
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1, 0);
	peer_run(p);
	assert_int_equal(http2_conn_room(p->conn), 0); /* two are on their way, and finish */
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000000, 0);
	peer_run(p);
	assert_int_equal(http2_conn_limit(p->conn), 100); /* our own bound */
	peer_free(&p);
}

/* A server that lowers its number while requests wait: they wait, and none is lost. */
TEST(less_room_than_promised)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 10);
	for (int i = 0; i < 10; i++)
		probe_get(p, "/");
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2, 0);
	peer_run(p);
	for (uint32_t done = 0; done < 10; done++) {
		uint32_t id = 1 + 2 * done;
		assert_true(peer_stream(p, id)->ended);
		peer_headers(p, id, END, ":status", "200", NULL);
		peer_run(p);
	}
	for (int i = 0; i < 10; i++)
		assert_int_equal(p->probes[i].ended, 1);
	peer_free(&p);
}

TEST(interleaved)
{
	struct peer *p = peer_server_new();
	char text[32];
	peer_server_start(p, 100);
	for (int i = 0; i < 100; i++)
		probe_get(p, "/");
	peer_run(p);
	for (uint32_t i = 0; i < 100; i++)
		peer_headers(p, 199 - 2 * i, 0, ":status", "200", NULL);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 100; i++) {
			(void)snprintf(text, sizeof(text), "%u.%d ", i, round);
			peer_data(p, 1 + 2 * i, text, round == 2);
		}
	}
	peer_run(p);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "%d.0 %d.1 %d.2 ", i, i, i);
		assert_string_equal(p->probes[i].body, text);
		assert_int_equal(p->probes[i].ended, 1);
	}
	assert_int_equal(http2_conn_load(p->conn), 0);
	peer_free(&p);
}

/* Frames cut anywhere. */
TEST(byte_by_byte)
{
	struct peer *p = peer_server_new();
	char frames[256];
	size_t n = 9;
	peer_server_start(p, 100);
	struct probe *v = probe_get(p, "/");
	peer_run(p);
	n += peer_block(frames + 9, ":status", "200", "content-length", "5", NULL);
	memcpy(frames,
		(const char[]){ 0, 0, (char)(n - 9), FRAME_HEADERS, FRAME_END_HEADERS, 0, 0, 0, 1 },
		9);
	memcpy(frames + n,
		(const char[]){ 0, 0, 5, FRAME_DATA, FRAME_END_STREAM, 0, 0, 0, 1, 'h', 'e', 'l',
			'l', 'o' },
		14);
	n += 14;
	for (size_t i = 0; i < n; i++) {
		peer_bytes(p, frames + i, 1);
		peer_run(p);
	}
	assert_string_equal(v->body, "hello");
	assert_int_equal(v->ended, 1);
	peer_free(&p);
}

TEST(pings_are_answered)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	peer_frame(p, FRAME_PING, 0, 0, "12345678", 8);
	peer_frame(p, 0xee, 0, 0, "unknown", 7);
	peer_run(p);
	assert_int_equal(p->n_ping_acks, 1);
	assert_non_null(p->conn);
	peer_free(&p);
}
