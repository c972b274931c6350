/* What claims must say. */
#include "rules.h"

#include <stdlib.h>

#include "claims.h"
#include "mint.h"
#include "strict.h"
#include "test.h"

#define NOW UINT64_C(1700000000000)
#define ISS "\"iss\":\"https://idp.example/\""
#define EXP ",\"exp\":1700000100"

static struct jwt_conf conf;
static struct validity when;
static sluice_str which;
static const sluice_str issuer = { "https://idp.example/", 20 };

static enum reason check_at(uint64_t now, const char *claims)
{
	json_t *c = json_read_object(claims, strlen(claims), 16);
	assert_non_null(c);
	which = (sluice_str){ NULL, 0 };
	const struct rules_case judged = { .conf = &conf,
		.issuer = issuer,
		.claims = c,
		.now_ms = now };
	enum reason why = rules_check(&judged, &when, &which);
	json_decref(c);
	return why;
}

static enum reason check(const char *members)
{
	return check_at(NOW, mint_text("{" ISS EXP "%s}", members));
}

static void reset(void)
{
	conf = (struct jwt_conf){ .leeway = 5000 };
}

TEST(checks_the_issuer)
{
	reset();
	assert_int_equal(check(""), REASON_NONE);
	assert_int_equal(check_at(NOW, "{\"exp\":1700000100}"), REASON_TOKEN_ISSUER);
	assert_int_equal(check_at(NOW, "{\"iss\":\"https://idp.example\",\"exp\":1700000100}"),
		REASON_TOKEN_ISSUER);
	assert_int_equal(check_at(NOW, "{\"iss\":[\"https://idp.example/\"],\"exp\":1700000100}"),
		REASON_TOKEN_ISSUER);
	assert_int_equal(check_at(NOW, "{\"iss\":1,\"exp\":1700000100}"), REASON_TOKEN_ISSUER);
	assert_int_equal(check_at(NOW, "{\"iss\":\"HTTPS://idp.example/\",\"exp\":1700000100}"),
		REASON_TOKEN_ISSUER);
}

TEST(checks_the_audience)
{
	static const sluice_str list[] = { SLUICE_STR("orders"), SLUICE_STR("billing") };
	reset();
	assert_int_equal(check(",\"aud\":\"elsewhere\""), REASON_NONE); /* nobody asked */
	conf.audience = (sluice_strs){ list, 2 };
	assert_int_equal(check(",\"aud\":\"orders\""), REASON_NONE);
	assert_int_equal(check(",\"aud\":[\"x\",\"billing\"]"), REASON_NONE);
	assert_int_equal(check(""), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":\"order\""), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":\"orders billing\""), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":[]"), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":[[\"orders\"]]"), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":{\"orders\":1}"), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":null"), REASON_TOKEN_AUDIENCE);
}

TEST(checks_the_dates)
{
	reset();
	assert_int_equal(check_at(NOW, "{" ISS "}"), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "exp", which.len);
	static const char *const bad[] = { "\"1700000100\"", "99999999999999999999", "-1", "true",
		"1700000100000", "1e300", "[]", "-0.5" };
	static const char *const names[] = { "exp", "nbf", "iat" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(check_at(NOW, mint_text("{" ISS ",\"exp\":%s}", bad[i])),
			REASON_TOKEN_CLAIM);
		for (size_t n = 1; n < 3; n++) {
			assert_int_equal(check(mint_text(",\"%s\":%s", names[n], bad[i])),
				REASON_TOKEN_CLAIM);
			assert_memory_equal(which.data, names[n], 3);
		}
	}
	/* the leeway works to the millisecond, both ways */
	assert_int_equal(check_at(NOW + 104999, "{" ISS EXP "}"), REASON_NONE);
	assert_int_equal(when.until, NOW + 105000);
	assert_int_equal(check_at(NOW + 105000, "{" ISS EXP "}"), REASON_TOKEN_EXPIRED);
	assert_int_equal(check(",\"nbf\":1700000005"), REASON_NONE);
	assert_int_equal(when.from, NOW);
	assert_int_equal(check(",\"nbf\":1700000006"), REASON_TOKEN_NOT_YET_VALID);
	assert_int_equal(check(",\"iat\":1700000005"), REASON_NONE);
	assert_int_equal(check(",\"iat\":1700000005.001"), REASON_TOKEN_NOT_YET_VALID);
	assert_int_equal(check(",\"iat\":1,\"nbf\":0"), REASON_NONE);
	assert_int_equal(when.from, 0);
	assert_int_equal(check_at(NOW, "{" ISS ",\"exp\":1700000100.25}"), REASON_NONE);
	assert_int_equal(when.until, NOW + 105250);
	assert_int_equal(check_at(NOW, "{" ISS ",\"exp\":253402300799}"), REASON_NONE);
	conf.leeway = 0;
	assert_int_equal(check_at(NOW + 100000, "{" ISS EXP "}"), REASON_TOKEN_EXPIRED);
	assert_int_equal(check_at(NOW + 99999, "{" ISS EXP "}"), REASON_NONE);
}

TEST(checks_the_age)
{
	reset();
	conf.max_age = 60000;
	assert_int_equal(check(""), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "iat", 3);
	assert_int_equal(check(",\"iat\":1699999936"), REASON_NONE);
	assert_int_equal(when.until, NOW + 1000);
	assert_int_equal(check(",\"iat\":1699999935"), REASON_TOKEN_TOO_OLD);
	assert_int_equal(check(",\"iat\":1700000000"), REASON_NONE);
	assert_int_equal(when.until, NOW + 65000);
	conf.max_age = 1000000;
	assert_int_equal(check(",\"iat\":1700000000"), REASON_NONE);
	assert_int_equal(when.until, NOW + 105000);
}

TEST(checks_scopes)
{
	static const sluice_str list[] = { SLUICE_STR("orders:read"), SLUICE_STR("orders:write") };
	reset();
	conf.scopes = (sluice_strs){ list, 2 };
	assert_int_equal(check(",\"scope\":\"orders:write x orders:read\""), REASON_NONE);
	assert_int_equal(check(",\"scp\":[\"orders:write\",\"orders:read\"]"), REASON_NONE);
	assert_int_equal(check(",\"scp\":\"orders:write  orders:read\""), REASON_NONE);
	assert_int_equal(check(""), REASON_TOKEN_SCOPE);
	assert_int_equal(check(",\"scope\":\"orders:read\""), REASON_TOKEN_SCOPE);
	assert_int_equal(check(",\"scope\":\"orders:read orders:writer\""), REASON_TOKEN_SCOPE);
	assert_int_equal(check(",\"scope\":\"orders:read,orders:write\""), REASON_TOKEN_SCOPE);
	assert_int_equal(check(",\"scope\":[\"orders:read orders:write\"]"), REASON_TOKEN_SCOPE);
	assert_int_equal(check(",\"scope\":{\"orders:read\":1,\"orders:write\":1}"),
		REASON_TOKEN_SCOPE);
	/* null is no scope, so that scp counts */
	assert_int_equal(check(",\"scope\":null,\"scp\":\"orders:read orders:write\""),
		REASON_NONE);
	assert_int_equal(check(",\"scope\":null,\"scp\":null"), REASON_TOKEN_SCOPE);
	/* scp does not fill what scope leaves out */
	assert_int_equal(check(",\"scope\":\"\",\"scp\":\"orders:read orders:write\""),
		REASON_TOKEN_SCOPE);
}

TEST(checks_required_claims)
{
	static const sluice_pair pairs[] = { { SLUICE_STR("tenant"), SLUICE_STR("acme") },
		{ SLUICE_STR("realm_access.roles"), SLUICE_STR("admin") },
		{ SLUICE_STR("email_verified"), SLUICE_STR("true") } };
	static const sluice_str names[] = { SLUICE_STR("jti"),
		SLUICE_STR("https://e.example/a.b") };
	const char *good =
		",\"tenant\":\"acme\",\"realm_access\":{\"roles\":[\"user\",\"admin\"]},\"email_"
		"verified\":true";
	reset();
	conf.claims = (sluice_pairs){ pairs, 3 };
	assert_int_equal(check(good), REASON_NONE);
	assert_int_equal(
		check(",\"tenant\":\"acme\",\"realm_access\":{\"roles\":\"admin\"},\"email_"
		      "verified\":\"true\""),
		REASON_NONE);
	assert_int_equal(check(",\"tenant\":\"acme2\""), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "tenant", 6);
	assert_int_equal(check(",\"tenant\":\"acme\",\"realm_access\":{\"roles\":[\"user\"]}"),
		REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "realm_access.roles", which.len);
	assert_int_equal(check(",\"tenant\":\"acme\",\"realm_access\":{\"roles\":[[\"admin\"]]}"),
		REASON_TOKEN_CLAIM);
	assert_int_equal(check(",\"tenant\":[\"acme corp\"]"), REASON_TOKEN_CLAIM);
	conf.required = (sluice_strs){ names, 2 };
	assert_int_equal(check(good), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "jti", 3);
	assert_int_equal(check(mint_text("%s,\"jti\":\"\",\"https://e.example/a.b\":false", good)),
		REASON_NONE);
	assert_int_equal(check(mint_text("%s,\"jti\":\"\",\"https://e.example/a.b\":null", good)),
		REASON_TOKEN_CLAIM);
}

TEST(null_is_absent_everywhere)
{
	static const sluice_str list[] = { SLUICE_STR("orders") };
	static const sluice_pair pairs[] = { { SLUICE_STR("a.b"), SLUICE_STR("x") } };
	reset();
	assert_int_equal(check(",\"nbf\":null,\"iat\":null,\"aud\":null"), REASON_NONE);
	assert_int_equal(check_at(NOW, "{" ISS ",\"exp\":null}"), REASON_TOKEN_CLAIM);
	assert_int_equal(check_at(NOW, "{\"iss\":null,\"exp\":1700000100}"), REASON_TOKEN_ISSUER);
	conf.audience = (sluice_strs){ list, 1 };
	assert_int_equal(check(",\"aud\":null"), REASON_TOKEN_AUDIENCE);
	assert_int_equal(check(",\"aud\":[null,\"orders\"]"), REASON_NONE);
	reset();
	conf.max_age = 60000;
	assert_int_equal(check(",\"iat\":null"), REASON_TOKEN_CLAIM);
	reset();
	conf.claims = (sluice_pairs){ pairs, 1 };
	assert_int_equal(check(",\"a.b\":null,\"a\":{\"b\":\"x\"}"), REASON_NONE);
	assert_int_equal(check(",\"a.b\":null"), REASON_TOKEN_CLAIM);
	conf.claims.n = 0;
	conf.required = (sluice_strs){ list, 1 };
	assert_int_equal(check(",\"orders\":null"), REASON_TOKEN_CLAIM);
	assert_int_equal(check(",\"orders\":0"), REASON_NONE);
}

TEST(a_claim_may_have_one_of_several_values)
{
	static const sluice_pair pairs[] = { { SLUICE_STR("tenant"), SLUICE_STR("acme") },
		{ SLUICE_STR("tenant"), SLUICE_STR("globex") },
		{ SLUICE_STR("plan"), SLUICE_STR("gold") } };
	reset();
	conf.claims = (sluice_pairs){ pairs, 3 };
	assert_int_equal(check(",\"tenant\":\"acme\",\"plan\":\"gold\""), REASON_NONE);
	assert_int_equal(check(",\"tenant\":[\"x\",\"globex\"],\"plan\":\"gold\""), REASON_NONE);
	assert_int_equal(check(",\"tenant\":\"gold\",\"plan\":\"gold\""), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "tenant", 6);
	assert_int_equal(check(",\"tenant\":\"acme\",\"plan\":\"globex\""), REASON_TOKEN_CLAIM);
	assert_memory_equal(which.data, "plan", 4);
}

/* A number that no integer type holds is neither rounded, which would make two users one, nor makes
 * the token unreadable. */
TEST(numbers_beyond_64_bits_keep_their_digits)
{
	static const sluice_pair pairs[] = { { SLUICE_STR("id"),
		SLUICE_STR("18446744073709551616") } };
	reset();
	conf.claims = (sluice_pairs){ pairs, 1 };
	assert_int_equal(check(",\"id\":18446744073709551616"), REASON_NONE);
	assert_int_equal(check(",\"id\":18446744073709551617"), REASON_TOKEN_CLAIM);
	assert_int_equal(check(",\"id\":[1,-99999999999999999999 , 18446744073709551616]"),
		REASON_NONE);
	assert_int_equal(check(",\"x\":1e999,\"id\":18446744073709551616"), REASON_NONE);
	/* as a date it is none */
	static const char *const names[] = { "exp", "nbf", "iat" };
	for (size_t i = 0; i < 3; i++) {
		conf.claims.n = 0;
		assert_int_equal(
			check_at(NOW,
				mint_text("{" ISS ",\"exp\":1700000100,\"%s\":9223372036854775808}",
					i ? names[i] : "iat")),
			REASON_TOKEN_CLAIM);
		assert_memory_equal(which.data, i ? names[i] : "iat", 3);
	}
	assert_int_equal(check_at(NOW, "{" ISS ",\"exp\":9223372036854775808}"),
		REASON_TOKEN_CLAIM);
	/* what is no JSON stays none */
	static const char *const bad[] = { "{99999999999999999999:1}",
		"{\"a\":099999999999999999999}", "{\"a\":1 99999999999999999999}",
		"{\"a\":99999999999999999999,}", "{\"a\":99999999999999999999x}",
		"{\"a\":99999999999999999999,\"a\":1}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (json_read_object(bad[i], strlen(bad[i]), 8))
			fail_msg("%s is read", bad[i]);
	}
	const char *odd = "{\"99999999999999999999\":\"\\\"99999999999999999999\",\"n\":-"
			  "9223372036854775808,\"m\":99999999999999999999}";
	json_t *v = json_read_object(odd, strlen(odd), 8);
	assert_non_null(v);
	json_decref(v);
}

static const char *found(const json_t *claims, const char *path)
{
	static char text[256];
	json_t *v = claim_find(claims, (sluice_str){ path, strlen(path) });
	ptrdiff_t n = v ? claim_text_len(v) : -1;
	if (n < 0)
		return NULL;
	claim_text_write(v, text);
	text[n] = '\0';
	return text;
}

TEST(finds_claims)
{
	json_t *c = json_loads(
		"{\"a\":{\"b\":\"ab\",\"c\":{\"d\":1}},\"a.b\":\"plain\",\"x\":{\"y.z\":{"
		"\"w\":true}},\"n\":-7,"
		"\"price\":1.1,\"third\":0.3333333333333333,\"half\":[0.1,1e21,null,1e5,\"p\"],"
		"\"r\":1.5,\"l\":[\"p\",2,false],\"e\":[],\"m\":[{}],\"z\":null,\"s\":\"\","
		"\"https://e.example/roles\":[\"r\"],\"\":\"none\"}",
		0, NULL);
	assert_string_equal(found(c, "a.b"), "plain");
	assert_string_equal(found(c, "a.c.d"), "1");
	assert_string_equal(found(c, "x.y.z.w"), "true");
	assert_string_equal(found(c, "n"), "-7");
	assert_string_equal(found(c, "r"), "1.5");
	assert_string_equal(found(c, "price"), "1.1");
	assert_string_equal(found(c, "third"), "0.3333333333333333");
	assert_string_equal(found(c, "half"), "0.1 1e+21 100000 p");
	assert_string_equal(found(c, "l"), "p 2 false");
	assert_string_equal(found(c, "e"), "");
	assert_string_equal(found(c, "s"), "");
	assert_string_equal(found(c, "https://e.example/roles"), "r");
	static const char *const none[] = { "a", "m", "z", "", ".", "a.", ".a", "a.c", "a.b.c",
		"l.0", "q", "a..b" };
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		if (found(c, none[i]))
			fail_msg("%s is found", none[i]);
	}
	assert_null(claim_find(c, (sluice_str){ "n\0x", 3 }));
	char *long_path = mint_text("%0256d", 0);
	assert_null(claim_find(c, (sluice_str){ long_path, 256 }));
	json_decref(c);
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
