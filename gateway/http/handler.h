/*
 * The two faces of an exchange, free of any protocol version: its client and its origin (one
 * request on a connection to an upstream server). Codecs implement `client_ops` and `origin_ops`;
 * the exchange implements `client_events` and `origin_events`. One worker thread.
 *
 * Two rules keep this simple. An operation never calls back before it returns: what goes wrong
 * while writing is told later, from the event loop. And what a face lies in outlives the event that
 * is being told: `finish` comes at the end of a turn, and `release` buries. Data is pushed; `full`
 * tells the pusher to stop, `on_drained` to go on.
 */
#ifndef HTTP_HANDLER_H
#define HTTP_HANDLER_H

#include "base/cidr.h"
#include "http/head.h"
#include "net/buf.h"
#include "net/splice.h"

struct client;
struct count_client;
struct origin;
struct stream;

/* ---- client side --------------------------------------------------------------------------- */

/* Called by the exchange. */
struct client_ops {
	/* A response head: any number of 1xx, then one final. It says by h->body what follows;
	 * fields with FIELD_DROP are left out, framing fields are the codec's own work. h is read
	 * before the call returns. */
	void (*head)(struct client *c, const struct response_head *h);
	/* Takes all of data, which is then empty. Returns true when full: push no more until
	 * on_drained. */
	bool (*body)(struct client *c, struct buf *data);
	/* Take at most `most` bytes of the body from the socket of `from`, where they wait unread;
	 * *n tells how many. After SPLICE_FULL on_drained comes. NULL: not this codec. */
	enum splice (*splice)(struct client *c, struct stream *from, uint64_t most, uint64_t *n);
	/* The response is complete. trailers may be NULL; dropped where the protocol or the client
	 * cannot take them. */
	void (*end)(struct client *c, const struct fields *trailers);
	/* After a head of 101, which ends the request and the response as messages: from here on
	 * on_body() and on_end() are bytes of a tunnel and their end, body() and end() those in the
	 * other direction. HTTP/2 says 200 for it, to a client that it told of as one that asks by
	 * Upgrade (RFC 8441). NULL: this codec has no tunnels. */
	void (*tunnel)(struct client *c);
	/* The response cannot be completed: make sure that the client does not take it for
	 * whole. */
	void (*abort)(struct client *c);
	/* Stop or go on delivering the request body. It is held at first; going on for the first
	 * time also tells a client that waits for 100 (Continue) to send. */
	void (*hold)(struct client *c);
	void (*resume)(struct client *c);
	/* The handler is done with this client, always its last call: memory of the arena dies
	 * here. Comes at the end of a turn, never from within an event. */
	void (*finish)(struct client *c);
};

/* Called by the codec, from the event loop. */
struct client_events {
	/* A part of the request body: take what you want from data; the rest is handed over again
	 * with the next part. */
	void (*on_body)(struct client *c, struct buf *data);
	/* The request is complete. trailers may be NULL. */
	void (*on_end)(struct client *c, const struct fields *trailers);
	/* After `full`: there is room again. */
	void (*on_drained)(struct client *c);
	/* After end(): every byte was handed to the system. */
	void (*on_sent)(struct client *c);
	/* No further event comes: the client left, broke the protocol or a limit (err). When the
	 * codec can still answer, and no final head was sent, it waits for that answer;
	 * `can_answer` tells. */
	void (*on_gone)(struct client *c, int err, bool can_answer);
};

/* For a handler that will finish the client at the end of this turn: takes what comes until then,
 * and does nothing. */
extern const struct client_events client_ended;

/* What every request has, whatever its codec. Lies in its own arena; embedded first in the codec's
 * struct. */
struct client {
	const struct client_ops *ops;
	const struct client_events *events; /* set by the handler in on_request */
	struct arena arena;                 /* owned by the codec, freed in finish() */
	struct request_head *head;
	const struct conn_info *conn; /* borrowed: lives until finish() */
	void *user;                   /* of the handler: the exchange */
	uint64_t started_ns;          /* first byte of the head arrived */
	uint64_t bytes_in, bytes_out; /* of this request: heads and bodies, before TLS */
};

/* Who is believed about the client a request comes from, and where it is written. Of a listener. */
enum client_ip_from { CLIENT_IP_X_FORWARDED_FOR, CLIENT_IP_FORWARDED };
struct client_trust {
	struct cidr_set *proxies; /* shared: ref */
	enum client_ip_from from;
};

/* Whether Sluice tells upstreams of itself (RFC 9110 7.6.3). */
enum conn_via { VIA_WRITTEN, VIA_SILENT };

/* What all connections of a listener have in common. */
struct conn_listener {
	sluice_str name;
	struct client_trust trust;
	sluice_strs kept; /* names of edge fields that pass from anybody */
	enum conn_via via;
	/* of one client to upstreams, in progress; UINT32_MAX: no bound */
	uint32_t max_client_requests;
};

/* Facts of the connection a request came over. The peer is who connected, or whom a PROXY header
 * named. Kept small: an idle connection has one. */
struct conn_info {
	/* borrowed: the listener's address, or the one that a PROXY header named */
	const struct addr *local;
	const struct conn_listener *listener; /* borrowed: lives as long */
	const char *tls_version;              /* "TLSv1.3"; NULL: plain */
	const char *peer_ip;                  /* borrowed: lives as long; with a NUL */
	/* Whether the connection was made for this host, which it then remembers. NULL: it may have
	 * been made for any. */
	bool (*is_for)(struct conn_info *c, sluice_str host);
	/* the last one it was; owned by whoever set is_for; NULL: none yet */
	const char *host;
	size_t host_len;
	/* where its connections and requests are counted (front/count); NULL: they are not */
	struct count_client *client;
	uint64_t id;       /* of the connection, unique in the process */
	uint32_t requests; /* begun on this connection so far, this one included */
	/* borrowed: the socket, to ask the system about it; -1: nothing it says matters */
	int fd;
	uint16_t peer_port;
	uint8_t peer_ip_len;
	bool peer_is_trusted; /* a proxy that is believed about its clients */
};

/* Whether a request for this host may come by the connection (RFC 9110 7.4). */
static inline bool conn_takes(const struct conn_info *c, sluice_str host)
{
	if (likely(!c->is_for ||
		    (c->host && host.len == c->host_len &&
			    memcmp(host.data, c->host, host.len) == 0)))
		return true;
	return host.len == 0 || c->is_for((struct conn_info *)(uintptr_t)c, host);
}

/* NULL: the peer is believed nothing. */
static inline const struct client_trust *conn_trust(const struct conn_info *c)
{
	return c->peer_is_trusted ? &c->listener->trust : NULL;
}

/* Whoever answers requests: proxy/ and admin/. on_request may answer before it returns. */
struct handler {
	/* A request head is complete and valid. Must set c->events (and c->user). The body is held
	 * until resume(). */
	void (*on_request)(void *ctx, struct client *c);
	/* A head could not be read, or the process takes on no more: the codec has an answer to
	 * give (err_info(err)->status), and wants it counted and logged. c->head may be incomplete
	 * (fields n may be 0, strings empty). The handler answers as for a request. */
	void (*on_bad_request)(void *ctx, struct client *c, int err);
	void *ctx;
};

/* ---- origin side --------------------------------------------------------------------------- */

/* Called by the exchange. */
struct origin_ops {
	/* The request head, once; body as in h->body. Framing and Host are the codec's own work. */
	void (*head)(struct origin *o, const struct request_head *h);
	bool (*body)(struct origin *o, struct buf *data); /* true: full */
	void (*end)(struct origin *o, const struct fields *trailers);
	/* After a head of 101, as in client_ops. end() is of the tunnel only after this. NULL: no
	 * tunnels. */
	void (*tunnel)(struct origin *o);
	void (*hold)(struct origin *o); /* stop or go on delivering the response body */
	void (*resume)(struct origin *o);
	/* After on_fail, of an untouched request: the body that was passed on is put into *body,
	 * all of it, and true returned; or it is not kept any more. NULL: it never is. */
	bool (*reclaim)(struct origin *o, struct buf *body);
	/* Always the last call; may come from within an event: no further event is delivered, and
	 * the memory of o stays until the turn is over. The connection is kept when request and
	 * response were complete and nothing is left over; otherwise it is closed. It begins no
	 * other request before the event has returned. */
	void (*release)(struct origin *o);
};

/* Called by the codec, from the event loop. */
struct origin_events {
	/* Any number of 1xx, then one final head. h lies in the arena given at open. */
	void (*on_head)(struct origin *o, struct response_head *h);
	void (*on_body)(struct origin *o, struct buf *data); /* take what you want */
	/* The body is long, and nothing of it was read that was not handed over: pass on at most
	 * `most` bytes from the socket of `from`; *n tells how many. SPLICE_UNABLE: no, come with
	 * on_body(), and do not ask again for this response. */
	enum splice (
		*on_waiting)(struct origin *o, struct stream *from, uint64_t most, uint64_t *n);
	void (*on_end)(struct origin *o, const struct fields *trailers);
	/* After `full`: there is room again. In a tunnel after end(): all of it went out, or
	 * nothing will any more. */
	void (*on_drained)(struct origin *o);
	/* No further event comes. */
	void (*on_fail)(struct origin *o, int err);
};

struct origin {
	const struct origin_ops *ops;
	const struct origin_events *events;
	void *user;          /* the exchange */
	struct arena *arena; /* borrowed: of the exchange, for response heads */
	bool sent;           /* at least one byte of the request went to the system */
	bool answered;       /* at least one byte of the response arrived */
	/* the server has said that it did nothing about the request: it may be sent to another */
	bool untouched;
	uint64_t bytes_in, bytes_out;
	/* at on_fail: which line, field or byte was refused, in memory of the thread; empty:
	 * nothing to add */
	sluice_str detail;
};

#endif
