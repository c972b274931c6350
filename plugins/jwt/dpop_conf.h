/* The options of DPoP, and what check() derives from them. */
#ifndef JWT_DPOP_CONF_H
#define JWT_DPOP_CONF_H

#include "../shared/seen.h"

enum dpop_mode { DPOP_OFF, DPOP_ACCEPT, DPOP_REQUIRE };
enum dpop_failure { DPOP_FAILURE_DENY, DPOP_FAILURE_ALLOW };
enum { DPOP_SECRET = 32 };

struct dpop_conf {
	int32_t mode;         /* enum dpop_mode */
	uint64_t window;      /* ms */
	uint64_t algorithms;  /* ALG_BIT()s */
	sluice_str origin;    /* empty: what the request says */
	bool nonce;           /* whether proofs need one */
	sluice_str nonce_key; /* empty: one of this process */
	const sluice_store *store;
	int32_t on_store_failure; /* enum dpop_failure */
	uint64_t store_timeout;   /* ms */

	/* set by check() */
	sluice_str origin_scheme, origin_authority;
	struct seen_store seen;
	unsigned char secret[DPOP_SECRET]; /* of nonces */
};

#endif
