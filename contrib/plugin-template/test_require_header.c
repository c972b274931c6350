/* Tests of require-header in the kit, without a gateway: make check
 * SLUICE_SRC=/path/to/sluice */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"

extern const sluice_plugin sluice_plugin_record;

static void refuses_and_passes(void **state)
{
	(void)state;
	kit_reset();
	sluice_instance *i = kit_instance(&sluice_plugin_record, "header", "X-Tenant", "values",
		"[blue, green]", "strip", "true", NULL);
	kit_start(i);

	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_code(x), "header-missing");
	kit_end(x);

	x = kit_request(i, "GET", "/", "X-Tenant", "green", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "required"), "green");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Tenant"));
	kit_end(x);

	kit_stop(i);
}

static void mistakes(void **state)
{
	(void)state;
	kit_reset();
	sluice_instance *i = kit_instance(&sluice_plugin_record, "header", "X-Tenant:", NULL);
	assert_int_not_equal(kit_check(i), 0);
	assert_string_equal(kit_errors(i), "header: write the name of the field without a colon\n");
	kit_stop(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(refuses_and_passes),
		cmocka_unit_test(mistakes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
