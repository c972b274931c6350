/*
 * HTTP/1.1 towards an upstream server: one connection, one request on it at a time. Implements
 * origin_ops. Knows nothing of pools or balancing: its owner (upstream/pool) hears when it opens,
 * becomes free, or is gone. Worker's thread only.
 */
#ifndef HTTP1_CLIENT_H
#define HTTP1_CLIENT_H

#include "http/handler.h"
#include "net/stream.h"

struct http1_conn;

/* What the owner hears, from the loop; or, for on_free, from within origin_ops.release(). */
struct http1_conn_owner {
	/* Connected (TLS included): http1_conn_begin() may be called. */
	void (*on_open)(struct http1_conn *c);
	/* A request is done and the connection can carry another. */
	void (*on_free)(struct http1_conn *c);
	/* It is gone: it could not be opened (err says why), the server closed it while idle, the
	 * idle time passed, or a request ended so that it cannot be reused (err 0). c frees itself
	 * afterwards: forget it. Called exactly once for each connection, except after
	 * http1_conn_close(). */
	void (*on_gone)(struct http1_conn *c, int err);
};

struct http1_conn_conf {
	uint64_t connect_ns;  /* to an open connection, TLS included */
	uint64_t response_ns; /* longest silence of the server while a response is due */
	uint64_t idle_ns;     /* longest time between requests */
	size_t max_head;      /* bytes of a response head */
	uint32_t max_fields;
	bool lenient; /* takes responses that depart from the standard in a harmless way */
};

/* Begin to connect. conf is copied. NULL when not even begun (*err: an enum err; errno: why the
 * system refused). */
struct http1_conn *http1_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data, int *err);
/* Take over an open stream that is another's, by stream_move(): a free connection at once, on_open
 * is not called. NULL: it cannot be, and the stream is closed. */
struct http1_conn *http1_conn_adopt(struct stream *s, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data);
void *http1_conn_owner_data(struct http1_conn *c);
/* Within on_gone, when it could not be opened: the words of the system or of TLS, for the log; else
 * "". Borrowed. */
const char *http1_conn_why(const struct http1_conn *c);
/* Take an open, free connection for one request. The origin is the connection's own; arena for the
 * response heads. */
struct origin *http1_conn_begin(struct http1_conn *c, const struct origin_events *events,
	void *user, struct arena *arena);
/* Ask the socket whether the server has closed it, or sent bytes without a request, since it became
 * free: then close it, do not begin. */
bool http1_conn_check_stale(struct http1_conn *c);
/* Close a connection that carries no request. on_gone is not called. */
void http1_conn_close(struct http1_conn *c);

#endif
