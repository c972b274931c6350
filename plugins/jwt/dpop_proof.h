/* A proof of DPoP: the checks of RFC 9449 4.3 that need no store. Any thread that has a verifier.
 */
#ifndef JWT_DPOP_PROOF_H
#define JWT_DPOP_PROOF_H

#include "dpop_binding.h"
#include "dpop_conf.h"
#include "dpop_uri.h"
#include "reason.h"

enum { PROOF_MAX = 8192, PROOF_ID = SEEN_ID, PROOF_MAX_JTI = 512 };

struct dpop_ask {
	struct dpop_target target;
	sluice_str method;
	uint64_t algorithms; /* ALG_BIT()s */
	/* ms since 1970: proofs made from then on, and not after that */
	uint64_t from_ms, until_ms;
	struct dpop_binding *binding;
};

struct dpop_proof {
	uint8_t id[PROOF_ID]; /* by which it is known again: of its key and `jti` */
	uint64_t iat_ms;
	json_t *claims;   /* owned: proof_fini() */
	sluice_str nonce; /* borrowed from claims; data NULL: none */
};

/* Check the proof. REASON_NONE: it is good but for its nonce, and for whether it came before. Call
 * proof_fini() in any case. */
enum reason dpop_proof_check(struct verifier *v, const struct dpop_ask *ask, sluice_str text,
	struct dpop_proof *out);
void dpop_proof_fini(struct dpop_proof *p);

#endif
