/*
 * A byte stream over one socket, plain or TLS: what every connection of the gateway stands on, to
 * clients, to upstream servers and to Redis. One edge-triggered event for its whole life; reads
 * until the socket has no more, writes at once, and arms nothing. Its worker's thread only.
 *
 * Reading: on_readable says that bytes may wait; call stream_fill() until it says IO_AGAIN. Whoever
 * stops earlier (no room, a fair share used up) calls stream_resume() when it wants on_readable
 * again: no new event will come for old bytes. Writing: append to s->out, then stream_kick(); the
 * bytes go out when the running callback returns to the loop. So what goes wrong while writing is
 * told by on_fail from the loop, never inside a call of yours.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/addr.h"
#include "base/io.h"
#include "net/buf.h"
#include "net/worker.h"

struct stream;

/* What the owner hears. Any of them may close the stream, not free it (see stream_close). */
struct stream_user {
	void (*on_open)(struct stream *s); /* stream_connect(): connected, TLS included. NULL for
					    * accepted ones that do not care */
	void (*on_readable)(struct stream *s);
	/* out fell to the low mark after being full; or is empty, when asked for */
	void (*on_drained)(struct stream *s);
	/* broken: errno, or -1 for a TLS failure. Only once */
	void (*on_fail)(struct stream *s, int error);
	void (*on_timeout)(struct stream *s); /* stream_deadline() passed; it is disarmed */
};

/* How bytes get on and off the wire. The plain one is built in; tls/ brings another. All may assume
 * an open socket. */
struct transport {
	/* Read once into s->in, about `want` bytes. IO_AGAIN when nothing is there now. */
	enum io (*read)(struct stream *s, size_t want);
	/* Write from s->out as much as goes. IO_OK: all of it went; IO_AGAIN: the rest waits for an
	 * event. What it took from out and still holds it declares by STREAM_OWED: then it is
	 * called again, also when out is empty. */
	enum io (*write)(struct stream *s);
	/* Go on with a handshake. IO_OK: done. NULL: there is none. */
	enum io (*handshake)(struct stream *s);
	/* Bytes that were read from the socket but not yet by read(). NULL: never. */
	bool (*pending)(struct stream *s);
	/* Say that we are done sending (close_notify); best effort; may be called again. NULL:
	 * nothing to say. */
	void (*finish)(struct stream *s);
	void (*free)(struct stream *s); /* s->tls goes. NULL: nothing */
};
extern const struct transport transport_plain;

enum stream_flags {
	STREAM_RD = 1 << 0, /* the socket may have bytes */
	STREAM_WR = 1 << 1, /* the socket may take bytes */
	STREAM_CONNECTING = 1 << 2,
	STREAM_HANDSHAKE = 1 << 3,
	STREAM_DIRTY = 1 << 4,      /* on worker.dirty */
	STREAM_READY = 1 << 5,      /* on worker.ready */
	STREAM_FULL = 1 << 6,       /* out passed the high mark: on_drained is owed */
	STREAM_TELL_EMPTY = 1 << 7, /* on_drained is owed when out is empty */
	STREAM_EOF = 1 << 8,        /* the other side is done sending */
	STREAM_FAILED = 1 << 9,
	STREAM_CLOSED = 1 << 10,
	/* closing politely: flush, finish, discard what comes, then close */
	STREAM_LINGER = 1 << 11,
	STREAM_SHUT = 1 << 12, /* our side of it is shut */
	/* the end was announced: a short read does not mean that nothing follows */
	STREAM_HUP = 1 << 13,
	STREAM_OWED = 1 << 14, /* the transport holds bytes that are to be sent */
	/* nothing will follow what is in out: its end may be said together with it */
	STREAM_LAST = 1 << 15,
};

enum {
	/* bytes that out takes from which a writer is told that it is full */
	STREAM_OUT_HIGH = 128 * 1024,
	STREAM_OUT_LOW = 32 * 1024,
	STREAM_READ_MIN = BUF_BLOCK, /* first read of a stream */
	STREAM_READ_MAX = BUF_BLOCK * BUF_ROOM_MAX,
};

/* For how long what still arrives is thrown away, so that the other side sees the answer rather
 * than a reset: while bytes come, but within bounds. */
struct lingering {
	uint64_t silence_ns; /* without a byte */
	uint64_t total_ns;
	uint64_t bytes;
};
/* When everything is to end soon. */
#define LINGER_HURRY_NS (2 * NS_PER_S)

struct stream {
	struct event ev;
	const struct stream_user *user;    /* borrowed: const table */
	const struct transport *transport; /* borrowed: const table */
	void *data;                        /* of the owner */
	void *tls;                         /* of the transport */
	struct worker *worker;             /* borrowed */
	struct buf in, out;                /* owned */
	struct list dirty_link, ready_link;
	struct timer timer;
	int fd;                         /* owned; -1: none */
	uint16_t flags;                 /* enum stream_flags */
	uint8_t read_growth;            /* reads grow while they come back full */
	uint64_t bytes_in, bytes_out;   /* through the socket, TLS overhead not counted */
	const struct lingering *linger; /* borrowed; LINGER only, and the next two */
	uint64_t linger_until_ns;
	uint64_t linger_most; /* of bytes_in */
};

/* Take over a connected, non-blocking socket, and tls. 0, or a negative errno (both are gone then).
 * With handshake set, on_readable comes only after it. */
must_use int stream_init(struct stream *s, struct worker *w, int fd, const struct transport *t,
	void *tls, const struct stream_user *user, void *data);
/* Begin to connect. on_open or on_fail follows, from the loop, never from within. A negative errno
 * when not even begun; tls is gone then. */
must_use int stream_connect(struct stream *s, struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct stream_user *user, void *data);
/* Take over an open stream, with all that it holds, from memory that is another owner's; `from` is
 * then as if closed, and must stay for the rest of the turn. What was put off (stream_resume,
 * stream_kick, the deadline) comes to the new owner. A negative errno: the stream is closed, in
 * either place. */
must_use int stream_move(struct stream *to, struct stream *from, const struct stream_user *user,
	void *data);
/* Close at once and free what it holds, not s itself: no callback comes any more. s lies in its
 * owner's memory, which must stay for the rest of the turn (worker_bury). Idempotent. */
void stream_close(struct stream *s);
/* End our side once out is empty, and go on reading. Call it from on_drained. */
void stream_shut(struct stream *s);
/* Close politely: what is in out goes out, then our side ends, and what still arrives is thrown
 * away, so that the other side sees all of it rather than a reset; how lives as long as s. No
 * further callback but on_fail(s, 0), once, when it is closed. */
void stream_linger(struct stream *s, const struct lingering *how);
/* Lingering ends within LINGER_HURRY_NS. Nothing, when s does not linger. */
void stream_linger_hurry(struct stream *s);

/* Read once into s->in. IO_OK: at least one byte came. IO_FAIL: on_fail is not called: the caller
 * knows. */
enum io stream_fill(struct stream *s);
static inline bool stream_may_read(const struct stream *s)
{
	return (s->flags & STREAM_RD) ||
		(s->transport->pending && s->transport->pending((struct stream *)(uintptr_t)s));
}
/* Let the next stream_fill() ask the socket in any case. A reset that arrives together with bytes
 * is told like bytes alone: who read them, waits for more and has reason to expect a reset asks
 * once more, or learns of it by writing, or by its deadline. */
static inline void stream_ask_again(struct stream *s)
{
	if (!(s->flags & (STREAM_EOF | STREAM_FAILED | STREAM_CLOSED | STREAM_CONNECTING)))
		s->flags |= STREAM_RD;
}
/* Call on_readable again at the end of this turn, if there may be something to read (or s->in holds
 * bytes). */
void stream_resume(struct stream *s);
/* Flush s->out soon. */
void stream_kick(struct stream *s);
/* Whether a writer should stop; if so on_drained comes later. */
static inline bool stream_is_full(struct stream *s)
{
	if (!buf_holds(&s->out, STREAM_OUT_HIGH))
		return false;
	s->flags |= STREAM_FULL;
	return true;
}
/* on_drained once out is empty (also when it is so now: after the flush of this callback). */
static inline void stream_tell_empty(struct stream *s)
{
	s->flags |= STREAM_TELL_EMPTY;
	stream_kick(s);
}
/* on_timeout in that many nanoseconds; replaces the earlier deadline. */
static inline void stream_deadline(struct stream *s, uint64_t in_ns)
{
	worker_timer(s->worker, &s->timer, in_ns);
}
static inline void stream_no_deadline(struct stream *s)
{
	timer_stop(&s->timer);
}

/* How many bytes the other side has taken: those that the system still keeps for it do not count. A
 * system call. */
uint64_t stream_taken(const struct stream *s);

/* For transports: move bytes over the socket and keep STREAM_RD and STREAM_WR true. *n: bytes
 * moved. */
enum io stream_raw_read(struct stream *s, struct iovec *iov, int n_iov, size_t room, size_t *n);
enum io stream_raw_write(struct stream *s, struct iovec *iov, int n_iov, size_t total, size_t *n);

/* For the loop. */
void streams_flush(struct worker *w);
void streams_run_ready(struct worker *w);

#endif
