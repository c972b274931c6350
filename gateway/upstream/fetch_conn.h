/*
 * The connection of one fetch: the name is looked up, its addresses are tried one after another,
 * and the first connection that opens carries the request. A fetch uses it as an exchange uses an
 * upstream_call, so that a fetch could use the pools of an upstream as well. Its worker's thread
 * only.
 */
#ifndef UPSTREAM_FETCH_CONN_H
#define UPSTREAM_FETCH_CONN_H

#include "http1/client.h"
#include "net/resolve.h"
#include "tls/client.h"

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
	struct worker *worker;  /* borrowed */
	struct tls_client *tls; /* borrowed; NULL: plain */
	const char *host;       /* borrowed */
	uint64_t due_ns;
	const struct origin_events *events;
	void *user;
	struct arena *arena; /* borrowed */
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	unsigned n_addrs, at;
	struct http1_conn *conn; /* owned; NULL: none now */
};

struct fetch_target {
	const char *host; /* NUL-terminated; lives as long as the connection, like tls */
	uint16_t port;
	struct tls_client *tls; /* NULL: plain */
	/* deadline of the whole fetch; the time that is left is divided among the addresses */
	uint64_t due_ns;
};

void fetch_conn_init(struct fetch_conn *c, void (*on_ready)(struct fetch_conn *c),
	void (*on_fail)(struct fetch_conn *c, int err));
/* Begin. events, user and arena are for the origin. on_fail gets ERR_NOT_RESOLVED with the reason
 * in why, ERR_NO_DESCRIPTORS, or the error of the last address. */
void fetch_conn_open(struct fetch_conn *c, struct worker *w, const struct fetch_target *t,
	const struct origin_events *events, void *user, struct arena *arena);
/* In any state: nothing calls back any more. */
void fetch_conn_close(struct fetch_conn *c);

#endif
