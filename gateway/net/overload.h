/*
 * When to refuse new work: the decision alone, without measuring and without acting. Two marks for
 * each resource: from the first on new requests are refused, from the second on new connections
 * wait too. A level ends a sixteenth below the mark where it began, so that it does not come and go
 * with every request. No thread, no clock.
 */
#ifndef NET_OVERLOAD_H
#define NET_OVERLOAD_H

#include <stdint.h>

enum overload_level {
	OVERLOAD_NONE,
	OVERLOAD_REQUESTS,    /* new requests are refused */
	OVERLOAD_CONNECTIONS, /* and new connections wait in the system's queues */
};

/* Where the first mark is: a share of what there is, or an amount. Neither: the resource is not
 * watched. */
struct overload_mark {
	uint64_t percent; /* 1 to 100 */
	uint64_t amount;  /* where percent is 0 */
};

/* The level of one resource. before: its level until now. limit: all there is; 0: not known. The
 * second mark lies halfway between the first and all there is; or, where that is not known or less
 * than the first, an eighth above it. */
enum overload_level overload_level(enum overload_level before, uint64_t used, uint64_t limit,
	const struct overload_mark *mark);
/* The first mark in the resource's own unit; 0: it is not watched. */
uint64_t overload_first(uint64_t limit, const struct overload_mark *mark);

#endif
