/*
 * Connections to an endpoint. A connection of HTTP/1.1 carries one request at a time: an idle one
 * is taken, the last used first, so that those that are no longer needed reach their idle timeout;
 * or a new one is made. A connection of HTTP/2 is shared: it is taken again as long as it has room,
 * and several calls may wait together for one that is being made. A connection that nobody waits
 * for any more when it opens becomes an idle one. Its worker's thread only.
 *
 *     opening ---> idle <---> busy              HTTP/1.1
 *     opening ---> idle <---> shared <---> busy              HTTP/2: full, or lost until its last
 *                                                            request is over
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
	LINK_HTTP1_CHOSEN, /* the server could choose, but the gateway takes HTTP/1.1 */
};

static inline bool link_is_http1(enum link_protocol p)
{
	return p == LINK_HTTP1 || p == LINK_HTTP1_CHOSEN;
}

/* Settings of a connection. A call may use any connection with the same settings. */
struct link_conf {
	struct http1_conn_conf http1;
	uint32_t protocol;    /* enum link_protocol */
	uint32_t max_streams; /* not of HTTP/1.1 */
	uint64_t ping_ns;     /* not of HTTP/1.1 */
};

enum link_state {
	/* in endpoint.opening; of HTTP/2 also one that is full until the server tells its limit */
	LINK_OPENING,
	LINK_IDLE,   /* in endpoint.idle */
	LINK_SHARED, /* in endpoint.shared: HTTP/2 with room */
	LINK_BUSY,   /* in endpoint.busy */
};

/* One connection. */
struct link {
	struct list at;
	struct endpoint *endpoint; /* shared: ref */
	struct http1_conn *h1;     /* owned; NULL: HTTP/2, or not known yet */
	struct http2_conn *h2;     /* owned; NULL: HTTP/1.1 */
	struct link_conf conf;
	uint64_t header[2];    /* hash of the PROXY header that it began with; 0, 0: none */
	struct list asks;      /* struct pool_ask: they wait for it; the oldest first */
	struct turn_hook hook; /* answers asks */
	struct grave grave;
	uint64_t since_ns; /* OPENING: began */
	uint64_t received; /* bytes that had come when upstream/stall looked last */
	uint32_t n_asks;
	uint32_t extra, room; /* its part of the endpoint's n_extra and n_room */
	uint8_t state;        /* enum link_state */
	bool loss_counted;    /* its loss has been counted against the server */
};

/* An open connection with these settings and room for a request; NULL: none. header: the PROXY
 * header that it must have begun with, before TLS; may be empty. A PROXY header names a client, so
 * that a connection with one serves this client alone. */
struct link *pool_take(struct endpoint *e, const struct link_conf *conf, sluice_str header);
/* Begin a request on the connection that was taken, or that an ask was answered with. */
struct origin *pool_begin(struct link *l, const struct origin_events *events, void *user,
	struct arena *arena);
/* Begin to make a connection, or wait for one that is being made. Where the bound is reached, an
 * idle connection is closed first. tls may be NULL; header has at most PROXY_HEADER_WRITTEN bytes,
 * and none with HTTP/2. 0: the ask is answered later; or an enum err. */
must_use int pool_open(struct endpoint *e, const struct link_conf *conf, struct tls_client *tls,
	sluice_str header, struct pool_ask *ask);
/* Whether one more connection may be made. */
bool pool_may_open(const struct endpoint *e);
/* Withdraw the ask: on_done is not called. A connection that is being made for it alone may serve
 * another. */
void pool_cancel(struct pool_ask *ask);
/* A request ended with an error of the server. Returns whether to count it: of the requests that
 * were lost together with a connection of HTTP/2, only the first is counted. */
bool pool_report_loss(struct link *l);
/* Close idle connections, but for `keep` of them. */
void pool_close_idle(struct endpoint *e, uint32_t keep);
/* Close the connections that are being made and that no ask waits for. */
void pool_close_opening(struct endpoint *e);

#endif
