/*
 * TLS under a byte stream: the transport for both sides. A stream gets it with the state that
 * tls_server_start() or tls_client_start() made:
 *
 *     stream_init(s, worker, fd, &transport_tls, tls_server_start(server, worker->id), &user, data)
 *
 * The stream then owns that state, also when stream_init() or stream_connect() fail. on_readable
 * comes after the handshake; on_fail(s, -1) tells that it went wrong, and tls_error_text() of
 * tls/info.h why.
 *
 * A connection may become readable and have nothing for its owner: session tickets, key updates.
 * Thread of its worker.
 */
#ifndef TLS_TRANSPORT_H
#define TLS_TRANSPORT_H

#include "net/stream.h"

extern const struct transport transport_tls;

/* At a thread's end: free what the transport keeps for it. */
void tls_thread_fini(void);

#endif
