/* Shared by the two halves of http1/server: server.c reads, server_write.c is what the exchange
 * calls. */
#ifndef HTTP1_SERVER_IMPL_H
#define HTTP1_SERVER_IMPL_H

#include "http1/chunk.h"
#include "http1/server.h"

enum { DISCARD_MAX = 64 * 1024 }; /* rest of a refused body that is read to keep the connection */

enum server_state { SERVER_IDLE, SERVER_HEAD, SERVER_BUSY, SERVER_DISCARD, SERVER_CLOSING };

struct http1_request {
	struct client c;
	struct request_head head;
	struct http1_server *server;
	struct chunk_decoder chunks;
	struct buf body;              /* decoded, not taken yet */
	uint64_t left;                /* of a body with a length */
	uint64_t in_start, out_start; /* the stream's counters when it began */
	uint64_t body_bytes;
	uint64_t stall_mark; /* the stream's bytes_out when a write stall began to be watched */
	/* of the body, and of the response while it waits for the client */
	struct pace in, out;
	uint8_t response_framing; /* enum body_kind, as written */
	bool body_whole;          /* all of the body was decoded */
	bool request_done;        /* body and trailers were delivered */
	bool refused;             /* its head was: what follows may be a body, or anything */
	bool held;
	bool offer; /* what was not taken is to be handed over again */
	/* the client takes less of the response than there is: on_drained is owed */
	bool full;
	bool want_continue; /* the client waits for 100 */
	bool head_sent, response_done;
	bool tunnel; /* bytes without framing, both ways */
	bool gone;   /* on_gone was called: no event any more */
};

extern const struct client_ops http1_client_ops;

/* The connection is over. */
void http1_server_closed(struct http1_server *c);
/* It is, once the client has what was written. unread: and may be in the middle of a request. */
void http1_server_linger(struct http1_server *c, bool unread);
/* Between requests. */
void http1_server_go_on(struct http1_server *c);
/* Bound the wait for the body, if one is awaited. */
void http1_server_watch(struct http1_server *c);
/* And that for a client to take what waits for it, from now on. */
void http1_server_watch_rate(struct http1_server *c);
static inline void http1_server_watch_stall(struct http1_server *c)
{
	c->rq->stall_mark = c->s->bytes_out;
	if (unlikely(c->conf->pace.min_rate != 0))
		http1_server_watch_rate(c);
	else
		stream_deadline(c->s, c->conf->body_ns);
}
void http1_request_count(struct http1_request *rq);

#endif
