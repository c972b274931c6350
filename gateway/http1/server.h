/*
 * HTTP/1.1 towards clients: reads one request after the other from a stream, gives each to the
 * handler, writes the responses in order. Implements client_ops and codec. Worker's thread only.
 */
#ifndef HTTP1_SERVER_H
#define HTTP1_SERVER_H

#include "http/codec.h"

struct http1_request;

extern const struct codec http1_codec;

/* It lies in the memory of the connection (union codec_room), beside stream and info. Only the
 * codec uses its members. */
struct http1_server {
	struct stream *s;       /* borrowed: of the owner */
	struct conn_info *info; /* borrowed: of the owner */
	const struct codec_conf *conf;
	struct http1_request *rq; /* in its own arena; NULL between requests */
	union {
		uint64_t head_began_ns; /* while a head is read */
		uint64_t discard;       /* between requests: bytes of a body that are discarded */
	};
	uint32_t searched; /* bytes of s->in that hold no end of a head */
	uint8_t state;     /* enum server_state */
	uint8_t empty_lines;
	bool close; /* after this response */
	bool draining;
};

/* Take over an open stream: its user and data are the codec's from now on. Never fails. */
void http1_server_init(struct http1_server *c, struct stream *s, struct conn_info *info,
	const struct codec_conf *conf);
/* Drain: answer with `Connection: close`; an idle connection is closed when no request comes within
 * idle_ns. */
void http1_server_drain(struct http1_server *c, uint64_t idle_ns);
/* Close at once; a request in progress gets on_gone(ERR_SHUTTING_DOWN, false). on_closed is
 * called. */
void http1_server_abort(struct http1_server *c);

_Static_assert(sizeof(struct http1_server) <= CODEC_ROOM, "an idle connection has one of these");

#endif
