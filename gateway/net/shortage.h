/*
 * What the system says when the gateway or its machine has run short. Such a failure is no server's
 * fault: it is answered with 503 and a code of its own, and nobody is blamed or left alone for it.
 * Worker's thread.
 */
#ifndef NET_SHORTAGE_H
#define NET_SHORTAGE_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/err.h"

/* The enum err of a connection that could not be begun or made, for this errno: ERR_NO_DESCRIPTORS,
 * ERR_NO_LOCAL_PORT, ERR_CONNECT_FORBIDDEN where it is ours, ERR_CONNECT_FAILED where it is the
 * server's or the network's. */
int shortage_of(int error);
/* Whether an enum err is one of the first three. */
bool shortage_is(int err);
/* The same as shortage_of(), and what is ours is counted and logged; the log gets a line of each
 * kind every ten seconds. */
int shortage_tell(int error, const struct addr *to, uint64_t now_ns);

#endif
