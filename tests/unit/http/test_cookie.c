/* http/cookie: the values of one name, in the order of the fields. */
#include "http/cookie.h"

#include <stdio.h>

#include "unit.h"

static struct field cookie(const char *value, uint16_t flags)
{
	return (struct field){ .name = "cookie",
		.name_len = 6,
		.value = value,
		.value_len = (uint32_t)strlen(value),
		.token = TOKEN_COOKIE,
		.flags = flags };
}

/* All values, each in brackets. */
static const char *values(const struct fields *f, const char *name)
{
	static char text[256];
	struct cookie_walk w = { .fields = f, .name = str_of(name) };
	sluice_str value;
	size_t n = 0;
	text[0] = 0;
	while (cookie_next(&w, &value)) {
		assert_non_null(value.data);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[%.*s]", STR_ARG(value));
	}
	return text;
}

TEST(values_of_a_name)
{
	struct field v[] = { cookie("a=1; b=\"x y\" ;a=2;; c", 0), cookie("", 0),
		cookie("a=3=4", 0), cookie("a=5", FIELD_DROP),
		{ .name = "x", .name_len = 1, .value = "a=6", .value_len = 3 } };
	struct fields f = { v, 5, 5 };
	assert_string_equal(values(&f, "a"), "[1][2][3=4]");
	assert_string_equal(values(&f, "b"), "[\"x y\"]");
	assert_string_equal(values(&f, "c"), "[]");
	assert_string_equal(values(&f, "A"), "");
	assert_string_equal(values(&f, ""), "[]"); /* between two semicolons */
	assert_true(cookie_room(&f) >= strlen("1, 2, 3=4"));
	struct fields none = { v + 4, 1, 1 };
	assert_int_equal(cookie_room(&none), 0);
}
