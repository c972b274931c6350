/* Waiting for keys: of a request whose token, or the answer about it, the keys of its issuer do not
 * verify. */
#ifndef JWT_KEY_WAIT_H
#define JWT_KEY_WAIT_H

#include <sluice/plugin.h>

#include "conf.h"

struct issuer;

/* A part of the request's state. Zeroed before. */
struct key_wait {
	uint64_t since_ns;   /* when it began to wait; 0: it did not */
	uint64_t generation; /* of the keys that did not verify the token; 0: there were none */
	enum reason why;     /* why they did not */
};

/* What is missing. */
struct key_lack {
	struct issuer *issuer;
	const struct issuer_keys *seen; /* as they are published */
	enum reason why;
};

/* Whether newer keys might verify what these did not verify for that reason. */
bool key_wait_might_help(enum reason why);
/* How many ms the request is to wait for newer keys, by sluice_await_publish(); asks for a fetch
 * where that is permitted. 0: none will come in time, or key_wait is over. */
uint64_t key_wait_left(sluice_exchange *x, const struct jwt_conf *conf, struct key_wait *p,
	const struct key_lack *lack);

#endif
