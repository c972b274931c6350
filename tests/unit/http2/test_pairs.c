/* Heads and trailers as pairs for the library. */
#include "http2/pairs.h"

#include "unit.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

static char text[4096];

static const char *shown(const struct pairs *p)
{
	const nghttp2_nv *v = p->v;
	size_t at = 0;
	for (size_t i = 0; i < p->n; i++) {
		memcpy(text + at, v[i].name, v[i].namelen);
		at += v[i].namelen;
		text[at++] = '=';
		memcpy(text + at, v[i].value, v[i].valuelen);
		at += v[i].valuelen;
		text[at++] = '|';
	}
	text[at] = 0;
	return text;
}

static const char *written(struct response_head *h, enum method m)
{
	nghttp2_nv v[32];
	struct pairs p = PAIRS_IN(v);
	assert_int_equal(pairs_of_response(&p, h, m, &arena), 0);
	assert_ptr_equal(p.v, v);
	return shown(&p);
}

static void add(struct fields *f, const char *name, const char *value)
{
	assert_int_equal(fields_add(f, &arena, str_of(name), str_of(value)), 0);
}

TEST(response_fields)
{
	struct response_head h = { .status = 200, .body = BODY_LENGTH, .body_length = 12345678901 };
	add(&h.fields, "Content-Type", "text/html");
	add(&h.fields, "X-Mixed-Case", "Kept As It Is");
	add(&h.fields, "x-empty", "");
	add(&h.fields, "X-Dropped", "1");
	h.fields.v[3].flags |= FIELD_DROP;
	add(&h.fields, "Content-Length", "99");
	add(&h.fields, "Connection", "close");
	add(&h.fields, "Keep-Alive", "timeout=1");
	add(&h.fields, "Proxy-Connection", "close");
	add(&h.fields, "Transfer-Encoding", "chunked");
	add(&h.fields, "Upgrade", "h2c");
	add(&h.fields, "Set-Cookie", "a=b");
	add(&h.fields, "Set-Cookie", "c=d");
	assert_string_equal(written(&h, METHOD_GET),
		":status=200|content-length=12345678901|content-type=text/html|x-mixed-case=Kept "
		"As It Is|"
		"x-empty=|set-cookie=a=b|set-cookie=c=d|");
}

/* The strings of the head may go as soon as the call returns. */
TEST(response_text_is_copied)
{
	char name[] = "X-Name", value[] = "value";
	struct response_head h = { .status = 200, .body = BODY_CHUNKED };
	struct pairs p = { 0 };
	add(&h.fields, name, value);
	assert_int_equal(pairs_of_response(&p, &h, METHOD_GET, &arena), 0);
	memset(name, '?', sizeof(name) - 1);
	memset(value, '?', sizeof(value) - 1);
	assert_string_equal(shown(&p), ":status=200|x-name=value|");
}

TEST(response_lengths)
{
	static const struct {
		int status;
		enum method m;
		enum body_kind body, framing;
		uint64_t length;
		bool has_length;
		const char *want;
	} rows[] = {
		{ 200, METHOD_GET, BODY_LENGTH, BODY_LENGTH, 5, false,
			":status=200|content-length=5|" },
		{ 200, METHOD_GET, BODY_NONE, BODY_LENGTH, 0, false, ":status=200|" },
		{ 200, METHOD_GET, BODY_NONE, BODY_LENGTH, 0, true,
			":status=200|content-length=0|" },
		{ 200, METHOD_GET, BODY_CHUNKED, BODY_CHUNKED, 0, false, ":status=200|" },
		{ 200, METHOD_GET, BODY_CLOSE, BODY_CHUNKED, 0, false, ":status=200|" },
		{ 200, METHOD_HEAD, BODY_NONE, BODY_NONE, 5, true,
			":status=200|content-length=5|" },
		{ 200, METHOD_HEAD, BODY_LENGTH, BODY_NONE, 5, false,
			":status=200|content-length=5|" },
		{ 200, METHOD_HEAD, BODY_NONE, BODY_NONE, 0, false, ":status=200|" },
		{ 200, METHOD_HEAD, BODY_CHUNKED, BODY_NONE, 0, false, ":status=200|" },
		{ 304, METHOD_GET, BODY_NONE, BODY_NONE, 7, true, ":status=304|content-length=7|" },
		{ 304, METHOD_GET, BODY_NONE, BODY_NONE, 0, false, ":status=304|" },
		{ 204, METHOD_GET, BODY_LENGTH, BODY_NONE, 7, true, ":status=204|" },
		{ 204, METHOD_HEAD, BODY_LENGTH, BODY_NONE, 7, true, ":status=204|" },
		{ 200, METHOD_CONNECT, BODY_LENGTH, BODY_NONE, 7, true, ":status=200|" },
		{ 502, METHOD_CONNECT, BODY_LENGTH, BODY_LENGTH, 7, false,
			":status=502|content-length=7|" },
		{ 103, METHOD_GET, BODY_NONE, BODY_NONE, 0, false, ":status=103|" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct response_head h = { .status = (uint16_t)rows[i].status,
			.body = (uint8_t)rows[i].body,
			.body_length = rows[i].length,
			.has_length = rows[i].has_length };
		const char *got = written(&h, rows[i].m);
		if (strcmp(got, rows[i].want) != 0 ||
			response_body_kind(&h, rows[i].m) != rows[i].framing)
			fail_msg("row %zu: %s", i, got);
	}
}

TEST(response_trailers)
{
	struct fields f = { 0 };
	struct pairs p = { 0 };
	assert_int_equal(pairs_of_response_trailers(&p, &f, &arena), 0);
	assert_int_equal(p.n, 0);
	add(&f, "X-Sum", "1");
	add(&f, "Content-Length", "1");
	add(&f, "ETag", "\"x\"");
	assert_int_equal(pairs_of_response_trailers(&p, &f, &arena), 0);
	assert_string_equal(shown(&p), "x-sum=1|etag=\"x\"|");
}

TEST(response_without_memory)
{
	struct response_head h = { .status = 200, .body = BODY_LENGTH, .body_length = 1 };
	static char value[70000];
	struct arena small;
	struct pairs p = { 0 };
	memset(value, 'v', sizeof(value) - 1);
	add(&h.fields, "x-long", value);
	arena_init(&small, 65536);
	assert_int_equal(pairs_of_response(&p, &h, METHOD_GET, &small), ERR_NO_MEMORY);
	assert_int_equal(pairs_of_response_trailers(&p, &h.fields, &small), ERR_NO_MEMORY);
	arena_fini(&small);
}

static void assert_pair(const nghttp2_nv *v, const char *name, const char *value)
{
	assert_true(str_ieq(str_n((const char *)v->name, v->namelen), str_of(name)));
	assert_true(str_eq(str_n((const char *)v->value, v->valuelen), str_of(value)));
}

TEST(request_targets)
{
	static const char target[] = "/p/q?r=s";
	struct request_head h = { .method_text = STR("GET"),
		.method = METHOD_GET,
		.authority = STR("a.test:8080") };
	struct pairs p = { 0 };
	h.path = str_n(target, 4);
	h.query = str_n(target + 5, 3);
	h.has_query = true;
	assert_int_equal(pairs_of_request(&p, &h, true, &arena), 0);
	assert_int_equal(p.n, 4);
	assert_pair(&p.v[0], ":method", "GET");
	assert_pair(&p.v[1], ":scheme", "https");
	assert_pair(&p.v[2], ":authority", "a.test:8080");
	assert_pair(&p.v[3], ":path", "/p/q?r=s");
	assert_ptr_equal(p.v[3].value, target); /* as it came, without a copy */
	h.path = STR("/other");
	assert_int_equal(pairs_of_request(&p, &h, false, &arena), 0);
	assert_pair(&p.v[1], ":scheme", "http");
	assert_pair(&p.v[3], ":path", "/other?r=s");
	h.query = STR_NONE;
	assert_int_equal(pairs_of_request(&p, &h, false, &arena), 0);
	assert_pair(&p.v[3], ":path", "/other?");
	h.has_query = false;
	assert_int_equal(pairs_of_request(&p, &h, false, &arena), 0);
	assert_pair(&p.v[3], ":path", "/other");
	h.authority = STR_NONE; /* HTTP/1.0 needs no Host */
	h.path = STR("*");
	h.method_text = STR("OPTIONS");
	h.method = METHOD_OPTIONS;
	assert_int_equal(pairs_of_request(&p, &h, false, &arena), 0);
	assert_int_equal(p.n, 3);
	assert_pair(&p.v[2], ":path", "*");
}

TEST(request_lengths)
{
	static const struct {
		enum method m;
		enum body_kind body;
		uint64_t length;
		const char *said; /* NULL: nothing */
	} cases[] = {
		{ METHOD_GET, BODY_NONE, 0, NULL },
		{ METHOD_DELETE, BODY_NONE, 0, NULL },
		{ METHOD_POST, BODY_NONE, 0, "0" },
		{ METHOD_PUT, BODY_NONE, 0, "0" },
		{ METHOD_PATCH, BODY_NONE, 0, "0" },
		{ METHOD_GET, BODY_LENGTH, 10, "10" },
		{ METHOD_POST, BODY_LENGTH, 0, "0" },
		{ METHOD_POST, BODY_LENGTH, UINT64_MAX, "18446744073709551615" },
		{ METHOD_POST, BODY_CHUNKED, 0, NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request_head h = { .method_text = method_name(cases[i].m),
			.method = (uint8_t)cases[i].m,
			.path = STR("/"),
			.authority = STR("a"),
			.body = (uint8_t)cases[i].body,
			.body_length = cases[i].length };
		struct pairs p = { 0 };
		assert_int_equal(pairs_of_request(&p, &h, true, &arena), 0);
		assert_int_equal(p.n, cases[i].said ? 5 : 4);
		if (cases[i].said)
			assert_pair(&p.v[4], "content-length", cases[i].said);
	}
}

/* Secrets, and what is never said again, stay out of the table that all clients share. */
TEST(request_fields)
{
	struct request_head h = { .method_text = STR("GET"),
		.path = STR("/"),
		.authority = STR("a"),
		.te_trailers = true };
	nghttp2_nv v[16];
	struct pairs p = PAIRS_IN(v);
	add(&h.fields, "Host", "a");
	add(&h.fields, "Cookie", "secret");
	add(&h.fields, "X-Mixed-Case", "b");
	add(&h.fields, "Connection", "close");
	add(&h.fields, "Accept", "*/*");
	assert_int_equal(pairs_of_request(&p, &h, true, &arena), 0);
	assert_int_equal(p.n, 8);
	assert_pair(&p.v[4], "cookie", "secret");
	assert_true(p.v[4].flags & NGHTTP2_NV_FLAG_NO_INDEX);
	assert_false(p.v[4].flags & NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	assert_pair(&p.v[5], "x-mixed-case", "b");
	assert_false(p.v[5].flags &
		(NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE |
			NGHTTP2_NV_FLAG_NO_INDEX));
	assert_pair(&p.v[6], "accept", "*/*");
	assert_pair(&p.v[7], "te", "trailers");
}

/* The exchange may be gone when they are framed: the library has to copy them. */
TEST(request_trailers)
{
	struct pairs p = { 0 };
	struct fields f = { 0 };
	add(&f, "X-Sum", "1");
	add(&f, "Content-Length", "1");
	assert_int_equal(pairs_of_request_trailers(&p, &f, &arena), 0);
	assert_string_equal(shown(&p), "x-sum=1|");
	assert_ptr_not_equal(p.v[0].value, f.v[0].value);
	assert_int_equal(p.v[0].flags, NGHTTP2_NV_FLAG_NONE);
}

/* More fields than the caller has room for: the arena has it. */
TEST(more_pairs_than_room)
{
	struct request_head h = { .method_text = STR("GET"),
		.path = STR("/"),
		.authority = STR("a") };
	nghttp2_nv v[4];
	struct pairs p = PAIRS_IN(v);
	add(&h.fields, "x-a", "b");
	assert_int_equal(pairs_of_request(&p, &h, true, &arena), 0);
	assert_ptr_not_equal(p.v, v);
	assert_int_equal(p.n, 5);
}

TEST(request_without_memory)
{
	struct request_head h = { .method_text = STR("GET"),
		.path = STR("/a"),
		.query = STR("b"),
		.has_query = true,
		.body = BODY_LENGTH,
		.body_length = 5 };
	struct arena small;
	struct pairs p = { 0 };
	add(&h.fields, "x", "v");
	arena_init(&small, ARENA_BLOCK);
	while (arena_alloc(&small, 1))
		;
	assert_int_equal(pairs_of_request(&p, &h, true, &small), ERR_NO_MEMORY);
	assert_int_equal(pairs_of_request_trailers(&p, &h.fields, &small), ERR_NO_MEMORY);
	arena_fini(&small);
}

TEST_GROUP(set_up, tear_down);
