/* rate-limit through the kit: options, keys, answers, fields, and a store that fails in every
 * way. */
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static sluice_verdict ask(sluice_instance *i, const char *header)
{
	sluice_exchange *x = kit_request(i, "GET", "/", header ? "x-key" : NULL, header, NULL);
	sluice_verdict v = kit_verdict(x);
	kit_end(x);
	return v;
}

static unsigned passes(sluice_instance *i, const char *header, unsigned n)
{
	unsigned passed = 0;
	for (unsigned k = 0; k < n; k++)
		passed += ask(i, header) == SLUICE_NEXT;
	return passed;
}

/* ---- options ------------------------------------------------------------------------------- */

static void expect_refused(sluice_instance *i, const char *why)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), why))
		fail_msg("reported \"%s\", not \"%s\"", kit_errors(i), why);
	kit_stop(i);
}

#define INSTANCE(...) kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL)

TEST_WITH(options, setup, NULL)
{
	expect_refused(INSTANCE("rate", "0/s"), "rate: must allow");
	expect_refused(INSTANCE("rate", "2000000/s"), "rate: more than a million");
	expect_refused(INSTANCE("rate", "10000/1ms"), "rate: more than a million");
	expect_refused(INSTANCE("rate", "10/s", "cost", "11"), "cost: is more than burst (10)");
	expect_refused(INSTANCE("rate", "10/s", "burst", "2", "cost", "3"),
		"cost: is more than burst (2)");
	expect_refused(INSTANCE("rate", "1/365d", "burst", "37"), "burst: ");
	expect_refused(INSTANCE("rate", "1/s", "name", "caf\xc3\xa9"), "name: ");
	expect_refused(INSTANCE("rate", "1/s", "name",
			       "12345678901234567890123456789012345678901234567890123456789012345"),
		"name: ");
	sluice_instance *i = INSTANCE("rate", "1/365d", "burst", "36");
	assert_int_equal(kit_check(i), 0);
	kit_stop(i);
}

TEST_WITH(every_row_is_documented, setup, NULL)
{
	for (const sluice_option *o = sluice_plugin_record.options; o->name; o++) {
		assert_non_null(o->doc);
		assert_true(o->offset < sluice_plugin_record.conf_size);
	}
}

/* ---- counting in memory -------------------------------------------------------------------- */

TEST_WITH(burst_then_rate, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "100/min", "burst", "20");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 50), 20);
	kit_advance(599);
	assert_int_equal(passes(i, NULL, 5), 0);
	kit_advance(1);
	assert_int_equal(passes(i, NULL, 5), 1);
	kit_advance(6000);
	assert_int_equal(passes(i, NULL, 50), 10);
	kit_advance(3600000);
	assert_int_equal(passes(i, NULL, 50), 20);
	kit_stop(i);
}

TEST_WITH(default_burst, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "7/s");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 50), 7);
	kit_advance(1000);
	/* the interval is rounded up: never more than the rate */
	assert_int_equal(passes(i, NULL, 50), 6);
	kit_stop(i);
}

TEST_WITH(cost, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "10/s", "burst", "10", "cost", "4");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 10), 2);
	kit_advance(200);
	assert_int_equal(passes(i, NULL, 10), 1);
	kit_stop(i);
}

TEST_WITH(other_workers, setup, NULL)
{
	(void)kit_store("here", SLUICE_STORE_MEMORY);
	sluice_instance *i = INSTANCE("rate", "10/s", "burst", "3", "store", "here");
	kit_start(i);
	/* each swap finds that others took the cell meanwhile: nothing is lost, nothing counted
	 * twice */
	assert_int_equal(passes(i, NULL, 1), 1);
	kit_cells_contend(1, UINT64_C(1) << 40); /* burst used up by them */
	assert_int_equal(passes(i, NULL, 1), 0);
	kit_stop(i);
}

/* ---- keys ---------------------------------------------------------------------------------- */

TEST_WITH(keys, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "1/h", "by", "header:x-key");
	kit_start(i);
	assert_int_equal(passes(i, "a", 3), 1);
	assert_int_equal(passes(i, "b", 3), 1);
	assert_int_equal(passes(i, "", 3), 1);            /* an empty value is a value */
	assert_int_equal(passes(i, NULL, 3), 1);          /* counted by address */
	assert_int_equal(passes(i, "203.0.113.7", 3), 1); /* which is no key of the other kind */
	kit_stop(i);

	kit_reset();
	i = INSTANCE("rate", "1/h", "by", "header:x-key", "missing", "skip");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 3), 3);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_null(kit_header(x, SLUICE_RESPONSE, "ratelimit"));
	kit_end(x);
	kit_stop(i);

	kit_reset();
	i = INSTANCE("rate", "2/h", "by", "header:x-key", "missing", "share");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 1), 1);
	x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, "198.51.100.1");
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	kit_end(x);
	assert_int_equal(passes(i, NULL, 1), 0);
	kit_stop(i);
}

static sluice_verdict ask_two(sluice_instance *i, const char *a, const char *b)
{
	sluice_exchange *x = kit_request(i, "GET", "/", "x-a", a, b ? "x-b" : NULL, b, NULL);
	sluice_verdict v = kit_verdict(x);
	kit_end(x);
	return v;
}

TEST_WITH(combined_keys, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "1/h", "by", "[header:x-a, header:x-b]");
	kit_start(i);
	assert_int_equal(ask_two(i, "a", "b"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "a", "b"), SLUICE_REPLY);
	assert_int_equal(ask_two(i, "a", "c"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "b", "a"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "", "ab"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "ab", ""), SLUICE_NEXT);
	/* nobody can write one pair so that it reads like another */
	assert_int_equal(ask_two(i, "x,1:y", "z"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "x", "y,1:z"), SLUICE_NEXT);
	assert_int_equal(ask_two(i, "a", NULL), SLUICE_NEXT); /* by address */
	assert_int_equal(ask_two(i, "q", NULL), SLUICE_REPLY);
	kit_stop(i);
}

TEST_WITH(long_keys, setup, NULL)
{
	char a[1001], b[1001];
	sluice_instance *i = INSTANCE("rate", "1/h", "by", "header:x-key");
	memset(a, 'a', 1000);
	a[1000] = 0;
	memcpy(b, a, sizeof(b));
	b[999] = 'b';
	kit_start(i);
	assert_int_equal(passes(i, a, 2), 1);
	assert_int_equal(passes(i, b, 2), 1);
	assert_int_equal(passes(i, a, 2), 0);
	kit_stop(i);
}

static sluice_verdict ask_from(sluice_instance *i, const char *ip)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, ip);
	sluice_verdict v = kit_run(x);
	kit_end(x);
	return v;
}

TEST_WITH(all_addresses_of_a_slash_64_are_one_client, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "1/h");
	kit_start(i);
	assert_int_equal(ask_from(i, "2001:db8:1:2::1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "2001:db8:1:2:ffff:ffff:ffff:ffff"), SLUICE_REPLY);
	assert_int_equal(ask_from(i, "2001:db8:1:3::1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "192.0.2.1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "192.0.2.2"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "192.0.2.2"), SLUICE_REPLY);
	assert_int_equal(ask_from(i, "unix"), SLUICE_NEXT);
	kit_stop(i);

	kit_reset();
	i = INSTANCE("rate", "1/h", "by", "[route, ip]", "ipv4_prefix", "24", "ipv6_prefix", "128");
	kit_start(i);
	assert_int_equal(ask_from(i, "192.0.2.1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "192.0.2.200"), SLUICE_REPLY);
	assert_int_equal(ask_from(i, "192.0.3.1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "2001:db8:1:2::1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "2001:db8:1:2::2"), SLUICE_NEXT);
	kit_stop(i);
}

TEST_WITH(an_address_in_place_of_a_missing_key_is_a_slash_64_too, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "1/h", "by", "header:x-key");
	kit_start(i);
	assert_int_equal(ask_from(i, "2001:db8:1:2::1"), SLUICE_NEXT);
	assert_int_equal(ask_from(i, "2001:db8:1:2::2"), SLUICE_REPLY);
	kit_stop(i);
}

/* Whichever copy the service takes: one of them would be fresh for each request. */
TEST_WITH(a_repeated_key_is_refused, setup, NULL)
{
	static const char *const missing[] = { "ip", "share", "skip" };
	for (size_t k = 0; k < sizeof(missing) / sizeof(missing[0]); k++) {
		kit_reset();
		sluice_instance *i = INSTANCE("rate", "1/h", "by", "[header:x-none, header:x-key]",
			"missing", missing[k]);
		kit_start(i);
		sluice_exchange *x =
			kit_request(i, "GET", "/", "x-key", "fresh", "X-Key", "secret", NULL);
		assert_int_equal(kit_verdict(x), SLUICE_REPLY);
		assert_int_equal(kit_status(x), 400);
		assert_string_equal(kit_code(x), "repeated-key");
		kit_end(x);
		kit_stop(i);
	}
}

TEST_WITH(no_memory, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "1/h");
	kit_start(i);
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_budget(x, 8);
	assert_int_equal(kit_run(x), SLUICE_FAIL);
	kit_end(x);
	kit_stop(i);
}

/* ---- what clients see ---------------------------------------------------------------------- */

TEST_WITH(answers, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "100/min", "burst", "2", "name", "a \"b\" \\c");
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"),
		"\"a \\\"b\\\" \\\\c\";q=100;w=60");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"),
		"\"a \\\"b\\\" \\\\c\";r=1;t=1");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Retry-After"));
	kit_end(x);
	assert_int_equal(ask(i, NULL), SLUICE_NEXT);
	x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 429);
	assert_string_equal(kit_code(x), "rate-limited");
	assert_string_equal(kit_detail(x), "Too many requests. Try again in 1 second.");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "1");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"),
		"\"a \\\"b\\\" \\\\c\";r=0;t=1");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "RateLimit-Policy"), 1);
	kit_end(x);
	kit_stop(i);

	kit_reset();
	i = INSTANCE("rate", "1/1500ms", "status", "503");
	kit_start(i);
	assert_int_equal(ask(i, NULL), SLUICE_NEXT);
	x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_status(x), 503);
	/* no whole window */
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"), "\"instance\";q=1");
	/* rounded up */
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "2");
	assert_string_equal(kit_detail(x), "Too many requests. Try again in 2 seconds.");
	kit_end(x);
	kit_stop(i);

	kit_reset();
	i = INSTANCE("rate", "1/h", "headers", "false");
	kit_start(i);
	assert_int_equal(ask(i, NULL), SLUICE_NEXT);
	x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_status(x), 429);
	assert_null(kit_header(x, SLUICE_RESPONSE, "RateLimit"));
	assert_null(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"));
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "3600");
	kit_end(x);
	kit_stop(i);
}

/* ---- a Redis store ------------------------------------------------------------------------- */

static struct server {
	sluice_status status;
	sluice_value v, items[4];
	char key[256], args[64];
	uint64_t timeout_ms;
} server;

static void server_says(int64_t allowed, int64_t remaining, int64_t retry_ms, int64_t reset_ms)
{
	int64_t n[] = { allowed, remaining, retry_ms, reset_ms };
	server = (struct server){ .v = { .type = SLUICE_V_LIST, .v = server.items, .n = 4 } };
	for (int i = 0; i < 4; i++)
		server.items[i] = (sluice_value){ .type = SLUICE_V_INT, .i = n[i] };
}

static sluice_status server_answers(void *ctx, const kit_call *call, sluice_value *reply)
{
	(void)ctx;
	(void)snprintf(server.key, sizeof(server.key), "%.*s", (int)call->key.len, call->key.data);
	server.args[0] = 0;
	for (size_t i = 0; i < call->nargs; i++) {
		size_t n = strlen(server.args);
		(void)snprintf(server.args + n, sizeof(server.args) - n, "%.*s ",
			(int)call->args[i].len, call->args[i].data);
	}
	server.timeout_ms = call->timeout_ms;
	*reply = server.v;
	return server.status;
}

static sluice_instance *redis_instance(const char *on_failure)
{
	sluice_store *s = kit_store("shared", SLUICE_STORE_REDIS);
	kit_store_handle(s, server_answers, NULL);
	sluice_instance *i = INSTANCE("rate", "100/min", "burst", "20", "store", "shared", "by",
		"header:x-key", "timeout", "30ms", "on_store_failure", on_failure);
	kit_start(i);
	return i;
}

/* A request through to its verdict, however long the store takes. */
static sluice_exchange *ask_redis(sluice_instance *i)
{
	sluice_exchange *x = kit_request(i, "GET", "/", "x-key", "alice", NULL);
	kit_advance(100);
	return x;
}

TEST_WITH(redis, setup, NULL)
{
	sluice_instance *i = redis_instance("local");
	server_says(1, 19, 0, 600);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-key", "alice", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"), "\"instance\";r=19;t=1");
	assert_string_equal(server.key, "sluice:rl:instance:v:alice");
	assert_string_equal(server.args, "600000.0000 20 1 ");
	kit_end(x);

	server_says(0, 0, 2001, 12000);
	x = ask_redis(i);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 429);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"), "\"instance\";r=0;t=3");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "3");
	assert_false(kit_noted(x, "limit-store-down"));
	kit_end(x);

	/* the client leaves while the store is asked */
	x = kit_request(i, "GET", "/", "x-key", "alice", NULL);
	kit_end(x);
	kit_advance(100);
	kit_stop(i);
}

TEST_WITH(redis_interval, setup, NULL)
{
	static const struct {
		const char *rate, *args;
	} rows[] = {
		{ "1/s", "1000000.0000 1 1 " },
		{ "3/s", "333333.3750 3 1 " },
		{ "7/min", "8571428.6250 7 1 " },
		{ "1000/s", "1000.0000 1000 1 " },
		{ "300000/s", "3.3750 300000 1 " },
		{ "1000000/s", "1.0000 1000000 1 " },
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		kit_reset();
		kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), server_answers, NULL);
		sluice_instance *i = INSTANCE("rate", rows[k].rate, "store", "shared");
		kit_start(i);
		server_says(1, 0, 0, 1);
		kit_end(ask_redis(i));
		assert_string_equal(server.args, rows[k].args); /* rounded up to 1/16 us */
		assert_string_equal(server.key, "sluice:rl:instance:v:203.0.113.7");
		kit_stop(i);
	}
}

TEST_WITH(redis_long_key, setup, NULL)
{
	char value[1001];
	sluice_instance *i = redis_instance("deny");
	memset(value, 'a', 1000);
	value[1000] = 0;
	server_says(1, 1, 0, 1);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-key", value, NULL);
	kit_advance(10);
	/* (printf v:; printf 'a%.0s' $(seq 1000)) | sha256sum */
	assert_string_equal(server.key,
		"sluice:rl:instance:h:"
		"672d1a6b4f3c668f4917c44fad0f30dd9e3229a1661af742a53fb68e0b18af6b");
	kit_end(x);
	kit_stop(i);
}

static const char *key_of(const char *prefix, const char *name, const char *by, const char *a,
	const char *b)
{
	static char key[512];
	kit_reset();
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), server_answers, NULL);
	sluice_instance *i = INSTANCE("rate", "1/h", "store", "shared", "prefix", prefix, "name",
		name, "by", by);
	kit_start(i);
	server_says(1, 1, 0, 1);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-a", a, b ? "x-b" : NULL, b, NULL);
	kit_advance(10);
	kit_end(x);
	kit_stop(i);
	(void)snprintf(key, sizeof(key), "%s", server.key);
	return key;
}

/* Different requests at different limits: no two keys are alike, however their parts are chosen. */
TEST_WITH(keys_are_unambiguous_whatever_the_parts_hold, setup, NULL)
{
	static const struct {
		const char *prefix, *name, *by, *a, *b;
	} rows[] = {
		{ "p:", "x", "header:x-a", "v:abc", NULL },
		{ "p:", "x:v", "header:x-a", "abc", NULL },
		{ "p:x:", "v", "header:x-a", "abc", NULL },
		{ "p:x:v:", "abc", "header:x-a", "z", NULL },
		{ "p:", "x", "header:x-a", "v:abc:v:z", NULL },
		{ "p:", "x", "header:x-a", "a%3Ab", NULL },
		{ "p:", "x", "header:x-a", "a:b", NULL },
		{ "p:", "x", "header:x-a", "a,b", NULL },
		{ "p:", "x", "[header:x-a, header:x-b]", "a", "b" },
		{ "p:", "x", "[header:x-a, header:x-b]", "a,b", "" },
		{ "p:", "x", "[header:x-a, header:x-b]", "", "a,b" },
		{ "p:", "x", "header:x-none", "a", NULL },
		{ "p:", "x", "header:x-a", "203.0.113.7", NULL },
		{ "p", "qx", "header:x-a", "a", NULL },
		{ "pq", "x", "header:x-a", "a", NULL },
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	char keys[N][512];
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%s",
			key_of(rows[i].prefix, rows[i].name, rows[i].by, rows[i].a, rows[i].b));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
	}
	/* braces would choose the node of a cluster */
	assert_string_equal(key_of("p:", "x", "header:x-a", "{n}", NULL), "p:x:v:%7bn%7d");
}

/* Every way in which a store can fail, with each of the three answers to it. */
TEST_WITH(store_failures, setup, NULL)
{
	static const struct {
		sluice_status st;
		sluice_value v;
		const char *log;
	} rows[] = {
		{ SLUICE_UNREACHABLE, { 0 }, "cannot be reached" },
		{ SLUICE_TIMEOUT, { 0 }, "in time" },
		{ SLUICE_ERROR, { .type = SLUICE_V_STR, .s = { "ERR x", 5 } }, "an error" },
		{ SLUICE_OK, { .type = SLUICE_V_NIL }, "not of the script" },
		{ SLUICE_OK, { .type = SLUICE_V_INT, .i = 1 }, "not of the script" },
		{ SLUICE_OK, { .type = SLUICE_V_LIST, .n = 0 }, "not of the script" },
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		kit_reset();
		sluice_instance *i = redis_instance("allow");
		server = (struct server){ .status = rows[k].st, .v = rows[k].v };
		for (int n = 0; n < 30; n++) {
			sluice_exchange *x = ask_redis(i);
			assert_int_equal(kit_verdict(x), SLUICE_NEXT);
			assert_true(kit_noted(x, "limit-store-down"));
			assert_null(kit_header(x, SLUICE_RESPONSE, "RateLimit"));
			kit_end(x);
		}
		const char *log = kit_log();
		if (!strstr(log, rows[k].log) || strchr(log, '\n') != strrchr(log, '\n'))
			fail_msg("log: %s", log);
		kit_stop(i);

		kit_reset();
		i = redis_instance("deny");
		server = (struct server){ .status = rows[k].st, .v = rows[k].v };
		sluice_exchange *x = ask_redis(i);
		assert_int_equal(kit_verdict(x), SLUICE_REPLY);
		assert_int_equal(kit_status(x), 503);
		assert_string_equal(kit_code(x), "limit-store-down");
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "1");
		assert_true(kit_noted(x, "limit-store-down"));
		kit_end(x);
		kit_stop(i);

		kit_reset();
		i = redis_instance("local");
		server = (struct server){ .status = rows[k].st, .v = rows[k].v };
		unsigned passed = 0;
		for (int n = 0; n < 30; n++) {
			x = kit_request(i, "GET", "/", "x-key", "alice", NULL);
			kit_advance(1);
			passed += kit_verdict(x) == SLUICE_NEXT;
			assert_true(kit_noted(x, "limit-store-down"));
			assert_non_null(kit_header(x, SLUICE_RESPONSE, "RateLimit"));
			kit_end(x);
		}
		assert_int_equal(passed, 20);
		kit_stop(i);
	}
}

TEST_WITH(bad_numbers, setup, NULL)
{
	static const int64_t rows[][4] = { { 2, 1, 0, 1 }, { -1, 1, 0, 1 }, { 1, -1, 0, 1 },
		{ 1, 21, 0, 1 }, { 0, 0, -1, 1 }, { 0, 0, INT64_MAX, 1 }, { 1, 0, 0, INT64_MAX } };
	sluice_instance *i = redis_instance("deny");
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		server_says(rows[k][0], rows[k][1], rows[k][2], rows[k][3]);
		sluice_exchange *x = ask_redis(i);
		assert_int_equal(kit_status(x), 503);
		kit_end(x);
	}
	server_says(1, 1, 0, 1);
	server.items[2].type = SLUICE_V_STR;
	sluice_exchange *x = ask_redis(i);
	assert_int_equal(kit_status(x), 503);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(log_of_failures, setup, NULL)
{
	sluice_instance *i = redis_instance("local");
	server_says(1, 19, 0, 600);
	kit_end(ask_redis(i));
	assert_string_equal(kit_log(), "");
	server.status = SLUICE_TIMEOUT;
	for (int n = 0; n < 5; n++)
		kit_end(ask_redis(i));
	server_says(1, 19, 0, 600);
	kit_end(ask_redis(i));
	assert_string_equal(kit_log(),
		"warn: the store does not answer in time: requests are counted by this gateway "
		"alone\n"
		"info: the store answers again; 5 requests were decided without it\n");
	/* one that comes and goes with every request */
	for (int n = 0; n < 100; n++) {
		server.status = n % 2 ? SLUICE_OK : SLUICE_UNREACHABLE;
		sluice_exchange *x = kit_request(i, "GET", "/", "x-key", "alice", NULL);
		kit_advance(30);
		kit_end(x);
	}
	const char *log = kit_log();
	unsigned lines = 0;
	for (const char *at = log; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, 2, 8); /* of 3 seconds */
	kit_stop(i);
}

TEST_WITH(slow_store, setup, NULL)
{
	sluice_store *s = kit_store("shared", SLUICE_STORE_REDIS);
	kit_store_handle(s, server_answers, NULL);
	kit_store_delay(s, 1000);
	sluice_instance *i = INSTANCE("rate", "1/h", "store", "shared", "on_store_failure", "deny");
	kit_start(i);
	server_says(1, 0, 0, 600);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(49);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 503);
	kit_end(x);
	kit_stop(i);
}

/* The store is known to be down: that is said before the service returns. */
TEST_WITH(answer_at_once, setup, NULL)
{
	sluice_store *s = kit_store("shared", SLUICE_STORE_REDIS);
	kit_store_handle(s, server_answers, NULL);
	kit_store_delay(s, 0);
	sluice_instance *i = INSTANCE("rate", "1/s", "store", "shared", "on_store_failure", "deny");
	kit_start(i);
	server_says(0, 0, 500, 1000);
	assert_int_equal(ask(i, NULL), SLUICE_REPLY);
	server = (struct server){ .status = SLUICE_UNREACHABLE };
	assert_int_equal(ask(i, NULL), SLUICE_REPLY);
	kit_stop(i);
}

/* ---- a memory store that has no cells ------------------------------------------------------ */

TEST_WITH(store_without_memory, setup, NULL)
{
	(void)kit_store("here", SLUICE_STORE_MEMORY);
	sluice_instance *i = INSTANCE("rate", "1/h", "store", "here", "by", "header:x-key");
	kit_start(i);
	assert_int_equal(passes(i, "a", 2), 1);
	/* the process' own store counts in its place */
	kit_cells_fail(1);
	assert_int_equal(passes(i, "b", 1), 1);
	kit_cells_fail(1);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-key", "b", NULL);
	assert_int_equal(kit_status(x), 429);
	assert_true(kit_noted(x, "limit-store-down"));
	kit_end(x);
	kit_stop(i);

	kit_reset();
	(void)kit_store("here", SLUICE_STORE_MEMORY);
	i = INSTANCE("rate", "1/h", "store", "here", "by", "header:x-key", "on_store_failure",
		"deny");
	kit_start(i);
	assert_int_equal(passes(i, "a", 1), 1);
	kit_cells_fail(1);
	x = kit_request(i, "GET", "/", "x-key", "b", NULL);
	assert_int_equal(kit_status(x), 503);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(lost_cell, setup, NULL)
{
	(void)kit_store("here", SLUICE_STORE_MEMORY);
	sluice_instance *i = INSTANCE("rate", "5/h", "store", "here", "on_store_failure", "allow");
	kit_start(i);
	assert_int_equal(passes(i, NULL, 1), 1);
	kit_cells_lose(1);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_true(kit_noted(x, "limit-store-down"));
	kit_end(x);
	x = kit_request(i, "GET", "/", NULL);
	assert_false(kit_noted(x, "limit-store-down"));
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"), "\"instance\";r=3;t=1440");
	kit_end(x);
	kit_stop(i);
}
