/*
 * Algorithms and keys of signatures (RFC 9421 3.3). Each is the same computation as one of RFC 7518
 * or RFC 8037, so the keys are those of plugins/jose. A key is bound to one algorithm (RFC 9421
 * 7.3.6). Any thread.
 */
#ifndef HTTPSIG_SIG_KEY_H
#define HTTPSIG_SIG_KEY_H

#include "../jose/verify.h"

enum sig_alg {
	SIG_HMAC_SHA256,
	SIG_RSA_PSS_SHA512,
	SIG_RSA_V1_5_SHA256,
	SIG_ECDSA_P256_SHA256,
	SIG_ECDSA_P384_SHA384,
	SIG_ED25519,
	SIG_ALGS
};

/* Their names, NULL at the end: the choices of options. */
extern const char *const sig_alg_names[SIG_ALGS + 1];
enum alg sig_alg_jose(enum sig_alg alg);
/* SIG_ALGS: there is none of that name. */
enum sig_alg sig_alg_find(sluice_str name);

/*
 * Read a key, and bind it to its algorithm. *alg: the algorithm that it has to fit; SIG_ALGS: the
 * usual one of its kind (of RSA rsa-pss-sha512), which it then is. NULL, or the rest of a sentence
 * that never shows what was read; *key is then empty.
 *
 * A shared secret: a text of 32 bytes at least, or "base64:" and the Base64 of as many.
 */
const char *sig_key_secret(struct key *key, sluice_str text, enum sig_alg *alg);
/* A public key in PEM, or a JWK. */
const char *sig_key_public(struct key *key, sluice_str text, enum sig_alg *alg);
/* The Base64 of a public key in DER: what stands between the lines of PEM. */
const char *sig_key_der(struct key *key, sluice_str base64, enum sig_alg *alg);

/* Verify with the key of that keyid in the set, whose keys each have one name and one algorithm. */
enum jose_result sig_verify(struct verifier *v, const struct keyset *set, const struct key *key,
	sluice_str base, sluice_str signature);

#endif
