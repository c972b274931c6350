/*
 * The interface of a protocol for clients, as front/ uses it: one table for each protocol, so that
 * nothing asks for a version. A codec takes over an open stream, reads requests from it, gives each
 * to the handler, and writes the responses. Worker's thread only.
 */
#ifndef HTTP_CODEC_H
#define HTTP_CODEC_H

#include "http/handler.h"
#include "http/pace.h"
#include "net/stream.h"

/* Shared by all connections of a listener; immutable, outlives them. */
struct codec_conf {
	uint64_t head_ns; /* for a whole head, from its first byte */
	/* between reads of a body, and between writes of a response that a client does not take */
	uint64_t body_ns;
	uint64_t idle_ns;      /* without a request */
	uint64_t max_body;     /* bytes of a request body; 0: no bound */
	uint64_t max_requests; /* on one connection, before it is drained; 0: no bound */
	uint32_t max_head;     /* bytes */
	uint32_t max_fields;
	uint32_t max_target;
	uint8_t path_rules;      /* enum path_rule */
	size_t budget;           /* memory of one exchange, bytes */
	struct pace_rule pace;   /* of bodies, both ways */
	struct lingering linger; /* for the rest of a request whose answer is complete */
	struct handler handler;
	/* The connection is over: close its stream. The codec does not use it any more, but stream,
	 * info and the room for its state must stay for the rest of the turn. Called once. */
	void (*on_closed)(struct conn_info *info);
};

/* Bytes of a connection's memory that its codec may use as it likes, zeroed at first. */
enum { CODEC_ROOM = 48 };
union codec_room {
	uint64_t aligned;
	char bytes[CODEC_ROOM];
};

struct codec {
	/* Take over an open stream: its user and data are the codec's from now on. Where s->in
	 * holds bytes already, the caller resumes it. s, info and conf are borrowed. Never fails.
	 */
	void (*start)(union codec_room *room, struct stream *s, struct conn_info *info,
		const struct codec_conf *conf);
	/* From now on: finish what is in progress, tell the client to use another connection, and
	 * close. When nothing is in progress, close after idle_ns without a request. */
	void (*drain)(union codec_room *room, uint64_t idle_ns);
	/* Close at once; requests in progress get on_gone(ERR_SHUTTING_DOWN, false). */
	void (*abort)(union codec_room *room);
};

#endif
