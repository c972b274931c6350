/*
 * Opaque tokens: the authorization server is asked what a token is (RFC 7662). Its answers are
 * remembered for all workers, by the SHA-256 of the token; requests with a token that is being
 * asked for wait for that one answer.
 */
#ifndef JWT_INTROSPECT_H
#define JWT_INTROSPECT_H

#include <sluice/plugin.h>
#include <stdatomic.h>

#include "conf.h"
#include "../shared/flight.h"

enum { INTROSPECT_KEY = 40 }; /* the identity of who is asked, and the digest of the token */

/* A request that needs an answer, a part of its state. Zeroed before. */
struct inquiry {
	sluice_str token; /* borrowed from the request */
	uint64_t hash;
	struct flight flight;
	struct waiter waiter;
	unsigned tries;            /* times that it looked for an answer */
	sluice_str body;           /* of the answer, while it waits for keys; data NULL: none */
	bool repeats;              /* it has lost its connection, and asks once more */
	_Atomic unsigned *pending; /* it has a question under way, which counts there */
	enum inquiry_state { INQUIRY_NONE, INQUIRY_BEGUN, INQUIRY_DROPPED } state;
	char key[INTROSPECT_KEY];
};

/* Whether a server is to be asked about that token. */
bool introspect_wants(const struct jwt_conf *conf, sluice_str token);
/* Judge the request by what the server says. q: of the exchange's state. */
sluice_verdict introspect_judge(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q);

#endif
