/* Request heads and trailers from fields: what is accepted, and what RFC 9113 8.2 and 8.3
 * refuse. */
#include "unit.h"

#include <stdio.h>

#include "http/upgrade.h"
#include "http/head_builder.h"

static const struct head_limits usual = { .max_head = 32768,
	.max_fields = 100,
	.max_target = 8192 };
static struct arena arena;
static struct request_head head;
static struct head_builder builder;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

/* pairs: "name", "value", ..., NULL */
static int build(const struct head_limits *limits, bool end, const char *const *pairs)
{
	head_begin(&builder, &head, &arena, limits);
	for (; *pairs; pairs += 2)
		head_field(&builder, str_of(pairs[0]), str_of(pairs[1]));
	return head_end(&builder, end);
}

#define PAIRS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define GET ":method", "GET", ":scheme", "https", ":authority", "example.com", ":path", "/"
#define POST ":method", "POST", ":scheme", "https", ":authority", "example.com", ":path", "/"

TEST(get)
{
	assert_int_equal(build(&usual, true,
				 PAIRS(":path", "/a/./b?x=1", ":authority", "Example.com:8443",
					 ":method", "GET", ":scheme", "HTTPS", "user-agent", "test",
					 "x-empty", "")),
		0);
	assert_int_equal(head.method, METHOD_GET);
	assert_int_equal(head.form, TARGET_ORIGIN);
	assert_int_equal(head.body, BODY_NONE);
	assert_true(head.keep_alive);
	assert_false(head.upgrade);
	assert_str(head.method_text, "GET");
	assert_str(head.target, "/a/./b?x=1");
	assert_str(head.path, "/a/b");
	assert_str(head.query, "x=1");
	assert_str(head.authority, "Example.com:8443");
	assert_str(head.host, "example.com");
	assert_int_equal(head.fields.n, 3);
	assert_str(field_name(&head.fields.v[0]), "host"); /* as in HTTP/1.1 */
	assert_str(field_value(&head.fields.v[0]), "Example.com:8443");
	assert_int_equal(head.fields.v[0].token, TOKEN_HOST);
	assert_str(field_name(&head.fields.v[1]), "user-agent");
	assert_str(field_value(&head.fields.v[2]), "");
}

/* Fields are lines one behind the other, so that a writer of HTTP/1.1 copies them at once. */
TEST(lines)
{
	assert_int_equal(build(&usual, true, PAIRS(GET, "accept", "*/*", "x-a", "1")), 0);
	const char *at = head.fields.v[0].name;
	static const char want[] = "host: example.com\r\naccept: */*\r\nx-a: 1\r\n";
	assert_memory_equal(at, want, sizeof(want) - 1);
	for (uint32_t i = 0; i < head.fields.n; i++) {
		const struct field *f = &head.fields.v[i];
		assert_true(f->flags & FIELD_LINE);
		assert_ptr_equal(f->name, at);
		at = f->value + f->value_len + 2;
	}
}

TEST(host)
{
	/* the field alone, as from an HTTP/1.1 client */
	assert_int_equal(build(&usual, true,
				 PAIRS(":method", "GET", ":scheme", "http", ":path", "/", "host",
					 "h:80")),
		0);
	assert_str(head.authority, "h:80");
	assert_str(head.host, "h");
	assert_int_equal(head.fields.n, 1);
	/* both, the same */
	assert_int_equal(build(&usual, true, PAIRS(GET, "host", "EXAMPLE.com")), 0);
	assert_int_equal(head.fields.n, 1);
	assert_str(head.authority, "example.com");
}

TEST(asterisk)
{
	assert_int_equal(build(&usual, true,
				 PAIRS(":method", "OPTIONS", ":scheme", "http", ":path", "*",
					 ":authority", "h")),
		0);
	assert_int_equal(head.form, TARGET_ASTERISK);
	assert_str(head.path, "*");
}

TEST(connect)
{
	assert_int_equal(build(&usual, false, PAIRS(":method", "CONNECT", ":authority", "h:443")),
		0);
	assert_int_equal(head.method, METHOD_CONNECT);
	assert_int_equal(head.form, TARGET_AUTHORITY);
	assert_str(head.host, "h");
}

#define EXTENDED(protocol, path)                                                        \
	":method", "CONNECT", ":protocol", protocol, ":scheme", "https", ":path", path, \
		":authority", "h:8443"

/* RFC 8441: what HTTP/1.1 would have asked by Upgrade. */
TEST(extended_connect)
{
	for (int end = 0; end < 2; end++) {
		assert_int_equal(build(&usual, end,
					 PAIRS(EXTENDED("websocket", "/chat?a=b"),
						 "sec-websocket-version", "13", "sec-websocket-key",
						 "AAAAAAAAAAAAAAAAAAAAAA==")),
			0);
		assert_int_equal(head.method, METHOD_GET);
		assert_str(head.method_text, "GET");
		assert_int_equal(head.form, TARGET_ORIGIN);
		assert_str(head.path, "/chat");
		assert_str(head.query, "a=b");
		assert_str(head.host, "h");
		assert_true(head.upgrade && head.upgrade_only);
		assert_int_equal(head.body, BODY_NONE);
		assert_str(upgrade_protocol(&head.fields), "websocket");
		/* one, and not the client's */
		assert_int_equal(upgrade_key(&head.fields).len, UPGRADE_KEY_LEN);
		assert_false(str_eq(upgrade_key(&head.fields), STR("AAAAAAAAAAAAAAAAAAAAAA==")));
		const struct field *f = fields_find(&head.fields, TOKEN_SEC_WEBSOCKET_KEY);
		assert_int_equal(f->flags, FIELD_LINE);
		assert_memory_equal(f->name, "sec-websocket-key: ", 19);
		assert_memory_equal(f->value + f->value_len, "\r\n", 2);
	}
	char first[UPGRADE_KEY_LEN];
	memcpy(first, upgrade_key(&head.fields).data, sizeof(first));
	assert_int_equal(build(&usual, false, PAIRS(EXTENDED("websocket", "/"))), 0);
	assert_memory_not_equal(first, upgrade_key(&head.fields).data, sizeof(first));
	/* keys are of WebSocket alone */
	assert_int_equal(build(&usual, false, PAIRS(EXTENDED("connect-udp", "/"))), 0);
	assert_str(upgrade_protocol(&head.fields), "connect-udp");
	assert_null(fields_find(&head.fields, TOKEN_SEC_WEBSOCKET_KEY));
}

TEST(unknown_method)
{
	assert_int_equal(build(&usual, true,
				 PAIRS(":method", "BREW", ":scheme", "http", ":path", "/",
					 ":authority", "h")),
		0);
	assert_int_equal(head.method, METHOD_OTHER);
	assert_str(head.method_text, "BREW");
}

TEST(cookies)
{
	assert_int_equal(build(&usual, true,
				 PAIRS(GET, "cookie", "a=1", "accept", "*/*", "cookie", "b=2; c=3",
					 "x-z", "z", "cookie", "")),
		0);
	assert_int_equal(head.fields.n, 4);
	const struct field *f = fields_find(&head.fields, TOKEN_COOKIE);
	assert_ptr_equal(f, &head.fields.v[1]);
	assert_str(field_name(f), "cookie");
	assert_str(field_value(f), "a=1; b=2; c=3; ");
	assert_memory_equal(f->name, "cookie: a=1; b=2; c=3; \r\n", 25);
	assert_str(field_name(&head.fields.v[2]), "accept");
	assert_str(field_name(&head.fields.v[3]), "x-z");
}

TEST(bodies)
{
	assert_int_equal(build(&usual, false, PAIRS(POST)), 0);
	assert_int_equal(head.body, BODY_CHUNKED);
	assert_int_equal(build(&usual, true, PAIRS(POST)), 0);
	assert_int_equal(head.body, BODY_NONE);
	assert_int_equal(build(&usual, false, PAIRS(POST, "content-length", "9223372036854775807")),
		0);
	assert_int_equal(head.body, BODY_LENGTH);
	assert_int_equal(head.body_length, INT64_MAX);
	assert_int_equal(build(&usual, true, PAIRS(POST, "content-length", "0")), 0);
	assert_int_equal(head.body, BODY_LENGTH);
	assert_int_equal(build(&usual, false, PAIRS(GET, "expect", "100-Continue")), 0);
	assert_true(head.expect_continue);
	assert_int_equal(build(&usual, true, PAIRS(GET, "expect", "100-continue")), 0);
	assert_false(head.expect_continue); /* there is nothing to wait for */
	assert_int_equal(build(&usual, true, PAIRS(GET, "te", "trailers")), 0);
	assert_true(head.te_trailers);
}

/* What HTTP/2 calls malformed, section by section. */
TEST(malformed)
{
	static const struct {
		int err;
		bool open; /* END_STREAM is not set */
		const char *pairs[20];
	} rows[] = {
		/* 8.2.1: names and values */
		{ ERR_BAD_FIELD, 0, { GET, "X-Upper", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "aCcept", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a b", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a:b", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a\x80", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a\r\nb", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "1\r\nb: 2" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "1\n" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "\r" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", " 1" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "1\t" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "\x01" } },
		{ ERR_BAD_FIELD, 0,
			{ GET, "a",
				"b\x7f"
				"c" } },
		/* 8.2.2: fields of a connection */
		{ ERR_BAD_FIELD, 0, { GET, "connection", "close" } },
		{ ERR_BAD_FIELD, 0, { GET, "proxy-connection", "keep-alive" } },
		{ ERR_BAD_FIELD, 0, { GET, "keep-alive", "1" } },
		{ ERR_BAD_FIELD, 0, { GET, "upgrade", "h2c" } },
		{ ERR_BAD_FRAMING, 0, { GET, "transfer-encoding", "chunked" } },
		{ ERR_BAD_FIELD, 0, { GET, "te", "gzip" } },
		{ ERR_BAD_FIELD, 0, { GET, "te", "trailers, gzip" } },
		/* 8.3: pseudo-fields */
		{ ERR_BAD_FIELD, 0,
			{ ":method", "GET", ":scheme", "http", "a", "b", ":path", "/", ":authority",
				"h" } },
		{ ERR_BAD_FIELD, 0, { GET, "a", "b", ":scheme", "http" } },
		{ ERR_BAD_FIELD, 0, { GET, ":status", "200" } },
		{ ERR_BAD_FIELD, 0, { GET, ":version", "2" } },
		{ ERR_BAD_FIELD, 0, { GET, ":", "2" } },
		{ ERR_BAD_FIELD, 0, { GET, ":Method", "GET" } },
		{ ERR_BAD_FIELD, 0, { GET, ":method", "GET" } },
		{ ERR_BAD_FIELD, 0, { GET, ":scheme", "https" } },
		{ ERR_BAD_FIELD, 0, { GET, ":path", "/" } },
		{ ERR_BAD_HOST, 0, { GET, ":authority", "example.com" } },
		/* 8.3.1: what a request has */
		{ ERR_BAD_REQUEST_LINE, 0, { ":scheme", "http", ":path", "/", ":authority", "h" } },
		{ ERR_BAD_REQUEST_LINE, 0,
			{ ":method", "", ":scheme", "http", ":path", "/", ":authority", "h" } },
		{ ERR_BAD_REQUEST_LINE, 0,
			{ ":method", "GE T", ":scheme", "http", ":path", "/", ":authority", "h" } },
		{ ERR_BAD_TARGET, 0, { ":method", "GET", ":path", "/", ":authority", "h" } },
		{ ERR_BAD_TARGET, 0, { ":method", "GET", ":scheme", "http", ":authority", "h" } },
		{ ERR_BAD_TARGET, 0,
			{ ":method", "GET", ":scheme", "http", ":path", "", ":authority", "h" } },
		{ ERR_BAD_TARGET, 0,
			{ ":method", "GET", ":scheme", "http", ":path", "a", ":authority", "h" } },
		{ ERR_BAD_TARGET, 0,
			{ ":method", "GET", ":scheme", "http", ":path", "http://h/", ":authority",
				"h" } },
		{ ERR_BAD_HOST, 0, { GET, "host", "other.com" } },
		{ ERR_BAD_HOST, 0, { GET, "host", "example.com:443" } },
		{ ERR_BAD_HOST, 0, { GET, "host", "example.com", "host", "example.com" } },
		{ ERR_BAD_HOST, 0,
			{ ":method", "GET", ":scheme", "http", ":path", "/", "host", "h", "host",
				"h" } },
		{ ERR_BAD_FIELD, 0, { GET, "authorization", "a", "authorization", "b" } },
		/* 8.5 and RFC 8441 */
		{ ERR_BAD_TARGET, 1, { ":method", "CONNECT", ":authority", "h:1", ":path", "/" } },
		{ ERR_BAD_TARGET, 1,
			{ ":method", "CONNECT", ":authority", "h:1", ":scheme", "http" } },
		{ ERR_BAD_HOST, 1, { ":method", "CONNECT" } },
		{ ERR_BAD_HOST, 1, { ":method", "CONNECT", "host", "h:1" } },
		{ ERR_BAD_FIELD, 1, { GET, ":protocol", "websocket" } },
		{ ERR_BAD_FIELD, 1,
			{ ":method", "CONNECT", ":protocol", "websocket", ":authority", "h" } },
		{ ERR_BAD_FIELD, 1, { EXTENDED("web socket", "/") } },
		{ ERR_BAD_FIELD, 1, { EXTENDED("", "/") } },
		{ ERR_BAD_FIELD, 1, { EXTENDED("websocket", "/"), ":protocol", "websocket" } },
		{ ERR_BAD_FIELD, 1, { EXTENDED("websocket", "/"), "upgrade", "websocket" } },
		{ ERR_BAD_HOST, 1,
			{ ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https",
				":path", "/" } },
		{ ERR_BAD_HOST, 1,
			{ ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https",
				":path", "/", "host", "h" } },
		{ ERR_BAD_TARGET, 1, { EXTENDED("websocket", "chat") } },
		{ ERR_BAD_FRAMING, 1, { EXTENDED("websocket", "/"), "content-length", "0" } },
		{ ERR_BAD_FRAMING, 1, { EXTENDED("websocket", "/"), "content-length", "5" } },
		/* 8.1.1: the length of the body */
		{ ERR_BAD_FRAMING, 0, { POST, "content-length", "1" } },
		{ ERR_BAD_FRAMING, 1, { POST, "content-length", "1", "content-length", "1" } },
		{ ERR_BAD_FRAMING, 1, { POST, "content-length", "1, 1" } },
		{ ERR_BAD_FRAMING, 1, { POST, "content-length", "+1" } },
		{ ERR_BAD_FRAMING, 1, { POST, "content-length", "" } },
		{ ERR_BAD_FRAMING, 1, { POST, "content-length", "9223372036854775808" } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = build(&usual, !rows[i].open, rows[i].pairs);
		if (rc != rows[i].err || !builder.malformed)
			fail_msg("row %zu: %s, not %s; malformed %d", i, err_code(rc),
				err_code(rows[i].err), builder.malformed);
	}
}

/* What HTTP/1.1 would refuse as well: answered, but no fault of the framing. */
TEST(refused)
{
	static const struct {
		int err;
		const char *pairs[20];
	} rows[] = {
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "http", ":path", "/a#b", ":authority",
				"h" } },
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "http", ":path", "/a b", ":authority",
				"h" } },
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "http", ":path", "/a\r\nb", ":authority",
				"h" } },
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "http", ":path", "/../x", ":authority",
				"h" } },
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "http", ":path", "*", ":authority", "h" } },
		{ ERR_BAD_TARGET,
			{ ":method", "GET", ":scheme", "ftp", ":path", "/", ":authority", "h" } },
		{ ERR_BAD_HOST, { ":method", "GET", ":scheme", "http", ":path", "/" } },
		{ ERR_BAD_HOST,
			{ ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "" } },
		{ ERR_BAD_HOST,
			{ ":method", "GET", ":scheme", "http", ":path", "/", ":authority",
				"a@b" } },
		{ ERR_BAD_HOST,
			{ ":method", "GET", ":scheme", "http", ":path", "/", ":authority",
				"a\r\nb: c" } },
		{ ERR_BAD_HOST,
			{ ":method", "GET", ":scheme", "http", ":path", "/", "host", "a b" } },
		{ ERR_BAD_TARGET, { ":method", "CONNECT", ":authority", "h" } },
		{ ERR_BAD_TARGET, { EXTENDED("websocket", "*") } },
		{ ERR_BAD_EXPECTATION, { GET, "expect", "200-ok" } },
		{ ERR_BAD_EXPECTATION,
			{ GET, "expect", "100-continue", "expect", "100-continue" } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = build(&usual, true, rows[i].pairs);
		if (rc != rows[i].err || builder.malformed)
			fail_msg("row %zu: %s, not %s; malformed %d", i, err_code(rc),
				err_code(rows[i].err), builder.malformed);
	}
}

TEST(limits)
{
	/* the pseudo-fields are 14 + 16 + 25 + 10 */
	const struct head_limits exact = { .max_head = 65 + 8, .max_fields = 1, .max_target = 1 };
	assert_int_equal(build(&exact, true, PAIRS(GET, "a", "123")), 0);
	assert_int_equal(build(&exact, true, PAIRS(GET, "a", "1234")), ERR_HEAD_TOO_LARGE);
	assert_false(builder.malformed);
	assert_str(head.path, "");
	assert_str(head.method_text, "GET"); /* for the log */
	const struct head_limits few = { .max_head = 1000, .max_fields = 2, .max_target = 5 };
	assert_int_equal(build(&few, true, PAIRS(GET, "a", "1", "b", "2")), 0);
	assert_int_equal(build(&few, true, PAIRS(GET, "a", "1", "b", "2", "c", "3")),
		ERR_TOO_MANY_FIELDS);
	assert_int_equal(build(&few, true,
				 PAIRS(GET, "a", "1", "b", "2", "cookie", "3", "cookie", "4")),
		0);
	assert_int_equal(build(&few, true, PAIRS(GET, "cookie", "2", "cookie", "3", "cookie", "4")),
		ERR_TOO_MANY_FIELDS);
	assert_int_equal(build(&few, true, PAIRS(":method", "GET", ":path", "/12345")),
		ERR_TARGET_TOO_LONG);
	assert_str(head.target, "/1234"); /* for the log, as far as it may go */
}

TEST(no_memory)
{
	static char long_value[5000];
	memset(long_value, 'v', sizeof(long_value) - 1);
	arena_fini(&arena);
	for (size_t budget = 1; budget < 40000; budget += 500) {
		arena_init(&arena, budget);
		int rc = build(&usual, true,
			PAIRS(GET, "a", long_value, "cookie", long_value, "b", long_value, "cookie",
				long_value));
		assert_true(rc == 0 || rc == ERR_NO_MEMORY);
		assert_int_equal(rc == 0, !arena.failed);
		arena_fini(&arena);
	}
	arena_init(&arena, 1 << 20);
}

TEST(many)
{
	char name[16], value[64];
	head_begin(&builder, &head, &arena, &usual);
	static const char *const pairs[] = { GET };
	for (int i = 0; i < 8; i += 2)
		head_field(&builder, str_of(pairs[i]), str_of(pairs[i + 1]));
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "x-%d", i);
		(void)snprintf(value, sizeof(value), "%0*d", i % 60 + 1, i);
		head_field(&builder, str_of(name), str_of(value));
	}
	assert_int_equal(head_end(&builder, true), 0);
	assert_int_equal(head.fields.n, 101);
	for (int i = 0; i < 100; i++) { /* what the library gave is gone by now */
		(void)snprintf(name, sizeof(name), "x-%d", i);
		(void)snprintf(value, sizeof(value), "%0*d", i % 60 + 1, i);
		const struct field *f = &head.fields.v[i + 1];
		assert_str(field_name(f), name);
		assert_str(field_value(f), value);
		assert_memory_equal(f->value + f->value_len, "\r\n", 2);
		assert_memory_equal(f->name + f->name_len, ": ", 2);
	}
}

static int build_trailers(struct fields *f, const char *const *pairs)
{
	const struct head_limits limits = { .max_head = 100, .max_fields = 3 };
	head_begin_trailers(&builder, f, &arena, &limits);
	for (; *pairs; pairs += 2)
		head_field(&builder, str_of(pairs[0]), str_of(pairs[1]));
	return head_end_trailers(&builder);
}

TEST(trailers)
{
	struct fields f;
	assert_int_equal(build_trailers(&f,
				 PAIRS("x-sum", "1", "host", "h", "content-length", "3")),
		0);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.v[0].flags & FIELD_DROP, 0);
	assert_true(f.v[1].flags & FIELD_DROP);
	assert_true(f.v[2].flags & FIELD_DROP);
	assert_int_equal(build_trailers(&f, PAIRS("a", "1", "b", "2", "c", "3", "d", "4")),
		ERR_TOO_MANY_FIELDS);
	/* 8.1 */
	assert_int_equal(build_trailers(&f, PAIRS("a", "1", ":path", "/")), ERR_BAD_FIELD);
	assert_int_equal(build_trailers(&f, PAIRS(":status", "200")), ERR_BAD_FIELD);
	assert_int_equal(build_trailers(&f, PAIRS("A", "1")), ERR_BAD_FIELD);
	assert_int_equal(build_trailers(&f, PAIRS("connection", "close")), ERR_BAD_FIELD);
	assert_int_equal(build_trailers(&f, PAIRS("a", "1\r")), ERR_BAD_FIELD);
	static char long_value[101];
	memset(long_value, 'v', sizeof(long_value) - 1);
	assert_int_equal(build_trailers(&f, PAIRS("a", long_value)), ERR_HEAD_TOO_LARGE);
}

TEST_GROUP(set_up, tear_down);
