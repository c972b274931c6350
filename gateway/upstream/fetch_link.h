/*
 * Connections of fetches by URL, which a worker keeps for the next fetch to the same place: host,
 * port, and TLS with the same authorities. At most FETCH_LINKS_IDLE are kept idle, for
 * FETCH_LINK_IDLE_MS each; the one that was used first goes first. Each counts against the quota of
 * fetches, and idle ones go when the quota is spent. Its worker's thread only.
 */
#ifndef UPSTREAM_FETCH_LINK_H
#define UPSTREAM_FETCH_LINK_H

#include "http1/client.h"
#include "net/worker.h"

struct tls_client;

enum { FETCH_LINKS_IDLE = 32, FETCH_LINK_IDLE_MS = 30000 };

/* Where a connection leads. */
struct fetch_place {
	const char *host; /* NUL-terminated */
	uint16_t port;
	/* Through a proxy's tunnel: where the proxy is, and the head of the request that makes the
	 * tunnel. via NULL: not so. */
	const char *via; /* NUL-terminated */
	uint16_t via_port;
	sluice_str connect;
	struct tls_client *tls; /* NULL: plain */
	/* whether the connection may be kept when its fetch is over, and an idle one taken */
	bool keep;
};

struct fetch_link;

/* One fetch, while it has a connection. */
struct fetch_link_user {
	void (*on_open)(struct fetch_link_user *u); /* fetch_link_begin() may be called */
	/* It could not be opened, or is gone; err and why as of http1_conn_owner. */
	void (*on_gone)(struct fetch_link_user *u, int err, const char *why);
};

/* An idle connection to that place; NULL: there is none. */
struct fetch_link *fetch_link_take(struct worker *w, const struct fetch_place *p,
	struct fetch_link_user *user);
/* Begin to connect to one address of the place. NULL: *err is ERR_NO_DESCRIPTORS, where the quota
 * is spent, ERR_UPSTREAM_TLS or as of http1_conn_open(). */
struct fetch_link *fetch_link_open(struct worker *w, const struct fetch_place *p,
	const struct addr *to, const struct http1_conn_conf *conf, struct fetch_link_user *user,
	int *err);
struct origin *fetch_link_begin(struct fetch_link *l, const struct origin_events *events,
	void *user, struct arena *arena);
/* The user leaves; nothing calls it back. o: what fetch_link_begin() gave, which is released; NULL:
 * it did not begin. The connection is kept if it may be, and closed otherwise. */
void fetch_link_leave(struct fetch_link *l, struct origin *o);

#endif
