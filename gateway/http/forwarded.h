/*
 * For whom a request was made, as trusted proxies tell it in X-Forwarded-For or Forwarded (RFC
 * 7239). Every proxy on the way adds at the end who it was that asked it; so the list is read from
 * its end, for as long as it is a trusted proxy that was written down, and the client is the first
 * that is not. What stands before that is the client's own invention. No I/O.
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "http/handler.h"

struct forwarded {
	/* with its port, where that was told; len 0: not told, so the peer is the client */
	struct addr client;
	sluice_str scheme; /* by which the client asked: http or https; empty: not told */
	/* Forwarded: the host it asked for, as written, without quotes; empty: not told */
	sluice_str host;
};

/* What f says, for a request from a peer that is one of trust->proxies. Strings are borrowed from
 * f, or constant. */
void forwarded_read(const struct fields *f, const struct client_trust *trust,
	struct forwarded *out);

#endif
