/* The key that a token is bound to (RFC 9449 6.1), and the proofs' word for the token. */
#ifndef JWT_DPOP_BINDING_H
#define JWT_DPOP_BINDING_H

#include "../jose/embedded.h"

enum { ATH_LEN = 43 };

/* One thread. */
struct dpop_binding {
	uint8_t jkt[THUMBPRINT_LEN];
	char ath[ATH_LEN];    /* what a proof says of the token */
	struct lone_key *key; /* owned; NULL: no proof was good yet */
};

/* *out: what the claims say; NULL: the token is bound to no key. False: the claim `cnf` is
 * malformed, or there is no memory. */
bool dpop_binding_of(const json_t *claims, sluice_str token, struct dpop_binding **out);
void dpop_binding_free(struct dpop_binding **binding);

#endif
