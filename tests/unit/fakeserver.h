/*
 * Servers for tests of code that opens its own connections. They run on the thread of its loop,
 * listen on unix sockets in a folder of their own, and accept and send when the test says so.
 * No call waits, and bytes written to a unix socket arrive at once. So with the clock of
 * fakewire.h every run is the same.
 */
#ifndef FAKESERVER_H
#define FAKESERVER_H

#include "base/addr.h"

enum { FAKESERVERS = 4, FAKESERVER_CONNS = 32, FAKESERVER_BACKLOG = 64 };

/* One accepted connection. */
struct fakepeer {
	int fd;    /* owned; -1: closed */
	char *got; /* owned: received and not cleared bytes, NUL-terminated */
	size_t got_len, got_cap;
	bool eof; /* the other side has ended, or the connection broke */
};

struct fakeserver {
	int listening;           /* owned; -1: connections are refused */
	char address[ADDR_TEXT]; /* "unix:/...", or "127.0.0.1:port" */
	struct addr addr;
	struct fakepeer peers[FAKESERVER_CONNS];
	unsigned n_peers; /* accepted so far, at most FAKESERVER_CONNS; closed ones count */
};

/* Number n, below FAKESERVERS: its address stays the same for the whole process. */
void fakeserver_up(struct fakeserver *s, unsigned n);
/* The same on 127.0.0.1, at a port that the system chooses: for code that only knows hosts and
 * ports. Once it refuses connections, it cannot listen again. */
void fakeserver_up_tcp(struct fakeserver *s);
/* Refuse new connections, and accept them again. Those that exist stay. */
void fakeserver_refuse(struct fakeserver *s);
void fakeserver_listen(struct fakeserver *s);
/* Refuse new connections and close those that exist. */
void fakeserver_down(struct fakeserver *s);
/* Accept all that wait. A connection beyond FAKESERVER_CONNS is closed at once. */
void fakeserver_accept(struct fakeserver *s);
/* Read everything that arrived on all connections. */
void fakeserver_read(struct fakeserver *s);

/* The other direction: connect. False: it was refused, and p is closed. */
bool fakepeer_connect(struct fakepeer *p, const struct addr *to);
/* Read everything that arrived. */
void fakepeer_read(struct fakepeer *p);
/* Send. Bytes that cannot be sent, because the other side does not read or is gone, are lost. */
void fakepeer_say(struct fakepeer *p, const char *bytes, size_t n);
void fakepeer_say_text(struct fakepeer *p, const char *text);
/* Remove the first n bytes from got, or all. */
void fakepeer_eat(struct fakepeer *p, size_t n);
void fakepeer_clear(struct fakepeer *p);
/* End our direction; reading goes on. */
void fakepeer_eof(struct fakepeer *p);
void fakepeer_close(struct fakepeer *p);
/* Remove the folder. */
void fakeserver_fini(void);

#endif
