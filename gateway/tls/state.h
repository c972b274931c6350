/*
 * The TLS state of a connection, used by the transport and by both sides. Only for tls/.
 *
 * Output: SSL_write() and other calls encrypt records into a buffer of the thread, and one send()
 * writes all records of a call. Bytes that the socket does not accept are kept in `left` of the
 * connection and are sent first next time.
 */
#ifndef TLS_STATE_H
#define TLS_STATE_H

#include <openssl/ssl.h>

#include "base/str.h"

struct tls_session_slot;

enum tls_flags {
	TLS_OPEN = 1 << 0,   /* the handshake is done */
	TLS_BROKEN = 1 << 1, /* reading and writing are no longer possible */
	TLS_MUTE = 1 << 2,   /* sending is no longer possible; data that has arrived can be read */
	/* the socket ended before close_notify */
	TLS_RAW_EOF = 1 << 3,
	/* the buffered bytes are not a whole record: more must come from the socket */
	TLS_STARVED = 1 << 4,
	TLS_TICKET_DUE = 1 << 5, /* a ticket is to be sent with the first bytes */
};

struct tls {
	SSL *ssl;                    /* owned */
	char *left;                  /* owned: encrypted bytes not sent yet; NULL: none */
	uint32_t left_off, left_end; /* the bytes in it */
	uint16_t flags;              /* enum tls_flags */
	int error_no;                /* errno of the socket */
	unsigned long error;         /* first entry of OpenSSL's queue */
	const char *why;             /* constant: a reason that does not come from OpenSSL */
	/* borrowed: outlives the stream; client's side, may be NULL */
	struct tls_session_slot *slot;
};

/* Takes ownership of ssl. Initial flags: TLS_STARVED for the side that does not send first;
 * TLS_TICKET_DUE. */
struct tls *tls_state_new(SSL *ssl, unsigned flags);

#endif
