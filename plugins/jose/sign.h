/*
 * Signing JWTs with a private key of our own (RFC 7515 5.1): assertions by which we say who we are
 * (RFC 7523). A signer is immutable, and any thread may use it.
 */
#ifndef JOSE_SIGN_H
#define JOSE_SIGN_H

#include "alg.h"

struct signer;

/* A private key in PEM, without a passphrase. RSA (2048 bits at least), a curve of RFC 7518, or
 * Ed25519/Ed448. alg: the algorithm, which the key has to fit; NULL: the usual one of the key,
 * RS256 or the one of its curve. kid: goes into headers; empty: none. NULL, and why says so. */
struct signer *signer_new(sluice_str pem, const enum alg *alg, sluice_str kid, char *why,
	size_t why_size);
void signer_free(struct signer *s); /* NULL is allowed */
enum alg signer_alg(const struct signer *s);

/* The compact form of a JWT with these claims, a JSON object. The caller frees it. NULL: there is
 * no memory, or OpenSSL refuses. */
char *signer_sign(const struct signer *s, sluice_str claims, size_t *len);

/* base64url without padding (RFC 7515 2). Writes B64URL_LEN(n) characters, returns their end. */
#define B64URL_LEN(n) (((n)*4 + 2) / 3)
char *b64url_encode(char *out, const void *bytes, size_t n);

#endif
