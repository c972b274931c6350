/* Encrypted tokens: the RFCs' examples, every algorithm, and one answer for all that is wrong. */
#include "jwe.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "mint_jwe.h"
#include "test.h"

#define INNER "a.token.inside"

static char why[320];

static struct jwe_keys *keys_of(const char *text)
{
	struct jwe_keys *keys = jwe_keys_read(sluice_str_of(text), why, sizeof why);
	if (!keys)
		fail_msg("%s", why);
	return keys;
}

/* What is inside, until mint_fini(); NULL: it could not be decrypted. */
static const char *open_with(const struct jwe_keys *keys, const char *text)
{
	size_t n = 0, len = strlen(text);
	char *out = malloc(len + 1);
	enum jose_result r = jwe_open(keys, sluice_str_of(text), out, &n);
	const char *inner = r == JOSE_OK ? mint_text("%.*s", (int)n, out) : NULL;
	if (r != JOSE_OK)
		assert_int_equal(r, JOSE_DECRYPTION);
	free(out);
	assert_int_equal(ERR_peek_error(), 0);
	return inner;
}

static struct jwe_keys *every_key(void)
{
	return keys_of(mint_jwks(mint_private_jwk(MINT_RSA, "rsa", NULL),
		mint_private_jwk(MINT_P256, "p256", NULL),
		mint_private_jwk(MINT_P384, "p384", NULL),
		mint_private_jwk(MINT_P521, "p521", NULL), NULL));
}

/* RFC 7516 A.1 */
TEST(decrypts_the_example_of_rsa_oaep)
{
	struct jwe_keys *keys = keys_of(
		"{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"
		"\"oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxke"
		"DNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_"
		"ZkoFnilakG"
		"ygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-"
		"QC"
		"hLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-"
		"FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_"
		"MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw\",\"d\":\"kLdtIj6GbDks_"
		"ApCSTYQtelcNttlKiOyP"
		"zMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_"
		"M9gV8n9Hrh2anTpTD93"
		"Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_"
		"LehBwt"
		"xHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-"
		"VFs"
		"3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ\",\"p\":\"1r52Xk46c-"
		"LsfB5P442p"
		"7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_"
		"hI2_1"
		"eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0\",\"q\":"
		"\"wLb35x7hmQ"
		"WZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_"
		"8Fyw1YYa9XGrGnDew00J28cR"
		"UoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc\","
		"\"dp\":"
		"\"ZK-YwE7diUh0qR1tR7w8WHtolDx3MZ_OTowiFvgfeQ3SiresXjm9gZ5KLhMXvo-uz-KUJWDxS5pFQ_"
		"M0evd"
		"o1dKiRTjVw_x4NyqyXPM5nULPkcpU827rnpZzAJKpdhWAgqrXGKAECQH0Xt4taznjnd_"
		"zVpAmZZq60WPMBMf"
		"KcuE\",\"dq\":"
		"\"Dq0gfgJ1DdFGXiLvQEZnuKEN0UUmsJBxkjydc3j4ZYdBiMRAy86x0vHCjywcMlYYg4yoC4YZ"
		"a9hNVcsjqA3FeiL19rk8g6Qn29Tt0cj8qqyFpz9vNDBUfCAiJVeESOjJDZPYHdHY8v1b-o-Z2X5tvLx-"
		"TCek"
		"f7oxyeKDUqKWjis\",\"qi\":\"VIMpMYbPf47dT1w_zDUXfPimsSegnMOA1zTaX7aGk_8urY6R8-"
		"ZW1FxU7AlWA"
		"yLWybqq6t16VFd7hQd0y6flUK4SlOydB61gwanOsXGOAOv82cHq0E3eL4HrtZkUuKvnPrMnsUUFlfUdybV"
		"zx"
		"yjz9JF_XyaY14ardLSjf4L_FNY\"}]}");
	assert_string_equal(
		open_with(keys,
			"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ."
			"OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKO"
			"MTYUmKoTCVJRgckCL9kiMT03JGeipsEdY3mx_"
			"etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-Stn"
			"ImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_"
			"lDp5XnZAYpQdb76FdIKLaVmqgfwX7XWRxv2"
			"322i-vDxRfqNzo_"
			"tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr"
			"66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b."
			"5eym8TW_c8SuK"
			"0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A."
			"XFBoMYUZodet"
			"ZdvTiFvSkQ"),
		"The true sign of intelligence is not knowledge but imagination.");
	jwe_keys_free(&keys);
}

/* RFC 7518 C has the header, Bob's key, and the key of the content that both come to; the content
 * is ours. */
TEST(decrypts_by_the_example_of_ecdh_es)
{
	static const uint8_t cek[16] = { 86, 170, 141, 234, 248, 35, 109, 32, 92, 34, 40, 205, 113,
		167, 16, 26 };
	static const char header[] =
		"{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"apu\":\"QWxpY2U\",\"apv\":\"Qm9i\","
		"\"epk\":{\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","
		"\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps\"}}";
	struct jwe_keys *keys = keys_of("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
					"\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
					"\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\","
					"\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}]}");
	static const uint8_t iv[12] = { 1 };
	uint8_t content[sizeof INNER], tag[16];
	int n = 0;
	const char *aad = mint_b64(header, strlen(header));
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit_ex2(ctx, EVP_aes_128_gcm(), cek, iv, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)),
		1);
	assert_int_equal(EVP_EncryptUpdate(ctx, content, &n, (const uint8_t *)INNER,
				 (int)strlen(INNER)),
		1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, content + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(ctx);
	const char *token = mint_text("%s..%s.%s.%s", aad, mint_b64(iv, 12),
		mint_b64(content, strlen(INNER)), mint_b64(tag, 16));
	assert_string_equal(open_with(keys, token), INNER);
	jwe_keys_free(&keys);
}

static const struct {
	enum mint_kind kind;
	const char *alg, *kid;
} ways[] = {
	{ MINT_RSA, "RSA-OAEP", "rsa" },
	{ MINT_RSA, "RSA-OAEP-256", "rsa" },
	{ MINT_P256, "ECDH-ES", "p256" },
	{ MINT_P384, "ECDH-ES", "p384" },
	{ MINT_P521, "ECDH-ES", "p521" },
};
static const char *const encs[] = { "A128GCM", "A256GCM" };

TEST(decrypts_every_algorithm)
{
	struct jwe_keys *keys = every_key(), *copy = jwe_keys_copy(keys);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		for (size_t e = 0; e < 2; e++) {
			const char *more =
				mint_text(",\"kid\":\"%s\",\"cty\":\"JWT\"", ways[i].kid);
			const char *token =
				mint_jwe(ways[i].kind, ways[i].alg, encs[e], more, INNER);
			assert_true(jwe_is_one(sluice_str_of(token)));
			assert_string_equal(open_with(keys, token), INNER);
			assert_string_equal(open_with(copy, token), INNER);
		}
	}
	jwe_keys_free(&keys);
	jwe_keys_free(&copy);
	const char *pem =
		mint_text("%s%s", mint_private_pem(MINT_P256), mint_private_pem(MINT_RSA));
	keys = keys_of(pem);
	assert_int_equal(keys->n, 2);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(open_with(keys,
					    mint_jwe(ways[i].kind, ways[i].alg, "A256GCM",
						    ",\"kid\":\"any\"", INNER)),
			INNER);
	jwe_keys_free(&keys);
}

/* While a key is replaced, the old one stands beside the new, and curves beside each other; of
 * named keys that of the token's kid comes first. */
TEST(the_second_key_of_a_kind_decrypts_too)
{
	struct jwe_keys *keys = keys_of(
		mint_text("%s%s%s%s", mint_private_pem(MINT_RSA_OTHER), mint_private_pem(MINT_RSA),
			mint_private_pem(MINT_P384), mint_private_pem(MINT_P256)));
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		if (ways[i].kind == MINT_P521)
			continue;
		assert_string_equal(open_with(keys,
					    mint_jwe(ways[i].kind, ways[i].alg, "A256GCM", NULL,
						    INNER)),
			INNER);
	}
	jwe_keys_free(&keys);
	keys = keys_of(mint_jwks(mint_private_jwk(MINT_RSA_OTHER, NULL, NULL),
		mint_private_jwk(MINT_RSA, "new", NULL), NULL));
	assert_string_equal(open_with(keys,
				    mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM",
					    ",\"kid\":\"new\"", INNER)),
		INNER);
	jwe_keys_free(&keys);
}

/* Each character matters, and what is wrong is not told. */
TEST(refuses_changed_tokens)
{
	struct jwe_keys *keys = every_key();
	for (size_t i = 0; i < 3; i++) {
		char *text = mint_jwe(ways[i].kind, ways[i].alg, "A256GCM", NULL, INNER);
		for (size_t at = 0; at < strlen(text); at += i < 2 ? 5 : 1) {
			char old = text[at];
			text[at] = old == 'A' ? 'B' : 'A';
			if (open_with(keys, text))
				fail_msg("%s: character %zu may change", ways[i].alg, at);
			text[at] = old;
		}
		assert_string_equal(open_with(keys, text), INNER);
		for (const char *dot = text; (dot = strchr(dot, '.')); dot++) {
			assert_null(open_with(keys, mint_text("%.*s", (int)(dot - text), text)));
			assert_null(open_with(keys,
				mint_text("%.*s.%s", (int)(dot - text), text, dot)));
		}
		assert_null(open_with(keys, mint_text("%s.x", text)));
	}
	assert_null(open_with(keys, "...."));
	assert_null(open_with(keys, ""));
	jwe_keys_free(&keys);
}

static void refuses(const struct jwe_keys *keys, size_t way, const char *header)
{
	if (open_with(keys, mint_jwe_with(ways[way].kind, ways[way].alg, "A256GCM", header, INNER)))
		fail_msg("taken: %s", header);
}

TEST(refuses_other_algorithms_and_keys)
{
	struct jwe_keys *keys = keys_of(
		mint_jwks(mint_private_jwk(MINT_RSA, "a", "\"alg\":\"RSA-OAEP-256\""), NULL));
	assert_string_equal(open_with(keys,
				    mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", ",\"kid\":\"a\"",
					    INNER)),
		INNER);
	/* the key's own alg; another kid; another key */
	assert_null(open_with(keys, mint_jwe(MINT_RSA, "RSA-OAEP", "A256GCM", NULL, INNER)));
	assert_null(open_with(keys,
		mint_jwe(MINT_RSA, "RSA-OAEP-256", "A256GCM", ",\"kid\":\"b\"", INNER)));
	assert_null(
		open_with(keys, mint_jwe(MINT_RSA_OTHER, "RSA-OAEP-256", "A256GCM", NULL, INNER)));
	assert_null(
		open_with(keys, mint_jwe(MINT_RSA_3072, "RSA-OAEP-256", "A256GCM", NULL, INNER)));
	assert_null(open_with(keys, mint_jwe(MINT_P256, "ECDH-ES", "A256GCM", NULL, INNER)));
	refuses(keys, 1, "{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}");
	refuses(keys, 1, "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}");
	refuses(keys, 1, "{\"alg\":\"A256KW\",\"enc\":\"A256GCM\"}");
	refuses(keys, 1, "{\"alg\":\"none\",\"enc\":\"A256GCM\"}");
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128CBC-HS256\"}");
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A192GCM\"}");
	refuses(keys, 1,
		"{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\"}"); /* the key has 32 bytes */
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\"}");
	refuses(keys, 1, "{\"enc\":\"A256GCM\"}");
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"kid\":1}");
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"crit\":[\"exp\"]}");
	refuses(keys, 1, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"alg\":\"RSA-OAEP-256\"}");
	refuses(keys, 1,
		mint_text("{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"x\":\"%04096d\"}", 0));
	jwe_keys_free(&keys);
}

static void refuses_keys(const char *text, const char *words)
{
	struct jwe_keys *keys = jwe_keys_read(sluice_str_of(text), why, sizeof why);
	if (keys)
		fail_msg("taken: %s", words);
	if (!strstr(why, words))
		fail_msg("%s, and not: %s", why, words);
	assert_int_equal(ERR_peek_error(), 0);
}

TEST(keys_that_do_not_fit_are_mistakes)
{
	refuses_keys("", "no private key");
	refuses_keys("text", "no private key");
	refuses_keys(mint_pem(MINT_RSA), "no private key");
	refuses_keys("{}", "neither PEM nor a key set");
	refuses_keys("{\"keys\":[]}", "no private key");
	refuses_keys("{\"keys\":[1]}", "malformed");
	refuses_keys(mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL), "no private key of RSA or EC");
	refuses_keys(mint_jwks(mint_jwk(MINT_P256, "a", NULL), NULL),
		"no private key of RSA or EC");
	refuses_keys("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
		"no private key of RSA or EC");
	refuses_keys(mint_jwks(mint_private_jwk(MINT_RSA_1024, "a", NULL), NULL), "2048 to 8192");
	refuses_keys(mint_text("%s-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
			     mint_private_pem(MINT_RSA)),
		"cannot be read");
	refuses_keys(mint_private_pem(MINT_RSA_1024), "2048 to 8192");
	refuses_keys(mint_private_pem(MINT_ED25519), "neither RSA nor EC");
	refuses_keys(mint_jwks(mint_private_jwk(MINT_RSA, "a", "\"use\":\"sig\""), NULL),
		"use of a key");
	refuses_keys(mint_jwks(mint_private_jwk(MINT_RSA, "a", "\"alg\":\"RSA1_5\""), NULL),
		"alg of a key");
	refuses_keys(mint_jwks(mint_private_jwk(MINT_RSA, "a", "\"alg\":\"ECDH-ES\""), NULL),
		"alg of a key");
	/* the private number of another key */
	const char *jwk = mint_private_jwk(MINT_P256, "a", NULL);
	const char *d = strstr(jwk, "\"d\":\"") + 5;
	refuses_keys(mint_jwks(mint_text("%.*s%s%s", (int)(d - jwk), jwk, *d == 'A' ? "B" : "A",
				       d + 1),
			     NULL),
		"does not belong");
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
