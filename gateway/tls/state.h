/*
 * What TLS keeps for a connection, shared by the transport and by the two sides that make it. Only
 * for tls/.
 *
 * Bytes on their way out: SSL_write() and its kin seal records into a buffer of the thread; what
 * was sealed during one call leaves in one send; what the socket does not take stays with the
 * connection in `left`, and goes before anything else.
 */
#ifndef TLS_STATE_H
#define TLS_STATE_H

#include <openssl/ssl.h>

#include "base/str.h"

struct tls_session_slot;

enum tls_flags {
	TLS_OPEN = 1 << 0,   /* the handshake is done */
	TLS_BROKEN = 1 << 1, /* nothing can be read or written any more */
	TLS_MUTE = 1 << 2,   /* nothing can be sent any more; what has arrived can be read */
	/* the socket ended, before close_notify: behind that nothing is read */
	TLS_RAW_EOF = 1 << 3,
	TLS_STARVED = 1 << 4,    /* what is buffered is no whole record: only the socket can help */
	TLS_TICKET_DUE = 1 << 5, /* a ticket goes out with the first bytes */
};

struct tls {
	SSL *ssl;                    /* owned */
	char *left;                  /* owned: sealed, not sent; NULL: nothing */
	uint32_t left_off, left_end; /* the bytes in it */
	uint16_t flags;              /* enum tls_flags */
	int error_no;                /* errno of the socket */
	unsigned long error;         /* first entry of OpenSSL's queue */
	const char *why;             /* constant: a failure of our own */
	/* borrowed: outlives the stream; client's side, may be NULL */
	struct tls_session_slot *slot;
};

/* Takes ssl. flags to begin with: TLS_STARVED for the side that does not speak first;
 * TLS_TICKET_DUE. */
struct tls *tls_state_new(SSL *ssl, unsigned flags);

#endif
