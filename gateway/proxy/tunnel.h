/*
 * The way of both lanes after a 101: two streams of bytes that know nothing of messages (RFC 9110
 * 7.8). Each side may end its own; the exchange ends when both have, when one fails, or when
 * neither says anything for `timeouts.tunnel`.
 */
#ifndef PROXY_TUNNEL_H
#define PROXY_TUNNEL_H

#include "proxy/lane.h"

struct proxy;
struct tunnel;

/* The 101 goes to the client, and bytes flow. ERR_NO_MEMORY: nothing happened. */
must_use int tunnel_begin(struct exchange *x);
/* The client has all that it was told. */
void tunnel_client_sent(struct exchange *x);
/* The client has half-closed and received everything: its disconnect is expected, and what it said
 * last still has to arrive. */
bool tunnel_client_is_through(const struct exchange *x);
/* At the end of its exchange. */
void tunnel_fini(struct tunnel *u);
/* The gateway stops: say goodbye on every tunnel whose protocol has a word for it. */
void tunnels_drain(struct proxy *p);

#endif
