/*
 * A stream without a socket behind it: what "arrives" is what the test says, what leaves is kept,
 * and any read or write can be made to fail or to be short. Time stands still until the test lets
 * it pass. Everything happens in fakewire_turn(), on the calling thread, in the order in which a
 * worker does it.
 */
#ifndef FAKEWIRE_H
#define FAKEWIRE_H

#include "net/stream.h"

struct fakewire {
	struct stream *s;
	char *in; /* owned: what the other side says */
	size_t in_len, in_cap;
	size_t in_at;    /* of it, taken */
	size_t read_max; /* most that one read brings; 0: all there is */
	bool eof, reset; /* behind the last byte */
	char *out;       /* owned: what came out, NUL-terminated */
	size_t out_len, out_cap;
	/* most that one write takes; 0: all; the rest goes with the next turn */
	size_t write_max;
	bool blocked; /* takes nothing */
	/* while blocked, takes it like TLS: what it took waits in the transport */
	bool owes;
	unsigned ops;      /* reads and writes so far */
	unsigned fail_at;  /* this one fails; 0: none */
	unsigned finished; /* farewells said */
	bool closed;
	int other_end; /* owned: of the socket that is there in name; 0: it was not opened */
};

extern const struct transport transport_fake;
/* The same for a stream that somebody else connects, to fakewire_address(): with a zeroed wire as
 * its transport state. */
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
/* What the system has to tell of sockets that are real, and all that comes of it. */
void fakewire_poll(void);
/* Free what the wire holds. s is closed. */
void fakewire_fini(struct fakewire *f);

/* The other side says this, ends, breaks. */
void fakewire_say(struct fakewire *f, const char *bytes, size_t n);
void fakewire_say_text(struct fakewire *f, const char *text);
void fakewire_eof(struct fakewire *f);
void fakewire_reset(struct fakewire *f);
/* Forget what came out so far. */
void fakewire_clear(struct fakewire *f);
/* The system takes bytes again. */
void fakewire_unblock(struct fakewire *f);

/* One turn of the loop; several, until nothing moves. */
void fakewire_turn(void);
void fakewire_settle(void);
/* Nobody has a deadline any more. */
bool fakewire_has_no_timer(void);
/* Let time pass; what is due happens. */
void fakewire_pass(uint64_t ns);

#endif
