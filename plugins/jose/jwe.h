/*
 * Encrypted tokens in the JWE compact form (RFC 7516 7.1), with another token inside. The key of
 * the content comes by RSA-OAEP, RSA-OAEP-256 or ECDH-ES; the content is of A128GCM or A256GCM.
 * There is no compression, no password, no RSA of PKCS #1 1.5 and no AES in CBC.
 */
#ifndef JOSE_JWE_H
#define JOSE_JWE_H

#include "jwe_keys.h"
#include "result.h"

/* Whether a text has the five parts of a JWE. */
bool jwe_is_one(sluice_str text);

/*
 * Decrypt text; what is inside is written to out, which has room for text.len bytes. Whatever is
 * wrong with it, the result is JOSE_DECRYPTION: its sender cannot tell a bad key from a bad content
 * (RFC 7516 11.5). What is inside is not verified: the keys by which it was encrypted are public.
 */
enum jose_result jwe_open(const struct jwe_keys *keys, sluice_str text, char *out, size_t *n);

#endif
