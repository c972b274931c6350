/* http1/explain and http1/lenient: what is said of a response that was refused, and which of them a
 * lenient reader takes. */
#include "unit.h"
#include "with_arena.h"

#include "http1/explain.h"
#include "http1/lenient.h"

static const struct http1_limits strict = { .max_fields = 5 },
				 lenient = { .max_fields = 5, .lenient = true };

static int parse(sluice_str head, struct response_head *h, const struct http1_limits *lim)
{
	return http1_parse_response(h, head.data, head.len, &arena, METHOD_GET, lim);
}

static int parse_leniently(sluice_str head, struct response_head *h)
{
	int err = parse(head, h, &lenient);
	if (err == ERR_UPSTREAM_BAD_HEAD)
		err = http1_lenient_parse(h, &head.data, &head.len, &arena, METHOD_GET, &lenient);
	return err;
}

#define OK "HTTP/1.1 200 OK\r\n"
#define TAKES " (`parsing: lenient` takes it)"

TEST(every_refused_head_is_explained)
{
	static const struct {
		sluice_str head;
		const char *text;
		int lenient; /* what a lenient reader makes of it */
	} rows[] = {
		{ STR("nonsense\r\n\r\n"), "line 1 is no status line: it begins with \"nonsense\"",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR("\x80\x81\r\n\r\n"), "line 1 is no status line: it begins with byte 0x80",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR("HTTP/2.0 200 OK\r\n\r\n"), "line 1: version HTTP/2.0",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR("HTTP/1.1 999 No\r\n\r\n"), "line 1: status 999 is above 599" TAKES, 0 },
		{ STR("HTTP/1.1 1000 No\r\n\r\n"), "line 1: status \"1000\"",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR("HTTP/1.1 099 No\r\n\r\n"), "line 1: status \"099\"", ERR_UPSTREAM_BAD_HEAD },
		{ STR("HTTP/1.1 200 O\1K\r\n\r\n"), "line 1: byte 0x01 at 15" TAKES, 0 },
		{ STR("HTTP/1.1 200 O\0K\r\n\r\n"), "line 1: byte 0x00 at 15",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR("HTTP/1.1 200 OK\nA: b\n\n"), "line 1 ends with LF alone" TAKES, 0 },
		{ STR(OK "A: b\nC: d\r\n\r\n"), "line 2 ends with LF alone" TAKES, 0 },
		{ STR(OK "A: b\r\nX-Foo: a\1b\r\n\r\n"),
			"line 3, field X-Foo: byte 0x01 at 9" TAKES, 0 },
		{ STR(OK "X-Foo: a\rb\r\n\r\n"), "line 2, field X-Foo: byte 0x0d at 9",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "X-Foo: a\0b\r\n\r\n"), "line 2, field X-Foo: byte 0x00 at 9",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "A: b\r\n c\r\n\r\n"),
			"line 3 begins with a blank: folded lines are obsolete",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "A: b\n c\n\n"), "line 2 ends with LF alone" TAKES,
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "no colon\r\n\r\n"), "line 2 has no colon", ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "A : b\r\n\r\n"), "line 2: byte 0x20 at 2 is none of a field name",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK ": b\r\n\r\n"), "line 2: byte 0x3a at 1 is none of a field name",
			ERR_UPSTREAM_BAD_HEAD },
		{ STR(OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
			"line 3: a second Content-Length, which differs from the first",
			ERR_UPSTREAM_BAD_FRAMING },
		{ STR(OK "Content-Length: 1, 2\r\n\r\n"), "the values of Content-Length differ",
			ERR_UPSTREAM_BAD_FRAMING },
		{ STR(OK "Content-Length: -1\r\n\r\n"), "line 2: Content-Length is \"-1\"",
			ERR_UPSTREAM_BAD_FRAMING },
		{ STR(OK "Transfer-Encoding: gzip\r\n\r\n"),
			"line 2: Transfer-Encoding is \"gzip\" and not chunked",
			ERR_UPSTREAM_BAD_FRAMING },
		{ STR(OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
			"line 3: Transfer-Encoding and Content-Length in one head",
			ERR_UPSTREAM_BAD_FRAMING },
		{ STR("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
			"Transfer-Encoding in HTTP/1.0", ERR_UPSTREAM_BAD_FRAMING },
		{ STR(OK "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n"),
			"more than 5 fields (max_fields)", ERR_UPSTREAM_HEAD_TOO_LARGE },
		{ STR("\x15\x03\x01\0\2\2\n\n"),
			"the server speaks TLS: give the upstream a block `tls`",
			ERR_UPSTREAM_BAD_HEAD },
	};
	struct response_head h;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sluice_str head = rows[i].head;
		int err = parse(head, &h, &strict);
		if (!err)
			fail_msg("row %zu is not refused", i);
		sluice_str text = http1_explain_head(head.data, head.len, err, &strict);
		if (!str_eq(text, str_of(rows[i].text)))
			fail_msg("row %zu: \"%.*s\" and not \"%s\"", i, STR_ARG(text),
				rows[i].text);
		int rc = parse_leniently(head, &h);
		if (rc != rows[i].lenient)
			fail_msg("row %zu: a lenient reader says %d", i, rc);
	}
}

TEST(lenient_heads_have_the_standard_form)
{
	struct response_head h;
	assert_int_equal(parse_leniently(STR("HTTP/1.1 700 A\1B\nX: a\1\2b\x7f\nY:\n\n"), &h), 0);
	assert_int_equal(h.status, 700);
	assert_str(h.reason, "A B");
	assert_int_equal(h.fields.n, 2);
	assert_str(field_value(&h.fields.v[0]), "a  b");
	for (size_t i = 0; i < h.fields.v[0].value_len; i++)
		assert_true((unsigned char)h.fields.v[0].value[i] >= 0x20);
}

TEST(values_of_fields_are_not_quoted)
{
	static const sluice_str head = STR(OK "Set-Cookie: s3cr3t\1\r\n\r\n");
	sluice_str text = http1_explain_head(head.data, head.len, ERR_UPSTREAM_BAD_HEAD, &strict);
	assert_null(memmem(text.data, text.len, "s3cr3t", 6));
}

TEST(another_protocol_is_recognised)
{
	assert_str(http1_explain_start(((sluice_str){ "\0\0\6\4\0\0\0\0\0\0", 10 })),
		"the server speaks HTTP/2: write `protocol: h2c`, or with `tls` `protocol: h2`");
	assert_str(http1_explain_start(STR("\x16\3\3")),
		"the server speaks TLS: give the upstream a block `tls`");
	assert_str(http1_explain_start(STR("SSH-2.0-x")),
		"no head in 9 bytes, which begin with \"SSH-2.0-x\"");
	assert_str(http1_explain_start(STR("\1")),
		"no head in 1 bytes, which begin with byte 0x01");
	assert_int_equal(http1_explain_start(STR_NONE).len, 0);
}

TEST(empty_lines_are_bounded)
{
	struct buf in;
	uint8_t lines = 0;
	buf_init(&in);
	buf_append(&in, "\r", 1);
	assert_false(http1_lenient_skip(&in, &lines)); /* the LF may come */
	buf_append(&in, "\n\nHTTP", 6);
	assert_true(http1_lenient_skip(&in, &lines));
	assert_int_equal(lines, 2);
	assert_int_equal(in.len, 4);
	buf_drain(&in, 4);
	buf_append(&in, "\n\n\n", 3);
	assert_true(http1_lenient_skip(&in, &lines));
	assert_int_equal(lines, LENIENT_EMPTY_LINES);
	assert_int_equal(in.len, 1);
	assert_false(http1_lenient_skip(&in, &lines));
	buf_fini(&in);
}

TEST(the_surplus_is_cut_off)
{
	struct buf in;
	buf_init(&in);
	buf_append(&in, "bodyrest", 8);
	http1_lenient_cut(&in, 4);
	assert_str(buf_peek(&in), "body");
	http1_lenient_cut(&in, 4);
	assert_int_equal(in.len, 0);
	buf_fini(&in);
}

TEST_GROUP_WITH_ARENA(0);
