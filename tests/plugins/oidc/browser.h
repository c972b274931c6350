/* A provider and a browser, as the kit plays them, for the tests of oidc. */
#ifndef TESTS_PLUGINS_OIDC_BROWSER_H
#define TESTS_PLUGINS_OIDC_BROWSER_H

#include <sluice/plugin.h>
#include <sluice/str.h>

#include "kit.h"
#include "mint.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example"
#define DISCOVERY IDP "/.well-known/openid-configuration"
#define SECRET "a secret for cookies of 32 bytes.."
#define NAVIGATION "Accept", "text/html", "Sec-Fetch-Mode", "navigate"
#define SESSION "__Host-session="

#define INSTANCE(...)                                                                          \
	kit_instance(&sluice_plugin_record, "issuer", IDP, "client_id", "me", "client_secret", \
		"s&s", "secret", SECRET, __VA_ARGS__)

extern const char document[]; /* of the provider */
/* of the login that has begun, and the cookie that was taken last: name and value */
extern char login_state[64], login_nonce[64], cookie[16384];

/* For TEST_WITH() and TEST_GROUP(). */
int each(void **state);
int all_end(void **state);

sluice_instance *started(sluice_instance *i);
/* What stands behind name in text, up to one of stops. */
void take(const char *text, const char *name, const char *stops, char *out, size_t room);
void take_cookie_at(sluice_exchange *x, size_t at);
void take_cookie(sluice_exchange *x);
/* The first request: it is sent to the provider. */
void begin(sluice_instance *i, const char *target);
const char *id_token(enum mint_kind kind, const char *kid, const char *more);
void answer_tokens(const char *token);
/* The browser comes back. The caller ends the exchange. */
sluice_exchange *come_back(sluice_instance *i);
void log_in(sluice_instance *i);
/* Log in, and take the session's cookie, which is the second that the callback sets. */
void take_session(sluice_instance *i);
/* The same, with more claims, such as ",\"sid\":\"s1\"". */
void take_session_with(sluice_instance *i, const char *more);
/* A refusal; ends the exchange. */
void expect(sluice_exchange *x, int status, const char *code);
/* A navigation with the cookie, and what the provider answers to the next refresh. */
sluice_exchange *ask_with(sluice_instance *i);
void answer_refresh(const char *access, const char *refresh);
/* It goes on, with that Authorization. */
void forwards(sluice_exchange *x, const char *field);
/* Logs in with that refresh token; the access token is a1, for 300 s. */
void log_in_with_refresh_token(sluice_instance *i, const char *token);

#endif
