/*
 * Shared by the files of http1/client: client.c has the connection, client_read.c reads responses,
 * and client_write.c is what the exchange calls.
 */
#ifndef HTTP1_CLIENT_IMPL_H
#define HTTP1_CLIENT_IMPL_H

#include "http1/chunk.h"
#include "http1/client.h"
#include "http1/delivery.h"

/* Of the connection. */
enum conn_state {
	CONN_OPENING,
	CONN_FREE,   /* can carry a request */
	CONN_BUSY,   /* carries one */
	CONN_FAILED, /* is closed; its request is still to be released */
	CONN_GONE,
};

/* How much of the request was sent. */
enum request_state {
	REQUEST_OPEN,  /* more of it, or of the tunnel, may come */
	REQUEST_ENDED, /* all of it was written */
	REQUEST_CUT,   /* the server takes no more: the rest is discarded */
};

/* How much of the response has come. */
enum response_state {
	RESPONSE_HEAD,   /* a head is awaited */
	RESPONSE_BODY,   /* the body is read and decoded; in a tunnel: bytes without framing */
	RESPONSE_UNREAD, /* a long body that is passed on unread while no plugin asks for it */
	RESPONSE_WHOLE,  /* the body is decoded to the end, but not all of that was taken */
	RESPONSE_DONE,   /* it was delivered to the end */
};

struct http1_conn {
	struct origin o;
	struct stream s;
	struct grave grave;
	struct http1_conn_conf conf;
	const struct http1_conn_owner *owner; /* borrowed: const table */
	void *owner_data;                     /* borrowed */
	/* borrowed: while on_gone tells of a connection that did not open */
	const char *why;
	struct buf body; /* decoded, not taken yet */
	struct chunk_decoder chunks;
	uint64_t left;                /* of a body with a length */
	uint64_t out_start, in_start; /* the stream's counters when the request began */
	/* the stream's bytes_out when watching its silence began */
	uint64_t out_mark;
	size_t searched;  /* bytes of s.in that hold no end of a head */
	uint8_t state;    /* enum conn_state */
	uint8_t request;  /* enum request_state */
	uint8_t response; /* enum response_state */
	uint8_t delivery; /* enum delivery, of the response body */
	uint8_t framing;  /* enum body_kind of the response */
	uint16_t status;  /* of it */
	uint8_t request_framing;
	uint8_t method;
	uint8_t interim;
	uint8_t empty_lines; /* before this head */
	bool keep_alive;
	bool upgrade; /* the request asks for another protocol */
	bool tunnel;
};

extern const struct origin_ops http1_origin_ops;

static inline void conn_set_state(struct http1_conn *c, enum conn_state to)
{
	static const uint8_t ways[] = {
		[CONN_OPENING] = 1 << CONN_FREE | 1 << CONN_GONE,
		[CONN_FREE] = 1 << CONN_BUSY | 1 << CONN_GONE,
		[CONN_BUSY] = 1 << CONN_FREE | 1 << CONN_FAILED | 1 << CONN_GONE,
		[CONN_FAILED] = 1 << CONN_GONE,
		[CONN_GONE] = 0,
	};
	check(ways[c->state] >> to & 1, "a connection goes from state %d to %d", c->state, to);
	c->state = (uint8_t)to;
}

static inline void conn_set_request(struct http1_conn *c, enum request_state to)
{
	static const uint8_t ways[] = {
		/* open again: as a tunnel */
		[REQUEST_OPEN] = 1 << REQUEST_ENDED | 1 << REQUEST_CUT,
		[REQUEST_ENDED] = 1 << REQUEST_OPEN | 1 << REQUEST_CUT,
		[REQUEST_CUT] = 1 << REQUEST_CUT,
	};
	check(ways[c->request] >> to & 1, "a request is sent: from state %d to %d", c->request, to);
	c->request = (uint8_t)to;
}

static inline void conn_set_response(struct http1_conn *c, enum response_state to)
{
	static const uint8_t ways[] = {
		[RESPONSE_HEAD] = 1 << RESPONSE_BODY | 1 << RESPONSE_UNREAD | 1 << RESPONSE_DONE,
		[RESPONSE_BODY] = 1 << RESPONSE_WHOLE,
		[RESPONSE_UNREAD] = 1 << RESPONSE_BODY | 1 << RESPONSE_WHOLE,
		[RESPONSE_WHOLE] = 1 << RESPONSE_DONE,
		[RESPONSE_DONE] = 0,
	};
	check(ways[c->response] >> to & 1, "a response is received: from state %d to %d",
		c->response, to);
	c->response = (uint8_t)to;
}

/* client.c */
/* The connection carries no request: close it, and tell the owner. */
void http1_conn_gone(struct http1_conn *c, int err);
/* The request that it carries fails. The exchange releases the origin, now or later. */
void http1_conn_fail(struct http1_conn *c, int err);
void http1_conn_count(struct http1_conn *c);
/* Bound the server's silence from now on, while something of it is due. */
void http1_conn_await(struct http1_conn *c);

/* client_read.c */
/* Read the part of a response that has come, and pass it to the exchange. */
void http1_conn_read(struct http1_conn *c);

#endif
