/* Finding the signature of a request by which it may be admitted, and verifying it. Worker. */
#ifndef PLUGINS_HMAC_AUTH_CHECK_H
#define PLUGINS_HMAC_AUTH_CHECK_H

#include "answer.h"

enum { CHECK_TRIES = 4 }; /* signatures of a request whose keys are known that are verified */

/* A signature that is right. */
struct checked {
	struct entry who;    /* borrowed from what is published */
	sluice_str keyid;    /* borrowed from the request, or from the worker's memory */
	uint64_t ttl_ms;     /* for how long its like would be accepted */
	bool covers_digest;  /* Content-Digest */
	bool has_guessed;    /* of those that were looked at before, one was a guess at a key */
	bool is_good_once;   /* it has to be noted */
	uint8_t id[SEEN_ID]; /* by which it is known again, if so */
	uint8_t print[SIGNER_PRINT]; /* of its key */
};

/* *out is zeroed before. REASON_NONE: one of the signatures is right. Whether it was used before,
 * and what the body is, are left to be looked at. Otherwise has_guessed alone is of use. */
enum reason check_request(sluice_exchange *x, const struct hmac_auth *h, struct checked *out);

#endif
