/* Where keys come from: fetching, failing, coming back, reloading. Through the plugin's record, on
 * the kit. */
#include "issuers.h"

#include <stdlib.h>

#include "kit.h"
#include "mint.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define KEYS_URL "https://idp.example/keys"
#define DISCOVERY "https://idp.example/.well-known/openid-configuration"

static const char *keys_a, *keys_b;

static const struct keyset *keys_of(sluice_instance *i)
{
	const struct issuer_keys *keys = issuers_keys(kit_published(i));
	return keys ? keys[0].keys : NULL;
}

static const char *kid_of(sluice_instance *i)
{
	return keys_of(i) ? keys_of(i)->v[0].kid : NULL;
}

static sluice_instance *by_url(void)
{
	return kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL, NULL);
}

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

TEST_WITH(fetches_and_refreshes, each, NULL)
{
	uint64_t in_ms;
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = by_url();
	kit_start(i);
	assert_null(keys_of(i));
	kit_advance(10);
	assert_string_equal(kid_of(i), "a");
	assert_int_equal(kit_fetches(KEYS_URL), 1);
	assert_true(kit_timer(i, &in_ms));
	assert_in_range(in_ms, 240000 - 10, 300000);
	uint64_t generation = keys_of(i)->generation;
	kit_advance(300000);
	assert_int_equal(kit_fetches(KEYS_URL), 2);
	/* nothing changed, nothing is forgotten */
	assert_int_equal(keys_of(i)->generation, generation);
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "b");
	assert_int_not_equal(keys_of(i)->generation, generation);
	kit_stop(i);
}

TEST_WITH(retries_with_growing_pauses, each, NULL)
{
	sluice_instance *i = by_url();
	kit_start(i);
	uint64_t pause, last = 0;
	for (int n = 1; n <= 8; n++) {
		kit_advance(5);
		assert_int_equal(kit_fetches(NULL), n);
		assert_true(kit_timer(i, &pause));
		uint64_t full = 250u << (n - 1) < 30000 ? 250u << (n - 1) : 30000;
		assert_in_range(pause, full / 2, full);
		last = pause;
		kit_advance(pause);
	}
	assert_true(last > 10000);
	assert_null(keys_of(i));
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_advance(60000);
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
}

TEST_WITH(keeps_good_keys, each, NULL)
{
	static const struct {
		int code;
		const char *body;
	} bad[] = { { 500, "oops" }, { 404, "" }, { 200, "" }, { 200, "<html>" }, { 204, "" },
		{ 302, "" } };
	uint64_t pause;
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = by_url();
	kit_start(i);
	kit_advance(10);
	kit_advance(300000);
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		unsigned before = kit_fetches(NULL);
		kit_fetch_answer(KEYS_URL, bad[n].code, bad[n].body);
		assert_true(kit_timer(i, &pause));
		kit_log();
		kit_advance(pause + 10);
		assert_int_equal(kit_fetches(NULL), before + 1);
		assert_string_equal(kid_of(i), "a");
		assert_non_null(strstr(kit_log(), "warn: keys from " KEYS_URL));
	}
	kit_fetch_fail(KEYS_URL, SLUICE_ERROR);
	kit_advance(3600000);
	assert_string_equal(kid_of(i), "a");
	kit_fetch_delay(6000); /* slower than fetch_timeout */
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(600000);
	assert_string_equal(kid_of(i), "a");
	kit_fetch_delay(4000);
	kit_advance(600000);
	assert_string_equal(kid_of(i), "b");
	kit_stop(i);
}

TEST_WITH(discovers, each, NULL)
{
	kit_fetch_answer(DISCOVERY, 200,
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" KEYS_URL "\",\"x\":[{}]}");
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(i);
	kit_advance(10);
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
}

/* The old URL still answers, as one that nobody looks after any more. */
TEST_WITH(discovery_is_read_again_with_the_keys, each, NULL)
{
	kit_fetch_answer(DISCOVERY, 200, "{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(i);
	kit_advance(10);
	kit_fetch_answer(DISCOVERY, 200,
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"https://keys.example/new\"}");
	kit_fetch_answer("https://keys.example/new", 200, keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "b");
	assert_int_equal(kit_fetches(DISCOVERY), 2);
	assert_int_equal(kit_fetches(KEYS_URL), 1);
	/* while the document cannot be had, the keys still are, from where they were */
	kit_fetch_answer(DISCOVERY, 500, "");
	kit_fetch_answer("https://keys.example/new", 200, keys_a);
	kit_log();
	kit_advance(300000);
	assert_string_equal(kid_of(i), "a");
	assert_non_null(strstr(kit_log(),
		"discovery at " DISCOVERY ": it answered with status 500; the keys are fetched"));
	/* and a document of somebody else's changes nothing */
	kit_fetch_answer(DISCOVERY, 200,
		"{\"issuer\":\"https://evil.example/\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
}

TEST_WITH(an_issuer_that_says_it_has_no_keys_is_believed, each, NULL)
{
	static const char *const none[] = { "{\"keys\":[]}",
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}" };
	for (size_t n = 0; n < 2; n++) {
		kit_fetch_answer(KEYS_URL, 200, keys_a);
		sluice_instance *i = by_url();
		kit_start(i);
		kit_advance(10);
		assert_string_equal(kid_of(i), "a");
		kit_fetch_answer(KEYS_URL, 200, none[n]);
		kit_log();
		kit_advance(300000);
		assert_non_null(keys_of(i));
		assert_int_equal(keys_of(i)->n, 0);
		assert_non_null(strstr(kit_log(),
			"warn: 0 keys from " KEYS_URL ": no token can be verified"));
		kit_fetch_answer(KEYS_URL, 200, keys_b);
		kit_advance(300000);
		assert_string_equal(kid_of(i), "b");
		kit_stop(i);
	}
}

TEST_WITH(keys_that_cannot_be_refreshed_have_a_maximum_age, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"max_stale", "1h", NULL);
	sluice_instance *patient = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		KEYS_URL, "max_stale", "0", NULL);
	kit_start(i);
	kit_start(patient);
	kit_advance(5);
	assert_string_equal(kid_of(i), "a");
	kit_fetch_fail(KEYS_URL, SLUICE_UNREACHABLE);
	kit_advance(3599990);
	assert_string_equal(kid_of(i), "a");
	kit_log();
	kit_advance(20);
	assert_null(keys_of(i));
	assert_non_null(strstr(kit_log(),
		"error: the keys of " IDP " could not be fetched anew for longer than max_stale"));
	assert_string_equal(kid_of(patient), "a"); /* it was told to */
	kit_advance(3600000);
	assert_null(strstr(kit_log(), "max_stale")); /* said once */
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_advance(30000); /* tried often, as somebody has no keys to go on with */
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
	kit_stop(patient);
}

/* A reload after that must not bring old keys back to life. */
TEST_WITH(a_reload_does_not_revive_old_keys, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *old = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"max_stale", "10m", NULL);
	kit_start(old);
	kit_advance(5);
	kit_fetch_fail(KEYS_URL, SLUICE_UNREACHABLE);
	kit_advance(600100);
	sluice_instance *new = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"max_stale", "10m", NULL);
	assert_int_equal(kit_check(new), 0);
	assert_null(keys_of(new));
	kit_start(new);
	kit_stop(old);
	assert_null(keys_of(new));
	kit_stop(new);
}

TEST_WITH(instances_of_one_issuer_share_one_fetch, each, NULL)
{
	sluice_instance *i[10];
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	for (size_t n = 0; n < 10; n++) {
		i[n] = by_url();
		kit_start(i[n]);
	}
	kit_advance(10);
	assert_int_equal(kit_fetches(KEYS_URL), 1);
	for (size_t n = 0; n < 10; n++)
		assert_string_equal(kid_of(i[n]), "a");
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(300000);
	assert_int_equal(kit_fetches(KEYS_URL), 2);
	for (size_t n = 0; n < 10; n++)
		assert_string_equal(kid_of(i[n]), "b");
	/* the one that fetches leaves in the midst of it: another goes on */
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_delay(1000);
	kit_advance(300500);
	for (size_t n = 0; n < 9; n++)
		kit_stop(i[n]);
	kit_advance(1000);
	assert_string_equal(kid_of(i[9]), "a");
	kit_stop(i[9]);
}

TEST_WITH(the_most_demanding_instance_sets_the_pace, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *slow = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"refresh", "1h", NULL);
	kit_start(slow);
	kit_advance(10);
	sluice_instance *fast = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"refresh", "1m", NULL);
	kit_start(fast);
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(60010);
	assert_string_equal(kid_of(fast), "b");
	assert_string_equal(kid_of(slow), "b");
	kit_stop(fast);
	kit_stop(slow);
}

TEST_WITH(each_issuer_has_keys_of_its_own, each, NULL)
{
	kit_fetch_answer(DISCOVERY, 200, "{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_answer("https://b.example/keys", 200, keys_b);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
		"{" IDP
		": discover, https://b.example/: https://b.example/keys, c: https://c.example/k}",
		NULL);
	kit_start(i);
	kit_advance(10);
	const struct issuer_keys *keys = issuers_keys(kit_published(i));
	assert_string_equal(keys[0].keys->v[0].kid, "a");
	assert_string_equal(keys[1].keys->v[0].kid, "b");
	assert_null(keys[2].keys); /* it cannot be reached, which is no fault of the others */
	kit_fetch_answer("https://c.example/k", 200, keys_a);
	kit_advance(60000);
	assert_non_null(issuers_keys(kit_published(i))[2].keys);
	kit_stop(i);
}

TEST_WITH(distrusts_discovery, each, NULL)
{
	static const char *const bad[] = {
		"{\"issuer\":\"https://evil.example/\",\"jwks_uri\":\"" KEYS_URL "\"}",
		"{\"issuer\":\"https://idp.example\",\"jwks_uri\":\"" KEYS_URL "\"}",
		"{\"jwks_uri\":\"" KEYS_URL "\"}",
		"{\"issuer\":\"" IDP "\"}",
		"[]",
		"",
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":1}",
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"file:///etc/passwd\"}",
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"http://idp.example/keys\"}",
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"https://idp.example/keys x\"}",
		"{\"issuer\":\"" IDP "\",\"issuer\":\"" IDP "\",\"jwks_uri\":\"" KEYS_URL "\"}",
	};
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_answer("http://idp.example/keys", 200, keys_a);
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		kit_fetch_answer(DISCOVERY, 200, bad[n]);
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
		kit_start(i);
		kit_log();
		kit_advance(10);
		if (keys_of(i) || !strstr(kit_log(), "error: discovery at " DISCOVERY))
			fail_msg("document %zu is taken", n);
		kit_stop(i);
	}
	assert_int_equal(kit_fetches(KEYS_URL), 0);
}

TEST_WITH(reads_files, each, NULL)
{
	kit_file("keys.json", keys_a);
	sluice_instance *i =
		kit_instance(&sluice_plugin_record, "issuer", "x", "jwks", "file:keys.json", NULL);
	assert_int_equal(kit_check(i), 0);
	assert_string_equal(kid_of(i), "a"); /* before anything is started */
	kit_start(i);
	kit_file("keys.json", keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "b"); /* a mounted file may change */
	kit_file("keys.json", "{");
	kit_advance(300000);
	kit_file("keys.json", NULL);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "b");
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
}

TEST_WITH(reports_bad_options, each, NULL)
{
	static const struct {
		const char *issuer, *jwks, *words;
	} bad[] = {
		{ "x", "file:none.json", "jwks: cannot read none.json: No such file" },
		{ "x", "file:bad.json", "jwks: bad.json: the key set is not a JSON object" },
		{ "x", "file:empty.json", "has no key that verifies" },
		{ "x", "keys.json", "jwks: expected an http" },
		{ "x", "ftp://idp.example/keys", "jwks: expected an http" },
		{ "x", "https://", "jwks: expected an http" },
		{ "x", "https://idp.example/a b", "jwks: expected an http" },
		{ "x", "https://idp.example/caf\xc3\xa9", "jwks: expected an http" },
		{ "idp.example", "", "jwks: is needed" },
		{ "https://idp.example/?a", "", "jwks: is needed" },
		{ "[x, y, x]", "https://idp.example/keys", "issuer: x stands twice" },
		{ "[https://idp.example/, y]", "", "jwks: is needed: the issuer y is no URL" },
		{ "[]", "https://idp.example/keys", "issuer or introspection is required" },
	};
	kit_file("bad.json", "keys");
	kit_file("empty.json", "{\"keys\":[]}");
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", bad[n].issuer,
			"jwks", bad[n].jwks, NULL);
		if (kit_check(i) == 0 || !strstr(kit_errors(i), bad[n].words))
			fail_msg("row %zu: %s", n, kit_errors(i));
		kit_stop(i);
	}
}

TEST_WITH(reports_bad_lists_of_issuers, each, NULL)
{
	static const char *const bad[][3] = {
		{ "issuer", IDP, "issuers: stands beside issuer" },
		{ "jwks", KEYS_URL, "jwks: stands beside issuers" },
		{ "issuers", "{x: discover}", "issuers: is needed: the issuer x is no URL" },
		{ "issuers", "{x: keys.json}", "issuers: expected an http" },
		{ "max_stale", "1m", "max_stale: is shorter than refresh" },
	};
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
			"{" IDP ": discover}", bad[n][0], bad[n][1], NULL);
		if (kit_check(i) == 0 || !strstr(kit_errors(i), bad[n][2]))
			fail_msg("row %zu: %s", n, kit_errors(i));
		kit_stop(i);
	}
}

/* A reload must neither make requests wait for keys nor ask the issuer again. */
TEST_WITH(inherits_keys, each, NULL)
{
	uint64_t pause;
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *old = by_url();
	kit_start(old);
	kit_advance(10);
	uint64_t generation = keys_of(old)->generation;
	for (int n = 0; n < 20; n++) {
		sluice_instance *new = by_url();
		assert_int_equal(kit_check(new), 0);
		assert_int_equal(keys_of(new)->generation, generation);
		kit_start(new);
		kit_stop(old);
		old = new;
		kit_advance(1000);
	}
	assert_int_equal(kit_fetches(NULL), 1);
	assert_true(kit_timer(old, &pause));
	assert_true(pause <= 280000); /* counted from the fetch, not from the reload */
	/* another source does not inherit */
	sluice_instance *other =
		kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL "2", NULL);
	assert_int_equal(kit_check(other), 0);
	assert_null(keys_of(other));
	kit_stop(other);
	other = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL, "ca_file",
		"ca.pem", NULL);
	assert_int_equal(kit_check(other), 0);
	assert_null(keys_of(other));
	kit_stop(other);
	kit_stop(old);
}

TEST_WITH(says_what_is_unsafe, each, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"http://idp.example/keys", NULL);
	kit_start(i);
	assert_non_null(strstr(kit_log(), "without TLS"));
	kit_stop(i);
}

static int setup(void **state)
{
	(void)state;
	keys_a = mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL);
	keys_b = mint_jwks(mint_jwk(MINT_P256, "b", NULL), NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_reset();
	mint_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
