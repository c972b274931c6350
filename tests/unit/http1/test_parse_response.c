/* http1/parse: status lines, and how responses are framed. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "http1/parse.h"

static struct arena arena;
static const struct http1_limits limits = { .max_fields = 5, .max_target = 100 };

/* a heap block of the exact size, so that a sanitizer sees any read past the head */
static char *last_head;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 22);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	free(last_head);
	return 0;
}

static int parse_n(struct response_head *h, enum method m, const char *text, size_t len)
{
	free(last_head);
	last_head = malloc(len ? len : 1);
	assert_non_null(last_head);
	memcpy(last_head, text, len);
	return http1_parse_response(h, last_head, len, &arena, m, &limits);
}

static int parse(struct response_head *h, enum method m, const char *text)
{
	return parse_n(h, m, text, strlen(text));
}

TEST(whole)
{
	struct response_head h;
	assert_int_equal(parse(&h, METHOD_GET,
				 "HTTP/1.1 404 Not  Here\r\n"
				 "Server: x\r\n"
				 "Set-Cookie: a=b\r\n"
				 "Set-Cookie: c=d\r\n"
				 "Content-Length: 3\r\n"
				 "\r\n"),
		0);
	assert_int_equal(h.status, 404);
	assert_int_equal(h.version, 11);
	assert_str(h.reason, "Not  Here");
	assert_int_equal(h.fields.n, 4);
	assert_int_equal(h.fields.v[2].token, TOKEN_SET_COOKIE);
	assert_int_equal(h.fields.v[2].flags, FIELD_LINE);
	assert_int_equal(h.body, BODY_LENGTH);
	assert_int_equal(h.body_length, 3);
	assert_true(h.keep_alive);
}

TEST(status_lines)
{
	static const struct {
		const char *line;
		int status; /* 0: refused */
		const char *reason;
	} rows[] = {
		{ "HTTP/1.1 200 OK", 200, "OK" },
		{ "HTTP/1.0 200 OK", 200, "OK" },
		{ "HTTP/1.1 200 ", 200, "" },
		{ "HTTP/1.1 200", 200, "" },
		{ "HTTP/1.1 599 x", 599, "x" },
		{ "HTTP/1.1 100 Continue", 100, "Continue" },
		{ "HTTP/1.1 200 caf\xc3\xa9\tau lait", 200, "caf\xc3\xa9\tau lait" },
		{ "HTTP/1.1 200  OK", 200, " OK" },
		{ "HTTP/1.1 099 x", 0, 0 },
		{ "HTTP/1.1 000 x", 0, 0 },
		{ "HTTP/1.1 600 x", 0, 0 },
		{ "HTTP/1.1 999 x", 0, 0 },
		{ "HTTP/1.1 20 OK", 0, 0 },
		{ "HTTP/1.1 2000 OK", 0, 0 },
		{ "HTTP/1.1 2OO OK", 0, 0 },
		{ "HTTP/1.1 +20 OK", 0, 0 },
		{ "HTTP/1.1 200OK", 0, 0 },
		{ "HTTP/1.1 200\tOK", 0, 0 },
		{ "HTTP/1.1  200 OK", 0, 0 },
		{ "HTTP/1.1\t200 OK", 0, 0 },
		{ "HTTP/1.1 ", 0, 0 },
		{ "HTTP/1.1", 0, 0 },
		{ "HTTP/1.2 200 OK", 0, 0 },
		{ "HTTP/2.0 200 OK", 0, 0 },
		{ "HTTP/2 200 OK", 0, 0 },
		{ "http/1.1 200 OK", 0, 0 },
		{ "ICY 200 OK", 0, 0 },
		{ " HTTP/1.1 200 OK", 0, 0 },
		{ "HTTP/1.1 200 O\x01K", 0, 0 },
		{ "HTTP/1.1 200 O\rK", 0, 0 },
		{ "HTTP/1.1 200 OK\n", 0, 0 },
		{ "HTTP/1.1 200 OK\r", 0, 0 },
		{ "GET / HTTP/1.1", 0, 0 },
		{ "", 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct response_head h;
		char text[128];
		(void)snprintf(text, sizeof(text), "%s\r\n\r\n", rows[i].line);
		int rc = parse(&h, METHOD_GET, text);
		if (rc != (rows[i].status ? 0 : ERR_UPSTREAM_BAD_HEAD))
			fail_msg("\"%s\" gave \"%s\"", rows[i].line, err_code(rc));
		if (rc)
			continue;
		assert_int_equal(h.status, rows[i].status);
		assert_str(h.reason, rows[i].reason);
	}
}

static const struct framing_row {
	enum method method;
	const char *line, *fields;
	int rc;
	enum body_kind body;
	uint64_t length;
	bool has_length, keep_alive;
} framing[] = {
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\n", 0, BODY_LENGTH, 5, false, true },
	{ METHOD_GET, "1.1 200", "Content-Length: 0\r\n", 0, BODY_LENGTH, 0, false, true },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: chunked\r\n", 0, BODY_CHUNKED, 0, false,
		true },
	{ METHOD_GET, "1.1 200", "", 0, BODY_CLOSE, 0, false, false },
	{ METHOD_GET, "1.1 200", "Connection: keep-alive\r\n", 0, BODY_CLOSE, 0, false, false },
	{ METHOD_GET, "1.1 205", "Content-Length: 0\r\n", 0, BODY_LENGTH, 0, false, true },
	{ METHOD_GET, "1.0 200", "Content-Length: 5\r\n", 0, BODY_LENGTH, 5, false, false },
	{ METHOD_GET, "1.0 200", "Content-Length: 5\r\nConnection: keep-alive\r\n", 0, BODY_LENGTH,
		5, false, true },
	{ METHOD_GET, "1.0 200", "", 0, BODY_CLOSE, 0, false, false },
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\nConnection: close\r\n", 0, BODY_LENGTH, 5,
		false, false },
	{ METHOD_CONNECT, "1.1 403", "Content-Length: 5\r\n", 0, BODY_LENGTH, 5, false, true },
	/* without a body whatever the fields say */
	{ METHOD_HEAD, "1.1 200", "Content-Length: 5\r\n", 0, BODY_NONE, 5, true, true },
	{ METHOD_HEAD, "1.1 200", "Content-Length: 0\r\n", 0, BODY_NONE, 0, true, true },
	{ METHOD_HEAD, "1.1 200", "Transfer-Encoding: chunked\r\n", 0, BODY_NONE, 0, false, true },
	{ METHOD_HEAD, "1.1 200", "", 0, BODY_NONE, 0, false, true },
	{ METHOD_HEAD, "1.0 200", "", 0, BODY_NONE, 0, false, false },
	{ METHOD_GET, "1.1 304", "Content-Length: 5\r\n", 0, BODY_NONE, 5, true, true },
	{ METHOD_GET, "1.1 304", "", 0, BODY_NONE, 0, false, true },
	{ METHOD_GET, "1.1 204", "", 0, BODY_NONE, 0, false, true },
	{ METHOD_GET, "1.1 204", "Content-Length: 0\r\n", 0, BODY_NONE, 0, true, true },
	{ METHOD_GET, "1.1 100", "", 0, BODY_NONE, 0, false, true },
	{ METHOD_GET, "1.1 103", "Link: </a>\r\n", 0, BODY_NONE, 0, false, true },
	{ METHOD_GET, "1.1 101", "Upgrade: websocket\r\nConnection: Upgrade\r\n", 0, BODY_NONE, 0,
		false, true },
	{ METHOD_CONNECT, "1.1 200", "", 0, BODY_NONE, 0, false, true },
	/* a body that must not be may come all the same: nothing is read behind it */
	{ METHOD_GET, "1.1 204", "Content-Length: 5\r\n", 0, BODY_NONE, 5, true, false },
	{ METHOD_GET, "1.1 204", "Transfer-Encoding: chunked\r\n", 0, BODY_NONE, 0, false, false },
	{ METHOD_GET, "1.1 100", "Content-Length: 5\r\n", 0, BODY_NONE, 5, true, false },
	/* ambiguous */
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\nContent-Length: 6\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	/* RFC 9110 8.6: said several times, but one length */
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\nContent-Length: 5\r\n", 0, BODY_LENGTH, 5,
		false, true },
	{ METHOD_GET, "1.1 200", "Content-Length: 5, 5\r\nX: y\r\nContent-Length: 5\r\n", 0,
		BODY_LENGTH, 5, false, true },
	{ METHOD_HEAD, "1.1 200", "Content-Length: 5\r\nContent-Length: 5\r\n", 0, BODY_NONE, 5,
		true, true },
	{ METHOD_GET, "1.1 200", "Content-Length: 5, 6\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length: 5,\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length: 5, , 5\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0,
		0 },
	{ METHOD_GET, "1.1 200", "Content-Length: 5\r\nContent-Length: 05\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200",
		"Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length: +5\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length: x\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Content-Length:\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: gzip, chunked\r\n", ERR_UPSTREAM_BAD_FRAMING,
		0, 0, 0, 0 },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: gzip\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0,
		0 },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: identity\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0,
		0, 0 },
	{ METHOD_GET, "1.1 200", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.0 200", "Transfer-Encoding: chunked\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0,
		0, 0 },
	{ METHOD_HEAD, "1.1 200", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
	{ METHOD_GET, "1.1 204", "Content-Length: -1\r\n", ERR_UPSTREAM_BAD_FRAMING, 0, 0, 0, 0 },
};

TEST(framing)
{
	for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++) {
		const struct framing_row *r = &framing[i];
		struct response_head h;
		char text[256];
		(void)snprintf(text, sizeof(text), "HTTP/%s X\r\n%s\r\n", r->line, r->fields);
		int rc = parse(&h, r->method, text);
		if (rc != r->rc)
			fail_msg("%s gave \"%s\"", text, err_code(rc));
		if (rc == 0 &&
			(h.body != r->body || h.body_length != r->length ||
				h.has_length != r->has_length || h.keep_alive != r->keep_alive))
			fail_msg("body %d, length %d, has_length %d, keep_alive %d for %s", h.body,
				(int)h.body_length, h.has_length, h.keep_alive, text);
	}
}

TEST(fields_refused)
{
	static const char *const rows[] = {
		"X : y\r\n",
		" X: y\r\n",
		"X: y\r\n z\r\n",
		"X: y\nZ: a\r\n",
		"X: y\rZ: a\r\n",
		"X\r\n",
		": y\r\n",
		"X: \x01\r\n",
		"X(: y\r\n",
		"\r\n",
	};
	struct response_head h;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", rows[i]);
		int rc = parse(&h, METHOD_GET, text);
		if (rc != ERR_UPSTREAM_BAD_HEAD)
			fail_msg("\"%s\" gave \"%s\"", rows[i], err_code(rc));
	}
	assert_int_equal(parse(&h, METHOD_GET,
				 "HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n"),
		0);
	assert_int_equal(
		parse(&h, METHOD_GET,
			"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\n\r\n"),
		ERR_UPSTREAM_HEAD_TOO_LARGE);
	/* repeated single fields are the business of clients: an upstream may be sloppy */
	assert_int_equal(parse(&h, METHOD_GET,
				 "HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n"),
		0);
}

TEST(truncated)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nServer: abc\r\nContent-Length: 5\r\n\r\n";
	struct response_head h;
	assert_int_equal(parse(&h, METHOD_GET, text), 0);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(parse_n(&h, METHOD_GET, text, n), ERR_UPSTREAM_BAD_HEAD);
}

TEST(budget)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nServer: abc\r\n\r\n";
	struct arena small;
	struct response_head h;
	arena_init(&small, 64);
	assert_int_equal(http1_parse_response(&h, text, sizeof(text) - 1, &small, METHOD_GET,
				 &limits),
		ERR_NO_MEMORY);
	arena_fini(&small);
}

TEST(fields_alone)
{
	static const char text[] = "A: b\r\nC:d\r\n";
	struct fields f = { 0 };
	assert_int_equal(http1_parse_fields(&f, text, text + sizeof(text) - 1, &arena, 2), 0);
	assert_int_equal(f.n, 2);
	assert_str(field_value(&f.v[1]), "d");
	assert_int_equal(http1_parse_fields(&f, text, text + 6, &arena, 2), ERR_TOO_MANY_FIELDS);
	assert_int_equal(http1_parse_fields(&f, text, text + 6, &arena, 3), 0);
	assert_int_equal(f.n, 3);
	assert_int_equal(http1_parse_fields(&f, text, text, &arena, 3), 0);
	assert_int_equal(http1_parse_fields(&f, text, text + 5, &arena, 9), ERR_BAD_FIELD);
}

TEST_GROUP(setup, teardown);
