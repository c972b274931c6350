/* The plugin as the gateway sees it: options, a whole login, sessions by a moved clock, on the kit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "browser.h"

TEST_GROUP(NULL, all_end);

/* ---- logging in ---------------------------------------------------------------------------- */

TEST_WITH(a_login, each, NULL)
{
	sluice_instance *i = started(INSTANCE(NULL));
	log_in(i);
	assert_string_equal(kit_fetch_method(), "POST");
	/* RFC 6749 2.3.1: "me:s%26s" */
	assert_string_equal(kit_fetch_header("authorization"), "Basic bWU6cyUyNnM=");
	assert_non_null(strstr(kit_fetch_body(),
		"grant_type=authorization_code&code=c%2F1&redirect_uri="
		"https%3A%2F%2Fapi.example.com%2Foidc%2Fcallback&"
		"code_verifier="));
	assert_null(strstr(kit_fetch_body(), "s%26s"));
	kit_stop(i);
}

TEST_WITH(a_key_that_is_new, each, NULL)
{
	sluice_instance *i = started(INSTANCE("min_refresh", "1s", NULL));
	begin(i, "/");
	kit_advance(2000);
	kit_fetch_answer(IDP "/keys", 200, mint_jwks(mint_jwk(MINT_RSA_OTHER, "b", NULL), NULL));
	answer_tokens(id_token(MINT_RSA_OTHER, "b", ""));
	sluice_exchange *x = come_back(i);
	assert_int_equal(kit_status(x), 303);
	kit_end(x);
	assert_int_equal(kit_fetches(IDP "/keys"), 2);
	kit_stop(i);
}

TEST_WITH(tokens_that_do_not_hold, each, NULL)
{
	sluice_instance *i = started(INSTANCE(NULL));
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA_OTHER, "a", ""));
	expect(come_back(i), 403, "login-token");
	begin(i, "/");
	(void)snprintf(login_nonce, sizeof login_nonce, "another");
	answer_tokens(id_token(MINT_RSA, "a", ""));
	expect(come_back(i), 403, "login-token");
	begin(i, "/");
	answer_tokens(mint(MINT_RSA, "HS256", "a", "{}"));
	expect(come_back(i), 403, "login-token");
	begin(i, "/");
	answer_tokens(mint_parts("{\"alg\":\"none\"}", "{}", ""));
	expect(come_back(i), 403, "login-token");
	begin(i, "/");
	kit_fetch_answer(IDP "/token", 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}");
	expect(come_back(i), 502, "login-provider");
	begin(i, "/");
	kit_fetch_answer(IDP "/token", 400, "{\"error\":\"invalid_grant\"}");
	expect(come_back(i), 403, "login-refused");
	begin(i, "/");
	kit_fetch_fail(IDP "/token", SLUICE_UNREACHABLE);
	expect(come_back(i), 503, "login-unavailable");
	kit_stop(i);
}

TEST_WITH(claims_of_the_userinfo_endpoint, each, NULL)
{
	sluice_instance *i = started(
		INSTANCE("userinfo", "true", "claims_to_headers", "{email: X-Email}", NULL));
	kit_fetch_answer(IDP "/me", 200,
		"{\"sub\":\"alice\",\"email\":\"a@b\",\"roles\":[\"root\"],\"iss\":\"x\"}");
	take_session(i);
	sluice_exchange *x = kit_request(i, "GET", "/", "Cookie", cookie, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Email"), "a@b");
	assert_string_equal(kit_attr(x, "claim:roles"), "r1 r2");
	kit_end(x);
	kit_fetch_answer(IDP "/me", 200, "{\"sub\":\"mallory\",\"email\":\"a@b\"}");
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", ""));
	expect(come_back(i), 502, "login-provider");
	kit_stop(i);
}

TEST_WITH(a_login_that_took_too_long, each, NULL)
{
	sluice_instance *i = started(INSTANCE("login_timeout", "1m", NULL));
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, NULL);
	take(kit_header(x, SLUICE_RESPONSE, "Location"), "state=", "&", login_state,
		sizeof login_state);
	take_cookie(x);
	kit_end(x);
	kit_advance(60000);
	expect(come_back(i), 400, "login-state");
	kit_stop(i);
}

TEST_WITH(without_a_provider, each, NULL)
{
	kit_fetch_fail(DISCOVERY, SLUICE_UNREACHABLE);
	sluice_instance *i = INSTANCE(NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(100);
	kit_fetch_answer(DISCOVERY, 200, document);
	kit_advance(1000);
	assert_int_equal(kit_status(x), 302);
	kit_end(x);
	kit_fetch_fail(DISCOVERY, SLUICE_UNREACHABLE);
	kit_stop(i);
	i = INSTANCE(NULL);
	kit_start(i);
	x = kit_request(i, "GET", "/", NAVIGATION, NULL);
	kit_advance(4000);
	expect(x, 503, "login-unavailable");
	kit_stop(i);
}

TEST_WITH(a_reload_keeps_what_is_known_of_the_provider, each, NULL)
{
	sluice_instance *old = started(INSTANCE(NULL)), *new = INSTANCE("scopes", "[email]", NULL);
	kit_fetch_fail(DISCOVERY, SLUICE_UNREACHABLE);
	kit_start(new);
	begin(new, "/");
	kit_stop(old);
	begin(new, "/");
	kit_stop(new);
}

/* ---- sessions ------------------------------------------------------------------------------ */

static sluice_verdict ask(sluice_instance *i, bool *has_new_cookie)
{
	sluice_exchange *x = kit_request(i, "GET", "/", NAVIGATION, "Cookie", cookie, NULL);
	sluice_verdict v = kit_verdict(x);
	*has_new_cookie = v == SLUICE_NEXT && kit_header(x, SLUICE_RESPONSE, "Set-Cookie");
	if (*has_new_cookie)
		take_cookie(x);
	kit_end(x);
	return v;
}

TEST_WITH(who_has_logged_in, each, NULL)
{
	sluice_instance *i = started(INSTANCE("forward_access_token", "true", "claims_to_headers",
		"{sub: X-User}", NULL));
	take_session(i);
	assert_memory_equal(cookie, SESSION "1.", strlen(SESSION) + 2);
	/* cookies of others go on byte for byte */
	sluice_exchange *x = kit_request(i, "POST", "/", "Cookie",
		mint_text("foo; a=b=;%s; c=\"d e\" ; =f", cookie), "X-User", "root",
		"Authorization", "Bearer x", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "claim:roles"), "r1 r2");
	assert_null(kit_attr(x, "claim:nonce"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "alice");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer at");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Cookie"), "foo; a=b=; c=\"d e\"; =f");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"));
	kit_end(x);
	/* the access token ends, and there is no other for the upstream */
	kit_advance(301000);
	x = kit_request(i, "POST", "/", "Cookie", cookie, NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"OIDC realm=\"instance\"");
	expect(x, 401, "login-required");
	kit_stop(i);
}

/* ---- refresh ------------------------------------------------------------------------------- */

/* token: another one for each test, as what a test claims outlives it, and its clock. */
static sluice_instance *with_refresh_token(const char *token)
{
	sluice_instance *i = started(
		INSTANCE("forward_access_token", "true", "session_idle", "0s", NULL));
	log_in_with_refresh_token(i, token);
	return i;
}

TEST_WITH(tokens_are_refreshed_once, each, NULL)
{
	sluice_instance *i = with_refresh_token("once");
	answer_refresh("a2", "r2");
	kit_advance(269000);
	sluice_exchange *early = ask_with(i);
	forwards(early, "Bearer a1");
	assert_null(kit_header(early, SLUICE_RESPONSE, "Set-Cookie"));
	kit_end(early);
	kit_advance(2000);
	/* the first asks; others go on with what is still good */
	sluice_exchange *first = ask_with(i), *second = ask_with(i);
	assert_int_equal(kit_verdict(first), SLUICE_WAIT);
	forwards(second, "Bearer a1");
	kit_advance(40);
	forwards(first, "Bearer a2");
	assert_string_equal(kit_fetch_body(), "grant_type=refresh_token&refresh_token=once");
	assert_string_equal(kit_header(first, SLUICE_RESPONSE, "Cache-Control"), "private");
	/* and who comes with the old session gets the same new one */
	sluice_exchange *late = ask_with(i);
	forwards(late, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	take_cookie(late);
	kit_end(first);
	kit_end(second);
	kit_end(late);
	answer_refresh("a3", "r2");
	kit_advance(275000);
	sluice_exchange *next = ask_with(i);
	kit_advance(40);
	forwards(next, "Bearer a3");
	assert_string_equal(kit_fetch_body(), "grant_type=refresh_token&refresh_token=r2");
	kit_end(next);
	kit_stop(i);
}

/* A refresh token may be good once: a provider that is slow is asked once all the same. */
TEST_WITH(a_slow_refresh_is_sent_once, each, NULL)
{
	sluice_instance *i = with_refresh_token("slow");
	answer_refresh("a2", "r2");
	kit_fetch_after(3000);
	kit_advance(400000);
	sluice_exchange *first = ask_with(i);
	kit_advance(2500);
	sluice_exchange *second = ask_with(i);
	kit_advance(600);
	forwards(first, "Bearer a2");
	forwards(second, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	kit_end(first);
	kit_end(second);
	kit_stop(i);
}

TEST_WITH(all_wait_for_one_refresh_of_a_token_that_has_expired, each, NULL)
{
	sluice_instance *i = with_refresh_token("all");
	answer_refresh("a2", "r2");
	kit_advance(400000);
	sluice_exchange *gone = ask_with(i), *second = ask_with(i);
	assert_int_equal(kit_verdict(second), SLUICE_WAIT);
	kit_end(gone); /* its client leaves: the fetch goes on */
	kit_advance(40);
	forwards(second, "Bearer a2");
	assert_int_equal(kit_fetches(IDP "/token"), 2);
	kit_end(second);
	kit_stop(i);
}

TEST_WITH(a_refresh_that_is_refused_or_fails, each, NULL)
{
	sluice_instance *i = with_refresh_token("refused");
	kit_fetch_fail(IDP "/token", SLUICE_UNREACHABLE);
	kit_advance(280000);
	sluice_exchange *x = ask_with(i);
	kit_advance(40);
	forwards(x, "Bearer a1");
	kit_end(x);
	kit_advance(21000);
	x = ask_with(i);
	kit_advance(40);
	expect(x, 503, "login-unavailable");
	kit_fetch_answer(IDP "/token", 400, "{\"error\":\"invalid_grant\"}");
	kit_advance(7000);
	x = ask_with(i);
	kit_advance(40);
	assert_int_equal(kit_status(x),
		302); /* it logs in again, and the old session is taken away */
	assert_non_null(strstr(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"), "session=; Path=/"));
	kit_end(x);
	kit_stop(i);
}

/* A worker asks for 64 at a time. Who is turned away does not keep others from asking later. */
TEST_WITH(a_refresh_that_cannot_begin_is_begun_later, each, NULL)
{
	enum { MOST = 64 };
	sluice_instance *i = with_refresh_token("many");
	sluice_exchange *x[MOST];
	char *last = mint_text("%s", cookie), *cookies[MOST];
	for (int n = 0; n < MOST; n++) {
		log_in_with_refresh_token(i, mint_text("many-%d", n));
		cookies[n] = mint_text("%s", cookie);
	}
	kit_advance(400000);
	answer_refresh("a2", "r2-many");
	kit_fetch_after(3000);
	for (int n = 0; n < MOST; n++)
		x[n] = kit_request(i, "GET", "/", NAVIGATION, "Cookie", cookies[n], NULL);
	(void)snprintf(cookie, sizeof cookie, "%s", last);
	expect(ask_with(i), 503, "login-unavailable");
	kit_advance(3100);
	for (int n = 0; n < MOST; n++) {
		forwards(x[n], "Bearer a2");
		kit_end(x[n]);
	}
	sluice_exchange *again = ask_with(i);
	kit_advance(3100);
	forwards(again, "Bearer a2");
	kit_end(again);
	kit_stop(i);
}

TEST_WITH(a_worker_stops_while_a_refresh_is_under_way, each, NULL)
{
	sluice_instance *i = with_refresh_token("stops");
	kit_advance(400000);
	sluice_exchange *x = ask_with(i);
	kit_end(x);
	kit_stop(i);
}

/* ---- logout -------------------------------------------------------------------------------- */

TEST_WITH(logout, each, NULL)
{
	kit_fetch_answer(DISCOVERY, 200,
		"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" IDP
		"/keys\",\"authorization_endpoint\":\"" IDP "/auth?x=1\",\"token_endpoint\":\"" IDP
		"/token\",\"end_session_endpoint\":\"" IDP "/end\"}");
	sluice_instance *i = started(
		INSTANCE("logout_path", "/logout", "post_logout_redirect_uri", "/bye", NULL));
	take_session(i);
	sluice_exchange *x = kit_request(i, "GET", "/logout", NAVIGATION, "Cookie", cookie, NULL);
	assert_int_equal(kit_status(x), 303);
	const char *location = kit_header(x, SLUICE_RESPONSE, "Location");
	assert_ptr_equal(strstr(location, IDP "/end?id_token_hint=ey"), location);
	assert_non_null(strstr(location,
		"&client_id=me&post_logout_redirect_uri=https%3A%2F%2F"
		"api.example.com%2Fbye"));
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"),
		"__Host-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
	kit_end(x);
	x = kit_request(i, "GET", "/logout", NAVIGATION, NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"),
		"https://api.example.com/bye");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"));
	kit_end(x);
	kit_stop(i);
}

/* ---- how long a session lasts -------------------------------------------------------------- */

TEST_WITH(a_session_that_is_not_used_ends, each, NULL)
{
	sluice_instance *i = started(
		INSTANCE("session_lifetime", "1h", "session_idle", "8m", NULL));
	bool has_new;
	take_session(i);
	kit_advance(50000);
	assert_int_equal(ask(i, &has_new), SLUICE_NEXT);
	assert_false(has_new);
	for (int n = 0; n < 8; n++) { /* 56 minutes */
		kit_advance(7 * 60000);
		assert_int_equal(ask(i, &has_new), SLUICE_NEXT);
		assert_true(has_new);
	}
	kit_advance(4 * 60000);
	assert_int_equal(ask(i, &has_new), SLUICE_REPLY); /* session_lifetime */
	take_session(i);
	kit_advance(8 * 60000);
	assert_int_equal(ask(i, &has_new), SLUICE_REPLY); /* session_idle */
	kit_stop(i);
}

TEST_WITH(without_memory, each, NULL)
{
	sluice_instance *i = started(INSTANCE(NULL));
	take_session(i);
	for (size_t budget = 0; budget < 6000; budget += 97) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_add_header(x, SLUICE_REQUEST, "Cookie", cookie);
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		if (v == SLUICE_NEXT)
			assert_null(kit_header(x, SLUICE_REQUEST, "Cookie"));
		kit_end(x);
	}
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

TEST_WITH(what_cannot_be, each, NULL)
{
	wrong(INSTANCE("secret", "short", NULL), "secret: has fewer than 32 bytes");
	wrong(INSTANCE("issuer", "idp", NULL), "issuer: expected an http:// or https:// URL");
	wrong(INSTANCE("issuer", IDP "/?a", NULL), "issuer: expected an http:// or https:// URL");
	wrong(INSTANCE("client_secret", "", NULL), "client_secret is required");
	wrong(INSTANCE("public_client", "true", NULL),
		"public_client: stands beside client_secret or client_key");
	wrong(INSTANCE("client_auth", "private_key_jwt", NULL), "client_key is required");
	wrong(INSTANCE("redirect_uri", "callback", NULL), "redirect_uri: \"callback\" is no path");
	wrong(INSTANCE("redirect_uri", "https://me.example", NULL),
		"redirect_uri: \"\" is no path");
	wrong(INSTANCE("redirect_uri", "/a?b=c", NULL), "redirect_uri: \"/a?b=c\" is no path");
	wrong(INSTANCE("login_path", "//a", NULL), "login_path: \"//a\" is no path");
	wrong(INSTANCE("cookie", "a b", NULL), "cookie: \"a b\" is no name of a cookie");
	wrong(INSTANCE("cookie", "__Host-a", NULL), "is no name of a cookie");
	wrong(INSTANCE("authorization_params", "{state: x}", NULL),
		"authorization_params: state is set by the plugin itself");
	wrong(INSTANCE("claims_to_headers", "{sub: Cookie}", NULL), "brings credentials");
	wrong(INSTANCE("claims_to_headers", "{sub: X-A, email: x_a}", NULL),
		"is set from two claims");
}
