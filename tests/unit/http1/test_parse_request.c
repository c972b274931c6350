/* http1/parse: where heads end, request lines, fields, framing; what is refused and why. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "http1/parse.h"

static struct arena arena;
static struct http1_limits limits;

/* a heap block of the exact size, so that a sanitizer sees any read past the head */
static char *last_head;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 22);
	limits = HTTP1_LIMITS_DEFAULT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	free(last_head);
	return 0;
}

static int parse_n(struct request_head *h, const char *text, size_t len)
{
	free(last_head);
	last_head = malloc(len ? len : 1);
	assert_non_null(last_head);
	memcpy(last_head, text, len);
	return http1_parse_request(h, last_head, len, &arena, &limits);
}

static int parse(struct request_head *h, const char *text)
{
	return parse_n(h, text, strlen(text));
}

/* ---- where a head ends --------------------------------------------------------------------- */

TEST(head_end)
{
	static const struct {
		const char *text;
		size_t len; /* 0: none */
	} rows[] = {
		{ "", 0 },
		{ "GET / HTTP/1.1\r\n", 0 },
		{ "GET / HTTP/1.1\r\n\r", 0 },
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "GET / HTTP/1.1\r\n\r\nbody\r\n\r\n", 18 },
		{ "GET / HTTP/1.1\r\nA: b\r\n\r\n", 24 },
		{ "GET / HTTP/1.1\n\nx", 16 },
		{ "GET / HTTP/1.1\r\n\nx", 17 },
		{ "GET / HTTP/1.1\n\r\nx", 17 },
		{ "\r\n\r\n", 4 },
		{ "\n\n", 2 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text), got = 0;
		assert_int_equal(http1_find_head_end(rows[i].text, len, 0, &got), rows[i].len != 0);
		assert_int_equal(got, rows[i].len);
		/* in two reads, cut anywhere; and in reads of one byte */
		for (size_t cut = 0; cut <= len; cut++) {
			got = 0;
			bool found = http1_find_head_end(rows[i].text, cut, 0, &got);
			assert_int_equal(found, rows[i].len && cut >= rows[i].len);
			if (!found)
				found = http1_find_head_end(rows[i].text, len, cut, &got);
			assert_int_equal(found, rows[i].len != 0);
			assert_int_equal(got, rows[i].len);
		}
		bool found = false;
		for (size_t n = 1; n <= len && !found; n++)
			found = http1_find_head_end(rows[i].text, n, n - 1, &got);
		assert_int_equal(found, rows[i].len != 0);
		assert_int_equal(got, rows[i].len);
	}
}

TEST(empty_lines)
{
	unsigned lines = 0;
	size_t skip = 9;
	assert_int_equal(http1_skip_empty_lines("GET", 3, &lines, &skip), 0);
	assert_int_equal(skip, 0);
	assert_int_equal(http1_skip_empty_lines("\r\nGET", 5, &lines, &skip), 0);
	assert_int_equal(skip, 2);
	assert_int_equal(lines, 1);
	assert_int_equal(http1_skip_empty_lines("\r\n\r", 3, &lines, &skip), 0);
	assert_int_equal(skip, 2); /* the CR waits for its LF */
	assert_int_equal(lines, 2);
	assert_int_equal(http1_skip_empty_lines("\r", 1, &lines, &skip), 0);
	assert_int_equal(skip, 0);
	assert_int_equal(http1_skip_empty_lines("\nGET", 4, &lines, &skip), 0);
	assert_int_equal(skip, 0); /* no bare LF */
	assert_int_equal(http1_skip_empty_lines("\r\n\r\n", 4, &lines, &skip), 0);
	assert_int_equal(lines, HTTP1_EMPTY_LINES);
	assert_int_equal(http1_skip_empty_lines("\r\n", 2, &lines, &skip), ERR_BAD_REQUEST_LINE);
}

/* ---- what is accepted ---------------------------------------------------------------------- */

TEST(whole)
{
	struct request_head h;
	assert_int_equal(parse(&h,
				 "POST /a/../b?c=d HTTP/1.1\r\n"
				 "Host: API.example:8080\r\n"
				 "X-Tight:v\r\n"
				 "X-Loose: \t v w\t \r\n"
				 "X-Empty:\r\n"
				 "X-Blank: \r\n"
				 "x-obs: caf\xc3\xa9\ttab\r\n"
				 "!#$%&'*+-.^_`|~09aZ: v\r\n"
				 "Content-Length: 5\r\n"
				 "\r\n"),
		0);
	assert_int_equal(h.method, METHOD_POST);
	assert_str(h.method_text, "POST");
	assert_str(h.target, "/a/../b?c=d");
	assert_str(h.path, "/b");
	assert_str(h.query, "c=d");
	assert_true(h.has_query);
	assert_str(h.authority, "API.example:8080");
	assert_str(h.host, "api.example");
	assert_int_equal(h.form, TARGET_ORIGIN);
	assert_int_equal(h.version, 11);
	assert_int_equal(h.body, BODY_LENGTH);
	assert_int_equal(h.body_length, 5);
	assert_true(h.keep_alive);
	assert_false(h.expect_continue || h.te_trailers || h.upgrade);
	assert_int_equal(h.fields.n, 8);
	const struct field *f = h.fields.v;
	assert_str(field_name(&f[0]), "Host");
	assert_int_equal(f[0].token, TOKEN_HOST);
	assert_int_equal(f[0].flags, FIELD_LINE);
	assert_str(field_value(&f[1]), "v");
	assert_int_equal(f[1].flags, 0);
	assert_str(field_value(&f[2]), "v w");
	assert_int_equal(f[2].flags, 0);
	assert_str(field_value(&f[3]), "");
	assert_int_equal(f[3].flags, 0);
	assert_str(field_value(&f[4]), "");
	assert_int_equal(f[4].flags, FIELD_LINE);
	assert_str(field_value(&f[5]), "caf\xc3\xa9\ttab");
	assert_int_equal(f[5].flags, FIELD_LINE);
	assert_str(field_name(&f[6]), "!#$%&'*+-.^_`|~09aZ");
	assert_int_equal(f[7].token, TOKEN_CONTENT_LENGTH);
	/* a line is a line: from the name to two bytes behind the value */
	for (uint32_t i = 0; i < h.fields.n; i++) {
		if (!(f[i].flags & FIELD_LINE))
			continue;
		assert_memory_equal(f[i].name + f[i].name_len, ": ", 2);
		assert_ptr_equal(f[i].name + f[i].name_len + 2, f[i].value);
		assert_memory_equal(f[i].value + f[i].value_len, "\r\n", 2);
	}
}

/* A line is FIELD_LINE exactly when it can be sent on as it is. */
TEST(plain_lines)
{
	static const struct {
		const char *line;
		bool plain;
	} rows[] = {
		{ "X: v", true },
		{ "X: v w", true },
		{ "X: v\tw", true },
		{ "X: ", true },
		{ "X:v", false },
		{ "X:\tv", false },
		{ "X:  v", false },
		{ "X: \tv", false },
		{ "X: v ", false },
		{ "X: v\t", false },
		{ "X:v ", false },
		{ "X:", false },
		{ "X:  ", false },
		{ "X:\t", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		char text[64];
		(void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\nHost: a\r\n\r\n",
			rows[i].line);
		assert_int_equal(parse(&h, text), 0);
		if (((h.fields.v[0].flags & FIELD_LINE) != 0) != rows[i].plain)
			fail_msg("flags are %d for \"%s\"", h.fields.v[0].flags, rows[i].line);
	}
}

TEST(no_fields)
{
	struct request_head h;
	assert_int_equal(parse(&h, "GET / HTTP/1.0\r\n\r\n"), 0);
	assert_int_equal(h.version, 10);
	assert_int_equal(h.fields.n, 0);
	assert_int_equal(h.body, BODY_NONE);
	assert_false(h.keep_alive);
	assert_int_equal(h.authority.len, 0);
	assert_int_equal(h.host.len, 0);
}

TEST(unknown_method)
{
	struct request_head h;
	assert_int_equal(parse(&h, "PURGE /a HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_int_equal(h.method, METHOD_OTHER);
	assert_str(h.method_text, "PURGE");
	assert_int_equal(parse(&h, "get /a HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_int_equal(h.method, METHOD_OTHER);
}

TEST(absolute_target_wins)
{
	struct request_head h;
	assert_int_equal(parse(&h, "GET http://B:81/x HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
	assert_str(h.authority, "B:81");
	assert_str(h.host, "b");
	assert_str(h.path, "/x");
}

/* ---- connection ---------------------------------------------------------------------------- */

TEST(keep_alive)
{
	static const struct {
		const char *version, *fields;
		bool keep_alive;
	} rows[] = {
		{ "1.1", "", true },
		{ "1.1", "Connection: keep-alive\r\n", true },
		{ "1.1", "Connection: close\r\n", false },
		{ "1.1", "connection:  CLOSE \r\n", false },
		{ "1.1", "Connection: x, close\r\n", false },
		{ "1.1", "Connection: keep-alive, close\r\n", false },
		{ "1.1", "Connection: keep-alive\r\nConnection: close\r\n", false },
		{ "1.1", "Connection: close\r\nConnection: keep-alive\r\n", false },
		{ "1.1", "Connection: closed\r\n", true },
		{ "1.1", "Connection: \"close\"\r\n", true },
		{ "1.1", "Connection:\r\n", true },
		{ "1.1", "Proxy-Connection: close\r\n", true },
		{ "1.0", "", false },
		{ "1.0", "Connection: keep-alive\r\n", true },
		{ "1.0", "Connection: Keep-Alive, x\r\n", true },
		{ "1.0", "Connection: keep-alive, close\r\n", false },
		{ "1.0", "Connection: close\r\n", false },
		{ "1.0", "Keep-Alive: timeout=5\r\n", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		char text[256];
		(void)snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n",
			rows[i].version, rows[i].fields);
		assert_int_equal(parse(&h, text), 0);
		if (h.keep_alive != rows[i].keep_alive)
			fail_msg("keep_alive is %d for %s", h.keep_alive, text);
	}
}

TEST(upgrade_te_expect)
{
	static const struct {
		const char *version, *fields;
		bool upgrade, te, expect;
	} rows[] = {
		{ "1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", true, false, false },
		{ "1.1", "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n", true, false,
			false },
		{ "1.1", "Upgrade: websocket\r\n", false, false, false },
		{ "1.1", "Connection: upgrade\r\n", false, false, false },
		{ "1.1", "Upgrade: websocket\r\nConnection: keep-alive\r\n", false, false, false },
		{ "1.0", "Upgrade: websocket\r\nConnection: upgrade\r\n", false, false, false },
		{ "1.1", "TE: trailers\r\n", false, true, false },
		{ "1.1", "TE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n", false, true, false },
		{ "1.1", "TE: gzip\r\nTE: trailers\r\n", false, true, false },
		{ "1.1", "TE: trailersx\r\n", false, false, false },
		{ "1.0", "TE: trailers\r\n", false, false, false },
		{ "1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n", false, false, true },
		{ "1.1", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", false, false,
			true },
		{ "1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n", false, false, false },
		{ "1.1", "Expect: 100-continue\r\n", false, false, false },
		{ "1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n", false, false, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		char text[256];
		(void)snprintf(text, sizeof(text), "POST / HTTP/%s\r\nHost: a\r\n%s\r\n",
			rows[i].version, rows[i].fields);
		assert_int_equal(parse(&h, text), 0);
		if (h.upgrade != rows[i].upgrade || h.te_trailers != rows[i].te ||
			h.expect_continue != rows[i].expect)
			fail_msg("upgrade %d, te %d, expect %d for %s", h.upgrade, h.te_trailers,
				h.expect_continue, text);
	}
}

/* ---- framing ------------------------------------------------------------------------------- */

TEST(framing_accepted)
{
	static const struct {
		const char *fields;
		enum body_kind body;
		uint64_t length;
	} rows[] = {
		{ "", BODY_NONE, 0 },
		{ "Content-Length: 0\r\n", BODY_LENGTH, 0 },
		{ "Content-Length:12\r\n", BODY_LENGTH, 12 },
		{ "content-length:\t 0012 \r\n", BODY_LENGTH, 12 },
		{ "Content-Length: 9223372036854775807\r\n", BODY_LENGTH, INT64_MAX },
		{ "Transfer-Encoding: chunked\r\n", BODY_CHUNKED, 0 },
		{ "transfer-encoding:Chunked \r\n", BODY_CHUNKED, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		char text[256];
		(void)snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n",
			rows[i].fields);
		assert_int_equal(parse(&h, text), 0);
		assert_int_equal(h.body, rows[i].body);
		assert_true(h.body_length == rows[i].length);
	}
}

/* Every way we know of to make two parsers disagree on where a request ends. */
TEST(framing_refused)
{
	static const char *const rows[] = {
		/* both, in either order */
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
		/* repeated */
		"Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length: 5\r\nContent-Length: 5\r\n",
		"Content-Length: 5\r\ncontent-length: 0\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
		/* lengths that are none */
		"Content-Length:\r\n",
		"Content-Length: \r\n",
		"Content-Length: 5, 5\r\n",
		"Content-Length: 5,6\r\n",
		"Content-Length: +5\r\n",
		"Content-Length: -5\r\n",
		"Content-Length: -0\r\n",
		"Content-Length: 0x5\r\n",
		"Content-Length: 5 5\r\n",
		"Content-Length: 5\t5\r\n",
		"Content-Length: 5.0\r\n",
		"Content-Length: 5e1\r\n",
		"Content-Length: 5;\r\n",
		"Content-Length: \"5\"\r\n",
		"Content-Length: five\r\n",
		"Content-Length: \xd9\xa5\r\n",
		"Content-Length: 9223372036854775808\r\n",
		"Content-Length: 18446744073709551616\r\n",
		"Content-Length: 18446744073709551621\r\n",
		"Content-Length: 00000000000000000005\r\n",
		"Content-Length: 99999999999999999999999999999999\r\n",
		/* codings that are not exactly `chunked` */
		"Transfer-Encoding:\r\n",
		"Transfer-Encoding: identity\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: chunked, gzip\r\n",
		"Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding: identity, chunked\r\n",
		"Transfer-Encoding: chunked,\r\n",
		"Transfer-Encoding: ,chunked\r\n",
		"Transfer-Encoding: chunked;q=1\r\n",
		"Transfer-Encoding: \"chunked\"\r\n",
		"Transfer-Encoding: 'chunked'\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: chunkedx\r\n",
		"Transfer-Encoding: chunk\r\n",
		"Transfer-Encoding: cow\r\n",
		"Transfer-Encoding: chun\xc3\xa7"
		"ed\r\n",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		char text[256];
		(void)snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i]);
		int rc = parse(&h, text);
		if (rc != ERR_BAD_FRAMING)
			fail_msg("\"%s\" gave \"%s\"", rows[i], err_code(rc));
	}
}

/* ---- what else is refused ------------------------------------------------------------------ */

/* A Connection field with n options. */
static int parse_options(struct request_head *h, unsigned n, const char *option)
{
	static char text[80000];
	size_t at =
		(size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nConnection: x");
	for (unsigned i = 1; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, ",%s", option);
	(void)snprintf(text + at, sizeof(text) - at, "\r\n\r\n");
	return parse(h, text);
}

/* What Connection lists is looked at for each field of a head: its number is bounded, and so is the
 * length of each. */
TEST(connection_options_are_bounded)
{
	struct request_head h;
	char name[HTTP1_OPTION_MAX + 2];
	assert_int_equal(parse_options(&h, HTTP1_CONNECTION_OPTIONS, "close"), 0);
	assert_false(h.keep_alive);
	assert_int_equal(parse_options(&h, HTTP1_CONNECTION_OPTIONS + 1, "close"), ERR_BAD_FIELD);
	assert_int_equal(parse_options(&h, 1000, "x-a"), ERR_BAD_FIELD);
	assert_int_equal(parse_options(&h, 1000, ""), 0); /* empty members are none */
	memset(name, 'a', sizeof(name));
	name[HTTP1_OPTION_MAX] = 0;
	assert_int_equal(parse_options(&h, 2, name), 0);
	name[HTTP1_OPTION_MAX] = 'a';
	name[HTTP1_OPTION_MAX + 1] = 0;
	assert_int_equal(parse_options(&h, 2, name), ERR_BAD_FIELD);
	/* over several fields */
	assert_int_equal(parse(&h,
				 "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\nConnection: "
				 "upgrade\r\nUpgrade: b\r\n\r\n"),
		0);
	assert_true(h.upgrade && h.keep_alive);
}

TEST(refused)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		/* the request line */
		{ "\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET \r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET /\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / \r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ " GET / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1\rHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1\r\rHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "G\x80T / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET: / HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "Host: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "\x16\x03\x01\x02\r\n\r\n", ERR_BAD_REQUEST_LINE }, /* TLS on a plain port */
		{ "HTTP/1.1 200 OK\r\n\r\n", ERR_BAD_REQUEST_LINE },
		/* versions */
		{ "PRI * HTTP/2.0\r\n\r\n", ERR_BAD_VERSION },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", ERR_BAD_VERSION },
		{ "GET / HTTP/1.2\r\nHost: a\r\n\r\n", ERR_BAD_VERSION },
		{ "GET / HTTP/0.9\r\nHost: a\r\n\r\n", ERR_BAD_VERSION },
		{ "GET / HTTP/9.9\r\nHost: a\r\n\r\n", ERR_BAD_VERSION },
		{ "GET / HTTP/1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/2\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.10\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/11.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1,1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / http/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTPS/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / XTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/+1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		{ "GET / HTTP/1.1HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		/* targets */
		{ "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET a HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_TARGET },
		{ "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", ERR_BAD_REQUEST_LINE },
		/* fields */
		{ "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX\t: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\n Host: a\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n : chunked\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0b"
		  "chunked\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\nX: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n:\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX\x80: z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX\x7f: z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\"X\": z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX/Y: z\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\ncontent\rlength: 5\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\x0b\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\x0c\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: a\x1b\r\n\r\n", ERR_BAD_FIELD },
		/* line ends */
		{ "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\r\nX: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\n\rX: y\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 5\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\n\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n", ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\n\n", ERR_BAD_REQUEST_LINE },
		/* Host */
		{ "GET / HTTP/1.1\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nX: y\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", ERR_BAD_HOST },
		{ "GET http://b/ HTTP/1.1\r\n\r\n", ERR_BAD_HOST },
		{ "GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", ERR_BAD_HOST },
		{ "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", ERR_BAD_HOST },
		/* repeated fields of which there can be one */
		{ "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: x\r\nX: y\r\nContent-Type: y\r\n\r\n",
			ERR_BAD_FIELD },
		{ "GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: y\r\n\r\n", ERR_BAD_FIELD },
		/* framing that depends on the version */
		{ "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
			ERR_BAD_FRAMING },
		/* expectations */
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", ERR_BAD_EXPECTATION },
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", ERR_BAD_EXPECTATION },
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n",
			ERR_BAD_EXPECTATION },
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: "
		  "100-continue\r\n\r\n",
			ERR_BAD_EXPECTATION },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_head h;
		int rc = parse(&h, rows[i].text);
		if (rc != rows[i].rc)
			fail_msg("\"%s\" gave \"%s\", not \"%s\"", rows[i].text, err_code(rc),
				err_code(rows[i].rc));
	}
}

/* NUL does not fit into the table. */
TEST(nul)
{
	static const char text[] = "GET /abc HTTP/1.1\r\nHost: abc\r\nX-Name: value\r\n\r\n";
	struct request_head h;
	char buf[sizeof(text)];
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		memcpy(buf, text, sizeof(text));
		buf[i] = 0;
		assert_int_not_equal(parse_n(&h, buf, sizeof(text) - 1), 0);
	}
}

/* No part of a head is a head. */
TEST(truncated)
{
	static const char text[] =
		"POST /a?b HTTP/1.1\r\nHost: abc\r\nX-Name: value\r\nContent-Length: 5\r\n\r\n";
	struct request_head h;
	assert_int_equal(parse(&h, text), 0);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_not_equal(parse_n(&h, text, n), 0);
}

/* What the log gets of a request that is refused. */
TEST(partial)
{
	struct request_head h;
	assert_int_equal(parse(&h, "GET /a HTTP/1.1\r\nbad line\r\n\r\n"), ERR_BAD_FIELD);
	assert_int_equal(h.method, METHOD_GET);
	assert_str(h.target, "/a");
	assert_int_equal(parse(&h, "garbage\r\n\r\n"), ERR_BAD_REQUEST_LINE);
	assert_int_equal(h.method_text.len, 0);
	assert_int_equal(h.target.len, 0);
	assert_int_equal(h.fields.n, 0);
}

/* ---- limits -------------------------------------------------------------------------------- */

static char *append(char *p, const char *text)
{
	return (char *)memcpy(p, text, strlen(text)) + strlen(text);
}

static size_t with_fields(char *buf, unsigned n)
{
	char *p = append(buf, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (unsigned i = 1; i < n; i++)
		p = append(p, "X: y\r\n");
	return (size_t)(append(p, "\r\n") - buf);
}

TEST(max_fields)
{
	static char buf[8192];
	struct request_head h;
	assert_int_equal(parse_n(&h, buf, with_fields(buf, 100)), 0);
	assert_int_equal(h.fields.n, 100);
	assert_str(field_value(&h.fields.v[0]), "a"); /* survived growth */
	assert_str(field_value(&h.fields.v[99]), "y");
	assert_int_equal(parse_n(&h, buf, with_fields(buf, 101)), ERR_TOO_MANY_FIELDS);
	limits.max_fields = 2;
	assert_int_equal(parse_n(&h, buf, with_fields(buf, 2)), 0);
	assert_int_equal(parse_n(&h, buf, with_fields(buf, 3)), ERR_TOO_MANY_FIELDS);
	limits = HTTP1_LIMITS_DEFAULT;
}

TEST(max_target)
{
	static char buf[10000];
	struct request_head h;
	for (int extra = 0; extra < 2; extra++) {
		size_t n = 8192u + (unsigned)extra;
		memcpy(buf, "GET ", 4);
		memset(buf + 4, 'a', n);
		buf[4] = '/';
		memcpy(buf + 4 + n, " HTTP/1.1\r\nHost: a\r\n\r\n", 23);
		assert_int_equal(parse(&h, buf), extra ? ERR_TARGET_TOO_LONG : 0);
	}
}

TEST(budget)
{
	struct arena small;
	struct request_head h;
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	arena_init(&small, 64);
	assert_int_equal(http1_parse_request(&h, text, sizeof(text) - 1, &small, &limits),
		ERR_NO_MEMORY);
	arena_fini(&small);
}

TEST_GROUP(setup, teardown);
