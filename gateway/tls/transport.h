/*
 * The TLS transport of streams, for both sides. A stream gets it with the state made by
 * tls_server_start() or tls_client_start():
 *
 *     stream_init(s, worker, fd, &transport_tls, tls_server_start(server, worker->id), &user, data)
 *
 * The stream then owns that state, even when stream_init() or stream_connect() fail. on_readable
 * comes after the handshake; on_fail(s, -1) when it failed, and tls_error_text() of tls/info.h says
 * why.
 *
 * A connection may become readable without data for its owner, as for session tickets and key
 * updates. Thread of its worker.
 */
#ifndef TLS_TRANSPORT_H
#define TLS_TRANSPORT_H

#include "net/stream.h"

extern const struct transport transport_tls;

/* Frees the transport's memory of the calling thread, at its end. */
void tls_thread_fini(void);

#endif
