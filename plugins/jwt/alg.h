/*
 * The signature algorithms of RFC 7518 and RFC 8037 that a key of a key set can verify. There are no shared secrets among
 * them: a public key that were taken for an HMAC secret would let anybody sign.
 */
#ifndef JWT_ALG_H
#define JWT_ALG_H

#include <sluice/plugin.h>

enum alg {
	ALG_RS256,
	ALG_RS384,
	ALG_RS512,
	ALG_PS256,
	ALG_PS384,
	ALG_PS512,
	ALG_ES256,
	ALG_ES384,
	ALG_ES512,
	ALG_EDDSA, /* Ed25519 */
	ALG_COUNT
};

enum key_type { KEY_RSA, KEY_EC, KEY_ED25519 };

enum digest { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_COUNT, DIGEST_NONE = DIGEST_COUNT };

struct alg_info {
	enum key_type type;
	enum digest digest;
	bool pss;
	const char *
		curve; /* `crv` of the one curve it goes with, which is OpenSSL's name for it too; NULL for RSA */
	size_t coordinate; /* bytes of a coordinate, and of half a signature; EC alone */
};

#define ALG_BIT(alg) (UINT32_C(1) << (alg))

/* Their names in order, NULL at the end: the choices of the option. */
extern const char *const alg_names[ALG_COUNT + 1];

const struct alg_info *alg_info(enum alg alg);
/* By its exact name, as case matters in `alg`; false when it is none of ours, `none` and HS256 included. */
bool alg_find(sluice_str name, enum alg *out);

#endif
