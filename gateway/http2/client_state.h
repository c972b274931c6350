/*
 * A connection to an upstream server and its requests, as the files client*.c share them.
 * client_session.c talks to the library and is called back by it; client_request.c is the
 * exchange's side; client.c the stream's side, and decides when a connection ends.
 *
 * The library's callbacks only note what happened; exchanges are told when it has returned, by
 * conn_tell(). What they ask for ends in the library's queues, and leaves when the turn of the loop
 * ends (conn_wake): one write for all requests.
 *
 * Flow control has two parts. What arrives is taken off the connection's window at once, so that no
 * request that is not taken stops the others; it is taken off the request's window when its
 * exchange takes it, so that no request can have more than that window waiting here.
 */
#ifndef HTTP2_CLIENT_STATE_H
#define HTTP2_CLIENT_STATE_H

#include "http2/client.h"
#include "http2/client_head.h"
#include "http2/limits.h"
#include "http2/pairs.h"

enum {
	CONN_REQUEST_WINDOW = 256 * 1024, /* bytes of one response body that may wait here */
	CONN_WINDOW = 4 << 20,            /* bytes of all of them on their way */
	/* bytes of one request body that wait for the server: the writer stops */
	CONN_BODY_HIGH = 64 * 1024,
	CONN_BODY_LOW = 16 * 1024,    /* and goes on */
	CONN_KEEP_MAX = 64 * 1024,    /* bytes of one request body that can be sent anew */
	CONN_INTERIM_MAX = 16,        /* 1xx responses before the final one */
	CONN_WHY = 160,               /* bytes of an explanation why it did not open */
	CONN_DETAIL = RESPONSE_FAULT, /* and of one why a response was refused */
};

enum conn_state {
	CONN_OPENING,
	CONN_OPEN,
	CONN_LOST, /* the stream is closed; origins are still to be released */
	CONN_GONE,
};

enum response_phase { RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE };

/* News for the exchange, beside the body and what ends it. */
enum conn_news { NEWS_HEAD = 1, NEWS_DRAINED = 2 };

#define OUT_UNKNOWN UINT64_MAX
#define LENGTH_UNKNOWN UINT64_MAX

struct conn_request {
	struct origin o;
	struct http2_conn *conn; /* borrowed: outlives it */
	struct list link;        /* conn.requests */
	struct list news_link;   /* conn.news, while there is something to tell */
	struct grave grave;
	struct timer timer;               /* the server's silence */
	struct response_head *head;       /* in the arena: being read, or to be told */
	const struct request_head *asked; /* borrowed: of an extended CONNECT; NULL: it is none */
	struct fields trailers;           /* of the response */
	struct buf body;                  /* arrived, not taken yet */
	struct buf out;                   /* of the request, not framed yet */
	struct buf kept;                  /* of the request: all of it so far, to be sent anew */
	struct pairs trailers_out;        /* of the request; in the arena */
	/* bytes of the response body still to come; LENGTH_UNKNOWN: it ends when it ends */
	uint64_t left;
	/* the stream's byte that is its first; OUT_UNKNOWN: not framed yet */
	uint64_t out_start;
	uint64_t out_end; /* the stream's byte behind the last of it that was framed */
	/* the stream's bytes_out when the silence began to be watched */
	uint64_t out_mark;
	uint64_t waits_since_ns;  /* when the server was heard of last, or something became due */
	char detail[CONN_DETAIL]; /* origin.detail */
	int32_t id;               /* 0: the library has not heard of it */
	int err;                  /* to be told */
	uint8_t phase;            /* enum response_phase */
	uint8_t news;             /* enum conn_news */
	uint8_t method;
	uint8_t interim;
	bool closed; /* the library has no such stream any more */
	bool released;
	bool held;
	bool end_told, fail_told;
	bool has_trailers;
	bool request_done; /* end() was called, or there is no body */
	bool full;         /* on_drained is owed */
	bool deferred;     /* the library waits to be told that there is more to send */
	bool keeping;      /* kept is complete */
	bool tunnel;       /* the server has agreed: bytes without an end that is due */
	bool call;         /* request_head.call */
};

struct http2_conn {
	struct stream s;
	struct http2_conn_conf conf;
	const struct http2_conn_owner *owner; /* borrowed: const table */
	void *owner_data;                     /* borrowed */
	/* borrowed: while on_gone tells of a connection that did not open */
	const char *why;
	nghttp2_session *h2;  /* owned; NULL: not open, or not any more */
	struct list requests; /* all that are not released */
	struct list news;     /* those with something to tell */
	struct turn_hook turn;
	struct grave grave;
	/* whose header block comes in; NULL: nobody's that counts */
	struct conn_request *building;
	struct response_builder builder;
	struct head_limits limits;
	struct meter meter;
	uint64_t heard_ns; /* when bytes came last */
	/* when it was asked for some; later than heard_ns: there is no answer yet */
	uint64_t ping_ns;
	uint32_t n_requests;
	uint32_t peer_max; /* requests at a time, says the server */
	/* the connection has to end; what its requests hear */
	int trouble;
	uint8_t state; /* enum conn_state */
	bool https;
	bool settled;  /* the server's settings have come */
	bool draining; /* nothing may begin any more */
	bool changed;  /* the owner is to be told */
	bool invalid;  /* the library refused a frame */
};

/* ---- client_session.c ---------------------------------------------------------------------- */
void conn_session_new(struct http2_conn *c);
void conn_session_free(struct http2_conn *c);
/* Use up one frame of s.in, or what is there of it. */
void conn_feed(struct http2_conn *c);
/* Frame what there is to send, as much as the stream wants. */
void conn_pump(struct http2_conn *c);
/* Hand a request to the library. 0, or why it does not take it. */
must_use int conn_submit(struct conn_request *r, const struct request_head *h);
/* Its head waits for the settings of the server, which say whether it takes an extended CONNECT. */
static inline bool conn_must_wait(const struct conn_request *r)
{
	return r->asked && !r->conn->settled;
}
/* What the server sent for a request was taken: it may send that much more. */
void conn_consume(struct conn_request *r, size_t n);
void conn_resume_body(struct conn_request *r);
/* Ask the server for a sign of life. */
void conn_ping(struct http2_conn *c);
/* The library forgets the request, the server hears that it is off. */
void conn_reset(struct conn_request *r, uint32_t code);

/* ---- client_request.c ---------------------------------------------------------------------- */
struct conn_request *conn_request_new(struct http2_conn *c, const struct origin_events *events,
	void *user, struct arena *arena, bool reused);
void conn_request_news(struct conn_request *r, unsigned news);
/* What is wrong with the response, before conn_request_fail(); the first explanation counts. */
void conn_request_explain(struct conn_request *r, const char *why);
/* It goes wrong; the first reason counts. */
void conn_request_fail(struct conn_request *r, int err);
/* The server was heard of, or something became due: how long may it be silent now? */
void conn_request_await(struct conn_request *r);
/* Tell the exchanges. They may do anything, and release anything. */
void conn_tell(struct http2_conn *c);

/* ---- client.c ------------------------------------------------------------------------------ */
/* Something waits to be framed or told: at the end of the turn. */
void conn_wake(struct http2_conn *c);
/* Nothing may begin any more. */
void conn_drain(struct http2_conn *c);
/* An origin was released. c may be gone afterwards. */
void conn_released(struct http2_conn *c);

#endif
