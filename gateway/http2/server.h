/*
 * HTTP/2 towards clients: one connection with many requests at a time, each given to the handler as
 * HTTP/1.1 ones are. Implements client_ops. The protocol machine is libnghttp2; rules about
 * messages and limits are our own. Worker's thread only.
 */
#ifndef HTTP2_SERVER_H
#define HTTP2_SERVER_H

#include "http/handler.h"
#include "http/pace.h"
#include "net/stream.h"

struct http2_server;

/* Shared by all connections of a listener; immutable, outlives them. */
struct http2_server_conf {
	uint64_t head_ns; /* for a whole header block, from its first byte */
	/* between frames of a body, and between writes of a response that a client does not take */
	uint64_t body_ns;
	uint64_t idle_ns;      /* without a request */
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
};

/* Whoever accepted the connection: it owns the stream and the info. */
struct http2_server_owner {
	/* The connection is over: close and free the stream, after this turn. The codec frees
	 * itself. */
	void (*on_closed)(void *owner);
	void *owner;
};

/* Take over an open stream: its user and data are the codec's from now on. The client's preface is
 * still to be read, or lies in s->in: then the caller resumes it. Never fails. */
struct http2_server *http2_server_new(struct stream *s, struct conn_info *info,
	const struct http2_server_conf *conf, const struct http2_server_owner *owner);
/* From now on: tell the client to go elsewhere (GOAWAY), take what it sent before it knew, finish
 * that, and close. */
void http2_server_drain(struct http2_server *c, uint64_t idle_ns);
/* Close at once; requests in progress hear on_gone(ERR_SHUTTING_DOWN, false). on_closed is
 * called. */
void http2_server_abort(struct http2_server *c);

/* Whether a connection begins with HTTP/2 (RFC 9113 3.4), for those that agree on nothing
 * beforehand. */
enum { HTTP2_PREFACE_LEN = 24 };
enum http2_preface { HTTP2_PREFACE_NO, HTTP2_PREFACE_YES, HTTP2_PREFACE_MORE };
enum http2_preface http2_preface(const char *buf, size_t n);

/* Put away the memory that it needs only while something happens, if nothing does. It does so by
 * itself after a while; tests ask for it at any time. */
void http2_server_rest(struct http2_server *c);

/* At the end of a thread: memory that its connections left for others to use. */
void http2_thread_fini(void);

#endif
