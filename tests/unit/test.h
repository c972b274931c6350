/*
 * A test declares itself, and its program runs it; main() is in unit.c:
 *
 *   TEST(outputs_are_set_on_success_only)
 *   {
 *           assert_int_equal(parse("x", &out), 0);
 *   }
 *
 * Tests run in the order in which they stand in the file. TEST_WITH names functions of cmocka's
 * that run before and after this one, TEST_GROUP those that run once, before the first and after
 * the last; they return 0, or a number below 0 when there is no going on. NULL: none.
 */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct unit_test {
	struct CMUnitTest test;
	int line; /* where it stands in its file */
};

struct unit_group {
	CMFixtureFunction setup, teardown;
};
extern const struct unit_group unit_group; /* of the program that has a TEST_GROUP */

/* The program's tests: pointers, as the linker puts them side by side without gaps. */
extern const struct unit_test *__start_unit_tests[];
extern const struct unit_test *__stop_unit_tests[];

#define TEST(name) TEST_WITH(name, NULL, NULL)

#define TEST_WITH(name, before, after)                                        \
	static void test_##name(void **unit_state);                           \
	static const struct unit_test unit_##name = {                         \
		{ "test_" #name, test_##name, before, after, NULL }, __LINE__ \
	};                                                                    \
	static const struct unit_test *unit_at_##name                         \
		__attribute__((section("unit_tests"), used)) = &unit_##name;  \
	static void test_##name(void **unit_state __attribute__((unused)))

#define TEST_GROUP(before, after) const struct unit_group unit_group = { before, after }

#endif
