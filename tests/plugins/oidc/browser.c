/* A provider and a browser. See the header. */
#include "browser.h"

#include <stdio.h>

const char document[] =
	"{\"issuer\":\"" IDP "\",\"jwks_uri\":\"" IDP "/keys\",\"authorization_endpoint\":\"" IDP
	"/auth?x=1\",\"token_endpoint\":\"" IDP "/token\",\"userinfo_endpoint\":\"" IDP "/me\"}";

int each(void **state)
{
	(void)state;
	kit_reset();
	kit_fetch_answer(DISCOVERY, 200, document);
	kit_fetch_answer(IDP "/keys", 200, mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	return 0;
}

int all_end(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

sluice_instance *started(sluice_instance *i)
{
	kit_start(i);
	kit_advance(20);
	return i;
}

/* ---- a browser ----------------------------------------------------------------------------- */

char login_state[64], login_nonce[64], cookie[16384];

void take(const char *text, const char *name, const char *stops, char *out, size_t room)
{
	const char *at = text ? strstr(text, name) : NULL;
	if (!at)
		fail_msg("no %s in %s", name, text ? text : "nothing");
	at += strlen(name);
	size_t n = strcspn(at, stops);
	assert_true(n < room);
	memcpy(out, at, n);
	out[n] = '\0';
}

void take_cookie_at(sluice_exchange *x, size_t at)
{
	const char *field = kit_header_at(x, SLUICE_RESPONSE, "Set-Cookie", at);
	assert_non_null(field);
	size_t n = strcspn(field, ";");
	assert_true(n < sizeof cookie);
	memcpy(cookie, field, n);
	cookie[n] = '\0';
}

void take_cookie(sluice_exchange *x)
{
	take_cookie_at(x, 0);
}

void begin(sluice_instance *i, const char *target)
{
	sluice_exchange *x = kit_request(i, "GET", target, NAVIGATION, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 302);
	const char *location = kit_header(x, SLUICE_RESPONSE, "Location");
	assert_ptr_equal(strstr(location, IDP "/auth?x=1&client_id=me&response_type=code&"),
		location);
	take(location, "state=", "&", login_state, sizeof login_state);
	take(location, "nonce=", "&", login_nonce, sizeof login_nonce);
	take_cookie(x);
	assert_non_null(strstr(kit_header(x, SLUICE_RESPONSE, "Set-Cookie"),
		"; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure"));
	kit_end(x);
}

const char *id_token(enum mint_kind kind, const char *kid, const char *more)
{
	return mint_token(kind, "RS256", mint_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid),
		mint_text("{\"iss\":\"" IDP
			  "\",\"aud\":\"me\",\"sub\":\"alice\",\"iat\":%llu,\"exp\":%llu,"
			  "\"nonce\":\"%s\",\"roles\":[\"r1\",\"r2\"]%s}",
			(unsigned long long)(sluice_unix_ms() / 1000 - 5),
			(unsigned long long)(sluice_unix_ms() / 1000 + 300), login_nonce, more));
}

void answer_tokens(const char *token)
{
	kit_fetch_answer(IDP "/token", 200,
		mint_text("{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":300,"
			  "\"id_token\":\"%s\"}",
			token));
}

sluice_exchange *come_back(sluice_instance *i)
{
	sluice_exchange *x = kit_request(i, "GET",
		mint_text("/oidc/callback?code=c%%2F1&state=%s", login_state), NAVIGATION, "Cookie",
		cookie, NULL);
	kit_advance(50);
	return x;
}

void log_in(sluice_instance *i)
{
	begin(i, "/page?a=1");
	answer_tokens(id_token(MINT_RSA, "a", ""));
	sluice_exchange *x = come_back(i);
	if (kit_status(x) != 303)
		fail_msg("%s: %s", kit_code(x) ? kit_code(x) : "?", kit_log());
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"), "/page?a=1");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "no-store");
	/* the first removes the cookie of the login */
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie"), 2);
	kit_end(x);
}

void take_session(sluice_instance *i)
{
	take_session_with(i, "");
}

void take_session_with(sluice_instance *i, const char *more)
{
	begin(i, "/");
	answer_tokens(id_token(MINT_RSA, "a", more));
	sluice_exchange *x = come_back(i);
	assert_int_equal(kit_status(x), 303);
	take_cookie_at(x, 1);
	kit_end(x);
}

void expect(sluice_exchange *x, int status, const char *code)
{
	if (kit_verdict(x) != SLUICE_REPLY || kit_status(x) != status || !kit_code(x) ||
		strcmp(kit_code(x), code) != 0)
		fail_msg("verdict %d, status %d, code %s instead of %d %s: %s", kit_verdict(x),
			kit_status(x), kit_code(x) ? kit_code(x) : "none", status, code, kit_log());
	kit_end(x);
}

void answer_refresh(const char *access, const char *refresh)
{
	kit_fetch_answer(IDP "/token", 200,
		mint_text("{\"access_token\":\"%s\",\"token_type\":\"Bearer\",\"expires_in\":300,"
			  "\"refresh_token\":\"%s\"}",
			access, refresh));
}

void log_in_with_refresh_token(sluice_instance *i, const char *token)
{
	begin(i, "/");
	kit_fetch_answer(IDP "/token", 200,
		mint_text("{\"access_token\":\"a1\",\"token_type\":\"Bearer\",\"expires_in\":300,"
			  "\"refresh_token\":\"%s\",\"id_token\":\"%s\"}",
			token, id_token(MINT_RSA, "a", "")));
	sluice_exchange *x = come_back(i);
	assert_int_equal(kit_status(x), 303);
	take_cookie_at(x, 1);
	kit_end(x);
}

sluice_exchange *ask_with(sluice_instance *i)
{
	return kit_request(i, "GET", "/", NAVIGATION, "Cookie", cookie, NULL);
}

void forwards(sluice_exchange *x, const char *field)
{
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), field);
}
