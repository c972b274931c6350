/*
 * Servers that stand still. A server that lets a request wait for its first byte for much longer
 * than usual, while nothing at all comes from it by any connection, is suspect: new requests go to
 * others while there are some, so that one server that hangs costs each of its clients no more
 * than the one request that found out. It has not failed, and is UP again when anything is heard.
 *
 * No request has a timer for this. Each endpoint has one, which is armed when it is chosen and
 * looks at its connections as long as there are requests. Its worker's thread only.
 */
#ifndef UPSTREAM_STALL_H
#define UPSTREAM_STALL_H

#include "upstream/endpoint.h"

void stall_begin(struct endpoint *e);
/* It has been chosen for a request. */
static inline void stall_watch(struct endpoint *e)
{
	if (unlikely(e->stall.due_ns == TIMER_NEVER) && e->bounds.health.stall)
		stall_begin(e);
}

#endif
