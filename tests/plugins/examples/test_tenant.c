/* contrib/plugin-examples/tenant: one asks, many wait and are woken. */
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define URL "http://tenants.example/"

static sluice_instance *i;

static sluice_exchange *ask(const char *key)
{
	return kit_request(i, "GET", "/", "X-Api-Key", key, NULL);
}

static int begin(void **state)
{
	(void)state;
	kit_reset();
	kit_fetch_answer(URL, 200, "blue");
	i = kit_instance(&sluice_plugin_record, "url", URL, NULL);
	kit_start(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

static void expect_tenant(sluice_exchange *x)
{
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "tenant"), "blue");
}

static void expect_refused(sluice_exchange *x, const char *code)
{
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_string_equal(kit_code(x), code);
	kit_end(x);
}

TEST_WITH(one_question_for_all_who_wait, begin, end)
{
	sluice_exchange *x[3];
	for (int n = 0; n < 3; n++) {
		x[n] = ask("k");
		assert_int_equal(kit_verdict(x[n]), SLUICE_WAIT);
	}
	kit_advance(5);
	for (int n = 0; n < 3; n++) {
		expect_tenant(x[n]);
		kit_end(x[n]);
	}
	x[0] = ask("k"); /* is known */
	expect_tenant(x[0]);
	kit_end(x[0]);
	assert_int_equal(kit_fetches(URL), 1);
	kit_advance(31 * 1000); /* and is not any more */
	x[0] = ask("k");
	kit_advance(5);
	expect_tenant(x[0]);
	kit_end(x[0]);
	assert_int_equal(kit_fetches(URL), 2);
}

TEST_WITH(who_asked_leaves, begin, end)
{
	sluice_exchange *first = ask("k"), *second = ask("k");
	kit_end(first);
	kit_advance(5);
	expect_tenant(second);
	kit_end(second);
	assert_int_equal(kit_fetches(URL), 1);
	kit_end(ask("other")); /* all leave: the answer is kept */
	kit_advance(5);
	second = ask("other");
	expect_tenant(second);
	kit_end(second);
	assert_int_equal(kit_fetches(URL), 2);
}

TEST_WITH(no_answer, begin, end)
{
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	sluice_exchange *x = ask("k"), *y = ask("k");
	kit_advance(5);
	expect_refused(x, "tenant-down");
	expect_refused(y, "tenant-down");
	assert_non_null(strstr(kit_log(), "no tenant: "));

	kit_fetch_answer(URL, 404, "");
	x = ask("k"); /* asked again */
	kit_advance(5);
	expect_refused(x, "key-unknown");
	expect_refused(ask("k"), "key-unknown"); /* and kept */
	assert_int_equal(kit_fetches(URL), 2);
	expect_refused(ask(""), "key-missing");
}

TEST_WITH(an_answer_that_comes_too_late, begin, end)
{
	kit_fetch_delay(400);
	sluice_exchange *x = ask("k");
	kit_advance(200);
	sluice_exchange *y = ask("k");
	kit_advance(100);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(150);
	expect_tenant(x);
	expect_tenant(y);
	kit_end(x);
	kit_end(y);
	kit_fetch_delay(1000);
	x = ask("late");
	kit_advance(600);
	expect_refused(x, "tenant-down");
}

TEST_WITH(many_more_than_there_is_room_for, begin, end)
{
	enum { ALL = 300, ROOM = 256 };
	sluice_exchange *x[ALL];
	for (int n = 0; n < ALL; n++)
		x[n] = ask("k");
	assert_string_equal(kit_code(x[ALL - 1]), "tenant-busy");
	kit_advance(5);
	for (int n = 0; n < ALL; n++) {
		assert_int_equal(kit_verdict(x[n]), n < ROOM ? SLUICE_NEXT : SLUICE_REPLY);
		kit_end(x[n]);
	}
}

TEST_WITH(the_worker_stops_with_a_question_under_way, begin, NULL)
{
	kit_end(ask("k"));
	kit_stop(i);
	kit_advance(1000);
}
