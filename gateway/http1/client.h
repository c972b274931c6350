/*
 * HTTP/1.1 towards an upstream server: one connection, one request on it at a time. Implements
 * origin_ops. It knows nothing of pools or balancing: its owner (upstream/pool) is told when it
 * opens, becomes free, or is gone. Worker's thread only.
 */
#ifndef HTTP1_CLIENT_H
#define HTTP1_CLIENT_H

#include "http/handler.h"
#include "net/stream.h"

struct http1_conn;

/* Events for the owner, from the loop; on_free also from within origin_ops.release(). */
struct http1_conn_owner {
	/* Connected (TLS included): http1_conn_begin() may be called. */
	void (*on_open)(struct http1_conn *c);
	/* A request is done and the connection can carry another. */
	void (*on_free)(struct http1_conn *c);
	/* It is gone: it could not be opened (err says why), the server closed it while idle, the
	 * idle time passed, or a request ended so that it cannot be reused (err 0). c frees itself
	 * afterwards and must not be used any more. Called exactly once for each connection, except
	 * after http1_conn_close(). */
	void (*on_gone)(struct http1_conn *c, int err);
};

struct http1_conn_conf {
	uint64_t connect_ns;  /* until the connection is open, TLS included */
	uint64_t response_ns; /* longest silence of the server while a response is due */
	uint64_t idle_ns;     /* longest time between requests */
	size_t max_head;      /* bytes of a response head */
	uint32_t max_fields;
	bool lenient; /* accept responses that depart from the standard in a harmless way */
};

/* Begin to connect. conf is copied. NULL when that failed at once (*err: an enum err; errno: the
 * system's reason). */
struct http1_conn *http1_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data, int *err);
/* Take over an open stream of another owner, by stream_move(). The connection is free at once, and
 * on_open is not called. NULL: that failed, and the stream is closed. */
struct http1_conn *http1_conn_adopt(struct stream *s, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data);
void *http1_conn_owner_data(struct http1_conn *c);
/* Within on_gone, when the connection could not be opened: what the system or TLS said, for the
 * log; else "". Borrowed. */
const char *http1_conn_why(const struct http1_conn *c);
/* Take an open, free connection for one request. The origin is the connection's own; arena for the
 * response heads. */
struct origin *http1_conn_begin(struct http1_conn *c, const struct origin_events *events,
	void *user, struct arena *arena);
/* Ask the socket whether the server has closed the connection, or sent bytes without a request,
 * since it became free. If so, close it and begin no request. */
bool http1_conn_check_stale(struct http1_conn *c);
/* Since when its request, which was sent whole, has waited for the first byte of a response. 0: it
 * carries none that waits. */
uint64_t http1_conn_waits_since(const struct http1_conn *c);
/* Bytes that have come by it. */
uint64_t http1_conn_received(const struct http1_conn *c);
/* Close a connection that carries no request. on_gone is not called. */
void http1_conn_close(struct http1_conn *c);

#endif
