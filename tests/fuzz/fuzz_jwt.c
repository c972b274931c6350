/*
 * The token reader of the plugin jwt, and the checks of claims. The input is a token; or, when it
 * starts with a line `json`, a line with the header and then the claims, which are encoded here, as
 * a fuzzer hardly finds its way through base64.
 */
#include <stdlib.h>

#include "claims.h"
#include "issuer_name.h"
#include "issuers.h"
#include "kit.h"
#include "rules.h"
#include "strict.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const sluice_plugin sluice_plugin_record;

static struct expression_scratch *scratch;
static const struct jwt_conf *conf; /* with all rules */

static void prepare(void)
{
	if (conf)
		return;
	kit_reset();
	sluice_instance *i = kit_instance(&sluice_plugin_record, "issuer", "i/" ISSUER_TENANT "/v2",
		"jwks", "https://idp.example/keys", "tenants", "[a, b]", "types", "[at+jwt, none]",
		"audience", "[a, b]", "audience_all", "[a]", "clients", "[a, b]", "max_age", "1h",
		"required", "[a, b.c]", "claims", "{a: [b, x]}", "match_claims",
		"{a: [c, 'regex:(.*x)+'], b.c: '*'}", "forbid_claims",
		"{d: [c, 'regex:(.*x)+'], e: '*'}", "acr_values", "[a, b]", "max_auth_age", "1h",
		"scopes", "[a]", "scopes_any", "[b, c]", NULL);
	scratch = expression_scratch_new();
	if (!scratch || kit_check(i) < 0)
		abort();
	conf = kit_conf(i);
}

static char *encode(char *out, const uint8_t *p, size_t n)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(left > 2 ? p[i + 2] : 0);
		for (size_t c = 0; c <= left; c++)
			*out++ = alphabet[v >> (18 - 6 * c) & 63];
	}
	return out;
}

/* The rules that a request tries up to the first that fails, all of them. */
static void tell(void *ctx, const struct rules_finding *f)
{
	size_t *failed = ctx;
	*failed += f->why != REASON_NONE;
}

static void check_claims(const json_t *claims)
{
	const struct rules_case judged = { .conf = conf,
		.issuer = conf->trusted[0].name,
		.claims = claims,
		.now_ms = UINT64_C(1700000000000),
		.scratch = scratch };
	struct validity when;
	sluice_str which;
	const char *name;
	json_t *v;
	size_t failed = 0;
	bool good = rules_check(&judged, &when, &which) == REASON_NONE;
	bool all_good = rules_explain(&judged, tell, &failed) == REASON_NONE;
	if (good != all_good || good != (failed == 0) || (good && when.from >= when.until))
		abort();
	json_object_foreach ((json_t *)claims, name, v) {
		ptrdiff_t n = claim_text_len(v);
		char *text = n < 0 ? NULL : malloc((size_t)n + 1);
		if (text)
			claim_text_write(v, text);
		free(text);
		(void)claim_find(claims, (sluice_str){ name, strlen(name) });
	}
}

static void read_token(sluice_str text)
{
	struct token t;
	json_t *claims;
	if (token_open(&t, text) != JOSE_OK || token_read_claims(&t, &claims) != JOSE_OK)
		return;
	(void)rules_accept_type(conf, &t);
	check_claims(claims);
	json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char mark[] = "json\n";
	const size_t n = sizeof mark - 1;
	prepare();
	const uint8_t *line =
		size > n && memcmp(data, mark, n) == 0 ? memchr(data + n, '\n', size - n) : NULL;
	if (!line) {
		read_token((sluice_str){ (const char *)data, size });
		return 0;
	}
	char *text = malloc(size * 2 + 32), *p = encode(text, data + n, (size_t)(line - data) - n);
	*p++ = '.';
	p = encode(p, line + 1, (size_t)(data + size - line - 1));
	memcpy(p, ".AAAA", 5);
	read_token((sluice_str){ text, (size_t)(p + 5 - text) });
	free(text);
	return 0;
}
