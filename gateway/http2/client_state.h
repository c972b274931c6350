/*
 * A connection to an upstream server and its streams, as the files client*.c share them. The engine
 * is link.h. client_receive.c has the library's callbacks for what came, client_send.c gives it
 * what is to be sent; client_stream.c is the exchange's side; client.c is the socket's side, and
 * decides when a connection ends.
 *
 * The library's callbacks only note what happened (http2_stream_news); exchanges are told when it
 * has returned, by http2_link_tell().
 *
 * Flow control has two parts. Bytes that arrive are given back to the connection's window at once,
 * so that a response that its exchange does not take cannot stop the others. They are given back to
 * the stream's window when the exchange takes them, so that at most that window of one response
 * waits here.
 */
#ifndef HTTP2_CLIENT_STATE_H
#define HTTP2_CLIENT_STATE_H

#include "http2/client.h"
#include "http/response_builder.h"
#include "http2/link.h"

enum {
	CLIENT_STREAM_WINDOW = 256 * 1024, /* bytes of one response body that may wait here */
	CLIENT_WINDOW = 4 << 20,           /* bytes of all of them on their way */
	CLIENT_KEEP_MAX = 64 * 1024,       /* bytes of one request body that can be sent anew */
	CLIENT_INTERIM_MAX = 16,           /* 1xx responses before the final one */
	/* bytes of an explanation why the connection did not open */
	CLIENT_WHY = 160,
	CLIENT_DETAIL = RESPONSE_FAULT, /* bytes of an explanation why a response was refused */
};

#define OUT_UNKNOWN UINT64_MAX
#define LENGTH_UNKNOWN UINT64_MAX

struct client_stream {
	struct http2_stream st;
	struct origin o;
	struct http2_conn *conn;    /* borrowed: outlives it */
	struct response_head *head; /* in the arena: being read, or to be told */
	/* borrowed: of an extended CONNECT; NULL: it is none */
	const struct request_head *asked;
	struct buf kept; /* of the request body: all of it so far, to be sent anew */
	/* bytes of the response body still to come; LENGTH_UNKNOWN: it ends when it ends */
	uint64_t left;
	uint64_t out_start; /* the socket's byte that is its first; OUT_UNKNOWN: not framed yet */
	uint64_t out_end;   /* the socket's byte behind the last of it that was framed */
	/* the socket's bytes_out when watching the silence began */
	uint64_t out_mark;
	uint64_t waits_since_ns;    /* when something last came for it, or became due */
	char detail[CLIENT_DETAIL]; /* origin.detail */
	uint8_t method;
	uint8_t interim;
	bool keeping; /* kept is complete */
	bool call;    /* request_head.call */
};

struct http2_conn {
	struct http2_link l;
	struct stream s;
	struct http2_conn_conf conf;
	const struct http2_conn_owner *owner; /* borrowed: const table */
	void *owner_data;                     /* borrowed */
	/* borrowed: while on_gone tells of a connection that did not open */
	const char *why;
	/* the stream whose header block comes in; NULL: none, or one that was released */
	struct client_stream *building;
	struct response_builder builder;
	struct head_limits limits;
	uint32_t n_requests;
	uint32_t peer_max; /* requests at a time that the server allows */
	bool https;
	bool settled;  /* the server's settings have come */
	bool draining; /* no request may begin any more */
	bool changed;  /* on_change is to be called */
};

static inline struct client_stream *client_stream_of(struct http2_stream *st)
{
	return container_of(st, struct client_stream, st);
}
static inline struct http2_conn *conn_of(struct http2_link *l)
{
	return container_of(l, struct http2_conn, l);
}
static inline bool conn_is_open(const struct http2_conn *c)
{
	return c->l.state == LINK_OPEN;
}
/* The stream of that number; NULL: it was released, or never was. */
static inline struct client_stream *client_stream_at(const struct http2_conn *c, int32_t id)
{
	struct http2_stream *st = http2_link_stream(&c->l, id);
	return st ? client_stream_of(st) : NULL;
}

/* ---- client_receive.c ---------------------------------------------------------------------- */
void client_receive_set_up(nghttp2_session_callbacks *cb);

/* ---- client_send.c ------------------------------------------------------------------------- */
void client_send_set_up(nghttp2_session_callbacks *cb, nghttp2_option *o);
/* For http2_end. */
void client_data_sent(struct http2_stream *st, size_t n);
/* Hand a request to the library. 0, or an enum err. */
must_use int client_stream_submit(struct client_stream *r, const struct request_head *h);
/* Its head waits for the settings of the server, which say whether it takes an extended CONNECT. */
static inline bool client_stream_must_wait(const struct client_stream *r)
{
	return r->asked && !r->conn->settled;
}
/* Now the settings have come. */
void client_submit_waiting(struct http2_conn *c);
/* What the server sent for a request was taken: it may send that much more. */
void client_consume(struct client_stream *r, size_t n);

/* ---- client_stream.c ----------------------------------------------------------------------- */
struct client_stream *client_stream_new(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena);
/* For http2_end. The exchange may do anything, and release anything. */
void client_stream_tell(struct http2_stream *st, unsigned news);
/* Say what is wrong with the response, before client_stream_fail(); the first explanation
 * counts. */
void client_stream_explain(struct client_stream *r, const char *why);
/* The stream fails: the exchange gets e.err; the first error counts. RST_STREAM with e.code is sent
 * if the stream is open. */
void client_stream_fail(struct client_stream *r, struct http2_error e);
/* Something came from the server, or became due: set the deadline for its next silence. */
void client_stream_await(struct client_stream *r);

/* ---- client.c ------------------------------------------------------------------------------ */
/* Begin no more requests. */
void conn_drain(struct http2_conn *c);
/* An origin was released. c may be freed by this. */
void conn_released(struct http2_conn *c);

#endif
