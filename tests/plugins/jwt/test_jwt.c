/* The plugin as the gateway sees it: options, requests, waits, attributes, on the kit. */
#include <sluice/plugin.h>

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

static sluice_instance *file_instance(const char *name, const char *value)
{
	kit_file("keys.json", keys_a);
	sluice_instance *i = name ? kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
					    "file:keys.json", name, value, NULL)
				  : kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
					    "file:keys.json", NULL);
	kit_start(i);
	return i;
}

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

TEST_WITH(lets_good_tokens_through, each, NULL)
{
	sluice_instance *i = file_instance(NULL, NULL);
	sluice_exchange *x = request(i, token);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_string_equal(kit_attr(x, "claim:sub"), "alice");
	assert_string_equal(kit_attr(x, "claim:exp"), "1700000100");
	assert_string_equal(kit_attr(x, "claim:roles"), "r1 r2");
	assert_string_equal(kit_attr(x, "claim:org.id"), "7");
	assert_string_equal(kit_attr(x, "claim:ok"), "true");
	assert_null(kit_attr(x, "claim:org"));
	assert_null(kit_attr(x, "claim:none"));
	assert_null(kit_attr(x, "claim:"));
	assert_non_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	kit_end(x);
	admit(kit_request(i, "GET", "/", "authorization", mint_text("bEARER   %s", token), NULL));
	kit_stop(i);
}

TEST_WITH(remembers_tokens, each, NULL)
{
	sluice_instance *i = file_instance(NULL, NULL);
	sluice_exchange *first = request(i, token), *second = request(i, token);
	/* both look at one set of claims: the second was not verified again */
	const void *a = sluice_attr(first, SLUICE_STR("claim:sub")).data,
		   *b = sluice_attr(second, SLUICE_STR("claim:sub")).data;
	assert_ptr_equal(a, b);
	kit_end(first);
	assert_string_equal(kit_attr(second, "claim:sub"), "alice");
	kit_end(second);
	/* not beyond its time, and not when the clock is set back before it */
	kit_advance(104999);
	admit(request(i, token));
	kit_advance(1);
	expect(request(i, token), 401, "token-expired", "error=\"invalid_token\"");
	kit_stop(i);
}

TEST_WITH(forgets_with_the_keys, each, NULL)
{
	const char *claims = "{\"iss\":\"" IDP "\",\"exp\":1800000000,\"sub\":\"alice\"}";
	const char *text = mint(MINT_P256, "ES256", "a", claims);
	sluice_instance *i = file_instance("refresh", "1m");
	sluice_exchange *held = request(i, text);
	assert_int_equal(kit_verdict(held), SLUICE_NEXT);
	/* key a is withdrawn */
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "b", NULL), NULL));
	kit_advance(60000);
	sluice_exchange *x = request(i, text);
	kit_advance(1); /* perhaps it has the file read once more */
	expect(x, 401, "token-key-unknown", "invalid_token");
	assert_string_equal(kit_attr(held, "claim:sub"), "alice"); /* it began before */
	kit_end(held);
	kit_stop(i);
}

TEST_WITH(outlives_its_place_in_the_cache, each, NULL)
{
	sluice_instance *i = file_instance("cache", "8");
	sluice_exchange *held = request(i, token);
	for (int n = 0; n < 100; n++)
		admit(request(i,
			mint(MINT_P256, "ES256", "a", mint_text("{" GOOD ",\"n\":%d}", n))));
	assert_string_equal(kit_attr(held, "claim:roles"), "r1 r2");
	kit_end(held);
	kit_stop(i);
	i = file_instance("cache", "0");
	held = request(i, token);
	assert_string_equal(kit_attr(held, "claim:roles"), "r1 r2");
	kit_end(held);
	kit_stop(i);
}

TEST_WITH(asks_for_a_token, each, NULL)
{
	sluice_instance *i = file_instance("realm", "the \\\"shop\\");
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"the \\\\\\\"shop\\\\\"");
	expect(x, 401, "token-missing", "Bearer");
	expect(kit_request(i, "GET", "/a", "Authorization", "Basic YTpi", NULL), 401,
		"token-missing", "Bearer");
	expect(kit_request(i, "GET", "/a", "Authorization", "", NULL), 401, "token-missing",
		"Bearer");
	expect(kit_request(i, "GET", "/a", "Authorization", "Bearerx", NULL), 401,
		"token-malformed", "invalid_token");
	expect(kit_request(i, "GET", "/a?access_token=x", NULL), 401, "token-missing", "Bearer");
	kit_stop(i);
	i = file_instance("resource_metadata",
		"https://api.example/.well-known/oauth-protected-resource");
	x = request(i, "x");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Bearer realm=\"instance\", "
		"resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\", "
		"error=\"invalid_token\", error_description=\"the token is malformed\"");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(refuses_malformed_requests, each, NULL)
{
	sluice_instance *i = file_instance(NULL, NULL);
	const char *good = mint_text("Bearer %s", token);
	expect(kit_request(i, "GET", "/", "Authorization", good, "authorization", good, NULL), 400,
		"token-ambiguous", "error=\"invalid_request\"");
	expect(kit_request(i, "GET", "/", "Authorization", "Basic YTpi", "Authorization", good,
		       NULL),
		400, "token-ambiguous", "invalid_request");
	expect(kit_request(i, "GET", "/", "Authorization", mint_text("%s, %s", good, good), NULL),
		400, "token-ambiguous", "invalid_request");
	expect(kit_request(i, "GET", "/", "Authorization", "Bearer", NULL), 401, "token-malformed",
		"invalid_token");
	expect(kit_request(i, "GET", "/", "Authorization", "Bearer ", NULL), 401, "token-malformed",
		"invalid_token");
	expect(request(i, "abc"), 401, "token-malformed",
		"realm=\"instance\", error=\"invalid_token\"");
	expect(request(i, mint_text("%s=", token)), 401, "token-malformed", "invalid_token");
	expect(request(i, mint_text("%s%08192d", token, 0)), 401, "token-too-large",
		"invalid_token");
	kit_stop(i);
}

TEST_WITH(refuses_bad_tokens, each, NULL)
{
	static const struct {
		const char *claims, *code;
	} rows[] = {
		{ "{\"iss\":\"" IDP "\",\"exp\":1699999994}", "token-expired" },
		{ "{" GOOD ",\"nbf\":1700000006}", "token-not-yet-valid" },
		{ "{\"iss\":\"https://evil.example/\",\"exp\":1700000100}", "token-issuer" },
		{ "{\"iss\":\"" IDP "\"}", "token-claim" },
		{ "{" GOOD "} ", NULL },
		{ "{" GOOD ",\"sub\":\"bob\"}", "token-malformed" },
		{ "[1]", "token-malformed" },
		{ "no JSON", "token-malformed" },
	};
	sluice_instance *i = file_instance(NULL, NULL);
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		const char *text = mint(MINT_P256, "ES256", "a", rows[n].claims);
		for (int again = 0; again < 2;
			again++) { /* a failure is not remembered, nor taken for a success */
			if (rows[n].code)
				expect(request(i, text), 401, rows[n].code,
					"error=\"invalid_token\", error_description=\"");
			else
				admit(request(i, text));
		}
	}
	expect(request(i, mint(MINT_P384, "ES384", "a", "{" GOOD "}")), 401, "token-algorithm",
		"invalid_token");
	expect(request(i, mint_token(MINT_P256, "none", "{\"alg\":\"none\"}", "{" GOOD "}")), 401,
		"token-algorithm", "invalid_token");
	expect(request(i,
		       mint_token(MINT_P256, "HS256", "{\"alg\":\"HS256\",\"kid\":\"a\"}",
			       "{" GOOD "}")),
		401, "token-algorithm", "invalid_token");
	sluice_exchange *x = request(i,
		mint_parts("{\"alg\":\"ES256\",\"kid\":\"a\"}", "{" GOOD "}",
			mint_b64("0123456789", 10)));
	kit_advance(1); /* the keys are looked at once more */
	expect(x, 401, "token-signature", "invalid_token");
	expect(request(i,
		       mint_token(MINT_P256, "ES256",
			       "{\"alg\":\"ES256\",\"kid\":\"a\",\"crit\":[\"x\"]}", "{" GOOD "}")),
		401, "token-critical", "invalid_token");
	expect(request(i,
		       mint_token(MINT_P256, "ES256",
			       "{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"dpop+jwt\"}",
			       "{" GOOD "}")),
		401, "token-type", "invalid_token");
	assert_null(strstr(kit_log(), "alice")); /* nothing of a token is logged */
	kit_stop(i);
}

TEST_WITH(names_the_missing_scope_and_claim, each, NULL)
{
	sluice_instance *i = file_instance("scopes", "[orders:read, orders:write]");
	expect(request(i, mint(MINT_P256, "ES256", "a", "{" GOOD ",\"scope\":\"orders:read\"}")),
		403, "token-scope",
		"error=\"insufficient_scope\", error_description=\"the token does not grant the "
		"scope that is "
		"needed\", "
		"scope=\"orders:read orders:write\"");
	admit(request(i,
		mint(MINT_P256, "ES256", "a",
			"{" GOOD ",\"scope\":\"orders:read orders:write\"}")));
	kit_stop(i);
	i = file_instance("claims", "{tenant: acme}");
	sluice_exchange *x = request(i, token);
	assert_string_equal(kit_detail(x),
		"the claim tenant of the token is missing or not as required");
	expect(x, 401, "token-claim", "invalid_token");
	kit_stop(i);
	i = file_instance("audience", "orders");
	expect(request(i, token), 401, "token-audience", "invalid_token");
	admit(request(i, mint(MINT_P256, "ES256", "a", "{" GOOD ",\"aud\":[\"x\",\"orders\"]}")));
	kit_stop(i);
}

TEST_WITH(lets_strangers_through_when_told, each, NULL)
{
	sluice_instance *i = file_instance("optional", "true");
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_null(kit_attr(x, "consumer"));
	admit(x);
	admit(kit_request(i, "GET", "/a", "Authorization", "Basic YTpi", NULL));
	expect(request(i, "x.y.z"), 401, "token-malformed", "invalid_token");
	expect(kit_request(i, "GET", "/", "Authorization", "Bearer", NULL), 401, "token-malformed",
		"invalid_token");
	kit_stop(i);
}

TEST_WITH(optional_lets_no_forged_token_through, each, NULL)
{
	static const char *const forms[] = { "Bearer\t%s", "Bearer,%s", "Bearer=%s", "Bearer%s",
		"Bearer\x80%s", "\"Bearer %s\"", " Bearer %s", "Basic a, Bearer %s", "JWT %s", "%s",
		"bearer\t%s", "DPoP %s", "Bearer:%s", "Bearer %s," };
	sluice_instance *i = file_instance("optional", "true");
	for (size_t n = 0; n < sizeof forms / sizeof *forms; n++) {
		char value[1024];
		(void)snprintf(value, sizeof value, forms[n], token);
		sluice_exchange *x = kit_request(i, "GET", "/", "Authorization", value, NULL);
		if (kit_verdict(x) != SLUICE_REPLY)
			fail_msg("\"%s\" went on to the service", forms[n]);
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(forward_token_false_drops_every_authorization, each, NULL)
{
	static const char *const values[] = { "Basic YTpi", "secret-api-key", "" };
	kit_file("keys.json", keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"file:keys.json", "optional", "true", "forward_token", "false", NULL);
	kit_start(i);
	for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", "AUTHORIZATION", values[n], NULL);
		assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
		admit(x);
	}
	kit_stop(i);
}

TEST_WITH(writes_claims_to_headers, each, NULL)
{
	sluice_instance *i =
		file_instance("claims_to_headers", "{sub: X-User, roles: X-Roles, none: X-None}");
	for (int again = 0; again < 2; again++) {
		sluice_exchange *x = kit_request(i, "GET", "/a", "x-user", "root", "X_User", "root",
			"X-USER", "root", "X-None", "root", "X-Other", "kept", "Authorization",
			mint_text("Bearer %s", token), NULL);
		assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-User"), 1);
		assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "alice");
		assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Roles"), "r1 r2");
		assert_null(kit_header(x, SLUICE_REQUEST, "X-None"));
		assert_null(kit_header(x, SLUICE_REQUEST, "X_User"));
		assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Other"), "kept");
		admit(x);
	}
	/* a claim that would end the field ends nothing */
	sluice_exchange *x = request(i,
		mint(MINT_P256, "ES256", "a", "{" GOOD ",\"roles\":\"a\\r\\nX-Admin: 1\"}"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Admin"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Roles"));
	admit(x);
	kit_stop(i);
	kit_file("keys.json", keys_a);
	i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json", "optional",
		"true", "claims_to_headers", "{sub: X-User}", "forward_token", "false", NULL);
	kit_start(i);
	x = kit_request(i, "GET", "/a", "X-User", "root", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-User")); /* also without a token */
	admit(x);
	x = request(i, token);
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-User"), "alice");
	admit(x);
	kit_stop(i);
}

/* What the service gets of a token with these options. */
static sluice_exchange *told(sluice_instance **i, const char *name, const char *value,
	const char *more, const char *and)
{
	static const char claims[] =
		"{" GOOD ",\"groups\":[\"a b\",\"c,d\",7,null,\"e\"],"
		"\"org\":{\"name\":\"B\xc3\xa4r\"},\"nested\":[[1]],\"name\":\"J\xc3\xb6rg\"}";
	kit_reset();
	kit_file("keys.json", keys_a);
	*i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json",
		"claims_to_headers",
		"{groups: X-Groups, org: X-Org, nested: X-Nested, name: X-Name, none: X-None}",
		name, value, more, and, NULL);
	kit_start(*i);
	return kit_request(*i, "GET", "/", "Authorization",
		mint_text("Bearer %s", mint(MINT_P256, "ES256", "a", claims)), "x_payload",
		"forged", "X-Org", "forged", NULL);
}

static void expect_field(sluice_exchange *x, const char *name, const char *value)
{
	const char *has = kit_header(x, SLUICE_REQUEST, name);
	if (!value ? has != NULL : !has || strcmp(has, value) != 0)
		fail_msg("%s: %s", name, has ? has : "(none)");
}

TEST_WITH(writes_arrays_and_objects, each, NULL)
{
	sluice_instance *i;
	sluice_exchange *x = told(&i, "claims_format", "text", NULL, NULL);
	expect_field(x, "X-Groups", "7 e");
	expect_field(x, "X-Org", NULL);
	expect_field(x, "X-Name", "J\xc3\xb6rg"); /* UTF-8, as it is */
	admit(x);
	kit_stop(i);
	x = told(&i, "claims_separator", ",", NULL, NULL);
	expect_field(x, "X-Groups", "a b,7,e");
	expect_field(x, "X-Nested", NULL);
	admit(x);
	kit_stop(i);
	x = told(&i, "claims_format", "json", "claims_separator", "|");
	expect_field(x, "X-Groups", "[\"a b\",\"c,d\",7,null,\"e\"]");
	expect_field(x, "X-Org", "{\"name\":\"B\\u00E4r\"}");
	expect_field(x, "X-Nested", "[[1]]");
	expect_field(x, "X-None", NULL);
	admit(x);
	kit_stop(i);
}

TEST_WITH(writes_the_payload, each, NULL)
{
	sluice_instance *i;
	sluice_exchange *x = told(&i, "claims_field", "X-Payload", NULL, NULL);
	const char *payload = kit_header(x, SLUICE_REQUEST, "X-Payload"),
		   *bearer = kit_header(x, SLUICE_REQUEST, "Authorization");
	const char *part = strchr(bearer, '.') + 1;
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-Payload"), 1);
	assert_null(kit_header(x, SLUICE_REQUEST, "x_payload"));
	assert_int_equal(strlen(payload), strcspn(part, "."));
	assert_memory_equal(payload, part, strlen(payload)); /* as it was signed */
	admit(x);
	kit_stop(i);
}

static sluice_instance *places_instance(const char *from, const char *forward)
{
	kit_reset();
	kit_file("keys.json", keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"file:keys.json", "from", from, "forward_token", forward, NULL);
	kit_start(i);
	return i;
}

TEST_WITH(finds_tokens_in_other_places, each, NULL)
{
	sluice_instance *i =
		places_instance("[scheme:Bearer, header:X-Token, cookie:sid, query:access_token]",
			"false");
	const char *bearer = mint_text("Bearer %s", token), *cookie = mint_text("sid=%s", token),
		   *target = mint_text("/a?x=1&access_token=%s", token);
	sluice_exchange *x = kit_request(i, "GET", "/", "X-Token", token, "x_token", "y", NULL);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-Token"));
	assert_null(kit_header(x, SLUICE_REQUEST, "x_token"));
	admit(x);
	admit(kit_request(i, "GET", "/", "X-Token", bearer, NULL));
	x = kit_request(i, "GET", "/", "Cookie", mint_text("a=b; %s; c=d", cookie), NULL);
	expect_field(x, "Cookie", "a=b; c=d");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Cache-Control"));
	admit(x);
	x = kit_request(i, "GET", target, NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Cache-Control"), "private");
	assert_null(strstr(mint_text("%.*s", (int)sluice_get(x, SLUICE_I_QUERY).len,
				   sluice_get(x, SLUICE_I_QUERY).data),
		"access_token"));
	admit(x);
	expect(kit_request(i, "GET", "/", "Authorization", bearer, "X-Token", token, NULL), 400,
		"token-ambiguous", "invalid_request");
	expect(kit_request(i, "GET", target, "Cookie", cookie, NULL), 400, "token-ambiguous",
		"invalid_request");
	expect(kit_request(i, "GET", "/", "X-Token", token, "X-Token", token, NULL), 400,
		"token-ambiguous", "invalid_request");
	expect(kit_request(i, "GET", "/", "Cookie", mint_text("%s; %s", cookie, cookie), NULL), 400,
		"token-ambiguous", "invalid_request");
	expect(kit_request(i, "GET", "/?access_token=", "Cookie", "sid=", NULL), 401,
		"token-missing", "Bearer");
	kit_stop(i);
	i = places_instance("cookie:sid", "true");
	x = kit_request(i, "GET", "/", "Cookie", cookie, NULL);
	expect_field(x, "Cookie", cookie);
	admit(x);
	admit(kit_request(i, "GET", "/", "Cookie", cookie, "Authorization", "Basic YTpi", NULL));
	expect(kit_request(i, "GET", "/", "Authorization", bearer, NULL), 401, "token-place",
		"invalid_request");
	expect(kit_request(i, "GET", "/", "Cookie", cookie, "Authorization", bearer, NULL), 401,
		"token-place", "invalid_request");
	kit_stop(i);
}

TEST_WITH(checks_options, each, NULL)
{
	static const struct {
		const char *name, *value, *words;
	} rows[] = {
		{ "claims_to_headers", "{sub: 'X User'}", "no name of a header field" },
		{ "claims_to_headers", "{sub: Authorization}", "brings the token" },
		{ "claims_to_headers", "{sub: host}", "says for which host the request is" },
		{ "claims_to_headers", "{sub: X-User, name: x-user}", "set from two claims" },
		{ "scopes", "['a b']", "no scope" },
		{ "realm", "a\nb", "printable" },
		{ "min_refresh", "10m", "longer than refresh" },
		{ "claims_field", "Authorization", "brings the token" },
		{ "claims_separator", "ab", "none of a blank" },
		{ "from", "body:x", "is none of header:NAME" },
		{ "from", "scheme:Basic", "is no scheme of tokens" },
		{ "from", "[cookie:a, cookie:a]", "is there twice" },
		{ "from", "header:Authorization", "write scheme:Bearer" },
		{ "resource_name", "x", "without resource" },
	};
	kit_file("keys.json", keys_a);
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
			"file:keys.json", rows[n].name, rows[n].value, NULL);
		if (kit_check(i) == 0 || !strstr(kit_errors(i), rows[n].words) ||
			strncmp(kit_errors(i), rows[n].name, 4) != 0)
			fail_msg("row %zu: %s", n, kit_errors(i));
		kit_stop(i);
	}
}

/* Two issuers whose keys have the same name: neither may sign for the other, and nobody else at
 * all. */
TEST_WITH(iss_chooses_among_the_configured_issuers_only, each, NULL)
{
	kit_file("one.json", mint_jwks(mint_jwk(MINT_P256, "k", NULL), NULL));
	kit_file("two.json", mint_jwks(mint_jwk(MINT_RSA, "k", NULL), NULL));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuers",
		"{one: file:one.json, two: file:two.json}", NULL);
	kit_start(i);
	const char *form = "{\"iss\":\"%s\",\"exp\":1700000100,\"sub\":\"%s\"}";
	for (int again = 0; again < 2; again++) {
		admit(request(i, mint(MINT_P256, "ES256", "k", mint_text(form, "one", "a"))));
		admit(request(i, mint(MINT_RSA, "RS256", "k", mint_text(form, "two", "a"))));
		sluice_exchange *x =
			request(i, mint(MINT_P256, "ES256", "k", mint_text(form, "two", "a")));
		kit_advance(5);
		expect(x, 401, "token-algorithm", "invalid_token");
		x = request(i, mint(MINT_RSA, "RS256", "k", mint_text(form, "one", "a")));
		kit_advance(5);
		expect(x, 401, "token-algorithm", "invalid_token");
		x = request(i, mint(MINT_RSA_OTHER, "RS256", "k", mint_text(form, "two", "a")));
		kit_advance(5);
		expect(x, 401, "token-signature", "invalid_token");
		expect(request(i, mint(MINT_P256, "ES256", "k", mint_text(form, "three", "a"))),
			401, "token-issuer", "invalid_token");
		expect(request(i, mint(MINT_P256, "ES256", "k", mint_text(form, "One", "a"))), 401,
			"token-issuer", "invalid_token");
		expect(request(i,
			       mint(MINT_P256, "ES256", "k",
				       "{\"iss\":[\"one\"],\"exp\":1700000100}")),
			401, "token-issuer", "invalid_token");
		expect(request(i,
			       mint(MINT_P256, "ES256", "k", "{\"iss\":null,\"exp\":1700000100}")),
			401, "token-issuer", "invalid_token");
	}
	/* new keys of one leave the tokens of the other remembered */
	sluice_exchange *held =
		request(i, mint(MINT_RSA, "RS256", "k", mint_text(form, "two", "bob")));
	assert_string_equal(kit_attr(held, "consumer"), "bob");
	kit_end(held);
	kit_stop(i);
}

TEST_WITH(several_names_may_share_their_keys, each, NULL)
{
	kit_file("keys.json", keys_a);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", "[one, " IDP "]", "jwks",
		"file:keys.json", NULL);
	kit_start(i);
	admit(request(i, token));
	admit(request(i, mint(MINT_P256, "ES256", "a", "{\"iss\":\"one\",\"exp\":1700000100}")));
	expect(request(i, mint(MINT_P256, "ES256", "a", "{\"iss\":\"two\",\"exp\":1700000100}")),
		401, "token-issuer", "invalid_token");
	kit_stop(i);
}

TEST_WITH(survives_a_spent_budget, each, NULL)
{
	sluice_instance *i = file_instance(NULL, NULL);
	sluice_exchange *x = kit_exchange(i, "GET", "/a");
	kit_add_header(x, SLUICE_REQUEST, "Authorization", mint_text("Bearer %s", token));
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	kit_set_budget(x, 0);
	assert_string_equal(kit_attr(x, "claim:sub"), "alice");
	assert_null(kit_attr(x, "claim:roles")); /* needs memory that is not there */
	kit_end(x);
	x = kit_exchange(i, "GET", "/a");
	kit_add_header(x, SLUICE_REQUEST, "Authorization", mint_text("Bearer %s", token));
	kit_set_budget(x, 0);
	assert_int_equal(kit_run(x), SLUICE_FAIL);
	kit_end(x);
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
