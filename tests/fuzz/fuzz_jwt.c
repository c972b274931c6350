/*
 * The token reader of the plugin jwt, and the checks of claims. The input is a token; or, when it
 * starts with a line `json`, a line with the header and then the claims, which are encoded here, as
 * a fuzzer hardly finds its way through base64.
 */
#include <stdlib.h>

#include "claims.h"
#include "rules.h"
#include "strict.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void check_claims(const json_t *claims)
{
	static const sluice_str list[] = { SLUICE_STR("a"), SLUICE_STR("b.c") };
	static const sluice_pair pairs[] = { { SLUICE_STR("a"), SLUICE_STR("b") } };
	const struct jwt_conf conf = { .audience = { list, 1 },
		.scopes = { list, 1 },
		.claims = { pairs, 1 },
		.required = { list, 2 },
		.leeway = 5000,
		.max_age = 1000 };
	struct validity when;
	sluice_str which;
	const char *name;
	json_t *v;
	(void)rules_check(&conf, SLUICE_STR("i"), claims, UINT64_C(1700000000000), &when, &which);
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
	check_claims(claims);
	json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char mark[] = "json\n";
	const size_t n = sizeof mark - 1;
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
