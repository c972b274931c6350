/*
 * Servers that stand still. A server that lets a request wait for its first byte for much longer
 * than usual, while nothing at all comes from it by any connection, is suspect: new requests go to
 * others while there are some, so that one server that hangs costs each of its clients no more
 * than the one request that found out. It has not failed, and is UP again when anything is heard.
 *
 * A request that is given up, for a time limit, a second server or a client that leaves, has waited
 * as well: what counts is for how long requests waited, one after the other, and nothing was heard.
 *
 * No request has a timer for this. Each endpoint has one, which is armed when it is chosen and
 * looks at its connections as long as there are requests. Its worker's thread only.
 */
#ifndef UPSTREAM_STALL_H
#define UPSTREAM_STALL_H

#include "upstream/endpoint.h"

struct link;

void stall_begin(struct endpoint *e);
/* A request on that connection is given up, by whomever, while nothing of its response came. */
void stall_given_up(struct link *l);
/* It has been chosen for a request. */
static inline void stall_watch(struct endpoint *e)
{
	if (unlikely(e->stall.due_ns == TIMER_NEVER) && e->bounds.health.stall)
		stall_begin(e);
}

#endif
