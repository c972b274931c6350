/*
 * Connections to an endpoint. Of HTTP/1.1 each carries one request: idle ones are taken, the one
 * used last first, so that those no longer needed grow old and close; and new ones are made. A
 * connection of HTTP/2 is shared: as long as it has room it is taken again, and who needs one that
 * is being made waits for it together with others. A connection that nobody waits for any more when
 * it opens becomes an idle one. Its worker's thread only.
 *
 *     opening ---> idle <---> busy              HTTP/1.1
 *     opening ---> idle <---> shared <---> full HTTP/2; a lost one stands nowhere until its last
 * request is over
 */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "http1/client.h"
#include "http2/client.h"
#include "upstream/endpoint.h"

enum link_protocol {
	LINK_HTTP1,
	LINK_HTTP2,
	LINK_EITHER,       /* the server chooses, by ALPN */
	LINK_HTTP1_CHOSEN, /* it would, but we do */
};

static inline bool link_is_http1(enum link_protocol p)
{
	return p == LINK_HTTP1 || p == LINK_HTTP1_CHOSEN;
}

/* Connections are alike when this is the same. */
struct link_conf {
	struct http1_conn_conf http1;
	uint32_t protocol;    /* enum link_protocol */
	uint32_t max_streams; /* not of HTTP/1.1 */
	uint64_t ping_ns;     /* not of HTTP/1.1 */
};

enum link_state {
	/* in endpoint.opening; of HTTP/2 also one that is full until the server says how much it
	   takes */
	LINK_OPENING,
	LINK_IDLE,   /* in endpoint.idle */
	LINK_SHARED, /* in endpoint.shared: HTTP/2 with room */
	LINK_BUSY,   /* nowhere */
};

/* One connection. */
struct link {
	struct list at;
	struct endpoint *endpoint; /* shared: ref */
	struct http1_conn *h1;     /* owned; NULL: HTTP/2, or not known yet */
	struct http2_conn *h2;     /* owned; NULL: HTTP/1.1 */
	struct link_conf conf;
	uint64_t header[2];    /* hash of what it began with; 0, 0: nothing */
	struct list asks;      /* who waits for it, the oldest first */
	struct turn_hook hook; /* looks at them */
	struct grave grave;
	uint64_t since_ns; /* OPENING: began */
	uint32_t n_asks;
	uint32_t extra, room; /* its parts of those of the endpoint */
	uint8_t state;        /* enum link_state */
	bool loss_counted;    /* that it was lost has been counted against the server */
};

/* An open connection with these settings and room for a request; NULL: none. header: what it must
 * have begun with, before TLS; may be empty. A PROXY header names a client, so connections with one
 * are taken for this client alone. */
struct link *pool_take(struct endpoint *e, const struct link_conf *conf, sluice_str header);
/* Begin a request on the connection that was taken, or that an ask was answered with. */
struct origin *pool_begin(struct link *l, const struct origin_events *events, void *user,
	struct arena *arena);
/* Begin to make one, or wait for one that is being made. Room is made by closing an idle one where
 * the bound asks for it. tls may be NULL; header, of at most PROXY_HEADER_WRITTEN bytes, is not of
 * HTTP/2. 0: the ask is answered later; or an enum err. */
must_use int pool_open(struct endpoint *e, const struct link_conf *conf, struct tls_client *tls,
	sluice_str header, struct pool_ask *ask);
/* Whether one more may be made. */
bool pool_may_open(const struct endpoint *e);
/* The ask waits no more; a connection that is being made for it alone may serve another. */
void pool_cancel(struct pool_ask *ask);
/* A request ended with an error that is the server's. Whether it is to be counted: of the requests
 * that were lost together with a connection of HTTP/2, the first alone is. */
bool pool_report_loss(struct link *l);
/* Close what carries no request: all of it, or what exceeds the bound. */
void pool_close_idle(struct endpoint *e, uint32_t keep);
/* Close what is being made and has nobody waiting. */
void pool_close_opening(struct endpoint *e);

#endif
