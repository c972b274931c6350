/*
 * A connection and its requests, as the files of this folder share them. session.c talks to the
 * library, receive.c hears from it; request.c is the exchange's side, and request_due.c its
 * deadlines; server.c is the stream's side, and decides when a connection ends.
 *
 * The library's callbacks only note what happened (request_tell); handlers are called when it has
 * returned, by requests_dispatch(). What exchanges do ends in the library's queues, and leaves when
 * the turn of the loop ends (server_wake): one write for all of a connection's requests.
 */
#ifndef HTTP2_STATE_H
#define HTTP2_STATE_H

#include <nghttp2/nghttp2.h>

#include "http2/head.h"
#include "http2/limits.h"
#include "http2/pages.h"
#include "http2/pairs.h"
#include "http2/priority_update.h"
#include "http2/server.h"

enum server_state {
	SERVER_OPEN,
	SERVER_ENDING, /* nothing is read or framed any more; requests in progress finish */
	SERVER_LINGER, /* none is left; the stream closes politely */
	SERVER_DEAD,   /* the stream is broken; requests in progress finish */
	SERVER_CLOSED,
};

enum drain_state { DRAIN_NONE, DRAIN_NOTICE, DRAIN_FINAL };

/* News for the exchange, in the order in which it hears them. */
enum tell {
	TELL_HEAD = 1,
	TELL_BODY = 2,
	TELL_END = 4,
	TELL_DRAINED = 8,
	TELL_SENT = 16,
	TELL_GONE = 32,
};

#define SENT_AT_UNKNOWN UINT64_MAX

struct http2_request {
	struct client c;
	struct request_head head;
	struct http2_server *server; /* borrowed: outlives it */
	struct list link;            /* server.requests */
	struct list news_link;       /* server.news, while tell is not 0 */
	struct list sent_link;       /* server.sending, while its last bytes wait in the stream */
	/* for its next DATA, and for the client to take the response */
	struct timer timer;
	struct buf body; /* received, not taken yet */
	struct buf out;  /* of the response, not framed yet */
	struct fields trailers;
	struct pairs trailers_out; /* of the response; in the arena */
	uint64_t received;         /* bytes of the body */
	/* of the response body; declared UINT64_MAX: it ends when it ends */
	uint64_t declared, pushed;
	uint64_t moved;    /* bytes of the response body that were framed */
	uint64_t progress; /* of the response when it was last looked at */
	/* of the body, and of the response while it waits for the client */
	struct pace pace_in, pace_out;
	/* the stream's bytes_out when all of it is out; SENT_AT_UNKNOWN: not framed */
	uint64_t sent_at;
	uint64_t thrown;          /* bytes of the body that nobody wanted */
	uint64_t linger_until_ns; /* LINGER: when the stream is reset at the latest */
	uint32_t head_size;       /* bytes its head takes, counted in server.heads */
	int32_t id;
	int bad; /* what is wrong with the head */
	int gone_err;
	uint32_t reset_code; /* for RST_STREAM behind the response, or instead of it */
	uint8_t news;        /* enum tell */
	bool told;           /* the handler has it */
	bool finished;       /* and is done with it */
	bool closed;         /* the library has no such stream any more */
	bool counted;        /* in server.n_busy */
	bool at_work;        /* the handler is being told: it may not be freed */
	bool held;
	bool gone;          /* on_gone was called: no event any more */
	bool want_continue; /* the client waits for 100 */
	/* an extended CONNECT: what follows the head is for the tunnel, if there will be one */
	bool connect;
	bool tunnel;       /* and there is */
	bool end_received; /* END_STREAM */
	bool end_told;     /* on_end was called, or there is nothing to tell */
	bool has_trailers;
	bool head_sent, has_body, response_done;
	bool refused;  /* the head that was sent says so: 4xx or 5xx */
	bool full;     /* on_drained is owed */
	bool deferred; /* the library waits to be told that there is more to send */
	bool framed;   /* all of the response went to the stream */
	bool cut;      /* the response ends with RST_STREAM, behind what there is of it */
	bool reset;    /* RST_STREAM is on its way */
	bool client_reset;
};

struct http2_server {
	struct stream *s;       /* borrowed: of the owner */
	struct conn_info *info; /* borrowed: of the owner */
	const struct codec_conf *conf;
	nghttp2_session *h2; /* owned */
	struct pages pages;  /* owned: where it lies */
	/* while it is watched for being idle: when that has lasted too long */
	uint64_t idle_until_ns;
	struct list requests; /* all that are not freed */
	struct list news;     /* requests with something to tell */
	struct list sending;  /* requests whose last bytes wait in the stream, in order */
	struct turn_hook turn;
	struct timer drain_timer;
	struct grave grave;
	/* whose header block comes in; NULL: nobody's that counts */
	struct http2_request *building;
	struct head_builder builder;
	struct head_limits limits;
	struct meter meter;
	struct arena_account memory; /* of all requests */
	/* bytes of it that their heads take, and above which no request begins */
	size_t heads, heads_max;
	struct updates *updates; /* owned: PRIORITY_UPDATEs of requests to come; NULL: none */
	uint32_t last_id;        /* the latest request's stream: those above it are idle */
	uint64_t heard_ns;       /* when bytes came last */
	/* when it was asked for some; later than heard_ns: there is no answer yet */
	uint64_t ping_ns;
	unsigned n_live; /* requests that a handler has */
	unsigned n_busy; /* requests that cost something: not framed, or not finished */
	/* an error code of HTTP/2: the connection has to end, for this reason */
	uint32_t trouble;
	uint8_t state; /* enum server_state */
	uint8_t drain; /* enum drain_state */
	uint8_t watch; /* enum watch, of server.c */
	bool invalid;  /* the library refused a frame */
	bool deaf;     /* what comes in is thrown away; requests in progress finish */
	bool pinged;   /* the client has seen our GOAWAY */
	bool crowded;  /* a request was refused for want of memory, and the log says so */
};

/* ---- session.c ----------------------------------------------------------------------------- */
void session_new(struct http2_server *c);
void session_free(struct http2_server *c);
/* Whether nothing is under way, so that its memory can be put away. */
bool session_may_rest(struct http2_server *c);
/* The request of a stream, or NULL. */
struct http2_request *session_request(struct http2_server *c, int32_t id);
/* A request was dropped because of what the client did. */
void session_count_reset(struct http2_server *c);
/* A request is not even begun: the client may send it again. */
void session_refuse(struct http2_server *c, int32_t id);
/* Use up s->in. */
void session_feed(struct http2_server *c);
/* Frame what there is to send, as much as the stream wants. */
void session_pump(struct http2_server *c);
/* Whether the library is through with the connection. */
bool session_is_over(struct http2_server *c);
void session_goaway(struct http2_server *c); /* the final one, politely */
void session_ping(struct http2_server *c);   /* ask for a sign of life */
/* The last words, whatever the library has in mind. */
void session_last_words(struct http2_server *c, uint32_t code);
/* A nghttp2_data_source_read_callback whose source is a request. */
ssize_t session_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
	nghttp2_data_source *source, void *user);
/* The client may send that much more. */
void session_consume(struct http2_server *c, struct http2_request *rq, size_t n);

/* ---- request.c ----------------------------------------------------------------------------- */
struct http2_request *request_new(struct http2_server *c, int32_t id);
void request_tell(struct http2_request *rq, unsigned news);
/* Tell that the client is lost. code: for RST_STREAM, once the exchange has answered or cannot. */
void request_fail(struct http2_request *rq, int err, uint32_t code);
/* All of the response is in the stream or in the library's hands. */
void request_framed(struct http2_request *rq);
/* The library forgets the stream. */
void request_closed(struct http2_request *rq);
void request_reset(struct http2_request *rq, uint32_t code);
void request_try_free(struct http2_request *rq);
/* Before the handler hears of it: the requests of the connection take too much memory for this one
 * as well. rq may be gone. */
void request_refuse(struct http2_request *rq);
void requests_dispatch(struct http2_server *c);

/* ---- request_due.c ------------------------------------------------------------------------- */
void request_on_due(struct timer *t);
/* Something is due in time: whatever it is, request_on_due() knows. */
void request_watch(struct http2_request *rq);
void request_watch_body(struct http2_request *rq); /* more of the body */
/* The client is to take the response: from now on; and further on. */
void request_begin_sending(struct http2_request *rq);
void request_watch_sending(struct http2_request *rq);
/* Whether its client may be in the middle of the body. */
bool request_has_rest(const struct http2_request *rq);
/* Once the exchange is done, and all of the answer framed; whichever comes last begins it. */
void request_linger(struct http2_request *rq);
/* Bytes of a body came that nobody wants any more. */
void request_throw_away(struct http2_request *rq, size_t n);
/* The connection is to end soon: its client may not go on sending what nobody wants. */
void requests_hurry(struct http2_server *c);

/* ---- server.c ------------------------------------------------------------------------------ */
/* Something waits to be framed or told: at the end of the turn. */
void server_wake(struct http2_server *c);
/* The connection ends with GOAWAY, and so do its requests. */
void server_terminate(struct http2_server *c, uint32_t code);
/* The client takes nothing any more. */
void server_stalled(struct http2_server *c);
/* Whether there is memory for one more request. */
bool server_has_memory(const struct http2_server *c);
/* There is not: counted, and told in the log once. */
void server_crowded(struct http2_server *c);
/* It has carried as many requests as it may: have the client go on elsewhere. */
void server_retire(struct http2_server *c);

#endif
