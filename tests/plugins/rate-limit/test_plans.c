/* rate-limit through the kit: a rate for each plan. */
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

#define INSTANCE(...) kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL)

static void expect_refused(sluice_instance *i, const char *why)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), why))
		fail_msg("reported \"%s\", not \"%s\"", kit_errors(i), why);
	kit_stop(i);
}

#define PLANS "{gold: 3/h, 'a:b': {rate: 100/h, burst: 1}}"

/* How many of n requests with that plan pass; NULL: they have none. */
static unsigned passes_on(sluice_instance *i, const char *plan, unsigned n)
{
	unsigned passed = 0;
	for (unsigned k = 0; k < n; k++) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_add_header(x, SLUICE_REQUEST, "x-key", "alice");
		if (plan)
			kit_add_header(x, SLUICE_REQUEST, "x-plan", plan);
		passed += kit_run(x) == SLUICE_NEXT;
		kit_end(x);
	}
	return passed;
}

TEST_WITH(each_plan_has_its_rate_and_its_count, setup, NULL)
{
	sluice_instance *i = INSTANCE("rate", "2/h", "by", "header:x-key", "plan", "header:x-plan",
		"rates", PLANS);
	kit_start(i);
	assert_int_equal(passes_on(i, "gold", 10), 3);
	assert_int_equal(passes_on(i, "a:b", 10), 1);
	assert_int_equal(passes_on(i, NULL, 10), 2);
	assert_int_equal(passes_on(i, "bronze", 10), 0); /* counts with all others */
	assert_int_equal(passes_on(i, "Gold", 10), 0);
	assert_int_equal(passes_on(i, "gold", 10), 0); /* back again: nothing was mixed */
	kit_advance(3600000 / 3);
	assert_int_equal(passes_on(i, "gold", 10), 1);
	kit_stop(i);
}

TEST_WITH(what_clients_see_of_their_plan, setup, NULL)
{
	sluice_instance *i =
		INSTANCE("rate", "2/h", "plan", "header:x-plan", "rates", PLANS, "cost", "1");
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-plan", "a:b", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"),
		"\"instance\";q=100;w=3600");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"), "\"instance\";r=0;t=36");
	kit_end(x);
	x = kit_request(i, "GET", "/", "x-plan", "free", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"),
		"\"instance\";q=2;w=3600");
	kit_end(x);
	x = kit_request(i, "GET", "/", "x-plan", "gold", "x-plan", "a:b", NULL);
	assert_int_equal(kit_status(x), 400);
	assert_string_equal(kit_code(x), "repeated-key");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(mistakes_in_plans, setup, NULL)
{
	expect_refused(INSTANCE("rate", "1/s", "plan", "header:x-plan"), "plan: needs rates");
	expect_refused(INSTANCE("rate", "1/s", "rates", "{gold: 2/s}"), "rates: needs plan");
	expect_refused(INSTANCE("rate", "1/s", "plan", "header:x-plan", "rates", "{gold: 0/s}"),
		"rates.gold: must allow");
	expect_refused(INSTANCE("rate", "9/s", "plan", "header:x-plan", "rates", "{gold: 2/s}",
			       "cost", "3"),
		"rates.gold: cost is more than burst (2)");
	expect_refused(INSTANCE("rate", "9/s", "plan", "header:x-plan", "rates",
			       "{gold: {burst: 2}}"),
		"rate");
}

/* ---- a Redis store ------------------------------------------------------------------------- */

/* What the store says, and what it was asked. */
static struct server {
	sluice_value items[4];
	char key[128], args[64];
} server;

static void server_says(int64_t allowed, int64_t remaining)
{
	const int64_t n[] = { allowed, remaining, 0, 1 };
	for (size_t i = 0; i < 4; i++)
		server.items[i] = (sluice_value){ .type = SLUICE_V_INT, .i = n[i] };
}

static sluice_status server_answers(void *ctx, const kit_call *call, sluice_value *reply)
{
	(void)ctx;
	(void)snprintf(server.key, sizeof(server.key), "%.*s", (int)call->key.len, call->key.data);
	assert_int_equal(call->nargs, 3);
	(void)snprintf(server.args, sizeof(server.args), "%.*s %.*s %.*s", (int)call->args[0].len,
		call->args[0].data, (int)call->args[1].len, call->args[1].data,
		(int)call->args[2].len, call->args[2].data);
	*reply = (sluice_value){ .type = SLUICE_V_LIST, .v = server.items, .n = 4 };
	return SLUICE_OK;
}

static sluice_exchange *ask_redis(sluice_instance *i, const char *plan)
{
	sluice_exchange *x =
		kit_request(i, "GET", "/", "x-key", "alice", plan ? "x-plan" : NULL, plan, NULL);
	kit_advance(10);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	return x;
}

TEST_WITH(redis_keys_of_plans, setup, NULL)
{
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), server_answers, NULL);
	sluice_instance *i = INSTANCE("rate", "60/min", "store", "shared", "by", "header:x-key",
		"plan", "header:x-plan", "rates", PLANS);
	kit_start(i);
	server_says(1, 0);
	sluice_exchange *x = ask_redis(i, "a:b");
	assert_string_equal(server.key, "sluice:rl:instance:p:a%3ab:v:alice");
	assert_string_equal(server.args, "36000000.0000 1 1");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit-Policy"),
		"\"instance\";q=100;w=3600");
	kit_end(x);
	server_says(1, 2); /* more than the plan's burst: the store is wrong */
	x = ask_redis(i, "a:b");
	assert_true(kit_noted(x, "limit-store-down"));
	kit_end(x);
	x = ask_redis(i, NULL);
	assert_false(kit_noted(x, "limit-store-down"));
	assert_string_equal(server.key, "sluice:rl:instance:v:alice");
	assert_string_equal(server.args, "1000000.0000 60 1");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_long_key_of_a_plan, setup, NULL)
{
	char value[301] = { 0 };
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), server_answers, NULL);
	sluice_instance *i = INSTANCE("rate", "60/min", "store", "shared", "by", "header:x-key",
		"plan", "header:x-plan", "rates", PLANS);
	kit_start(i);
	server_says(1, 1);
	memset(value, 'a', 300);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-key", value, "x-plan", "gold", NULL);
	kit_advance(10);
	assert_int_equal(strncmp(server.key, "sluice:rl:instance:p:gold:h:", 28), 0);
	assert_int_equal(strlen(server.key), 28 + 64);
	kit_end(x);
	kit_stop(i);
}
