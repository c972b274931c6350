/* Opaque tokens: what the authorization server is asked, and what its answers do. On the kit. */
#include <sluice/plugin.h>

#include <openssl/pem.h>

#include "kit.h"
#include "mint.h"
#include "test.h"
#include "verify.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define KEYS_URL "https://idp.example/keys"
#define ASK_URL "https://idp.example/introspect"
#define ACTIVE "{\"active\":true,\"sub\":\"alice\",\"scope\":\"read write\",\"exp\":1700000100}"
#define BASE                                                                 \
	"introspection.url", ASK_URL, "introspection.client_id", "gate way", \
		"introspection.client_secret", "s:cret", "introspection.timeout", "2s"

static int each(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static void answer(const char *body)
{
	kit_fetch_answer(ASK_URL, 200, body);
	kit_fetch_field("Content-Type", "application/json; charset=utf-8");
}

#define INSTANCE(...) start(kit_instance(&sluice_plugin_record, BASE, ##__VA_ARGS__, NULL))

static sluice_instance *start(sluice_instance *i)
{
	kit_start(i);
	return i;
}

static sluice_exchange *request(sluice_instance *i, const char *token)
{
	return kit_request(i, "GET", "/a", "Authorization", mint_text("Bearer %s", token), NULL);
}

/* The request's end, after the server has had time to answer: the code, or "in". */
static const char *end_of(sluice_exchange *x)
{
	kit_advance(10);
	sluice_verdict v = kit_verdict(x);
	const char *said = v == SLUICE_NEXT ? "in"
		: v == SLUICE_REPLY         ? mint_text("%d %s", kit_status(x), kit_code(x))
		: v == SLUICE_WAIT          ? "waits"
					    : "fails";
	kit_end(x);
	return said;
}

static const char *said(sluice_instance *i, const char *token)
{
	return end_of(request(i, token));
}

TEST_WITH(asks_and_remembers, each, NULL)
{
	answer(ACTIVE);
	sluice_instance *i = INSTANCE();
	sluice_exchange *x = request(i, "tok+en/1=");
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(10);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "claim:sub"), "alice");
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_null(kit_attr(x, "claim:active"));
	kit_end(x);
	assert_string_equal(kit_fetch_method(), "POST");
	assert_string_equal(kit_fetch_body(), "token=tok%2Ben%2F1%3D&token_type_hint=access_token");
	/* RFC 6749 2.3.1: "gate+way:s%3Acret" */
	assert_string_equal(kit_fetch_header("authorization"), "Basic Z2F0ZSt3YXk6cyUzQWNyZXQ=");
	assert_string_equal(kit_fetch_header("accept"), "application/json");
	for (int n = 0; n < 10; n++)
		assert_string_equal(said(i, "tok+en/1="), "in");
	assert_int_equal(kit_fetches(ASK_URL), 1);
	assert_string_equal(said(i, "another"), "in");
	assert_int_equal(kit_fetches(ASK_URL), 2);
	kit_advance(60000); /* ttl */
	assert_string_equal(said(i, "another"), "in");
	assert_int_equal(kit_fetches(ASK_URL), 3);
	kit_advance(46000); /* exp, and leeway */
	assert_string_equal(said(i, "another"), "401 token-expired");
	kit_stop(i);
}

TEST_WITH(a_token_that_is_not_active_is_refused_and_remembered, each, NULL)
{
	answer("{\"active\":false}");
	sluice_instance *i = INSTANCE("introspection.negative_ttl", "10s");
	sluice_exchange *x = request(i, "gone");
	kit_advance(10);
	assert_string_equal(kit_code(x), "token-inactive");
	assert_non_null(strstr(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"error=\"invalid_token\""));
	kit_end(x);
	assert_string_equal(said(i, "gone"), "401 token-inactive");
	assert_int_equal(kit_fetches(ASK_URL), 1);
	kit_advance(10000);
	answer(ACTIVE);
	assert_string_equal(said(i, "gone"), "in");
	kit_stop(i);
}

TEST_WITH(the_rules_hold_for_what_the_server_says, each, NULL)
{
	static const struct {
		const char *body, *end;
	} cases[] = {
		{ ACTIVE, "401 token-audience" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"read\"}", "in" },
		{ "{\"active\":true,\"aud\":[\"x\",\"api\"],\"scope\":\"read\"}", "in" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"write\"}", "403 token-scope" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"read\",\"exp\":1600000000}",
			"401 token-expired" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"read\",\"exp\":\"soon\"}",
			"401 token-claim" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"read\",\"nbf\":1800000000}",
			"401 token-not-yet-valid" },
		{ "{\"active\":true,\"aud\":\"api\",\"scope\":\"read\",\"iss\":7}",
			"401 token-issuer" },
	};
	sluice_instance *i = INSTANCE("audience", "api", "scopes", "[read]");
	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		answer(cases[n].body);
		assert_string_equal(said(i, mint_text("t%u", n)), cases[n].end);
	}
	kit_stop(i);
}

TEST_WITH(answers_that_are_none_let_nothing_in, each, NULL)
{
	static const struct {
		int code;
		const char *type, *body;
	} bad[] = {
		{ 200, "text/html", ACTIVE },
		{ 200, "", ACTIVE },
		{ 200, "application/json", "" },
		{ 200, "application/json", "[]" },
		{ 200, "application/json", "{}" },
		{ 200, "application/json", "{\"active\":\"true\"}" },
		{ 200, "application/json", "{\"active\":1}" },
		{ 200, "application/json", "{\"active\":null}" },
		{ 200, "application/json", "{\"active\":false,\"active\":true}" },
		{ 200, "application/json", "{\"active\":true} " ACTIVE },
		{ 200, "application/token-introspection+jwt", ACTIVE },
		{ 201, "application/json", ACTIVE },
		{ 302, "application/json", ACTIVE },
		{ 401, "application/json", ACTIVE },
		{ 500, "application/json", ACTIVE },
	};
	sluice_instance *i = INSTANCE();
	for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		kit_fetch_answer(ASK_URL, bad[n].code, bad[n].body);
		if (bad[n].type[0])
			kit_fetch_field("Content-Type", bad[n].type);
		assert_string_equal(said(i, "t"), "503 introspection-unavailable");
		assert_int_equal(kit_fetches(ASK_URL), n + 1); /* nothing of it was kept */
	}
	answer(ACTIVE);
	kit_fetch_field("Content-Encoding", "gzip");
	assert_string_equal(said(i, "t"), "503 introspection-unavailable");
	kit_fetch_fail(ASK_URL, SLUICE_TIMEOUT);
	assert_string_equal(said(i, "t"), "503 introspection-unavailable");
	const char *log = kit_log();
	assert_non_null(strstr(log, "introspection at " ASK_URL " fails"));
	assert_null(strstr(strstr(log, "fails") + 1, "fails")); /* one line for all of it */
	assert_null(strstr(log, "s:cret"));
	answer(ACTIVE);
	assert_string_equal(said(i, "t"), "in");
	assert_non_null(strstr(kit_log(), "answers again"));
	kit_stop(i);
}

TEST_WITH(one_question_for_all_who_wait, each, NULL)
{
	sluice_exchange *x[20];
	answer(ACTIVE);
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE();
	for (int n = 0; n < 20; n++)
		x[n] = request(i, "t");
	kit_advance(100);
	for (int n = 0; n < 20; n++)
		assert_string_equal(end_of(x[n]), "in");
	assert_int_equal(kit_fetches(ASK_URL), 1);
	/* all of them hear of a failure as well */
	kit_fetch_fail(ASK_URL, SLUICE_UNREACHABLE);
	for (int n = 0; n < 20; n++)
		x[n] = request(i, "u");
	for (int n = 0; n < 20; n++)
		assert_string_equal(end_of(x[n]), "503 introspection-unavailable");
	assert_int_equal(kit_fetches(ASK_URL), 3); /* a lost connection is tried once more */
	kit_stop(i);
}

TEST_WITH(another_asks_when_the_client_that_asked_leaves, each, NULL)
{
	answer(ACTIVE);
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE();
	sluice_exchange *a = request(i, "t"), *b = request(i, "t"), *c = request(i, "t");
	kit_advance(50);
	kit_end(a);
	kit_advance(101);
	assert_int_equal(kit_fetches(ASK_URL), 2);
	assert_string_equal(end_of(b), "in");
	assert_string_equal(end_of(c), "in");
	kit_stop(i);
}

TEST_WITH(without_ttl_each_request_asks, each, NULL)
{
	answer(ACTIVE);
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE("introspection.ttl", "0s");
	sluice_exchange *a = request(i, "t"), *b = request(i, "t");
	kit_advance(100); /* at the same time */
	assert_string_equal(end_of(a), "in");
	assert_string_equal(end_of(b), "in");
	assert_int_equal(kit_fetches(ASK_URL), 2);
	kit_stop(i);
}

TEST_WITH(an_old_answer_serves_while_the_server_fails, each, NULL)
{
	answer("{\"active\":true,\"sub\":\"a\",\"exp\":1700000200}");
	sluice_instance *i =
		INSTANCE("introspection.on_failure", "stale", "introspection.stale_for", "5m");
	assert_string_equal(said(i, "t"), "in");
	kit_advance(70000);
	kit_fetch_fail(ASK_URL, SLUICE_TIMEOUT);
	assert_string_equal(said(i, "t"), "in");
	assert_string_equal(said(i, "never seen"), "400 token-ambiguous");
	assert_string_equal(said(i, "never-seen"), "503 introspection-unavailable");
	assert_int_equal(kit_fetches(ASK_URL), 3); /* each time the server is asked first */
	kit_advance(140000);                       /* exp: no answer is older */
	assert_string_equal(said(i, "t"), "503 introspection-unavailable");
	kit_stop(i);
}

static void revoke_and_fail(const char *negative_ttl)
{
	kit_reset();
	answer(ACTIVE);
	sluice_instance *i = INSTANCE("introspection.on_failure", "stale",
		"introspection.negative_ttl", negative_ttl);
	assert_string_equal(said(i, "t"), "in");
	kit_advance(60001);
	answer("{\"active\":false}");
	assert_string_equal(said(i, "t"), "401 token-inactive");
	kit_advance(10001);
	kit_fetch_fail(ASK_URL, SLUICE_TIMEOUT);
	assert_string_equal(said(i, "t"), "503 introspection-unavailable");
	kit_stop(i);
}

TEST_WITH(an_inactive_token_is_not_revived_by_a_failure, each, NULL)
{
	revoke_and_fail("10s");
	revoke_and_fail("0s");
}

#define KEYS "issuer", IDP, "jwks", "file:keys.json"

TEST_WITH(one_instance_takes_both_kinds, each, NULL)
{
	const char *token = mint(MINT_P256, "ES256", "a",
		"{\"iss\":\"" IDP "\",\"exp\":1700000100,\"sub\":\"bob\"}");
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	answer("{\"active\":true,\"iss\":\"" IDP "\"}");
	sluice_instance *i = INSTANCE(KEYS);
	assert_string_equal(said(i, token), "in");
	assert_int_equal(kit_fetches(NULL), 0);
	assert_string_equal(said(i, "opaque.to.us"), "in");
	assert_int_equal(kit_fetches(NULL), 1);
	answer("{\"active\":true,\"iss\":\"https://other.example/\"}");
	assert_string_equal(said(i, "of-another-issuer"), "401 token-issuer");
	/* a token that claims to be a JWT is judged as one, and as nothing else */
	assert_string_equal(said(i, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), "401 token-signature");
	kit_stop(i);
	answer("{\"active\":false}");
	i = INSTANCE(KEYS, "introspection.tokens", "all");
	assert_string_equal(said(i, token), "401 token-inactive"); /* it was revoked */
	kit_stop(i);
}

/* What looks like the stricter option loosens no other. */
TEST_WITH(types_hold_for_tokens_that_a_server_vouches_for, each, NULL)
{
	const char *claims = "{\"iss\":\"" IDP "\",\"exp\":1700000100}";
	const char *other = mint_token(MINT_P256, "ES256",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"logout+jwt\"}", claims);
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	answer(ACTIVE);
	sluice_instance *i = INSTANCE(KEYS, "introspection.tokens", "all");
	assert_string_equal(said(i, mint(MINT_P256, "ES256", "a", claims)), "in");
	assert_string_equal(said(i, other), "401 token-type");
	assert_int_equal(kit_fetches(ASK_URL), 1);
	kit_stop(i);
}

TEST_WITH(the_tenant_counts_without_an_issuer, each, NULL)
{
	sluice_instance *i = INSTANCE("issuer", "https://idp.example/{tenantid}/v2.0", "jwks",
		KEYS_URL, "tenants", "[t-1]");
	answer("{\"active\":true,\"tid\":\"t-1\"}");
	assert_string_equal(said(i, "one"), "in");
	answer("{\"active\":true,\"tid\":\"t-2\"}");
	assert_string_equal(said(i, "two"), "401 token-issuer");
	answer("{\"active\":true}");
	assert_string_equal(said(i, "none"), "401 token-issuer");
	kit_stop(i);
}

TEST_WITH(nobody_is_asked_about_what_is_no_token, each, NULL)
{
	answer(ACTIVE);
	sluice_instance *i = INSTANCE("max_size", "256");
	assert_string_equal(said(i, "a\"b"), "401 token-malformed");
	assert_string_equal(said(i, "=="), "401 token-malformed");
	assert_string_equal(said(i, "a=b"), "401 token-malformed");
	assert_string_equal(said(i, mint_text("%0300d", 1)), "401 token-too-large");
	assert_int_equal(kit_fetches(NULL), 0);
	kit_stop(i);
}

/* The clients that asked leave one after another; whoever waits longest still gets the answer. */
TEST_WITH(impatient_clients_do_not_fail_others, each, NULL)
{
	sluice_exchange *x[8];
	answer(ACTIVE);
	kit_fetch_after(400);
	sluice_instance *i = INSTANCE();
	for (int n = 0; n < 8; n++)
		x[n] = request(i, "t");
	for (int n = 0; n < 7; n++) {
		kit_advance(100);
		kit_end(x[n]);
	}
	kit_advance(401);
	assert_string_equal(end_of(x[7]), "in");
	kit_stop(i);
}

TEST_WITH(questions_under_way_are_bounded, each, NULL)
{
	sluice_exchange *x[3];
	answer(ACTIVE);
	kit_fetch_after(100);
	sluice_instance *i = INSTANCE("introspection.max_pending", "2");
	x[0] = request(i, "a");
	x[1] = request(i, "b");
	assert_string_equal(said(i, "c"), "503 introspection-unavailable");
	kit_end(x[0]); /* a client that leaves makes room */
	x[2] = request(i, "d");
	kit_advance(100);
	assert_string_equal(end_of(x[1]), "in");
	assert_string_equal(end_of(x[2]), "in");
	x[0] = request(i, "c");
	kit_advance(100);
	assert_string_equal(end_of(x[0]), "in");
	kit_stop(i);
}

/* After a reload what was remembered is good for as long as the new options say. */
TEST_WITH(shorter_times_hold_for_older_answers, each, NULL)
{
	answer("{\"active\":true}");
	sluice_instance *old = INSTANCE("introspection.ttl", "1h", "cache", "0");
	assert_string_equal(said(old, "t"), "in");
	kit_advance(10000);
	sluice_instance *young = INSTANCE("introspection.ttl", "5s", "cache", "0");
	kit_stop(old);
	answer("{\"active\":false}");
	assert_string_equal(said(young, "t"), "401 token-inactive");
	assert_int_equal(kit_fetches(ASK_URL), 2);
	kit_stop(young);
}

TEST_WITH(a_stale_answer_without_ttl, each, NULL)
{
	answer("{\"active\":true}");
	sluice_instance *i =
		INSTANCE("introspection.ttl", "0s", "introspection.on_failure", "stale");
	assert_string_equal(said(i, "t"), "in");
	kit_fetch_fail(ASK_URL, SLUICE_TIMEOUT);
	assert_string_equal(said(i, "t"), "in");
	kit_stop(i);
}

/* ---- who asks ------------------------------------------------------------------------------ */

TEST_WITH(the_secret_in_the_body, each, NULL)
{
	answer(ACTIVE);
	sluice_instance *i = INSTANCE("introspection.client_auth", "post");
	assert_string_equal(said(i, "t"), "in");
	assert_null(kit_fetch_header("authorization"));
	assert_string_equal(kit_fetch_body(),
		"token=t&token_type_hint=access_token&client_id=gate+way&client_secret=s%3Acret");
	kit_stop(i);
}

/* The form's parameter, up to the next one. */
static const char *parameter(const char *name)
{
	const char *at = strstr(kit_fetch_body(), mint_text("&%s=", name));
	assert_non_null(at);
	at += strlen(name) + 2;
	return mint_text("%.*s", (int)strcspn(at, "&"), at);
}

TEST_WITH(an_assertion_in_the_place_of_a_secret, each, NULL)
{
	char *pem;
	char why[320];
	struct token t;
	struct verifier v = { .n = 0 };
	json_t *claims;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, mint_key(MINT_P384), NULL, NULL, 0, NULL,
				 NULL),
		1);
	long n = BIO_get_mem_data(bio, &pem);
	kit_file("client.pem", mint_text("%.*s", (int)n, pem));
	BIO_free(bio);
	answer(ACTIVE);
	sluice_instance *i = start(kit_instance(&sluice_plugin_record, "introspection.url", ASK_URL,
		"introspection.client_id", "gateway", "introspection.client_auth",
		"private_key_jwt", "introspection.client_key", "file:client.pem",
		"introspection.client_key_id", "k", NULL));
	assert_string_equal(said(i, "t"), "in");
	assert_null(kit_fetch_header("authorization"));
	assert_string_equal(parameter("client_assertion_type"),
		"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer");
	const char *first = parameter("client_assertion");
	const char *jwks = mint_jwks(mint_jwk(MINT_P384, "k", NULL), NULL);
	struct keyset *set = keys_read(sluice_str_of(jwks), why, sizeof(why));
	assert_int_equal(verifier_init(&v), 0);
	assert_int_equal(token_open(&t, sluice_str_of(first)), JOSE_OK);
	assert_int_equal(verifier_check(&v, set, &t, UINT64_MAX), JOSE_OK);
	assert_int_equal(token_read_claims(&t, &claims), JOSE_OK);
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), "gateway");
	assert_string_equal(json_string_value(json_object_get(claims, "aud")), ASK_URL);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1700000060);
	json_decref(claims);
	verifier_fini(&v);
	keys_unref(set);
	assert_string_equal(said(i, "u"), "in");
	assert_string_not_equal(parameter("client_assertion"), first); /* its jti is new */
	kit_stop(i);
}

/* ---- signed answers ------------------------------------------------------------------------ */

#define JWT_TYPE "application/token-introspection+jwt"
#define ENVELOPE(iss, aud) "{\"iss\":\"" iss "\",\"aud\":\"" aud "\",\"iat\":1700000000,"
#define TELLS "\"token_introspection\":{\"active\":true,\"sub\":\"carol\"}}"

static const char *signed_answer(const char *typ, const char *claims)
{
	return mint_token(MINT_P256, "ES256", mint_text("{\"alg\":\"ES256\",\"kid\":\"a\"%s}", typ),
		claims);
}

TEST_WITH(signed_answers, each, NULL)
{
#define TYP ",\"typ\":\"token-introspection+jwt\""
	const struct {
		const char *body, *end;
	} cases[] = {
		{ signed_answer(TYP, ENVELOPE(IDP, "gate way") TELLS), "in" },
		{ signed_answer(TYP,
			  ENVELOPE(IDP, "gate way") "\"token_introspection\":{\"active\":false}}"),
			"401 token-inactive" },
		{ signed_answer(TYP, ENVELOPE(IDP, "gate way") "\"active\":true}"), NULL },
		{ signed_answer(TYP, ENVELOPE(IDP, "other") TELLS), NULL },
		{ signed_answer(TYP, ENVELOPE("https://other.example/", "gate way") TELLS), NULL },
		{ signed_answer(TYP,
			  "{\"iss\":\"" IDP "\",\"aud\":\"gate way\",\"iat\":1700001000," TELLS),
			NULL },
		{ signed_answer(TYP, "{\"iss\":\"" IDP "\",\"aud\":\"gate way\"," TELLS), NULL },
		{ signed_answer("", ENVELOPE(IDP, "gate way") TELLS), NULL },
		{ signed_answer(",\"typ\":\"at+jwt\"", ENVELOPE(IDP, "gate way") TELLS), NULL },
		{ mint_token(MINT_P384, "ES384", "{\"alg\":\"ES384\",\"kid\":\"a\"" TYP "}",
			  ENVELOPE(IDP, "gate way") TELLS),
			NULL },
		{ ACTIVE, NULL },
	};
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	sluice_instance *i = INSTANCE(KEYS, "introspection.format", "jwt");
	for (unsigned n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		kit_fetch_answer(ASK_URL, 200, cases[n].body);
		kit_fetch_field("Content-Type", JWT_TYPE);
		assert_string_equal(said(i, mint_text("t%u", n)),
			cases[n].end ? cases[n].end : "503 introspection-unavailable");
		assert_string_equal(kit_fetch_header("accept"), JWT_TYPE);
	}
	kit_fetch_answer(ASK_URL, 200, cases[0].body);
	kit_fetch_field("Content-Type", "application/json");
	assert_string_equal(said(i, "t"), "503 introspection-unavailable");
	kit_stop(i);
}

static sluice_instance *signed_instance(const char *name, const char *value)
{
	return INSTANCE("issuer", IDP, "jwks", KEYS_URL, "introspection.format", "jwt",
		"introspection.tokens", "all", name, value);
}

/* A gateway that starts before its network does. */
TEST_WITH(a_signed_answer_waits_for_the_keys, each, NULL)
{
	const char *good = signed_answer(TYP, ENVELOPE(IDP, "gate way") TELLS);
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	kit_fetch_delay(2000);
	sluice_instance *i = signed_instance(NULL, NULL);
	kit_fetch_answer(ASK_URL, 200, good);
	kit_fetch_field("Content-Type", JWT_TYPE);
	kit_fetch_delay(5);
	sluice_exchange *x = request(i, "t"), *other = request(i, "t"), *gone = request(i, "u");
	kit_advance(1900);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	assert_int_equal(kit_verdict(other), SLUICE_WAIT);
	assert_int_equal(kit_verdict(gone), SLUICE_WAIT);
	kit_end(gone); /* the client has left */
	kit_advance(200);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "claim:sub"), "carol");
	assert_int_equal(kit_verdict(other), SLUICE_NEXT);
	assert_int_equal(kit_fetches(ASK_URL), 2); /* one for t, one for u */
	kit_end(x);
	kit_end(other);
	kit_stop(i);
}

TEST_WITH(a_signed_answer_waits_for_key_wait_at_most, each, NULL)
{
	kit_fetch_delay(100000);
	sluice_instance *i = signed_instance("key_wait", "1s");
	kit_fetch_answer(ASK_URL, 200, signed_answer(TYP, ENVELOPE(IDP, "gate way") TELLS));
	kit_fetch_field("Content-Type", JWT_TYPE);
	kit_fetch_delay(5);
	sluice_exchange *x = request(i, "t");
	kit_advance(1000);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(10);
	assert_string_equal(end_of(x), "503 introspection-unavailable");
	kit_stop(i);
}

/* ---- clocks -------------------------------------------------------------------------------- */

/* How long an answer is used does not depend on what the wall clock is set to. */
TEST_WITH(a_clock_that_is_set_does_not_prolong_an_answer, each, NULL)
{
	answer("{\"active\":true,\"sub\":\"alice\"}");
	sluice_instance *i = INSTANCE("introspection.ttl", "60s");
	assert_string_equal(said(i, "t"), "in");
	kit_advance(30000);
	kit_set_unix_ms(KIT_EPOCH_MS - 3600000); /* an hour back */
	assert_string_equal(said(i, "t"), "in");
	assert_int_equal(kit_fetches(ASK_URL), 1);
	kit_advance(30000);
	assert_string_equal(said(i, "t"), "in");
	assert_int_equal(kit_fetches(ASK_URL), 2);
	kit_set_unix_ms(KIT_EPOCH_MS + 86400000); /* a day ahead */
	assert_string_equal(said(i, "t"), "in");
	assert_int_equal(kit_fetches(ASK_URL), 2);
	kit_stop(i);
}

/* The claims are dates: what the cache says of them is what it would say without one. */
TEST_WITH(dates_go_by_the_wall_clock, each, NULL)
{
	const char *text = mint(MINT_P256, "ES256", "a",
		"{\"iss\":\"" IDP "\",\"nbf\":1699999900,\"exp\":1700000100}");
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	for (unsigned cached = 0; cached < 2; cached++) {
		kit_set_unix_ms(KIT_EPOCH_MS);
		sluice_instance *i = start(kit_instance(&sluice_plugin_record, KEYS, "cache",
			cached ? "8" : "0", NULL));
		assert_string_equal(said(i, text), "in");
		kit_set_unix_ms(KIT_EPOCH_MS + 106000);
		assert_string_equal(said(i, text), "401 token-expired");
		kit_set_unix_ms(KIT_EPOCH_MS + 50000);
		assert_string_equal(said(i, text), "in");
		kit_set_unix_ms(KIT_EPOCH_MS - 106000);
		assert_string_equal(said(i, text), "401 token-not-yet-valid");
		kit_set_unix_ms(KIT_EPOCH_MS);
		assert_string_equal(said(i, text), "in");
		kit_stop(i);
	}
}

/* ---- options ------------------------------------------------------------------------------- */

static void refused(const char *words, sluice_instance *i)
{
	assert_int_equal(kit_check(i), -1);
	const char *said_errors = mint_text("%s", kit_errors(i));
	kit_stop(i);
	if (!strstr(said_errors, words))
		fail_msg("%s: %s", words, said_errors);
}

TEST_WITH(options_that_do_not_fit, each, NULL)
{
#define WITH(...) kit_instance(&sluice_plugin_record, "introspection.url", ##__VA_ARGS__, NULL)
	refused("issuer or introspection is required", kit_instance(&sluice_plugin_record, NULL));
	refused("client_id is required", WITH(ASK_URL, "introspection.client_secret", "s"));
	refused("client_secret is required", WITH(ASK_URL, "introspection.client_id", "a"));
	refused("introspection.url: expected an http",
		WITH("idp.example", "introspection.client_id", "a", "introspection.client_secret",
			"s"));
	refused("format: jwt needs an issuer",
		WITH(ASK_URL, "introspection.client_id", "a", "introspection.client_secret", "s",
			"introspection.format", "jwt"));
	refused("url: expected an http",
		WITH("https://idp.example/a\"b", "introspection.client_id", "a",
			"introspection.client_secret", "s"));
	refused("stale_for: needs on_failure",
		WITH(ASK_URL, "introspection.client_id", "a", "introspection.client_secret", "s",
			"introspection.stale_for", "1m"));
	refused("client_key is required",
		WITH(ASK_URL, "introspection.client_id", "a", "introspection.client_auth",
			"private_key_jwt"));
	refused("client_key: is for client_auth",
		WITH(ASK_URL, "introspection.client_id", "a", "introspection.client_secret", "s",
			"introspection.client_key", "x"));
	refused("client_key: is no private key",
		WITH(ASK_URL, "introspection.client_id", "a", "introspection.client_auth",
			"private_key_jwt", "introspection.client_key", "x"));
}

static int teardown(void **state)
{
	(void)state;
	kit_reset();
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
