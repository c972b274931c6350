/*
 * What is known of a TLS connection: its parameters, and how it ended. All take any stream that is
 * not closed yet; of a plain one, and before the handshake, they know nothing: "", false. Thread of
 * the stream's worker.
 */
#ifndef TLS_INFO_H
#define TLS_INFO_H

#include "net/stream.h"

/* After IO_EOF: the connection ended without close_notify, so that what was read may be less than
 * what was sent. */
bool tls_was_truncated(const struct stream *s);
/* What went wrong, for logs: "certificate verify failed: self-signed certificate". Fills buf,
 * NUL-terminated and cut to n bytes (n not 0), with "" when nothing did; returns its length. */
size_t tls_error_text(const struct stream *s, char *buf, size_t n);
/* Whether the handshake failed because a client sent a request of HTTP/1.x in clear text. */
bool tls_is_plain_http(const struct stream *s);
/* The protocol agreed on by ALPN, as registered: "h2", "http/1.1"; "http/1.0" where http/1.1 is
 * served. */
sluice_str tls_alpn(const struct stream *s);
const char *tls_version_name(const struct stream *s); /* "TLSv1.3" */
/* The name the client asked for, as it wrote it. It goes with the stream; the other texts are
 * constants. */
const char *tls_sni(const struct stream *s);
bool tls_was_resumed(const struct stream *s);
/* Of a server: whether the certificate it showed is for this host: a name in lower case or an IP
 * address, IPv6 in brackets. Looks into the certificate each time. */
bool tls_certificate_covers(const struct stream *s, sluice_str host);

#endif
