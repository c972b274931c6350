/*
 * The two faces of an exchange, the same for all protocol versions: its client, and its origin (one
 * request on a connection to an upstream server). Codecs implement `client_ops` and `origin_ops`;
 * the exchange implements `client_events` and `origin_events`. One worker thread.
 *
 * Two rules. An operation never calls back before it returns: errors while writing are reported
 * later, from the event loop. And the memory of a face outlives the event that is delivered:
 * `finish` comes at the end of a turn, and `release` buries. Data is pushed; `full` tells the
 * pusher to stop, `on_drained` to go on.
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
struct sluice_conn;
struct stream;

/* ---- client side --------------------------------------------------------------------------- */

/* Called by the exchange. */
struct client_ops {
	/* A response head: any number of 1xx, then one final. h->body says what follows. Fields
	 * with FIELD_DROP are omitted; the codec writes the framing fields. h is only read during
	 * the call. */
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
	 * other direction. HTTP/2 sends 200 instead: it presented the client's extended CONNECT as
	 * an Upgrade (RFC 8441). NULL: this codec has no tunnels. */
	void (*tunnel)(struct client *c);
	/* In a tunnel that is quiet: find out whether the connection was reset together with its
	 * last bytes. NULL: this codec is told of that. */
	void (*look)(struct client *c);
	/* The response cannot be completed: make sure that the client does not take it for
	 * complete. */
	void (*abort)(struct client *c);
	/* Stop or go on delivering the request body. It is held at first; going on for the first
	 * time also tells a client that waits for 100 (Continue) to send. */
	void (*hold)(struct client *c);
	void (*resume)(struct client *c);
	/* Bring bytes_in and bytes_out up to date, which they are at the end in any case. NULL:
	 * they always are. */
	void (*count)(struct client *c);
	/* Whether the connection may carry further requests, as far as is known so far. NULL: not
	 * known. */
	bool (*keeps)(const struct client *c);
	/* The handler is done with this client, always its last call: memory of the arena dies
	 * here. Comes at the end of a turn, never from within an event. */
	void (*finish)(struct client *c);
};

/* Called by the codec, from the event loop. */
struct client_events {
	/* A part of the request body: take any number of bytes from data; the rest comes again with
	 * the next part. */
	void (*on_body)(struct client *c, struct buf *data);
	/* The request is complete. trailers may be NULL. */
	void (*on_end)(struct client *c, const struct fields *trailers);
	/* After `full`: there is room again. */
	void (*on_drained)(struct client *c);
	/* After end(): every byte was handed to the system. */
	void (*on_sent)(struct client *c);
	/* The last event: the client disconnected, or violated the protocol or a limit (err).
	 * can_answer: the connection still works and no final head was sent, so the codec waits for
	 * a response. */
	void (*on_gone)(struct client *c, int err, bool can_answer);
};

/* For a handler that will finish the client at the end of this turn: ignores all events. */
extern const struct client_events client_ended;

/* The part of a request that all codecs share. Lies in its own arena; first member of the codec's
 * struct. */
struct client {
	const struct client_ops *ops;
	const struct client_events *events; /* set by the handler in on_request */
	struct arena arena;                 /* owned by the codec, freed in finish() */
	struct request_head *head;
	const struct conn_info *conn; /* borrowed: lives until finish() */
	void *user;                   /* of the handler: the exchange */
	uint64_t started_ns;          /* first byte of the head arrived */
	/* Bounds on the body, which the codec sets as the listener has them, and the handler may
	 * change: longest silence while it comes, and while the response is read; its bytes, 0: no
	 * bound. The codec enforces them; a body whose length is said the handler refuses at once,
	 * by client_body_is_too_large(). */
	uint64_t silence_ns, max_body;
	uint64_t bytes_in, bytes_out; /* of this request: heads and bodies, before TLS */
};

static inline bool client_body_is_too_large(const struct client *c)
{
	return c->max_body && c->head->body == BODY_LENGTH && c->head->body_length > c->max_body;
}

/* Which peers a listener believes about the client's address, and in which field. */
enum client_ip_from { CLIENT_IP_X_FORWARDED_FOR, CLIENT_IP_FORWARDED };
struct client_trust {
	struct cidr_set *proxies; /* shared: ref */
	enum client_ip_from from;
};

/* Whether Sluice adds Via for upstreams (RFC 9110 7.6.3). */
enum conn_via { VIA_WRITTEN, VIA_SILENT };

/* What all connections of a listener have in common. */
struct conn_listener {
	sluice_str name;
	const struct addr *addr; /* borrowed: lives as long; where it listens; NULL: not known */
	struct client_trust trust;
	sluice_strs kept; /* names of edge fields that are forwarded from every client */
	enum conn_via via;
	/* requests of one client in progress at upstreams; UINT32_MAX: no bound */
	uint32_t max_client_requests;
	/* The stream of a connection of this listener, open until the last request on it is
	 * finished: for questions about TLS. NULL: there is none to ask. */
	const struct stream *(*stream)(const struct conn_info *c);
	/* What its plugins know of a connection (policy/conn.h). NULL: none of them has hooks for
	 * connections. */
	struct sluice_conn *(*plugged)(const struct conn_info *c);
};

/* Facts of a client's connection. The peer is the other end of the socket, or the address in a
 * PROXY header. Kept small, since each idle connection has one. */
struct conn_info {
	/* borrowed: the listener's address, or the one that a PROXY header named */
	const struct addr *local;
	const struct conn_listener *listener; /* borrowed: lives as long */
	const char *tls_version;              /* "TLSv1.3"; NULL: plain */
	const char *peer_ip;                  /* borrowed: lives as long; with a NUL */
	/* Whether the connection may carry requests for this host; a host that may is stored in
	 * `host`. NULL: any host may. */
	bool (*is_for)(struct conn_info *c, sluice_str host);
	/* the last host that is_for accepted; owned by whoever set is_for; NULL: none yet */
	const char *host;
	size_t host_len;
	/* where its connections and requests are counted (front/count); NULL: they are not */
	struct count_client *client;
	uint64_t id;       /* of the connection, unique in the process */
	uint32_t requests; /* begun on this connection so far, this one included */
	/* borrowed: the socket, for questions to the system; -1: there is none to ask */
	int fd;
	uint16_t peer_port;
	uint8_t peer_ip_len;
	bool peer_is_trusted; /* the peer is a trusted proxy */
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

/* NULL: the peer is not a trusted proxy. */
static inline const struct client_trust *conn_trust(const struct conn_info *c)
{
	return c->peer_is_trusted ? &c->listener->trust : NULL;
}

/* What answers requests: proxy/ and admin/. on_request may answer before it returns. */
struct handler {
	/* A request head is complete and valid. Must set c->events (and c->user). The body is held
	 * until resume(). */
	void (*on_request)(void *ctx, struct client *c);
	/* A head is malformed, or the process is overloaded. The handler answers as for a request,
	 * with err_info(err)->status, so that it is counted and logged. c->head may be incomplete
	 * (fields n may be 0, strings empty). */
	void (*on_bad_request)(void *ctx, struct client *c, int err);
	void *ctx;
};

/* ---- origin side --------------------------------------------------------------------------- */

/* Called by the exchange. */
struct origin_ops {
	/* The request head, once; h->body says what follows. The codec writes the framing fields
	   and Host. */
	void (*head)(struct origin *o, const struct request_head *h);
	bool (*body)(struct origin *o, struct buf *data); /* true: full */
	void (*end)(struct origin *o, const struct fields *trailers);
	/* After a head of 101, as in client_ops. end() is of the tunnel only after this. NULL: no
	 * tunnels. */
	void (*tunnel)(struct origin *o);
	void (*look)(struct origin *o); /* as in client_ops */
	void (*hold)(struct origin *o); /* stop or go on delivering the response body */
	void (*resume)(struct origin *o);
	/* After on_fail with not_processed: put the whole body that was passed on into *body and
	 * return true. False: it is no longer kept. NULL: this codec never keeps it. */
	bool (*reclaim)(struct origin *o, struct buf *body);
	/* Always the last call; may come from within an event. No further event is delivered, and
	 * the memory of o stays until the end of the turn. The connection is kept when request and
	 * response were complete and no bytes are left over; otherwise it is closed. It begins no
	 * other request before the event has returned. */
	void (*release)(struct origin *o);
};

/* Called by the codec, from the event loop. */
struct origin_events {
	/* Any number of 1xx, then one final head. h lies in the arena given at open. */
	void (*on_head)(struct origin *o, struct response_head *h);
	void (*on_body)(struct origin *o, struct buf *data); /* take what you want */
	/* The body is long, and all bytes read so far were delivered: pass on at most `most` bytes
	 * directly from the socket of `from`; *n tells how many. SPLICE_UNABLE: use on_body() for
	 * the rest of this response. */
	enum splice (
		*on_waiting)(struct origin *o, struct stream *from, uint64_t most, uint64_t *n);
	void (*on_end)(struct origin *o, const struct fields *trailers);
	/* After `full`: there is room again. In a tunnel after end(): everything was sent, or
	 * cannot be sent. */
	void (*on_drained)(struct origin *o);
	/* The last event. */
	void (*on_fail)(struct origin *o, int err);
};

struct origin {
	const struct origin_ops *ops;
	const struct origin_events *events;
	void *user; /* the exchange */
	/* Longest silence of the server before its response begins, and within it. The codec sets
	 * both as the upstream has them; the exchange may change them before it gives the head. */
	uint64_t begin_ns, idle_ns;
	struct arena *arena; /* borrowed: of the exchange, for response heads */
	bool sent;           /* at least one byte of the request went to the system */
	bool answered;       /* at least one byte of the response arrived */
	bool headed;         /* set by its owner: the final head arrived, and counts */
	/* the server did not process the request, by its own word (RFC 9113 8.7): it may be sent
	   again */
	bool not_processed;
	uint64_t bytes_in, bytes_out;
	/* at on_fail: which line, field or byte was refused, in memory of the thread; may be
	 * empty */
	sluice_str detail;
};

#endif
