/* contrib/plugin-examples/page-cache, and with it the services about caches on the real host. */
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *pages, *purge;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	pages = kit_instance(&sluice_plugin_record, "ttl", "10s", "keep", "20s", "memory", "1MiB",
		NULL);
	kit_start(pages);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(pages);
	return 0;
}

static sluice_exchange *get(const char *target)
{
	return kit_request(pages, "GET", target, NULL);
}

/* The service answers with this page, in two pieces. */
static void answered(sluice_exchange *x, int status, const char *body)
{
	size_t n = strlen(body), half = n / 2;
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, body, half, false), SLUICE_NEXT);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, body + half, n - half, true), SLUICE_NEXT);
}

static void fill(const char *target, const char *body, const char *tag)
{
	sluice_exchange *x = get(target);
	if (tag)
		kit_add_header(x, SLUICE_RESPONSE, "Cache-Tag", tag);
	answered(x, 200, body);
	kit_end(x);
}

static void expect_hit(const char *target, const char *body)
{
	sluice_exchange *x = get(target);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_string_equal(kit_body(x), body);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Cache"), "hit");
	kit_end(x);
}

static void expect_miss(const char *target)
{
	sluice_exchange *x = get(target);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
}

TEST_WITH(stored_while_it_passes, begin, end)
{
	fill("/a", "page a", NULL);
	expect_hit("/a", "page a");
	expect_miss("/b");
	kit_advance(9999);
	expect_hit("/a", "page a");
	kit_advance(1);
	expect_miss("/a");
	fill("/a", "newer", NULL);
	expect_hit("/a", "newer");
}

TEST_WITH(an_older_page_stands_in_when_the_service_fails, begin, end)
{
	fill("/a", "page a", NULL);
	kit_advance(15000);
	sluice_exchange *x = get("/a");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_int_equal(kit_response(x, 503), SLUICE_REPLY);
	assert_string_equal(kit_body(x), "page a");
	assert_int_equal(kit_status(x), 200);
	kit_end(x);
	kit_advance(15000);
	x = get("/a");
	assert_int_equal(kit_response(x, 503), SLUICE_NEXT); /* too old */
	kit_end(x);
}

TEST_WITH(not_stored, begin, end)
{
	sluice_exchange *x = get("/a");
	answered(x, 404, "none");
	kit_end(x);
	expect_miss("/a");
	x = get("/a");
	kit_add_header(x, SLUICE_RESPONSE, "Set-Cookie", "a=b");
	answered(x, 200, "mine");
	kit_end(x);
	expect_miss("/a");
	x = kit_request(pages, "GET", "/a", "Authorization", "Basic eDp5", NULL);
	answered(x, 200, "mine");
	kit_end(x);
	expect_miss("/a");
	x = kit_request(pages, "POST", "/a", NULL);
	answered(x, 200, "posted");
	kit_end(x);
	expect_miss("/a");

	x = get("/a"); /* the client leaves in the middle */
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "ha", 2, false), SLUICE_NEXT);
	kit_end(x);
	expect_miss("/a");
}

TEST_WITH(one_that_is_too_large_still_passes, begin, end)
{
	static char large[70000]; /* a 16th of 1 MiB is less */
	memset(large, 'x', sizeof(large) - 1);
	sluice_exchange *x = get("/large");
	answered(x, 200, large);
	size_t n;
	(void)kit_body_out(x, SLUICE_RESPONSE, &n);
	assert_int_equal(n, sizeof(large) - 1);
	kit_end(x);
	expect_miss("/large");
	x = get("/large");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Length", "70000");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_false(kit_body_wanted(x, SLUICE_RESPONSE)); /* it is known before */
	kit_end(x);
}

static void purged(const char *field, const char *value, int status)
{
	sluice_exchange *x = kit_request(purge, "POST", "/", field, value, NULL);
	assert_int_equal(kit_status(x), status);
	kit_end(x);
}

TEST_WITH(another_instance_removes, begin, end)
{
	purge = kit_instance(&sluice_plugin_record, "purge", "true", "memory", "1MiB", NULL);
	kit_start(purge);
	fill("/a", "page a", "news, all");
	fill("/b", "page b", "all");
	fill("/c", "page c", NULL);
	purged("Purge-Page", "/a", 200);
	purged("Purge-Page", "/a", 404);
	expect_miss("/a");
	expect_hit("/b", "page b");
	fill("/a", "page a", "news, all");
	purged("Purge-Tag", "news", 200);
	expect_miss("/a");
	expect_hit("/b", "page b");
	purged("Purge-Tag", "all", 200);
	expect_miss("/b");
	expect_hit("/c", "page c");

	sluice_exchange *x = get("/a"); /* a page that is older than the purge is not kept */
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	purged("Purge-Page", "/a", 404);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "old", 3, true), SLUICE_NEXT);
	kit_end(x);
	expect_miss("/a");
	kit_stop(purge);
}

TEST_WITH(kept_over_a_reload_as_long_as_an_instance_names_it, begin, end)
{
	fill("/a", "page a", NULL);
	sluice_instance *after = kit_instance(&sluice_plugin_record, "memory", "2MiB", NULL);
	kit_start(after);
	kit_stop(pages);
	pages = after;
	expect_hit("/a", "page a");
	kit_stop(pages);
	pages = kit_instance(&sluice_plugin_record, NULL);
	kit_start(pages);
	expect_miss("/a");
}

TEST_WITH(no_memory_for_the_request, begin, end)
{
	sluice_exchange *x = kit_exchange(pages, "GET", "/a");
	kit_set_budget(x, 0);
	assert_int_equal(kit_run(x), SLUICE_FAIL);
	kit_end(x);
}

TEST_WITH(names_and_limits_that_cannot_be, begin, end)
{
	sluice_instance *bad = kit_instance(&sluice_plugin_record, "store", "Pages!", NULL);
	assert_int_equal(kit_check(bad), -1);
	assert_non_null(strstr(kit_errors(bad), "cannot be the name of a cache"));
	kit_stop(bad);
}
