/* Encrypted tokens, and private keys, for the tests of what decrypts them. */
#ifndef TESTS_PLUGINS_JOSE_MINT_JWE_H
#define TESTS_PLUGINS_JOSE_MINT_JWE_H

#include "mint.h"

/* Encrypt text for the key of that kind: alg RSA-OAEP, RSA-OAEP-256 or ECDH-ES (by a new key of the
 * same curve); enc A128GCM or A256GCM. more: further members of the header, such as
 * ",\"kid\":\"a\"", or NULL. header: the whole header in the place of the usual one, or NULL. */
char *mint_jwe(enum mint_kind kind, const char *alg, const char *enc, const char *more,
	const char *text);
char *mint_jwe_with(enum mint_kind kind, const char *alg, const char *enc, const char *header,
	const char *text);

/* A JWK with its private members, RSA or EC; kid and extra as for mint_jwk(). */
char *mint_private_jwk(enum mint_kind kind, const char *kid, const char *extra);
char *mint_private_pem(enum mint_kind kind);

#endif
