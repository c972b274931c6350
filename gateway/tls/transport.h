/*
 * TLS under a byte stream: the transport for both sides, and what it knows of a connection. A stream gets it with the
 * state that tls_server_start() or tls_client_start() made:
 *
 *     stream_init(s, worker, fd, &transport_tls, tls_server_start(server, worker->id), &user, data)
 *
 * The stream then owns that state, also when stream_init() or stream_connect() fail. on_readable comes after the handshake;
 * on_fail(s, -1) tells that it went wrong, and tls_error_text() why.
 *
 * A connection may become readable and have nothing for its owner: session tickets, key updates. Thread of its worker.
 */
#ifndef TLS_TRANSPORT_H
#define TLS_TRANSPORT_H

#include "net/stream.h"

extern const struct transport transport_tls;

/* The functions below take any open stream; for a plain one, and before the handshake, they know nothing: "", false. */

/* After IO_EOF: the connection ended without close_notify, so that what was read may be less than what was sent. */
bool tls_was_truncated(const struct stream *s);
/* What went wrong, for logs: "certificate verify failed: self-signed certificate". Fills buf, NUL-terminated and cut to n
 * bytes (n not 0), with "" when nothing did; returns its length. */
size_t tls_error_text(const struct stream *s, char *buf, size_t n);
/* The protocol agreed on by ALPN, as registered: "h2", "http/1.1"; "http/1.0" where http/1.1 is served. */
sluice_str tls_alpn(const struct stream *s);
const char *tls_version_name(const struct stream *s); /* "TLSv1.3" */
const char *tls_cipher_name(const struct stream *s);  /* "TLS_AES_256_GCM_SHA384" */
/* The name the client asked for, as it wrote it. */
const char *tls_sni(const struct stream *s);
bool tls_was_resumed(const struct stream *s);

/* At a thread's end: free what the transport keeps for it. */
void tls_thread_fini(void);

#endif
