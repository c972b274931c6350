/* The plugin key-auth in the kit: keys in a store that answers, does not, and says what it should
 * not. */
#include <stdio.h>

#include "conf.h"
#include "digests.h"
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

/* What the store says, and what it was asked. */
static struct server {
	sluice_status status;
	sluice_value v, items[64];
	char command[256];
} server;

static void server_says(const char *const *texts)
{
	server.status = SLUICE_OK;
	server.v = (sluice_value){ .type = SLUICE_V_LIST, .v = server.items };
	for (size_t n = 0; texts && texts[n]; n++) {
		server.items[n] =
			(sluice_value){ .type = SLUICE_V_STR, .s = sluice_str_of(texts[n]) };
		server.v.n = n + 1;
	}
}

#define SAYS(...) server_says((const char *const[]){ __VA_ARGS__, NULL })

static sluice_status answers(void *ctx, const kit_call *call, sluice_value *reply)
{
	(void)ctx;
	server.command[0] = '\0';
	for (size_t i = 0; i < call->nargs; i++) {
		size_t n = strlen(server.command);
		(void)snprintf(server.command + n, sizeof(server.command) - n, "%.*s ",
			(int)call->args[i].len, call->args[i].data);
	}
	*reply = server.v;
	return server.status;
}

static sluice_store *store;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	store = kit_store("shared", SLUICE_STORE_REDIS);
	kit_store_handle(store, answers, NULL);
	return 0;
}

#define started(...) \
	start_it(kit_instance(&sluice_plugin_record, "store", "shared", __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

static sluice_exchange *ask_from(sluice_instance *i, const char *client, const char *key)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, client);
	kit_add_header(x, SLUICE_REQUEST, "X-API-Key", key);
	if (kit_run(x) == SLUICE_WAIT)
		kit_advance(200);
	assert_int_not_equal(kit_verdict(x), SLUICE_WAIT);
	return x;
}

static sluice_exchange *ask(sluice_instance *i, const char *key)
{
	return ask_from(i, "203.0.113.7", key);
}

/* The code of the refusal, or "". *calls: how often the store was asked for it. */
static const char *code_of(sluice_instance *i, const char *key, unsigned *calls)
{
	static char code[64];
	unsigned before = kit_store_calls(store);
	sluice_exchange *x = ask(i, key);
	(void)snprintf(code, sizeof(code), "%s",
		kit_verdict(x) == SLUICE_NEXT           ? ""
			: kit_verdict(x) == SLUICE_FAIL ? "failed"
							: kit_code(x));
	kit_end(x);
	if (calls)
		*calls = kit_store_calls(store) - before;
	return code;
}

TEST_WITH(a_key_of_the_store, setup, NULL)
{
	sluice_instance *i = started("prefix", "keys/");
	SAYS("plan", "gold", "name", "alice", "groups", "a,b", "expires", "2023-11-14T22:23:20Z");
	sluice_exchange *x = ask(i, "alice-key");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(server.command, "HGETALL keys/" ALICE " ");
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "groups"), "a,b");
	assert_string_equal(kit_attr(x, "consumer:plan"), "gold");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-API-Key"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_key_is_remembered_for_a_while, setup, NULL)
{
	sluice_instance *i = started("cache_ttl", "10s");
	unsigned calls;
	SAYS("name", "alice", "expires", "2023-11-14T22:13:28Z", "plan", "free");
	assert_string_equal(code_of(i, "alice-key", &calls), "");
	assert_int_equal(calls, 1);
	sluice_exchange *x = ask(i, "alice-key");
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "consumer:plan"), "free");
	kit_end(x);
	assert_int_equal(kit_store_calls(store), 1);
	server_says(NULL); /* revoked */
	kit_advance(7000);
	assert_string_equal(code_of(i, "alice-key", &calls), "");
	assert_int_equal(calls, 0);
	kit_advance(1000); /* it expires while it is remembered */
	assert_string_equal(code_of(i, "alice-key", &calls), "key-expired");
	kit_advance(2000);
	assert_string_equal(code_of(i, "alice-key", &calls), "key-wrong");
	assert_int_equal(calls, 1);
	kit_stop(i);
}

TEST_WITH(nothing_is_remembered_without_a_cache, setup, NULL)
{
	sluice_instance *i = started("cache", "0");
	unsigned calls;
	SAYS("name", "alice");
	for (unsigned n = 0; n < 3; n++) {
		assert_string_equal(code_of(i, "alice-key", &calls), "");
		assert_int_equal(calls, 1);
	}
	kit_stop(i);
}

TEST_WITH(keys_of_the_configuration_need_no_store, setup, NULL)
{
	sluice_instance *i = started("keys", "[{sha256: " ALICE ", name: alice}]");
	unsigned calls;
	server.status = SLUICE_UNREACHABLE;
	assert_string_equal(code_of(i, "alice-key", &calls), "");
	assert_int_equal(calls, 0);
	assert_string_equal(code_of(i, "bob-key", &calls), "key-store-down");
	kit_stop(i);
}

/* ---- wrong keys ---------------------------------------------------------------------------- */

TEST_WITH(wrong_keys_are_remembered_and_evict_no_right_ones, setup, NULL)
{
	sluice_instance *i = started("failures", "1000000/s", "cache", "1", "cache_ttl", "1h",
		"wrong_ttl", "1h");
	char key[16];
	unsigned calls;
	SAYS("name", "alice");
	assert_string_equal(code_of(i, "alice-key", &calls), "");
	server_says(NULL);
	for (unsigned n = 0; n < 2000; n++) {
		(void)snprintf(key, sizeof(key), "guess%u", n);
		assert_string_equal(code_of(i, key, NULL), "key-wrong");
	}
	assert_string_equal(code_of(i, "guess1999", &calls), "key-wrong");
	assert_int_equal(calls, 0);
	assert_string_equal(code_of(i, "alice-key", &calls), "");
	assert_int_equal(calls, 0);
	kit_stop(i);
}

TEST_WITH(guesses_do_not_reach_the_store_for_ever, setup, NULL)
{
	sluice_instance *i = started("failures", "3/h", "cache_ttl", "1s", "wrong_ttl", "1s");
	char key[16];
	unsigned calls;
	SAYS("name", "alice");
	for (unsigned n = 0; n < 10; n++) { /* right keys use up nothing */
		assert_string_equal(code_of(i, "alice-key", &calls), "");
		assert_int_equal(calls, 1);
		kit_advance(1001);
	}
	server_says(NULL);
	for (unsigned n = 0; n < 6; n++) {
		(void)snprintf(key, sizeof(key), "guess%u", n);
		assert_string_equal(code_of(i, key, &calls), n < 3 ? "key-wrong" : "key-limited");
		assert_int_equal(calls, n < 3);
	}
	SAYS("name", "alice");
	kit_advance(1001);
	assert_string_equal(code_of(i, "alice-key", &calls), ""); /* known from this address */
	assert_string_equal(code_of(i, "bob-key", &calls), "key-limited");
	kit_stop(i);
}

TEST_WITH(guesses_that_are_under_way_count, setup, NULL)
{
	sluice_instance *i = started("failures", "2/h");
	sluice_exchange *x[3];
	char keys[3][16];
	server_says(NULL);
	for (unsigned n = 0; n < 3; n++) {
		(void)snprintf(keys[n], sizeof(keys[n]), "guess%u", n);
		x[n] = kit_request(i, "GET", "/", "X-API-Key", keys[n], NULL);
	}
	assert_int_equal(kit_verdict(x[1]), SLUICE_WAIT);
	assert_string_equal(kit_code(x[2]), "key-limited");
	kit_end(x[0]); /* its client leaves: the guess stays counted */
	kit_advance(200);
	assert_string_equal(kit_code(x[1]), "key-wrong");
	kit_end(x[1]);
	kit_end(x[2]);
	assert_string_equal(code_of(i, "guess3", NULL), "key-limited");
	kit_stop(i);
}

/* ---- failures ------------------------------------------------------------------------------ */

TEST_WITH(a_store_that_does_not_answer, setup, NULL)
{
	static const sluice_status how[] = { SLUICE_UNREACHABLE, SLUICE_TIMEOUT, SLUICE_ERROR };
	sluice_instance *i = started("failures", "1/h", "cache_ttl", "1s");
	SAYS("name", "alice");
	assert_string_equal(code_of(i, "alice-key", NULL), "");
	kit_advance(1001);
	for (size_t n = 0; n < 3; n++) {
		server.status = how[n];
		sluice_exchange *x = ask(i, "alice-key");
		assert_int_equal(kit_status(x), 503);
		assert_string_equal(kit_code(x), "key-store-down");
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "1");
		assert_null(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"));
		kit_end(x);
		assert_string_equal(code_of(i, "bob-key", NULL), "key-store-down"); /* free */
	}
	kit_store_delay(store, 0); /* known to be down: the callback runs at once */
	assert_string_equal(code_of(i, "alice-key", NULL), "key-store-down");
	kit_store_delay(store, 1000); /* too slow */
	assert_string_equal(code_of(i, "alice-key", NULL), "key-store-down");
	kit_stop(i);
}

TEST_WITH(stale_keys_while_the_store_is_down, setup, NULL)
{
	sluice_instance *i = started("on_store_failure", "stale", "stale_for", "1m", "cache_ttl",
		"1s", "groups", "[a]");
	SAYS("name", "alice", "groups", "a", "expires", "2023-11-14T22:13:50Z");
	assert_string_equal(code_of(i, "alice-key", NULL), "");
	server.status = SLUICE_UNREACHABLE;
	kit_advance(1001);
	sluice_exchange *x = ask(i, "alice-key");
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_true(kit_noted(x, "key-store-down"));
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	kit_end(x);
	assert_string_equal(code_of(i, "bob-key", NULL), "key-store-down");
	kit_advance(30000); /* what is stale may expire */
	assert_string_equal(code_of(i, "alice-key", NULL), "key-expired");
	kit_advance(31000);
	assert_string_equal(code_of(i, "alice-key", NULL), "key-store-down");
	kit_stop(i);
}

TEST_WITH(a_revoked_key_is_not_stale, setup, NULL)
{
	sluice_instance *i = started("on_store_failure", "stale", "cache_ttl", "1s");
	SAYS("name", "alice");
	assert_string_equal(code_of(i, "alice-key", NULL), "");
	kit_advance(1001);
	server_says(NULL);
	assert_string_equal(code_of(i, "alice-key", NULL), "key-wrong");
	kit_advance(10001);
	server.status = SLUICE_UNREACHABLE;
	assert_string_equal(code_of(i, "alice-key", NULL), "key-store-down");
	kit_stop(i);
}

TEST_WITH(what_is_no_entry_is_not_admitted, setup, NULL)
{
	static const char *const rows[][48] = {
		{ "plan", "gold" },
		{ "name", "a b" },
		{ "name", "" },
		{ "name", "a", "expires", "never" },
		{ "name", "a", "groups", "a, b" },
		{ "name", "a", "pl an", "x" },
		{ "name", "a", "x" },
		{ "name", "a", "1", "", "2", "", "3", "", "4", "", "5", "", "6", "", "7", "", "8",
			"", "9", "", "10", "", "11", "", "12", "", "13", "", "14", "", "15", "",
			"16", "", "17", "" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		(void)setup(NULL);
		sluice_instance *i = started("realm", "x");
		server_says(rows[n]);
		if (strcmp(code_of(i, "alice-key", NULL), "key-wrong") != 0)
			fail_msg("row %zu is admitted", n);
		kit_stop(i);
	}
	(void)setup(NULL);
	sluice_instance *i = started("realm", "x");
	server.v = (sluice_value){ .type = SLUICE_V_INT, .i = 1 };
	server.status = SLUICE_OK;
	assert_string_equal(code_of(i, "alice-key", NULL), "key-store-down");
	SAYS("name", "alice");
	server.items[0].type = SLUICE_V_NIL;
	assert_string_equal(code_of(i, "alice-key", NULL), "key-wrong");
	kit_stop(i);
}

TEST_WITH(a_changed_instance_remembers_nothing, setup, NULL)
{
	sluice_instance *a = started("cache_ttl", "1h"), *b;
	unsigned calls;
	SAYS("name", "alice");
	assert_string_equal(code_of(a, "alice-key", &calls), "");
	b = started("cache_ttl", "1h", "realm", "other");
	server_says(NULL);
	assert_string_equal(code_of(b, "alice-key", &calls), "key-wrong");
	assert_int_equal(calls, 1);
	kit_stop(a);
	kit_stop(b);
}

TEST_WITH(no_memory, setup, NULL)
{
	sluice_instance *i = started("failures", "100000/s", "cache", "0");
	for (size_t budget = 0; budget < 1024; budget += 8) {
		SAYS("name", "alice", "plan", "gold");
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_add_header(x, SLUICE_REQUEST, "X-API-Key", "alice-key");
		kit_set_budget(x, budget);
		if (kit_run(x) == SLUICE_WAIT)
			kit_advance(200);
		if (kit_verdict(x) == SLUICE_REPLY)
			assert_int_equal(kit_status(x), 503);
		kit_end(x);
	}
	kit_stop(i);
}
