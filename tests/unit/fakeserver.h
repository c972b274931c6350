/*
 * Servers on the thread of the loop that talks to them, for what makes its own connections: they
 * listen on unix sockets in a folder of their own, accept when told to, and say what the test says.
 * Nothing here waits, and what is written to a unix socket is there at once: with the time of
 * fakewire.h a run is the same every time.
 */
#ifndef FAKESERVER_H
#define FAKESERVER_H

#include "base/addr.h"

enum { FAKESERVERS = 4, FAKESERVER_CONNS = 32, FAKESERVER_BACKLOG = 64 };

/* One accepted connection. */
struct fakepeer {
	int fd;    /* owned; -1: closed */
	char *got; /* owned: what came, NUL-terminated, and was not forgotten since */
	size_t got_len, got_cap;
	bool eof; /* the other side is done sending, or it is broken */
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
/* On 127.0.0.1, at a port of the system's choice: for what knows hosts and ports alone. Refused
 * once, it stays so. */
void fakeserver_up_tcp(struct fakeserver *s);
/* Connections are refused from now on; those that exist stay. And taken again. */
void fakeserver_refuse(struct fakeserver *s);
void fakeserver_listen(struct fakeserver *s);
/* Refuses, and closes all that there is. */
void fakeserver_down(struct fakeserver *s);
/* Those that wait to be accepted. A connection beyond FAKESERVER_CONNS is closed at once. */
void fakeserver_accept(struct fakeserver *s);
/* Take what came on all connections. */
void fakeserver_read(struct fakeserver *s);

/* The other way round: a connection of ours. False, and closed: it is refused. */
bool fakepeer_connect(struct fakepeer *p, const struct addr *to);
/* Take what came. */
void fakepeer_read(struct fakepeer *p);
/* What does not go, because the other side does not read or is gone, is lost. */
void fakepeer_say(struct fakepeer *p, const char *bytes, size_t n);
void fakepeer_say_text(struct fakepeer *p, const char *text);
/* Forget the first n bytes of what came, or all. */
void fakepeer_eat(struct fakepeer *p, size_t n);
void fakepeer_clear(struct fakepeer *p);
/* We are done sending, but go on reading. */
void fakepeer_eof(struct fakepeer *p);
void fakepeer_close(struct fakepeer *p);
/* Remove the folder. */
void fakeserver_fini(void);

#endif
