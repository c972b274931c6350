/* Sessions in Redis: what lies there, how long, refreshes of several gateways, a store that is
 * down. */
#include <stdio.h>
#include <stdlib.h>

#include "browser.h"
#include "fake_redis.h"

static int no_more(void **state)
{
	fake_redis_for(NULL);
	return all_end(state);
}

TEST_GROUP(NULL, no_more);

static sluice_store *redis;

static int with_redis(void **state)
{
	(void)each(state);
	redis = kit_store("redis", SLUICE_STORE_REDIS);
	fake_redis_for(redis);
	return 0;
}

#define STORED(...) INSTANCE("store", "redis", __VA_ARGS__)

static sluice_exchange *ask(sluice_instance *i)
{
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, "Cookie", cookie, NULL);
	kit_advance(2);
	return x;
}

static void is_in(sluice_instance *i)
{
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Cookie"));
	kit_end(x);
}

static void is_out(sluice_instance *i)
{
	sluice_exchange *x = ask(i);
	assert_int_equal(kit_status(x), 302);
	kit_end(x);
}

TEST_WITH(the_browser_has_an_id_alone, with_redis, NULL)
{
	sluice_instance *i = started(STORED(NULL));
	take_session(i);
	assert_int_equal(strlen(cookie), strlen(SESSION) + 2 + 43);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 1);
	/* the store has neither the id nor a name */
	assert_int_equal(fake_redis_values(cookie + strlen(SESSION) + 2), 0);
	assert_int_equal(fake_redis_values("alice"), 0);
	is_in(i);
	assert_int_equal(fake_redis_commands("READ"), 1);
	kit_stop(i);
}

TEST_WITH(a_login_makes_a_new_id, with_redis, NULL)
{
	sluice_instance *i = started(STORED(NULL));
	take_session(i);
	const char *first = mint_text("%s", cookie);
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", ""));
	sluice_exchange *x = kit_request(i, "GET",
		mint_text("/oidc/callback?code=c%%2F1&state=%s", login_state), NAVIGATION, "Cookie",
		mint_text("%s; %s", cookie, first), NULL);
	kit_advance(50);
	assert_int_equal(kit_status(x), 303);
	take_cookie_at(x, 1);
	kit_end(x);
	assert_string_not_equal(cookie, first);
	is_in(i);
	/* the one before is gone */
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 1);
	(void)snprintf(cookie, sizeof cookie, "%s", first);
	is_out(i);
	kit_stop(i);
}

/* What lies under one key is of no use under another; nor is what somebody has made up. */
TEST_WITH(a_session_belongs_to_its_id, with_redis, NULL)
{
	sluice_instance *i = started(STORED(NULL));
	take_session(i);
	take_session(i);
	is_in(i);
	fake_redis_swap("sluice:oidc:s:");
	is_out(i);
	unsigned asked = fake_redis_commands("READ");
	static const char *const others[] = { "1.", "1.abc", "2.x",
		"1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*" };
	for (size_t n = 0; n < sizeof others / sizeof others[0]; n++) {
		(void)snprintf(cookie, sizeof cookie, SESSION "%s", others[n]);
		is_out(i);
	}
	assert_int_equal(fake_redis_commands("READ"), asked); /* nobody was asked */
	(void)snprintf(cookie, sizeof cookie,
		SESSION "1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	is_out(i);
	kit_stop(i);
}

TEST_WITH(how_long_it_lasts, with_redis, NULL)
{
	sluice_instance *i = started(STORED("session_lifetime", "1h", "session_idle", "8m", NULL));
	take_session(i);
	assert_in_range(fake_redis_ttl("sluice:oidc:s:"), 479000, 480000);
	kit_advance(50000);
	is_in(i);
	assert_int_equal(fake_redis_commands("PEXPIRE"), 0);
	for (int n = 0; n < 8; n++) { /* 56 minutes */
		kit_advance(7 * 60000);
		is_in(i);
	}
	assert_int_equal(fake_redis_commands("PEXPIRE"), 8);
	kit_advance(4 * 60000);
	is_out(i); /* session_lifetime */
	take_session(i);
	kit_advance(8 * 60000);
	is_out(i); /* session_idle */
	kit_stop(i);
}

TEST_WITH(idle_for_all_of_its_life, with_redis, NULL)
{
	sluice_instance *i = started(STORED("session_lifetime", "1h", "session_idle", "2h", NULL));
	take_session(i);
	assert_in_range(fake_redis_ttl("sluice:oidc:s:"), 3599000, 3600000);
	kit_advance(3590000);
	is_in(i);
	assert_int_equal(fake_redis_commands("GET"), 1);
	kit_advance(11000);
	is_out(i);
	kit_stop(i);
}

TEST_WITH(the_store_is_down, with_redis, NULL)
{
	sluice_instance *i = started(
		STORED("logout_path", "/logout", "frontchannel_logout_path", "/front", NULL));
	take_session(i);
	fake_redis_set_down(true);
	static const char *const paths[] = { "/", "/logout", "/front?iss=a&sid=b" };
	for (size_t n = 0; n < 3; n++) {
		sluice_exchange *x =
			kit_request(i, "GET", paths[n], NAVIGATION, "Cookie", cookie, NULL);
		kit_advance(2);
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
		assert_null(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"));
		expect(x, 503, "login-store-down");
	}
	sluice_exchange *x = kit_request(i, "POST", "/", "Cookie", cookie, NULL);
	kit_advance(2);
	expect(x, 503, "login-store-down");
	/* it is known to be down, and says so at once */
	kit_store_delay(redis, 0);
	expect(kit_request(i, "GET", "/", NAVIGATION, "Cookie", cookie, NULL), 503,
		"login-store-down");
	kit_store_delay(redis, 1);
	/* a login ends without a session */
	const char *before = mint_text("%s", cookie);
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", ""));
	expect(come_back(i), 503, "login-store-down");
	fake_redis_set_down(false);
	(void)snprintf(cookie, sizeof cookie, "%s", before);
	is_in(i);
	kit_stop(i);
}

TEST_WITH(a_session_that_is_too_large, with_redis, NULL)
{
	sluice_instance *i = started(STORED(NULL));
	char *large = mint_text(",\"x\":\"%070000d\"", 1),
	     *medium = mint_text(",\"x\":\"%020000d\"", 1);
	take_session_with(i, medium); /* no cookie could hold it */
	is_in(i);
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", large));
	sluice_exchange *x = come_back(i);
	assert_int_not_equal(kit_status(x), 303);
	kit_end(x);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 1);
	kit_stop(i);
}

TEST_WITH(a_logout, with_redis, NULL)
{
	sluice_instance *i = started(STORED("logout_path", "/logout", NULL));
	take_session(i);
	sluice_exchange *x = kit_request(i, "GET", "/logout", NAVIGATION, "Cookie", cookie, NULL);
	kit_advance(3);
	assert_int_equal(kit_status(x), 303);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"),
		"__Host-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
	kit_end(x);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	is_out(i); /* a copy of the cookie is worth nothing */
	kit_stop(i);
}

/* ---- refresh ------------------------------------------------------------------------------- */

static sluice_instance *forwarding(void)
{
	return started(STORED("forward_access_token", "true", "session_idle", "0s", NULL));
}

static void forwards_later(sluice_exchange *x, uint64_t ms, const char *field)
{
	kit_advance(ms);
	forwards(x, field);
	kit_end(x);
}

TEST_WITH(tokens_are_renewed_once, with_redis, NULL)
{
	sluice_instance *i = forwarding();
	log_in_with_refresh_token(i, "store-once");
	answer_refresh("a2", "store-once-2");
	kit_advance(400000);
	sluice_exchange *gone = ask_with(i), *first = ask_with(i), *second = ask_with(i);
	kit_advance(3);
	kit_end(gone); /* its client leaves: the answer is stored all the same */
	forwards_later(first, 60, "Bearer a2");
	forwards_later(second, 0, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	forwards_later(ask_with(i), 2, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	answer_refresh("a3", "r3");
	kit_advance(400000);
	forwards_later(ask_with(i), 60, "Bearer a3");
	assert_string_equal(kit_fetch_body(),
		"grant_type=refresh_token&refresh_token=store-once-2");
	kit_stop(i);
}

/* Another gateway asks: this one waits for what it stores, and does not ask. What this process
 * remembers of its own refresh is forgotten by then. */
TEST_WITH(another_gateway_asks, with_redis, NULL)
{
	sluice_instance *i = forwarding();
	log_in_with_refresh_token(i, "store-other");
	char *old = fake_redis_take("sluice:oidc:s:");
	answer_refresh("a2", "store-other-2");
	kit_advance(400000);
	forwards_later(ask_with(i), 60, "Bearer a2");
	char *new = fake_redis_take("sluice:oidc:s:");
	kit_advance(70000);
	fake_redis_give("sluice:oidc:s:", old);
	fake_redis_hold_claims(true);
	sluice_exchange *x = ask_with(i), *y = ask_with(i);
	kit_advance(1000);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	fake_redis_give("sluice:oidc:s:", new);
	forwards_later(x, 150, "Bearer a2");
	forwards_later(y, 0, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	/* the other one is gone: this one gives up, and asks when the claim has ended */
	fake_redis_give("sluice:oidc:s:", old);
	x = ask_with(i);
	kit_advance(8000);
	expect(x, 503, "login-unavailable");
	fake_redis_hold_claims(false);
	answer_refresh("a3", "r3");
	forwards_later(ask_with(i), 60, "Bearer a3");
	free(old);
	free(new);
	kit_stop(i);
}

/* While the token is good, nobody waits for another gateway. */
TEST_WITH(a_token_that_is_good_waits_for_nobody, with_redis, NULL)
{
	sluice_instance *i = forwarding();
	log_in_with_refresh_token(i, "store-good");
	fake_redis_hold_claims(true);
	kit_advance(280000);
	forwards_later(ask_with(i), 3, "Bearer a1");
	assert_int_equal(kit_fetches(IDP "/token"), 1);
	kit_stop(i);
}

TEST_WITH(a_session_that_ends_during_a_refresh_stays_ended, with_redis, NULL)
{
	sluice_instance *i = started(STORED("forward_access_token", "true", "session_idle", "0s",
		"logout_path", "/logout", NULL));
	log_in_with_refresh_token(i, "store-ends");
	answer_refresh("a2", "r2");
	kit_fetch_after(1000);
	kit_advance(400000);
	sluice_exchange *x = ask_with(i);
	kit_advance(10);
	sluice_exchange *out = kit_request(i, "GET", "/logout", NAVIGATION, "Cookie", cookie, NULL);
	kit_advance(10);
	assert_int_equal(kit_status(out), 303);
	kit_end(out);
	kit_advance(1500);
	assert_int_equal(kit_status(x), 302);
	kit_end(x);
	assert_int_equal(fake_redis_keys("sluice:oidc:s:"), 0);
	kit_stop(i);
}

TEST_WITH(new_tokens_are_stored_at_the_third_try, with_redis, NULL)
{
	sluice_instance *i = forwarding();
	log_in_with_refresh_token(i, "store-tries");
	answer_refresh("a2", "r2");
	kit_advance(400000);
	sluice_exchange *x = ask_with(i);
	kit_advance(3);
	fake_redis_fail_writes(2);
	forwards_later(x, 60, "Bearer a2");
	forwards_later(ask_with(i), 2, "Bearer a2");
	kit_stop(i);
}

TEST_WITH(a_refresh_that_fails_is_tried_again, with_redis, NULL)
{
	sluice_instance *i = forwarding();
	log_in_with_refresh_token(i, "store-fails");
	kit_fetch_fail(IDP "/token", SLUICE_UNREACHABLE);
	kit_advance(400000);
	sluice_exchange *x = ask_with(i);
	kit_advance(60);
	expect(x, 503, "login-unavailable");
	assert_int_equal(fake_redis_keys("sluice:oidc:r:"), 0); /* others may ask at once */
	answer_refresh("a2", "store-fails-2");
	kit_advance(4900); /* and here nobody waits for longer than the failure is known */
	x = ask_with(i);
	kit_advance(60);
	expect(x, 503, "login-unavailable");
	kit_advance(100);
	forwards_later(ask_with(i), 60, "Bearer a2");
	/* the store is gone between reading and asking: nobody asks without the claim */
	kit_advance(400000);
	x = ask_with(i);
	kit_advance(1);
	fake_redis_set_down(true);
	kit_advance(2);
	expect(x, 503, "login-store-down");
	assert_int_equal(kit_fetches(IDP "/token"), 3);
	kit_stop(i);
}

/* ---- options ------------------------------------------------------------------------------- */

static void wrong(sluice_instance *i, const char *says)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("%s", kit_errors(i));
	kit_stop(i);
}

TEST_WITH(what_cannot_be, with_redis, NULL)
{
	(void)kit_store("local", SLUICE_STORE_MEMORY);
	wrong(INSTANCE("store", "local", NULL), "store: must be a Redis store");
	wrong(INSTANCE("store_timeout", "1s", NULL), "store_timeout: is for sessions in a store");
	wrong(INSTANCE("backchannel_logout_path", "/b", NULL),
		"backchannel_logout_path: is for sessions in a store");
	wrong(STORED("backchannel_logout_path", "b", NULL),
		"backchannel_logout_path: \"b\" is no path");
	wrong(STORED("frontchannel_logout_path", "//b", NULL),
		"frontchannel_logout_path: \"//b\" is no path");
}
