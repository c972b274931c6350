/*
 * Listening sockets and accepting from them. The main thread opens one socket for each worker on
 * the same address (SO_REUSEPORT), so that a port that is taken is found before anything changes;
 * each worker accepts from its own.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/addr.h"
#include "net/worker.h"

enum listener_claim {
	/* no other process may have the address: the system would let a second gateway of the same
	   user share it */
	LISTENER_ALONE,
	/* this process has a socket on an address that covers this one, or is covered by it */
	LISTENER_BESIDE_OURS,
};

enum { LISTENER_AS_IS = -1 };

/* Who may connect to a unix socket: those who may write to its file. LISTENER_AS_IS leaves what the
 * system gives. */
struct listener_access {
	int mode; /* permission bits */
	int64_t uid, gid;
};

struct listener_how {
	unsigned n; /* sockets: one for each worker */
	int backlog;
	enum listener_claim claim;
	struct listener_access access; /* of a unix socket */
};

/* Open n listening sockets on a. Unix sockets cannot share an address: all n are then duplicates of
 * one, and a stale socket file nobody listens on is replaced. 0, or a negative errno with nothing
 * left open. Main thread. */
must_use int listener_open_how(const struct addr *a, const struct listener_how *how, int *fds);
/* The same for an address of its own, whose file is as the system makes it. */
must_use int listener_open(const struct addr *a, unsigned n, int backlog, int *fds);

/* Make a socket that listens already, which another process opened on a, fit for acceptors. 0, or a
 * negative errno: -EAFNOSUPPORT when it takes IPv4 although its address is one of IPv6. */
must_use int listener_adopt(int fd, const struct addr *a, int backlog);

/* Give a unix socket's file its mode and owners. 0, or a negative errno. */
must_use int listener_set_access(const struct addr *a, const struct listener_access *access);

/* The file of a unix socket as we made it, so that another's in its place is left alone. */
struct listener_file {
	dev_t dev;
	ino_t ino;
	struct timespec made;
};

/* Of an address that is listened on now; of one that is no unix socket, nothing. */
void listener_file_note(struct listener_file *f, const struct addr *a);
bool listener_file_is_ours(const struct listener_file *f, const struct addr *a);
/* Remove it, if it is still ours. */
void listener_file_unlink(const struct listener_file *f, const struct addr *a);

enum acceptor_hold { ACCEPTOR_SHORTAGE = 1, ACCEPTOR_PAUSED = 2 };

struct acceptor {
	struct event ev;
	struct worker *worker; /* borrowed */
	int fd;                /* owned */
	unsigned held;         /* enum acceptor_hold: it accepts when there is no reason not to */
	/* other processes accept from the same socket, or will: what waits in its queue is theirs
	   when this acceptor stops */
	bool lent;
	struct timer retry; /* after a shortage of descriptors */
	/* fd: a connected, non-blocking, close-on-exec socket that now is the callee's. */
	void (*on_accept)(struct acceptor *a, int fd, const struct addr *peer);
	void *data; /* of the owner */
};

/* Worker's thread. Takes fd. */
must_use int acceptor_start(struct acceptor *a, struct worker *w, int fd,
	void (*on_accept)(struct acceptor *, int, const struct addr *), void *data);
/* Accept nothing until acceptor_go_on(). */
void acceptor_pause(struct acceptor *a);
void acceptor_go_on(struct acceptor *a);
/* Close it. Where it is lent, no more than that. Else take no new connection, accept what already
 * waits in the queue, then close: none that the kernel completed is lost. A client that connects
 * meanwhile repeats its SYN a second later (TCP), and reaches the socket that listens then. */
void acceptor_stop(struct acceptor *a);

#endif
