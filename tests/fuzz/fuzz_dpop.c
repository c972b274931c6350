/*
 * Proofs of DPoP. The input is a line with the header and then the claims, as JSON; they are signed
 * by the key of the token where the first byte is even, so that the claims are reached. The key
 * that stands in the header is put there for @.
 */
#include <stdlib.h>
#include <string.h>

#include "dpop_proof.h"
#include "mint.h"
#include "strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bind(struct dpop_binding *b)
{
	const char *jwk = mint_jwk(MINT_P256, NULL, NULL);
	json_t *json = json_read_object(jwk, strlen(jwk), 8);
	if (!json || !thumbprint_of(json, b->jkt))
		abort();
	json_decref(json);
	memset(b->ath, 'A', ATH_LEN);
}

/* The text with the key in the place of each @. */
static const char *with_key(const char *text)
{
	char *out = mint_text("%s", "");
	for (const char *at; (at = strchr(text, '@')) && strlen(out) < 4096; text = at + 1)
		out = mint_text("%s%.*s%s", out, (int)(at - text), text,
			mint_jwk(MINT_P256, NULL, NULL));
	return mint_text("%s%s", out, text);
}

static void check(struct verifier *v, struct dpop_binding *b, sluice_str text)
{
	const struct dpop_ask ask = { .target = { SLUICE_STR("https"), SLUICE_STR("a.example"),
					      SLUICE_STR("/b") },
		.method = SLUICE_STR("GET"),
		.algorithms = ALG_BIT(ALG_ES256) | ALG_BIT(ALG_EDDSA),
		.from_ms = UINT64_C(1699999940000),
		.until_ms = UINT64_C(1700000005000),
		.binding = b };
	struct dpop_proof proof;
	enum reason why = dpop_proof_check(v, &ask, text, &proof);
	if (why == REASON_NONE && (proof.iat_ms < ask.from_ms || proof.iat_ms > ask.until_ms))
		abort();
	dpop_proof_fini(&proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verifier v;
	static struct dpop_binding binding;
	static unsigned n;
	if (!v.digest_ctx && verifier_init(&v) < 0)
		abort();
	if (n++ % 8192 == 0) {
		lone_key_free(&binding.key);
		mint_fini(); /* what it keeps would pile up */
		bind(&binding);
	}
	if (size == 0)
		return 0;
	char *text = mint_text("%.*s", (int)size - 1, (const char *)data + 1);
	char *line = strchr(text, '\n');
	if (line)
		*line = '\0';
	const char *header = with_key(text), *claims = line ? line + 1 : "";
	const char *token = data[0] & 1 ? mint_parts(header, claims, mint_b64(data, size % 80))
					: mint_token(MINT_P256, "ES256", header, claims);
	check(&v, &binding, sluice_str_of(token));
	check(&v, &binding, sluice_str_of(text));
	return 0;
}
