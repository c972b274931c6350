/* The token reader: what it takes, and everything it must not. */
#include "token.h"

#include <stdlib.h>

#include "mint.h"
#include "strict.h"
#include "test.h"

#define SIG "c2lnbmF0dXJl"
#define CLAIMS "{\"sub\":\"u\"}"

static enum jose_result open_text(struct token *t, const char *text)
{
	/* from a block of its exact size, so that a read past the end is seen */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	enum jose_result why = token_open(t, (sluice_str){ copy, n });
	json_t *claims;
	if (why == JOSE_OK) {
		why = token_read_claims(t, &claims);
		if (why == JOSE_OK)
			json_decref(claims);
	}
	free(copy);
	return why;
}

static enum jose_result open_header(const char *header)
{
	struct token t;
	return open_text(&t, mint_parts(header, CLAIMS, SIG));
}

TEST(reads_a_token)
{
	struct token t;
	json_t *claims;
	const char *text = mint_parts("{\"alg\":\"PS384\",\"typ\":\"JWT\",\"kid\":\"k1\",\"jku\":"
				      "\"https://evil.example/\"}",
		"{\"sub\":\"\\u00e4\",\"n\":1}", SIG);
	assert_int_equal(token_open(&t, (sluice_str){ text, strlen(text) }), JOSE_OK);
	assert_int_equal(t.header.alg, ALG_PS384);
	assert_true(t.header.has_kid);
	assert_int_equal(t.header.kid_len, 2);
	assert_memory_equal(t.header.kid, "k1", 2);
	assert_int_equal(t.signature_len, 9);
	assert_memory_equal(t.signature, "signature", 9);
	assert_ptr_equal(t.signed_text.data, text);
	assert_int_equal(t.signed_text.len, (size_t)(strrchr(text, '.') - text));
	assert_int_equal(token_read_claims(&t, &claims), JOSE_OK);
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), "\xc3\xa4");
	json_decref(claims);
}

TEST(reads_every_algorithm)
{
	for (size_t i = 0; i < ALG_COUNT; i++) {
		struct token t;
		assert_int_equal(open_text(&t,
					 mint_parts(mint_text("{\"alg\":\"%s\"}", alg_names[i]),
						 CLAIMS, SIG)),
			JOSE_OK);
		assert_int_equal(t.header.alg, i);
		assert_false(t.header.has_kid);
	}
}

static bool says_the_same(const struct token *a, const struct token *b)
{
	const struct token_header *x = &a->header, *y = &b->header;
	return x->alg == y->alg && x->has_kid == y->has_kid && x->has_typ == y->has_typ &&
		x->kid_len == y->kid_len && memcmp(x->kid, y->kid, x->kid_len) == 0 &&
		x->typ_len == y->typ_len && memcmp(x->typ, y->typ, x->typ_len) == 0 &&
		sluice_str_eq(a->signed_text, b->signed_text) &&
		sluice_str_eq(a->claims_text, b->claims_text) &&
		a->signature_len == b->signature_len &&
		memcmp(a->signature, b->signature, a->signature_len) == 0;
}

/* More headers than are remembered, one that is too long for that, and some that are refused: each
 * is read as a reader without a memory reads it. */
TEST(headers_that_were_seen_are_read_alike)
{
	struct token_headers headers = { .next = 0 };
	char longest[TOKEN_HEADER_KEPT];
	memset(longest, 'x', sizeof longest);
	const char *texts[TOKEN_HEADERS + 5];
	size_t n = 0;
	for (; n < TOKEN_HEADERS + 1; n++)
		texts[n] =
			mint_text("{\"alg\":\"%s\",\"kid\":\"k%zu\"}", alg_names[n % ALG_COUNT], n);
	texts[n++] = mint_text("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"x\":\"%.*s\"}",
		(int)sizeof longest, longest);
	texts[n++] = "{\"alg\":\"none\"}";
	texts[n++] = "{\"alg\":\"ES256\",\"crit\":[\"b64\"]}";
	texts[n++] = "{\"alg\":\"ES256\",\"alg\":\"RS256\"}";
	for (unsigned i = 0; i < 6 * n; i++) {
		struct token seen, fresh;
		/* each twice in a row, then each once in turn */
		const char *text =
			mint_parts(texts[i < 2 * n ? i / 2 : i % n], CLAIMS, i % 5 ? SIG : "!");
		enum jose_result why = token_open(&fresh, sluice_str_of(text));
		assert_int_equal(token_open_seen(&seen, sluice_str_of(text), &headers), why);
		if (why == JOSE_OK)
			assert_true(says_the_same(&seen, &fresh));
	}
}

TEST(refuses_other_algorithms)
{
	static const char *const names[] = { "none", "None", "NONE", "nOnE", "hs256", "HS1",
		"HS256 ", "rs256", "RS256 ", "RS1", "ES256K", "RSA-OAEP", "dir", "EdDSA\\n", "" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(open_header(mint_text("{\"alg\":\"%s\"}", names[i])),
			JOSE_ALGORITHM);
	struct token t;
	assert_int_equal(open_text(&t, mint_parts("{\"alg\":\"none\"}", CLAIMS, "")),
		JOSE_ALGORITHM);
}

static bool type_is_known(const char *typ)
{
	struct token t;
	assert_int_equal(open_text(&t,
				 mint_parts(mint_text("{\"alg\":\"RS256\",\"typ\":\"%s\"}", typ),
					 CLAIMS, SIG)),
		JOSE_OK);
	return token_has_type(&t, SLUICE_STR("JWT")) || token_has_type(&t, SLUICE_STR("at+jwt"));
}

TEST(tells_types)
{
	static const char *const good[] = {
		"JWT",
		"jwt",
		"at+jwt",
		"AT+JWT",
		"application/at+jwt",
		"Application/JWT",
	};
	static const char *const bad[] = {
		"dpop+jwt",
		"logout+jwt",
		"application/",
		"JWTX",
		"",
		"at+jwt ",
		"secevent+jwt",
		"application/application/jwt",
	};
	char longest[80];
	memset(longest, 'j', sizeof longest);
	longest[sizeof longest - 1] = 0;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(type_is_known(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(type_is_known(bad[i]));
	assert_false(type_is_known(longest));
}

TEST(refuses_extensions)
{
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"crit\":[\"exp\"]}"), JOSE_CRITICAL);
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"crit\":[]}"), JOSE_CRITICAL);
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"crit\":null}"), JOSE_CRITICAL);
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"b64\":false,\"crit\":[\"b64\"]}"),
		JOSE_CRITICAL);
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"b64\":false}"), JOSE_CRITICAL);
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"b64\":true}"), JOSE_OK);
	/* keys that the sender brings along are not looked at */
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\"},\"x5u\":\"file:/"
				     "//etc/passwd\","
				     "\"x5c\":[\"AA\"],\"jku\":5}"),
		JOSE_OK);
}

TEST(refuses_malformed_headers)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"[]",
		"null",
		"\"alg\"",
		"{\"alg\":null}",
		"{\"alg\":1}",
		"{\"alg\":[\"RS256\"]}",
		"{\"alg\":\"RS256\"} ,",
		"{\"alg\":\"RS256\"}{}",
		"{\"alg\":\"RS256\",}",
		"{'alg':'RS256'}",
		"{\"alg\":\"RS256\",\"alg\":\"RS256\"}",
		"{\"alg\":\"RS256\",\"alg\":\"none\"}",
		"{\"alg\":\"RS256\",\"kid\":1}",
		"{\"alg\":\"RS256\",\"kid\":{}}",
		"{\"alg\":\"RS256\",\"typ\":1}",
		"{\"alg\":\"RS256\\u0000\"}",
		"{\"alg\":\"RS256\",\"kid\":\"a\\u0000b\"}",
		"{\"alg\":\"RS256\",\"x\":\"\xff\"}",
		"\xef\xbb\xbf{\"alg\":\"RS256\"}",
		"{\"alg\":\"RS256\",\"n\":NaN}",
		"{\"alg\":\"RS256\",\"a\\u006cg\":\"none\"}",
		"/**/{\"alg\":\"RS256\"}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (open_header(bad[i]) != JOSE_MALFORMED)
			fail_msg("header %zu: %s", i, bad[i]);
	}
	/* as if left out */
	assert_int_equal(open_header("{\"alg\":\"RS256\",\"kid\":null,\"typ\":null}"), JOSE_OK);
	assert_int_equal(open_header(mint_text("{\"alg\":\"RS256\",\"kid\":\"%0256d\"}", 0)),
		JOSE_OK);
	assert_int_equal(open_header(mint_text("{\"alg\":\"RS256\",\"kid\":\"%0257d\"}", 0)),
		JOSE_MALFORMED);
}

TEST(refuses_raw_nul)
{
	static const char header[] = "{\"alg\":\"RS256\",\"kid\":\"a\0b\"}",
			  trailing[] = "{\"alg\":\"RS256\"}\0";
	struct token t;
	const char *claims = mint_b64(CLAIMS, strlen(CLAIMS));
	assert_int_equal(
		open_text(&t, mint_text("%s.%s." SIG, mint_b64(header, sizeof header - 1), claims)),
		JOSE_MALFORMED);
	assert_int_equal(open_text(&t,
				 mint_text("%s.%s." SIG, mint_b64(trailing, sizeof trailing - 1),
					 claims)),
		JOSE_MALFORMED);
}

TEST(refuses_other_shapes)
{
	struct token t;
	const char *h = mint_b64("{\"alg\":\"RS256\"}", 15), *c = mint_b64(CLAIMS, strlen(CLAIMS));
	const char *bad[] = {
		"",
		".",
		"..",
		"...",
		"a",
		h,
		mint_text("%s.%s", h, c),
		mint_text("%s.%s.", h, c),
		mint_text(".%s." SIG, c),
		mint_text("%s.." SIG, h),
		mint_text("%s.%s." SIG ".", h, c),
		mint_text("%s.%s." SIG "." SIG "." SIG, h, c),
		mint_text(".%s.%s." SIG, h, c),
		mint_text("%s.%s.=" SIG, h, c),
		mint_text("%s.%s." SIG "=", h, c),
		mint_text("%s=.%s." SIG, h, c),
		mint_text("%s.%s==." SIG, h, c),
		mint_text("%s.%s." SIG "\n", h, c),
		mint_text("%s .%s." SIG, h, c),
		mint_text("%s.%s.c2ln+mF0", h, c),
		mint_text("%s.%s.c2ln/mF0", h, c),
		mint_text("%s.%s.%%41", h, c),
		mint_text("%s.%s.A", h, c),
		mint_text("%s.%s.AB", h, c), /* spare bits */
		mint_text("%s.%s.AAB", h, c),
		mint_text("%s.%s.\xc3\xa4", h, c),
		mint_text("{\"payload\":\"%s\",\"signatures\":[]}", c),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (open_text(&t, bad[i]) != JOSE_MALFORMED)
			fail_msg("shape %zu: %s", i, bad[i]);
	}
	assert_int_equal(open_text(&t, mint_text("%s.%s.AA", h, c)), JOSE_OK);
	assert_int_equal(open_text(&t, mint_text("%s.%s.AAA", h, c)), JOSE_OK);
}

TEST(bounds_the_signature)
{
	struct token t;
	uint8_t zeros[TOKEN_MAX_SIGNATURE + 3] = { 0 };
	assert_int_equal(open_text(&t,
				 mint_parts("{\"alg\":\"RS512\"}", CLAIMS,
					 mint_b64(zeros, TOKEN_MAX_SIGNATURE))),
		JOSE_OK);
	assert_int_equal(t.signature_len, TOKEN_MAX_SIGNATURE);
	assert_int_equal(open_text(&t,
				 mint_parts("{\"alg\":\"RS512\"}", CLAIMS,
					 mint_b64(zeros, sizeof zeros))),
		JOSE_MALFORMED);
}

TEST(refuses_malformed_claims)
{
	struct token t;
	char deep[64] = "";
	memset(deep, '[', 17);
	memset(deep + 17, ']', 17);
	const char *bad[] = { "[]", "1", "{\"sub\":\"a\",\"sub\":\"b\"}",
		"{\"o\":{\"a\":1,\"a\":1}}", "{\"sub\":\"a\"}x", "{\"n\":01}",
		mint_text("{\"d\":%s}", deep) };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (open_text(&t, mint_parts("{\"alg\":\"RS256\"}", bad[i], SIG)) != JOSE_MALFORMED)
			fail_msg("claims %zu: %s", i, bad[i]);
	}
	/* brackets in strings do not nest, escaped quotes do not end them */
	assert_int_equal(open_text(&t,
				 mint_parts("{\"alg\":\"RS256\"}",
					 "{\"s\":\"[[[[[[[[[[[[[[[[[[[\\\"[[[\"}", SIG)),
		JOSE_OK);
}

TEST(decodes_base64url)
{
	uint8_t in[70], out[B64URL_MAX(100)];
	size_t n;
	for (size_t len = 0; len < sizeof in; len++) {
		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)(i * 37 + len * 101);
		const char *text = mint_b64(in, len);
		assert_true(b64url_decode((sluice_str){ text, strlen(text) }, out, &n));
		assert_int_equal(n, len);
		assert_memory_equal(out, in, len);
	}
	assert_true(b64url_decode(SLUICE_STR("-_-_"), out, &n));
	assert_memory_equal(out, "\xfb\xff\xbf", 3);
	for (int c = 0; c < 256; c++) {
		char text[4] = { 'A', (char)c, 'A', 'A' };
		bool ours = c &&
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
				c);
		assert_int_equal(b64url_decode((sluice_str){ text, 4 }, out, &n), ours);
	}
}

static int teardown(void **state)
{
	(void)state;
	mint_fini();
	return 0;
}

TEST_GROUP(NULL, teardown);
