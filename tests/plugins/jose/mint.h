/* Keys, key sets and tokens for the tests of the plugin jwt: an issuer that also signs what it
 * should not. */
#ifndef TESTS_PLUGINS_JWT_MINT_H
#define TESTS_PLUGINS_JWT_MINT_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

enum mint_kind {
	MINT_RSA,
	MINT_RSA_OTHER,
	MINT_RSA_1024,
	MINT_RSA_3072,
	MINT_P256,
	MINT_P384,
	MINT_P521,
	MINT_ED25519,
	MINT_ED448,
	MINT_KINDS,
};

/* A key of that kind, made once. mint_fini() frees them all, and all strings that were returned. */
EVP_PKEY *mint_key(enum mint_kind kind);
void mint_fini(void);

/* printf into memory that lives until mint_fini(). */
char *mint_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mint_b64(const void *data, size_t n);

/* A JWK; kid NULL: none; extra: more members, such as "\"alg\":\"RS256\"", or NULL. */
char *mint_jwk(enum mint_kind kind, const char *kid, const char *extra);
/* A key set of the JWKs up to NULL. */
char *mint_jwks(const char *jwk, ...) __attribute__((sentinel));

/* Sign header and claims, given as JSON texts, by that algorithm of RFC 7518; HS256 takes the
 * public key's PEM as its secret, none signs with nothing. */
char *mint_token(enum mint_kind kind, const char *alg, const char *header, const char *claims);
/* The same with a shared secret: HS256, HS384 or HS512. */
char *mint_secret_token(const char *secret, size_t len, const char *alg, const char *header,
	const char *claims);
/* The public key in PEM. */
char *mint_pem(enum mint_kind kind);
/* The usual header with alg and kid (NULL: none). */
char *mint(enum mint_kind kind, const char *alg, const char *kid, const char *claims);
/* Any three parts, the third being base64url already. */
char *mint_parts(const char *header, const char *claims, const char *signature);

#endif
