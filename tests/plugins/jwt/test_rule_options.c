/* The options of the rules: from what stands in a file to what becomes of a token's claims. */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

#include "issuers.h"
#include "kit.h"
#include "mint.h"
#include "rules.h"
#include "strict.h"
#include "test.h"
#include "token.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define AZURE "https://login.microsoftonline.com/{tenantid}/v2.0"
#define KEYS_URL "https://idp.example/keys"
#define EPOCH_S "1700000000"

static sluice_instance *inst;
static struct expression_scratch *scratch;
static struct validity when;
static sluice_str which;

/* An instance with that issuer and up to three more options; NULL: none. */
static const struct jwt_conf *options(const char *issuer, const char *const *more)
{
	inst = kit_instance(&sluice_plugin_record, "issuer", issuer, "jwks", KEYS_URL, more[0],
		more[1], more[2], more[3], more[4], more[5], NULL);
	if (kit_check(inst) < 0)
		fail_msg("%s", kit_errors(inst));
	return kit_conf(inst);
}
#define OPTIONS(...) options(IDP, (const char *const[7]){ __VA_ARGS__ })

static void agree(const char *text);

static enum reason check_whole(const struct jwt_conf *conf, const char *text)
{
	json_t *claims = json_read_object(text, strlen(text), 16);
	assert_non_null(claims);
	const struct rules_case judged = { .conf = conf,
		.issuer = conf->trusted[0].name,
		.claims = claims,
		.now_ms = KIT_EPOCH_MS,
		.scratch = scratch };
	which = (sluice_str){ NULL, 0 };
	enum reason why = rules_check(&judged, &when, &which);
	json_decref(claims);
	return why;
}

static enum reason check(const struct jwt_conf *conf, const char *members)
{
	return check_whole(conf, mint_text("{\"iss\":\"" IDP "\",\"exp\":1700000100%s}", members));
}

#define GOOD(conf, members) assert_int_equal(check(conf, members), REASON_NONE)
#define BAD(conf, members, why) assert_int_equal(check(conf, members), REASON_##why)

static void named(const char *claim)
{
	assert_non_null(which.data);
	assert_string_equal(mint_text("%.*s", (int)which.len, which.data), claim);
}

static int each(void **state)
{
	(void)state;
	kit_reset();
	scratch = expression_scratch_new();
	return scratch ? 0 : -1;
}

static int after(void **state)
{
	(void)state;
	if (inst)
		kit_stop(inst);
	inst = NULL;
	expression_scratch_free(&scratch);
	return 0;
}

/* ---- the type ------------------------------------------------------------------------------ */

static bool type_is_accepted(const struct jwt_conf *conf, const char *header)
{
	struct token t;
	const char *text = mint_parts(header, "{}", "AAAA");
	assert_int_equal(token_open(&t, sluice_str_of(text)), JOSE_OK);
	return rules_accept_type(conf, &t);
}

TEST_WITH(types_are_today_s_by_default, each, after)
{
	const struct jwt_conf *c = OPTIONS(NULL);
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\"}"));
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":null}"));
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"jwt\"}"));
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"application/AT+JWT\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"none\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}"));
}

TEST_WITH(types_may_be_strict, each, after)
{
	const struct jwt_conf *c = OPTIONS("types", "at+jwt");
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}"));
	assert_true(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"));
	assert_false(type_is_accepted(c, "{\"alg\":\"ES256\",\"typ\":\"x/at+jwt\"}"));
}

/* ---- dates --------------------------------------------------------------------------------- */

TEST_WITH(exp_may_be_missing_where_that_is_asked_for, each, after)
{
	const struct jwt_conf *c = OPTIONS("exp_optional", "true", "max_age", "1h");
	assert_int_equal(check_whole(c, "{\"iss\":\"" IDP "\",\"iat\":" EPOCH_S "}"), REASON_NONE);
	assert_int_equal(when.until, KIT_EPOCH_MS + 3605000);
	BAD(c, "", TOKEN_CLAIM); /* no iat */
	named("iat");
	/* one that is there counts */
	assert_int_equal(check_whole(c,
				 "{\"iss\":\"" IDP "\",\"iat\":" EPOCH_S ",\"exp\":1699999000}"),
		REASON_TOKEN_EXPIRED);
	assert_int_equal(check_whole(c, "{\"iss\":\"" IDP "\",\"iat\":" EPOCH_S ",\"exp\":\"x\"}"),
		REASON_TOKEN_CLAIM);
	named("exp");
	kit_stop(inst);
	c = OPTIONS("exp_optional", "true");
	assert_int_equal(check_whole(c, "{\"iss\":\"" IDP "\"}"), REASON_NONE);
	assert_int_equal(when.from, 0);
	assert_int_equal(when.until, UINT64_MAX);
}

/* ---- whom it is for, and who got it -------------------------------------------------------- */

TEST_WITH(all_audiences, each, after)
{
	const struct jwt_conf *c = OPTIONS("audience_all", "[orders, eu]");
	GOOD(c, ",\"aud\":[\"eu\",\"x\",\"orders\"]");
	BAD(c, ",\"aud\":[\"eu\",\"eu\"]", TOKEN_AUDIENCE);
	BAD(c, ",\"aud\":\"orders\"", TOKEN_AUDIENCE);
	BAD(c, ",\"aud\":\"orders eu\"", TOKEN_AUDIENCE);
	BAD(c, ",\"aud\":{\"orders\":1,\"eu\":1}", TOKEN_AUDIENCE);
	BAD(c, "", TOKEN_AUDIENCE);
	kit_stop(inst);
	c = OPTIONS("audience", "[a, b]", "audience_all", "[eu]");
	GOOD(c, ",\"aud\":[\"b\",\"eu\"]");
	BAD(c, ",\"aud\":[\"eu\"]", TOKEN_AUDIENCE);
	BAD(c, ",\"aud\":[\"a\"]", TOKEN_AUDIENCE);
}

TEST_WITH(clients_by_every_name, each, after)
{
	static const char *const names[] = { "client_id", "azp", "appid", "cid" };
	const struct jwt_conf *c = OPTIONS("clients", "[shop, app]");
	for (size_t i = 0; i < 4; i++) {
		GOOD(c, mint_text(",\"%s\":\"app\"", names[i]));
		BAD(c, mint_text(",\"%s\":\"App\"", names[i]), TOKEN_CLIENT);
		BAD(c, mint_text(",\"%s\":\"\"", names[i]), TOKEN_CLIENT);
		BAD(c, mint_text(",\"%s\":[\"app\"]", names[i]), TOKEN_CLIENT);
		/* one that may does not vouch for one that may not */
		BAD(c, mint_text(",\"%s\":\"app\",\"%s\":\"evil\"", names[i], names[(i + 1) % 4]),
			TOKEN_CLIENT);
	}
	GOOD(c, ",\"azp\":\"app\",\"client_id\":\"shop\",\"appid\":null");
	BAD(c, "", TOKEN_CLIENT);
	BAD(c, ",\"azp\":null", TOKEN_CLIENT);
	BAD(c, ",\"sub\":\"app\"", TOKEN_CLIENT);
}

/* ---- claims -------------------------------------------------------------------------------- */

TEST_WITH(claims_match_in_the_words_of_routes, each, after)
{
	const struct jwt_conf *c = OPTIONS("match_claims",
		"{email: 'regex:[^@]+@acme[.]example', org.plan: [gold, 'regex:silver-.*'], sid: "
		"'*'}");
	const char *rest = ",\"org\":{\"plan\":\"silver-2\"},\"sid\":\"\"";
	GOOD(c, mint_text(",\"email\":\"bob@acme.example\"%s", rest));
	GOOD(c, mint_text(",\"email\":[7,\"bob@acme.example\"]%s", rest));
	BAD(c, mint_text(",\"email\":\"bob@acme.example.evil\"%s", rest), TOKEN_CLAIM);
	named("email");
	BAD(c, mint_text(",\"email\":\"bob@acme.example\\n\"%s", rest), TOKEN_CLAIM);
	BAD(c, mint_text(",\"email\":{\"bob@acme.example\":1}%s", rest), TOKEN_CLAIM);
	BAD(c, mint_text(",\"email\":null%s", rest), TOKEN_CLAIM);
	BAD(c, ",\"email\":\"bob@acme.example\",\"org\":{\"plan\":\"gold2\"},\"sid\":1",
		TOKEN_CLAIM);
	named("org.plan");
	BAD(c, ",\"email\":\"bob@acme.example\",\"org\":{\"plan\":\"gold\"}", TOKEN_CLAIM);
	named("sid");
	GOOD(c, ",\"email\":\"bob@acme.example\",\"org.plan\":\"gold\",\"sid\":{}");
	/* a name with a dot comes before the path */
	BAD(c,
		",\"email\":\"bob@acme.example\",\"org.plan\":\"tin\",\"org\":{\"plan\":\"gold\"},"
		"\"sid\":1",
		TOKEN_CLAIM);
}

TEST_WITH(claims_are_forbidden, each, after)
{
	const struct jwt_conf *c = OPTIONS("forbid_claims",
		"{nonce: '*', roles: [guest, 'regex:test-.*'], blocked: true}");
	GOOD(c, "");
	GOOD(c, ",\"nonce\":null,\"roles\":[\"admin\",\"guests\"],\"blocked\":false");
	BAD(c, ",\"nonce\":0", TOKEN_CLAIM);
	named("nonce");
	BAD(c, ",\"roles\":[\"admin\",\"guest\"]", TOKEN_CLAIM);
	named("roles");
	BAD(c, ",\"roles\":\"test-7\"", TOKEN_CLAIM);
	BAD(c, ",\"blocked\":true", TOKEN_CLAIM);
	BAD(c, ",\"blocked\":\"true\"", TOKEN_CLAIM);
}

/* An expression that backtracks without end decides nothing, which is never for the token. */
TEST_WITH(what_cannot_be_decided_counts_against_the_token, each, after)
{
	const char *x = ",\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy\"";
	const struct jwt_conf *c = OPTIONS("match_claims", "{a: ['regex:(x+x+)+', 'regex:.*']}");
	BAD(c, x, TOKEN_CLAIM);
	kit_stop(inst);
	c = OPTIONS("forbid_claims", "{a: 'regex:(x+x+)+'}");
	BAD(c, x, TOKEN_CLAIM);
	GOOD(c, ",\"a\":\"y\"");
}

/* ---- scopes -------------------------------------------------------------------------------- */

TEST_WITH(one_of_several_scopes, each, after)
{
	const struct jwt_conf *c = OPTIONS("scopes_any", "[read, admin]", "scopes", "api");
	GOOD(c, ",\"scope\":\"api read\"");
	GOOD(c, ",\"scp\":[\"admin\",\"api\"]");
	BAD(c, ",\"scope\":\"api\"", TOKEN_SCOPE);
	BAD(c, ",\"scope\":\"read admin\"", TOKEN_SCOPE);
	BAD(c, ",\"scope\":\"api reader\"", TOKEN_SCOPE);
	BAD(c, "", TOKEN_SCOPE);
	assert_string_equal(c->rules.scopes_needed.data,
		"the token does not grant the scope that is needed: api, and one of read, admin");
	assert_non_null(strstr(c->challenges[SCHEME_BEARER][REASON_TOKEN_SCOPE].data,
		"error=\"insufficient_scope\""));
	assert_non_null(strstr(c->challenges[SCHEME_BEARER][REASON_TOKEN_SCOPE].data,
		"scope=\"api read\""));
}

/* ---- issuers of many tenants --------------------------------------------------------------- */

static enum reason check_tenant(const struct jwt_conf *conf, const char *in_iss, const char *tid)
{
	return check_whole(conf,
		mint_text(
			"{\"iss\":\"https://login.microsoftonline.com/%s/v2.0\",\"exp\":1700000100,"
			"\"tid\":%s}",
			in_iss, tid));
}

TEST_WITH(an_issuer_of_many_tenants, each, after)
{
	const char *more[7] = { "tenants", "[t-1, t-2]" };
	const struct jwt_conf *c = options(AZURE, more);
	assert_int_equal(check_tenant(c, "t-1", "\"t-1\""), REASON_NONE);
	assert_int_equal(check_tenant(c, "t-2", "\"t-2\""), REASON_NONE);
	assert_int_equal(check_tenant(c, "t-3", "\"t-3\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "t-1", "\"t-2\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "t-3", "\"t-1\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "{tenantid}", "\"{tenantid}\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "t-1", "[\"t-1\"]"), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "t-1", "null"), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "", "\"\""), REASON_TOKEN_ISSUER);
	kit_stop(inst);
	more[1] = "['*']";
	c = options(AZURE, more);
	assert_int_equal(check_tenant(c, "t-3", "\"t-3\""), REASON_NONE);
	assert_int_equal(check_tenant(c, "t-3", "\"t-1\""), REASON_TOKEN_ISSUER);
	/* a tenant's id is one word */
	assert_int_equal(check_tenant(c, "a/b", "\"a/b\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "..", "\"..\""), REASON_TOKEN_ISSUER);
	assert_int_equal(check_tenant(c, "", "\"\""), REASON_TOKEN_ISSUER);
}

TEST_WITH(a_name_comes_before_a_pattern, each, after)
{
	inst = kit_instance(&sluice_plugin_record, "issuers",
		"{'https://i/{tenantid}/': 'https://i/common', 'https://i/t1/': "
		"'https://i/t1/keys'}",
		"tenants", "['*']", NULL);
	assert_int_equal(kit_check(inst), 0);
	const struct jwt_conf *conf = kit_conf(inst);
	json_t *claims = json_loads("{\"iss\":\"https://i/t1/\",\"tid\":\"t1\"}", 0, NULL);
	assert_int_equal(issuers_find(conf, claims), 1);
	json_decref(claims);
	claims = json_loads("{\"iss\":\"https://i/t2/\",\"tid\":\"t2\"}", 0, NULL);
	assert_int_equal(issuers_find(conf, claims), 0);
	json_decref(claims);
	claims = json_loads("{\"iss\":\"https://i/t2/\",\"tid\":\"t1\"}", 0, NULL);
	assert_int_equal(issuers_find(conf, claims), 2);
	json_decref(claims);
}

TEST_WITH(tenants_share_a_discovery_document, each, after)
{
	kit_fetch_answer("https://login.microsoftonline.com/common/v2.0/.well-known/"
			 "openid-configuration",
		200, "{\"issuer\":\"" AZURE "\",\"jwks_uri\":\"" KEYS_URL "\"}");
	kit_fetch_answer(KEYS_URL, 200, mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	inst = kit_instance(&sluice_plugin_record, "issuer", AZURE, "tenants", "t-1", NULL);
	kit_start(inst);
	kit_advance(10);
	assert_int_equal(kit_fetches(KEYS_URL), 1);
	sluice_exchange *x = kit_request(inst, "GET", "/", "Authorization",
		mint_text("Bearer %s",
			mint(MINT_P256, "ES256", "a",
				"{\"iss\":\"https://login.microsoftonline.com/t-1/v2.0\",\"tid\":"
				"\"t-1\",\"exp\":1700000100}")),
		NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
}

/* Keys of Entra ID say whose tokens they verify. */
TEST_WITH(a_key_of_one_tenant_verifies_no_other, each, after)
{
#define ENTRA "https://login.microsoftonline.com/"
	static const struct {
		const char *kid, *tenant, *code;
	} cases[] = { { "all", "t-1", NULL }, { "all", "t-2", NULL }, { "one", "t-1", NULL },
		{ "one", "t-2", "token-issuer" }, { "none", "t-2", NULL } };
	kit_file("keys.json",
		mint_jwks(mint_jwk(MINT_P256, "all", "\"issuer\":\"" AZURE "\""),
			mint_jwk(MINT_P256, "one", "\"issuer\":\"" ENTRA "t-1/v2.0\""),
			mint_jwk(MINT_P256, "none", NULL), NULL));
	for (unsigned several = 0; several < 2; several++) {
		inst = kit_instance(&sluice_plugin_record, "issuer",
			several ? "['" AZURE "', '" IDP "']" : AZURE, "tenants", "['*']", "jwks",
			"file:keys.json", NULL);
		kit_start(inst);
		for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
			const char *text = mint(MINT_P256, "ES256", cases[n].kid,
				mint_text("{\"iss\":\"" ENTRA "%s/v2.0\",\"tid\":\"%s\",\"exp\":"
					  "1700000100}",
					cases[n].tenant, cases[n].tenant));
			sluice_exchange *x = kit_request(inst, "GET", "/", "Authorization",
				mint_text("Bearer %s", text), NULL);
			const char *code = mint_text("%s", kit_code(x) ? kit_code(x) : "");
			sluice_verdict verdict = kit_verdict(x);
			kit_end(x);
			assert_string_equal(code, cases[n].code ? cases[n].code : "");
			assert_int_equal(verdict, cases[n].code ? SLUICE_REPLY : SLUICE_NEXT);
			agree(text);
		}
		kit_stop(inst);
	}
	inst = NULL;
}

/* ---- step-up (RFC 9470) -------------------------------------------------------------------- */

TEST_WITH(a_stronger_login, each, after)
{
	const struct jwt_conf *c = OPTIONS("acr_values", "[phr, mfa]", "max_auth_age", "10m");
	const char *challenge = c->challenges[SCHEME_BEARER][REASON_LOGIN_ACR].data;
	GOOD(c, ",\"acr\":\"mfa\",\"auth_time\":1699999995");
	assert_int_equal(when.until, KIT_EPOCH_MS + 105000); /* exp comes first */
	GOOD(c, ",\"acr\":\"phr\",\"auth_time\":1699999401");
	/* the result is remembered no longer than the login is fresh */
	assert_int_equal(when.until, KIT_EPOCH_MS + 6000);
	BAD(c, ",\"acr\":\"phr\",\"auth_time\":1699999395", LOGIN_TOO_OLD);
	BAD(c, ",\"acr\":\"phr\"", LOGIN_TOO_OLD);
	BAD(c, ",\"acr\":\"pwd\",\"auth_time\":1699999995", LOGIN_ACR);
	BAD(c, ",\"acr\":\"phr mfa\",\"auth_time\":1699999995", LOGIN_ACR);
	BAD(c, ",\"acr\":[\"phr\"],\"auth_time\":1699999995", LOGIN_ACR);
	BAD(c, ",\"auth_time\":1699999995", LOGIN_ACR);
	BAD(c, ",\"acr\":\"phr\",\"auth_time\":\"1699999995\"", TOKEN_CLAIM);
	named("auth_time");
	BAD(c, ",\"acr\":\"phr\",\"auth_time\":1700000006", TOKEN_NOT_YET_VALID);
	assert_non_null(strstr(challenge, "error=\"insufficient_user_authentication\""));
	assert_non_null(strstr(challenge, "acr_values=\"phr mfa\", max_age=\"600\""));
	assert_null(strstr(c->challenges[SCHEME_BEARER][REASON_TOKEN_CLAIM].data, "acr_values"));
}

TEST_WITH(a_login_ages_while_its_token_is_remembered, each, after)
{
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	inst = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json",
		"max_auth_age", "10m", NULL);
	kit_start(inst);
	const char *field = mint_text("Bearer %s",
		mint(MINT_P256, "ES256", "a",
			"{\"iss\":\"" IDP "\",\"exp\":1800000000,\"auth_time\":" EPOCH_S "}"));
	sluice_exchange *x = kit_request(inst, "GET", "/", "Authorization", field, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_advance(604999);
	x = kit_request(inst, "GET", "/", "Authorization", field, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_advance(1);
	x = kit_request(inst, "GET", "/", "Authorization", field, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "login-too-old");
	assert_non_null(
		strstr(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"), "max_age=\"600\""));
	kit_end(x);
}

/* ---- what it says, and mistakes ------------------------------------------------------------ */

struct told {
	size_t rules, failed;
	char line[2048];
};

static void tell(void *ctx, const struct rules_finding *f)
{
	struct told *t = ctx;
	t->rules++;
	t->failed += f->why != REASON_NONE;
	(void)strcat(strcat(t->line, f->option), f->why == REASON_NONE ? "+ " : "- ");
}

/* Whoever asks gets every rule; the reason is the one that a request gets. */
TEST_WITH(every_rule_is_told_of, each, after)
{
	const struct jwt_conf *c =
		OPTIONS("clients", "shop", "scopes", "[a, b]", "forbid_claims", "{nonce: '*'}");
	struct told t = { 0, 0, "" };
	json_t *claims = json_loads("{\"iss\":\"" IDP "\",\"exp\":1699999000,\"nonce\":1,\"scope\":"
				    "\"a b\"}",
		0, NULL);
	const struct rules_case judged = { .conf = c,
		.issuer = c->trusted[0].name,
		.claims = claims,
		.now_ms = KIT_EPOCH_MS,
		.scratch = scratch };
	assert_int_equal(rules_explain(&judged, tell, &t), REASON_TOKEN_CLIENT);
	assert_int_equal(rules_check(&judged, &when, &which), REASON_TOKEN_CLIENT);
	assert_string_equal(t.line,
		"issuer+ clients- dates+ exp- nbf+ iat+ forbid_claims- scopes+ ");
	assert_int_equal(t.failed, 3);
	json_decref(claims);
}

struct opinion {
	sluice_verdict verdict;
	char code[64]; /* of the first step that fails */
};

static void hear(void *ctx, const sluice_finding *f)
{
	struct opinion *o = ctx;
	assert_int_equal(f->size, sizeof(*f));
	if (f->code.data && !o->code[0])
		(void)snprintf(o->code, sizeof(o->code), "%.*s", (int)f->code.len, f->code.data);
}

static struct opinion explained(const char *text)
{
	struct opinion o = { SLUICE_FAIL, "" };
	const sluice_question q = { .size = sizeof(q),
		.credential = sluice_str_of(text),
		.last = true,
		.tell = hear,
		.ctx = &o };
	o.verdict = sluice_plugin_record.explain(inst, kit_conf(inst), &q);
	return o;
}

/* What explain() says comes of a token comes of the request with it. */
static void agree(const char *text)
{
	struct opinion o = explained(text);
	sluice_exchange *x =
		kit_request(inst, "GET", "/", "Authorization", mint_text("Bearer %s", text), NULL);
	if (kit_verdict(x) == SLUICE_WAIT)
		kit_advance(4000); /* for other keys */
	assert_int_equal(o.verdict, kit_verdict(x));
	assert_string_equal(o.code, kit_code(x) ? kit_code(x) : "");
	kit_end(x);
}

TEST_WITH(an_explanation_agrees_with_the_request, each, after)
{
	static const char *const claims[] = {
		"\"aud\":\"api\",\"client_id\":\"shop\",\"exp\":1700000100",
		"\"aud\":\"else\",\"client_id\":\"shop\",\"exp\":1600000000",
		"\"aud\":\"api\",\"client_id\":\"evil\",\"exp\":1600000000",
		"\"aud\":\"api\",\"client_id\":\"shop\",\"exp\":1600000000",
		"\"aud\":\"api\",\"client_id\":\"shop\",\"exp\":1700000100,\"nonce\":1",
		"\"aud\":\"api\",\"client_id\":\"shop\",\"exp\":\"x\"",
		"\"aud\":\"api\",\"client_id\":\"shop\",\"exp\":1e300",
	};
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL));
	for (unsigned several = 0; several < 2; several++) {
		inst = kit_instance(&sluice_plugin_record, "issuer",
			several ? "[https://idp.example/, https://b.example/]" : IDP, "jwks",
			"file:keys.json", "algorithms", "[ES256]", "audience", "api", "clients",
			"shop", "forbid_claims", "{nonce: '*'}", "types", "[JWT]", NULL);
		kit_start(inst);
		for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
			const char *c = mint_text("{\"iss\":\"" IDP "\",%s}", claims[i]);
			agree(mint_token(MINT_P256, "ES256",
				"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\"}", c));
			agree(mint_token(MINT_P256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"a\"}",
				c));
			agree(mint_token(MINT_P256, "ES256",
				"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"b\"}", c));
			agree(mint_token(MINT_RSA, "RS256",
				"{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"a\"}", c));
		}
		agree(mint_token(MINT_P256, "ES256",
			"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"a\"}",
			"{\"iss\":\"https://evil.example/\"}"));
		agree("a.b.c");
		agree(mint_parts("{\"alg\":\"none\"}", "{}", "AAAA"));
		agree(mint_parts("{\"alg\":\"ES256\",\"crit\":[\"x\"]}", "{}", "AAAA"));
		agree(mint_text("%09000d", 0));
		kit_stop(inst);
	}
	inst = NULL;
}

TEST_WITH(mistakes, each, after)
{
	static const struct {
		const char *issuer, *option, *value, *says;
	} bad[] = {
		{ IDP, "types", "application/at+jwt", "no media type" },
		{ IDP, "types", "[at+jwt, '']", "no media type" },
		{ IDP, "tenants", "t", "there is none" },
		{ AZURE, "exp_optional", "false", "needs the option tenants" },
		{ AZURE, "tenants", "['']", "empty" },
		{ IDP, "clients", "['']", "empty" },
		{ IDP, "audience_all", "['']", "empty" },
		{ IDP, "match_claims", "{a: 'regex:(x'}", "no regular expression" },
		{ IDP, "forbid_claims", "{a: [b, 'regex:*']}", "no regular expression" },
		{ IDP, "scopes_any", "[a b]", "is no scope" },
		{ IDP, "acr_values", "['a b']", "is no acr" },
		{ IDP, "max_auth_age", "0s", "max_auth_age" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		inst = kit_instance(&sluice_plugin_record, "issuer", bad[i].issuer, "jwks",
			KEYS_URL, bad[i].option, bad[i].value, NULL);
		if (kit_check(inst) == 0 || !strstr(kit_errors(inst), bad[i].says))
			fail_msg("%s: %s: %s", bad[i].option, bad[i].value, kit_errors(inst));
		kit_stop(inst);
	}
	inst = NULL;
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
