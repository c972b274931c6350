/* What a request remembers while it waits. Zeroed at first, and there for requests alone whose
 * token is not in the cache, or needs a proof. */
#ifndef JWT_STATE_H
#define JWT_STATE_H

#include "introspect.h"
#include "key_wait.h"

struct request_state {
	struct key_wait keys;
	struct inquiry inquiry;
	/* borrowed, as long as the exchange: while a store is asked of a proof, or the deny list
	 * was not read yet */
	struct entry *entry;
	uint64_t list_since_ns; /* when it began to wait for that list; 0: it did not */
};

static inline struct request_state *request_state(sluice_exchange *x)
{
	return sluice_state(x, sizeof(struct request_state));
}

#endif
