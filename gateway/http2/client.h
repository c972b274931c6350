/*
 * HTTP/2 towards an upstream server: one connection with many requests at a time, each an origin of
 * its own. It knows nothing of pools or balancing: its owner (upstream/pool) is told when it opens,
 * when it takes more or fewer requests, and when it is gone. libnghttp2 handles the protocol;
 * Sluice has its own rules for messages and limits. Worker's thread only.
 */
#ifndef HTTP2_CLIENT_H
#define HTTP2_CLIENT_H

#include "http/handler.h"
#include "net/stream.h"

struct http2_conn;

/* Events for the owner, from the loop; on_change also from within origin_ops.release(). */
struct http2_conn_owner {
	/* Connected (TLS included): http2_conn_room() requests may begin. */
	void (*on_open)(struct http2_conn *c);
	/* Connected, but the server chose HTTP/1.1, and the settings allow that: *s is open, and
	 * nothing was written to it. If the owner does not stream_move() it, it is closed. c frees
	 * itself afterwards and must not be used any more. NULL: HTTP/1.1 is never allowed. */
	void (*on_http1)(struct http2_conn *c, struct stream *s);
	/* http2_conn_room() or http2_conn_load() may have changed. The owner may close c when it
	 * carries nothing. */
	void (*on_change)(struct http2_conn *c);
	/* It is gone, and carries no request: it could not be opened (err says why), the server
	 * closed it or is about to, it broke, or the idle time passed (err 0). c frees itself
	 * afterwards and must not be used any more. Called exactly once for each connection, except
	 * after on_http1 and http2_conn_close(). */
	void (*on_gone)(struct http2_conn *c, int err);
};

struct http2_conn_conf {
	/* until the connection is open, TLS included; and again until the server's settings come */
	uint64_t connect_ns;
	/* longest silence about a request while a response is due; for a call, until the answer to
	 * a PING */
	uint64_t response_ns;
	/* longest silence of the connection while it has calls, before a PING is sent */
	uint64_t ping_ns;
	uint64_t idle_ns; /* longest time without a request */
	size_t max_head;  /* bytes of a response head */
	uint32_t max_fields;
	uint32_t max_requests; /* at a time; the server may allow fewer */
	uint32_t early;        /* requests before the server has told its limit */
	/* accept control bytes in values, and any status of three digits from 100 */
	bool lenient;
	bool may_http1; /* over TLS: the server may choose HTTP/1.1 */
};

/* Begin to connect. conf is copied. NULL when that failed at once (*err: an enum err; errno: the
 * system's reason). */
struct http2_conn *http2_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http2_conn_conf *conf,
	const struct http2_conn_owner *owner, void *owner_data, int *err);
void *http2_conn_owner_data(struct http2_conn *c);
/* Within on_gone, when the connection could not be opened: what the system or TLS said, for the
 * log; else "". Borrowed. */
const char *http2_conn_why(const struct http2_conn *c);
enum http2_stage {
	HTTP2_CONNECTING,
	HTTP2_NEW, /* open; the server has not told its limit of requests yet */
	HTTP2_OPEN,
	HTTP2_LOST, /* broken; its origins are being released */
};
enum http2_stage http2_conn_stage(const struct http2_conn *c);
/* How many more requests may begin now; 0: the connection is full, or takes no more. */
uint32_t http2_conn_room(const struct http2_conn *c);
/* How many origins there are. */
uint32_t http2_conn_load(const struct http2_conn *c);
/* How many requests the server allows at a time; 0 before its settings have come. */
uint32_t http2_conn_limit(const struct http2_conn *c);
/* Since when the oldest of its requests that were sent whole has waited for the first byte of a
 * response. 0: none waits. */
uint64_t http2_conn_waits_since(const struct http2_conn *c);
/* Bytes that have come by it. */
uint64_t http2_conn_received(const struct http2_conn *c);
/* Begin no more requests; when the last one has ended, on_gone follows. on_change is called from
 * within this where there was room. */
void http2_conn_retire(struct http2_conn *c);
/* Begin a request; there must be room. arena: for the response. */
struct origin *http2_conn_begin(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena);
/* Ask the socket whether the server has closed the connection since it became idle. If so, close it
 * and begin no request. */
bool http2_conn_check_stale(struct http2_conn *c);
/* Close a connection that carries no request. on_gone is not called. */
void http2_conn_close(struct http2_conn *c);

#endif
