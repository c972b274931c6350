/*
 * The connection of one fetch: a kept one is taken, or the name is looked up, its addresses are
 * tried one after another, and the first connection that opens carries the request. Its worker's
 * thread only.
 */
#ifndef UPSTREAM_FETCH_CONN_H
#define UPSTREAM_FETCH_CONN_H

#include "net/resolve.h"
#include "upstream/fetch_link.h"

enum { FETCH_WHY = 128 };

struct fetch_conn {
	/* Set by fetch_conn_init(). One of them is called, once, from the loop; fetch_conn_close()
	 * has to be called all the same. */
	void (*on_ready)(struct fetch_conn *c); /* origin may be used */
	void (*on_fail)(struct fetch_conn *c, int err);

	/* For the owner to read. */
	struct origin *origin; /* borrowed: when ready, until it is closed */
	const char *stage;     /* what it waits for, for people */
	/* At on_fail: what the name service, the system or TLS said; may be empty. */
	char why[FETCH_WHY];

	/* Of fetch_conn.c alone. */
	struct worker *worker; /* borrowed */
	struct fetch_place place;
	uint64_t due_ns;
	const struct origin_events *events;
	void *user;
	struct arena *arena; /* borrowed */
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_TRIED_MAX];
	unsigned n_addrs, at;
	struct fetch_link *link; /* NULL: none now */
	struct fetch_link_user holder;
	struct timer late;
	bool reused; /* the connection was kept from an earlier fetch */
};

struct fetch_target {
	struct fetch_place place; /* host and tls live as long as the fetch_conn is open */
	/* deadline of the whole fetch; the time that is left is divided among the addresses */
	uint64_t due_ns;
};

void fetch_conn_init(struct fetch_conn *c, void (*on_ready)(struct fetch_conn *c),
	void (*on_fail)(struct fetch_conn *c, int err));
/* Begin. events, user and arena are for the origin. on_fail gets ERR_NOT_RESOLVED with the reason
 * in why, ERR_NO_DESCRIPTORS, or the error of the last address. */
void fetch_conn_open(struct fetch_conn *c, struct worker *w, const struct fetch_target *t,
	const struct origin_events *events, void *user, struct arena *arena);
/* Within on_fail of the origin, whose whole request can be sent anew: where a kept connection was
 * stale and that is safe, open a new one; on_ready or on_fail follows, and the result is true. */
bool fetch_conn_again(struct fetch_conn *c, enum method method, int err);
/* In any state: nothing calls back any more. A connection whose response was complete is kept, if
 * it may be. */
void fetch_conn_close(struct fetch_conn *c);

#endif
