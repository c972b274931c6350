/*
 * A transport that stands before another one until an HTTP proxy has made a tunnel (CONNECT,
 * RFC 9110 9.3.6): it sends the request, reads the proxy's answer, and hands the stream over:
 *
 *     state = tunnel_new(request, &transport_tls, tls_client_start(...));
 *     stream_connect(s, worker, proxy_address, &transport_tunnel, state, &user, data)
 *
 * The stream owns the state, and with it the state of the transport behind. on_open comes when that
 * one is open. The answer comes from the network.
 */
#ifndef NET_TUNNEL_TRANSPORT_H
#define NET_TUNNEL_TRANSPORT_H

#include "net/stream.h"

enum { TUNNEL_ANSWER_MAX = 16 * 1024 }; /* bytes of the answer's head */

extern const struct transport transport_tunnel;

/* request: the head of a CONNECT, with its empty line; copied. */
must_use void *tunnel_new(sluice_str request, const struct transport *next, void *next_state);
/* In on_fail and on_timeout: why there is no tunnel, without a full stop; "" when the proxy is not
 * to blame. Valid until the stream is closed. */
const char *tunnel_why(const struct stream *s);

/* Read the head of an answer: its length with the empty line, and its status. 0: it is not whole
 * yet. -1: it is none of HTTP/1. No I/O; any thread. */
int tunnel_answer_read(sluice_str bytes, int *status);

#endif
