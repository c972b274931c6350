/*
 * Connections to an endpoint: idle ones, the one used last first, so that those no longer needed grow old and close; and new
 * ones. A connection that was asked for in vain becomes an idle one. Its worker's thread only.
 */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "upstream/endpoint.h"

enum link_state { LINK_OPENING, LINK_IDLE, LINK_BUSY };

/* What became of a connection: l is open and in use; or NULL, and err says why. From the loop. */
typedef void (*pool_done)(void *user, struct link *l, int err);

/* One connection. */
struct link {
	struct list at;            /* in endpoint.idle or endpoint.opening */
	struct endpoint *endpoint; /* shared: ref */
	struct http1_conn *conn;   /* owned */
	struct http1_conn_conf conf;
	uint64_t since_ns;         /* OPENING: began */
	uint8_t state;             /* enum link_state */
	pool_done on_done;         /* OPENING; NULL: nobody waits for it */
	void *user;
};

/* An idle connection with these settings, taken into use; NULL: none. */
struct link *pool_take(struct endpoint *e, const struct http1_conn_conf *conf);
/* Begin to make one, making room by closing an idle one where the bound asks for it. tls may be NULL. 0, or an enum err. */
must_use int pool_open(struct endpoint *e, const struct http1_conn_conf *conf, struct tls_client *tls,
                       pool_done on_done, void *user, struct link **out);
/* Nobody waits for it any more. */
void pool_forsake(struct link *l);
/* Close what carries no request: all of it, or what exceeds the bound. */
void pool_close_idle(struct endpoint *e, uint32_t keep);
/* Close what is being made and has nobody waiting. */
void pool_close_opening(struct endpoint *e);

#endif
