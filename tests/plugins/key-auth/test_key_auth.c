/* The plugin key-auth in the kit: keys of the options and of a file. */
#include <stdio.h>

#include "conf.h"
#include "digests.h"
#include "kit.h"
#include "kit_tool.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define KEYS                                                                              \
	"[{sha256: " ALICE ", name: alice, groups: [admins, ops], facts: {plan: gold}}, " \
	"{sha256: " BOB ", name: bob}, "                                                  \
	"{sha256: " OLD ", name: alice, expires: '2023-11-14T22:14:20Z'}]"

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define INSTANCE(...) kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL)
#define started(...) start_it(INSTANCE(__VA_ARGS__))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

/* The code of the refusal, or "" for a request that passes. */
static const char *code_from(sluice_instance *i, const char *client, const char *key)
{
	static char code[64];
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, client);
	kit_add_header(x, SLUICE_REQUEST, "X-API-Key", key);
	sluice_verdict v = kit_run(x);
	assert_true(v == SLUICE_NEXT || v == SLUICE_REPLY);
	(void)snprintf(code, sizeof(code), "%s", v == SLUICE_NEXT ? "" : kit_code(x));
	kit_end(x);
	return code;
}

static const char *code_of(sluice_instance *i, const char *key)
{
	return code_from(i, "203.0.113.7", key);
}

/* ---- who is admitted ----------------------------------------------------------------------- */

TEST_WITH(a_right_key, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS);
	sluice_exchange *x = kit_request(i, "GET", "/", "x-api-key", "alice-key", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "groups"), "admins,ops");
	assert_string_equal(kit_attr(x, "consumer:plan"), "gold");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-API-Key"));
	kit_end(x);
	x = kit_request(i, "GET", "/", "X-API-KEY", "bob-key", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "bob");
	assert_null(kit_attr(x, "groups"));
	assert_null(kit_attr(x, "consumer:plan"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(refusals, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "realm", "the \"inner\" \\ ring");
	static const char *const challenge = "ApiKey realm=\"the \\\"inner\\\" \\\\ ring\"";
	static const struct {
		const char *key, *second, *code;
	} rows[] = {
		{ NULL, NULL, "key-missing" },
		{ "alice-kez", NULL, "key-wrong" },
		{ ALICE, NULL, "key-wrong" },
		{ "alice-key", "alice-key", "key-malformed" },
		{ "", NULL, "key-malformed" },
		{ "alice-key,bob-key x", NULL, "key-malformed" },
		{ "alice\xc3\xa9", NULL, "key-malformed" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		if (rows[n].key)
			kit_add_header(x, SLUICE_REQUEST, "X-API-Key", rows[n].key);
		if (rows[n].second)
			kit_add_header(x, SLUICE_REQUEST, "x-api-key", rows[n].second);
		assert_int_equal(kit_run(x), SLUICE_REPLY);
		assert_int_equal(kit_status(x), 401);
		assert_string_equal(kit_code(x), rows[n].code);
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"), challenge);
		assert_null(kit_attr(x, "consumer"));
		kit_end(x);
	}
	assert_null(strstr(kit_log(), "alice-k"));
	kit_stop(i);
}

TEST_WITH(a_key_has_a_greatest_length, setup, NULL)
{
	char key[KEY_MAX + 2];
	sluice_instance *i = started("keys", KEYS);
	memset(key, 'k', sizeof(key));
	key[KEY_MAX + 1] = '\0';
	assert_string_equal(code_of(i, key), "key-malformed");
	key[KEY_MAX] = '\0';
	assert_string_equal(code_of(i, key), "key-wrong");
	kit_stop(i);
}

TEST_WITH(a_key_expires_while_the_gateway_runs, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS);
	assert_string_equal(code_of(i, "old-key"), "");
	kit_advance(59999);
	assert_string_equal(code_of(i, "old-key"), "");
	kit_advance(1);
	assert_string_equal(code_of(i, "old-key"), "key-expired");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-API-Key", "old-key", NULL);
	assert_int_equal(kit_status(x), 401);
	assert_non_null(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"));
	kit_end(x);
	assert_string_equal(code_of(i, "alice-key"), "");
	kit_stop(i);
}

TEST_WITH(groups, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "groups", "[root, ops]");
	assert_string_equal(code_of(i, "alice-key"), "");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-API-Key", "bob-key", NULL);
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_code(x), "key-group");
	assert_null(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"));
	kit_end(x);
	kit_stop(i);
}

/* ---- where keys are ------------------------------------------------------------------------ */

#define EVERYWHERE "[header:X-Key, query:key, cookie:key, scheme:Bearer]"

TEST_WITH(parameters, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE);
	sluice_exchange *x = kit_request(i, "GET", "/a?x=1&%6bey=bob%2Dkey&y=%20", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "bob");
	assert_string_equal(kit_target(x), "/a?x=1&y=%20");
	kit_end(x);
	x = kit_request(i, "GET", "/a?key=bob-key", NULL);
	assert_string_equal(kit_target(x), "/a");
	kit_end(x);
	x = kit_request(i, "GET", "/a?key=bob-key&key=bob-key", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	x = kit_request(i, "GET", "/a?key=", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	x = kit_request(i, "GET", "/a?key=bob%00key", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(cookies, setup, NULL)
{
	static const struct {
		const char *sent, *left;
	} rows[] = {
		{ "key=alice-key", NULL },
		{ "a=1; key=alice-key; b=2", "a=1; b=2" },
		{ "key=alice-key;b=2", "b=2" },
		{ "a=1;  key=alice-key ; ; b", "a=1; b" },
		{ "xkey=1; key=alice-key; keyx=2; Key=3", "xkey=1; keyx=2; Key=3" },
	};
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE);
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", "Cookie", rows[n].sent, NULL);
		assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		const char *left = kit_header(x, SLUICE_REQUEST, "Cookie");
		if (rows[n].left)
			assert_string_equal(left, rows[n].left);
		else
			assert_null(left);
		kit_end(x);
	}
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Cookie", "a=1; key=alice-key", "cookie", "b=2", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "Cookie"), 1);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Cookie"), "a=1; b=2");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Cookie", "key=alice-key; key=bob-key", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Cookie", "key=alice-key", "Cookie", "key=bob-key", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Cookie", "key", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_scheme_of_authorization, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE);
	sluice_exchange *x = kit_request(i, "GET", "/", "Authorization", "bearer alice-key", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Basic YTpi", NULL);
	assert_string_equal(kit_code(x), "key-missing");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"instance\"");
	assert_string_equal(kit_detail(x),
		"An API key is needed, in the header field X-Key or the parameter key or the "
		"cookie key or the header field Authorization with the scheme Bearer.");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Bearer", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Bearer alice-key", "authorization",
		"Basic YTpi", NULL);
	assert_string_equal(kit_code(x), "key-malformed");
	kit_end(x);
	/* a key elsewhere leaves the credentials of another kind alone */
	x = kit_request(i, "GET", "/", "Authorization", "Basic YTpi", "X-Key", "bob-key", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Basic YTpi");
	kit_end(x);
	kit_stop(i);
}

static sluice_exchange *ask_everywhere(sluice_instance *i)
{
	return kit_request(i, "GET", "/?key=bob-key", "X-Key", "alice-key", "X_Key", "bob-key",
		"Cookie", "key=bob-key; a=1", "Authorization", "Bearer bob-key", NULL);
}

TEST_WITH(the_order_is_that_of_the_option, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE);
	sluice_exchange *x = ask_everywhere(i);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Key"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X_Key"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Cookie"), "a=1");
	assert_string_equal(kit_target(x), "/");
	kit_end(x);
	kit_stop(i);
	kit_reset();
	i = started("keys", KEYS, "from", "[cookie:key, header:X-Key]");
	x = ask_everywhere(i);
	assert_string_equal(kit_attr(x, "consumer"), "bob");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(the_key_that_was_used_is_forwarded_and_no_other, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE, "forward_key", "true");
	sluice_exchange *x = ask_everywhere(i);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Key"), "alice-key");
	assert_null(kit_header(x, SLUICE_REQUEST, "X_Key"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Cookie"), "a=1");
	assert_string_equal(kit_target(x), "/");
	kit_end(x);
	x = kit_request(i, "GET", "/?a=1&key=bob-key", "Cookie", "key=alice-key", NULL);
	assert_string_equal(kit_attr(x, "consumer"), "bob");
	assert_string_equal(kit_target(x), "/?a=1&key=bob-key");
	assert_null(kit_header(x, SLUICE_REQUEST, "Cookie"));
	kit_end(x);
	kit_stop(i);
}

/* ---- wrong keys ---------------------------------------------------------------------------- */

TEST_WITH(wrong_keys_are_limited, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "3/min");
	char key[16];
	for (unsigned n = 0; n < 3; n++) {
		(void)snprintf(key, sizeof(key), "guess%u", n);
		assert_string_equal(code_of(i, key), "key-wrong");
	}
	sluice_exchange *x = kit_request(i, "GET", "/", "X-API-Key", "guess3", NULL);
	assert_int_equal(kit_status(x), 429);
	assert_string_equal(kit_code(x), "key-limited");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "20");
	kit_end(x);
	/* nobody learns that a guess was right */
	x = kit_request(i, "GET", "/", "X-API-Key", "alice-key", NULL);
	assert_int_equal(kit_status(x), 429);
	assert_string_equal(kit_code(x), "key-limited");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "20");
	kit_end(x);
	assert_string_equal(code_from(i, "203.0.113.8", "alice-key"), "");
	kit_advance(20000);
	assert_string_equal(code_of(i, "alice-key"), "");
	assert_string_equal(code_of(i, "guess4"), "key-wrong");
	assert_string_equal(code_of(i, "guess5"), "key-limited");
	kit_stop(i);
}

TEST_WITH(a_key_that_was_right_from_the_address_passes, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "1/h");
	assert_string_equal(code_from(i, "2001:db8:1:2::1", "alice-key"), "");
	assert_string_equal(code_from(i, "2001:db8:1:2::2", "guess"), "key-wrong");
	assert_string_equal(code_from(i, "2001:db8:1:2::3", "guess2"), "key-limited");
	assert_string_equal(code_from(i, "2001:db8:1:2::4", "bob-key"), "key-limited");
	assert_string_equal(code_from(i, "2001:db8:1:2::5", "alice-key"), "");
	assert_string_equal(code_from(i, "2001:db8:1:3::5", "bob-key"), "");
	kit_stop(i);
}

TEST_WITH(the_same_wrong_key_counts_once, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "2/h", "wrong_ttl", "10s");
	for (unsigned n = 0; n < 20; n++)
		assert_string_equal(code_of(i, "outdated"), "key-wrong");
	assert_string_equal(code_of(i, "alice-key"), "");
	kit_advance(10001);
	assert_string_equal(code_of(i, "outdated"), "key-wrong"); /* counts again */
	assert_string_equal(code_of(i, "other"), "key-limited");
	kit_stop(i);
}

/* ---- files --------------------------------------------------------------------------------- */

static void look_twice(void)
{
	kit_advance(5001);
	kit_advance(251);
}

TEST_WITH(a_file_is_watched, setup, NULL)
{
	kit_file("keys", ALICE " alice\n");
	sluice_instance *i = started("file", "keys");
	assert_string_equal(code_of(i, "alice-key"), "");
	assert_string_equal(code_of(i, "bob-key"), "key-wrong");
	kit_file("keys", BOB " bob plan=free\n");
	look_twice();
	assert_non_null(strstr(kit_log(), "info: keys has changed: 1 keys"));
	assert_string_equal(code_of(i, "alice-key"), "key-wrong");
	assert_string_equal(code_of(i, "bob-key"), ""); /* although it was wrong before */
	kit_file("keys", "\nalice-key alice\n");
	look_twice();
	const char *log = kit_log();
	assert_non_null(strstr(log,
		"error: keys:2: the line does not begin with the SHA-256 of a key, 64 hexadecimal "
		"digits and a blank; the file is not used"));
	assert_null(strstr(log, "alice-key"));
	assert_string_equal(code_of(i, "bob-key"), "");
	kit_file("keys", NULL);
	look_twice();
	assert_non_null(strstr(kit_log(), "warn: cannot read keys"));
	assert_string_equal(code_of(i, "bob-key"), "");
	kit_file("keys", "");
	look_twice();
	assert_non_null(strstr(kit_log(), "there are no keys"));
	assert_string_equal(code_of(i, "bob-key"), "key-wrong");
	kit_stop(i);
}

/* ---- options ------------------------------------------------------------------------------- */

static void expect_refused(sluice_instance *i, const char *why)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), why))
		fail_msg("reported \"%s\", not \"%s\"", kit_errors(i), why);
	kit_stop(i);
}

TEST_WITH(mistakes, setup, NULL)
{
	kit_file("plain", "# mine\nalice-key alice\n");
	kit_file("good", ALICE " alice\n");
	(void)kit_store("mem", SLUICE_STORE_MEMORY);
	(void)kit_store("shared", SLUICE_STORE_REDIS);
	expect_refused(INSTANCE("realm", "a"), "none of keys, file and store is given");
	expect_refused(INSTANCE("file", "nowhere"), "file: cannot read nowhere: No such file");
	expect_refused(INSTANCE("file", "plain"), "file: plain:2: the line does not begin");
	expect_refused(INSTANCE("file", "good", "keys", KEYS),
		"file: good:1: the line has a key that is there twice");
	expect_refused(INSTANCE("keys", "[{sha256: abc, name: a}]"), "keys[0]: the key has no SHA");
	expect_refused(INSTANCE("keys", "[{sha256: " ALICE ", name: 'a b'}]"),
		"keys[0]: the key has a name with a blank");
	expect_refused(INSTANCE("keys", "[{sha256: " ALICE ", name: a, facts: {groups: x}}]"),
		"keys[0]: the key has a fact called name");
	expect_refused(INSTANCE("keys", "[{sha256: " ALICE ", name: a, groups: ['a b']}]"),
		"keys[0]: the key has a group");
	expect_refused(INSTANCE("keys", "[{sha256: " ALICE ", name: a, expires: soon}]"),
		"keys[0]: the key has no time");
	expect_refused(INSTANCE("keys",
			       "[{sha256: " BOB ", name: a}, {sha256: " ALICE
			       ", name: a}, {sha256: " ALICE ", name: b}]"),
		"keys[2]: the key has a key that is there twice");
	expect_refused(INSTANCE("keys", KEYS, "failures", "0/s"), "failures: must allow");
	expect_refused(INSTANCE("keys", KEYS, "realm", "caf\xc3\xa9"), "realm: ");
	expect_refused(INSTANCE("keys", KEYS, "from", "X-API-Key"),
		"from: \"X-API-Key\" is none of header:NAME");
	expect_refused(INSTANCE("keys", KEYS, "from", "header:"), "is none of header:NAME");
	expect_refused(INSTANCE("keys", KEYS, "from", "[header:a, header:a]"), "is there twice");
	expect_refused(INSTANCE("keys", KEYS, "from", "header:Authorization"), "scheme:Bearer");
	expect_refused(INSTANCE("keys", KEYS, "from", "header:cookie"), "cookie:NAME");
	expect_refused(INSTANCE("keys", KEYS, "from", "header:Content-Length"), "frames the");
	expect_refused(INSTANCE("keys", KEYS, "from", "header:a b"), "from: \"header:a b\" ");
	expect_refused(INSTANCE("keys", KEYS, "from", "cookie:a b"), "no name of a cookie");
	expect_refused(INSTANCE("keys", KEYS, "from", "scheme:a b"), "no name of a scheme");
	expect_refused(INSTANCE("keys", KEYS, "cache_ttl", "1s"), "cache_ttl: is about keys in");
	expect_refused(INSTANCE("store", "mem"), "store: must be a Redis store");
	expect_refused(INSTANCE("store", "shared", "stale_for", "1h"), "stale_for: needs");
	expect_refused(INSTANCE("store", "shared", "on_store_failure", "stale", "cache", "0"),
		"on_store_failure: stale needs a cache");
	sluice_instance *i =
		INSTANCE("keys", "[{sha256: " ALICE ", name: a}]", "from", "header:X-Key");
	assert_int_equal(kit_check(i), 0);
	kit_stop(i);
}

TEST_WITH(no_memory, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "from", EVERYWHERE);
	for (size_t budget = 0; budget < 512; budget += 8) {
		sluice_exchange *x = kit_exchange(i, "GET", "/?key=alice%2dkey&a=1");
		kit_add_header(x, SLUICE_REQUEST, "Cookie", "a=1; key=x; b=2");
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_NEXT);
		if (v == SLUICE_NEXT)
			assert_null(strstr(kit_target(x), "key="));
		kit_end(x);
	}
	kit_stop(i);
}
