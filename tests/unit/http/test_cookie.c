/* http/cookie: pairs, and fields from which some are taken out. */
#include "http/cookie.h"

#include "unit.h"

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
		assert_true(cookie_next(&rest, &p));
		assert_str(p.name, names[i]);
		assert_str(p.value, values[i]);
	}
	assert_false(cookie_next(&rest, &p));
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
