/* Telling a bearer token, another scheme, and what is neither. */
#include "bearer.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static const char jws[] = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

static enum reason read_n(const char *value, size_t n, sluice_str *token)
{
	char *copy = malloc(n + 1); /* so that a byte read too far is seen by the sanitizer */
	assert_non_null(copy);
	memcpy(copy, value, n);
	enum reason why = bearer_read((sluice_str){ copy, n }, token);
	if (token->data) /* point into the caller's text again */
		token->data = value + (token->data - copy);
	free(copy);
	return why;
}

TEST(takes_a_bearer_token)
{
	static const char *const good[] = { "Bearer %s", "bearer %s", "BEARER %s", "bEaReR    %s" };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char value[128];
		sluice_str token;
		int n = snprintf(value, sizeof value, good[i], jws);
		assert_int_equal(read_n(value, (size_t)n, &token), REASON_NONE);
		assert_int_equal(token.len, sizeof jws - 1);
		assert_memory_equal(token.data, jws, token.len);
	}
}

TEST(leaves_other_schemes_alone)
{
	static const char *const other[] = {
		"",
		"Basic YTpi",
		"basic  YTpi",
		"Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+gJDAi/bearer==",
		"Digest username=\"a\", realm=\"r\", nonce=\"1.2.3\", uri=\"/\", response=\"0\"",
		"AWS4-HMAC-SHA256 Credential=K/20260101/eu/s3/aws4_request, SignedHeaders=host, "
		"Signature=f0",
		"vapid t=eyJh.eyJz.c2ln, k=BDd3",
		"Token 0123456789abcdef",
		"secret-api-key",
	};
	for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
		sluice_str token;
		if (read_n(other[i], strlen(other[i]), &token) != REASON_NONE || token.data)
			fail_msg("\"%s\" is refused, or taken for a token", other[i]);
	}
}

TEST(what_a_service_might_take_for_a_token_is_never_absent)
{
	static const struct {
		const char *value;
		enum reason why;
	} rows[] = {
		{ "Bearer", REASON_TOKEN_MALFORMED },
		{ "Bearer ", REASON_TOKEN_MALFORMED },
		{ "Bearer\teyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer\v eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "bearer,", REASON_TOKEN_MALFORMED },
		{ "Bearer,eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer=eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer:eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer\"eyJh.e.s\"", REASON_TOKEN_MALFORMED },
		{ "Bearer\x80 eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer\xc2\xa0"
		  "eyJh.e.s",
			REASON_TOKEN_MALFORMED },
		{ "BearereyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearers eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "Bearer-x eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ " Bearer eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "\tBearer eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "\"Bearer eyJh.e.s\"", REASON_TOKEN_MALFORMED },
		{ "'Bearer eyJh.e.s'", REASON_TOKEN_AMBIGUOUS },
		{ ",Bearer eyJh.e.s", REASON_TOKEN_MALFORMED },
		{ "\x80"
		  "Bearer eyJh.e.s",
			REASON_TOKEN_MALFORMED },
		{ " ", REASON_TOKEN_MALFORMED },
		{ "Bearer eyJh.e.s eyJh.e.s", REASON_TOKEN_AMBIGUOUS },
		{ "Bearer eyJh.e.s,", REASON_TOKEN_AMBIGUOUS },
		{ "Bearer eyJh.e.s ", REASON_TOKEN_AMBIGUOUS },
		{ "Basic YTpi, Bearer eyJh.e.s", REASON_TOKEN_AMBIGUOUS },
		{ "Basic YTpi,bearer eyJh.e.s", REASON_TOKEN_AMBIGUOUS },
		{ "Basic Bearer eyJh.e.s", REASON_TOKEN_AMBIGUOUS },
		{ "Basic YTpi\tBEARER eyJh.e.s", REASON_TOKEN_AMBIGUOUS },
		{ "Basic\tYTpi", REASON_TOKEN_MALFORMED },
		{ "Digest realm=\"Bearer eyJh.e.s\"", REASON_TOKEN_AMBIGUOUS },
		{ "JWT eyJh.e.s", REASON_TOKEN_SCHEME },
		{ "Token eyJh.e.s", REASON_TOKEN_SCHEME },
		{ "DPoP eyJh.e.s", REASON_TOKEN_SCHEME },
		{ "DPoP eyJh.a.b.c.d", REASON_TOKEN_SCHEME },
		{ "JWT 'eyJh.e.s'", REASON_TOKEN_SCHEME },
		{ "JWT \"eyJh.e.s\"", REASON_TOKEN_SCHEME },
		{ "Basic YTpi, JWT eyJh.e.s", REASON_TOKEN_SCHEME },
		{ "b'JWT ewo.e.s'", REASON_TOKEN_SCHEME },
		{ "JWT eyJh.e.", REASON_TOKEN_SCHEME },
		{ "eyJh.e.s", REASON_TOKEN_SCHEME },
		{ "eyJh.e.s==", REASON_TOKEN_MALFORMED },
		{ "=eyJh.e.s", REASON_TOKEN_MALFORMED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sluice_str token;
		enum reason why = read_n(rows[i].value, strlen(rows[i].value), &token);
		if (why != rows[i].why || token.data)
			fail_msg("\"%s\": reason %d, token %s", rows[i].value, (int)why,
				token.data ? "found" : "none");
	}
}

/* Whatever single byte stands behind the scheme, the value is a token or refused, never absent. */
TEST(no_byte_behind_the_scheme_hides_a_token)
{
	for (int c = 0; c < 256; c++) {
		char value[] = "Bearer?eyJh.e.s";
		sluice_str token;
		value[6] = (char)c;
		enum reason why = read_n(value, sizeof value - 1, &token);
		if (c == ' ' ? why != REASON_NONE || !token.data : why != REASON_TOKEN_MALFORMED)
			fail_msg("byte 0x%02x: reason %d", (unsigned)c, (int)why);
	}
}
