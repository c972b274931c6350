/*
 * Shared by the files of http1/server: server.c reads, server_due.c watches the time, and
 * server_write.c is what the exchange calls. A request has three states, of what it receives, sends
 * and delivers; each changes through one function, which checks the transition.
 */
#ifndef HTTP1_SERVER_IMPL_H
#define HTTP1_SERVER_IMPL_H

#include "http1/chunk.h"
#include "http1/delivery.h"
#include "http1/server.h"

enum { DISCARD_MAX = 64 * 1024 }; /* rest of a refused body that is read to keep the connection */

/* Of the connection. */
enum server_state {
	SERVER_IDLE,    /* between requests */
	SERVER_HEAD,    /* a head has begun */
	SERVER_BUSY,    /* a request is in progress */
	SERVER_DISCARD, /* the rest of a small body is read and discarded */
	SERVER_CLOSING, /* nothing is read any more */
};

/* How much of the request has come. From RECEIVE_DONE on, nothing of it is awaited. */
enum receive_state {
	RECEIVE_HEAD,        /* its head is judged */
	RECEIVE_EXPECT,      /* its client waits for 100 (Continue) before it sends the body */
	RECEIVE_BODY,        /* its body is read and decoded */
	RECEIVE_WHOLE,       /* its body is decoded to the end, but not all of that was taken */
	RECEIVE_TUNNEL,      /* bytes without framing */
	RECEIVE_DONE,        /* it was delivered to the end */
	RECEIVE_REFUSED,     /* its head was refused: what follows may be a body, or anything */
	RECEIVE_TUNNEL_DONE, /* the client ended its side of the tunnel */
};

/* How much of the response was sent. */
enum send_state {
	SEND_HEAD, /* no final head was written */
	SEND_BODY, /* the final head was; in a tunnel: bytes without framing */
	SEND_FULL, /* the client does not take all of it: on_drained must follow */
	SEND_DONE, /* all of it was written: on_sent follows when the system has taken it */
	SEND_CUT,  /* it was cut and will never be complete */
};

struct http1_request {
	struct client c;
	struct request_head head;
	struct http1_server *server;
	struct chunk_decoder chunks;
	struct buf body;              /* decoded, not taken yet */
	uint64_t left;                /* of a body with a length */
	uint64_t in_start, out_start; /* the stream's counters when it began */
	uint64_t body_bytes;
	uint64_t stall_mark; /* the stream's bytes_out when watching for a write stall began */
	/* of the body, and of the response while it waits for the client */
	struct pace in, out;
	uint8_t receive;          /* enum receive_state */
	uint8_t send;             /* enum send_state */
	uint8_t delivery;         /* enum delivery, of the request body */
	uint8_t response_framing; /* enum body_kind, as written */
	bool gone;                /* on_gone was called: no more events */
};

extern const struct client_ops http1_client_ops;

static inline void server_set_state(struct http1_server *c, enum server_state to)
{
	static const uint8_t ways[] = {
		[SERVER_IDLE] = 1 << SERVER_HEAD | 1 << SERVER_BUSY | 1 << SERVER_CLOSING,
		[SERVER_HEAD] = 1 << SERVER_BUSY | 1 << SERVER_CLOSING,
		[SERVER_BUSY] = 1 << SERVER_IDLE | 1 << SERVER_DISCARD | 1 << SERVER_CLOSING,
		[SERVER_DISCARD] = 1 << SERVER_IDLE | 1 << SERVER_CLOSING,
		[SERVER_CLOSING] = 1 << SERVER_CLOSING,
	};
	check(ways[c->state] >> to & 1, "a connection goes from state %d to %d", c->state, to);
	c->state = (uint8_t)to;
}

static inline void request_set_receive(struct http1_request *rq, enum receive_state to)
{
	static const uint8_t ways[] = {
		[RECEIVE_HEAD] = 1 << RECEIVE_EXPECT | 1 << RECEIVE_BODY | 1 << RECEIVE_DONE |
			1 << RECEIVE_REFUSED,
		[RECEIVE_EXPECT] = 1 << RECEIVE_BODY,
		[RECEIVE_BODY] = 1 << RECEIVE_WHOLE,
		[RECEIVE_WHOLE] = 1 << RECEIVE_DONE,
		[RECEIVE_TUNNEL] = 1 << RECEIVE_TUNNEL_DONE,
		[RECEIVE_DONE] = 1 << RECEIVE_TUNNEL,
		[RECEIVE_REFUSED] = 0,
		[RECEIVE_TUNNEL_DONE] = 0,
	};
	check(ways[rq->receive] >> to & 1, "a request is received: from state %d to %d",
		rq->receive, to);
	rq->receive = (uint8_t)to;
}

static inline void request_set_send(struct http1_request *rq, enum send_state to)
{
	static const uint8_t ways[] = {
		/* without a head: to a client that is lost */
		[SEND_HEAD] = 1 << SEND_BODY | 1 << SEND_DONE,
		[SEND_BODY] = 1 << SEND_FULL | 1 << SEND_DONE | 1 << SEND_CUT,
		[SEND_FULL] = 1 << SEND_BODY | 1 << SEND_DONE | 1 << SEND_CUT,
		[SEND_DONE] = 1 << SEND_CUT,
		[SEND_CUT] = 1 << SEND_CUT,
	};
	check(ways[rq->send] >> to & 1, "a response is sent: from state %d to %d", rq->send, to);
	rq->send = (uint8_t)to;
}

/* Nothing of the request is awaited any more. */
static inline bool request_is_received(const struct http1_request *rq)
{
	return rq->receive >= RECEIVE_DONE;
}
static inline bool request_is_tunnel(const struct http1_request *rq)
{
	return rq->receive == RECEIVE_TUNNEL || rq->receive == RECEIVE_TUNNEL_DONE;
}
/* Bytes of the response wait for the client. */
static inline bool request_is_sending(const struct http1_request *rq)
{
	return rq->send == SEND_FULL || rq->send == SEND_DONE;
}

/* server.c */
/* Close the connection at once. */
void http1_server_closed(struct http1_server *c);
/* Close the connection once the client has read what was written. unread: the client may be in the
 * middle of a request. */
void http1_server_linger(struct http1_server *c, bool unread);
/* Between requests. */
void http1_server_go_on(struct http1_server *c);
/* The client of the request in progress is lost: tell the exchange. It answers if it can, and
 * finishes, now or later. */
void http1_server_gone(struct http1_server *c, int err);
void http1_request_count(struct http1_request *rq);

/* server_due.c */
/* Bound the wait for the body, if one is awaited. */
void http1_server_watch(struct http1_server *c);
/* Bound the wait for the client to take bytes of the response, from now on. */
void http1_server_watch_rate(struct http1_server *c);
static inline void http1_server_watch_stall(struct http1_server *c)
{
	c->rq->stall_mark = c->s->bytes_out;
	if (unlikely(c->conf->pace.min_rate != 0))
		http1_server_watch_rate(c);
	else
		stream_deadline(c->s, c->rq->c.silence_ns);
}
/* The deadline of a request in progress has passed. */
void http1_server_on_due(struct http1_server *c);

#endif
