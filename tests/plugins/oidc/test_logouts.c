/* Logouts by the provider: what ends which sessions, and tokens that end none. */
#include <stdio.h>

#include "browser.h"
#include "fake_redis.h"
#include "remote.h"

#define EVENT "\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}"

static int no_more(void **state)
{
	fake_redis_for(NULL);
	return all_end(state);
}

TEST_GROUP(NULL, no_more);

static int with_redis(void **state)
{
	(void)each(state);
	fake_redis_for(kit_store("redis", SLUICE_STORE_REDIS));
	return 0;
}

static sluice_instance *site(void)
{
	return started(INSTANCE("store", "redis", "backchannel_logout_path", "/back",
		"frontchannel_logout_path", "/front", "min_refresh", "1s", NULL));
}

/* A person of this sub and sid logs in; the cookie. */
static char *log_in_as(sluice_instance *i, const char *sid)
{
	take_session_with(i, mint_text(",\"sid\":\"%s\"", sid));
	return mint_text("%s", cookie);
}

static bool is_in(sluice_instance *i, const char *as)
{
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, "Cookie", as, NULL);
	kit_advance(2);
	bool is = kit_verdict(x) == SLUICE_NEXT;
	assert_true(is || kit_status(x) == 302);
	kit_end(x);
	return is;
}

static const char *times(void)
{
	return mint_text("\"iat\":%llu,\"exp\":%llu", (unsigned long long)(sluice_unix_ms() / 1000),
		(unsigned long long)(sluice_unix_ms() / 1000 + 120));
}

/* claims: beyond iss, aud, iat and exp. */
static char *logout_token(const char *header, const char *claims)
{
	return mint_token(MINT_RSA, "RS256", header,
		mint_text("{\"iss\":\"" IDP "\",\"aud\":\"me\",%s%s}", times(), claims));
}

static char *usual(const char *claims)
{
	return logout_token("{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"logout+jwt\"}", claims);
}

static sluice_exchange *post(sluice_instance *i, const char *body)
{
	sluice_exchange *x = kit_request(i, "POST", "/back", "Content-Type",
		"application/x-www-form-urlencoded", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	(void)kit_body_in(x, SLUICE_REQUEST, body, strlen(body), true);
	kit_advance(300);
	return x;
}

static void answers(sluice_instance *i, const char *token, int status, const char *code)
{
	sluice_exchange *x = post(i, mint_text("a=b&logout_token=%s", token));
	if (kit_status(x) != status)
		fail_msg("%d %s: %s", kit_status(x), kit_code(x) ? kit_code(x) : "", kit_log());
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	if (code)
		assert_string_equal(kit_code(x), code);
	kit_end(x);
}

TEST_WITH(a_sid_ends_one_session_and_a_sub_all, with_redis, NULL)
{
	sluice_instance *i = site();
	char *first = log_in_as(i, "s1"), *second = log_in_as(i, "s2"), *third = log_in_as(i, "s3");
	answers(i, usual(",\"jti\":\"1\",\"sid\":\"s1\",\"sub\":\"alice\"," EVENT), 200, NULL);
	assert_false(is_in(i, first));
	assert_true(is_in(i, second));
	answers(i, usual(",\"jti\":\"2\",\"sub\":\"bob\"," EVENT), 200, NULL);
	assert_true(is_in(i, second));
	/* without typ, as older providers send it */
	answers(i,
		logout_token("{\"alg\":\"RS256\",\"kid\":\"a\"}",
			",\"jti\":\"3\",\"sub\":\"alice\"," EVENT),
		200, NULL);
	assert_false(is_in(i, second));
	assert_false(is_in(i, third));
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	assert_int_equal(fake_redis_keys("sluice:oidc:sub:"), 0);
	kit_stop(i);
}

TEST_WITH(a_login_too_many_ends_the_oldest, with_redis, NULL)
{
	sluice_instance *i = site();
	char *first = log_in_as(i, "s0"), *second = log_in_as(i, "s1");
	for (int n = 2; n < REMOTE_INDEX_MAX; n++)
		(void)log_in_as(i, mint_text("s%d", n));
	assert_true(is_in(i, first));
	(void)log_in_as(i, "more");
	assert_false(is_in(i, first));
	assert_true(is_in(i, second));
	assert_int_equal(fake_redis_members("sluice:oidc:sub:"), REMOTE_INDEX_MAX);
	kit_stop(i);
}

/* Redis does not answer when the oldest is deleted: the index still leads to it. */
TEST_WITH(a_session_that_could_not_be_deleted_stays_in_the_index, with_redis, NULL)
{
	sluice_instance *i = site();
	char *first = log_in_as(i, "s0");
	for (int n = 1; n < REMOTE_INDEX_MAX; n++)
		(void)log_in_as(i, mint_text("s%d", n));
	fake_redis_fail_deletes(1);
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", ",\"sid\":\"more\""));
	kit_end(come_back(i));
	assert_true(is_in(i, first));
	answers(i, usual(",\"jti\":\"1\",\"sub\":\"alice\"," EVENT), 200, NULL);
	assert_false(is_in(i, first));
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	kit_stop(i);
}

TEST_WITH(a_token_is_used_once, with_redis, NULL)
{
	sluice_instance *i = site();
	char *token = usual(",\"jti\":\"1\",\"sub\":\"alice\"," EVENT);
	(void)log_in_as(i, "s1");
	answers(i, token, 200, NULL);
	char *again = log_in_as(i, "s2");
	answers(i, token, 400, "logout-refused");
	assert_true(is_in(i, again));
	/* and is of no use when it would not be remembered any more */
	assert_int_equal(fake_redis_keys("sluice:oidc:jti:"), 1);
	kit_advance(11 * 60000);
	assert_int_equal(fake_redis_keys("sluice:oidc:jti:"), 0);
	answers(i, token, 400, "logout-refused");
	assert_true(is_in(i, again));
	kit_stop(i);
}

TEST_WITH(a_logout_that_failed_may_be_sent_again, with_redis, NULL)
{
	sluice_instance *i = site();
	char *token = usual(",\"jti\":\"1\",\"sub\":\"alice\"," EVENT), *as = log_in_as(i, "s1");
	fake_redis_set_down(true);
	answers(i, token, 400, "logout-failed");
	fake_redis_set_down(false);
	assert_true(is_in(i, as));
	answers(i, token, 200, NULL);
	assert_false(is_in(i, as));
	kit_stop(i);
}

TEST_WITH(tokens_that_end_nothing, with_redis, NULL)
{
	sluice_instance *i = site();
	char *as = log_in_as(i, "s1");
	const char *t = times(), *good = ",\"jti\":\"9\",\"sub\":\"alice\"," EVENT;
	const char *h = "{\"alg\":\"RS256\",\"kid\":\"a\"}";
	const char *old = mint_text("\"iat\":%llu,\"exp\":%llu",
		(unsigned long long)(sluice_unix_ms() / 1000 - 700),
		(unsigned long long)(sluice_unix_ms() / 1000 + 700));
#define CLAIMS(iss, aud, when, more) \
	mint_text("{\"iss\":\"%s\",\"aud\":%s,%s%s}", iss, aud, when, more)
	const char *const wrong[] = {
		usual(",\"jti\":\"9\",\"sub\":\"alice\""),
		usual(",\"jti\":\"9\",\"sub\":\"alice\",\"events\":{\"other\":{}}"),
		usual(",\"jti\":\"9\",\"sub\":\"alice\",\"events\":[\"http://schemas.openid.net/"
		      "event/"
		      "backchannel-logout\"]"),
		usual(",\"jti\":\"9\",\"sub\":\"alice\",\"events\":{\"http://schemas.openid.net/"
		      "event/"
		      "backchannel-logout\":true}"),
		usual(",\"sub\":\"alice\"," EVENT),
		usual(",\"jti\":7,\"sub\":\"alice\"," EVENT),
		usual(",\"jti\":\"9\"," EVENT),
		usual(",\"jti\":\"9\",\"sub\":\"\"," EVENT),
		usual(",\"jti\":\"9\",\"sid\":[\"s1\"]," EVENT),
		usual(",\"jti\":\"9\",\"sub\":\"alice\",\"nonce\":\"n\"," EVENT),
		usual(",\"jti\":\"9\",\"sub\":\"alice\",\"nonce\":null," EVENT),
		logout_token("{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"at+jwt\"}", good),
		mint_token(MINT_RSA, "RS256", h, CLAIMS("https://evil.example", "\"me\"", t, good)),
		mint_token(MINT_RSA, "RS256", h, CLAIMS(IDP, "\"another\"", t, good)),
		mint_token(MINT_RSA, "RS256", h, CLAIMS(IDP, "[\"me\",\"x\"]", t, good)),
		mint_token(MINT_RSA, "RS256", h, CLAIMS(IDP, "\"me\"", "\"iat\":1", good)),
		mint_token(MINT_RSA, "RS256", h, CLAIMS(IDP, "\"me\"", "\"exp\":9999999999", good)),
		mint_token(MINT_RSA, "RS256", h, CLAIMS(IDP, "\"me\"", old, good)),
		mint_token(MINT_RSA_OTHER, "RS256", h, CLAIMS(IDP, "\"me\"", t, good)),
		mint_token(MINT_RSA, "HS256", "{\"alg\":\"HS256\",\"kid\":\"a\"}",
			CLAIMS(IDP, "\"me\"", t, good)),
		mint_parts("{\"alg\":\"none\"}", CLAIMS(IDP, "\"me\"", t, good), ""),
		id_token(MINT_RSA, "a", ""),
		"x",
		"",
	};
	for (size_t n = 0; n < sizeof wrong / sizeof wrong[0]; n++) {
		if (!is_in(i, as))
			fail_msg("before %zu", n);
		answers(i, wrong[n], 400, "logout-refused");
	}
	static const char *const bodies[] = { "", "token=a", "logout_token=a&logout_token=b",
		"logout_token=%zz" };
	for (size_t n = 0; n < sizeof bodies / sizeof bodies[0]; n++)
		expect(post(i, bodies[n]), 400, "logout-refused");
	expect(kit_request(i, "GET", "/back", NULL), 400, "logout-refused");
	assert_true(is_in(i, as));
	kit_stop(i);
}

/* A logout token is signed by the provider and for this client, and logs nobody in. */
TEST_WITH(a_logout_token_is_no_id_token, with_redis, NULL)
{
	sluice_instance *i = site();
	static const char *const headers[] = { "{\"alg\":\"RS256\",\"kid\":\"a\"}",
		"{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"logout+jwt\"}" };
	for (size_t n = 0; n < 2; n++) {
		begin(i, "/");
		answer_tokens(logout_token(headers[n],
			mint_text(",\"jti\":\"1\",\"sub\":\"alice\",\"nonce\":\"%s\"," EVENT,
				login_nonce)));
		expect(come_back(i), 403, "login-token");
	}
	kit_stop(i);
}

TEST_WITH(a_key_that_is_new, with_redis, NULL)
{
	sluice_instance *i = site();
	char *as = log_in_as(i, "s1");
	kit_advance(2000);
	kit_fetch_answer(IDP "/keys", 200, mint_jwks(mint_jwk(MINT_RSA_OTHER, "b", NULL), NULL));
	answers(i,
		mint_token(MINT_RSA_OTHER, "RS256", "{\"alg\":\"RS256\",\"kid\":\"b\"}",
			mint_text("{\"iss\":\"" IDP
				  "\",\"aud\":\"me\",%s,\"jti\":\"1\",\"sid\":\"s1\"," EVENT "}",
				times())),
		200, NULL);
	assert_false(is_in(i, as));
	assert_int_equal(kit_fetches(IDP "/keys"), 2);
	kit_stop(i);
}

/* The hundred-and-first session of a user ends the first. */
TEST_WITH(sessions_of_one_user_are_bounded, with_redis, NULL)
{
	sluice_instance *i = site();
	char *first = log_in_as(i, "s"), *last = NULL;
	for (int n = 0; n < 100; n++)
		last = log_in_as(i, "s");
	assert_false(is_in(i, first));
	assert_true(is_in(i, last));
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 100);
	answers(i, usual(",\"jti\":\"1\",\"sub\":\"alice\"," EVENT), 200, NULL);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	kit_stop(i);
}

/* ---- the front channel --------------------------------------------------------------------- */

static sluice_exchange *front(sluice_instance *i, const char *query, const char *as)
{
	sluice_exchange *x =
		kit_request(i, "GET", mint_text("/front?%s", query), "Cookie", as, NULL);
	kit_advance(5);
	return x;
}

static void front_channel(sluice_instance *i)
{
	static const char *const wrong[] = { "", "iss=https%3A%2F%2Fidp.example", "sid=s1",
		"iss=https%3A%2F%2Fevil.example&sid=s1", "iss=https%3A%2F%2Fidp.example&sid=s2",
		"iss=https%3A%2F%2Fidp.example&sid=s1&sid=s1" };
	char *as = log_in_as(i, "s1");
	for (size_t n = 0; n < sizeof wrong / sizeof wrong[0]; n++)
		expect(front(i, wrong[n], as), 400, "logout-refused");
	assert_true(is_in(i, as));
	sluice_exchange *x = front(i, "iss=https%3A%2F%2Fidp.example&sid=s1", as);
	assert_int_equal(kit_status(x), 200);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Content-Security-Policy"),
		"default-src 'none'; frame-ancestors https://idp.example");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"),
		"__Host-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
	kit_end(x);
	x = front(i, "iss=https%3A%2F%2Fidp.example&sid=s1", "a=b");
	assert_int_equal(kit_status(x), 200);
	kit_end(x);
}

TEST_WITH(by_the_front_channel, with_redis, NULL)
{
	sluice_instance *i = site();
	front_channel(i);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	kit_stop(i);
	i = started(INSTANCE("frontchannel_logout_path", "/front", NULL));
	front_channel(i);
	kit_stop(i);
}

/* ---- what is asked of a login -------------------------------------------------------------- */

static void login_with(sluice_instance *i, const char *claims, int status)
{
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", claims));
	sluice_exchange *x = come_back(i);
	if (kit_status(x) != status)
		fail_msg("%s: %d", claims, kit_status(x));
	kit_end(x);
}

static const char *logged_in_ago(uint64_t s)
{
	return mint_text(",\"auth_time\":%llu", (unsigned long long)(sluice_unix_ms() / 1000 - s));
}

TEST_WITH(how_and_when_the_user_logged_in, with_redis, NULL)
{
	sluice_instance *i = started(INSTANCE("acr_values", "[gold, silver]", NULL));
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, NULL);
	const char *location = kit_header(x, SLUICE_RESPONSE, "Location");
	assert_non_null(strstr(location, "&acr_values=gold%20silver"));
	assert_null(strstr(location, "claims="));
	assert_null(strstr(location, "max_age="));
	kit_end(x);
	login_with(i, ",\"acr\":\"silver\"", 303);
	login_with(i, ",\"acr\":\"bronze\"", 403);
	login_with(i, ",\"acr\":[\"gold\"]", 403);
	login_with(i, "", 403);
	kit_stop(i);
	i = started(INSTANCE("acr_values", "gold", "acr_essential", "true", "max_age", "5m", NULL));
	x = kit_request(i, "GET", "/", NAVIGATION, NULL);
	location = kit_header(x, SLUICE_RESPONSE, "Location");
	assert_non_null(strstr(location,
		"&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22essential%22%3Atrue%2C%22values"
		"%22%3A%5B%22gold%22%5D%7D%7D%7D&max_age=300"));
	kit_end(x);
	static const char gold[] = ",\"acr\":\"gold\"";
	login_with(i, mint_text("%s%s", gold, logged_in_ago(290)), 303);
	login_with(i, mint_text("%s%s", gold, logged_in_ago(310)), 403);
	login_with(i, mint_text("%s%s", gold, logged_in_ago((uint64_t)-60)), 403);
	login_with(i, mint_text("%s,\"auth_time\":\"1\"", gold), 403);
	login_with(i, gold, 403);
	/* the time at the provider is not counted */
	begin(i, "/");
	const char *ago = logged_in_ago(299);
	kit_advance(60000);
	answer_tokens(id_token(MINT_RSA, "a", mint_text("%s%s", gold, ago)));
	x = come_back(i);
	assert_int_equal(kit_status(x), 303);
	kit_end(x);
	kit_stop(i);
}

static void wrong(sluice_instance *i, const char *says)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("%s", kit_errors(i));
	kit_stop(i);
}

TEST_WITH(what_cannot_be_asked, with_redis, NULL)
{
	wrong(INSTANCE("acr_values", "[\"a b\"]", NULL), "acr_values: \"a b\" is no value of acr");
	wrong(INSTANCE("acr_essential", "true", NULL), "acr_essential: needs acr_values");
	wrong(INSTANCE("max_age", "1m", "authorization_params", "{max_age: 5}", NULL),
		"authorization_params: max_age is set by the plugin itself");
	wrong(INSTANCE("acr_values", "a", "authorization_params", "{acr_values: b}", NULL),
		"authorization_params: acr_values is set by the plugin itself");
}
