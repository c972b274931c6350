/* Response heads and trailers for the library. */
#include "unit.h"

#include "http2/write.h"

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

static const char *shown(const nghttp2_nv *v, size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
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
	size_t n;
	assert_int_equal(write_response(v, &n, h, m, &arena), 0);
	assert_true(n <= write_pairs(h->fields.n));
	return shown(v, n);
}

static void add(struct fields *f, const char *name, const char *value)
{
	assert_int_equal(fields_add(f, &arena, str_of(name), str_of(value)), 0);
}

static void test_fields(void **state)
{
	struct response_head h = { .status = 200, .body = BODY_LENGTH, .body_length = 12345678901 };
	(void)state;
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
static void test_copied(void **state)
{
	char name[] = "X-Name", value[] = "value";
	struct response_head h = { .status = 200, .body = BODY_CHUNKED };
	nghttp2_nv v[8];
	size_t n;
	(void)state;
	add(&h.fields, name, value);
	assert_int_equal(write_response(v, &n, &h, METHOD_GET, &arena), 0);
	memset(name, '?', sizeof(name) - 1);
	memset(value, '?', sizeof(value) - 1);
	assert_string_equal(shown(v, n), ":status=200|x-name=value|");
}

static void test_framing(void **state)
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
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct response_head h = { .status = (uint16_t)rows[i].status,
			.body = (uint8_t)rows[i].body,
			.body_length = rows[i].length,
			.has_length = rows[i].has_length };
		const char *got = written(&h, rows[i].m);
		if (strcmp(got, rows[i].want) != 0 ||
			write_framing(&h, rows[i].m) != rows[i].framing)
			fail_msg("row %zu: %s", i, got);
	}
}

static void test_trailers(void **state)
{
	struct fields f = { 0 };
	nghttp2_nv v[8];
	size_t n;
	(void)state;
	assert_int_equal(write_trailers(v, &n, &f, &arena), 0);
	assert_int_equal(n, 0);
	add(&f, "X-Sum", "1");
	add(&f, "Content-Length", "1");
	add(&f, "ETag", "\"x\"");
	assert_int_equal(write_trailers(v, &n, &f, &arena), 0);
	assert_string_equal(shown(v, n), "x-sum=1|etag=\"x\"|");
}

static void test_no_memory(void **state)
{
	struct response_head h = { .status = 200, .body = BODY_LENGTH, .body_length = 1 };
	static char value[70000];
	struct arena small;
	nghttp2_nv v[8];
	size_t n;
	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	add(&h.fields, "x-long", value);
	arena_init(&small, 65536);
	assert_int_equal(write_response(v, &n, &h, METHOD_GET, &small), ERR_NO_MEMORY);
	assert_int_equal(write_trailers(v, &n, &h.fields, &small), ERR_NO_MEMORY);
	arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fields),
		cmocka_unit_test(test_copied), cmocka_unit_test(test_framing),
		cmocka_unit_test(test_trailers), cmocka_unit_test(test_no_memory) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
