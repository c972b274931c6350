/*
 * Failures to connect because the gateway or its machine has run short. They are not the fault of a
 * server: the answer is 503 with a code of its own, and no server is ejected for it.
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
/* As shortage_of(); a shortage is also counted and logged, at most one line of a kind in ten
 * seconds. */
int shortage_tell(int error, const struct addr *to, uint64_t now_ns);

#endif
