/* The key set reader of the plugin jwt; each key that it takes is then used. */
#include <stdlib.h>

#include "keys.h"
#include "verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verifier v;
	static bool ready;
	char why[160];
	if (!ready && verifier_init(&v) < 0)
		abort();
	ready = true;
	struct keyset *set = keys_read((sluice_str){ (const char *)data, size }, why, sizeof why);
	if (!set)
		return 0;
	struct token t = { .signed_text = SLUICE_STR("a.b"),
		.claims_text = SLUICE_STR("e30"),
		.signature_len = 64 };
	for (unsigned alg = 0; alg < ALG_COUNT; alg++) {
		json_t *claims = NULL;
		t.header.alg = (enum alg)alg;
		if (verifier_read(&v, set, &t, UINT64_MAX, &claims) == JOSE_OK)
			abort(); /* a signature of zeros */
		json_decref(claims);
	}
	keys_unref(set);
	return 0;
}
