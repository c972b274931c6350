/* Keys that come late, change, or are no longer believed, and the requests that wait for them. */
#include <sluice/plugin.h>
#include <sluice/str.h>

#include <stdio.h>
#include <stdlib.h>

#include "kit.h"
#include "mint.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define KEYS_URL "https://idp.example/keys"
#define GOOD "\"iss\":\"" IDP "\",\"exp\":1700000100,\"sub\":\"alice\""

static const char *keys_a, *keys_ab, *token, *token_b;

static sluice_exchange *request(sluice_instance *i, const char *text)
{
	return kit_request(i, "GET", "/a", "Authorization", mint_text("Bearer %s", text), NULL);
}

/* A refused request: status, code, and the words that WWW-Authenticate must have. */
static void expect(sluice_exchange *x, int status, const char *code, const char *words)
{
	const char *challenge = kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate");
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), status);
	assert_string_equal(kit_code(x), code);
	if (!words)
		assert_null(challenge);
	else if (!challenge || !strstr(challenge, words))
		fail_msg("%s: %s", code, challenge ? challenge : "(no challenge)");
	kit_end(x);
}

static void admit(sluice_exchange *x)
{
	if (kit_verdict(x) != SLUICE_NEXT)
		fail_msg("refused: %s", kit_code(x) ? kit_code(x) : "?");
	kit_end(x);
}

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static sluice_instance *url_instance(void)
{
	sluice_instance *i =
		kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL, NULL);
	kit_start(i);
	return i;
}

TEST_WITH(waits_for_the_first_keys, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_delay(1000);
	sluice_instance *i = url_instance();
	sluice_exchange *x = request(i, token), *gone = request(i, token),
			*bad = request(i, "x.y.z");
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	expect(bad, 401, "token-malformed", "invalid_token"); /* that much is known without keys */
	kit_advance(999);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_end(gone); /* the client left */
	kit_advance(1);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	admit(x);
	kit_stop(i);
}

TEST_WITH(gives_up_without_keys, each, NULL)
{
	kit_fetch_delay(4000);
	sluice_instance *i = url_instance();
	sluice_exchange *x = request(i, token);
	kit_advance(2999);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	expect(x, 503, "jwks-unavailable", NULL);
	kit_advance(100000);
	/* between tries that are far apart, the answer is there at once */
	uint64_t pause;
	unsigned refused = 0;
	for (int n = 0; n < 60; n++) {
		x = request(i, token);
		if (kit_verdict(x) == SLUICE_REPLY)
			refused++;
		if (kit_timer(i, &pause) && pause > 3000)
			assert_int_equal(kit_verdict(x), SLUICE_REPLY);
		kit_end(x);
		kit_advance(1000);
	}
	assert_true(refused > 20);
	kit_stop(i);
}

TEST_WITH(fetches_early_for_unknown_keys, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_fetch_delay(50);
	sluice_instance *i = url_instance();
	kit_advance(50);
	/* too soon after the last fetch: refused at once */
	expect(request(i, token_b), 401, "token-key-unknown", "invalid_token");
	kit_advance(10000);
	kit_fetch_answer(KEYS_URL, 200, keys_ab);
	sluice_exchange *x[20];
	for (int n = 0; n < 20; n++) {
		x[n] = request(i, token_b);
		assert_int_equal(kit_verdict(x[n]), SLUICE_WAIT);
	}
	kit_advance(49);
	admit(request(i, token)); /* known ones do not wait */
	kit_advance(1);
	for (int n = 0; n < 20; n++)
		admit(x[n]);
	assert_int_equal(kit_fetches(NULL), 2); /* one for all of them */
	admit(request(i, token_b));
	/* a flood of made-up names costs one fetch in ten seconds */
	for (int n = 0; n < 1000; n++) {
		sluice_exchange *y =
			request(i, mint(MINT_P256, "ES256", mint_text("k%d", n), "{" GOOD "}"));
		kit_advance(60);
		expect(y, 401, "token-key-unknown", "invalid_token");
	}
	assert_in_range(kit_fetches(NULL), 7, 9);
	kit_stop(i);
}

TEST_WITH(fetches_early_for_nameless_keys, each, NULL)
{
	const char *nameless = mint(MINT_P384, "ES384", NULL, "{" GOOD "}");
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_P256, NULL, NULL), NULL));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"algorithms", "[ES256, ES384]", NULL);
	kit_start(i);
	kit_advance(20000);
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_P384, NULL, NULL), NULL));
	sluice_exchange *x = request(i, nameless);
	kit_advance(10);
	admit(x);
	kit_stop(i);
}

TEST_WITH(bounds_the_wait_for_unknown_keys, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = url_instance();
	kit_advance(20000);
	kit_fetch_fail(KEYS_URL, SLUICE_UNREACHABLE);
	sluice_exchange *x = request(i, token_b);
	kit_advance(3000); /* key_wait, at most */
	expect(x, 401, "token-key-unknown", "invalid_token");
	kit_advance(20000);
	kit_fetch_delay(4500);
	x = request(i, token_b);
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(3000);
	expect(x, 401, "token-key-unknown", "invalid_token");
	admit(request(i, token));
	kit_stop(i);
}

TEST_WITH(the_first_failed_fetch_does_not_end_the_wait, each, NULL)
{
	sluice_instance *i = url_instance(); /* nobody answers */
	sluice_exchange *x = request(i, token);
	kit_advance(600);
	assert_true(kit_fetches(NULL) >= 2);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	kit_advance(1500);
	admit(x);
	/* the same for a key that is not known yet */
	kit_advance(20000);
	kit_fetch_answer(KEYS_URL, 500, "");
	x = request(i, token_b);
	kit_advance(100);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_fetch_answer(KEYS_URL, 200, keys_ab);
	kit_advance(300);
	admit(x);
	kit_stop(i);
}

TEST_WITH(a_new_key_under_an_old_name_is_accepted_soon, each, NULL)
{
	const char *claims = "{\"iss\":\"" IDP "\",\"exp\":1800000000}",
		   *text = mint(MINT_RSA, "RS256", "b", claims);
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_RSA_OTHER, "b", NULL), NULL));
	sluice_instance *i = url_instance();
	kit_advance(20000);
	kit_fetch_answer(KEYS_URL, 200, keys_ab); /* the same name, another key */
	sluice_exchange *x = request(i, text);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(10);
	admit(x);
	kit_advance(20000);
	/* of another type even */
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_P256, "b", NULL), NULL));
	kit_advance(300000);
	kit_fetch_answer(KEYS_URL, 200, keys_ab);
	x = request(i, text);
	kit_advance(10);
	admit(x);
	/* a flood of forged signatures costs one fetch in ten seconds, and what is refused by
	 * configuration costs none */
	unsigned before = kit_fetches(NULL);
	for (int n = 0; n < 600; n++) {
		x = request(i, mint(MINT_RSA_OTHER, "RS256", "b", claims));
		kit_advance(100);
		expect(x, 401, "token-signature", "invalid_token");
		expect(request(i, mint(MINT_RSA, "RS512", "b", claims)), 401, "token-algorithm",
			"invalid_token");
	}
	assert_in_range(kit_fetches(NULL) - before, 5, 8);
	kit_stop(i);
}

TEST_WITH(an_issuer_without_keys_refuses_all_tokens, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = url_instance();
	kit_advance(10);
	const char *text =
		mint(MINT_P256, "ES256", "a", "{\"iss\":\"" IDP "\",\"exp\":1800000000}");
	admit(request(i, text));
	kit_fetch_answer(KEYS_URL, 200, "{\"keys\":[]}");
	kit_advance(300000);
	sluice_exchange *x = request(i, text);
	kit_advance(10);
	expect(x, 401, "token-key-unknown", "invalid_token");
	kit_stop(i);
}

TEST_WITH(keys_beyond_their_maximum_age_verify_nothing, each, NULL)
{
	kit_fetch_answer(KEYS_URL, 200, keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", KEYS_URL,
		"max_stale", "10m", NULL);
	kit_start(i);
	kit_advance(5);
	const char *text =
		mint(MINT_P256, "ES256", "a", "{\"iss\":\"" IDP "\",\"exp\":1800000000}");
	admit(request(i, text));
	kit_fetch_fail(KEYS_URL, SLUICE_UNREACHABLE);
	kit_advance(599990);
	admit(request(i, text));
	kit_advance(20);
	sluice_exchange *x = request(i, text); /* remembered or not */
	kit_advance(3000);
	expect(x, 503, "jwks-unavailable", NULL);
	kit_stop(i);
}

/* Some servers take a key in the query. */
TEST_WITH(the_query_of_a_url_is_not_shown, each, NULL)
{
	sluice_dependency d;
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"http://idp.example/keys?api-key=hush", "introspection.url",
		"http://idp.example/ask?api-key=hush", "introspection.client_id", "a",
		"introspection.client_secret", "hush", NULL);
	kit_start(i);
	kit_advance(5); /* nobody answers */
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Authorization", "Bearer opaque-token", NULL);
	kit_advance(100);
	assert_string_equal(kit_code(x), "introspection-unavailable");
	assert_null(strstr(kit_detail(x), "opaque-token"));
	kit_end(x);
	assert_true(kit_dependency(i, IDP, &d));
	assert_true(sluice_str_is(d.source, "http://idp.example/keys"));
	assert_null(memmem(d.text.data, d.text.len, "hush", 4));
	kit_fetch_answer("http://idp.example/keys?api-key=hush", 200, keys_a);
	kit_advance(1000);
	const char *log = kit_log();
	assert_non_null(strstr(log, "keys from http://idp.example/keys: "));
	assert_non_null(strstr(log, "1 keys from http://idp.example/keys"));
	assert_non_null(strstr(log, "introspection at http://idp.example/ask fails"));
	assert_null(strstr(log, "hush"));
	assert_null(strstr(log, "opaque-token"));
	kit_stop(i);
}

static int setup(void **state)
{
	(void)state;
	keys_a = mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL);
	keys_ab = mint_jwks(mint_jwk(MINT_P256, "a", NULL), mint_jwk(MINT_RSA, "b", NULL), NULL);
	token = mint(MINT_P256, "ES256", "a",
		"{" GOOD ",\"roles\":[\"r1\",\"r2\"],\"org\":{\"id\":7},\"ok\":true}");
	token_b = mint(MINT_RSA, "RS256", "b", "{" GOOD "}");
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
