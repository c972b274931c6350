/*
 * Encrypted tokens. The input is a token; or, when its first byte is below 4, one that is encrypted
 * by the right key under the header that follows, so that the header is reached; else private keys,
 * when it is 4.
 */
#include <stdlib.h>
#include <string.h>

#include "jwe.h"
#include "mint_jwe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwe_keys *own_keys(void)
{
	char why[320];
	const char *text = mint_jwks(mint_private_jwk(MINT_RSA, "a", NULL),
		mint_private_jwk(MINT_P256, "b", NULL), NULL);
	struct jwe_keys *keys = jwe_keys_read((sluice_str){ text, strlen(text) }, why, sizeof why);
	if (!keys)
		abort();
	return keys;
}

static void open_token(const struct jwe_keys *keys, const char *text, size_t len)
{
	char *copy = malloc(len + 1), *out = malloc(len + 1);
	size_t n;
	if (!copy || !out)
		abort();
	memcpy(copy, text, len);
	if (jwe_open(keys, (sluice_str){ copy, len }, out, &n) == JOSE_OK && n > len)
		abort();
	free(copy);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		enum mint_kind kind;
		const char *alg, *enc;
	} ways[4] = { { MINT_RSA, "RSA-OAEP-256", "A256GCM" }, { MINT_RSA, "RSA-OAEP", "A128GCM" },
		{ MINT_P256, "ECDH-ES", "A256GCM" }, { MINT_P256, "ECDH-ES", "A128GCM" } };
	static struct jwe_keys *keys;
	static unsigned n;
	char why[320];
	if (n++ % 16384 == 0) {
		jwe_keys_free(&keys);
		mint_fini(); /* what it keeps would pile up */
		keys = own_keys();
	}
	if (size == 0)
		return 0;
	const char *rest = (const char *)data + 1;
	if (data[0] < 4) {
		const char *header = mint_text("%.*s", (int)size - 1, rest);
		const char *token = mint_jwe_with(ways[data[0]].kind, ways[data[0]].alg,
			ways[data[0]].enc, header, "x.y.z");
		open_token(keys, token, strlen(token));
	} else if (data[0] == 4) {
		struct jwe_keys *read =
			jwe_keys_read((sluice_str){ rest, size - 1 }, why, sizeof why);
		jwe_keys_free(&read);
	} else {
		open_token(keys, (const char *)data, size);
	}
	return 0;
}
