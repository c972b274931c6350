/*
 * Token exchange (RFC 8693): the token by which a client was admitted becomes one for the upstream.
 * Tokens are kept for all workers, by the SHA-256 of the client's token; requests with a token that
 * is being exchanged wait for that one exchange.
 */
#ifndef UPSTREAM_TOKEN_SUBJECT_H
#define UPSTREAM_TOKEN_SUBJECT_H

#include "../shared/flight.h"
#include "conf.h"

enum { SUBJECT_IDENTITY = 8, SUBJECT_KEY = 40 }; /* whose token it is, and the digest */

/* A request, a part of its state. Zeroed before. */
struct subject {
	sluice_str token; /* borrowed from the request */
	struct flight flight;
	struct waiter waiter;
	sluice_object *object; /* a reference, for value; NULL: value lies elsewhere */
	sluice_str value;      /* of the field; data NULL: the request goes without a token */
	uint64_t since_ns;     /* since when it waits for the endpoint; 0: it has not waited */
	uint64_t asked_ns;
	unsigned tries;            /* times that it looked for a token */
	_Atomic unsigned *pending; /* it has an exchange under way, which counts there */
	bool repeats;              /* it has lost its connection, and asks once more */
	enum subject_state { SUBJECT_NONE, SUBJECT_BEGUN, SUBJECT_DROPPED } state;
	char key[SUBJECT_KEY];
};

extern const sluice_option subject_options[];

/* Main thread. In check(), after the identity is known: 0, or -1 with errors reported.
 * subject_stop() in both cases. */
int subject_check(sluice_instance *inst, struct token_conf *conf);
void subject_stop(struct token_conf *conf);

/* Worker, in on_request: find the token for the upstream, perhaps after a wait. */
sluice_verdict subject_run(sluice_exchange *x, const void *conf);
/* Worker, later: what the request is sent with. NULL: no memory. */
const struct subject *subject_of(sluice_exchange *x);
/* Worker: the client's own token is taken off what goes to the upstream, in on_attempt. */
void subject_remove(sluice_exchange *x, const struct token_conf *conf);
/* Worker: the upstream has answered 401 to the token, which is forgotten unless it is new. */
void subject_doubt(sluice_exchange *x, const struct token_conf *conf);

#endif
