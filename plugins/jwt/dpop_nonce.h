/*
 * Nonces of DPoP (RFC 9449 8 and 9): each is good for a span of time, and made of that span's
 * number and a secret, so that nothing is stored, and gateways with the same secret know each
 * other's.
 */
#ifndef JWT_DPOP_NONCE_H
#define JWT_DPOP_NONCE_H

#include "dpop_conf.h"

enum { NONCE_LEN = 27 }; /* base64url of 4 bytes of number and 16 of a MAC */

/* Those that count at present, of one worker. Zeroed at first. */
struct dpop_nonces {
	uint64_t span;        /* number of the present one; 0: none was made */
	char v[3][NONCE_LEN]; /* of the span before it, of the present one, and the next */
};

enum nonce_age { NONCE_UNKNOWN, NONCE_OLD, NONCE_CURRENT };

/* Main thread, in check(): the secret of the option, or else one that this process draws. 0, or -1:
 * there is no randomness. */
int dpop_nonce_init(struct dpop_conf *conf);
/* Worker: whether proofs with the nonce are accepted; an old one shall be replaced. A gateway whose
 * clock is ahead may have given that of the next span. */
enum nonce_age dpop_nonce_judge(struct dpop_nonces *n, const struct dpop_conf *conf,
	uint64_t now_ms, sluice_str nonce);
/* Worker: the one to give to clients; borrowed from n until the next call. NULL data: no memory. */
sluice_str dpop_nonce_now(struct dpop_nonces *n, const struct dpop_conf *conf, uint64_t now_ms);

#endif
