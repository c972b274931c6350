/*
 * The client of a request, as trusted proxies report it in X-Forwarded-For or Forwarded (RFC 7239).
 * Every proxy appends the address of its peer. So the list is read from its end: trusted proxies
 * are skipped, and the first other address is the client. Earlier entries come from the client and
 * cannot be trusted. No I/O.
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

/* Read f, for a request from a peer that is one of trust->proxies. Strings are borrowed from f, or
 * constant. */
void forwarded_read(const struct fields *f, const struct client_trust *trust,
	struct forwarded *out);

#endif
