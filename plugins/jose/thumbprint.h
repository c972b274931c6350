/* Thumbprints of public keys (RFC 7638, and RFC 8037 2 for OKP). Any thread. */
#ifndef JOSE_THUMBPRINT_H
#define JOSE_THUMBPRINT_H

#include <jansson.h>
#include <sluice/str.h>

enum { THUMBPRINT_LEN = 32, THUMBPRINT_TEXT = 43 }; /* bytes, and as base64url */

/* The SHA-256 thumbprint of a JWK that key_read() has taken: what it says is base64url and known
 * names, so that its members need no escapes. False: it is no such key. */
bool thumbprint_of(const json_t *jwk, uint8_t out[static THUMBPRINT_LEN]);
/* Read a thumbprint as it stands in `jkt` (RFC 9449 6.1). */
bool thumbprint_read(sluice_str text, uint8_t out[static THUMBPRINT_LEN]);

#endif
