/* plugins/cache on the real host, with a clock that stands still: what time does to what is stored,
 * who waits for whom, and what comes of failures. */
#include "kit.h"
#include "test.h"

#include <stdio.h>

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *cache;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	cache = kit_instance(&sluice_plugin_record, "memory", "1MiB", "max_object", "64KiB", NULL);
	kit_start(cache);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(cache);
	return 0;
}

static sluice_exchange *ask(const char *target)
{
	return kit_request(cache, "GET", target, NULL);
}

/* The upstream's head comes. */
static sluice_verdict respond(sluice_exchange *x, int status)
{
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, status);
	return kit_response(x, status);
}

/* The upstream answers, in two pieces. */
static void answer(sluice_exchange *x, int status, const char *control, const char *body)
{
	size_t n = strlen(body), half = n / 2;
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	if (control)
		kit_add_header(x, SLUICE_RESPONSE, "Cache-Control", control);
	assert_int_equal(respond(x, status), SLUICE_NEXT);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, body, half, false), SLUICE_NEXT);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, body + half, n - half, true), SLUICE_NEXT);
}

static void fill(const char *target, const char *control, const char *body)
{
	sluice_exchange *x = ask(target);
	answer(x, 200, control, body);
	kit_end(x);
}

/* One with a validator. */
static void fill_with_etag(const char *target, const char *control, const char *body)
{
	sluice_exchange *x = ask(target);
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"v1\"");
	answer(x, 200, control, body);
	kit_end(x);
}

static void expect(sluice_exchange *x, int status, const char *body, const char *age)
{
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), status);
	if (body)
		assert_string_equal(kit_body(x), body);
	if (age) /* of an answer that replaces a response the kit shows no fields */
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Age"), age);
	kit_end(x);
}

static void expect_hit(const char *target, const char *body, const char *age)
{
	expect(ask(target), 200, body, age);
}

static void expect_miss(const char *target)
{
	sluice_exchange *x = ask(target);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
}

TEST_WITH(fresh_to_the_last_millisecond, begin, end)
{
	fill("/a", "max-age=10", "page");
	expect_hit("/a", "page", "0");
	kit_advance(9999);
	expect_hit("/a", "page", "9");
	kit_advance(1);
	expect_miss("/a");
}

/* RFC 9111 4.2.3: Age, Date, the time that the request took, and the time here. */
TEST_WITH(age_is_added_up, begin, end)
{
	sluice_exchange *x = ask("/a");
	kit_advance(2000); /* the upstream is slow */
	kit_add_header(x, SLUICE_RESPONSE, "Age", "5");
	answer(x, 200, "max-age=20", "page");
	kit_end(x);
	kit_advance(3000);
	expect_hit("/a", "page", "10");
	x = ask("/b");
	kit_add_header(x, SLUICE_RESPONSE, "Date", "Tue, 14 Nov 2023 22:13:10 GMT"); /* 10 s ago */
	answer(x, 200, "max-age=20", "page");
	kit_end(x);
	kit_advance(1000);
	sluice_exchange *y = ask("/b");
	assert_int_equal(kit_verdict(y), SLUICE_REPLY);
	assert_string_equal(kit_header(y, SLUICE_RESPONSE, "Age"), "16"); /* the clock went on */
	kit_end(y);
}

/* The clock of the wall may be set; ages are counted by the other one. */
TEST_WITH(a_clock_that_is_set_ages_nothing, begin, end)
{
	fill("/a", "max-age=10", "page");
	kit_set_unix_ms(KIT_EPOCH_MS + 86400000);
	expect_hit("/a", "page", "0");
	kit_set_unix_ms(KIT_EPOCH_MS - 86400000);
	kit_advance(4000);
	expect_hit("/a", "page", "4");
}

TEST_WITH(validation_makes_it_fresh_again, begin, end)
{
	fill_with_etag("/a", "max-age=10", "page");
	kit_advance(15000);
	sluice_exchange *x = ask("/a");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "If-None-Match"), "\"v1\"");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"v1\"");
	kit_add_header(x, SLUICE_RESPONSE, "Cache-Control", "max-age=20");
	assert_int_equal(respond(x, 304), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 200);
	assert_string_equal(kit_body(x), "page");
	kit_end(x);
	kit_advance(19000);
	expect_hit("/a", "page", "19");
	kit_advance(1000);
	expect_miss("/a");
}

/* Two paths that the upstream tells apart have one SLUICE_I_PATH. */
TEST_WITH(a_path_that_is_sent_with_its_empty_segments_goes_by_the_cache, begin, end)
{
	fill("/a/b", "max-age=10", "page");
	for (int i = 0; i < 2; i++) {
		sluice_exchange *x = kit_exchange(cache, "GET", "/a/b");
		kit_set_info(x, SLUICE_I_SENT_PATH, "/a//b");
		assert_int_equal(kit_run(x), SLUICE_NEXT);
		answer(x, 200, "max-age=10", "other");
		kit_end(x);
	}
	expect_hit("/a/b", "page", "0");
}

/* A 304 for another validator is about another response. */
TEST_WITH(a_304_that_is_not_about_it_updates_nothing, begin, end)
{
	fill_with_etag("/a", "max-age=0", "page");
	sluice_exchange *x = ask("/a");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"v2\"");
	kit_add_header(x, SLUICE_RESPONSE, "Cache-Control", "max-age=20");
	assert_int_equal(respond(x, 304), SLUICE_REPLY);
	assert_string_equal(kit_body(x), "page");
	kit_end(x);
	x = ask("/a");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "If-None-Match")); /* it was forgotten */
	kit_end(x);
}

TEST_WITH(kept_for_validation_for_a_time, begin, end)
{
	fill_with_etag("/a", "max-age=10", "page");
	kit_advance(10000 + 3600000 - 1);
	sluice_exchange *x = ask("/a");
	assert_non_null(kit_header(x, SLUICE_REQUEST, "If-None-Match"));
	kit_end(x);
	kit_advance(1);
	x = ask("/a");
	assert_null(kit_header(x, SLUICE_REQUEST, "If-None-Match"));
	kit_end(x);
}

/* ---- the upstream fails -------------------------------------------------------------------- */

TEST_WITH(stands_in_as_long_as_it_may, begin, end)
{
	fill("/a", "max-age=10, stale-if-error=20", "page");
	kit_advance(25000);
	sluice_exchange *x = ask("/a");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_set_info(x, SLUICE_I_REASON, "upstream-timeout");
	assert_int_equal(respond(x, 504), SLUICE_REPLY);
	expect(x, 200, "page", NULL);
	x = ask("/a"); /* a plugin's refusal is no failure of the upstream */
	kit_set_info(x, SLUICE_I_REASON, "limited");
	assert_int_equal(respond(x, 503), SLUICE_NEXT);
	kit_end(x);
	kit_advance(5001);
	x = ask("/a");
	assert_int_equal(respond(x, 503), SLUICE_NEXT);
	kit_end(x);
}

/* ---- fields that the gateway writes -------------------------------------------------------- */

TEST_WITH(vary_on_what_the_gateway_writes_is_not_stored, begin, end)
{
	static const struct {
		const char *vary;
		bool stored;
	} v[] = { { "Accept, X-Forwarded-Proto", false }, { "x-forwarded-for", false },
		{ "X-Forwarded-Host", false }, { "X-Forwarded-Port", false },
		{ "Forwarded", false }, { "Via", false }, { "X-Request-ID", false },
		{ "X-Real-IP", false }, { "X-Forwarded-Prefix", true } };
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char target[8];
		(void)snprintf(target, sizeof(target), "/%zu", i);
		sluice_exchange *x = ask(target);
		kit_add_header(x, SLUICE_RESPONSE, "Vary", v[i].vary);
		answer(x, 200, "max-age=10", "page");
		kit_end(x);
		if (v[i].stored)
			expect_hit(target, "page", "0");
		else
			expect_miss(target);
	}
}

/* The upstream may make links of X-Forwarded-Host. */
TEST_WITH(hosts_that_are_forwarded_as_one_are_told_apart, begin, end)
{
	static const char *const hosts[] = { "a.example", "b.example", "a.example:8080" };
	for (size_t i = 0; i < 6; i++) {
		sluice_exchange *x = kit_exchange(cache, "GET", "/a");
		kit_set_info(x, SLUICE_I_AUTHORITY, "inside");
		kit_set_info(x, SLUICE_I_ASKED_AUTHORITY, hosts[i % 3]);
		kit_run(x);
		if (i < 3)
			answer(x, 200, "max-age=10", hosts[i]);
		else
			assert_string_equal(kit_body(x), hosts[i - 3]);
		kit_end(x);
	}
}

/* ---- others answer ------------------------------------------------------------------------- */

/* A plugin behind the cache, or the route itself, before an upstream was asked and after it. */
TEST_WITH(what_no_upstream_said_is_not_stored, begin, end)
{
	static const int64_t upstream[] = { SLUICE_UNKNOWN, 404 };
	for (size_t i = 0; i < 2; i++) {
		sluice_exchange *x = ask("/a");
		assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, upstream[i]);
		kit_add_header(x, SLUICE_RESPONSE, "Cache-Control", "max-age=10");
		assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "own", 3, true), SLUICE_NEXT);
		kit_end(x);
		expect_miss("/a");
	}
}

TEST_WITH(what_no_upstream_said_invalidates_nothing, begin, end)
{
	fill("/a", "max-age=10", "page");
	sluice_exchange *x = kit_request(cache, "POST", "/a", NULL);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	kit_end(x);
	expect_hit("/a", "page", "0");
	x = kit_request(cache, "POST", "/a", NULL);
	assert_int_equal(respond(x, 200), SLUICE_NEXT);
	kit_end(x);
	expect_miss("/a");
	fill("/a", "max-age=10", "page");
	x = kit_request(cache, "POST", "/a", NULL); /* it was done, and a plugin hides that */
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, 204);
	assert_int_equal(kit_response(x, 502), SLUICE_NEXT);
	kit_end(x);
	expect_miss("/a");
}

TEST_WITH(what_no_upstream_said_is_no_failure_of_it, begin, end)
{
	fill("/a", "max-age=1, stale-if-error=60", "page");
	kit_advance(2000);
	sluice_exchange *x = ask("/a");
	assert_int_equal(kit_response(x, 503), SLUICE_NEXT);
	kit_end(x);
}

/* ---- in the background --------------------------------------------------------------------- */

TEST_WITH(asked_again_in_the_background, begin, end)
{
	fill_with_etag("/a", "max-age=10, stale-while-revalidate=20", "page");
	kit_advance(12000);
	kit_fetch_answer("http://api.example.com/a", 304, "");
	kit_fetch_field("ETag", "\"v1\"");
	kit_fetch_field("Cache-Control", "max-age=30");
	expect_hit("/a", "page", "12");
	expect_hit("/a", "page", "12"); /* and nobody asks a second time meanwhile */
	assert_int_equal(kit_fetches(NULL), 1);
	kit_advance(100);
	kit_advance(29000);
	expect_hit("/a", "page", "29");
	assert_int_equal(kit_fetches(NULL), 1);
}

TEST_WITH(what_is_new_takes_its_place_in_the_background, begin, end)
{
	fill("/a", "max-age=10, stale-while-revalidate=20", "page");
	kit_advance(12000);
	kit_fetch_answer("http://api.example.com/a", 200, "newer");
	kit_fetch_field("Cache-Control", "max-age=30");
	expect_hit("/a", "page", "12");
	kit_advance(100);
	expect_hit("/a", "newer", "0");
	kit_advance(31000); /* no word of stale-while-revalidate any more */
	expect_miss("/a");
}

TEST_WITH(a_failure_in_the_background_changes_nothing, begin, end)
{
	fill("/a", "max-age=10, stale-while-revalidate=20", "page");
	kit_advance(12000);
	kit_fetch_fail("http://api.example.com/a", SLUICE_TIMEOUT);
	expect_hit("/a", "page", "12");
	kit_advance(5000);
	kit_fetch_answer("http://api.example.com/a", 404, "gone");
	expect_hit("/a", "page", "17");
	kit_advance(100);
	expect_hit("/a", "page", "17"); /* a request without a client may be refused for that */
	fill("/b", "max-age=1, stale-while-revalidate=60", "page");
	kit_advance(2000);
	expect_hit("/b", "page", "2"); /* the worker ends while it is under way: nothing leaks */
}

TEST_WITH(another_status_in_the_background_takes_no_place, begin, end)
{
	static const int statuses[] = { 301, 302, 404, 410, 203 };
	fill("/a", "max-age=10, stale-while-revalidate=20", "page");
	kit_advance(12000);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		kit_fetch_answer("http://api.example.com/a", statuses[i], "other");
		kit_fetch_field("Cache-Control", "max-age=60");
		expect_hit("/a", "page", "12");
		kit_advance(10);
	}
	expect_hit("/a", "page", "12");
	assert_int_equal(kit_fetches(NULL), 6);
}

TEST_WITH(what_is_withdrawn_in_the_background_is_removed, begin, end)
{
	fill("/a", "max-age=10, stale-while-revalidate=20", "page");
	kit_advance(12000);
	kit_fetch_answer("http://api.example.com/a", 200, "mine");
	kit_fetch_field("Cache-Control", "private");
	expect_hit("/a", "page", "12");
	kit_advance(10);
	expect_miss("/a");
}

TEST_WITH(asked_in_the_background_with_what_links_are_made_of, begin, end)
{
	static const struct {
		const char *scheme, *host, *port;
	} v[] = { { "https", "a.example", "443" }, { "http", "a.example:8080", "8080" },
		{ "http", "[::1]", "80" } };
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			sluice_exchange *x = kit_exchange(cache, "GET", "/a");
			kit_set_info(x, SLUICE_I_SCHEME, v[i].scheme);
			kit_set_info(x, SLUICE_I_ASKED_AUTHORITY, v[i].host);
			kit_run(x);
			if (k == 0)
				answer(x, 200, "max-age=1, stale-while-revalidate=20", "page");
			kit_end(x);
			kit_advance(2000);
		}
		assert_string_equal(kit_fetch_header("X-Forwarded-Proto"), v[i].scheme);
		assert_string_equal(kit_fetch_header("X-Forwarded-Host"), v[i].host);
		assert_string_equal(kit_fetch_header("X-Forwarded-Port"), v[i].port);
	}
}

TEST_WITH(a_request_of_too_many_fields_is_not_asked_again, begin, end)
{
	static const char *const targets[] = { "/sixty", "/more" };
	char names[61][16]; /* the kit borrows them */
	for (size_t k = 0; k < 2; k++) {
		fill(targets[k], "max-age=10, stale-while-revalidate=20", "page");
		kit_advance(12000);
		sluice_exchange *x = kit_exchange(cache, "GET", targets[k]);
		for (size_t i = 0; i < 60 + k; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "X-%zu", i);
			kit_add_header(x, SLUICE_REQUEST, names[i], "1");
		}
		kit_add_header(x, SLUICE_REQUEST, "Pragma", "x"); /* is not sent */
		assert_int_equal(kit_run(x), SLUICE_REPLY);
		expect(x, 200, "page", "12");
		assert_int_equal(kit_fetches(NULL), 1);
	}
}

/* ---- waiting for each other ---------------------------------------------------------------- */

TEST_WITH(others_wait_for_the_first, begin, end)
{
	sluice_exchange *first = ask("/a"), *second = ask("/a"), *third = ask("/a");
	assert_int_equal(kit_verdict(first), SLUICE_NEXT);
	assert_int_equal(kit_verdict(second), SLUICE_WAIT);
	assert_int_equal(kit_verdict(third), SLUICE_WAIT);
	kit_end(third); /* it leaves */
	answer(first, 200, "max-age=10", "page");
	kit_advance(1);
	assert_string_equal(kit_header(second, SLUICE_RESPONSE, "Cache-Status"),
		"sluice; fwd=uri-miss; collapsed; ttl=10");
	expect(second, 200, "page", "0");
	kit_end(first);
}

TEST_WITH(the_next_one_leads_when_the_first_leaves, begin, end)
{
	sluice_exchange *first = ask("/a"), *second = ask("/a"), *third = ask("/a");
	kit_end(first);
	kit_advance(1);
	bool second_leads = kit_verdict(second) == SLUICE_NEXT;
	sluice_exchange *leads = second_leads ? second : third,
			*waits = second_leads ? third : second;
	assert_int_equal(kit_verdict(waits), SLUICE_WAIT);
	answer(leads, 200, "max-age=10", "page");
	kit_advance(1);
	expect(waits, 200, "page", "0");
	kit_end(leads);
}

TEST_WITH(nobody_waits_longer_than_said, begin, end)
{
	sluice_exchange *first = ask("/a"), *second = ask("/a");
	kit_advance(5100);
	assert_int_equal(kit_verdict(second), SLUICE_NEXT);
	/* one that comes when the first has taken too long leads in its place */
	sluice_exchange *third = ask("/a"), *fourth = ask("/a");
	assert_int_equal(kit_verdict(third), SLUICE_NEXT);
	assert_int_equal(kit_verdict(fourth), SLUICE_WAIT);
	answer(third, 200, "max-age=10", "page");
	kit_advance(1);
	expect(fourth, 200, "page", "0");
	answer(first, 200, "max-age=10", "late");
	kit_end(first);
	kit_end(second);
	kit_end(third);
}

TEST_WITH(what_is_not_stored_lets_all_go, begin, end)
{
	sluice_exchange *first = ask("/a"), *second = ask("/a");
	answer(first, 200, "private", "mine");
	kit_advance(1);
	assert_int_equal(kit_verdict(second), SLUICE_NEXT);
	sluice_exchange *third = ask("/a"); /* while the second is under way */
	assert_int_equal(kit_verdict(third), SLUICE_NEXT);
	kit_end(first);
	kit_end(second);
	kit_end(third);
}

/* no-cache: each request has to be validated itself, and none waits for another to be. */
TEST_WITH(what_is_validated_each_time_is_not_waited_for, begin, end)
{
	sluice_exchange *first = ask("/a"), *second = ask("/a"), *third = ask("/a");
	kit_add_header(first, SLUICE_RESPONSE, "ETag", "\"v1\"");
	answer(first, 200, "no-cache", "page");
	kit_advance(1);
	sluice_exchange *fourth = ask("/a");
	sluice_exchange *const all[] = { second, third, fourth };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kit_verdict(all[i]), SLUICE_NEXT);
		assert_string_equal(kit_header(all[i], SLUICE_REQUEST, "If-None-Match"), "\"v1\"");
		kit_end(all[i]);
	}
	kit_end(first);
}

TEST_WITH(a_failure_lets_those_who_wait_have_the_stale_one, begin, end)
{
	fill("/a", "max-age=1, stale-if-error=60", "page");
	kit_advance(2000);
	sluice_exchange *first = ask("/a"), *second = ask("/a");
	assert_int_equal(kit_verdict(second), SLUICE_WAIT);
	assert_int_equal(respond(first, 503), SLUICE_REPLY);
	kit_advance(1);
	expect(second, 200, "page", "2");
	expect(first, 200, "page", NULL);
}

/* ---- want of memory ------------------------------------------------------------------------ */

TEST_WITH(memory_of_the_request_runs_out, begin, end)
{
	fill_with_etag("/a", "max-age=10", "page");
	for (size_t bytes = 0; bytes < 6000; bytes += 40) {
		sluice_exchange *x = kit_exchange(cache, "GET", "/a");
		kit_set_budget(x, bytes);
		sluice_verdict v = kit_run(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_REPLY);
		kit_end(x);
		x = kit_exchange(cache, "GET", "/missing");
		kit_set_budget(x, bytes);
		v = kit_run(x);
		if (v == SLUICE_NEXT)
			(void)respond(x, 200);
		kit_end(x);
	}
	expect_hit("/a", "page", "0");
}

/* What is larger than an object may be goes to the client all the same. */
TEST_WITH(too_large, begin, end)
{
	static char large[70000];
	memset(large, 'x', sizeof(large) - 1);
	sluice_exchange *x = ask("/large"), *waits = ask("/large");
	answer(x, 200, "max-age=10", large);
	size_t n;
	(void)kit_body_out(x, SLUICE_RESPONSE, &n);
	assert_int_equal(n, sizeof(large) - 1);
	kit_advance(1);
	assert_int_equal(kit_verdict(waits), SLUICE_NEXT);
	kit_end(x);
	kit_end(waits);
	expect_miss("/large");
}

TEST_WITH(more_tags_than_can_be_kept, begin, end)
{
	char tags[400] = "";
	for (int i = 0; i < 33; i++)
		(void)snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "t%d ", i);
	sluice_exchange *x = ask("/a");
	kit_add_header(x, SLUICE_RESPONSE, "Surrogate-Key", tags);
	answer(x, 200, "max-age=10", "page");
	kit_end(x);
	expect_miss("/a");
}

/* ---- credentials --------------------------------------------------------------------------- */

/* RFC 9111 3.5 is left aside only where the key has who asks. */
TEST(credentials_that_the_key_does_not_have)
{
	static const struct {
		const char *key, *name;
		bool stored;
	} v[] = { { "consumer", "Authorization", false },
		{ "header:authorization", "Authorization", true },
		{ "[header:X-Tenant, \"header:Authorization\"]", "Authorization", true } };
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		kit_reset();
		sluice_instance *inst = kit_instance(&sluice_plugin_record, "memory", "1MiB",
			"max_object", "64KiB", "credentials", "true", "key", v[i].key, NULL);
		kit_start(inst);
		for (int n = 0; n < 2; n++) {
			sluice_exchange *x = kit_request(inst, "GET", "/a", v[i].name, "alice",
				"X-Tenant", "blue", NULL);
			bool hit = kit_verdict(x) == SLUICE_REPLY;
			assert_int_equal(hit, n == 1 && v[i].stored);
			if (!hit)
				answer(x, 200, "max-age=10", "page");
			kit_end(x);
		}
		kit_stop(inst);
	}
}

TEST(a_key_that_does_not_say_who_asks)
{
	sluice_instance *inst = kit_instance(&sluice_plugin_record, "credentials", "true", "key",
		"header:X-Tenant", NULL);
	assert_int_equal(kit_check(inst), -1);
	assert_non_null(strstr(kit_errors(inst), "no fact that says who asks"));
	kit_stop(inst);
}

static void expect_validation(const char *target)
{
	sluice_exchange *x = ask(target);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_non_null(kit_header(x, SLUICE_REQUEST, "If-None-Match"));
	kit_end(x);
}

/* Neither what it gets, nor a 304 that it may not store. */
TEST_WITH(a_request_of_ones_own_removes_nothing, begin, end)
{
	static const char *const own[][2] = { { "Authorization", "Basic x" },
		{ "Cache-Control", "no-store" } };
	static const int statuses[] = { 200, 304, 401, 403, 404 };
	fill_with_etag("/a", "max-age=0", "page");
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof(statuses) / sizeof(statuses[0]); k++) {
			sluice_exchange *x =
				kit_request(cache, "GET", "/a", own[i][0], own[i][1], NULL);
			assert_int_equal(kit_verdict(x), SLUICE_NEXT);
			(void)respond(x, statuses[k]);
			kit_end(x);
			expect_validation("/a");
		}
	}
	sluice_exchange *x = ask("/a"); /* what anybody gets does */
	assert_int_equal(respond(x, 404), SLUICE_NEXT);
	kit_end(x);
	x = ask("/a");
	assert_null(kit_header(x, SLUICE_REQUEST, "If-None-Match"));
	kit_end(x);
}

TEST_WITH(a_head_with_credentials_removes_nothing, begin, end)
{
	fill_with_etag("/a", "max-age=0", "page");
	sluice_exchange *x = kit_request(cache, "HEAD", "/a", "Authorization", "Basic x", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"mine\"");
	assert_int_equal(respond(x, 200), SLUICE_NEXT);
	kit_end(x);
	expect_validation("/a");
}

/* ---- options ------------------------------------------------------------------------------- */

TEST(mistakes)
{
	static const char *const v[][3] = {
		{ "ttl_by_status", "{ \"206\": 1s }", "no status that can be stored" },
		{ "ttl_by_status", "{ abc: 1s }", "no status that can be stored" },
		{ "credentials", "true", "key names no fact that says who asks" },
		{ "status_name", "1a", "is no token" },
		{ "max_object", "128MiB", "is more than memory" },
		{ "targets", "[\"a b\"]", "no name of a header field" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		kit_reset();
		sluice_instance *inst = kit_instance(&sluice_plugin_record, v[i][0], v[i][1], NULL);
		assert_int_equal(kit_check(inst), -1);
		assert_non_null(strstr(kit_errors(inst), v[i][2]));
		kit_stop(inst);
	}
}
