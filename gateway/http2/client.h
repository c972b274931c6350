/*
 * HTTP/2 towards an upstream server: one connection with many requests at a time, each an origin of
 * its own. Knows nothing of pools or balancing: its owner (upstream/pool) hears when it opens, when
 * it takes more or fewer requests, and when it is gone. The protocol machine is libnghttp2; rules
 * about messages and limits are our own. Worker's thread only.
 */
#ifndef HTTP2_CLIENT_H
#define HTTP2_CLIENT_H

#include "http/handler.h"
#include "net/stream.h"

struct http2_conn;

/* What the owner hears, from the loop; or, for on_change, from within origin_ops.release(). */
struct http2_conn_owner {
	/* Connected (TLS included): http2_conn_room() requests may begin. */
	void (*on_open)(struct http2_conn *c);
	/* Connected, but the server chose HTTP/1.1, and the settings allow that: *s is open, and
	 * nothing was written to it. Whoever does not stream_move() it lets it close. c frees
	 * itself afterwards: forget it. NULL: never allowed. */
	void (*on_http1)(struct http2_conn *c, struct stream *s);
	/* http2_conn_room() or http2_conn_load() may have changed. c may be closed when it carries
	 * nothing. */
	void (*on_change)(struct http2_conn *c);
	/* It is gone, and carries no request: it could not be opened (err says why), the server
	 * closed it or is about to, it broke, or the idle time passed (err 0). c frees itself
	 * afterwards: forget it. Called exactly once for each connection, except after on_http1 and
	 * http2_conn_close(). */
	void (*on_gone)(struct http2_conn *c, int err);
};

struct http2_conn_conf {
	/* to an open connection, TLS included; and from there to the server's settings */
	uint64_t connect_ns;
	/* longest silence about a request while a response is due; about a call, to the answer to a
	 * PING */
	uint64_t response_ns;
	/* longest silence of the connection while it has calls, before a PING asks */
	uint64_t ping_ns;
	uint64_t idle_ns; /* longest time without a request */
	size_t max_head;  /* bytes of a response head */
	uint32_t max_fields;
	uint32_t max_requests; /* at a time; the server may allow fewer */
	uint32_t early;        /* of them before it has said how many */
	/* takes control bytes in values, and any status of three digits from 100 */
	bool lenient;
	bool may_http1; /* over TLS: HTTP/1.1 will do as well */
};

/* Begin to connect. conf is copied. NULL when not even begun (*err: an enum err; errno: why the
 * system refused). */
struct http2_conn *http2_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http2_conn_conf *conf,
	const struct http2_conn_owner *owner, void *owner_data, int *err);
void *http2_conn_owner_data(struct http2_conn *c);
/* Within on_gone, when it could not be opened: the words of the system or of TLS, for the log; else
 * "". Borrowed. */
const char *http2_conn_why(const struct http2_conn *c);
enum http2_stage {
	HTTP2_CONNECTING,
	HTTP2_NEW, /* open; how many requests the server takes it has not said yet */
	HTTP2_OPEN,
	HTTP2_LOST, /* broken; its origins are being released */
};
enum http2_stage http2_conn_stage(const struct http2_conn *c);
/* How many more requests may begin now; 0: it is full, or takes no more. */
uint32_t http2_conn_room(const struct http2_conn *c);
/* How many origins there are. */
uint32_t http2_conn_load(const struct http2_conn *c);
/* What the server allows at a time, once its settings have come; 0 before. */
uint32_t http2_conn_limit(const struct http2_conn *c);
/* Begin no more; once it carries nothing it is gone. on_change follows where there was room, from
 * within. */
void http2_conn_retire(struct http2_conn *c);
/* Begin a request, where there is room. arena for what comes back. */
struct origin *http2_conn_begin(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena);
/* Ask the socket whether the server has closed it since it became idle: then do not begin, close
 * it. */
bool http2_conn_check_stale(struct http2_conn *c);
/* Close a connection that carries no request. on_gone is not called. */
void http2_conn_close(struct http2_conn *c);

#endif
