/* Response heads from fields. */
#include "http/response_builder.h"

#include "unit.h"

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

/* An arena that is spent is an error, not a fault. */
TEST_WITH(no_memory, setup, teardown)
{
	struct response_head rh;
	struct response_builder r;
	const struct head_limits limits = { .max_head = 1 << 20, .max_fields = 1000 };
	char value[4000];
	memset(value, 'v', sizeof(value));
	while (arena_alloc(&arena, 256))
		;
	while (arena_alloc(&arena, 1))
		;
	response_begin(&r, &rh, &arena, &limits, false);
	response_field(&r, STR(":status"), STR("200"));
	response_field(&r, STR("a"), str_n(value, sizeof(value)));
	assert_int_equal(response_end(&r, METHOD_GET, false), ERR_NO_MEMORY);
}

static int respond(struct response_head *h, enum method m, bool end, const char *status,
	const char *length)
{
	static const struct head_limits limits = { .max_head = 1000, .max_fields = 10 };
	struct response_builder r;
	response_begin(&r, h, &arena, &limits, false);
	response_field(&r, STR(":status"), str_of(status));
	if (length)
		response_field(&r, STR("content-length"), str_of(length));
	return response_end(&r, m, end);
}

TEST_WITH(response_bodies, setup, teardown)
{
	static const struct {
		enum method m;
		const char *status, *length;
		bool end;
		enum body_kind body;
		uint64_t n;
		bool has_length;
	} cases[] = {
		{ METHOD_GET, "200", NULL, false, BODY_CHUNKED, 0, false },
		{ METHOD_GET, "200", NULL, true, BODY_NONE, 0, false },
		{ METHOD_GET, "200", "0", false, BODY_LENGTH, 0, false },
		{ METHOD_GET, "200", "9223372036854775807", false, BODY_LENGTH, INT64_MAX, false },
		{ METHOD_HEAD, "200", "12", true, BODY_NONE, 12, true },
		{ METHOD_HEAD, "200", NULL, true, BODY_NONE, 0, false },
		{ METHOD_GET, "304", "12", true, BODY_NONE, 12, true },
		{ METHOD_GET, "204", NULL, true, BODY_NONE, 0, false },
		{ METHOD_GET, "103", NULL, false, BODY_NONE, 0, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct response_head h;
		assert_int_equal(respond(&h, cases[i].m, cases[i].end, cases[i].status,
					 cases[i].length),
			0);
		assert_int_equal(h.body, cases[i].body);
		assert_int_equal(h.body_length, cases[i].n);
		assert_int_equal(h.has_length, cases[i].has_length);
		assert_true(h.keep_alive);
	}
	struct response_head h;
	assert_int_equal(respond(&h, METHOD_GET, true, "200", "1"), ERR_UPSTREAM_BAD_FRAMING);
	assert_int_equal(respond(&h, METHOD_GET, false, "200", "9223372036854775808"),
		ERR_UPSTREAM_BAD_FRAMING);
}

/* HTTP/1.1 writers pass fields on as lines. */
TEST_WITH(fields_are_lines, setup, teardown)
{
	static const struct head_limits limits = { .max_head = 1000, .max_fields = 10 };
	struct response_builder r;
	struct response_head h;
	response_begin(&r, &h, &arena, &limits, false);
	response_field(&r, STR(":status"), STR("200"));
	response_field(&r, STR("x-a"), STR("b"));
	response_field(&r, STR("set-cookie"), STR("c"));
	assert_int_equal(response_end(&r, METHOD_GET, false), 0);
	assert_int_equal(h.fields.n, 2);
	assert_memory_equal(h.fields.v[0].name, "x-a: b\r\nset-cookie: c\r\n", 23);
	assert_true(h.fields.v[0].flags & FIELD_LINE);
	assert_int_equal(h.fields.v[1].token, TOKEN_SET_COOKIE);
}

static int respond_field(struct response_builder *r, struct response_head *h, bool lenient,
	const char *status, sluice_str name, sluice_str value)
{
	static const struct head_limits limits = { .max_head = 1000, .max_fields = 10 };
	response_begin(r, h, &arena, &limits, lenient);
	response_field(r, STR(":status"), str_of(status));
	response_field(r, name, value);
	return response_end(r, METHOD_GET, true);
}

TEST_WITH(blanks_around_values_of_responses_are_harmless, setup, teardown)
{
	struct response_builder r;
	struct response_head h;
	assert_int_equal(respond_field(&r, &h, false, "200", STR("x-a"), STR(" \tb c\t ")), 0);
	assert_int_equal(h.fields.n, 1);
	assert_str(field_value(&h.fields.v[0]), "b c");
	assert_int_equal(respond_field(&r, &h, false, "200", STR("x-a"), STR("  ")), 0);
	assert_int_equal(h.fields.v[0].value_len, 0);
}

TEST_WITH(equal_lengths_are_one, setup, teardown)
{
	static const struct head_limits limits = { .max_head = 1000, .max_fields = 10 };
	struct response_builder r;
	struct response_head h;
	for (int differ = 0; differ < 2; differ++) {
		response_begin(&r, &h, &arena, &limits, false);
		response_field(&r, STR(":status"), STR("200"));
		response_field(&r, STR("content-length"), STR("5"));
		response_field(&r, STR("content-length"), differ ? STR("6") : STR("5, 5"));
		int rc = response_end(&r, METHOD_GET, false);
		assert_int_equal(rc, differ ? ERR_UPSTREAM_BAD_FRAMING : 0);
		assert_int_equal(h.body_length, differ ? 0 : 5);
	}
	assert_non_null(strstr(response_fault(&r, ERR_UPSTREAM_BAD_FRAMING), "Content-Length"));
}

TEST_WITH(lenient_takes_control_bytes_and_high_statuses, setup, teardown)
{
	struct response_builder r;
	struct response_head h;
	assert_int_equal(respond_field(&r, &h, false, "200", STR("x-a"), STR("b\1c")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_string_equal(response_fault(&r, ERR_UPSTREAM_BAD_HEAD),
		"field x-a: byte 0x01 at 2 (`parsing: lenient` takes it)");
	assert_int_equal(respond_field(&r, &h, true, "200", STR("x-a"), STR("b\1c\x7f")), 0);
	assert_str(field_value(&h.fields.v[0]), "b c");
	assert_int_equal(respond_field(&r, &h, false, "999", STR("x-a"), STR("b")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_int_equal(respond_field(&r, &h, true, "999", STR("x-a"), STR("b")), 0);
	assert_int_equal(h.status, 999);
	/* what ends lines elsewhere is never taken */
	assert_int_equal(respond_field(&r, &h, true, "200", STR("x-a"), STR("b\rc")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_int_equal(respond_field(&r, &h, true, "200", STR("x-a"), STR("b\nc")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_int_equal(respond_field(&r, &h, true, "200", STR("x-a"),
				 ((sluice_str){ "b\0c", 3 })),
		ERR_UPSTREAM_BAD_HEAD);
}

TEST_WITH(a_refused_field_is_named_without_its_value, setup, teardown)
{
	struct response_builder r;
	struct response_head h;
	assert_int_equal(respond_field(&r, &h, false, "200", STR("Set-Cookie"), STR("secret")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_string_equal(response_fault(&r, ERR_UPSTREAM_BAD_HEAD),
		"field Set-Cookie: upper case, or only for HTTP/1.1 connections");
	assert_int_equal(respond_field(&r, &h, false, "20x", STR("a"), STR("b")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_string_equal(response_fault(&r, ERR_UPSTREAM_BAD_HEAD),
		"the pseudo-field :status is unknown, out of place or has a bad value");
	assert_int_equal(respond_field(&r, &h, false, "200", STR("a b"), STR("c")),
		ERR_UPSTREAM_BAD_HEAD);
	assert_string_equal(response_fault(&r, ERR_UPSTREAM_BAD_HEAD),
		"byte 0x20 in the name of a field");
}
