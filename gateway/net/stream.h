/*
 * A byte stream over one socket, plain or TLS, for every connection of the gateway: to clients, to
 * upstream servers and to Redis. It has one edge-triggered event for its whole life, reads until
 * the socket has no more, and writes at once. Its worker's thread only.
 *
 * Reading: on_readable says that bytes may wait. Begin a turn (stream_turn) and read by
 * stream_read() until it says IO_AGAIN: the turn is bounded, so that one connection does not keep
 * the others waiting. An owner that stops earlier, because it has no room, calls stream_resume()
 * when it wants on_readable again: no second event comes for the same bytes.
 *
 * Writing: append to s->out, then stream_kick(), or stream_wrote() to learn whether to stop. The
 * bytes go out when the running callback returns to the loop. An error while writing is told by
 * on_fail from the loop, never within a call of the owner.
 *
 * Owners ask by the functions below. Only net/ and transports read or set the flags.
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

/* Events for the owner. Each may close the stream, but not free it (see stream_close). */
struct stream_user {
	void (*on_open)(struct stream *s); /* stream_connect(): connected, TLS included. NULL for
					    * accepted ones that do not care */
	void (*on_readable)(struct stream *s);
	/* out fell to the low mark after being full; or is empty, when asked for */
	void (*on_drained)(struct stream *s);
	/* broken: errno, or -1 for a TLS failure. Only once, unless stream_salvage() follows */
	void (*on_fail)(struct stream *s, int error);
	void (*on_timeout)(struct stream *s); /* stream_deadline() passed; it is disarmed */
};

/* How bytes are read from and written to the socket. The plain transport is here; tls/ has another.
 * The functions may assume an open socket. */
struct transport {
	/* Read once into s->in, about `want` bytes. IO_AGAIN when nothing is there now. */
	enum io (*read)(struct stream *s, size_t want);
	/* Write from s->out as much as goes. IO_OK: all of it went; IO_AGAIN: the rest waits for an
	 * event. A transport that has taken bytes from out and still holds them sets STREAM_OWED:
	 * it is then called again, also when out is empty. */
	enum io (*write)(struct stream *s);
	/* Go on with a handshake. IO_OK: done. NULL: there is none. */
	enum io (*handshake)(struct stream *s);
	/* Bytes that were read from the socket but not yet by read(). NULL: never. */
	bool (*pending)(const struct stream *s);
	/* Tell the peer that nothing more is sent (close_notify); best effort; may be called again.
	 * NULL: nothing is to be sent. */
	void (*finish)(struct stream *s);
	void (*free)(struct stream *s); /* free s->tls. NULL: nothing to free */
};
extern const struct transport transport_plain;

/* Private to net/ and to transports. */
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
	/* nothing will follow the bytes in out: the end may be sent together with them */
	STREAM_LAST = 1 << 15,
};

enum {
	/* bytes that out takes from which a writer is told that it is full */
	STREAM_OUT_HIGH = 128 * 1024,
	STREAM_OUT_LOW = 32 * 1024,
	STREAM_READ_SHARE = 512 * 1024, /* bytes that one turn reads before others get theirs */
	STREAM_READ_MIN = BUF_BLOCK,    /* first read of a stream */
	STREAM_READ_MAX = BUF_BLOCK * BUF_ROOM_MAX,
};

/* Bounds of lingering: bytes that still arrive are discarded, so that the other side reads the
 * answer and gets no reset. */
struct lingering {
	uint64_t silence_ns; /* without a byte */
	uint64_t total_ns;
	uint64_t bytes;
};
/* The bound after stream_linger_hurry(). */
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
	int fd;                       /* owned; -1: none */
	uint16_t flags;               /* enum stream_flags */
	uint8_t read_growth;          /* reads grow while they come back full */
	bool is_read;                 /* the other side has read much of what was sent: splice.c */
	uint64_t bytes_in, bytes_out; /* through the socket, TLS overhead not counted */
	const struct lingering *linger; /* borrowed; LINGER only, and the next two */
	uint64_t linger_until_ns;
	uint64_t linger_most; /* of bytes_in */
};

/* Take over a connected, non-blocking socket, and tls. 0, or a negative errno (both are closed and
 * freed then). With handshake set, on_readable comes only after it. */
must_use int stream_init(struct stream *s, struct worker *w, int fd, const struct transport *t,
	void *tls, const struct stream_user *user, void *data);
/* Begin to connect. on_open or on_fail follows, from the loop, never from within. A negative errno
 * when that failed at once; tls is freed then. */
must_use int stream_connect(struct stream *s, struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct stream_user *user, void *data);
/* A stream that never was open: as if closed. */
static inline void stream_init_closed(struct stream *s)
{
	*s = (struct stream){ .fd = -1, .flags = STREAM_CLOSED };
}
/* Its callbacks go to another owner from now on. */
static inline void stream_hand_over(struct stream *s, const struct stream_user *user, void *data)
{
	s->user = user;
	s->data = data;
}
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
/* Have stream_close() reset the connection, so that the other side does not take what it got for
 * complete. */
void stream_close_by_reset(struct stream *s);
/* Close politely: the bytes in out are sent, then the sending side ends, and bytes that still
 * arrive are discarded, so that the other side reads everything and gets no reset. how lives as
 * long as s. No further callback but on_fail(s, 0), once, when it is closed. */
void stream_linger(struct stream *s, const struct lingering *how);
/* Lingering ends within LINGER_HURRY_NS. Nothing, when s does not linger. */
void stream_linger_hurry(struct stream *s);

/* Broken or closed: what is written goes nowhere. */
static inline bool stream_is_broken(const struct stream *s)
{
	return s->flags & (STREAM_FAILED | STREAM_CLOSED);
}
static inline bool stream_is_closed(const struct stream *s)
{
	return s->flags & STREAM_CLOSED;
}
/* The other side is done sending, and all that it sent was read. */
static inline bool stream_has_ended(const struct stream *s)
{
	return s->flags & STREAM_EOF;
}
/* Whether stream_fill() may say something other than IO_AGAIN. */
static inline bool stream_may_read(const struct stream *s)
{
	return (s->flags & (STREAM_RD | STREAM_EOF)) ||
		(s->transport->pending && s->transport->pending(s));
}
/* Call on_readable again at the end of this turn, if there may be something to read (or s->in holds
 * bytes). */
void stream_resume(struct stream *s);
/* The same, though no event says that there is something to read: a reset that arrives together
 * with bytes has no event of its own. */
void stream_look(struct stream *s);
/* Read once into s->in. IO_OK: at least one byte came. IO_FAIL: on_fail is not called: the caller
 * knows. */
enum io stream_fill(struct stream *s);

/* One turn of reading: what one call of on_readable may take. */
struct read_turn {
	uint64_t from; /* bytes_in when it began */
	bool asked;    /* the socket was read once more without an event */
};
static inline struct read_turn stream_turn(const struct stream *s)
{
	return (struct read_turn){ .from = s->bytes_in };
}
/* Whether something came in this turn. */
static inline bool turn_has_read(const struct read_turn *t, const struct stream *s)
{
	return s->bytes_in != t->from;
}
/* When what was read is used: whether to read on in this turn. False: on_readable comes again, at
 * the end of the turn of the loop when the share is used up, else with the next bytes.
 *
 * awaits: bytes of the other side are due. The event of a reset that arrives together with bytes
 * looks like that of bytes alone, so the socket is then read once more, to learn of the reset
 * before a deadline passes. */
static inline bool stream_turn_goes_on(struct stream *s, struct read_turn *t, bool awaits)
{
	if (!stream_may_read(s)) {
		if (t->asked || !awaits)
			return false;
		t->asked = true;
		if (!(s->flags & (STREAM_FAILED | STREAM_CLOSED | STREAM_CONNECTING)))
			s->flags |= STREAM_RD;
	}
	if (s->bytes_in - t->from <= STREAM_READ_SHARE)
		return true;
	stream_resume(s);
	return false;
}
/* stream_fill(), where the turn goes on; else IO_AGAIN. */
static inline enum io stream_read(struct stream *s, struct read_turn *t, bool awaits)
{
	return stream_turn_goes_on(s, t, awaits) ? stream_fill(s) : IO_AGAIN;
}
/* Within on_fail, after a write failed: give up what is unsent, and let what the other side sent
 * before be read. Nothing can be written any more. */
void stream_salvage(struct stream *s);
/* Flush s->out soon. */
void stream_kick(struct stream *s);
/* The same, after something was appended to s->out. True: it holds more than it should, so append
 * no more until on_drained comes. */
static inline bool stream_wrote(struct stream *s)
{
	stream_kick(s);
	if (!buf_holds(&s->out, STREAM_OUT_HIGH))
		return false;
	s->flags |= STREAM_FULL;
	return true;
}
/* Whether stream_wrote() has said to stop, and on_drained is still to come. */
static inline bool stream_is_full(const struct stream *s)
{
	return s->flags & STREAM_FULL;
}
/* Bytes wait here or in the transport. */
static inline bool stream_has_unsent(const struct stream *s)
{
	return s->out.len || (s->flags & STREAM_OWED);
}
/* Nothing will be appended to s->out: the end may be sent together with its bytes. */
static inline void stream_mark_last(struct stream *s)
{
	s->flags |= STREAM_LAST;
}
/* Write the bytes in s->out now, as far as the system takes them; the result is not told. For last
 * bytes right before stream_close(). */
void stream_flush_now(struct stream *s);
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
