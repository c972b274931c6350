/* http1/chunk: decoding in every cut, what is refused, trailers, and the encoder. */
#include "unit.h"
#include "with_arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "http1/chunk.h"

struct outcome {
	struct chunk_decoder d;
	int rc;
	char data[65536];
	size_t n_data;
	size_t used; /* bytes eaten until done */
};

/* Hand over one piece, in a heap block of its size. */
static void feed(struct outcome *o, const char *p, size_t n)
{
	char *piece = malloc(n ? n : 1);
	size_t at = 0;
	assert_non_null(piece);
	memcpy(piece, p, n);
	do {
		size_t skip = 99, data = 99;
		o->rc = chunk_decode(&o->d, piece + at, n - at, &skip, &data);
		assert_true(skip <= n - at && data <= n - at - skip);
		assert_int_equal(data > 0, o->rc == CHUNK_DATA);
		if (o->rc == CHUNK_MORE)
			assert_int_equal(skip, n - at); /* everything was eaten */
		assert_true(o->n_data + data <= sizeof(o->data));
		memcpy(o->data + o->n_data, piece + at + skip, data);
		o->n_data += data;
		at += skip + data;
	} while (o->rc == CHUNK_DATA);
	o->used += at;
	free(piece);
}

static enum chunk_accept accept_beside = CHUNK_STRICT;

static void begin(struct outcome *o)
{
	chunk_decoder_init(&o->d, &arena, ERR_BAD_CHUNK);
	o->d.accept = (uint8_t)accept_beside;
	o->n_data = o->used = 0;
	o->rc = CHUNK_MORE;
}

static struct outcome whole, cut;

static void same_outcome(const char *text)
{
	if (cut.rc != whole.rc || cut.n_data != whole.n_data ||
		memcmp(cut.data, whole.data, cut.n_data) != 0)
		fail_msg("\"%s\" is read otherwise when it comes in pieces", text);
	if (whole.rc != CHUNK_DONE)
		return;
	assert_int_equal(cut.used, whole.used);
	assert_int_equal(cut.d.trailers.n, whole.d.trailers.n);
	for (uint32_t i = 0; i < cut.d.trailers.n; i++) {
		assert_true(str_eq(field_name(&cut.d.trailers.v[i]),
			field_name(&whole.d.trailers.v[i])));
		assert_true(str_eq(field_value(&cut.d.trailers.v[i]),
			field_value(&whole.d.trailers.v[i])));
		assert_int_equal(cut.d.trailers.v[i].flags, whole.d.trailers.v[i].flags);
	}
}

/* Decode at once, then cut at every place, then byte by byte: the outcome must be the same. It is
 * left in `whole`. */
static void decode_n(const char *text, size_t len)
{
	begin(&whole);
	feed(&whole, text, len);
	for (size_t at = 0; at <= len; at++) {
		begin(&cut);
		feed(&cut, text, at);
		if (cut.rc == CHUNK_MORE)
			feed(&cut, text + at, len - at);
		same_outcome(text);
	}
	begin(&cut);
	for (size_t at = 0; at < len && cut.rc == CHUNK_MORE; at++)
		feed(&cut, text + at, 1);
	if (len)
		same_outcome(text);
}

static void decode(const char *text)
{
	decode_n(text, strlen(text));
}

TEST(accepted)
{
	static const struct {
		const char *text, *data, *left; /* left: behind the body */
	} rows[] = {
		{ "0\r\n\r\n", "", "" },
		{ "00000\r\n\r\n", "", "" },
		{ "5\r\nhello\r\n0\r\n\r\n", "hello", "" },
		{ "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", "hello world", "" },
		{ "a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij", "" },
		{ "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello", "" },
		{ "4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", "" },
		{ "5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello", "" },
		{ "5;a=\"x;y, z\"\r\nhello\r\n0\r\n\r\n", "hello", "" },
		{ "5 \t;a\r\nhello\r\n0\t;\r\n\r\n", "hello", "" },
		{ "5;\xc3\xa9\r\nhello\r\n0\r\n\r\n", "hello", "" },
		{ "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", "GET / HTTP/1.1\r\n" },
		{ "0\r\n\r\n\r\n", "", "\r\n" },
		{ "1\r\na\r\n0\r\nX: y\r\n\r\n0\r\n", "a", "0\r\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		decode(rows[i].text);
		if (whole.rc != CHUNK_DONE)
			fail_msg("\"%s\" gave %d", rows[i].text, whole.rc);
		assert_str(str_n(whole.data, whole.n_data), rows[i].data);
		assert_string_equal(rows[i].text + whole.used, rows[i].left);
		size_t skip, data;
		/* stays so */
		assert_int_equal(chunk_decode(&whole.d, "x", 1, &skip, &data), CHUNK_DONE);
		assert_int_equal(skip + data, 0);
	}
}

TEST(refused)
{
	static const char *const rows[] = {
		/* sizes */
		"\r\n",
		"\n",
		"x\r\n",
		"-5\r\nhello\r\n",
		"+5\r\nhello\r\n",
		" 5\r\nhello\r\n",
		"\t5\r\nhello\r\n",
		"0x5\r\nhello\r\n",
		"5h\r\nhello\r\n",
		"5_0\r\nhello\r\n",
		"5,5\r\nhello\r\n",
		"5 5\r\nhello\r\n",
		"5 \r\nhello\r\n",
		"5\t\r\nhello\r\n",
		"5\x0b\r\nhello\r\n",
		"5\x0c;a\r\nhello\r\n",
		";a\r\n",
		"\xd9\xa5\r\nhello\r\n",
		"00000000000000005\r\nhello\r\n",
		"10000000000000005\r\nhello\r\n",
		"fffffffffffffffff\r\n",
		/* line ends */
		"5\nhello\r\n",
		"5\rhello\r\n",
		"5\r\rhello\r\n",
		"5\r\r\nhello\r\n",
		"5\n\rhello\r\n",
		"5;a\nhello\r\n",
		"5;a\rb\r\nhello\r\n",
		"5;a\r\r\nhello\r\n",
		"5 \n;a\r\nhello\r\n",
		/* extensions */
		"5;\x01\r\nhello\r\n",
		"5;\x7f\r\nhello\r\n",
		/* data */
		"5\r\nhello",
		"5\r\nhelloX\r\n",
		"5\r\nhello\n0\r\n\r\n",
		"5\r\nhello\rX",
		"5\r\nhello0\r\n\r\n",
		"5\r\nhell\r\n0\r\n\r\n",
		"5\r\nhello!\r\n0\r\n\r\n",
		"5\r\nhello\r\n\r\n0\r\n\r\n",
		/* the end */
		"0\r\n\n",
		"0\r\n\rX",
		"0\n\n",
		"0\r\n\r\r\n",
		/* trailers */
		"0\r\nX\r\n\r\n",
		"0\r\nX : y\r\n\r\n",
		"0\r\n X: y\r\n\r\n",
		"0\r\nX: y\r\n z\r\n\r\n",
		"0\r\nX: y\n\r\n",
		"0\r\nX: y\rZ\r\n\r\n",
		"0\r\n: y\r\n\r\n",
		"0\r\nX: \x01\r\n\r\n",
		"0\r\nX(: y\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		decode(rows[i]);
		bool incomplete = strcmp(rows[i], "5\r\nhello") == 0;
		if (whole.rc != (incomplete ? CHUNK_MORE : ERR_BAD_CHUNK))
			fail_msg("\"%s\" gave %d", rows[i], whole.rc);
		if (incomplete)
			continue;
		size_t skip, data;
		/* stays so */
		assert_int_equal(chunk_decode(&whole.d, "5\r\n", 3, &skip, &data), ERR_BAD_CHUNK);
		assert_int_equal(skip + data, 0);
	}
	decode_n("5\0\r\nhello\r\n", 11);
	assert_int_equal(whole.rc, ERR_BAD_CHUNK);
}

TEST(error_of_upstreams)
{
	size_t skip, data;
	struct chunk_decoder d;
	chunk_decoder_init(&d, &arena, ERR_UPSTREAM_BAD_CHUNK);
	assert_int_equal(chunk_decode(&d, "x", 1, &skip, &data), ERR_UPSTREAM_BAD_CHUNK);
}

TEST(largest_size)
{
	size_t skip, data;
	struct chunk_decoder d;
	chunk_decoder_init(&d, &arena, ERR_BAD_CHUNK);
	assert_int_equal(chunk_decode(&d, "FFFFFFFFFFFFFFFF\r\nab", 20, &skip, &data), CHUNK_DATA);
	assert_int_equal(skip, 18);
	assert_int_equal(data, 2);
	assert_true(d.left == UINT64_MAX - 2);
}

/* Data is told where it lies: framing before it is skipped in the same call. */
TEST(in_place)
{
	static const char text[] = "3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n";
	size_t skip, data, at = 0;
	struct chunk_decoder d;
	chunk_decoder_init(&d, &arena, ERR_BAD_CHUNK);
	assert_int_equal(chunk_decode(&d, text, sizeof(text) - 1, &skip, &data), CHUNK_DATA);
	assert_int_equal(skip, 3);
	assert_int_equal(data, 3);
	at = 6;
	assert_int_equal(chunk_decode(&d, text + at, sizeof(text) - 1 - at, &skip, &data),
		CHUNK_DATA);
	assert_int_equal(skip, 7);
	assert_int_equal(data, 4);
	at += 11;
	assert_int_equal(chunk_decode(&d, text + at, sizeof(text) - 1 - at, &skip, &data),
		CHUNK_DONE);
	assert_int_equal(skip, 7);
	assert_int_equal(data, 0);
}

TEST(extension_limit)
{
	static char text[CHUNK_EXT_MAX * 2 + 64];
	struct outcome *o = &whole;
	for (unsigned extra = 0; extra < 2; extra++) {
		char *p = text;
		*p++ = '0';
		*p++ = ';';
		memset(p, 'a', CHUNK_EXT_MAX - 1 + extra);
		p += CHUNK_EXT_MAX - 1 + extra;
		memcpy(p, "\r\n\r\n", 4);
		p += 4;
		begin(o);
		feed(o, text, (size_t)(p - text));
		assert_int_equal(o->rc, extra ? ERR_BAD_CHUNK : CHUNK_DONE);
	}
	/* many short ones come to the same */
	begin(o);
	unsigned n = 0;
	while (o->rc == CHUNK_MORE && n < 10000) {
		feed(o, "1;ab\r\nx\r\n", 9);
		n++;
	}
	assert_int_equal(o->rc, ERR_BAD_CHUNK);
	assert_int_equal(n, CHUNK_EXT_MAX / 3 + 1);
}

TEST(trailers)
{
	const struct field *f;
	decode("1\r\na\r\n0\r\nX-Sum: abc\r\nEtag: \"x\"\r\nX-Odd:  v \r\n\r\n");
	assert_int_equal(whole.rc, CHUNK_DONE);
	assert_int_equal(whole.d.trailers.n, 3);
	f = whole.d.trailers.v;
	assert_str(field_name(&f[0]), "X-Sum");
	assert_str(field_value(&f[0]), "abc");
	assert_str(field_value(&f[1]), "\"x\"");
	assert_str(field_value(&f[2]), "v");
	for (int i = 0; i < 3; i++)
		assert_false(f[i].flags & FIELD_DROP);
}

TEST(trailers_forbidden)
{
	static const char *const names[] = {
		"Transfer-Encoding",
		"Content-Length",
		"Host",
		"Authorization",
		"Content-Type",
		"Content-Encoding",
		"Content-Range",
		"Trailer",
		"Connection",
		"Cookie",
		"Set-Cookie",
		"Cache-Control",
		"If-Match",
		"if-none-match",
		"Max-Forwards",
		"Expect",
		"TE",
		"Range",
		"Proxy-Anything",
		"Age",
		"Expires",
		"Pragma",
		"Location",
		"Retry-After",
		"Vary",
		"Date",
		"X-Forwarded-For",
		"Forwarded",
		"Www-Authenticate",
		"Proxy-Authenticate",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "0\r\nX: 1\r\n%s: 5\r\n\r\n", names[i]);
		begin(&whole);
		feed(&whole, text, strlen(text));
		assert_int_equal(whole.rc, CHUNK_DONE);
		assert_int_equal(whole.d.trailers.n, 2);
		assert_false(whole.d.trailers.v[0].flags & FIELD_DROP);
		if (!(whole.d.trailers.v[1].flags & FIELD_DROP))
			fail_msg("%s goes through", names[i]);
	}
}

TEST(trailer_limits)
{
	static char text[CHUNK_TRAILER_MAX + 64];
	struct outcome *o = &whole;
	for (unsigned extra = 0; extra < 2; extra++) { /* bytes: the lines with their CRLF */
		memset(text, 'a', sizeof(text));
		memcpy(text, "0\r\nX: ", 6);
		memcpy(text + 3 + CHUNK_TRAILER_MAX + extra - 2, "\r\n\r\n", 4);
		begin(o);
		feed(o, text, 3 + CHUNK_TRAILER_MAX + extra + 2);
		assert_int_equal(o->rc, extra ? ERR_BAD_CHUNK : CHUNK_DONE);
	}
	for (unsigned extra = 0; extra < 2; extra++) { /* number */
		begin(o);
		feed(o, "0\r\n", 3);
		for (unsigned i = 0; i < CHUNK_TRAILER_FIELDS + extra; i++)
			feed(o, "X: y\r\n", 6);
		feed(o, "\r\n", 2);
		assert_int_equal(o->rc, extra ? ERR_BAD_CHUNK : CHUNK_DONE);
	}
}

TEST(trailer_budget)
{
	struct arena small;
	struct outcome *o = &whole;
	arena_init(&small, 64);
	chunk_decoder_init(&o->d, &small, ERR_BAD_CHUNK);
	o->n_data = o->used = 0;
	feed(o, "0\r\nX: y\r\n\r\n", 11);
	assert_int_equal(o->rc, ERR_NO_MEMORY);
	arena_fini(&small);
}

TEST(encoder)
{
	static const struct {
		uint64_t n;
		const char *line;
	} rows[] = {
		{ 1, "1\r\n" },
		{ 15, "f\r\n" },
		{ 16, "10\r\n" },
		{ 255, "ff\r\n" },
		{ 256, "100\r\n" },
		{ 65536, "10000\r\n" },
		{ 0x123456789abcdef0, "123456789abcdef0\r\n" },
		{ UINT64_MAX, "ffffffffffffffff\r\n" },
	};
	char out[CHUNK_HEAD_MAX], tail[64];
	struct fields f = { 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_str(str_n(out, chunk_head(out, rows[i].n)), rows[i].line);
	assert_int_equal(chunk_tail_size(NULL), 5);
	assert_str(str_n(tail, (size_t)(chunk_write_tail(tail, NULL) - tail)), "0\r\n\r\n");
	assert_int_equal(fields_add(&f, &arena, STR("X"), STR("y")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("Host"), STR("h")), 0);
	f.v[1].flags |= FIELD_DROP;
	assert_true(chunk_tail_size(&f) >= 11);
	assert_str(str_n(tail, (size_t)(chunk_write_tail(tail, &f) - tail)), "0\r\nX: y\r\n\r\n");
}

/* What responses may have: the same text must be refused where it is not accepted. */
static void accepted_beside(enum chunk_accept accept, const char *text, const char *data)
{
	for (unsigned a = CHUNK_STRICT; a <= (CHUNK_BLANKS | CHUNK_LF); a++) {
		accept_beside = (enum chunk_accept)a;
		decode(text);
		bool takes = (a & (unsigned)accept) == (unsigned)accept;
		if (takes != (whole.rc == CHUNK_DONE))
			fail_msg("\"%s\" gave %d where %u is accepted", text, whole.rc, a);
		if (takes)
			assert_str(str_n(whole.data, whole.n_data), data);
	}
	accept_beside = CHUNK_STRICT;
}

TEST(blanks_behind_a_size)
{
	char padded[10000];
	size_t n = 0;
	accepted_beside(CHUNK_BLANKS, "5  \r\nhello\r\n0 \t\r\n\r\n", "hello");
	/* a server that pads its sizes does so in every chunk: that adds up to no extension */
	for (int i = 0; i < 800; i++, n += 12)
		memcpy(padded + n, "1      \r\na\r\n", 12);
	memcpy(padded + n, "0\r\n\r\n", 5);
	accept_beside = CHUNK_BLANKS;
	begin(&whole);
	feed(&whole, padded, n + 5);
	accept_beside = CHUNK_STRICT;
	assert_int_equal(whole.rc, CHUNK_DONE);
	assert_int_equal(whole.n_data, 800);
}

TEST(lines_that_end_with_lf)
{
	accepted_beside(CHUNK_LF, "5\nhello\n0\n\n", "hello");
	accepted_beside(CHUNK_LF, "5\r\nhello\n1\nx\r\n0\r\nA: b\nC: d\r\n\n", "hellox");
	accepted_beside(CHUNK_LF | CHUNK_BLANKS, "5 \nhello\n0\n\n", "hello");
	/* an extension could contain the LF: two readers, two bodies */
	accept_beside = CHUNK_LF | CHUNK_BLANKS;
	decode("5;a\nhello\r\n0\r\n\r\n");
	assert_int_equal(whole.rc, ERR_BAD_CHUNK);
	assert_string_equal(chunk_where(&whole.d), "the extension of a chunk");
	decode("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n");
	assert_int_equal(whole.rc, ERR_BAD_CHUNK);
	accept_beside = CHUNK_STRICT;
}

TEST_GROUP_WITH_ARENA(0);
