/* Signatures: the RFCs' examples, another library's tokens, every algorithm, and every way to mix
 * them up. */
#include "verify.h"

#include <stdlib.h>

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "mint.h"
#include "test.h"

#define ALL UINT64_MAX
#define CLAIMS "{\"sub\":\"u\"}"

static struct verifier v;

static enum jose_result check_allowing(const char *jwks, const char *text, uint64_t allowed)
{
	char why[320];
	struct token t;
	struct keyset *set = keys_read((sluice_str){ jwks, strlen(jwks) }, why, sizeof why);
	if (!set)
		fail_msg("%s", why);
	enum jose_result r = token_open(&t, (sluice_str){ text, strlen(text) });
	if (r == JOSE_OK)
		r = verifier_check(&v, set, &t, allowed);
	keys_unref(set);
	/* nothing is left for this thread's TLS to stumble over */
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

static enum jose_result check(const char *jwks, const char *text)
{
	return check_allowing(jwks, text, ALL);
}

static enum jose_result read_with(const char *jwks, const char *text)
{
	char why[320];
	struct token t;
	json_t *claims = NULL;
	struct keyset *set = keys_read(sluice_str_of(jwks), why, sizeof why);
	assert_non_null(set);
	assert_int_equal(token_open(&t, sluice_str_of(text)), JOSE_OK);
	enum jose_result r = verifier_read(&v, set, &t, ALL, &claims);
	if (r == JOSE_OK)
		assert_non_null(claims);
	json_decref(claims);
	keys_unref(set);
	return r;
}

TEST(a_key_verifies_tokens_of_its_issuer_alone)
{
#define OF(iss) "\"issuer\":\"" iss "\""
	const char *a =
		mint(MINT_P256, "ES256", "k", "{\"iss\":\"https://a/t-1/\",\"tid\":\"t-1\"}");
	const char *own = mint_jwk(MINT_P256, "k", OF("https://a/t-1/"));
	const char *all = mint_jwk(MINT_P256, "k", OF("https://a/{tenantid}/"));
	const char *other = mint_jwk(MINT_P256, "k", OF("https://a/t-2/"));
	assert_int_equal(read_with(mint_jwks(own, NULL), a), JOSE_OK);
	assert_int_equal(read_with(mint_jwks(all, NULL), a), JOSE_OK);
	assert_int_equal(read_with(mint_jwks(other, NULL), a), JOSE_ISSUER);
	/* one key stands there once for each of its issuers */
	assert_int_equal(read_with(mint_jwks(other, all, NULL), a), JOSE_OK);
	/* the tenant's own word, and no other one, stands in the place of the mark */
	assert_int_equal(read_with(mint_jwks(all, NULL),
				 mint(MINT_P256, "ES256", "k",
					 "{\"iss\":\"https://a/t-1/\",\"tid\":\"t-2\"}")),
		JOSE_ISSUER);
	assert_int_equal(read_with(mint_jwks(own, NULL), mint(MINT_P256, "ES256", "k", "{}")),
		JOSE_ISSUER);
	/* it fits, and its signature is wrong */
	assert_int_equal(read_with(mint_jwks(mint_jwk(MINT_P256, "k", OF("https://a/t-1/")), NULL),
				 mint_parts("{\"alg\":\"ES256\",\"kid\":\"k\"}",
					 "{\"iss\":\"https://a/t-1/\"}", mint_b64(a, 64))),
		JOSE_SIGNATURE);
	/* without the claims nothing is known */
	assert_int_equal(check(mint_jwks(own, NULL), a), JOSE_ISSUER);
	/* claims that are none */
	assert_int_equal(read_with(mint_jwks(own, NULL), mint(MINT_P256, "ES256", "k", "[]")),
		JOSE_MALFORMED);
	assert_int_equal(read_with(mint_jwks(mint_jwk(MINT_P256, "k", NULL), NULL),
				 mint(MINT_P256, "ES256", "k", "[]")),
		JOSE_MALFORMED);
}

/* An issuer that is no text is a mistake of the key. */
TEST(a_key_with_a_malformed_issuer_is_passed_over)
{
	assert_int_equal(read_with(mint_jwks(mint_jwk(MINT_P256, "k", "\"issuer\":7"), NULL),
				 mint(MINT_P256, "ES256", "k", CLAIMS)),
		JOSE_KEY_UNKNOWN);
}

/* One set with a key of every kind. */
static const char *every_key(void)
{
	return mint_jwks(mint_jwk(MINT_RSA, "rsa", NULL), mint_jwk(MINT_RSA_3072, "rsa3", NULL),
		mint_jwk(MINT_P256, "p256", NULL), mint_jwk(MINT_P384, "p384", NULL),
		mint_jwk(MINT_P521, "p521", NULL), mint_jwk(MINT_ED25519, "ed", NULL),
		mint_jwk(MINT_ED448, "ed448", NULL), NULL);
}

static const struct {
	enum mint_kind kind;
	const char *alg, *kid;
} good[] = {
	{ MINT_RSA, "RS256", "rsa" },
	{ MINT_RSA, "RS384", "rsa" },
	{ MINT_RSA, "RS512", "rsa" },
	{ MINT_RSA, "PS256", "rsa" },
	{ MINT_RSA, "PS384", "rsa" },
	{ MINT_RSA_3072, "PS512", "rsa3" },
	{ MINT_P256, "ES256", "p256" },
	{ MINT_P384, "ES384", "p384" },
	{ MINT_P521, "ES512", "p521" },
	{ MINT_RSA, "RS256", "rsa" },
	{ MINT_ED25519, "EdDSA", "ed" },
	{ MINT_RSA_3072, "RS256", "rsa3" },
	{ MINT_ED25519, "Ed25519", "ed" },
	{ MINT_ED448, "EdDSA", "ed448" },
	{ MINT_ED448, "Ed448", "ed448" },
};

#define N_GOOD (sizeof good / sizeof *good)

/* RFC 7515 A.2 and A.3, RFC 8037 A.4 */
TEST(verifies_the_examples)
{
	const char *a2_key =
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
		"wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc"
		"S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
		"7OMg0LOL-bSf63kpaSHSXndS5z5re"
		"xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_"
		"I5IhlJH7aGhyxXFvUK-DWNmoudF8NA"
		"co9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}]}";
	const char *a2 =
		"eyJhbGciOiJSUzI1NiJ9."
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2"
		"90Ijp0cn"
		"VlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-"
		"0Qc_lF5YKt_"
		"O8W2Fp5jujGbds9uJdbF9"
		"CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
		"nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO"
		"--xi12jzDwusC-"
		"eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWyw"
		"lVmtVrBp0i"
		"gcN_I"
		"oypGlUPQGe77Rw";
	const char *a3_key = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
			     "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
	const char *a3 =
		"eyJhbGciOiJFUzI1NiJ9."
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2"
		"90Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
		"F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	const char *ed_key = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			     "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
	const char *ed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_"
			 "MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d"
			 "WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	assert_int_equal(check(a2_key, a2), JOSE_OK);
	assert_int_equal(check(a3_key, a3), JOSE_OK);
	assert_int_equal(check(ed_key, ed), JOSE_OK);
}

TEST(verifies_every_algorithm)
{
	const char *jwks = every_key();
	for (size_t round = 0; round < 2;
		/* keys are new in the first, prepared for another algorithm in the second */
		round++) {
		for (size_t i = 0; i < N_GOOD; i++)
			assert_int_equal(
				check(jwks, mint(good[i].kind, good[i].alg, good[i].kid, CLAIMS)),
				JOSE_OK);
	}
}

/* libjwt's tokens, with the algorithms it knows. */
TEST(verifies_a_peers_tokens)
{
	static const struct {
		enum mint_kind kind;
		jwt_alg_t alg;
	} rows[] = {
		{ MINT_RSA, JWT_ALG_RS256 },
		{ MINT_RSA, JWT_ALG_RS384 },
		{ MINT_RSA, JWT_ALG_RS512 },
		{ MINT_P256, JWT_ALG_ES256 },
		{ MINT_P384, JWT_ALG_ES384 },
		{ MINT_P521, JWT_ALG_ES512 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *pem;
		BIO *bio = BIO_new(BIO_s_mem());
		jwt_t *jwt;
		assert_int_equal(PEM_write_bio_PrivateKey(bio, mint_key(rows[i].kind), NULL, NULL,
					 0, NULL, NULL),
			1);
		int n = (int)BIO_get_mem_data(bio, &pem);
		assert_int_equal(jwt_new(&jwt), 0);
		assert_int_equal(jwt_add_grant(jwt, "sub", "u"), 0);
		assert_int_equal(jwt_set_alg(jwt, rows[i].alg, (const unsigned char *)pem, n), 0);
		char *text = jwt_encode_str(jwt);
		assert_non_null(text);
		ERR_clear_error();
		assert_int_equal(check(mint_jwks(mint_jwk(rows[i].kind, NULL, NULL), NULL), text),
			JOSE_OK);
		free(text);
		jwt_free(jwt);
		BIO_free(bio);
	}
}

/* Each single character of a token matters. */
TEST(refuses_changed_tokens)
{
	const char *jwks = every_key();
	for (size_t i = 0; i < N_GOOD; i++) {
		char *text = mint(good[i].kind, good[i].alg, NULL, CLAIMS);
		jwks = mint_jwks(mint_jwk(good[i].kind, NULL, NULL), NULL);
		size_t n = strlen(text), step = i < 9 ? 7 : 1;
		for (size_t at = 0; at < n; at += step) {
			char old = text[at];
			text[at] = old == 'A' ? 'B' : 'A';
			if (check(jwks, text) == JOSE_OK)
				fail_msg("%s: character %zu of %zu may change", good[i].alg, at, n);
			text[at] = old;
		}
		assert_int_equal(check(jwks, text), JOSE_OK);
	}
}

TEST(refuses_another_key)
{
	const char *jwks = mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL);
	assert_int_equal(check(jwks, mint(MINT_RSA_OTHER, "RS256", "a", CLAIMS)), JOSE_SIGNATURE);
	assert_int_equal(check(jwks, mint(MINT_RSA_OTHER, "RS256", NULL, CLAIMS)), JOSE_SIGNATURE);
	assert_int_equal(check(jwks, mint(MINT_RSA_3072, "RS256", "a", CLAIMS)), JOSE_SIGNATURE);
}

/* The algorithm of a token never chooses how a key is used. */
TEST(refuses_confusions)
{
	const char *jwks = every_key();
	/* the public key as an HMAC secret, and no signature at all */
	assert_int_equal(check(jwks,
				 mint_token(MINT_RSA, "HS256",
					 "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", CLAIMS)),
		JOSE_KEY_ALGORITHM);
	assert_int_equal(check(jwks,
				 mint_token(MINT_RSA, "HS256",
					 "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", CLAIMS)),
		JOSE_SIGNATURE);
	assert_int_equal(check(jwks,
				 mint_token(MINT_RSA, "none", "{\"alg\":\"none\",\"kid\":\"rsa\"}",
					 CLAIMS)),
		JOSE_ALGORITHM);
	assert_int_equal(check(jwks,
				 mint_token(MINT_RSA, "none", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
					 CLAIMS)),
		JOSE_MALFORMED);
	/* a kid of another type or curve */
	for (size_t i = 0; i < N_GOOD; i++) {
		for (size_t k = 0; k < N_GOOD; k++) {
			const char *header = mint_text("{\"alg\":\"%s\",\"kid\":\"%s\"}",
				good[i].alg, good[k].kid);
			enum jose_result r =
				check(jwks, mint_token(good[i].kind, good[i].alg, header, CLAIMS));
			if (good[i].kind == good[k].kind)
				assert_int_equal(r, JOSE_OK);
			else if (strcmp(good[i].alg, "EdDSA") == 0 &&
				strncmp(good[k].kid, "ed", 2) == 0)
				/* either curve has that name */
				assert_int_equal(r, JOSE_SIGNATURE);
			else if (good[i].kind <= MINT_RSA_3072 && good[k].kind <= MINT_RSA_3072)
				assert_int_equal(r, JOSE_SIGNATURE);
			else
				assert_int_equal(r, JOSE_KEY_ALGORITHM);
		}
	}
	/* a signature of one padding or digest under the name of another */
	static const char *const named[][2] = {
		{ "RS256", "PS256" },
		{ "PS256", "RS256" },
		{ "RS256", "RS512" },
		{ "PS256", "PS384" },
	};
	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		const char *header = mint_text("{\"alg\":\"%s\",\"kid\":\"rsa\"}", named[i][0]);
		assert_int_equal(check(jwks, mint_token(MINT_RSA, named[i][1], header, CLAIMS)),
			JOSE_SIGNATURE);
	}
}

TEST(obeys_the_keys_own_algorithm)
{
	const char *jwks = mint_jwks(mint_jwk(MINT_RSA, "a", "\"alg\":\"RS256\""), NULL);
	assert_int_equal(check(jwks, mint(MINT_RSA, "RS256", "a", CLAIMS)), JOSE_OK);
	assert_int_equal(check(jwks, mint(MINT_RSA, "RS512", "a", CLAIMS)), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(jwks, mint(MINT_RSA, "PS256", "a", CLAIMS)), JOSE_KEY_ALGORITHM);
	assert_int_equal(check(jwks, mint(MINT_RSA, "PS256", NULL, CLAIMS)), JOSE_KEY_UNKNOWN);
}

TEST(obeys_the_configuration)
{
	const char *jwks = every_key();
	const uint64_t allowed = ALG_BIT(ALG_RS256) | ALG_BIT(ALG_EDDSA);
	for (size_t i = 0; i < N_GOOD; i++) {
		enum alg alg;
		assert_true(alg_find((sluice_str){ good[i].alg, strlen(good[i].alg) }, &alg));
		assert_int_equal(check_allowing(jwks,
					 mint(good[i].kind, good[i].alg, good[i].kid, CLAIMS),
					 allowed),
			alg_exact(allowed) & alg_exact(ALG_BIT(alg)) ? JOSE_OK : JOSE_ALGORITHM);
	}
}

/* RFC 9864: EdDSA means either curve, in the options as in tokens; the names of one curve mean that
 * alone. */
TEST(tells_the_names_of_eddsa_apart)
{
	const char *jwks = every_key();
	const struct {
		enum alg allowed;
		enum mint_kind kind;
		const char *alg;
		enum jose_result why;
	} rows[] = {
		{ ALG_EDDSA, MINT_ED25519, "Ed25519", JOSE_OK },
		{ ALG_EDDSA, MINT_ED448, "Ed448", JOSE_OK },
		{ ALG_EDDSA, MINT_ED448, "EdDSA", JOSE_OK },
		{ ALG_ED25519, MINT_ED25519, "EdDSA", JOSE_OK },
		{ ALG_ED25519, MINT_ED25519, "Ed25519", JOSE_OK },
		{ ALG_ED25519, MINT_ED448, "EdDSA", JOSE_KEY_ALGORITHM },
		{ ALG_ED25519, MINT_ED448, "Ed448", JOSE_ALGORITHM },
		{ ALG_ED448, MINT_ED448, "EdDSA", JOSE_OK },
		{ ALG_ED448, MINT_ED25519, "Ed25519", JOSE_ALGORITHM },
		{ ALG_RS256, MINT_ED25519, "EdDSA", JOSE_ALGORITHM },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *kid = rows[i].kind == MINT_ED448 ? "ed448" : "ed";
		enum jose_result why = check_allowing(jwks,
			mint(rows[i].kind, rows[i].alg, kid, CLAIMS), ALG_BIT(rows[i].allowed));
		if (why != rows[i].why)
			fail_msg("row %zu: reason %d", i, (int)why);
	}
}

TEST(finds_keys_by_kid)
{
	const char *token = mint(MINT_RSA, "RS256", "a", CLAIMS),
		   *nameless = mint(MINT_RSA, "RS256", NULL, CLAIMS);
	const char *k1 = mint_jwk(MINT_RSA, "a", NULL), *k2 = mint_jwk(MINT_RSA_OTHER, "a", NULL);
	const char *k3 = mint_jwk(MINT_RSA_OTHER, "A", NULL), *k4 = mint_jwk(MINT_RSA, NULL, NULL);
	const char *k5 = mint_jwk(MINT_P256, "a", NULL);
	assert_int_equal(check(mint_jwks(k1, NULL), token), JOSE_OK);
	assert_int_equal(check(mint_jwks(k3, NULL), token), JOSE_KEY_UNKNOWN);
	assert_int_equal(check(mint_jwks(k4, NULL), token),
		JOSE_KEY_UNKNOWN); /* a kid names its key */
	assert_int_equal(check(mint_jwks(k2, k1, NULL), token),
		JOSE_OK); /* RFC 7517 4.5: kids may repeat */
	assert_int_equal(check(mint_jwks(k5, k1, NULL), token), JOSE_OK);
	assert_int_equal(check(mint_jwks(k3, k4, NULL), nameless), JOSE_OK);
	assert_int_equal(check(mint_jwks(k5, k3, k3, k3, k1, NULL), nameless), JOSE_OK);
	assert_int_equal(check(mint_jwks(k3, k3, k3, k3, k1, NULL), nameless),
		JOSE_KEY_UNKNOWN); /* too many */
	assert_int_equal(check(mint_jwks(mint_jwk(MINT_RSA, "", NULL), NULL),
				 mint(MINT_RSA, "RS256", "", CLAIMS)),
		JOSE_OK);
	static const char *const tricks[] = { "../a", "a/../a", "a' OR '1'='1", "a\\u0001", "A",
		"a ", "aa", "%61" };
	for (size_t i = 0; i < sizeof tricks / sizeof *tricks; i++)
		assert_int_equal(check(mint_jwks(k1, NULL),
					 mint(MINT_RSA, "RS256", tricks[i], CLAIMS)),
			JOSE_KEY_UNKNOWN);
}

/* The lengths of ECDSA and RSA signatures are exact; r and s of zero, and of the group's order,
 * verify nothing. */
TEST(refuses_odd_signatures)
{
	const char *ec = mint_jwks(mint_jwk(MINT_P256, NULL, NULL), NULL),
		   *rsa = mint_jwks(mint_jwk(MINT_RSA, NULL, NULL), NULL);
	uint8_t sig[300] = { 0 };
	for (size_t n = 1; n <= 70; n++)
		assert_int_equal(
			check(ec, mint_parts("{\"alg\":\"ES256\"}", CLAIMS, mint_b64(sig, n))),
			JOSE_SIGNATURE);
	memset(sig, 0xff, sizeof sig);
	assert_int_equal(check(ec, mint_parts("{\"alg\":\"ES256\"}", CLAIMS, mint_b64(sig, 64))),
		JOSE_SIGNATURE);
	memset(sig, 0, sizeof sig);
	sig[63] = 1;
	assert_int_equal(check(ec, mint_parts("{\"alg\":\"ES256\"}", CLAIMS, mint_b64(sig, 64))),
		JOSE_SIGNATURE);
	for (size_t n = 254; n <= 258; n++)
		assert_int_equal(
			check(rsa, mint_parts("{\"alg\":\"RS256\"}", CLAIMS, mint_b64(sig, n))),
			JOSE_SIGNATURE);
	/* OpenSSL's own DER form is not the JWS form */
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *text = mint_text("%s.%s", mint_b64("{\"alg\":\"ES256\"}", 15),
		mint_b64(CLAIMS, strlen(CLAIMS)));
	size_t n = sizeof sig;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, mint_key(MINT_P256)), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, (const uint8_t *)text, strlen(text)), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(check(ec, mint_text("%s.%s", text, mint_b64(sig, n))), JOSE_SIGNATURE);
}

/* r or s with leading zeros, or with its top bit set, must survive the way to DER: many tokens meet
 * them all. */
TEST(converts_all_ecdsa_numbers)
{
	const char *p256 = mint_jwks(mint_jwk(MINT_P256, NULL, NULL), NULL),
		   *p521 = mint_jwks(mint_jwk(MINT_P521, NULL, NULL), NULL);
	for (int i = 0; i < 600; i++) {
		assert_int_equal(
			check(p256, mint(MINT_P256, "ES256", NULL, mint_text("{\"i\":%d}", i))),
			JOSE_OK);
		if (i < 20)
			assert_int_equal(check(p521,
						 mint(MINT_P521, "ES512", NULL,
							 mint_text("{\"i\":%d}", i))),
				JOSE_OK);
	}
}

static int setup(void **state)
{
	(void)state;
	return verifier_init(&v);
}

static int teardown(void **state)
{
	(void)state;
	verifier_fini(&v);
	mint_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
