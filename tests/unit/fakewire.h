/*
 * A stream without a socket: the test gives the bytes that "arrive", bytes that leave are kept, and
 * any read or write can be made to fail or to be short. Time stands still until the test lets it
 * pass. Everything happens in fakewire_turn(), on the calling thread, in the order of a worker.
 */
#ifndef FAKEWIRE_H
#define FAKEWIRE_H

#include "net/stream.h"

struct fakewire {
	struct stream *s;
	char *in; /* owned: bytes from the other side */
	size_t in_len, in_cap;
	size_t in_at;    /* of these, how many were read */
	size_t read_max; /* largest size of one read; 0: any */
	bool eof, reset; /* after the last byte */
	char *out;       /* owned: bytes that were written, NUL-terminated */
	size_t out_len, out_cap;
	/* largest size of one write; 0: any; the rest is written in the next turn */
	size_t write_max;
	bool blocked; /* writes take nothing */
	/* while blocked, writes take bytes as TLS does: they wait in the transport */
	bool owes;
	unsigned ops;      /* reads and writes so far */
	unsigned fail_at;  /* this one fails; 0: none */
	unsigned finished; /* how often the stream ended its direction */
	bool closed;
	int other_end; /* owned: of the socket that stands for the stream; 0: not opened */
};

extern const struct transport transport_fake;
/* The same for a stream that the code under test connects to fakewire_address(), with a zeroed wire
 * as its transport state. */
extern const struct transport transport_fake_connecting;
extern struct worker fakewire_worker;

void fakewire_start(void);
void fakewire_end(void);

/* Open s on a wire; it is the stream's transport state until it is closed. */
void fakewire_open(struct fakewire *f, struct stream *s, const struct stream_user *user,
	void *data);
/* Where transport_fake_connecting connects to. The connection opens in fakewire_connect(). */
const struct addr *fakewire_address(void);
void fakewire_connect(void);
/* Handle the events of real sockets, and everything that follows. */
void fakewire_poll(void);
/* Free what the wire holds. s is closed. */
void fakewire_fini(struct fakewire *f);

/* The other side sends this, ends its direction, breaks off. */
void fakewire_say(struct fakewire *f, const char *bytes, size_t n);
void fakewire_say_text(struct fakewire *f, const char *text);
void fakewire_eof(struct fakewire *f);
void fakewire_reset(struct fakewire *f);
/* Clear the bytes that were written so far. */
void fakewire_clear(struct fakewire *f);
/* Writes take bytes again. */
void fakewire_unblock(struct fakewire *f);

/* One turn of the loop; turns until nothing happens any more. */
void fakewire_turn(void);
void fakewire_settle(void);
/* Whether no deadline is set. */
bool fakewire_has_no_timer(void);
/* Let time pass; deadlines that are due fire. */
void fakewire_pass(uint64_t ns);

#endif
