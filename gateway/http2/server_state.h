/*
 * A connection from a client and its streams, as the files server*.c share them. The engine is
 * link.h. server_receive.c has the library's callbacks for what came, server_send.c those for what
 * is sent; server_stream.c is the exchange's side, and server_due.c its deadlines; server.c is the
 * socket's side, and decides when a connection ends.
 *
 * The library's callbacks only note what happened (http2_stream_news); handlers are called when it
 * has returned, by http2_link_tell().
 */
#ifndef HTTP2_SERVER_STATE_H
#define HTTP2_SERVER_STATE_H

#include "http/head_builder.h"
#include "http2/link.h"
#include "http2/pages.h"
#include "http2/priority_update.h"
#include "http2/server.h"

enum drain_state {
	DRAIN_NONE,
	/* the client was told to use another connection, and may not have read it yet */
	DRAIN_NOTICE,
	DRAIN_HEARD, /* the client has read it */
	DRAIN_FINAL, /* the last GOAWAY was sent */
};

#define SENT_AT_UNKNOWN UINT64_MAX
#define LENGTH_UNKNOWN UINT64_MAX

struct server_stream {
	struct http2_stream st;
	struct client c;
	struct request_head head;
	struct http2_server *server; /* borrowed: outlives it */
	struct list sent_link;       /* server.sending, while its last bytes wait in the socket */
	uint64_t received;           /* bytes of the request body */
	/* of the response body; 0: there is none; LENGTH_UNKNOWN: it ends when it ends */
	uint64_t declared;
	uint64_t pushed;   /* bytes of it that the exchange has given */
	uint64_t moved;    /* bytes of it that were framed */
	uint64_t progress; /* of the response when it was last looked at */
	/* of the body, and of the response while it waits for the client */
	struct pace pace_in, pace_out;
	/* the socket's bytes_out when the whole response is sent; SENT_AT_UNKNOWN: not framed */
	uint64_t sent_at;
	uint64_t discarded;       /* bytes of the request body that were discarded */
	uint64_t linger_until_ns; /* when the stream is reset at the latest, once it lingers */
	uint32_t head_size;       /* bytes its head takes, counted in server.heads */
	int head_err;             /* what is wrong with the head; 0: nothing */
	uint16_t status;          /* of the final head; 0: there is none yet */
	bool want_continue;       /* the client waits for 100 */
	bool counted;             /* in server.n_busy */
	bool framed;              /* all of the response went to the socket */
};

struct http2_server {
	struct http2_link l;
	struct conn_info *info;        /* borrowed: of the owner */
	const struct codec_conf *conf; /* borrowed: of the listener */
	struct pages pages;            /* owned: memory of the session */
	/* when an idle connection has been idle for too long */
	uint64_t idle_until_ns;
	struct list sending; /* streams whose last bytes wait in the socket, in order */
	struct timer drain_timer;
	/* the stream whose header block comes in; NULL: none, or one that was dropped */
	struct server_stream *building;
	struct head_builder builder;
	struct head_limits limits;
	struct arena_account memory; /* of all requests */
	/* bytes of it that their heads take, and the bound above which no request begins */
	size_t heads, heads_max;
	struct updates *updates; /* owned: PRIORITY_UPDATEs of requests to come; NULL: none */
	uint32_t last_id;        /* the latest request's stream: those above it are idle */
	unsigned n_live;         /* requests that a handler has */
	unsigned n_busy;         /* requests that are not framed or not finished */
	uint8_t drain;           /* enum drain_state */
	uint8_t watch;           /* enum watch, of server.c */
	bool short_of_memory;    /* a request was refused for that, and the log says so */
};

static inline struct server_stream *server_stream_of(struct http2_stream *st)
{
	return container_of(st, struct server_stream, st);
}
static inline struct http2_server *server_of(struct http2_link *l)
{
	return container_of(l, struct http2_server, l);
}
static inline uint64_t server_now(const struct http2_server *c)
{
	return worker_now(c->l.stream->worker);
}
static inline bool server_is_open(const struct http2_server *c)
{
	return c->l.state == LINK_OPEN;
}
/* The stream of a request, or NULL. */
static inline struct server_stream *server_stream_at(const struct http2_server *c, int32_t id)
{
	struct http2_stream *st = http2_link_stream(&c->l, id);
	return st ? server_stream_of(st) : NULL;
}

/* ---- server_receive.c ---------------------------------------------------------------------- */
void server_receive_set_up(nghttp2_session_callbacks *cb);

/* ---- server_send.c ------------------------------------------------------------------------- */
void server_send_set_up(nghttp2_session_callbacks *cb);
/* For http2_end. */
void server_data_sent(struct http2_stream *st, size_t n);
void server_pumped(struct http2_link *l);
/* A request was dropped because of what the client did. */
void server_count_reset(struct http2_server *c);
/* Refuse a request before it begins: the client may send it again. */
void server_refuse(struct http2_server *c, int32_t id);
/* Let the client send n more bytes. */
void server_consume(struct server_stream *rq, size_t n);

/* ---- server_stream.c ----------------------------------------------------------------------- */
struct server_stream *server_stream_new(struct http2_server *c, int32_t id);
/* For http2_end. */
void server_stream_tell(struct http2_stream *st, unsigned news);
/* The stream fails: the exchange gets e.err; RST_STREAM with e.code follows its answer, or goes at
 * once where it cannot answer. The first error counts. */
void server_stream_fail(struct server_stream *rq, struct http2_error e);
/* The whole response was handed to the socket or the library. */
void server_stream_framed(struct server_stream *rq);
/* The library has closed the stream, because of an error (err) or because both messages are
 * complete. */
void server_stream_closed(struct server_stream *rq);
/* The connection is broken; lost: its last bytes are lost too. */
void server_stream_cut_off(struct server_stream *rq, int err, bool lost);
/* RST_STREAM. */
void server_stream_reset(struct server_stream *rq, uint32_t code);
/* Free it at the end of the turn, when the library and the exchange have released it. */
void server_stream_try_free(struct server_stream *rq);
/* Refuse a request before the handler is called, because the requests of the connection take too
 * much memory. */
void server_stream_refuse(struct server_stream *rq);
/* Whether a tunnel's client may still send although the response has ended. */
static inline bool server_stream_is_half_open(const struct server_stream *rq)
{
	return rq->st.kind == KIND_TUNNEL && !http2_stream_has_ended(&rq->st);
}
/* Whether the exchange has given the whole response. */
static inline bool server_stream_is_answered(const struct server_stream *rq)
{
	return rq->st.send == SEND_DONE;
}

/* ---- server_due.c -------------------------------------------------------------------------- */
void server_stream_on_due(struct timer *t);
/* Set the one timer; server_stream_on_due() finds out what is due. */
void server_stream_watch(struct server_stream *rq);
void server_stream_watch_body(struct server_stream *rq); /* more of the request body */
/* Watch that the client takes the response: begin; go on. */
void server_stream_begin_sending(struct server_stream *rq);
void server_stream_watch_sending(struct server_stream *rq);
/* Whether the client may still be sending the body. */
bool server_stream_has_rest(const struct server_stream *rq);
/* Begin to linger, once the exchange is done and the whole answer is framed. */
void server_stream_linger(struct server_stream *rq);
/* Bytes of a body came that is discarded. */
void server_stream_discard(struct server_stream *rq, size_t n);
/* The connection is to end soon: its client may not go on sending bodies that are discarded. */
void server_streams_hurry(struct http2_server *c);

/* ---- server.c ------------------------------------------------------------------------------ */
/* Whether the connection is idle, so that its memory can be saved. */
bool server_may_rest(const struct http2_server *c);
/* The client takes no bytes any more. */
void server_stalled(struct http2_server *c);
/* Whether there is memory for one more request. */
bool server_has_memory(const struct http2_server *c);
/* There is none: count it, and log it once. */
void server_note_no_memory(struct http2_server *c);
/* The connection has carried as many requests as it may: tell the client to open another. */
void server_retire(struct http2_server *c);

/* Whether more has come than the exchange takes, of a body whose length was not said: another is
 * refused by what its head says. */
static inline bool server_stream_is_too_large(const struct server_stream *rq)
{
	return rq->c.max_body && rq->received > rq->c.max_body && rq->st.kind == KIND_MESSAGES &&
		rq->head.body != BODY_LENGTH;
}

#endif
