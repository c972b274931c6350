/* Requests and responses over a connection: what the handler sees, what the client gets. */
#include "peer_client.h"

TEST(settings)
{
	struct peer *p = peer_client_new();
	peer_client_open(p);
	worker_turn(&p->w);
	peer_run(p);
	assert_int_equal(p->n_settings, 1); /* before the client said anything */
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], HTTP2_STREAMS_MAX);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], HTTP2_STREAM_WINDOW);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], p->conf.max_head);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES], 1);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_ENABLE_PUSH], 0);
	assert_int_equal(p->credit, HTTP2_CONNECTION_WINDOW - 65535);
	peer_free(&p);
}

TEST(get)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	peer_get(p, 1, "/a/../b?q=1");
	peer_run(p);
	assert_int_equal(p->n_calls, 1);
	assert_string_equal(p->calls[0].head, "GET /b?q=1 host=example.com body=none");
	assert_string_equal(p->calls[0].fields, "host: example.com\n");
	assert_int_equal(p->calls[0].sent, 1);
	assert_int_equal(p->calls[0].ended, 0); /* the head said it all */
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(r->status, 200);
	assert_string_equal(r->fields,
		"content-length: 3\ncontent-type: text/plain\nx-name: Value\n");
	assert_string_equal(r->body, "ok\n");
	assert_true(r->ended);
	assert_false(r->reset);
	assert_int_equal(r->frames, 1); /* END_STREAM is on the data */
	assert_int_equal(p->info.requests, 1);
	peer_free(&p);
}

static void begin_nothing(struct call *call)
{
	(void)call;
}

static void begin_resume(struct call *call)
{
	call->c->ops->resume(call->c);
}

TEST(post)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_headers(p, 1, 0, ":method", "POST", ":scheme", "https", ":path", "/", ":authority",
		"example.com", "content-length", "11", "content-type", "text/plain", NULL);
	peer_data(p, 1, "hello ", false);
	peer_run(p);
	struct call *call = &p->calls[0];
	assert_string_equal(call->head, "POST / host=example.com body=11");
	assert_string_equal(call->fields,
		"host: example.com\ncontent-length: 11\ncontent-type: text/plain\n");
	assert_string_equal(call->body, "hello ");
	assert_int_equal(call->ended, 0);
	peer_data(p, 1, "world", true);
	peer_run(p);
	assert_string_equal(call->body, "hello world");
	assert_int_equal(call->ended, 1);
	call_answer(call, 201, "made");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 201);
	assert_string_equal(peer_stream(p, 1)->body, "made");
	assert_int_equal(call->sent, 1);
	assert_true(call->c == NULL);
	peer_free(&p);
}

/* Held at first, and again whenever the exchange says so. */
TEST(hold)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "one", false);
	peer_run(p);
	struct call *call = &p->calls[0];
	assert_string_equal(call->head, "POST / host=example.com body=open");
	assert_int_equal(call->body_len, 0);
	call->c->ops->resume(call->c);
	peer_run(p);
	assert_string_equal(call->body, "one");
	call->c->ops->hold(call->c);
	peer_data(p, 1, "two", false);
	peer_data(p, 1, "three", true);
	peer_run(p);
	assert_string_equal(call->body, "one");
	assert_int_equal(call->ended, 0);
	call->c->ops->resume(call->c);
	peer_run(p);
	assert_string_equal(call->body, "onetwothree");
	assert_int_equal(call->ended, 1);
	call_answer(call, 200, "");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->frames, 0); /* the end was said with the head */
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

/* What the exchange does not take, it is offered again. */
TEST(left_over)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_run(p);
	p->calls[0].take_nothing = true;
	peer_data(p, 1, "one", false);
	peer_run(p);
	assert_int_equal(p->calls[0].body_len, 0);
	p->calls[0].take_nothing = false;
	peer_data(p, 1, "two", true);
	peer_run(p);
	assert_string_equal(p->calls[0].body, "onetwo");
	assert_int_equal(p->calls[0].ended, 1);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	peer_free(&p);
}

TEST(request_trailers)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "body", false);
	peer_headers(p, 1, FRAME_END_STREAM, "x-checksum", "17", "authorization", "Basic x", "etag",
		"\"a\"", NULL);
	peer_run(p);
	assert_int_equal(p->calls[0].ended, 1);
	/* the other may not come so late */
	assert_string_equal(p->calls[0].trailers, "x-checksum: 17\netag: \"a\"\n");
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

TEST(expect)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_headers(p, 1, 0, ":method", "PUT", ":scheme", "https", ":path", "/", ":authority", "h",
		"expect", "100-continue", "content-length", "4", NULL);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->interim, 0);
	p->calls[0].c->ops->resume(p->calls[0].c);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->interim, 1);
	assert_int_equal(peer_stream(p, 1)->status, 100);
	peer_data(p, 1, "data", true);
	peer_run(p);
	assert_string_equal(p->calls[0].body, "data");
	call_answer(&p->calls[0], 200, "x");
	/* an answer at once is better than 100 */
	peer_headers(p, 3, 0, ":method", "PUT", ":scheme", "https", ":path", "/", ":authority", "h",
		"expect", "100-continue", NULL);
	peer_run(p);
	call_answer(&p->calls[1], 403, "no");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->interim, 0);
	assert_int_equal(peer_stream(p, 3)->status, 403);
	assert_true(peer_stream(p, 3)->ended && !peer_stream(p, 3)->reset);
	peer_free(&p);
}

static void begin_hints(struct call *call)
{
	call_head(call, 103, 0);
	call_answer(call, 200, "x");
}

TEST(interim)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_hints;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(r->interim, 1);
	assert_int_equal(r->n_heads, 2);
	assert_int_equal(r->status, 200);
	assert_true(r->ended);
	peer_free(&p);
}

static void begin_trailers(struct call *call)
{
	struct fields f = { 0 };
	call_head(call, 200, -1);
	(void)call_push(call, 3);
	check(fields_add(&f, &call->c->arena, STR("X-Sum"), STR("9")) == 0 &&
			fields_add(&f, &call->c->arena, STR("Transfer-Encoding"), STR("chunked")) ==
				0,
		"no memory for %s", "trailers");
	call->c->ops->end(call->c, &f);
}

TEST(response_trailers)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_trailers;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	struct peer_stream *r = peer_stream(p, 1);
	assert_string_equal(r->fields, "content-type: text/plain\nx-name: Value\n");
	assert_string_equal(r->body, "abc");
	assert_string_equal(r->trailers, "x-sum: 9\n");
	assert_true(r->ended);
	assert_int_equal(p->calls[0].sent, 1);
	peer_free(&p);
}

static void begin_by_path(struct call *call)
{
	static const struct {
		const char *head;
		int status;
		int64_t length;
	} rows[] = { { "HEAD /", 200, 10 }, { "GET /204", 204, -1 }, { "GET /304", 304, 77 },
		{ "GET /205", 205, 0 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strncmp(call->head, rows[i].head, strlen(rows[i].head)) == 0) {
			call_head(call, rows[i].status, rows[i].length);
			(void)call_push(call, 10); /* goes nowhere */
			call->c->ops->end(call->c, NULL);
		}
	}
}

/* Responses that have no body, whatever the exchange pushes. */
TEST(no_body)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_by_path;
	peer_client_start(p);
	peer_headers(p, 1, FRAME_END_STREAM, ":method", "HEAD", ":scheme", "https", ":path", "/",
		":authority", "h", NULL);
	peer_get(p, 3, "/204");
	peer_get(p, 5, "/304");
	peer_get(p, 7, "/205");
	peer_run(p);
	for (uint32_t id = 1; id <= 7; id += 2) {
		assert_true(peer_stream(p, id)->ended);
		assert_int_equal(peer_stream(p, id)->frames, 0);
		assert_int_equal(p->calls[id / 2].sent, 1);
	}
	assert_non_null(strstr(peer_stream(p, 1)->fields, "content-length: 10\n"));
	assert_null(strstr(peer_stream(p, 3)->fields, "content-length"));
	assert_non_null(strstr(peer_stream(p, 5)->fields, "content-length: 77\n"));
	assert_non_null(strstr(peer_stream(p, 7)->fields, "content-length: 0\n"));
	peer_free(&p);
}

/* The end is told when it is so, also long after a head without a body. */
TEST(end_later)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 0);
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended);
	assert_int_equal(p->calls[0].sent, 0);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_run(p);
	assert_int_equal(p->calls[0].sent, 1);
	peer_get(p, 3, "/");
	peer_run(p);
	call_head(&p->calls[1], 200, -1);
	(void)call_push(&p->calls[1], 4);
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->body_len, 4);
	p->calls[1].c->ops->end(p->calls[1].c, NULL);
	peer_run(p);
	assert_true(peer_stream(p, 3)->ended);
	assert_int_equal(p->calls[1].sent, 1);
	peer_free(&p);
}

/* A response that is cut short is no whole one, and the connection goes on. */
TEST(abort)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	for (uint32_t id = 1; id <= 9; id += 2)
		peer_get(p, id, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 100);
	(void)call_push(&p->calls[0], 10);
	peer_run(p);
	p->calls[0].c->ops->abort(p->calls[0].c);
	call_finish(&p->calls[0]);
	call_head(&p->calls[1], 200, 100); /* ends, but says less than it promised */
	(void)call_push(&p->calls[1], 10);
	p->calls[1].c->ops->end(p->calls[1].c, NULL);
	call_finish(&p->calls[1]);
	call_finish(&p->calls[2]); /* no answer at all */
	call_head(&p->calls[3], 200, -1);
	p->calls[3].c->ops->abort(p->calls[3].c); /* in the turn in which it began */
	call_finish(&p->calls[3]);
	call_answer(&p->calls[4], 200, "fine");
	call_finish(&p->calls[4]); /* does not wait until it is sent */
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 10);
	assert_int_equal(peer_stream(p, 3)->body_len, 10); /* as far as it came */
	assert_int_equal(peer_stream(p, 5)->status, 0);
	assert_int_equal(peer_stream(p, 7)->status, 200);
	for (uint32_t id = 1; id <= 7; id += 2) {
		assert_false(peer_stream(p, id)->ended);
		assert_true(peer_stream(p, id)->reset);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_INTERNAL_ERROR);
	}
	assert_string_equal(peer_stream(p, 9)->body, "fine");
	assert_true(peer_stream(p, 9)->ended);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* As many as are allowed, answered in the opposite order. */
TEST(concurrent)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	for (uint32_t i = 0; i < HTTP2_STREAMS_MAX; i++)
		peer_get(p, 2 * i + 1, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, HTTP2_STREAMS_MAX);
	for (int i = HTTP2_STREAMS_MAX - 1; i >= 0; i--)
		call_answer(&p->calls[i], 200, i % 2 ? "odd" : "even");
	peer_run(p);
	for (uint32_t i = 0; i < HTTP2_STREAMS_MAX; i++) {
		assert_string_equal(peer_stream(p, 2 * i + 1)->body, i % 2 ? "odd" : "even");
		assert_int_equal(p->calls[i].sent, 1);
	}
	assert_int_equal(p->info.requests, HTTP2_STREAMS_MAX);
	peer_free(&p);
}

/* Everything once more, with the client's bytes coming one by one. */
TEST(byte_by_byte)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_resume;
	p->quiet = true; /* nothing gets between */
	peer_client_open(p);
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	char all[1024];
	size_t n = 0;
	memcpy(all, preface, 24);
	n = 24;
	static const char settings[9] = { 0, 0, 0, FRAME_SETTINGS };
	memcpy(all + n, settings, 9);
	n += 9;
	char block[256];
	size_t len = peer_block(block, ":method", "POST", ":scheme", "https", ":path", "/",
		":authority", "h", "x-a", "b", NULL);
	const char head[9] = { 0, 0, 20, FRAME_HEADERS, 0, 0, 0, 0, 1 };
	memcpy(all + n, head, 9);
	memcpy(all + n + 9, block, 20);
	n += 29;
	const char more[9] = { 0, 0, (char)(len - 20), FRAME_CONTINUATION, FRAME_END_HEADERS, 0, 0,
		0, 1 };
	memcpy(all + n, more, 9);
	memcpy(all + n + 9, block + 20, len - 20);
	n += 9 + len - 20;
	/* padded */
	const char data[] = { 0, 0, 8, FRAME_DATA, FRAME_END_STREAM | 8, 0, 0, 0, 1, 4, 'a', 'b',
		'c', 0, 0, 0, 0 };
	memcpy(all + n, data, sizeof(data));
	n += sizeof(data);
	for (size_t i = 0; i < n; i++) {
		peer_bytes(p, all + i, 1);
		peer_run(p);
	}
	assert_int_equal(p->n_calls, 1);
	assert_string_equal(p->calls[0].fields, "host: h\nx-a: b\n");
	assert_string_equal(p->calls[0].body, "abc");
	assert_int_equal(p->calls[0].ended, 1);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended);
	peer_free(&p);
}

TEST(preface)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	assert_int_equal(http2_preface(preface, 24), HTTP2_PREFACE_YES);
	assert_int_equal(http2_preface(preface, 0), HTTP2_PREFACE_MORE);
	assert_int_equal(http2_preface(preface, 23), HTTP2_PREFACE_MORE);
	assert_int_equal(http2_preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\4", 27),
		HTTP2_PREFACE_YES);
	assert_int_equal(http2_preface("PRI * HTTP/1.1\r\n", 16), HTTP2_PREFACE_NO);
	assert_int_equal(http2_preface("GET / HTTP/1.1\r\n", 16), HTTP2_PREFACE_NO);
	assert_int_equal(http2_preface("PUT", 3), HTTP2_PREFACE_NO);
}
