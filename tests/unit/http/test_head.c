/* http/head: fields, hop-by-hop fields, methods, which responses have bodies. */
#include "unit.h"
#include "with_arena.h"

#include <stdio.h>

#include "http/head.h"

static void add(struct fields *f, const char *name, const char *value)
{
	assert_int_equal(fields_add(f, &arena, str_of(name), str_of(value)), 0);
}

static const char *value_of(const struct fields *f, const char *name)
{
	static char buf[256];
	const struct field *v = fields_find_name(f, str_of(name));
	if (!v)
		return NULL;
	(void)snprintf(buf, sizeof(buf), "%.*s", (int)v->value_len, v->value);
	return buf;
}

TEST(add_find)
{
	struct fields f = { 0 };
	assert_null(fields_find(&f, TOKEN_HOST));
	assert_null(fields_find_name(&f, STR("x")));
	add(&f, "Host", "a");
	add(&f, "X-One", "1");
	add(&f, "x-one", "2");
	add(&f, "cookie", "c=1");
	assert_int_equal(f.n, 4);
	assert_int_equal(f.v[0].token, TOKEN_HOST);
	assert_int_equal(f.v[0].flags, 0);
	assert_int_equal(f.v[1].token, TOKEN_OTHER);
	assert_str(field_value(fields_find(&f, TOKEN_HOST)), "a");
	assert_str(field_name(fields_find(&f, TOKEN_HOST)), "Host");
	assert_string_equal(value_of(&f, "hOST"), "a");
	assert_string_equal(value_of(&f, "X-ONE"), "1");
	assert_null(value_of(&f, "x-two"));
	assert_null(value_of(&f, "x-on"));
}

TEST(drop_set)
{
	struct fields f = { 0 };
	add(&f, "X-One", "1");
	add(&f, "Via", "v");
	add(&f, "x-one", "2");
	assert_int_equal(fields_drop(&f, STR("X-ONE")), 2);
	assert_int_equal(fields_drop(&f, STR("X-ONE")), 0);
	assert_null(value_of(&f, "x-one"));
	assert_int_equal(fields_set(&f, &arena, STR("x-one"), STR("3")), 0);
	assert_string_equal(value_of(&f, "x-one"), "3");
	assert_int_equal(fields_set(&f, &arena, STR("via"), STR("w")), 0);
	assert_string_equal(value_of(&f, "Via"), "w");
	assert_int_equal(f.n, 5);
}

TEST(growth)
{
	struct fields f = { 0 };
	char *names[200];
	for (int i = 0; i < 200; i++) {
		sluice_str s = arena_printf(&arena, "name-%d", i);
		names[i] = (char *)(uintptr_t)s.data;
		add(&f, names[i], names[i] + 5);
	}
	for (int i = 0; i < 200; i++)
		assert_string_equal(value_of(&f, names[i]), names[i] + 5);
}

TEST(budget)
{
	struct arena small;
	struct fields f = { 0 };
	int rc = 0, n = 0;
	arena_init(&small, 8192);
	while (rc == 0 && n < 10000) {
		rc = fields_add(&f, &small, STR("a"), STR("b"));
		n++;
	}
	assert_int_equal(rc, ERR_NO_MEMORY);
	assert_int_equal(f.n, n - 1);
	arena_fini(&small);
}

TEST(hop_by_hop)
{
	static const char *const gone[] = { "Connection", "Keep-Alive", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade", "Proxy-Connection", "HTTP2-Settings", "X-Named",
		"X-Also" };
	struct fields f = { 0 };
	add(&f, "X-Named", "before");
	add(&f, "Host", "a");
	add(&f, "Connection", "close, X-Named,, te");
	add(&f, "connection", "keep-alive ,x-also");
	add(&f, "Keep-Alive", "timeout=5");
	add(&f, "TE", "trailers");
	add(&f, "Trailer", "x");
	add(&f, "Transfer-Encoding", "chunked");
	add(&f, "Upgrade", "websocket");
	add(&f, "Proxy-Connection", "keep-alive");
	add(&f, "HTTP2-Settings", "AAAA");
	add(&f, "x-also", "behind");
	add(&f, "X-Stays", "1");
	add(&f, "close", "a field that is called so");
	fields_drop_hop_by_hop(&f);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		if (value_of(&f, gone[i]))
			fail_msg("%s is still there", gone[i]);
	}
	assert_string_equal(value_of(&f, "Host"), "a");
	assert_string_equal(value_of(&f, "X-Stays"), "1");
}

/* More names than are looked for at a time, known ones and others among them, in two fields. */
TEST(hop_by_hop_many_names)
{
	enum { NAMES = 300 };
	static char text[2][NAMES * 16];
	struct fields f = { 0 };
	size_t at[2] = { 0, 0 };
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "X-Name-%u", i);
		add(&f, arena_str(&arena, str_of(name)).data, "gone");
		char *list = text[i % 2];
		at[i % 2] += (size_t)snprintf(list + at[i % 2], sizeof(text[0]) - at[i % 2],
			"x-nAME-%u, ", i);
	}
	add(&f, "Connection", text[0]);
	add(&f, "Accept", "gone");
	add(&f, "X-Name-", "stays");
	add(&f, "X-Name-300", "stays");
	add(&f, "Connection", text[1]);
	add(&f, "Connection", "close, accept, x-name-1");
	add(&f, "Accept-Language", "stays");
	fields_drop_hop_by_hop(&f);
	for (unsigned i = 0; i < f.n; i++) {
		bool stays = str_eq(field_value(&f.v[i]), STR("stays"));
		assert_int_equal(!(f.v[i].flags & FIELD_DROP), stays);
	}
}

TEST(methods)
{
	static const char *const others[] = { "", "get", "GE", "GETS", "Get", "BREW", "OPTION",
		"CONNECTS", "PURGE" };
	for (unsigned m = METHOD_GET; m < METHOD_COUNT; m++)
		assert_int_equal(method_find(method_name((enum method)m)), m);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(method_find(str_of(others[i])), METHOD_OTHER);
	assert_true(method_is_idempotent(METHOD_GET));
	assert_true(method_is_idempotent(METHOD_HEAD));
	assert_true(method_is_idempotent(METHOD_PUT));
	assert_true(method_is_idempotent(METHOD_DELETE));
	assert_true(method_is_idempotent(METHOD_OPTIONS));
	assert_true(method_is_idempotent(METHOD_TRACE));
	assert_false(method_is_idempotent(METHOD_POST));
	assert_false(method_is_idempotent(METHOD_PATCH));
	assert_false(method_is_idempotent(METHOD_CONNECT));
	assert_false(method_is_idempotent(METHOD_OTHER));
}

TEST(may_have_body)
{
	assert_true(response_may_have_body(METHOD_GET, 200));
	assert_true(response_may_have_body(METHOD_GET, 404));
	assert_true(response_may_have_body(METHOD_POST, 205));
	assert_false(response_may_have_body(METHOD_GET, 100));
	assert_false(response_may_have_body(METHOD_GET, 101));
	assert_false(response_may_have_body(METHOD_GET, 204));
	assert_false(response_may_have_body(METHOD_GET, 304));
	assert_false(response_may_have_body(METHOD_HEAD, 200));
	assert_false(response_may_have_body(METHOD_HEAD, 500));
	assert_false(response_may_have_body(METHOD_CONNECT, 200));
	assert_true(response_may_have_body(METHOD_CONNECT, 403));
}

/* repeat.def: equal ones are one; what could be read in two ways is refused. */
TEST(repeated_fields)
{
	struct fields f = { 0 };
	assert_int_equal(fields_add(&f, &arena, STR("Content-Type"), STR("a")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("X"), STR("1")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("content-type"), STR("a")), 0);
	assert_int_equal(fields_settle_repeats(&f, TOKEN_BIT(TOKEN_CONTENT_TYPE)), 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(fields_add(&f, &arena, STR("content-type"), STR("A")), 0);
	assert_int_equal(fields_settle_repeats(&f, TOKEN_BIT(TOKEN_CONTENT_TYPE)), ERR_BAD_FIELD);
	f.n = 0;
	assert_int_equal(fields_add(&f, &arena, STR("traceparent"), STR("a")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("X"), STR("1")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("traceparent"), STR("b")), 0);
	assert_int_equal(fields_settle_repeats(&f, TOKEN_BIT(TOKEN_TRACEPARENT)), 0);
	assert_int_equal(f.n, 1);
	assert_int_equal(fields_add(&f, &arena, STR("Host"), STR("a")), 0);
	assert_int_equal(fields_add(&f, &arena, STR("Host"), STR("a")), 0);
	assert_int_equal(fields_settle_repeats(&f, TOKEN_BIT(TOKEN_HOST)), ERR_BAD_FIELD);
}

/* What a codec did not read is known by its names. */
TEST_GROUP_WITH_ARENA(1 << 20);
