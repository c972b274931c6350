/*
 * The parameters of a TLS connection, and how it ended. All functions take any stream that is not
 * closed. For a plain stream, and before the handshake, they return "" or false. Thread of the
 * stream's worker.
 */
#ifndef TLS_INFO_H
#define TLS_INFO_H

#include "net/stream.h"

/* After IO_EOF: whether the connection ended without close_notify, so that data may be missing. */
bool tls_was_truncated(const struct stream *s);
/* The error, for logs, as "certificate verify failed: self-signed certificate". buf is
 * NUL-terminated and cut to n bytes (n not 0); "" without an error. Returns the length. */
size_t tls_error_text(const struct stream *s, char *buf, size_t n);
/* Whether the handshake failed because the client sent an HTTP/1.x request in clear text. */
bool tls_is_plain_http(const struct stream *s);
/* The registered name of the protocol that ALPN selected: "h2", "http/1.1"; or "http/1.0", which
 * listeners with http/1.1 also accept. */
sluice_str tls_alpn(const struct stream *s);
const char *tls_version_name(const struct stream *s); /* "TLSv1.3" */
const char *tls_cipher_name(const struct stream *s);  /* "TLS_AES_128_GCM_SHA256" */
/* The name in the client's SNI, as received. It lives as long as the stream; the other texts are
 * constants. */
const char *tls_sni(const struct stream *s);
bool tls_was_resumed(const struct stream *s);
/* On the server's side: whether the certificate that was sent is for this host, a name in lower
 * case or an IP address, IPv6 in brackets. Parses the certificate's names each time. */
bool tls_certificate_covers(const struct stream *s, sluice_str host);

#endif
