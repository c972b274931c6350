/*
 * HTTP/1.1 towards clients: reads one request after the other from a stream, gives each to the
 * handler, writes the responses in order. Implements client_ops. Worker's thread only.
 */
#ifndef HTTP1_SERVER_H
#define HTTP1_SERVER_H

#include "http/handler.h"
#include "http/pace.h"
#include "net/stream.h"

struct http1_server;
struct http1_request;

/* Shared by all connections of a listener; immutable, outlives them. */
struct http1_server_conf {
	uint64_t head_ns; /* for a whole head, from its first byte */
	/* between reads of a body, and between writes of a response that a client does not take */
	uint64_t body_ns;
	uint64_t idle_ns;      /* between requests */
	uint64_t max_body;     /* bytes of a request body; 0: no bound */
	uint64_t max_requests; /* on one connection, before it is ended politely; 0: no bound */
	uint32_t max_head;     /* bytes */
	uint32_t max_fields;
	uint32_t max_target;
	enum slashes slashes;    /* of paths that are sent on */
	size_t budget;           /* memory of one exchange, bytes */
	struct pace_rule pace;   /* of bodies, both ways */
	struct lingering linger; /* for the rest of a request whose answer is complete */
	struct handler handler;
	/* The connection is over: close the stream. c is not used any more, but must stay for the
	 * rest of the turn. */
	void (*on_closed)(struct http1_server *c);
};

/* Lies in the memory of whoever accepted the connection, beside stream and info; only the codec
 * looks into it. */
struct http1_server {
	struct stream *s;       /* borrowed: of the owner */
	struct conn_info *info; /* borrowed: of the owner */
	const struct http1_server_conf *conf;
	struct http1_request *rq; /* in its own arena; NULL between requests */
	union {
		uint64_t head_began_ns; /* while a head is read */
		uint64_t discard;       /* between requests: bytes of a body nobody wants */
	};
	uint32_t searched; /* bytes of s->in that hold no end of a head */
	uint8_t state;     /* enum server_state */
	uint8_t empty_lines;
	bool close; /* after this response */
	bool draining;
};

/* Take over an open stream: its user and data are the codec's from now on. Never fails. */
void http1_server_init(struct http1_server *c, struct stream *s, struct conn_info *info,
	const struct http1_server_conf *conf);
/* From now on: answer with `Connection: close`; an idle connection closes when no request comes
 * within idle_ns. */
void http1_server_drain(struct http1_server *c, uint64_t idle_ns);
/* Close at once; a request in progress hears on_gone(ERR_SHUTTING_DOWN, false). on_closed is
 * called. */
void http1_server_abort(struct http1_server *c);

#endif
