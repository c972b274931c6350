/* What challenges say: each parameter where it belongs, and one field for each scheme. */
#include "challenge.h"

#include <stdio.h>

#include "kit.h"
#include "test.h"

static unsigned takes;
static enum reason why;

static int check(sluice_instance *inst, void *arg)
{
	struct jwt_conf *conf = arg;
	static const sluice_str scopes[] = { SLUICE_STR("read"), SLUICE_STR("write") };
	conf->realm = SLUICE_STR("the \"shop\"");
	conf->resource_metadata = SLUICE_STR("https://api.test/m");
	conf->scopes = (sluice_strs){ scopes, 2 };
	conf->asks = (struct jwt_asks){ .acr_values = SLUICE_STR("gold silver"),
		.max_age = SLUICE_STR("300"),
		.dpop_algs = SLUICE_STR("ES256 EdDSA") };
	conf->takes = takes;
	return challenge_check(inst, conf);
}

static sluice_verdict refuse(sluice_exchange *x, const void *conf)
{
	challenge_tell(x, conf, why);
	return sluice_refuse(x, reason_info(why)->status, "refused", "no");
}

static const sluice_plugin record = { .abi = SLUICE_ABI,
	.size = sizeof(record),
	.name = "asks",
	.version = "1",
	.summary = "refuses",
	.conf_size = sizeof(struct jwt_conf),
	.check = check,
	.on_request = refuse };

/* All challenges of a refusal, a line each. */
static const char *told(unsigned schemes, const char *authorization, enum reason reason)
{
	static char text[1024];
	const char *one;
	size_t n = 0;
	kit_reset();
	takes = schemes;
	why = reason;
	sluice_instance *i = kit_instance(&record, NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", authorization ? "Authorization" : "X-None",
		authorization ? authorization : "x", NULL);
	text[0] = '\0';
	for (size_t at = 0;
		(one = kit_header_at(x, SLUICE_RESPONSE, "WWW-Authenticate", at)) != NULL; at++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", one);
	kit_end(x);
	kit_stop(i);
	return text;
}

#define HEAD " realm=\"the \\\"shop\\\"\", resource_metadata=\"https://api.test/m\""
#define EXPIRED ", error=\"invalid_token\", error_description=\"the token has expired\""
#define SCOPE ", scope=\"read write\""
#define ALGS ", algs=\"ES256 EdDSA\"\n"

TEST(bearer_alone_when_nothing_else_is_said)
{
	assert_string_equal(told(0, NULL, REASON_TOKEN_MISSING), "Bearer" HEAD SCOPE "\n");
	assert_string_equal(told(0, "DPoP x", REASON_TOKEN_EXPIRED),
		"Bearer" HEAD EXPIRED SCOPE "\n");
}

TEST(the_error_goes_to_the_scheme_that_the_token_came_by)
{
	unsigned both = SCHEME_BIT(SCHEME_BEARER) | SCHEME_BIT(SCHEME_DPOP);
	assert_string_equal(told(both, NULL, REASON_TOKEN_MISSING),
		"Bearer" HEAD SCOPE "\nDPoP" HEAD SCOPE ALGS);
	assert_string_equal(told(both, "dpop x", REASON_TOKEN_EXPIRED),
		"Bearer" HEAD SCOPE "\nDPoP" HEAD EXPIRED SCOPE ALGS);
	assert_string_equal(told(both, "Bearer x", REASON_TOKEN_EXPIRED),
		"Bearer" HEAD EXPIRED SCOPE "\nDPoP" HEAD SCOPE ALGS);
	assert_string_equal(told(SCHEME_BIT(SCHEME_DPOP), "Bearer x", REASON_TOKEN_EXPIRED),
		"DPoP" HEAD EXPIRED SCOPE ALGS);
}

TEST(none_without_an_error)
{
	assert_string_equal(told(0, "Bearer x", REASON_JWKS_UNAVAILABLE), "");
	assert_non_null(
		strstr(told(0, "Bearer x", REASON_TOKEN_SCOPE), "error=\"insufficient_scope\""));
}
