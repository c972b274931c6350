/* What each signature algorithm goes with. */
#include "alg.h"

/* clang-format off */
#define PUBLIC_NAMES \
	[ALG_RS256] = "RS256", [ALG_RS384] = "RS384", [ALG_RS512] = "RS512", \
	[ALG_PS256] = "PS256", [ALG_PS384] = "PS384", [ALG_PS512] = "PS512", \
	[ALG_ES256] = "ES256", [ALG_ES384] = "ES384", [ALG_ES512] = "ES512", \
	[ALG_EDDSA] = "EdDSA", [ALG_ED25519] = "Ed25519", [ALG_ED448] = "Ed448"
/* clang-format on */

const char *const alg_names[ALG_COUNT + 1] = {
	PUBLIC_NAMES,
	[ALG_HS256] = "HS256",
	[ALG_HS384] = "HS384",
	[ALG_HS512] = "HS512",
};

const char *const alg_public_names[ALG_N_PUBLIC + 1] = { PUBLIC_NAMES };

static const struct alg_info infos[ALG_COUNT] = {
	[ALG_RS256] = { .type = KEY_RSA, .digest = DIGEST_SHA256 },
	[ALG_RS384] = { .type = KEY_RSA, .digest = DIGEST_SHA384 },
	[ALG_RS512] = { .type = KEY_RSA, .digest = DIGEST_SHA512 },
	[ALG_PS256] = { .type = KEY_RSA, .digest = DIGEST_SHA256, .pss = true },
	[ALG_PS384] = { .type = KEY_RSA, .digest = DIGEST_SHA384, .pss = true },
	[ALG_PS512] = { .type = KEY_RSA, .digest = DIGEST_SHA512, .pss = true },
	[ALG_ES256] = { KEY_EC, DIGEST_SHA256, false, "P-256", 32, 0 },
	[ALG_ES384] = { KEY_EC, DIGEST_SHA384, false, "P-384", 48, 0 },
	[ALG_ES512] = { KEY_EC, DIGEST_SHA512, false, "P-521", 66, 0 },
	/* never asked: see alg_exact() */
	[ALG_EDDSA] = { KEY_ED25519, DIGEST_NONE, false, NULL, 0, 0 },
	[ALG_ED25519] = { KEY_ED25519, DIGEST_NONE, false, "Ed25519", 32, 64 },
	[ALG_ED448] = { KEY_ED448, DIGEST_NONE, false, "Ed448", 57, 114 },
	[ALG_HS256] = { .type = KEY_SECRET, .digest = DIGEST_SHA256, .signature = 32 },
	[ALG_HS384] = { .type = KEY_SECRET, .digest = DIGEST_SHA384, .signature = 48 },
	[ALG_HS512] = { .type = KEY_SECRET, .digest = DIGEST_SHA512, .signature = 64 },
};

const struct alg_info *alg_info(enum alg alg)
{
	return &infos[alg];
}

bool alg_find(sluice_str name, enum alg *out)
{
	for (size_t i = 0; i < ALG_COUNT; i++) {
		if (sluice_str_is(name, alg_names[i])) {
			*out = (enum alg)i;
			return true;
		}
	}
	return false;
}
