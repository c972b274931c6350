/* Token exchange (RFC 8693): what is asked, what is kept, and what refusals mean. On the kit. */
#include <sluice/plugin.h>

#include <stdio.h>

#include "digests.h"
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define URL "https://as.example/token"
#define ISSUER "https://as.example"
#define OPENID ISSUER "/.well-known/openid-configuration"
#define CLIENT "client_id", "gateway", "client_secret", "s3cret"
#define GRANT "grant", "token_exchange"
#define BASE "token_endpoint", URL, CLIENT, GRANT
#define TYPE(name) "urn:ietf:params:oauth:token-type:" name
#define ISSUED(token, type)                                                             \
	"{\"access_token\":\"" token "\",\"token_type\":\"Bearer\",\"expires_in\":100," \
	"\"issued_token_type\":\"" TYPE(type) "\"}"
#define GOOD(token) ISSUED(token, "access_token")

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static void answer(int code, const char *body)
{
	kit_fetch_answer(URL, code, body);
	kit_fetch_field("Content-Type", "application/json");
}

static sluice_instance *start(sluice_instance *i)
{
	kit_start(i);
	return i;
}

#define INSTANCE(...) start(kit_instance(&sluice_plugin_record, BASE, ##__VA_ARGS__, NULL))

/* A request of alice, whose token another plugin has verified. */
static sluice_exchange *request(sluice_instance *i, const char *token)
{
	static char values[32][64]; /* the kit borrows them */
	static unsigned at;
	char *value = values[at++ % 32];
	(void)snprintf(value, 64, "Bearer %s", token);
	sluice_exchange *x = kit_exchange(i, "GET", "/a");
	kit_add_header(x, SLUICE_REQUEST, "Authorization", value);
	kit_state_fact(x, "consumer", "alice");
	(void)kit_run(x);
	return x;
}

/* What the upstream gets, or the status and code of the refusal. */
static const char *end_of(sluice_exchange *x)
{
	static char text[256];
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(20);
	sluice_verdict v = kit_verdict(x);
	if (v == SLUICE_NEXT) {
		assert_int_equal(kit_attempt(x), SLUICE_NEXT);
		assert_true(kit_header_count(x, SLUICE_REQUEST, "Authorization") <= 1);
		const char *value = kit_header(x, SLUICE_REQUEST, "Authorization");
		(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	} else if (v == SLUICE_REPLY) {
		(void)snprintf(text, sizeof(text), "%d %s", kit_status(x), kit_code(x));
	} else {
		(void)snprintf(text, sizeof(text), "%s", v == SLUICE_WAIT ? "waits" : "fails");
	}
	kit_end(x);
	return text;
}

static const char *said(sluice_instance *i, const char *token)
{
	return end_of(request(i, token));
}

TEST_WITH(a_token_is_exchanged_once, each, NULL)
{
	answer(200, GOOD("for-orders"));
	sluice_instance *i = INSTANCE("audience", "[orders]", "resource", "[\"urn:orders\"]",
		"scopes", "[read]", "token_exchange.requested_type", TYPE("access_token"));
	assert_string_equal(said(i, "of-alice"), "Bearer for-orders");
	assert_string_equal(kit_fetch_body(),
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&"
		"subject_token=of-alice&"
		"subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&"
		"requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&"
		"scope=read&audience=orders&resource=urn%3Aorders");
	for (int n = 0; n < 20; n++)
		assert_string_equal(said(i, "of-alice"), "Bearer for-orders");
	assert_int_equal(kit_fetches(URL), 1);
	answer(200, GOOD("another"));
	assert_string_equal(said(i, "of-bob"), "Bearer another");
	assert_string_equal(said(i, "of-alice"), "Bearer for-orders");
	assert_int_equal(kit_fetches(URL), 2);
	kit_advance(95001); /* expires_in, and leeway */
	assert_string_equal(said(i, "of-alice"), "Bearer another");
	assert_int_equal(kit_fetches(URL), 3);
	const char *log = kit_log();
	assert_null(strstr(log, "of-alice"));
	assert_null(strstr(log, "for-orders"));
	kit_stop(i);
}

TEST_WITH(only_verified_tokens_are_exchanged, each, NULL)
{
	answer(200, GOOD("t"));
	sluice_instance *i = INSTANCE();
	sluice_exchange *x = kit_request(i, "GET", "/", "Authorization", "Bearer made-up", NULL);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "token-exchange-unverified");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"instance\"");
	kit_end(x);
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
	i = INSTANCE("token_exchange.verified_by", "none");
	assert_string_equal(end_of(kit_request(i, "GET", "/", "Authorization", "Bearer made-up",
				    NULL)),
		"Bearer t");
	kit_stop(i);
}

TEST_WITH(requests_without_a_token, each, NULL)
{
	answer(200, GOOD("t"));
	sluice_instance *i = INSTANCE();
	assert_string_equal(end_of(kit_request(i, "GET", "/", NULL)), "401 token-exchange-missing");
	assert_string_equal(end_of(kit_request(i, "GET", "/", "Authorization", "Bearer ", NULL)),
		"401 token-exchange-missing");
	assert_string_equal(end_of(kit_request(i, "GET", "/", "Authorization", "Bearer a",
				    "Authorization", "Bearer b", NULL)),
		"400 token-exchange-ambiguous");
	kit_stop(i);
	i = INSTANCE("token_exchange.optional", "true");
	assert_string_equal(end_of(kit_request(i, "GET", "/", NULL)), "");
	assert_string_equal(end_of(kit_request(i, "GET", "/", "Authorization", "Basic own", NULL)),
		"");
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
}

TEST_WITH(the_clients_token_stays_here, each, NULL)
{
	answer(200, GOOD("t"));
	sluice_instance *i = INSTANCE("token_exchange.from", "header:X-User-Token");
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_add_header(x, SLUICE_REQUEST, "X-User-Token", "of-alice");
	kit_state_fact(x, "consumer", "alice");
	(void)kit_run(x);
	kit_advance(10);
	/* plugins behind this one still see it, such as a cache that goes by it */
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User-Token"), "of-alice");
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User-Token"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer t");
	kit_end(x);
	kit_stop(i);
	i = INSTANCE("field", "X-Token", "token_exchange.forward", "true");
	x = request(i, "of-alice");
	kit_advance(10);
	assert_int_equal(kit_attempt(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Authorization"), "Bearer of-alice");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Token"), "Bearer t");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(what_refusals_mean, each, NULL)
{
	static const struct {
		const char *word, *end;
	} rows[] = {
		{ "invalid_target", "403 token-exchange-refused" },
		{ "invalid_request", "403 token-exchange-refused" },
		{ "invalid_scope", "403 token-exchange-refused" },
		{ "access_denied", "403 token-exchange-refused" },
		{ "invalid_grant", "401 token-exchange-invalid" },
		{ "invalid_token", "401 token-exchange-invalid" },
		{ "invalid_client", "503 upstream-token-unavailable" },
		{ "unauthorized_client", "503 upstream-token-unavailable" },
		{ "unsupported_grant_type", "503 upstream-token-unavailable" },
		{ "slow_down", "503 upstream-token-unavailable" },
	};
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		char body[64];
		kit_reset();
		(void)snprintf(body, sizeof(body), "{\"error\":\"%s\"}", rows[n].word);
		answer(400, body);
		sluice_instance *i = INSTANCE("token_exchange.negative_ttl", "10s");
		bool is_kept = rows[n].end[0] == '4';
		assert_string_equal(said(i, "t"), rows[n].end);
		assert_string_equal(said(i, "t"), rows[n].end);
		assert_int_equal(kit_fetches(URL), is_kept ? 1 : 2);
		assert_non_null(strstr(kit_log(), rows[n].word));
		answer(200, GOOD("good"));
		kit_advance(10000);
		assert_string_equal(said(i, "t"), "Bearer good");
		kit_stop(i);
	}
}

TEST_WITH(a_refusal_for_the_token_has_its_challenge, each, NULL)
{
	answer(400, "{\"error\":\"invalid_grant\"}");
	sluice_instance *i = INSTANCE();
	sluice_exchange *x = request(i, "t");
	kit_advance(10);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"instance\", error=\"invalid_token\"");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(the_type_of_what_was_issued_counts, each, NULL)
{
	static const struct {
		const char *wants, *body, *end;
	} rows[] = {
		{ "", ISSUED("t", "access_token"), "Bearer t" },
		{ "", ISSUED("t", "jwt"), "Bearer t" },
		{ "", ISSUED("t", "id_token"), "503 upstream-token-unavailable" },
		{ "", ISSUED("t", "refresh_token"), "503 upstream-token-unavailable" },
		{ "", "{\"access_token\":\"t\",\"token_type\":\"Bearer\"}",
			"503 upstream-token-unavailable" },
		{ TYPE("jwt"), ISSUED("t", "jwt"), "Bearer t" },
		{ TYPE("jwt"), ISSUED("t", "access_token"), "503 upstream-token-unavailable" },
		{ TYPE("id_token"),
			"{\"access_token\":\"t\",\"token_type\":\"N_A\",\"issued_token_type\":"
			"\"" TYPE("id_token") "\"}",
			"Bearer t" },
		{ "",
			"{\"access_token\":\"t\",\"token_type\":\"N_A\",\"issued_token_type\":"
			"\"" TYPE("access_token") "\"}",
			"503 upstream-token-unavailable" },
		{ "",
			"{\"access_token\":\"t\",\"token_type\":\"DPoP\",\"issued_token_type\":"
			"\"" TYPE("access_token") "\"}",
			"503 upstream-token-unavailable" },
	};
	for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		kit_reset();
		answer(200, rows[n].body);
		sluice_instance *i = INSTANCE("token_exchange.requested_type", rows[n].wants);
		assert_string_equal(said(i, "t"), rows[n].end);
		kit_stop(i);
	}
}

TEST_WITH(one_exchange_for_all_who_wait, each, NULL)
{
	sluice_exchange *x[20];
	answer(200, GOOD("t"));
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE();
	for (int n = 0; n < 20; n++)
		x[n] = request(i, "of-alice");
	kit_advance(100);
	for (int n = 0; n < 20; n++)
		assert_string_equal(end_of(x[n]), "Bearer t");
	assert_int_equal(kit_fetches(URL), 1);
	/* who asks leaves: another one does */
	sluice_exchange *a = request(i, "of-bob"), *b = request(i, "of-bob");
	kit_advance(50);
	kit_end(a);
	kit_advance(101);
	assert_string_equal(end_of(b), "Bearer t");
	assert_int_equal(kit_fetches(URL), 3);
	kit_stop(i);
}

TEST_WITH(a_server_that_fails, each, NULL)
{
	sluice_dependency d;
	sluice_exchange *x[5];
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	sluice_instance *i = INSTANCE();
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_OK); /* nothing is known against it */
	for (int n = 0; n < 5; n++)
		x[n] = request(i, "t");
	for (int n = 0; n < 5; n++)
		assert_string_equal(end_of(x[n]), "503 upstream-token-unavailable");
	assert_int_equal(kit_fetches(URL), 2); /* a lost connection is tried once more */
	kit_advance(1);
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_FAILING);
	assert_string_equal(said(i, "t"), "503 upstream-token-unavailable");
	const char *log = strstr(kit_log(), "tokens cannot be exchanged");
	assert_non_null(log);
	assert_null(strstr(log + 1, "tokens cannot be exchanged")); /* one line for all of it */
	answer(200, GOOD("t"));
	assert_string_equal(said(i, "t"), "Bearer t");
	kit_advance(1);
	assert_true(kit_dependency(i, URL, &d));
	assert_int_equal(d.state, SLUICE_DEPENDENCY_OK);
	assert_non_null(strstr(kit_log(), "exchanged again"));
	kit_fetch_fail(URL, SLUICE_UNREACHABLE);
	assert_string_equal(said(i, "t"), "Bearer t"); /* what is there serves on */
	kit_stop(i);
	i = INSTANCE("on_failure", "pass");
	assert_string_equal(said(i, "u"), "");
	kit_stop(i);
}

TEST_WITH(exchanges_under_way_are_bounded, each, NULL)
{
	answer(200, GOOD("t"));
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE("token_exchange.max_pending", "1");
	sluice_exchange *x = request(i, "a"), *y = request(i, "b");
	assert_string_equal(end_of(y), "503 upstream-token-unavailable");
	kit_advance(100);
	assert_string_equal(end_of(x), "Bearer t");
	x = request(i, "b");
	kit_advance(100);
	assert_string_equal(end_of(x), "Bearer t");
	kit_stop(i);
}

static void answered(sluice_instance *i, const char *token, int status)
{
	sluice_exchange *x = request(i, token);
	kit_advance(10);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, status);
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	kit_end(x);
}

TEST_WITH(a_token_that_the_upstream_refuses_is_forgotten, each, NULL)
{
	answer(200, GOOD("old"));
	sluice_instance *i = INSTANCE("min_refresh", "10s");
	answered(i, "t", 401);
	answer(200, GOOD("new"));
	assert_string_equal(said(i, "t"), "Bearer old"); /* too new to be blamed */
	kit_advance(10000);
	answered(i, "t", 403);
	assert_string_equal(said(i, "t"), "Bearer old");
	answered(i, "t", 401);
	assert_string_equal(said(i, "t"), "Bearer new");
	assert_int_equal(kit_fetches(URL), 2);
	kit_stop(i);
}

TEST_WITH(tokens_of_other_instances_are_not_used, each, NULL)
{
	answer(200, GOOD("for-a"));
	sluice_instance *a = INSTANCE("audience", "[a]");
	assert_string_equal(said(a, "t"), "Bearer for-a");
	answer(200, GOOD("for-b"));
	/* a reload: the same name, the same memory, another audience */
	sluice_instance *b = INSTANCE("audience", "[b]");
	assert_string_equal(said(b, "t"), "Bearer for-b");
	sluice_instance *same = INSTANCE("audience", "[a]", "leeway", "6s");
	assert_string_equal(said(same, "t"), "Bearer for-a");
	assert_int_equal(kit_fetches(URL), 2);
	kit_stop(a);
	kit_stop(b);
	kit_stop(same);
}

/* Each is found again, and by nothing but itself, whatever stands in its place. */
TEST(digests_are_those_of_their_tokens)
{
	static char long_token[8192];
	struct digests all = { .v = NULL };
	uint8_t got[SHA256_DIGEST_LENGTH], want[SHA256_DIGEST_LENGTH];
	char text[16];
	memset(long_token, 'a', sizeof(long_token));
	for (int kept = 0; kept < 2; kept++) { /* without memory for any, and with it */
		if (kept)
			assert_int_equal(digests_init(&all), 0);
		for (unsigned n = 0; n < 5000; n++) {
			int len = snprintf(text, sizeof(text), "t%u", n % 1500);
			sluice_str token = n % 100 ? sluice_str_n(text, (size_t)len)
						   : sluice_str_n(long_token, 4000 + n % 4000);
			digests_find(&all, token, got);
			SHA256((const unsigned char *)token.data, token.len, want);
			assert_memory_equal(got, want, sizeof(got));
		}
		digests_fini(&all);
	}
}

TEST_WITH(the_endpoint_is_awaited, each, NULL)
{
	answer(200, GOOD("t"));
	kit_fetch_answer(OPENID, 200, "{\"issuer\":\"" ISSUER "\",\"token_endpoint\":\"" URL "\"}");
	kit_fetch_after(200);
	sluice_instance *i = start(
		kit_instance(&sluice_plugin_record, "issuer", ISSUER, CLIENT, GRANT, NULL));
	sluice_exchange *x = request(i, "t");
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(210);
	assert_string_equal(end_of(x), "Bearer t");
	kit_stop(i);
	kit_fetch_fail(OPENID, SLUICE_TIMEOUT);
	i = start(kit_instance(&sluice_plugin_record, "issuer", ISSUER, CLIENT, GRANT, "wait",
		"100ms", NULL));
	x = request(i, "t");
	kit_advance(100);
	assert_string_equal(end_of(x), "503 upstream-token-unavailable");
	kit_stop(i);
}

#define REFUSED(said, ...)                                                                         \
	do {                                                                                       \
		sluice_instance *i = kit_instance(&sluice_plugin_record, BASE, __VA_ARGS__, NULL); \
		assert_int_equal(kit_check(i), -1);                                                \
		if (!strstr(kit_errors(i), said))                                                  \
			fail_msg("%s is not in %s", said, kit_errors(i));                          \
		kit_stop(i);                                                                       \
	} while (0)

TEST_WITH(options_that_make_no_sense, each, NULL)
{
	REFUSED("token_exchange.from: \"query:t\"", "token_exchange.from", "query:t");
	REFUSED("token_exchange.from: \"here\"", "token_exchange.from", "here");
	REFUSED("token_exchange.forward: the client's token", "token_exchange.forward", "true");
	REFUSED("token_exchange.forward: the client's token", "token_exchange.from", "header:X-T",
		"field", "x_t", "token_exchange.forward", "true");
	REFUSED("\"scheme:Bearer\" is in the field", "client_field", "refuse");
	REFUSED("token_exchange.verified_by: ", "token_exchange.verified_by", "header:");
}
