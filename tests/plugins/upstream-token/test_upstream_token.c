/* Client credentials: how a token is got, kept new and sent, and what is refused. On the kit. */
#include <sluice/plugin.h>

#include <stdio.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define URL "https://as.example/token"
#define ISSUER "https://as.example"
#define OPENID ISSUER "/.well-known/openid-configuration"
#define OAUTH ISSUER "/.well-known/oauth-authorization-server"
#define CLIENT "client_id", "gate way", "client_secret", "s:cret"
#define BASE "token_endpoint", URL, CLIENT
#define GOOD(token, expires_in) \
	"{\"access_token\":\"" token "\",\"token_type\":\"bearer\",\"expires_in\":" expires_in "}"

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static void answer(int code, const char *body)
{
	kit_fetch_answer(URL, code, body);
	kit_fetch_field("Content-Type", "application/json;charset=UTF-8");
}

static sluice_instance *start(sluice_instance *i)
{
	kit_start(i);
	return i;
}

#define INSTANCE(...) start(kit_instance(&sluice_plugin_record, BASE, ##__VA_ARGS__, NULL))

static sluice_exchange *request(sluice_instance *i)
{
	return kit_request(i, "GET", "/a", NULL);
}

/* What the upstream gets in the field: "" for nothing. Or the code of the refusal. */
static const char *sent_as(sluice_exchange *x, const char *field)
{
	static char text[256];
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(100);
	sluice_verdict v = kit_verdict(x);
	if (v == SLUICE_NEXT) {
		assert_int_equal(kit_attempt(x), SLUICE_NEXT);
		const char *value = kit_header(x, SLUICE_REQUEST, field);
		(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	} else {
		(void)snprintf(text, sizeof(text), "%s", v == SLUICE_WAIT ? "waits" : kit_code(x));
	}
	kit_end(x);
	return text;
}

static const char *sent(sluice_instance *i)
{
	return sent_as(request(i), "Authorization");
}

/* A request to which the upstream answers that. */
static void answered(sluice_instance *i, int status)
{
	sluice_exchange *x = request(i);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, status);
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	kit_end(x);
	kit_advance(1);
}

/* ---- the question and the field ------------------------------------------------------------ */

TEST_WITH(one_token_for_all_requests, each, NULL)
{
	answer(200, GOOD("a.b-c", "3600"));
	sluice_instance *i = INSTANCE("scopes", "[read, write]", "audience", "[orders]", "resource",
		"[\"https://orders.internal/\"]", "params", "{tenant: t 1}");
	sluice_exchange *early = request(i);
	assert_int_equal(kit_verdict(early), SLUICE_WAIT);
	kit_advance(5);
	assert_string_equal(sent_as(early, "Authorization"), "Bearer a.b-c");
	assert_string_equal(kit_fetch_method(), "POST");
	assert_string_equal(kit_fetch_body(),
		"grant_type=client_credentials&scope=read+write&audience=orders&"
		"resource=https%3A%2F%2Forders.internal%2F&tenant=t+1");
	/* RFC 6749 2.3.1: "gate+way:s%3Acret" */
	assert_string_equal(kit_fetch_header("authorization"), "Basic Z2F0ZSt3YXk6cyUzQWNyZXQ=");
	assert_string_equal(kit_fetch_header("content-type"), "application/x-www-form-urlencoded");
	assert_string_equal(kit_fetch_header("accept-encoding"), "identity");
	for (int n = 0; n < 20; n++)
		assert_string_equal(sent(i), "Bearer a.b-c");
	assert_int_equal(kit_fetches(URL), 1);
	kit_stop(i);
	assert_null(strstr(kit_log(), "a.b-c"));
}

TEST_WITH(other_plugins_do_not_see_the_token, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	sluice_instance *i = INSTANCE();
	kit_advance(5);
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Authorization", "Bearer of-the-client", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer of-the-client");
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer t");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "Authorization"), 1);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_further_try_gets_the_newest_token, each, NULL)
{
	answer(200, GOOD("old", "100"));
	sluice_instance *i = INSTANCE();
	kit_advance(5);
	sluice_exchange *x = request(i);
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer old");
	answer(200, GOOD("new", "100"));
	kit_advance(60000);
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer new");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "Authorization"), 1);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(another_field_and_another_scheme, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	sluice_instance *i = INSTANCE("field", "X-Serverless-Token", "scheme", "");
	kit_advance(5);
	sluice_exchange *x = kit_request(i, "GET", "/", "Authorization", "Basic own",
		"X_Serverless_Token", "forged", "X-Serverless-Token", "forged", NULL);
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Basic own");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Serverless-Token"), "t");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Serverless-Token"), 1);
	assert_null(kit_header(x, SLUICE_REQUEST, "X_Serverless_Token"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_request_that_brings_the_field_is_refused_on_demand, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	sluice_instance *i = INSTANCE("field", "X-Token", "client_field", "refuse");
	kit_advance(5);
	sluice_exchange *x = kit_request(i, "GET", "/", "X-Token", "forged", NULL);
	assert_int_equal(kit_status(x), 400);
	assert_string_equal(kit_code(x), "upstream-token-field");
	kit_end(x);
	x = kit_request(i, "GET", "/", "x_token", "", NULL);
	assert_string_equal(kit_code(x), "upstream-token-field");
	kit_end(x);
	assert_string_equal(sent_as(request(i), "X-Token"), "Bearer t");
	kit_stop(i);
}

TEST_WITH(the_secret_may_stand_in_the_body, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	sluice_instance *i = INSTANCE("client_auth", "post");
	kit_advance(5);
	assert_string_equal(kit_fetch_body(),
		"grant_type=client_credentials&client_id=gate+way&client_secret=s%3Acret");
	assert_null(kit_fetch_header("authorization"));
	kit_stop(i);
}

/* ---- discovery ----------------------------------------------------------------------------- */

static void document(const char *at, const char *issuer, const char *endpoint)
{
	static char text[256];
	(void)snprintf(text, sizeof(text), "{\"issuer\":\"%s\",\"token_endpoint\":\"%s\"}", issuer,
		endpoint);
	kit_fetch_answer(at, 200, text);
}

TEST_WITH(the_endpoint_is_discovered, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	document(OPENID, ISSUER, URL);
	sluice_instance *i = start(
		kit_instance(&sluice_plugin_record, "issuer", ISSUER, CLIENT, NULL));
	sluice_exchange *x = request(i);
	kit_advance(15);
	assert_string_equal(sent_as(x, "Authorization"), "Bearer t");
	assert_int_equal(kit_fetches(OPENID), 1);
	assert_int_equal(kit_fetches(OAUTH), 0);
	kit_stop(i);
	kit_reset();
	answer(200, GOOD("t", "3600"));
	kit_fetch_answer(OPENID, 404, "");
	document(OAUTH, ISSUER, URL);
	i = start(kit_instance(&sluice_plugin_record, "issuer", ISSUER, CLIENT, NULL));
	kit_advance(20);
	assert_string_equal(sent(i), "Bearer t");
	kit_stop(i);
}

TEST_WITH(a_document_of_another_issuer_is_not_believed, each, NULL)
{
	static const char *const wrong[][2] = { { "https://evil.example", URL },
		{ ISSUER, "http://as.example/token" }, { ISSUER, "token" } };
	for (unsigned n = 0; n < 3; n++) {
		kit_reset();
		answer(200, GOOD("t", "3600"));
		document(OPENID, wrong[n][0], wrong[n][1]);
		document(OAUTH, wrong[n][0], wrong[n][1]);
		sluice_instance *i = start(kit_instance(&sluice_plugin_record, "issuer", ISSUER,
			CLIENT, "wait", "100ms", NULL));
		sluice_exchange *x = request(i);
		kit_advance(200);
		assert_string_equal(sent_as(x, "Authorization"), "upstream-token-unavailable");
		assert_int_equal(kit_fetches(URL), 0);
		kit_stop(i);
	}
}

TEST_WITH(an_endpoint_that_moves_is_found_again, each, NULL)
{
	answer(200, GOOD("t", "100"));
	document(OPENID, ISSUER, URL);
	sluice_instance *i = start(
		kit_instance(&sluice_plugin_record, "issuer", ISSUER, CLIENT, NULL));
	kit_advance(20);
	assert_string_equal(sent(i), "Bearer t");
	answer(404, "");
	document(OPENID, ISSUER, URL "2");
	kit_fetch_answer(URL "2", 200, GOOD("moved", "100"));
	kit_advance(60000);
	assert_string_equal(sent(i), "Bearer moved");
	kit_stop(i);
}

/* ---- time ---------------------------------------------------------------------------------- */

TEST_WITH(a_token_is_renewed_before_its_end_and_nobody_waits, each, NULL)
{
	answer(200, GOOD("one", "300"));
	sluice_instance *i = INSTANCE("refresh_ahead", "60s", "leeway", "5s");
	kit_advance(5);
	kit_advance(195000); /* the end of use is at 295 s; 60 to 90 s before it */
	assert_int_equal(kit_fetches(URL), 1);
	answer(200, GOOD("two", "300"));
	kit_fetch_after(3000);
	for (int n = 0; n < 60; n++) { /* while it is fetched, the old one is sent */
		const char *said = sent(i);
		assert_true(strcmp(said, "Bearer one") == 0 || strcmp(said, "Bearer two") == 0);
		kit_advance(1000);
	}
	assert_string_equal(sent(i), "Bearer two");
	assert_int_equal(kit_fetches(URL), 2);
	kit_stop(i);
}

TEST_WITH(a_token_without_expires_in_has_the_lifetime_of_the_option, each, NULL)
{
	answer(200, "{\"access_token\":\"t\",\"token_type\":\"Bearer\"}");
	sluice_instance *i = INSTANCE("lifetime", "30s", "leeway", "0s", "refresh_ahead", "10s");
	kit_advance(14000);
	assert_int_equal(kit_fetches(URL), 1);
	kit_advance(7000);
	assert_int_equal(kit_fetches(URL), 2);
	kit_stop(i);
}

TEST_WITH(short_tokens_are_not_fetched_in_a_storm, each, NULL)
{
	answer(200, GOOD("t", "1"));
	sluice_instance *i = INSTANCE();
	for (int n = 0; n < 100; n++)
		kit_advance(100);
	assert_in_range(kit_fetches(URL), 9, 11);
	kit_stop(i);
}

TEST_WITH(a_token_is_not_sent_after_its_end, each, NULL)
{
	sluice_dependency d;
	answer(200, GOOD("t", "100"));
	sluice_instance *i = INSTANCE("leeway", "10s", "wait", "1s");
	kit_advance(5);
	kit_fetch_fail(URL, SLUICE_TIMEOUT);
	kit_advance(89000);
	assert_string_equal(sent(i), "Bearer t");
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_FAILING);
	kit_advance(1000);
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_LOST);
	sluice_exchange *x = request(i);
	kit_advance(1000);
	assert_int_equal(kit_status(x), 503);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "1");
	assert_string_equal(sent_as(x, "Authorization"), "upstream-token-unavailable");
	answer(200, GOOD("new", "100"));
	kit_advance(30100); /* the longest pause */
	assert_string_equal(sent(i), "Bearer new");
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_OK);
	assert_non_null(strstr(kit_log(), "answers again"));
	kit_stop(i);
}

/* The lifetime began when the server wrote its answer, not when that arrived. */
TEST_WITH(the_way_of_the_answer_counts, each, NULL)
{
	answer(200, GOOD("t", "10"));
	kit_fetch_after(4000);
	sluice_instance *i = INSTANCE("leeway", "0s", "wait", "1s");
	kit_advance(4000);
	assert_string_equal(sent(i), "Bearer t");
	kit_fetch_fail(URL, SLUICE_TIMEOUT);
	kit_advance(5999);
	assert_string_equal(sent(i), "Bearer t");
	kit_advance(2);
	assert_string_not_equal(sent(i), "Bearer t");
	kit_stop(i);
}

TEST_WITH(pauses_grow_while_the_server_fails, each, NULL)
{
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	sluice_instance *i = INSTANCE("wait", "100ms");
	kit_advance(10000);
	assert_in_range(kit_fetches(URL), 4, 9);
	unsigned before = kit_fetches(URL);
	kit_advance(300000);
	assert_in_range(kit_fetches(URL) - before, 9, 22);
	assert_string_equal(sent(i), "upstream-token-unavailable"); /* at once */
	kit_stop(i);
}

/* ---- answers that are none ----------------------------------------------------------------- */

TEST_WITH(answers_that_are_none_give_no_token, each, NULL)
{
	static const struct {
		int code;
		const char *type, *body, *said;
	} bad[] = {
		{ 200, "text/html", GOOD("t", "60"), "text/html, not JSON" },
		{ 200, "application/json", "", "no JSON object" },
		{ 200, "application/json", "[]", "no JSON object" },
		{ 200, "application/json", "{}", "no token_type" },
		{ 200, "application/json", GOOD("t", "60") "x", "no JSON object" },
		{ 200, "application/json", "{\"access_token\":\"t\"}", "no token_type" },
		{ 200, "application/json", "{\"access_token\":\"t\",\"token_type\":\"DPoP\"}",
			"DPoP" },
		{ 200, "application/json", "{\"access_token\":\"t\",\"token_type\":\"mac\"}",
			"other than Bearer" },
		{ 200, "application/json", "{\"access_token\":\"t\",\"token_type\":\"N_A\"}",
			"other than Bearer" },
		{ 200, "application/json", "{\"access_token\":\"\",\"token_type\":\"Bearer\"}",
			"no access_token" },
		{ 200, "application/json",
			"{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}",
			"no access_token" },
		{ 200, "application/json", "{\"access_token\":7,\"token_type\":\"Bearer\"}",
			"no access_token" },
		{ 200, "application/json", GOOD("t", "-1"), "expires_in" },
		{ 200, "application/json", GOOD("t", "0"), "expired already" },
		{ 200, "application/json", GOOD("t", "{}"), "expires_in" },
		{ 201, "application/json", GOOD("t", "60"), "status 201" },
		{ 302, "application/json", GOOD("t", "60"), "redirect" },
		{ 400, "application/json", GOOD("t", "60"), "status 400" },
		{ 500, "application/json", GOOD("t", "60"), "status 500" },
		{ 503, "application/json", "{\"error\":\"temporarily_unavailable\"}",
			"status 503" },
	};
	for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		kit_reset();
		kit_fetch_answer(URL, bad[n].code, bad[n].body);
		kit_fetch_field("Content-Type", bad[n].type);
		sluice_instance *i = INSTANCE("wait", "100ms");
		sluice_exchange *x = request(i);
		kit_advance(100);
		assert_string_equal(sent_as(x, "Authorization"), "upstream-token-unavailable");
		const char *log = kit_log();
		if (!strstr(log, bad[n].said))
			fail_msg("%u: %s is not in %s", n, bad[n].said, log);
		kit_stop(i);
	}
}

TEST_WITH(an_encoded_answer_is_not_read, each, NULL)
{
	answer(200, GOOD("t", "60"));
	kit_fetch_field("Content-Encoding", "gzip");
	sluice_instance *i = INSTANCE("wait", "100ms");
	kit_advance(100);
	assert_string_equal(sent(i), "upstream-token-unavailable");
	kit_stop(i);
}

TEST_WITH(a_refusal_is_told_without_secrets, each, NULL)
{
	answer(401, "{\"error\":\"invalid_client\",\"error_description\":\"s:cret is wrong\"}");
	sluice_instance *i = INSTANCE("wait", "100ms");
	kit_advance(100);
	assert_string_equal(sent(i), "upstream-token-unavailable");
	const char *log = kit_log();
	assert_non_null(strstr(log,
		"no token from " URL ": it refuses, with invalid_client and "
		"status 401 (client_id, client_auth, or the secret or key)"));
	assert_null(strstr(log, "s:cret"));
	kit_stop(i);
}

TEST_WITH(without_a_token_requests_may_pass, each, NULL)
{
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	sluice_instance *i = INSTANCE("wait", "100ms", "on_failure", "pass");
	kit_advance(5000);
	sluice_exchange *x = kit_request(i, "GET", "/", "Authorization", "Basic own", NULL);
	kit_advance(200);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_true(kit_noted(x, "upstream-token-missing"));
	assert_string_equal(sent_as(x, "Authorization"), "");
	answer(200, GOOD("t", "20"));
	kit_advance(30100);
	assert_string_equal(sent(i), "Bearer t");
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	kit_advance(30100);
	x = request(i);
	kit_advance(200);
	assert_string_equal(sent_as(x, "Authorization"), ""); /* not the old one */
	kit_stop(i);
}

/* ---- 401 of the upstream ------------------------------------------------------------------- */

TEST_WITH(a_token_that_the_upstream_refuses_is_replaced, each, NULL)
{
	answer(200, GOOD("old", "3600"));
	sluice_instance *i = INSTANCE("min_refresh", "10s");
	kit_advance(5);
	answered(i, 401); /* it is too new to be blamed */
	assert_int_equal(kit_fetches(URL), 1);
	kit_advance(10000);
	answered(i, 403);
	answered(i, 200);
	assert_int_equal(kit_fetches(URL), 1);
	answer(200, GOOD("new", "3600"));
	kit_fetch_after(100);
	answered(i, 401);
	sluice_exchange *x = request(i); /* waits for the new one */
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(100);
	assert_string_equal(sent_as(x, "Authorization"), "Bearer new");
	assert_int_equal(kit_fetches(URL), 2);
	for (int n = 0; n < 50; n++)
		answered(i, 401);
	assert_int_equal(kit_fetches(URL), 2); /* the upstream says so to everything */
	kit_advance(10000);
	answered(i, 401);
	kit_advance(200);
	for (int n = 0; n < 50; n++)
		answered(i, 401);
	assert_int_equal(kit_fetches(URL), 3);
	kit_stop(i);
}

TEST_WITH(a_doubted_token_is_used_when_there_is_no_other, each, NULL)
{
	answer(200, GOOD("old", "3600"));
	sluice_instance *i = INSTANCE();
	kit_advance(11000);
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	answered(i, 401);
	kit_advance(10);
	assert_string_equal(sent(i), "Bearer old");
	unsigned before = kit_fetches(URL);
	answered(i, 401); /* and the server is not asked for each of them */
	assert_int_equal(kit_fetches(URL), before);
	kit_stop(i);
}

/* ---- reloads, and what operators see ------------------------------------------------------- */

TEST_WITH(a_reload_keeps_the_token, each, NULL)
{
	answer(200, GOOD("t", "3600"));
	sluice_instance *old = INSTANCE("scopes", "[a]");
	kit_advance(5);
	sluice_instance *same = INSTANCE("scopes", "[a]", "leeway", "7s"); /* an option changes */
	assert_string_equal(sent(same), "Bearer t");
	kit_stop(old);
	kit_advance(10000);
	assert_string_equal(sent(same), "Bearer t");
	assert_int_equal(kit_fetches(URL), 1);
	/* other scopes want another token */
	answer(200, GOOD("u", "3600"));
	sluice_instance *other = INSTANCE("scopes", "[a, b]");
	kit_advance(5);
	assert_string_equal(sent(other), "Bearer u");
	assert_int_equal(kit_fetches(URL), 2);
	kit_stop(same);
	kit_stop(other);
}

TEST_WITH(readiness_and_state, each, NULL)
{
	sluice_dependency d;
	answer(200, GOOD("t", "3600"));
	sluice_instance *i = INSTANCE("ready_wait", "30s");
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_AWAITED);
	assert_int_equal(d.ready_wait_ms, 30000);
	kit_advance(5);
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_OK);
	assert_int_equal(d.entries, 1);
	assert_true(d.next_ns > sluice_now_ns());
	kit_stop(i);
}

/* ---- options ------------------------------------------------------------------------------- */

#define REFUSED(said, ...)                                                                     \
	do {                                                                                   \
		sluice_instance *i = kit_instance(&sluice_plugin_record, ##__VA_ARGS__, NULL); \
		assert_int_equal(kit_check(i), -1);                                            \
		if (!strstr(kit_errors(i), said))                                              \
			fail_msg("%s is not in %s", said, kit_errors(i));                      \
		kit_stop(i);                                                                   \
	} while (0)

TEST_WITH(options_that_make_no_sense, each, NULL)
{
	REFUSED("issuer or token_endpoint", CLIENT);
	REFUSED("token_endpoint: stands beside issuer", BASE, "issuer", ISSUER);
	REFUSED("token_endpoint: expected", "token_endpoint", "as.example/token", CLIENT);
	REFUSED("token_endpoint: expected", "token_endpoint", URL "#x", CLIENT);
	REFUSED("issuer: expected", "issuer", "as.example", CLIENT);
	REFUSED("client_id", "token_endpoint", URL, "client_secret", "s");
	REFUSED("client_secret is required", "token_endpoint", URL, "client_id", "c");
	REFUSED("client_key is required", "token_endpoint", URL, "client_id", "c", "client_auth",
		"private_key_jwt");
	REFUSED("field: \"Host\"", BASE, "field", "Host");
	REFUSED("field: \"Content-Length\"", BASE, "field", "Content-Length");
	REFUSED("field: \"Cookie\"", BASE, "field", "Cookie");
	REFUSED("scheme: ", BASE, "scheme", "Bearer token");
	REFUSED("params: scope is set", BASE, "params", "{scope: x}");
	REFUSED("scopes: \"a b\"", BASE, "scopes", "[a b]");
	REFUSED("resource: ", BASE, "resource", "[orders]");
	REFUSED("resource: ", BASE, "resource", "[\"https://a/#b\"]");
	REFUSED("token_exchange: needs grant", BASE, "token_exchange.optional", "true");
	REFUSED("fetch_proxy", BASE, "fetch_proxy.url", "https://proxy:1");
}
