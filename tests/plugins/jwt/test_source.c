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
#define OAUTH "https://idp.example/.well-known/oauth-authorization-server"
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
	kit_fetch_answer(OAUTH, 200, "{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer("https://keys.example/new", 200, keys_a);
	kit_log();
	kit_advance(300000);
	assert_string_equal(kid_of(i), "a");
	assert_non_null(strstr(kit_log(),
		"discovery at " DISCOVERY ": it answered with status 500; the keys are fetched"));
	assert_int_equal(kit_fetches(OAUTH), 0); /* it is out of order, not elsewhere */
	kit_fetch_answer(OAUTH, 404, "");
	/* and a document of somebody else's changes nothing */
	kit_fetch_answer(DISCOVERY, 200,
		"{\"issuer\":\"https://evil.example/\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
}

#define DOCUMENT(issuer) "{\"issuer\":\"" issuer "\",\"jwks_uri\":\"" KEYS_URL "\"}"

/* RFC 8414: an authorization server that is no OpenID provider. */
TEST_WITH(an_issuer_without_openid_is_discovered_too, each, NULL)
{
	kit_fetch_answer(DISCOVERY, 404, "<html>");
	kit_fetch_answer(OAUTH, 200, DOCUMENT(IDP));
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(i);
	kit_advance(20);
	assert_string_equal(kid_of(i), "a");
	assert_null(strstr(kit_log(), "error")); /* the way that has no document is no failure */
	/* the way that worked is remembered */
	kit_fetch_answer(KEYS_URL, 200, keys_b);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "b");
	assert_int_equal(kit_fetches(DISCOVERY), 1);
	assert_int_equal(kit_fetches(OAUTH), 2);
	/* and left when the issuer has its document at the other place from now on */
	kit_fetch_answer(OAUTH, 404, "");
	kit_fetch_answer(DISCOVERY, 200, DOCUMENT(IDP));
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_advance(300000);
	assert_string_equal(kid_of(i), "a");
	kit_advance(300000);
	assert_int_equal(kit_fetches(OAUTH), 3);
	assert_int_equal(kit_fetches(DISCOVERY), 3);
	kit_stop(i);
}

TEST_WITH(one_way_alone_is_asked_where_the_option_says_so, each, NULL)
{
	static const struct {
		const char *word, *asked, *other;
	} rows[] = { { "oauth", OAUTH, DISCOVERY }, { "openid", DISCOVERY, OAUTH } };
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_answer(OAUTH, 200, DOCUMENT(IDP));
	kit_fetch_answer(DISCOVERY, 200, DOCUMENT(IDP));
	for (int n = 0; n < 2; n++) {
		unsigned before = kit_fetches(rows[n].other);
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
			mint_text("{" IDP ": %s}", rows[n].word), NULL);
		kit_start(i);
		kit_advance(20);
		assert_string_equal(kid_of(i), "a");
		kit_fetch_answer(rows[n].asked, 404, "");
		kit_advance(600000);
		assert_int_equal(kit_fetches(rows[n].other), before);
		kit_fetch_answer(rows[n].asked, 200, DOCUMENT(IDP));
		kit_stop(i);
	}
}

TEST_WITH(a_document_of_another_issuer_is_believed_at_no_place, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_answer(DISCOVERY, 200, DOCUMENT("https://idp.example"));
	kit_fetch_answer(OAUTH, 200, DOCUMENT("https://evil.example/"));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(i);
	kit_advance(20);
	assert_null(keys_of(i));
	assert_non_null(strstr(kit_log(),
		"error: discovery at " DISCOVERY ": it names another issuer; discovery at " OAUTH
		": it names another issuer; there are no keys yet"));
	assert_int_equal(kit_fetches(KEYS_URL), 0);
	kit_stop(i);
}

/* RFC 9111: an answer that is current for a shorter time than refresh, and one that is not asked so
 * soon. */
TEST_WITH(keys_are_fetched_before_the_answer_expires, each, NULL)
{
	static const struct {
		const char *value;
		uint64_t least, most;
	} rows[] = { { "max-age=60", 48000, 60000 }, { "max-age=1", 16000, 20000 },
		{ "max-age=86400", 240000, 300000 }, { "no-cache", 240000, 300000 },
		{ "max-age=0", 240000, 300000 }, { "max-age=60, no-store", 240000, 300000 } };
	uint64_t in_ms;
	for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
		kit_fetch_answer(KEYS_URL, 200, keys_a);
		kit_fetch_field("Cache-Control", rows[n].value);
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
			KEYS_URL, "min_refresh", "20s", NULL);
		kit_start(i);
		kit_advance(5);
		assert_true(kit_timer(i, &in_ms));
		if (in_ms < rows[n].least || in_ms > rows[n].most)
			fail_msg("%s: %llu ms", rows[n].value, (unsigned long long)in_ms);
		kit_stop(i);
	}
}

TEST_WITH(answers_that_are_no_documents_are_refused, each, NULL)
{
	static const struct {
		const char *name, *value, *said;
	} rows[] = { { "Content-Encoding", "gzip", "its answer is encoded (gzip)" },
		{ "Content-Type", "text/html; charset=utf-8",
			"its answer is text/html, not JSON" } };
	for (size_t n = 0; n < 2; n++) {
		kit_fetch_answer(KEYS_URL, 200, keys_a);
		kit_fetch_field(rows[n].name, rows[n].value);
		sluice_instance *i = by_url();
		kit_start(i);
		kit_log();
		kit_advance(5);
		assert_null(keys_of(i));
		const char *log = kit_log();
		if (!strstr(log, "error: keys from " KEYS_URL) || !strstr(log, rows[n].said))
			fail_msg("%s", log);
		kit_stop(i);
	}
	assert_string_equal(kit_fetch_header("Accept-Encoding"), "identity");
}

/* Hundreds of keys: all of those within the bound are used, and the log names the others. */
TEST_WITH(keys_beyond_the_bound_are_named, each, NULL)
{
	const char *jwk = mint_jwk(MINT_P256, "same", NULL);
	size_t len = strlen(jwk), at = 0;
	char *text = malloc((KEYS_MAX + 2) * (len + 1) + 100);
	at += (size_t)sprintf(text, "{\"keys\":[");
	for (int i = 0; i < KEYS_MAX; i++)
		at += (size_t)sprintf(text + at, "%s,", jwk);
	(void)sprintf(text + at, "%s]}", mint_jwk(MINT_P256, "one-too-many", NULL));
	kit_fetch_answer(KEYS_URL, 200, text);
	free(text);
	sluice_instance *i = by_url();
	kit_start(i);
	kit_advance(5);
	assert_int_equal(keys_of(i)->n, KEYS_MAX);
	assert_non_null(strstr(kit_log(),
		"1024 keys from " KEYS_URL
		"; only the first 1024 are used, left out: one-too-many"));
	kit_stop(i);
}

TEST_WITH(the_state_of_sources_is_told, each, NULL)
{
	sluice_dependency d;
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
		"{" IDP ": " KEYS_URL ", other: https://b.example/k}", "max_stale", "10m",
		"ready_wait", "30s", NULL);
	kit_start(i);
	assert_true(kit_dependency(i, IDP, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_AWAITED);
	assert_int_equal(d.ready_wait_ms, 30000);
	kit_advance(5); /* nobody answers */
	assert_true(kit_dependency(i, IDP, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_AWAITED);
	assert_int_equal(d.failures, 1);
	assert_int_equal(d.current_ns, 0);
	assert_true(sluice_str_starts(d.text, SLUICE_STR("keys from " KEYS_URL)));
	assert_true(sluice_str_is(d.source, KEYS_URL));
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_advance(1000);
	assert_true(kit_dependency(i, IDP, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_OK);
	assert_int_equal(d.entries, 1);
	assert_int_equal(d.text.len, 0);
	assert_true(d.next_ns > d.current_ns);
	kit_fetch_fail(KEYS_URL, SLUICE_TIMEOUT);
	kit_advance(300000);
	assert_true(kit_dependency(i, IDP, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_FAILING);
	assert_int_equal(d.entries, 1);
	assert_true(d.text.len > 0);
	kit_advance(600000);
	assert_true(kit_dependency(i, IDP, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_LOST);
	assert_int_equal(d.entries, 0);
	assert_true(kit_dependency(i, "other", &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_AWAITED);
	assert_false(kit_dependency(i, "none", &d));
	kit_stop(i);
}

TEST_WITH(keys_are_fetched_through_the_proxy_that_is_configured, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_file("proxy.secret", "gateway:s3cret\n");
	sluice_instance *plain = by_url();
	kit_start(plain);
	assert_string_equal(kit_fetch_proxy(), "");
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"fetch_proxy.url", "http://proxy.example:3128", "fetch_proxy.credentials",
		"file:proxy.secret", NULL);
	kit_start(i);
	assert_string_equal(kit_fetch_proxy(), "http://proxy.example:3128 gateway:s3cret");
	assert_int_equal(kit_fetches(KEYS_URL), 2); /* another way is another source */
	kit_advance(5);
	assert_string_equal(kid_of(i), "a");
	kit_stop(i);
	kit_stop(plain);
}

TEST_WITH(reports_bad_proxies, each, NULL)
{
	static const struct {
		const char *url, *credentials, *words;
	} bad[] = { { "https://proxy.example", "", "fetch_proxy.url: expected http://HOST:PORT" },
		{ "proxy.example:3128", "", "fetch_proxy.url: expected" },
		{ "http://a:b@proxy.example", "", "fetch_proxy.url: expected" },
		{ "http://proxy.example/path", "", "fetch_proxy.url: expected" },
		{ "http://proxy.example?a", "", "fetch_proxy.url: expected" },
		{ "http:///", "", "fetch_proxy.url: expected" },
		{ "direct", "a:b", "fetch_proxy.credentials: are for no proxy" },
		{ "", "a:b", "fetch_proxy.credentials: are for no proxy" },
		{ "http://proxy.example", "secret", "fetch_proxy.credentials: expected USER:" } };
	for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
			KEYS_URL, "fetch_proxy.url", bad[n].url, "fetch_proxy.credentials",
			bad[n].credentials, NULL);
		if (kit_check(i) == 0 || !strstr(kit_errors(i), bad[n].words))
			fail_msg("row %zu: %s", n, kit_errors(i));
		if (strstr(kit_errors(i), "secret"))
			fail_msg("row %zu tells the secret", n);
		kit_stop(i);
	}
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
