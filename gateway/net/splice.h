/*
 * From socket to socket through a pipe, by splice(2): the kernel passes pages on, and the bytes
 * never enter the process. It pays off for long bodies that no plugin reads, and needs two plain
 * sockets.
 *
 * While the pipe holds bytes that `to` has not taken, it stands in the place of the transport of
 * `to`, and its bytes go out before everything in `to->out`. Its worker's thread only.
 */
#ifndef NET_SPLICE_H
#define NET_SPLICE_H

#include "net/stream.h"

enum splice {
	SPLICE_OK,   /* all that was asked for is through: there may be more */
	SPLICE_DRY,  /* `from` has no more now; an event will tell */
	SPLICE_FULL, /* `to` takes no more before it is empty: stream_tell_empty() */
	SPLICE_EOF,  /* `from` is done sending */
	SPLICE_FAIL, /* `from` is broken */
	/* not these two, not on this system, or no pipe is left: nothing moved; read and write
	   instead */
	SPLICE_UNABLE,
};

/* Move at most `most` bytes from one socket to the other; *n bytes left `from`, of which `to` may
 * still have to send some. from->in must be empty. What breaks at `to` is told by its on_fail from
 * the loop. */
enum splice stream_splice(struct stream *to, struct stream *from, uint64_t most, uint64_t *n);

/* At program end, for leak checkers and descriptor counts: close this thread's spare pipes. */
void splice_thread_fini(void);

#endif
