/* http/cookie: pairs, fields from which some are taken out, and the values of one name in the order
 * of the fields. */
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

/* ---- pairs --------------------------------------------------------------------------------- */

static struct arena arena;

/* What is left of the field without "lb"; NULL: it is dropped. */
static const char *without(const char *field)
{
	struct field f = { .name = "Cookie",
		.name_len = 6,
		.value = field,
		.value_len = (uint32_t)strlen(field),
		.flags = FIELD_LINE };
	assert_int_equal(cookie_take_out(&arena, &f, STR("lb")), 0);
	assert_false(f.flags & FIELD_LINE);
	return f.flags & FIELD_DROP ? NULL : arena_str(&arena, field_value(&f)).data;
}

TEST(pairs_are_told_apart)
{
	sluice_str rest = STR("a=1; b = 2 ;;c;=d;e==f");
	static const char *const names[] = { "a", "b ", "", "c", "", "e" };
	static const char *const values[] = { "1", " 2", "", "", "d", "=f" };
	struct cookie_pair p;
	for (int i = 0; i < 6; i++) {
		assert_true(cookie_pair_next(&rest, &p));
		assert_str(p.name, names[i]);
		assert_str(p.value, values[i]);
	}
	assert_false(cookie_pair_next(&rest, &p));
}

TEST(a_name_is_the_whole_name)
{
	assert_true(cookie_has(STR("x=1; lb=2"), STR("lb")));
	assert_true(cookie_has(STR("lb"), STR("lb")));
	assert_false(cookie_has(STR("xlb=1; lbx=2; x=lb; LB=3"), STR("lb")));
	assert_false(cookie_has(STR(""), STR("lb")));
}

TEST(the_others_stay_as_they_were)
{
	arena_init(&arena, 0);
	assert_string_equal(without("x=1; lb=2; y=3"), "x=1; y=3");
	assert_string_equal(without("lb=2; x=1"), "x=1");
	assert_string_equal(without("x=1;lb=2"), "x=1");
	assert_string_equal(without("x=1;y=2;z=3"), "x=1; y=2; z=3");
	assert_string_equal(without("lb=1; x; lb=2; =y; lb"), "x; =y");
	assert_null(without("lb=1"));
	assert_null(without(" lb=1 ;; lb=2;"));
	arena_fini(&arena);
}
