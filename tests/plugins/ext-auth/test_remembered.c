/* Verdicts that ext-auth remembers, and equal questions at the same time. */
#include "kit.h"
#include "test.h"

#include <sluice/str.h>

extern const sluice_plugin sluice_plugin_record;

#define URL "http://auth.internal/verify"

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define started(...) start_it(kit_instance(&sluice_plugin_record, "url", URL, __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

static sluice_exchange *begin(sluice_instance *i, const char *target, const char *credentials)
{
	sluice_exchange *x = kit_exchange(i, "GET", target);
	if (credentials)
		kit_add_header(x, SLUICE_REQUEST, "Authorization", credentials);
	(void)kit_run(x);
	return x;
}

/* The status of a request that has been answered; 0: it passes. Checks whether the service was
 * asked for it. */
static int ask(sluice_instance *i, const char *target, const char *credentials, bool is_asked)
{
	unsigned before = kit_fetches(NULL);
	sluice_exchange *x = begin(i, target, credentials);
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(5);
	assert_int_equal(kit_fetches(NULL) - before, is_asked);
	assert_true(kit_verdict(x) == SLUICE_NEXT || kit_verdict(x) == SLUICE_REPLY);
	int status = kit_verdict(x) == SLUICE_NEXT ? 0 : kit_status(x);
	kit_end(x);
	return status;
}

/* ---- what is remembered -------------------------------------------------------------------- */

TEST_WITH(a_permission_with_its_fields, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s}", "request_headers", "[X-User]",
		"consumer", "X-User", "response_headers", "[X-Plan]");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "alice");
	kit_fetch_field("X-Plan", "gold");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	sluice_exchange *x =
		kit_request(i, "GET", "/a", "Authorization", "Bearer 1", "X-User", "root", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "alice");
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Plan"), "gold");
	kit_end(x);
	assert_int_equal(kit_fetches(NULL), 1);
	kit_advance(9990);
	assert_int_equal(ask(i, "/a", "Bearer 1", false), 0);
	kit_advance(20);
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	kit_stop(i);
}

TEST_WITH(the_key_is_the_whole_question, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 200, "");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/a", "Bearer 1", false), 0);
	assert_int_equal(ask(i, "/b", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/a?x", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/a", "Bearer 2", true), 0);
	assert_int_equal(ask(i, "/a", "", true), 0);
	assert_int_equal(ask(i, "/a", NULL, true), 0);
	sluice_exchange *x = kit_exchange(i, "GET", "/a");
	kit_add_header(x, SLUICE_REQUEST, "Authorization", "Bearer 1");
	kit_set_info(x, SLUICE_I_CLIENT_IP, "203.0.113.8");
	assert_int_equal(kit_run(x), SLUICE_WAIT);
	kit_end(x);
	x = kit_request(i, "POST", "/a", "Authorization", "Bearer 1", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_key_of_facts, setup, NULL)
{
	sluice_instance *i =
		started("cache", "{ttl: 10s, key: ['header:authorization', 'query:t']}");
	kit_fetch_answer(URL, 200, "");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/b", "Bearer 1", false), 0);
	assert_int_equal(ask(i, "/b", "Bearer 2", true), 0);
	assert_int_equal(ask(i, "/b", "", true), 0);
	assert_int_equal(ask(i, "/b", NULL, true), 0); /* none is not an empty one */
	assert_int_equal(ask(i, "/b", NULL, false), 0);
	/* which one the service looks at is not known */
	assert_int_equal(ask(i, "/b?t=1&t=2", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/b?t=1&t=2", "Bearer 1", true), 0);
	kit_stop(i);
}

/* However long it is, each byte of the key counts. */
TEST_WITH(a_long_key, setup, NULL)
{
	static char value[3000];
	const size_t places[] = { 0, 900, 1000, 1008, 1024, 2047, 2998 };
	sluice_instance *i = started("cache", "{ttl: 10s, key: ['header:authorization']}");
	kit_fetch_answer(URL, 200, "");
	memset(value, 'a', sizeof(value) - 1);
	assert_int_equal(ask(i, "/", value, true), 0);
	for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
		value[places[n]] = 'b';
		assert_int_equal(ask(i, "/", value, true), 0);
		assert_int_equal(ask(i, "/", value, false), 0);
		value[places[n]] = 'a';
	}
	value[2998] = '\0';
	assert_int_equal(ask(i, "/", value, true), 0);
	kit_stop(i);
}

/* What one fact ends with, the next one may begin with. */
TEST_WITH(parts_do_not_run_into_each_other, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s, key: ['query:a', 'query:b']}");
	kit_fetch_answer(URL, 200, "");
	assert_int_equal(ask(i, "/?a=xy&b=z", NULL, true), 0);
	assert_int_equal(ask(i, "/?a=x&b=yz", NULL, true), 0);
	assert_int_equal(ask(i, "/?a=xyz", NULL, true), 0);
	assert_int_equal(ask(i, "/?a=xyz&b=", NULL, true), 0);
	assert_int_equal(ask(i, "/?b=xyz", NULL, true), 0);
	kit_stop(i);
}

TEST_WITH(a_body_is_a_part_of_the_key, setup, NULL)
{
	const char *bodies[] = { "a", "b", "a" };
	sluice_instance *i = started("cache", "{ttl: 10s, key: path}", "send_body", "1KiB");
	kit_fetch_answer(URL, 200, "");
	for (size_t n = 0; n < 3; n++) {
		sluice_exchange *x = kit_request(i, "POST", "/", NULL);
		(void)kit_body_in(x, SLUICE_REQUEST, bodies[n], 1, true);
		kit_advance(5);
		assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		kit_end(x);
	}
	assert_int_equal(kit_fetches(NULL), 2);
	kit_stop(i);
}

TEST_WITH(refusals_only_where_it_is_said, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 403, "no");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 403);
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 403);
	kit_stop(i);
	i = started("cache", "{ttl: 0s, negative_ttl: 1s}");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 403);
	sluice_exchange *x = begin(i, "/a", "Bearer 1");
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_body(x), "no");
	kit_end(x);
	kit_advance(1001);
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 403);
	kit_fetch_answer(URL, 200, "");
	assert_int_equal(ask(i, "/b", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/b", "Bearer 1", true), 0);
	kit_stop(i);
}

TEST_WITH(answers_that_are_not_remembered, setup, NULL)
{
	const int statuses[] = { 302, 400, 408, 413, 421, 425, 429, 431, 500 };
	sluice_instance *i = started("cache", "{ttl: 10s, negative_ttl: 10s}");
	for (size_t n = 0; n < sizeof(statuses) / sizeof(statuses[0]); n++) {
		int seen = statuses[n] == 500 ? 503 : statuses[n];
		kit_fetch_answer(URL, statuses[n], "");
		assert_int_equal(ask(i, "/a", "Bearer 1", true), seen);
		assert_int_equal(ask(i, "/a", "Bearer 1", true), seen);
	}
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Set-Cookie", "a=1");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	kit_stop(i);
}

TEST_WITH(the_answer_says_for_how_long, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Cache-Control", "max-age=2");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	kit_advance(1990);
	assert_int_equal(ask(i, "/a", "Bearer 1", false), 0);
	kit_advance(20);
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Cache-Control", "max-age=3600");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	kit_advance(10001);
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Cache-Control", "no-store");
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	assert_int_equal(ask(i, "/a", "Bearer 1", true), 0);
	kit_stop(i);
}

TEST_WITH(other_options_find_nothing, setup, NULL)
{
	sluice_instance *old = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "alice");
	assert_int_equal(ask(old, "/a", "Bearer 1", true), 0);
	sluice_instance *same = started("cache", "{ttl: 10s}", "timeout", "1s");
	assert_int_equal(ask(same, "/a", "Bearer 1", false), 0);
	sluice_instance *new = started("cache", "{ttl: 10s}", "request_headers", "[X-User]");
	assert_int_equal(ask(new, "/a", "Bearer 1", true), 0);
	kit_stop(old);
	kit_stop(same);
	kit_stop(new);
}

/* ---- equal questions at the same time ------------------------------------------------------ */

TEST_WITH(one_asks_and_many_wait, setup, NULL)
{
	sluice_exchange *x[5];
	sluice_instance *i = started("cache", "{ttl: 10s}", "consumer", "X-User");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("X-User", "alice");
	for (size_t n = 0; n < 5; n++)
		x[n] = begin(i, "/a", "Bearer 1");
	sluice_exchange *other = begin(i, "/a", "Bearer 2");
	assert_int_equal(kit_fetches(NULL), 2);
	kit_advance(6);
	for (size_t n = 0; n < 5; n++) {
		assert_int_equal(kit_verdict(x[n]), SLUICE_NEXT);
		assert_string_equal(kit_attr(x[n], "consumer"), "alice");
		kit_end(x[n]);
	}
	assert_int_equal(kit_verdict(other), SLUICE_NEXT);
	kit_end(other);
	assert_int_equal(kit_fetches(NULL), 2);
	kit_stop(i);
}

TEST_WITH(who_asked_leaves_and_another_asks, setup, NULL)
{
	sluice_exchange *x[3];
	sluice_instance *i = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 200, "");
	for (size_t n = 0; n < 3; n++)
		x[n] = begin(i, "/a", "Bearer 1");
	assert_int_equal(kit_fetches(NULL), 1);
	kit_end(x[1]); /* one that waits */
	kit_end(x[0]); /* the one that asked */
	kit_advance(10);
	assert_int_equal(kit_verdict(x[2]), SLUICE_NEXT);
	assert_int_equal(kit_fetches(NULL), 2);
	kit_end(x[2]);
	kit_stop(i);
}

TEST_WITH(an_answer_for_one_alone, setup, NULL)
{
	sluice_exchange *x[3];
	sluice_instance *i = started("cache", "{ttl: 10s}");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_field("Set-Cookie", "a=1");
	for (size_t n = 0; n < 3; n++)
		x[n] = begin(i, "/a", "Bearer 1");
	assert_int_equal(kit_fetches(NULL), 1);
	kit_advance(20);
	for (size_t n = 0; n < 3; n++) {
		assert_int_equal(kit_verdict(x[n]), SLUICE_NEXT);
		assert_int_equal(kit_header_count(x[n], SLUICE_RESPONSE, "Set-Cookie"), 1);
		kit_end(x[n]);
	}
	assert_int_equal(kit_fetches(NULL), 3);
	kit_stop(i);
}

/* The first question is too large to be asked, and nobody waits for its answer. */
TEST_WITH(a_question_that_cannot_be_asked, setup, NULL)
{
	sluice_instance *i = started("cache", "{ttl: 10s, key: path}", "send_headers", "X-Many",
		"on_failure", "allow");
	kit_fetch_answer(URL, 403, "");
	sluice_exchange *many = kit_exchange(i, "GET", "/a");
	for (size_t n = 0; n < 70; n++)
		kit_add_header(many, SLUICE_REQUEST, "X-Many", "1");
	(void)kit_run(many);
	assert_int_equal(kit_status(many), 431);
	sluice_exchange *x = begin(i, "/a", "Bearer 1");
	assert_int_equal(kit_fetches(NULL), 1);
	kit_advance(10);
	assert_int_equal(kit_status(x), 403);
	kit_end(x);
	kit_end(many);
	kit_stop(i);
}

TEST_WITH(a_service_that_is_down_is_asked_once, setup, NULL)
{
	sluice_exchange *x[3];
	sluice_instance *i = started("cache", "{ttl: 10s}", "timeout", "50ms");
	kit_fetch_answer(URL, 200, "");
	kit_fetch_after(1000);
	for (size_t n = 0; n < 3; n++)
		x[n] = begin(i, "/a", "Bearer 1");
	kit_advance(51);
	for (size_t n = 0; n < 3; n++) {
		assert_string_equal(kit_code(x[n]), "auth-unavailable");
		kit_end(x[n]);
	}
	assert_int_equal(kit_fetches(NULL), 1);
	kit_stop(i);
}
