/*
 * Shared secrets: the keys of HS256, HS384 and HS512 (RFC 7518 3.2). The operator writes them down
 * as secrets; nothing that was fetched becomes one. Any thread.
 */
#ifndef JOSE_SECRET_H
#define JOSE_SECRET_H

#include "keys.h"

enum { SECRET_MIN = 32, SECRET_MAX = 4096 }; /* bytes of a secret */

enum secret_form {
	SECRET_PLAIN,     /* the bytes of the text are the key; one newline at its end is not */
	SECRET_BASE64URL, /* the text is base64url, with or without padding, of the key */
	SECRET_JWKS       /* a key set (RFC 7517), all of whose keys are of the type `oct` */
};

/*
 * Read a text that the operator wrote as a secret. A plain secret has no name: it is tried whatever
 * `kid` a token names. A secret is bound to the algorithms whose digest is not longer than it (RFC
 * 7518 3.2), and to its own `alg` where a key set gives one. Refused: what is too short, and what
 * others may know, such as a public key or a certificate. The caller has the only reference. NULL,
 * and why says why; it never shows what was read.
 */
struct keyset *secret_read(enum secret_form form, sluice_str text, char *why, size_t why_size);

#endif
