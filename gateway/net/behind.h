/* For transports that stand before another one until something has passed, and then hand the stream
 * over: see proxy_transport.h. Private to net/. */
#ifndef NET_BEHIND_H
#define NET_BEHIND_H

#include "net/stream.h"

/* What stands in stream.tls meanwhile: the first member of the transport's own state, which was
 * allocated as a whole. */
struct behind {
	const struct transport *next; /* borrowed: const table */
	void *state;                  /* owned: of next */
};

/* The stream is the next transport's from here on. */
void behind_hand_over(struct stream *s);
/* The same, and the next transport's handshake. */
enum io behind_go_on(struct stream *s);

/* For the table of the transport. Nothing is read or written before the handshake is through, and
 * then not here. */
void behind_free(struct stream *s);
enum io behind_read(struct stream *s, size_t want);
enum io behind_write(struct stream *s);

/* Write what is left of len bytes; *sent goes on. They do not count as the stream's. */
enum io behind_send(struct stream *s, const char *bytes, size_t len, size_t *sent);

/*
 * What the other side says before the next transport's bytes is looked at where it waits, and taken
 * when it is whole: what follows it is the next transport's to read.
 *
 * behind_look(): IO_OK: *n bytes wait, at most room. IO_EOF: the connection ended, or broke.
 * behind_take(): of n bytes that were looked at, the first len are taken; 0: it is not whole yet.
 * IO_AGAIN: more has to come. IO_EOF: the connection ended within it. IO_FAIL: it broke.
 */
enum io behind_look(struct stream *s, char *bytes, size_t room, size_t *n);
enum io behind_take(struct stream *s, char *bytes, size_t room, size_t n, size_t len);

#endif
