/*
 * The signature algorithms of RFC 7518, RFC 8037 and RFC 9864. Those with HMAC go with a shared
 * secret, which only the operator can write down (see secret.h): if a public key were used as an
 * HMAC secret, anybody could sign.
 */
#ifndef JOSE_ALG_H
#define JOSE_ALG_H

#include <sluice/str.h>

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
	/* the older name of the two that follow; the key's curve decides between them (RFC 9864
	 * 2.2) */
	ALG_EDDSA,
	ALG_ED25519,
	ALG_ED448,
	ALG_HS256,
	ALG_HS384,
	ALG_HS512,
	ALG_COUNT,
	ALG_N_PUBLIC = ALG_HS256, /* those before it verify with a public key */
};

enum key_type { KEY_RSA, KEY_EC, KEY_ED25519, KEY_ED448, KEY_SECRET };

enum digest {
	DIGEST_SHA256,
	DIGEST_SHA384,
	DIGEST_SHA512,
	DIGEST_COUNT,
	DIGEST_NONE = DIGEST_COUNT
};

struct alg_info {
	enum key_type type;
	enum digest digest;
	bool pss;
	const char *
		/* `crv` of the one curve it goes with, which is OpenSSL's name for it too; NULL for
		   RSA and HMAC */
		curve;
	/* bytes of a coordinate, and of half a signature; of the public key of Ed25519 and Ed448; 0
	 * for RSA */
	size_t coordinate;
	size_t signature; /* bytes of a signature; Ed25519, Ed448 and HMAC alone */
};

#define ALG_BIT(alg) (UINT32_C(1) << (alg))
/* the sets of algorithms with a public key, and of those with a shared secret */
#define ALG_PUBLIC (ALG_BIT(ALG_N_PUBLIC) - 1)
#define ALG_SECRET (ALG_BIT(ALG_HS256) | ALG_BIT(ALG_HS384) | ALG_BIT(ALG_HS512))

/* A set of ALG_BIT()s with EdDSA replaced by the two algorithms that it stands for, so that sets of
 * keys and options can be compared. */
static inline uint32_t alg_exact(uint64_t algs)
{
	uint64_t both = ALG_BIT(ALG_ED25519) | ALG_BIT(ALG_ED448);
	return (uint32_t)(algs & ALG_BIT(ALG_EDDSA) ? (algs & ~(uint64_t)ALG_BIT(ALG_EDDSA)) | both
						    : algs);
}

/* Their names in order, NULL at the end: the choices of options. The second has those with a public
 * key alone. */
extern const char *const alg_names[ALG_COUNT + 1];
extern const char *const alg_public_names[ALG_N_PUBLIC + 1];

const struct alg_info *alg_info(enum alg alg);
/* The algorithm of that exact name; case matters in `alg`. False for unknown ones and for
 * `none`. */
bool alg_find(sluice_str name, enum alg *out);

#endif
