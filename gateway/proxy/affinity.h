/* What of a request decides which server gets it: the key of a consistent hash, and the cookie by
 * which a client stays with a server. Only for upstreams that have one of them. */
#ifndef PROXY_AFFINITY_H
#define PROXY_AFFINITY_H

#include "proxy/exchange.h"

/* Before a server is chosen: reads what decides into x->call, and takes the cookie out of the
 * request, which the server has no use for. Nothing, of an upstream without a key and a cookie.
 * ERR_NO_MEMORY. */
must_use int affinity_request(struct exchange *x, const struct snapshot_upstream *u);
/* Before the head of a response goes to the client: gives it a cookie, unless it has the one of the
 * server that answered. It goes without one where there is no memory left. */
void affinity_response(struct exchange *x);

#endif
