/*
 * The certificate that a client showed to a listener, and that was verified. For a plain stream,
 * before the handshake, without a certificate, and on the client's side all functions say that
 * there is none. What they read is parsed from the certificate each time. Thread of the stream's
 * worker.
 */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include "base/arena.h"
#include "net/stream.h"

enum tls_peer_text {
	TLS_PEER_SUBJECT, /* RFC 4514, in UTF-8; a certificate may have an empty one */
	TLS_PEER_ISSUER,  /* the same */
	TLS_PEER_SERIAL,  /* hexadecimal, upper case */
	TLS_PEER_SHA256,  /* of the DER encoding: 64 hexadecimal digits, lower case */
	TLS_PEER_PEM,     /* several lines, the last one with its newline */
	TLS_PEER_DER,     /* the DER encoding in Base64, on one line */
};
/* The text, in a's memory; data is NULL when there is no certificate, or a has no memory. */
sluice_str tls_peer_text(const struct stream *s, enum tls_peer_text what, struct arena *a);

/* Kinds of names in subjectAltName (RFC 5280 4.2.1.6). */
enum tls_peer_name { TLS_PEER_DNS, TLS_PEER_URI, TLS_PEER_EMAIL };
/* Call fn for each name of the kind, in the order of the certificate; name is valid until fn
 * returns. A name with a blank, a control byte or a byte that is not ASCII is left out: no name of
 * these kinds has one, and it could be taken for several names. */
void tls_peer_names(const struct stream *s, enum tls_peer_name kind,
	void (*fn)(void *ctx, sluice_str name), void *ctx);

#endif
