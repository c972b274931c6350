/* Tests of require-header in the fake host, without a gateway: make check
 * SLUICE_SRC=/path/to/sluice */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fakehost.h"

extern const sluice_plugin sluice_plugin_record;

static void refuses_and_passes(void **state)
{
	(void)state;
	fake_reset();
	sluice_instance *i = fake_instance(&sluice_plugin_record, "header", "X-Tenant", "values",
		"[blue, green]", "strip", "true", NULL);
	fake_start(i);

	sluice_exchange *x = fake_request(i, "GET", "/", NULL);
	assert_int_equal(fake_status(x), 403);
	assert_string_equal(fake_code(x), "header-missing");
	fake_end(x);

	x = fake_request(i, "GET", "/", "X-Tenant", "green", NULL);
	assert_int_equal(fake_verdict(x), SLUICE_NEXT);
	assert_string_equal(fake_attr(x, "required"), "green");
	assert_null(fake_header(x, SLUICE_REQUEST, "X-Tenant"));
	fake_end(x);

	fake_stop(i);
}

static void mistakes(void **state)
{
	(void)state;
	fake_reset();
	sluice_instance *i = fake_instance(&sluice_plugin_record, "header", "X-Tenant:", NULL);
	assert_int_not_equal(fake_check(i), 0);
	assert_string_equal(fake_errors(i),
		"header: write the name of the field without a colon\n");
	fake_stop(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(refuses_and_passes),
		cmocka_unit_test(mistakes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
