/* http1/write: what leaves for upstreams and for clients, byte for byte. */
#include "unit.h"
#include "with_arena.h"

#include <stdlib.h>

#include "http1/parse.h"
#include "http1/write.h"

static const struct http1_limits limits = HTTP1_LIMITS_DEFAULT;

/* ---- requests ------------------------------------------------------------------------------ */

static void parse_request(struct request_head *h, const char *text)
{
	sluice_str head = arena_str(&arena, str_of(text));
	assert_int_equal(http1_parse_request(h, head.data, head.len, &arena, &limits), 0);
}

static void expect_request(const struct request_head *h, bool keep_alive, const char *want)
{
	size_t bound = http1_request_head_size(h);
	char *buf = malloc(bound);
	assert_non_null(buf);
	size_t n = (size_t)(http1_write_request_head(buf, h, keep_alive) - buf);
	assert_in_range(n, 1, bound);
	if (!str_eq(str_n(buf, n), str_of(want)))
		fail_msg("wrote \"%.*s\", not \"%s\"", (int)n, buf, want);
	free(buf);
}

TEST(request_plain)
{
	struct request_head h;
	parse_request(&h,
		"GET /a/./b?c=%zz HTTP/1.1\r\nHost: A:1\r\nAccept: */*\r\nX-Odd:  v "
		"\r\nX-Empty:\r\nX-Last: 1\r\n\r\n");
	fields_drop_hop_by_hop(&h.fields);
	expect_request(&h, true,
		"GET /a/b?c=%zz HTTP/1.1\r\nHost: A:1\r\nAccept: */*\r\nX-Odd: v\r\nX-Empty: "
		"\r\nX-Last: 1\r\n\r\n");
	expect_request(&h, false,
		"GET /a/b?c=%zz HTTP/1.1\r\nHost: A:1\r\nAccept: */*\r\nX-Odd: v\r\nX-Empty: "
		"\r\nX-Last: 1\r\n"
		"Connection: close\r\n\r\n");
}

TEST(request_dropped)
{
	struct request_head h;
	parse_request(&h,
		"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nConnection: c, keep-alive\r\nHost: a\r\nC: "
		"3\r\nKeep-Alive: x\r\n"
		"D: 4\r\nE: 5\r\nProxy-Connection: x\r\n\r\n");
	fields_drop_hop_by_hop(&h.fields);
	assert_int_equal(fields_set(&h.fields, &arena, STR("b"), STR("new")), 0);
	assert_int_equal(fields_add(&h.fields, &arena, STR("F"), STR("")), 0);
	expect_request(&h, true,
		"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nD: 4\r\nE: 5\r\nb: new\r\nF: \r\n\r\n");
}

TEST(request_targets)
{
	struct request_head h;
	parse_request(&h, "GET http://B:81?q HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_request(&h, true, "GET /?q HTTP/1.1\r\nHost: B:81\r\n\r\n");
	parse_request(&h, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_request(&h, true, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	parse_request(&h, "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_request(&h, true, "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n");
	parse_request(&h, "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_request(&h, true, "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n");
	parse_request(&h, "GET /? HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_request(&h, true, "GET /? HTTP/1.1\r\nHost: a\r\n\r\n");
	parse_request(&h, "PURGE /x HTTP/1.0\r\n\r\n");
	expect_request(&h, true, "PURGE /x HTTP/1.1\r\nHost: \r\n\r\n");
}

TEST(request_framing)
{
	struct request_head h;
	parse_request(&h, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nX: y\r\n\r\n");
	expect_request(&h, true,
		"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 12\r\n\r\n");
	h.body_length = UINT64_MAX;
	expect_request(&h, true,
		"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: "
		"18446744073709551615\r\n\r\n");
	h.body = BODY_CHUNKED; /* a plugin that changes the body says so here */
	expect_request(&h, true,
		"POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n");
	h.body = BODY_NONE;
	expect_request(&h, true, "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 0\r\n\r\n");
	parse_request(&h, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	expect_request(&h, true, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
	parse_request(&h, "DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n");
	expect_request(&h, true,
		"DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(request_connection)
{
	struct request_head h;
	parse_request(&h,
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nTE: "
		"trailers\r\nX: y\r\n\r\n");
	fields_drop_hop_by_hop(&h.fields);
	expect_request(&h, true,
		"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nTE: trailers\r\nUpgrade: websocket\r\n"
		"Connection: TE, upgrade\r\n\r\n");
	expect_request(&h, false,
		"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nTE: trailers\r\nUpgrade: websocket\r\n"
		"Connection: TE, upgrade, close\r\n\r\n");
	h.upgrade = h.te_trailers = false;
	expect_request(&h, true, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
	/* not marked as dropped, and still only what the head says */
	parse_request(&h,
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nTE: gzip\r\nKeep-Alive: 1\r\n\r\n");
	expect_request(&h, true, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* ---- responses ----------------------------------------------------------------------------- */

static void expect_response(const struct response_head *h, enum method m, unsigned version,
	bool keep_alive, const char *want)
{
	size_t bound = http1_response_head_size(h);
	char *buf = malloc(bound);
	assert_non_null(buf);
	size_t n = (size_t)(http1_write_response_head(buf, h, m, version, keep_alive) - buf);
	assert_in_range(n, 1, bound);
	if (!str_eq(str_n(buf, n), str_of(want)))
		fail_msg("wrote \"%.*s\", not \"%s\"", (int)n, buf, want);
	free(buf);
}

static void parse_response(struct response_head *h, enum method m, const char *text)
{
	sluice_str head = arena_str(&arena, str_of(text));
	assert_int_equal(http1_parse_response(h, head.data, head.len, &arena, m, &limits), 0);
}

TEST(response_forwarded)
{
	struct response_head h;
	parse_response(&h, METHOD_GET,
		"HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: close\r\nA: 1\r\nB: "
		"2\r\nContent-Length: 3\r\nC:4\r\n\r\n");
	fields_drop_hop_by_hop(&h.fields);
	expect_response(&h, METHOD_GET, 11, true,
		"HTTP/1.1 200 Fine\r\nServer: x\r\nA: 1\r\nB: 2\r\nC: 4\r\nContent-Length: "
		"3\r\n\r\n");
	expect_response(&h, METHOD_GET, 11, false,
		"HTTP/1.1 200 Fine\r\nServer: x\r\nA: 1\r\nB: 2\r\nC: 4\r\nContent-Length: "
		"3\r\nConnection: close\r\n\r\n");
	expect_response(&h, METHOD_GET, 10, true,
		"HTTP/1.1 200 Fine\r\nServer: x\r\nA: 1\r\nB: 2\r\nC: 4\r\nContent-Length: 3\r\n"
		"Connection: keep-alive\r\n\r\n");
}

TEST(response_framing)
{
	static const struct {
		int status;
		enum body_kind body;
		bool has_length;
		enum method method;
		unsigned version;
		enum body_kind framing;
		const char *lines;
	} rows[] = {
		{ 200, BODY_LENGTH, false, METHOD_GET, 11, BODY_LENGTH, "Content-Length: 7\r\n" },
		{ 200, BODY_CHUNKED, false, METHOD_GET, 11, BODY_CHUNKED,
			"Transfer-Encoding: chunked\r\n" },
		{ 200, BODY_CLOSE, false, METHOD_GET, 11, BODY_CHUNKED,
			"Transfer-Encoding: chunked\r\n" },
		{ 200, BODY_CHUNKED, false, METHOD_GET, 10, BODY_CLOSE, "Connection: close\r\n" },
		{ 200, BODY_CLOSE, false, METHOD_GET, 10, BODY_CLOSE, "Connection: close\r\n" },
		{ 200, BODY_LENGTH, false, METHOD_GET, 10, BODY_LENGTH,
			"Content-Length: 7\r\nConnection: keep-alive\r\n" },
		{ 200, BODY_NONE, false, METHOD_GET, 11, BODY_LENGTH, "Content-Length: 0\r\n" },
		{ 200, BODY_NONE, true, METHOD_HEAD, 11, BODY_NONE, "Content-Length: 7\r\n" },
		{ 200, BODY_NONE, false, METHOD_HEAD, 11, BODY_NONE, "" },
		{ 200, BODY_LENGTH, false, METHOD_HEAD, 11, BODY_NONE, "Content-Length: 7\r\n" },
		{ 200, BODY_CHUNKED, false, METHOD_HEAD, 11, BODY_NONE, "" },
		{ 200, BODY_CLOSE, false, METHOD_HEAD, 10, BODY_NONE,
			"Connection: keep-alive\r\n" },
		{ 304, BODY_NONE, true, METHOD_GET, 11, BODY_NONE, "Content-Length: 7\r\n" },
		{ 304, BODY_NONE, false, METHOD_GET, 11, BODY_NONE, "" },
		{ 204, BODY_NONE, true, METHOD_GET, 11, BODY_NONE, "" },
		{ 204, BODY_LENGTH, false, METHOD_GET, 11, BODY_NONE, "" },
		{ 204, BODY_CHUNKED, false, METHOD_HEAD, 11, BODY_NONE, "" },
		{ 204, BODY_LENGTH, true, METHOD_HEAD, 11, BODY_NONE, "" },
		{ 100, BODY_NONE, true, METHOD_GET, 11, BODY_NONE, "" },
		{ 100, BODY_NONE, true, METHOD_HEAD, 10, BODY_NONE, "" },
		{ 200, BODY_NONE, true, METHOD_CONNECT, 11, BODY_NONE, "" },
		{ 403, BODY_LENGTH, false, METHOD_CONNECT, 11, BODY_LENGTH,
			"Content-Length: 7\r\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct response_head h = { .status = (uint16_t)rows[i].status,
			.body = (uint8_t)rows[i].body,
			.has_length = rows[i].has_length,
			.body_length = 7,
			.reason = STR("R") };
		sluice_str want = arena_printf(&arena, "HTTP/1.1 %d R\r\n%s\r\n", rows[i].status,
			rows[i].lines);
		assert_int_equal(http1_response_framing(&h, rows[i].method, rows[i].version),
			rows[i].framing);
		expect_response(&h, rows[i].method, rows[i].version, true, want.data);
	}
}

TEST(response_informational)
{
	struct response_head h;
	parse_response(&h, METHOD_GET, "HTTP/1.1 103 \r\nLink: </a>\r\n\r\n");
	expect_response(&h, METHOD_GET, 11, false,
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	parse_response(&h, METHOD_GET,
		"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nA: b\r\n\r\n");
	fields_drop_hop_by_hop(&h.fields);
	expect_response(&h, METHOD_GET, 11, true,
		"HTTP/1.1 101 X\r\nA: b\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
	parse_response(&h, METHOD_GET,
		"HTTP/1.1 426 X\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n");
	expect_response(&h, METHOD_GET, 11, true, "HTTP/1.1 426 X\r\nContent-Length: 0\r\n\r\n");
}

TEST(reasons)
{
	static const int known[] = { 100, 101, 103, 200, 201, 202, 203, 204, 205, 206, 300, 301,
		302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410,
		411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431, 451, 500, 501,
		502, 503, 504, 505, 507, 508, 511 };
	size_t n = 0;
	for (int status = -1; status < 1100; status++) {
		bool has = http1_reason(status).len > 0;
		bool want = n < sizeof(known) / sizeof(known[0]) && known[n] == status;
		n += want;
		if (has != want)
			fail_msg("reason of %d is \"%.*s\"", status, STR_ARG(http1_reason(status)));
	}
	assert_str(http1_reason(200), "OK");
	assert_str(http1_reason(413), "Content Too Large");
	assert_str(http1_reason(511), "Network Authentication Required");
	struct response_head h = { .status = 499, .body = BODY_NONE };
	expect_response(&h, METHOD_GET, 11, true, "HTTP/1.1 499 \r\nContent-Length: 0\r\n\r\n");
}

TEST(fields_alone)
{
	struct fields f = { 0 };
	char buf[64];
	assert_int_equal(http1_fields_size(&f), 0);
	assert_ptr_equal(http1_write_fields(buf, &f), buf);
	assert_int_equal(fields_add(&f, &arena, STR("A"), STR("1")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("B"), STR("2")), 0);
	(void)fields_drop(&f, STR("A"));
	assert_int_equal(http1_fields_size(&f), 12);
	assert_str(str_n(buf, (size_t)(http1_write_fields(buf, &f) - buf)), "B: 2\r\n");
}

TEST_GROUP_WITH_ARENA(1 << 22);
