/*
 * HTTP/1.1 towards clients: reads one request after the other from a stream, gives each to the handler, writes the responses
 * in order. Implements client_ops. Worker's thread only.
 */
#ifndef HTTP1_SERVER_H
#define HTTP1_SERVER_H

#include "http/handler.h"
#include "net/stream.h"

struct http1_server;

/* Shared by all connections of a listener; immutable, outlives them. */
struct http1_server_conf {
	uint64_t head_ns;  /* for a whole head, from its first byte */
	uint64_t body_ns;  /* between reads of a body, and between writes of a response that a client does not take */
	uint64_t idle_ns;  /* between requests */
	uint64_t max_body; /* bytes of a request body; 0: no bound */
	uint64_t max_requests; /* on one connection, before it is ended politely; 0: no bound */
	uint32_t max_head; /* bytes */
	uint32_t max_fields;
	uint32_t max_target;
	size_t budget; /* memory of one exchange, bytes */
	struct handler handler;
};

/* Whoever accepted the connection: it owns the stream and the info. */
struct http1_server_owner {
	/* The connection is over: close and free the stream, after this turn. The codec frees itself. */
	void (*on_closed)(void *owner);
	void *owner;
};

/* Take over an open stream: its user and data are the codec's from now on. Never fails. */
struct http1_server *http1_server_new(struct stream *s, struct conn_info *info, const struct http1_server_conf *conf,
                                      const struct http1_server_owner *owner);
/* From now on: answer with `Connection: close`; an idle connection closes when no request comes within idle_ns. */
void http1_server_drain(struct http1_server *c, uint64_t idle_ns);
/* Close at once; a request in progress hears on_gone(ERR_SHUTTING_DOWN, false). on_closed is called. */
void http1_server_abort(struct http1_server *c);

#endif
