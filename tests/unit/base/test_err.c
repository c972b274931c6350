/* base/err: the table's rows are complete, distinct and found by their number. */
#include "base/err.h"

#include "unit.h"

TEST(rows)
{
	assert_int_equal(ERR_NONE, 0);
	assert_true(ERR_COUNT > 20);
	for (int i = 1; i < ERR_COUNT; i++) {
		const struct err_info *row = err_info(-i);
		size_t n = strlen(row->code);
		assert_true(n > 0 && n < 40);
		/* a code is part of a URL, a metric's label and a log's field */
		assert_int_equal(strspn(row->code, "abcdefghijklmnopqrstuvwxyz0123456789-"), n);
		assert_true(row->status >= 400 && row->status < 600);
		assert_true(strlen(row->text) > 10);
		assert_int_equal(row->text[strlen(row->text) - 1], '.');
		for (int j = 1; j < i; j++) {
			if (!strcmp(err_code(-j), row->code))
				fail_msg("code %s stands twice", row->code);
		}
	}
}

TEST(lookup)
{
	assert_string_equal(err_info(ERR_NO_ROUTE)->name, "NO_ROUTE");
	assert_string_equal(err_code(ERR_NO_ROUTE), "no-route");
	assert_int_equal(err_info(ERR_CONNECT_TIMEOUT)->status, 504);
	assert_string_equal(err_code(0), "");
}

TEST(strangers)
{
	assert_string_equal(err_code(1), "internal");
	assert_string_equal(err_code(-ERR_COUNT), "internal");
	assert_string_equal(err_code(-100000), "internal");
}
