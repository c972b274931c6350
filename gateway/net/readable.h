/* A descriptor that can be read, as an event of a loop: for pipes and the like, which carry a few
 * bytes now and then. Sockets of clients and servers are streams. The loop's thread. */
#ifndef NET_READABLE_H
#define NET_READABLE_H

struct event;
struct worker;

struct readable {
	struct event *event; /* owned; NULL: not started, or stopped */
	void (*on_readable)(void *ctx);
	void *ctx;
};

/* Call on_readable() whenever fd, which is borrowed, has bytes or is at its end. 0, or a negative
 * errno. */
int readable_start(struct readable *r, struct worker *w, int fd, void (*on_readable)(void *ctx),
	void *ctx);
/* Before fd is closed. Does nothing when it is not started. */
void readable_stop(struct readable *r);

#endif
