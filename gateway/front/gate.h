/*
 * What others decide about the connections of a listener before their first request, such as its
 * plugins (policy/conn). The owner of a gate keeps what it knows of a connection in memory that is
 * a part of the connection's. A listener without a gate costs its connections neither memory nor
 * time. Its worker's thread.
 */
#ifndef FRONT_GATE_H
#define FRONT_GATE_H

#include "http/handler.h"

enum { GATE_WHY = 160 };

struct conn_gate {
	const struct conn_gate_ops *ops;
	size_t room;   /* bytes of each connection's memory that are the gate's */
	unsigned refs; /* its listener, and each connection that it let in or refused */
};

/* room: the gate's part of the connection's memory, zeroed at first and aligned for pointers. why:
 * of a refusal, in a few words for the log. */
struct conn_gate_ops {
	/* The peer is known; nothing was read but its PROXY header. False: refused. */
	bool (*on_connect)(struct conn_gate *g, void *room, const struct conn_info *c,
		char why[GATE_WHY]);
	/* Only after on_connect: the TLS handshake is complete. False: refused. */
	bool (*on_secured)(void *room, char why[GATE_WHY]);
	/* The connection is about to be closed. Once for each, also where on_connect never was
	 * called. */
	void (*on_close)(void *room);
	/* Nobody has it any more. */
	void (*free)(struct conn_gate *g);
};

static inline struct conn_gate *conn_gate_ref(struct conn_gate *g)
{
	if (g)
		g->refs++;
	return g;
}
static inline void conn_gate_unref(struct conn_gate *g)
{
	if (g && --g->refs == 0)
		g->ops->free(g);
}

#endif
