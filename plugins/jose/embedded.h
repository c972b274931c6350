/*
 * Tokens whose header brings the key that verifies them, in the member `jwk`: proofs that their
 * sender has the private key, such as those of DPoP (RFC 9449). Whose key it is they do not say:
 * compare the thumbprint. Tokens that an issuer signed are never read in this way.
 */
#ifndef JOSE_EMBEDDED_H
#define JOSE_EMBEDDED_H

#include "thumbprint.h"
#include "verify.h"

struct embedded {
	struct token token;
	json_t *header;                     /* owned */
	uint64_t allowed;                   /* algorithms */
	uint8_t thumbprint[THUMBPRINT_LEN]; /* of its `jwk` */
};

/*
 * Split text and read its header. JOSE_ALGORITHM: its algorithm is none of allowed, or one with a
 * secret. JOSE_KEY_ALGORITHM: `jwk` is missing, or is no public key of a kind that is known; one
 * with private members is refused, since its sender has given it away. Nothing is computed with the
 * key yet. Call embedded_fini() in any case.
 */
enum jose_result embedded_open(struct embedded *e, sluice_str text, uint64_t allowed);
/* Verify it with its own key. *key: a key that was prepared for the same thumbprint before, or
 * NULL; it is made, and given to the caller, when the signature is good. */
enum jose_result embedded_verify(struct embedded *e, struct verifier *v, struct lone_key **key);
void embedded_fini(struct embedded *e);

#endif
