/*
 * One stream of HTTP/2, as both ends of a link have it: the state of each of its two messages, who
 * has released it, and the bytes on their way. server_stream and client_stream embed it. Its states
 * change only by the functions below, which check the transitions. Worker's thread only.
 */
#ifndef HTTP2_STREAM_H
#define HTTP2_STREAM_H

#include "http/head.h"
#include "http2/pairs.h"
#include "net/buf.h"
#include "net/worker.h"

struct http2_link;

/* The scope of an error: RFC 9113 5.4. */
enum http2_scope {
	HTTP2_STREAM_ERROR,
	HTTP2_CONNECTION_ERROR,
};

/* An error: its code for the exchange, its code on the wire, and its scope. */
struct http2_error {
	int err;       /* enum err, for the exchange; 0: no error */
	uint32_t code; /* RFC 9113 7: for the peer, in RST_STREAM or GOAWAY */
	enum http2_scope scope;
};

static inline struct http2_error http2_stream_error(int err, uint32_t code)
{
	return (struct http2_error){ err, code, HTTP2_STREAM_ERROR };
}
static inline struct http2_error http2_connection_error(int err, uint32_t code)
{
	return (struct http2_error){ err, code, HTTP2_CONNECTION_ERROR };
}

/* What the peer has sent of its message. */
enum receive_state {
	RECEIVE_HEAD,  /* its final head is still to come */
	RECEIVE_BODY,  /* the head is complete; a body, trailers or END_STREAM follow */
	RECEIVE_END,   /* END_STREAM came */
	RECEIVE_RESET, /* RST_STREAM came */
};

/* What the exchange has given of our message. */
enum send_state {
	SEND_HEAD, /* its final head is still to come */
	SEND_BODY, /* the head is with the library; the end is still to come */
	SEND_DONE, /* all of it is given; it may wait to be framed */
	SEND_CUT,  /* the message is cut: RST_STREAM follows the bytes that exist */
};

/* What the library knows of the stream. */
enum wire_state {
	WIRE_IDLE, /* nothing yet: it has no number */
	WIRE_OPEN,
	WIRE_RESET,  /* the gateway has sent RST_STREAM */
	WIRE_CLOSED, /* the library has forgotten it */
};

/* The exchange's part in the stream. */
enum owner_state {
	OWNER_NONE,     /* no handler was called */
	OWNER_TOLD,     /* events go to the exchange */
	OWNER_GONE,     /* the exchange got its last event: the stream failed */
	OWNER_RELEASED, /* the exchange is done with it */
};

/* What the stream carries. */
enum stream_kind {
	KIND_MESSAGES, /* a request and a response */
	KIND_CONNECT,  /* an extended CONNECT (RFC 8441): a tunnel, if the answer agrees */
	KIND_TUNNEL,   /* the answer agrees: bytes in both directions */
};

/* Events for the exchange when the library has returned: bits. */
enum stream_news {
	NEWS_HEAD = 1,
	NEWS_BODY = 2,
	NEWS_END = 4,
	NEWS_DRAINED = 8,
	NEWS_SENT = 16,
	NEWS_GONE = 32,
};

struct http2_stream {
	struct http2_link *link; /* borrowed: outlives it */
	struct list all_link;    /* link.streams */
	struct list news_link;   /* link.news, while there is something to tell */
	struct grave grave;
	struct timer timer;
	struct buf in;               /* received, not taken yet */
	struct buf out;              /* to be sent, not framed yet */
	struct fields trailers;      /* received */
	struct pairs trailers_out;   /* to be sent; in the arena */
	const struct fields *at_end; /* what goes with on_end: trailers, or NULL */
	struct http2_error error;
	int32_t id;
	uint8_t receive; /* enum receive_state */
	uint8_t send;    /* enum send_state */
	uint8_t wire;    /* enum wire_state */
	uint8_t owner;   /* enum owner_state */
	uint8_t kind;    /* enum stream_kind */
	uint8_t news;    /* enum stream_news */
	bool held;       /* the exchange takes no body until it resumes */
	bool end_told;   /* on_end was called, or there is nothing to tell */
	bool full;       /* on_drained is owed, once little of `out` is left */
	bool deferred;   /* the library waits to be told that there is more to send */
};

/* Set a state. The same state again is allowed. */
void http2_stream_set_receive(struct http2_stream *st, enum receive_state to);
void http2_stream_set_send(struct http2_stream *st, enum send_state to);
void http2_stream_set_wire(struct http2_stream *st, enum wire_state to);
void http2_stream_set_owner(struct http2_stream *st, enum owner_state to);
void http2_stream_set_kind(struct http2_stream *st, enum stream_kind to);

/* Whether events still reach an exchange, or may do so yet. */
static inline bool http2_stream_has_listener(const struct http2_stream *st)
{
	return st->owner < OWNER_GONE;
}
/* Whether an exchange has it and has not released it. */
static inline bool http2_stream_has_owner(const struct http2_stream *st)
{
	return st->owner == OWNER_TOLD || st->owner == OWNER_GONE;
}
/* Whether all of the peer's message has come. */
static inline bool http2_stream_has_ended(const struct http2_stream *st)
{
	return st->receive == RECEIVE_END;
}

#endif
