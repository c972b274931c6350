/* Proof of possession: every check of RFC 9449 4.3, the schemes, nonces, and proofs that come
 * again. The clock is moved by hand. */
#include <sluice/str.h>

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit.h"
#include "mint.h"
#include "strict.h"
#include "test.h"
#include "thumbprint.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define URL "https://api.example.com/a"
#define NOW "1700000000"

static const char *token, *unbound, *other_bound;

static const char *jkt_of(enum mint_kind kind)
{
	uint8_t bytes[THUMBPRINT_LEN];
	const char *jwk = mint_jwk(kind, NULL, NULL);
	json_t *json = json_read_object(jwk, strlen(jwk), 8);
	assert_true(thumbprint_of(json, bytes));
	json_decref(json);
	return mint_b64(bytes, sizeof bytes);
}

static const char *ath_of(const char *text)
{
	uint8_t hash[32];
	(void)SHA256((const uint8_t *)text, strlen(text), hash);
	return mint_b64(hash, sizeof hash);
}

static const char *access_token(const char *cnf)
{
	return mint(MINT_RSA, "RS256", "a",
		mint_text("{\"iss\":\"" IDP "\",\"exp\":1700009999,\"sub\":\"alice\"%s}", cnf));
}

static sluice_instance *instance(const char *mode, const char *name, const char *value)
{
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"file:keys.json", "dpop", mode, name ? name : "leeway", name ? value : "5s", NULL);
	kit_start(i);
	return i;
}

/* What a proof may say; members that are NULL are as they should be. */
struct proof {
	const char *typ, *alg, *jwk, *header, *htm, *htu, *iat, *jti, *ath, *claims;
	enum mint_kind signer; /* MINT_RSA: the key of the token, of P-256 */
};

static unsigned jti;

static const char * or (const char *given, const char *usual)
{
	return given ? given : usual;
}

static const char *proof_of(struct proof p)
{
	enum mint_kind signer = p.signer == MINT_RSA ? MINT_P256 : p.signer;
	const char *alg = or (p.alg, "ES256");
	const char *header = mint_text("{\"typ\":\"%s\",\"alg\":\"%s\",\"jwk\":%s%s}",
		or (p.typ, "dpop+jwt"), alg, or (p.jwk, mint_jwk(signer, NULL, NULL)),
		or (p.header, ""));
	const char *claims = mint_text("{\"htm\":%s,\"htu\":%s,\"iat\":%s,\"jti\":%s,\"ath\":%s%s}",
		or (p.htm, "\"GET\""), or (p.htu, "\"" URL "\""), or (p.iat, NOW),
		or (p.jti, mint_text("\"j%u\"", jti++)),
		or (p.ath, mint_text("\"%s\"", ath_of(token))), or (p.claims, ""));
	return mint_token(signer, alg, header, claims);
}

static sluice_exchange *request(sluice_instance *i, const char *text, const char *proof)
{
	const char *value = mint_text("DPoP %s", text);
	return proof ? kit_request(i, "GET", "/a", "Authorization", value, "DPoP", proof, NULL)
		     : kit_request(i, "GET", "/a", "Authorization", value, NULL);
}

/* The code of a refusal, or "admitted"; the error must stand in the challenge for DPoP. */
static const char *outcome(sluice_exchange *x)
{
	static char code[64];
	kit_advance(1);
	(void)snprintf(code, sizeof code, "%s",
		kit_verdict(x) == SLUICE_NEXT ? "admitted"
			: kit_code(x)         ? kit_code(x)
					      : "?");
	kit_end(x);
	return code;
}

static const char *with(sluice_instance *i, struct proof p)
{
	return outcome(request(i, token, proof_of(p)));
}

TEST(the_owner_of_the_key_is_admitted)
{
	kit_reset();
	sluice_instance *i = instance("accept", NULL, NULL);
	sluice_exchange *x = request(i, token, proof_of((struct proof){ 0 }));
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_non_null(kit_header(x, SLUICE_REQUEST, "DPoP"));
	assert_null(kit_header(x, SLUICE_RESPONSE, "DPoP-Nonce"));
	kit_end(x);
	/* the second is of the cache, and its key is prepared */
	assert_string_equal(with(i, (struct proof){ 0 }), "admitted");
	/* members that are not known count for nothing */
	assert_string_equal(with(i, (struct proof){ .claims = ",\"x\":{\"y\":1}" }), "admitted");
	assert_string_equal(with(i, (struct proof){ .typ = "application/DPoP+JWT" }), "admitted");
	kit_stop(i);
	i = instance("require", "forward_token", "false");
	x = request(i, token, proof_of((struct proof){ 0 }));
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "DPoP"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	kit_end(x);
	kit_stop(i);
}

TEST(each_check_of_a_proof_refuses)
{
	const char *rsa = mint_jwk(MINT_RSA, NULL, NULL);
	const struct {
		struct proof p;
		const char *code;
	} rows[] = {
		{ { .typ = "JWT" }, "dpop-malformed" },
		{ { .typ = "dpop" }, "dpop-malformed" },
		{ { .header = ",\"crit\":[\"x\"]" }, "dpop-malformed" },
		{ { .jwk = "null" }, "dpop-malformed" },
		{ { .jwk = mint_jwk(MINT_P256, NULL, "\"d\":\"AQ\"") }, "dpop-malformed" },
		{ { .alg = "HS256" }, "dpop-algorithm" },
		{ { .alg = "none" }, "dpop-algorithm" },
		{ { .alg = "RS256", .jwk = rsa, .signer = MINT_RSA_OTHER }, "dpop-algorithm" },
		{ { .signer = MINT_ED25519, .alg = "EdDSA" }, "dpop-key" },
		{ { .signer = MINT_ED25519,
			  .alg = "EdDSA",
			  .jwk = mint_jwk(MINT_P256, NULL, NULL) },
			"dpop-malformed" },
		{ { .htm = "\"POST\"" }, "dpop-method" },
		{ { .htm = "\"get\"" }, "dpop-method" },
		{ { .htm = "null" }, "dpop-malformed" },
		{ { .htm = "1" }, "dpop-malformed" },
		{ { .htu = "\"https://api.example.com/b\"" }, "dpop-uri" },
		{ { .htu = "\"http://api.example.com/a\"" }, "dpop-uri" },
		{ { .htu = "\"https://evil.example.com/a\"" }, "dpop-uri" },
		{ { .htu = "null" }, "dpop-malformed" },
		{ { .htu = "\"https://API.example.com:443/./a?x=1#y\"" }, "admitted" },
		{ { .iat = "1699999934" }, "dpop-expired" },
		{ { .iat = "1699999936" }, "admitted" },
		{ { .iat = "1700000004.5" }, "admitted" },
		{ { .iat = "1700000006" }, "dpop-expired" },
		{ { .iat = "\"" NOW "\"" }, "dpop-malformed" },
		{ { .iat = "-1" }, "dpop-malformed" },
		{ { .iat = "1e300" }, "dpop-malformed" },
		{ { .iat = "null" }, "dpop-malformed" },
		{ { .jti = "\"\"" }, "dpop-malformed" },
		{ { .jti = "null" }, "dpop-malformed" },
		{ { .jti = "5" }, "dpop-malformed" },
		{ { .jti = mint_text("\"%0513d\"", 0) }, "dpop-malformed" },
		{ { .ath = "null" }, "dpop-malformed" },
		{ { .ath = "\"\"" }, "dpop-token" },
		{ { .ath = mint_text("\"%s\"", ath_of("another")) }, "dpop-token" },
		{ { .claims = ",\"nonce\":5" }, "dpop-malformed" },
		{ { .claims = ",\"htm\":\"GET\"" }, "dpop-malformed" },
	};
	kit_reset();
	kit_set_unix_ms(KIT_EPOCH_MS);
	sluice_instance *i = instance("accept", NULL, NULL);
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		kit_set_unix_ms(KIT_EPOCH_MS);
		const char *code = with(i, rows[n].p);
		if (strcmp(code, rows[n].code) != 0)
			fail_msg("row %zu: %s, and not %s", n, code, rows[n].code);
	}
	const char *good = proof_of((struct proof){ 0 });
	assert_string_equal(outcome(request(i, token, NULL)), "dpop-missing");
	assert_string_equal(outcome(request(i, token, "")), "dpop-malformed");
	assert_string_equal(outcome(request(i, token, "a.b.c")), "dpop-malformed");
	assert_string_equal(outcome(request(i, token, mint_text("%s,%s", good, good))),
		"dpop-malformed");
	assert_string_equal(outcome(request(i, token, mint_text("%s%08192d", good, 0))),
		"dpop-malformed");
	char *changed = mint_text("%s", good), *digit = changed + strlen(changed) - 10;
	*digit = *digit == 'A' ? 'B' : 'A';
	assert_string_equal(outcome(request(i, token, changed)), "dpop-signature");
	sluice_exchange *x = kit_request(i, "GET", "/a", "Authorization",
		mint_text("DPoP %s", token), "DPoP", good, "dpop", good, NULL);
	assert_string_equal(outcome(x), "dpop-ambiguous");
	kit_stop(i);
}

TEST(schemes_and_bindings_go_together)
{
	kit_reset();
	const char *good = proof_of((struct proof){ 0 });
	sluice_instance *i = instance("accept", NULL, NULL);
	const char *bearer = mint_text("Bearer %s", token);
	/* a bound token as a bearer token: whoever stole it could use it */
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", bearer, NULL)),
		"dpop-required");
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", bearer, "DPoP",
				    good, NULL)),
		"dpop-required");
	assert_string_equal(outcome(request(i, unbound, good)), "dpop-unbound");
	const char *free_one = mint_text("Bearer %s", unbound);
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", free_one, NULL)),
		"admitted");
	assert_string_equal(outcome(request(i, other_bound,
				    proof_of((struct proof){
					    .ath = mint_text("\"%s\"", ath_of(other_bound)) }))),
		"dpop-key");
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization",
				    mint_text("dpop   %s", token), "DPoP", good, NULL)),
		"admitted");
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", "DPoP", NULL)),
		"token-malformed");
	assert_string_equal(outcome(request(i, mint_text("%s, Bearer x", token), good)),
		"token-ambiguous");
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization",
				    mint_text("DPoP %s", token), "Authorization", free_one, NULL)),
		"token-ambiguous");
	/* `cnf` that is no object, or a thumbprint that is none */
	static const char *const bad[] = { ",\"cnf\":1", ",\"cnf\":{\"jkt\":1}",
		",\"cnf\":{\"jkt\":\"AA\"}" };
	for (size_t n = 0; n < 3; n++)
		assert_string_equal(outcome(request(i, access_token(bad[n]), good)), "token-claim");
	kit_stop(i);
	i = instance("require", NULL, NULL);
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", free_one, NULL)),
		"dpop-required");
	assert_string_equal(outcome(kit_request(i, "GET", "/a", NULL)), "token-missing");
	kit_stop(i);
	/* what was so without the option stays so */
	i = instance("off", NULL, NULL);
	assert_string_equal(outcome(kit_request(i, "GET", "/a", "Authorization", bearer, NULL)),
		"admitted");
	assert_string_equal(outcome(request(i, token, good)), "token-scheme");
	kit_stop(i);
}

static const char *challenges(sluice_exchange *x, size_t n)
{
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "WWW-Authenticate"), n);
	return kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate");
}

TEST(challenges_name_the_schemes)
{
	kit_reset();
	sluice_instance *i = instance("require", NULL, NULL);
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_string_equal(challenges(x, 1), "DPoP realm=\"instance\", algs=\"ES256 EdDSA\"");
	kit_end(x);
	x = request(i, token, NULL);
	assert_string_equal(challenges(x, 1),
		"DPoP realm=\"instance\", error=\"invalid_dpop_proof\", "
		"error_description=\"a DPoP proof is required\", algs=\"ES256 EdDSA\"");
	kit_end(x);
	kit_stop(i);
	i = instance("accept", "dpop_algorithms", "[PS256]");
	x = kit_request(i, "GET", "/a", NULL);
	assert_string_equal(challenges(x, 2), "Bearer realm=\"instance\"");
	kit_end(x);
	kit_stop(i);
}

TEST(a_proof_is_good_once)
{
	kit_reset();
	sluice_instance *i = instance("accept", NULL, NULL);
	const char *proof = proof_of((struct proof){ 0 });
	assert_string_equal(outcome(request(i, token, proof)), "admitted");
	assert_string_equal(outcome(request(i, token, proof)), "dpop-replayed");
	/* the same jti in another proof of the key */
	assert_string_equal(with(i, (struct proof){ .jti = "\"one\"" }), "admitted");
	assert_string_equal(with(i, (struct proof){ .jti = "\"one\"", .iat = "1700000001" }),
		"dpop-replayed");
	/* until its time is over: then it is refused for that */
	kit_advance(64990);
	assert_string_equal(outcome(request(i, token, proof)), "dpop-replayed");
	kit_advance(20);
	assert_string_equal(outcome(request(i, token, proof)), "dpop-expired");
	/* another worker was faster by a moment */
	kit_cells_contend(1, UINT64_MAX);
	assert_string_equal(with(i, (struct proof){ .iat = "1700000065" }), "dpop-replayed");
	kit_cells_lose(1);
	assert_string_equal(with(i, (struct proof){ .iat = "1700000065" }), "dpop-store-down");
	/* a store without memory */
	kit_cells_fail(1);
	assert_string_equal(with(i, (struct proof){ .iat = "1700000065" }), "dpop-store-down");
	kit_stop(i);
	i = instance("accept", "dpop_on_store_failure", "allow");
	kit_cells_fail(1);
	sluice_exchange *x = request(i, token, proof_of((struct proof){ .iat = "1700000065" }));
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_true(kit_noted(x, "dpop-store-down"));
	kit_end(x);
	kit_stop(i);
}

struct redis {
	sluice_status status;
	sluice_value reply;
	char command[256];
};

static sluice_status on_redis(void *ctx, const kit_call *call, sluice_value *reply)
{
	struct redis *r = ctx;
	size_t n = 0;
	for (size_t i = 0; i < call->nargs; i++)
		n += (size_t)snprintf(r->command + n, sizeof r->command - n, "%s%.*s", i ? " " : "",
			(int)call->args[i].len, call->args[i].data);
	*reply = r->reply;
	return r->status;
}

TEST(redis_remembers_for_several_gateways)
{
	kit_reset();
	struct redis r = { .reply = { .type = SLUICE_V_STR, .s = SLUICE_STR("OK") } };
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), on_redis, &r);
	sluice_instance *i = instance("accept", "dpop_store", "shared");
	sluice_exchange *x = request(i, token, proof_of((struct proof){ 0 }));
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(1);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	kit_end(x);
	assert_memory_equal(r.command, "SET sluice:dpop:instance:", 25);
	assert_string_equal(r.command + 25 + 64, " 1 NX PX 65001");
	r.reply = (sluice_value){ .type = SLUICE_V_NIL };
	assert_string_equal(with(i, (struct proof){ 0 }), "dpop-replayed");
	r.reply = (sluice_value){ .type = SLUICE_V_INT };
	assert_string_equal(with(i, (struct proof){ 0 }), "dpop-store-down");
	r.status = SLUICE_UNREACHABLE;
	x = request(i, token, proof_of((struct proof){ 0 }));
	kit_advance(1);
	assert_int_equal(kit_status(x), 503);
	assert_null(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"));
	kit_end(x);
	kit_stop(i);
}

static const char *nonce_of(sluice_exchange *x)
{
	const char *nonce = kit_header(x, SLUICE_RESPONSE, "DPoP-Nonce");
	return nonce ? mint_text("%s", nonce) : NULL;
}

static const char *challenged(sluice_instance *i)
{
	sluice_exchange *x = request(i, token, proof_of((struct proof){ 0 }));
	assert_string_equal(kit_code(x), "dpop-nonce");
	assert_non_null(strstr(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"DPoP realm=\"instance\", error=\"use_dpop_nonce\""));
	const char *nonce = nonce_of(x);
	assert_non_null(nonce);
	kit_end(x);
	return nonce;
}

static sluice_exchange *with_nonce(sluice_instance *i, const char *nonce, uint64_t after_s)
{
	return request(i, token,
		proof_of((struct proof){
			.iat = mint_text("%llu", (unsigned long long)(1700000000 + after_s)),
			.claims = mint_text(",\"nonce\":\"%s\"", nonce) }));
}

TEST(nonces_are_asked_for_and_replaced)
{
	kit_reset();
	kit_set_unix_ms(UINT64_C(1700000000000) / 60000 * 60000 + 60000); /* a span begins */
	uint64_t begins = UINT64_C(1700000000) / 60 * 60 + 60 - 1700000000;
	sluice_instance *i = instance("require", "dpop_nonce", "true");
	/* proofs are of the moment */
	sluice_exchange *x = request(i, token,
		proof_of((struct proof){
			.iat = mint_text("%llu", (unsigned long long)(1700000000 + begins)) }));
	assert_string_equal(kit_code(x), "dpop-nonce");
	const char *nonce = nonce_of(x);
	assert_int_equal(strlen(nonce), 27);
	kit_end(x);
	x = with_nonce(i, nonce, begins);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(nonce_of(x));
	kit_end(x);
	/* in the next span it still counts, and a new one is given with the answer */
	kit_advance(60000);
	x = with_nonce(i, nonce, begins + 60);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	const char *second = nonce_of(x);
	assert_non_null(second);
	assert_string_not_equal(second, nonce);
	kit_end(x);
	kit_advance(60000);
	assert_string_equal(outcome(with_nonce(i, nonce, begins + 120)), "dpop-nonce");
	assert_string_equal(outcome(with_nonce(i, second, begins + 120)), "admitted");
	static const char *const forged[] = { "", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	for (size_t n = 0; n < 3; n++)
		assert_string_equal(outcome(with_nonce(i, forged[n], begins + 120)), "dpop-nonce");
	/* a request without a proof learns the nonce at once */
	x = request(i, token, NULL);
	assert_non_null(nonce_of(x));
	assert_string_equal(outcome(x), "dpop-missing");
	kit_stop(i);
}

TEST(gateways_with_one_key_take_each_others_nonces)
{
	kit_reset();
	const char *key = "0123456789abcdef0123456789abcdef";
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	const char *nonces[3];
	const char *const keys[3] = { key, key, "another key of thirty-two bytes." };
	for (size_t n = 0; n < 3; n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
			"file:keys.json", "dpop", "require", "dpop_nonce", "true", "dpop_nonce_key",
			keys[n], NULL);
		kit_start(i);
		nonces[n] = challenged(i);
		assert_string_equal(outcome(with_nonce(i, nonces[0], 0)),
			n < 2 ? "admitted" : "dpop-nonce");
		kit_stop(i);
	}
	assert_string_equal(nonces[0], nonces[1]);
	assert_string_not_equal(nonces[0], nonces[2]);
}

TEST(the_url_is_that_of_the_client)
{
	kit_reset();
	sluice_instance *i = instance("accept", "dpop_origin", "https://public.example.com");
	assert_string_equal(with(i, (struct proof){ 0 }), "dpop-uri");
	assert_string_equal(with(i, (struct proof){ .htu = "\"https://public.example.com/a\"" }),
		"admitted");
	kit_stop(i);
	i = instance("accept", NULL, NULL);
	sluice_exchange *x = kit_exchange(i, "GET", "/a");
	kit_set_info(x, SLUICE_I_SCHEME, "http");
	kit_add_header(x, SLUICE_REQUEST, "Authorization", mint_text("DPoP %s", token));
	kit_add_header(x, SLUICE_REQUEST, "DPoP", proof_of((struct proof){ 0 }));
	(void)kit_run(x);
	assert_string_equal(outcome(x), "dpop-uri");
	kit_stop(i);
}

static const char *rewritten(sluice_instance *i, const char *asked, const char *path,
	const char *htu)
{
	sluice_exchange *x = kit_exchange(i, "GET", asked);
	kit_set_info(x, SLUICE_I_PATH, path);
	kit_add_header(x, SLUICE_REQUEST, "Authorization", mint_text("DPoP %s", token));
	kit_add_header(x, SLUICE_REQUEST, "DPoP",
		proof_of((struct proof){ .htu = mint_text("\"https://api.example.com%s\"", htu) }));
	(void)kit_run(x);
	return outcome(x);
}

/* Neither a plugin before this one nor the rules of the listener for paths count. */
TEST(the_path_is_the_one_that_the_client_wrote)
{
	kit_reset();
	sluice_instance *i = instance("accept", NULL, NULL);
	assert_string_equal(rewritten(i, "/v1/a?q", "/a", "/v1/a"), "admitted");
	assert_string_equal(rewritten(i, "/v1/a", "/a", "/a"), "dpop-uri");
	assert_string_equal(rewritten(i, "/a%2fb", "/a/b", "/a%2Fb"), "admitted");
	assert_string_equal(rewritten(i, "/a%2fb", "/a/b", "/a/b"), "dpop-uri");
	assert_string_equal(rewritten(i, "/a;p=1/b", "/a/b", "/a;p=1/b"), "admitted");
	assert_string_equal(rewritten(i, "//a/./b", "/a/b", "/a/b"), "admitted");
	assert_string_equal(rewritten(i, "https://api.example.com/a", "/a", "/a"), "admitted");
	assert_string_equal(rewritten(i, "https://api.example.com?q", "/", "/"), "admitted");
	assert_string_equal(rewritten(i, "*", "*", "/"), "dpop-uri");
	kit_stop(i);
}

/* RFC 9449 6.2: the server's answer names the key. */
TEST(opaque_tokens_are_bound_too)
{
	static const char ask[] = "https://idp.example/introspect";
	kit_reset();
	kit_fetch_answer(ask, 200,
		mint_text("{\"active\":true,\"sub\":\"bob\",\"exp\":1700000100,\"cnf\":{\"jkt\":"
			  "\"%s\"}}",
			jkt_of(MINT_P256)));
	kit_fetch_field("Content-Type", "application/json");
	sluice_instance *i = kit_instance(&sluice_plugin_record, "introspection.url", ask,
		"introspection.client_id", "gateway", "introspection.client_secret", "secret",
		"dpop", "require", NULL);
	kit_start(i);
	for (int n = 0; n < 2; n++) { /* the second is of the cache */
		const char *proof = proof_of(
			(struct proof){ .ath = mint_text("\"%s\"", ath_of("opaque-token")) });
		sluice_exchange *x = request(i, "opaque-token", proof);
		kit_advance(10);
		assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		assert_string_equal(kit_attr(x, "claim:sub"), "bob");
		kit_end(x);
		assert_string_equal(outcome(request(i, "opaque-token", proof)), "dpop-replayed");
	}
	sluice_exchange *x =
		kit_request(i, "GET", "/a", "Authorization", "Bearer opaque-token", NULL);
	assert_string_equal(outcome(x), "dpop-required");
	kit_stop(i);
}

static void refuses(const char *name, const char *value, const char *mode, const char *words)
{
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks",
		"file:keys.json", "dpop", mode, name, value, NULL);
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), words))
		fail_msg("%s", kit_errors(i));
	kit_stop(i);
}

struct told {
	char text[2048], code[64];
};

static void hear(void *ctx, const sluice_finding *f)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);
	(void)snprintf(t->text + n, sizeof t->text - n, "%.*s: %.*s; %.*s\n", (int)f->rule.len,
		f->rule.data, (int)f->found.len, f->found.data, (int)f->wanted.len, f->wanted.data);
	if (f->code.data && !t->code[0])
		(void)snprintf(t->code, sizeof t->code, "%.*s", (int)f->code.len, f->code.data);
}

/* proof NULL: none is given. size: of the question, as a gateway knows it. */
static sluice_verdict explained(sluice_instance *i, const char *text, const char *proof,
	struct told *t)
{
	*t = (struct told){ .text = "" };
	sluice_question q = { .size = sizeof q,
		.credential = sluice_str_of(text),
		.last = true,
		.tell = hear,
		.ctx = t };
	if (proof) {
		q.proof = sluice_str_of(proof);
		q.method = SLUICE_STR("GET");
		q.url = SLUICE_STR(URL "?q=1");
	}
	return sluice_plugin_record.explain(i, kit_conf(i), &q);
}

TEST(an_explanation_judges_the_proof)
{
	struct told t;
	kit_reset();
	sluice_instance *i = instance("accept", NULL, NULL);
	/* a token alone does not do */
	assert_int_equal(explained(i, token, NULL, &t), SLUICE_FAIL);
	assert_string_equal(t.code, "");
	assert_non_null(strstr(t.text, "dpop: jkt \""));
	assert_non_null(strstr(t.text, "a proof by this key with each request"));
	assert_int_equal(explained(i, token, proof_of((struct proof){ 0 }), &t), SLUICE_NEXT);
	assert_non_null(strstr(t.text, "proof: htm \"GET\", htu \"" URL "\", iat " NOW));
	static const struct {
		struct proof proof;
		const char *code;
	} bad[] = { { { .htm = "\"POST\"" }, "dpop-method" },
		{ { .htu = "\"https://api.example.com/b\"" }, "dpop-uri" },
		{ { .iat = "1600000000" }, "dpop-expired" }, { { .ath = "\"x\"" }, "dpop-token" },
		{ { .signer = MINT_P384, .alg = "ES384" }, "dpop-algorithm" } };
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		const char *proof = proof_of(bad[n].proof);
		assert_int_equal(explained(i, token, proof, &t), SLUICE_REPLY);
		assert_string_equal(t.code, bad[n].code);
		assert_string_equal(outcome(request(i, token, proof)), bad[n].code);
	}
	assert_int_equal(explained(i, token, "x", &t), SLUICE_REPLY);
	assert_string_equal(t.code, "dpop-malformed");
	/* a bearer token is one, unless a proof comes with it */
	assert_int_equal(explained(i, unbound, NULL, &t), SLUICE_NEXT);
	assert_int_equal(explained(i, unbound, proof_of((struct proof){ 0 }), &t), SLUICE_REPLY);
	assert_string_equal(t.code, "dpop-unbound");
	kit_stop(i);
	i = instance("require", NULL, NULL);
	assert_int_equal(explained(i, unbound, NULL, &t), SLUICE_REPLY);
	assert_string_equal(t.code, "dpop-unbound");
	kit_stop(i);
	i = instance("off", NULL, NULL);
	assert_int_equal(explained(i, token, NULL, &t), SLUICE_NEXT);
	assert_non_null(strstr(t.text, "dpop is off"));
	kit_stop(i);
}

TEST(mistakes_are_reported)
{
	kit_reset();
	refuses("dpop_nonce", "true", "off", "dpop_nonce: is about DPoP, which is off");
	refuses("dpop_window", "30s", "off", "dpop_window: is about DPoP");
	refuses("dpop_origin", "api.example.com", "accept", "is no scheme and host");
	refuses("dpop_origin", "https://api.example.com/", "accept", "is no scheme and host");
	refuses("dpop_nonce_key", "0123456789abcdef0123456789abcdef", "accept",
		"needs dpop_nonce: true");
	refuses("dpop_nonce_key", "short", "accept", "dpop_nonce_key");
	refuses("dpop_algorithms", "[HS256]", "accept", "dpop_algorithms");
}

static int setup(void **state)
{
	(void)state;
	token = access_token(mint_text(",\"cnf\":{\"jkt\":\"%s\"}", jkt_of(MINT_P256)));
	other_bound = access_token(mint_text(",\"cnf\":{\"jkt\":\"%s\"}", jkt_of(MINT_ED25519)));
	unbound = access_token(",\"cnf\":{\"x5t#S256\":\"AA\"}");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
