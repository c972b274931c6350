/*
 * Transports that stand before another one, plain or TLS, until a PROXY header has passed: one
 * reads it from a client's connection, one sends it on a connection to a server. The header is no
 * part of what follows: not encrypted, not counted. Then they hand the stream over to the transport
 * behind them, and are gone:
 *
 *     state = proxy_reader_new(&transport_tls, tls_server_start(server, worker->id), on_header);
 *     stream_init(s, worker, fd, &transport_proxy_reader, state, &user, data)
 *
 * The stream owns the state, and with it the state of the transport behind. on_open comes when that
 * one is open.
 */
#ifndef NET_PROXY_TRANSPORT_H
#define NET_PROXY_TRANSPORT_H

#include "net/proxy_header.h"
#include "net/stream.h"

extern const struct transport transport_proxy_reader, transport_proxy_writer;

/* Called from the loop, before anything behind the header is read. It may set a deadline; it must
 * not close the stream: false refuses the connection, and on_fail follows. */
typedef bool (*proxy_header_fn)(struct stream *s, const struct proxy_header *h);

must_use void *proxy_reader_new(const struct transport *next, void *next_state,
	proxy_header_fn on_header);
/* In on_fail and on_timeout: what is wrong with the header, without a full stop; "" when it is not
 * the header that failed. Constant. */
const char *proxy_reader_why(const struct stream *s);

/* header: copied. */
must_use void *proxy_writer_new(sluice_str header, const struct transport *next, void *next_state);

#endif
