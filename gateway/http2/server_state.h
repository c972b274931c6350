/*
 * A connection from a client and its streams, as the files server*.c share them. The engine is
 * link.h. server_receive.c hears from the library what came, server_send.c what went out;
 * server_stream.c is the exchange's side, and server_due.c its deadlines; server.c is the socket's
 * side, and decides when a connection ends.
 *
 * The library's callbacks only note what happened (http2_stream_note); handlers are called when it
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
	DRAIN_NOTICE, /* the client was told to go elsewhere, and may not have heard it yet */
	DRAIN_HEARD,  /* it has */
	DRAIN_FINAL,  /* the last GOAWAY is said */
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
	/* the socket's bytes_out when all of it is out; SENT_AT_UNKNOWN: not framed */
	uint64_t sent_at;
	uint64_t discarded;       /* bytes of the request body that nobody wanted */
	uint64_t linger_until_ns; /* when the stream is reset at the latest, once it lingers */
	uint32_t head_size;       /* bytes its head takes, counted in server.heads */
	int head_err;             /* what is wrong with the head; 0: nothing */
	uint16_t status;          /* of the final head; 0: none was said */
	bool want_continue;       /* the client waits for 100 */
	bool counted;             /* in server.n_busy */
	bool framed;              /* all of the response went to the socket */
};

struct http2_server {
	struct http2_link l;
	struct conn_info *info;        /* borrowed: of the owner */
	const struct codec_conf *conf; /* borrowed: of the listener */
	struct pages pages;            /* owned: where the session lies */
	/* while it is watched for being idle: when that has lasted too long */
	uint64_t idle_until_ns;
	struct list sending; /* streams whose last bytes wait in the socket, in order */
	struct timer drain_timer;
	/* whose header block comes in; NULL: nobody's that counts */
	struct server_stream *building;
	struct head_builder builder;
	struct head_limits limits;
	struct arena_account memory; /* of all requests */
	/* bytes of it that their heads take, and above which no request begins */
	size_t heads, heads_max;
	struct updates *updates; /* owned: PRIORITY_UPDATEs of requests to come; NULL: none */
	uint32_t last_id;        /* the latest request's stream: those above it are idle */
	unsigned n_live;         /* requests that a handler has */
	unsigned n_busy;         /* requests that cost something: not framed, or not finished */
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
/* A request is not even begun: the client may send it again. */
void server_refuse(struct http2_server *c, int32_t id);
/* The client may send that much more. */
void server_consume(struct server_stream *rq, size_t n);

/* ---- server_stream.c ----------------------------------------------------------------------- */
struct server_stream *server_stream_new(struct http2_server *c, int32_t id);
/* For http2_end. */
void server_stream_tell(struct http2_stream *st, unsigned news);
/* It fails: the exchange hears e.err; RST_STREAM with e.code goes behind its answer, or at once
 * where it cannot answer. The first error counts. */
void server_stream_fail(struct server_stream *rq, struct http2_error e);
/* All of the response is in the socket or in the library's hands. */
void server_stream_framed(struct server_stream *rq);
/* The library forgets the stream, because of an error (err) or because both messages are whole. */
void server_stream_closed(struct server_stream *rq);
/* The connection breaks under it; lost: and its last bytes with it. */
void server_stream_cut_off(struct server_stream *rq, int err, bool lost);
/* RST_STREAM. */
void server_stream_reset(struct server_stream *rq, uint32_t code);
/* Free it at the end of the turn, when the library and the exchange have let go of it. */
void server_stream_try_free(struct server_stream *rq);
/* Before the handler hears of it: the requests of the connection take too much memory for this one
 * as well. */
void server_stream_refuse(struct server_stream *rq);
/* Whether a tunnel's client may still send, though all of ours is said. */
static inline bool server_stream_is_half_open(const struct server_stream *rq)
{
	return rq->st.kind == KIND_TUNNEL && !http2_stream_has_ended(&rq->st);
}
/* Whether the exchange has said the whole response. */
static inline bool server_stream_is_answered(const struct server_stream *rq)
{
	return rq->st.send == SEND_DONE;
}

/* ---- server_due.c -------------------------------------------------------------------------- */
void server_stream_on_due(struct timer *t);
/* Something is due in time: whatever it is, server_stream_on_due() knows. */
void server_stream_watch(struct server_stream *rq);
void server_stream_watch_body(struct server_stream *rq); /* more of the request body */
/* The client is to take the response: from now on; and further on. */
void server_stream_begin_sending(struct server_stream *rq);
void server_stream_watch_sending(struct server_stream *rq);
/* Whether its client may be in the middle of the body. */
bool server_stream_has_rest(const struct server_stream *rq);
/* Once the exchange is done, and all of the answer framed; whichever comes last begins it. */
void server_stream_linger(struct server_stream *rq);
/* Bytes of a body came that nobody wants any more. */
void server_stream_discard(struct server_stream *rq, size_t n);
/* The connection is to end soon: its client may not go on sending what nobody wants. */
void server_streams_hurry(struct http2_server *c);

/* ---- server.c ------------------------------------------------------------------------------ */
/* Whether nothing is under way, so that its memory can be put away. */
bool server_may_rest(const struct http2_server *c);
/* The client takes nothing any more. */
void server_stalled(struct http2_server *c);
/* Whether there is memory for one more request. */
bool server_has_memory(const struct http2_server *c);
/* There is not: counted, and told in the log once. */
void server_note_no_memory(struct http2_server *c);
/* It has carried as many requests as it may: have the client go on elsewhere. */
void server_retire(struct http2_server *c);

#endif
