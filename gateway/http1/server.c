/*
 * One connection from a client. At most one request is in progress; what a client sends ahead waits
 * in the stream, at most PIPELINE_MAX bytes of it. A request lives in its own arena, which is freed
 * when the exchange calls finish().
 *
 *   IDLE --first byte--> HEAD --head complete--> BUSY --finish--> IDLE
 *                                                  \--finish, a little body is left--> DISCARD -->
 * IDLE any --> CLOSING: the stream lingers or closes, then the owner is told
 */
#include "http1/server.h"

#include <errno.h>

#include "base/stat.h"
#include "http1/chunk.h"
#include "http1/parse.h"
#include "http1/server_impl.h"
#include "http1/write.h"

enum { PIPELINE_MAX = 16 * 1024 }; /* read ahead of a request that waits for its response */
/* for one more request on a connection that is drained, but whose client was not told to close it
 */
#define DRAINING_IDLE_NS NS_PER_S

/* ---- ending -------------------------------------------------------------------------------- */

void http1_server_closed(struct http1_server *c)
{
	check(!c->rq, "a connection ends with a request in state %d", c->state);
	server_set_state(c, SERVER_CLOSING);
	c->conf->on_closed(c->info);
}

void http1_server_linger(struct http1_server *c, bool unread)
{
	server_set_state(c, SERVER_CLOSING);
	stream_linger(c->s, &c->conf->linger);
	if (c->draining || !unread)
		stream_linger_hurry(c->s);
	if (stream_is_broken(c->s))
		http1_server_closed(c);
}

void http1_request_count(struct http1_request *rq)
{
	const struct stream *s = rq->server->s;
	rq->c.bytes_out = s->bytes_out - rq->out_start;
	rq->c.bytes_in = s->bytes_in - s->in.len - rq->in_start;
}

void http1_server_gone(struct http1_server *c, int err)
{
	struct http1_request *rq = c->rq;
	if (rq->gone)
		return;
	bool can_answer = rq->send == SEND_HEAD && !stream_is_broken(c->s) &&
		err != ERR_CLIENT_GONE && err != ERR_SHUTTING_DOWN;
	rq->gone = true;
	c->close = true;
	stream_no_deadline(c->s);
	http1_request_count(rq);
	rq->c.events->on_gone(&rq->c, err, can_answer);
}

/* ---- reading a head ------------------------------------------------------------------------ */

static struct http1_request *request_new(struct http1_server *c)
{
	struct arena a;
	arena_init(&a, c->conf->budget);
	struct http1_request *rq = arena_alloc(&a, sizeof(*rq));
	check(rq, "a budget of %zu bytes holds no request", c->conf->budget);
	memset(rq, 0, sizeof(*rq));
	rq->c.ops = &http1_client_ops;
	rq->c.arena = a;
	rq->c.head = &rq->head;
	rq->c.conn = c->info;
	rq->c.started_ns = c->head_began_ns;
	rq->c.silence_ns = c->conf->body_ns;
	rq->c.max_body = c->conf->max_body;
	rq->server = c;
	c->rq = rq;
	server_set_state(c, SERVER_BUSY);
	c->info->requests++;
	rq->in_start = c->s->bytes_in - c->s->in.len;
	rq->out_start = c->s->bytes_out;
	return rq;
}

static void server_refuse(struct http1_server *c, struct http1_request *rq, int err)
{
	stream_no_deadline(c->s);
	buf_drain(&c->s->in, c->s->in.len); /* its bytes are not read as a request */
	c->close = true;
	request_set_receive(rq, RECEIVE_REFUSED);
	c->conf->handler.on_bad_request(c->conf->handler.ctx, &rq->c, err);
}

/* The request is valid, but the process takes no new requests for the moment. */
static void server_refuse_overload(struct http1_server *c, struct http1_request *rq)
{
	stat_inc(STAT_OVERLOAD_REQUESTS);
	c->close = true;
	c->conf->handler.on_bad_request(c->conf->handler.ctx, &rq->c,
		worker_overload(c->s->worker));
}

static void server_begin(struct http1_server *c, const char *bytes, size_t len)
{
	const struct http1_limits lim = { .max_fields = c->conf->max_fields,
		.max_target = c->conf->max_target,
		.path_rules = c->conf->path_rules };
	struct http1_request *rq = request_new(c);
	char *head = arena_alloc(&rq->c.arena, len);
	int err = head ? 0 : ERR_NO_MEMORY;

	stream_no_deadline(c->s);
	if (head) {
		memcpy(head, bytes, len);
		buf_drain(&c->s->in, len);
		err = http1_parse_request(&rq->head, head, len, &rq->c.arena, &lim);
	}
	if (err) {
		server_refuse(c, rq, err);
		return;
	}
	c->close = !rq->head.keep_alive || c->draining;
	if (!c->close && c->conf->max_requests && c->info->requests >= c->conf->max_requests) {
		c->close = true;
		stat_inc(STAT_CONNECTIONS_RETIRED);
	}
	rq->left = rq->head.body == BODY_LENGTH ? rq->head.body_length : 0;
	if (rq->head.body == BODY_CHUNKED)
		chunk_decoder_init(&rq->chunks, &rq->c.arena, ERR_BAD_CHUNK);
	if (rq->head.body == BODY_NONE || (rq->head.body == BODY_LENGTH && rq->left == 0))
		request_set_receive(rq, RECEIVE_DONE);
	else if (rq->head.expect_continue && c->s->in.len == 0)
		request_set_receive(rq, RECEIVE_EXPECT);
	else
		request_set_receive(rq, RECEIVE_BODY);
	if (unlikely(worker_overload(c->s->worker)))
		server_refuse_overload(c, rq);
	else
		c->conf->handler.on_request(c->conf->handler.ctx, &rq->c);
}

/* Empty lines are no request yet: the connection stays idle (RFC 9112 2.2). */
static int server_skip_empty_lines(struct http1_server *c)
{
	struct buf *in = &c->s->in;
	unsigned lines = c->empty_lines;
	size_t skip = 1;
	int err = 0;
	while (!err && in->len && skip) {
		sluice_str run = buf_pullup(in, in->len < 2 ? in->len : 2);
		err = http1_skip_empty_lines(run.data, run.len, &lines, &skip);
		if (!err)
			buf_drain(in, skip);
	}
	c->empty_lines = (uint8_t)lines;
	return err;
}

/* Whether the bytes that are there begin a head; a CR alone may become an empty line. */
static bool server_head_begins(const struct buf *in)
{
	return in->len > 1 || (in->len == 1 && buf_peek(in).data[0] != '\r');
}

/* Look for a head in s->in. True when a request began. */
static bool server_head(struct http1_server *c)
{
	struct buf *in = &c->s->in;
	size_t len;

	if (c->state == SERVER_IDLE) {
		c->head_began_ns = worker_now(c->s->worker);
		if (server_skip_empty_lines(c) < 0) {
			server_refuse(c, request_new(c), ERR_BAD_REQUEST_LINE);
			return true;
		}
		if (!server_head_begins(in))
			return false;
		server_set_state(c, SERVER_HEAD);
		c->searched = 0;
	}
	sluice_str run;
	bool whole = http1_find_head(in, c->conf->max_head, c->searched, &run, &len);
	if (whole && len <= c->conf->max_head) {
		server_begin(c, run.data, len);
		return true;
	}
	if (run.len >= c->conf->max_head) {
		server_refuse(c, request_new(c), ERR_HEAD_TOO_LARGE);
		return true;
	}
	if (c->searched == 0) {
		stream_deadline(c->s, c->conf->head_ns);
		buf_settle(in);
	}
	c->searched = (uint32_t)run.len;
	return false;
}

/* ---- reading a body ------------------------------------------------------------------------ */

static int request_decode_chunks(struct http1_request *rq, struct buf *in)
{
	while (in->len && rq->receive == RECEIVE_BODY) {
		sluice_str run = buf_peek(in);
		size_t skip, data;
		int r = chunk_decode(&rq->chunks, run.data, run.len, &skip, &data);
		if (r < 0)
			return r;
		buf_drain(in, skip);
		if (data)
			buf_move(&rq->body, in, data);
		rq->body_bytes += data;
		if (r == CHUNK_DONE)
			request_set_receive(rq, RECEIVE_WHOLE);
	}
	return 0;
}

/* Decode a part of the body from s->in to rq->body. */
static int request_decode(struct http1_request *rq, struct buf *in)
{
	int err = 0;
	if (rq->receive == RECEIVE_TUNNEL) {
		buf_move_all(&rq->body, in);
	} else if (rq->head.body == BODY_CHUNKED) {
		err = request_decode_chunks(rq, in);
	} else {
		size_t n = in->len < rq->left ? in->len : (size_t)rq->left;
		buf_move(&rq->body, in, n);
		rq->left -= n;
		rq->body_bytes += n;
		if (rq->left == 0)
			request_set_receive(rq, RECEIVE_WHOLE);
	}
	uint64_t max = rq->c.max_body;
	return !err && max && rq->body_bytes > max ? ERR_BODY_TOO_LARGE : err;
}

/* Decode the bytes in s->in and pass them to the exchange. False when the client is gone. */
static bool server_body(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	int err = rq->receive == RECEIVE_WHOLE ? 0 : request_decode(rq, &c->s->in);

	rq->delivery = DELIVERY_ON;
	if (err) {
		http1_server_gone(c, err);
		return false;
	}
	if (rq->body.len)
		rq->c.events->on_body(&rq->c, &rq->body);
	if (rq->gone)
		return false;
	if (rq->receive == RECEIVE_WHOLE && rq->body.len == 0)
		request_set_receive(rq, RECEIVE_DONE);
	if (rq->delivery == DELIVERY_HELD)
		buf_settle(&rq->body);
	if (rq->delivery != DELIVERY_HELD || rq->receive == RECEIVE_DONE)
		http1_server_watch(c); /* otherwise the hold has set the deadline */
	if (rq->receive != RECEIVE_DONE)
		return true;
	rq->c.events->on_end(&rq->c, rq->head.body == BODY_CHUNKED ? &rq->chunks.trailers : NULL);
	return !rq->gone;
}

/* ---- the reading loop ---------------------------------------------------------------------- */

/* What a request in progress does with the input. */
enum appetite {
	APPETITE_NONE,   /* nothing is to be read */
	APPETITE_MORE,   /* more bytes are needed */
	APPETITE_DECODE, /* server_body() has something to do */
};

static enum appetite request_appetite(const struct http1_request *rq, size_t waiting)
{
	bool again = rq->delivery == DELIVERY_AGAIN;
	if (rq->gone || rq->receive == RECEIVE_TUNNEL_DONE)
		return APPETITE_NONE;
	/* read on, to see when the client leaves, and for the next requests */
	if (request_is_received(rq))
		return waiting < PIPELINE_MAX ? APPETITE_MORE : APPETITE_NONE;
	if (rq->delivery == DELIVERY_HELD)
		return APPETITE_NONE;
	if (rq->receive == RECEIVE_WHOLE && !again)
		return waiting < PIPELINE_MAX ? APPETITE_MORE : APPETITE_NONE;
	return waiting || again ? APPETITE_DECODE : APPETITE_MORE;
}

/* Discard the rest of a body. False: it has not all come yet. */
static bool server_discard(struct http1_server *c)
{
	struct buf *in = &c->s->in;
	size_t n = in->len < c->discard ? in->len : (size_t)c->discard;
	buf_drain(in, n);
	c->discard -= n;
	if (c->discard)
		return false;
	server_set_state(c, SERVER_IDLE);
	http1_server_go_on(c);
	return true;
}

/* Use the bytes in s->in. True: more bytes are needed. */
static bool server_use_input(struct http1_server *c)
{
	struct buf *in = &c->s->in;
	for (;;) {
		enum appetite a;
		switch (c->state) {
		case SERVER_IDLE:
		case SERVER_HEAD:
			if (in->len == 0 || !server_head(c))
				return true;
			break;
		case SERVER_BUSY:
			a = request_appetite(c->rq, in->len);
			if (a != APPETITE_DECODE)
				return a == APPETITE_MORE;
			if (!server_body(c) && c->state == SERVER_BUSY)
				return false;
			break;
		case SERVER_DISCARD:
			if (!server_discard(c))
				return true;
			break;
		default:
			return false;
		}
	}
}

/* The client sends no more, or the connection broke. */
static void server_ended(struct http1_server *c, enum io io)
{
	struct http1_request *rq = c->rq;
	if (!rq) {
		http1_server_closed(c);
	} else if (io == IO_EOF && rq->receive == RECEIVE_TUNNEL && !rq->gone) {
		request_set_receive(rq, RECEIVE_TUNNEL_DONE); /* the gateway's side may go on */
		rq->c.events->on_end(&rq->c, NULL);
	} else if (io != IO_EOF || rq->send != SEND_DONE) {
		http1_server_gone(c, ERR_CLIENT_GONE);
	} /* otherwise its whole answer is on the way */
}

/* The rest of a head or a body is due from the client. Who looks after a tunnel looks for its
 * reset: client_ops.look. */
static bool server_awaits(const struct http1_server *c)
{
	return c->state == SERVER_HEAD ||
		(c->state == SERVER_BUSY && !request_is_received(c->rq) &&
			c->rq->receive != RECEIVE_TUNNEL);
}

static void server_on_readable(struct stream *s)
{
	struct http1_server *c = s->data;
	struct read_turn turn = stream_turn(s);
	enum io io = IO_OK;

	while (io == IO_OK && server_use_input(c))
		io = stream_read(s, &turn, server_awaits(c));
	if (io == IO_EOF || io == IO_FAIL)
		server_ended(c, io);
}

/* Between requests. */
void http1_server_go_on(struct http1_server *c)
{
	c->empty_lines = 0;
	c->searched = 0;
	if (c->s->in.len || stream_may_read(c->s))
		stream_resume(c->s);
	/* the head of the response may have gone before http1_server_drain() was called: the client
	 * may be sending its next request already, and the answer to that one says close */
	stream_deadline(c->s,
		c->draining && c->conf->idle_ns > DRAINING_IDLE_NS ? DRAINING_IDLE_NS
								   : c->conf->idle_ns);
}

/* ---- the other events of the stream -------------------------------------------------------- */

static void server_on_drained(struct stream *s)
{
	struct http1_server *c = s->data;
	struct http1_request *rq = c->rq;
	if (!rq || rq->gone)
		return;
	if (rq->send == SEND_FULL)
		request_set_send(rq, SEND_BODY);
	if (rq->send == SEND_BODY) {
		http1_server_watch(c);
		rq->c.events->on_drained(&rq->c);
	} else if (rq->send == SEND_DONE &&
		!stream_has_unsent(s)) { /* not when it was full and is now less so */
		stream_no_deadline(s);
		http1_request_count(rq);
		if (request_is_tunnel(rq))
			stream_shut(s);
		rq->c.events->on_sent(&rq->c);
	}
}

static void server_on_fail(struct stream *s, int error)
{
	struct http1_server *c = s->data;
	(void)error;
	if (c->rq)
		http1_server_gone(c, ERR_CLIENT_GONE);
	else
		http1_server_closed(c);
}

static void server_on_timeout(struct stream *s)
{
	struct http1_server *c = s->data;
	if (c->state == SERVER_HEAD) {
		stat_inc(STAT_TIMEOUT_HEAD);
		server_refuse(c, request_new(c), ERR_HEAD_TIMEOUT);
	} else if (!c->rq) {
		stat_inc(STAT_TIMEOUT_IDLE);
		http1_server_closed(c);
	} else {
		http1_server_on_due(c);
	}
}

static const struct stream_user server_user = {
	.on_readable = server_on_readable,
	.on_drained = server_on_drained,
	.on_fail = server_on_fail,
	.on_timeout = server_on_timeout,
};

/* ---- what the owner calls ------------------------------------------------------------------ */

void http1_server_init(struct http1_server *c, struct stream *s, struct conn_info *info,
	const struct codec_conf *conf)
{
	*c = (struct http1_server){ .s = s, .info = info, .conf = conf };
	stream_hand_over(s, &server_user, c);
	stream_deadline(s, conf->idle_ns);
}

void http1_server_drain(struct http1_server *c, uint64_t idle_ns)
{
	c->draining = true;
	stream_linger_hurry(c->s);
	if (c->state == SERVER_IDLE || c->state == SERVER_DISCARD)
		stream_deadline(c->s, idle_ns);
	else if (c->rq && c->rq->send == SEND_HEAD)
		c->close = true;
}

void http1_server_abort(struct http1_server *c)
{
	if (c->rq)
		http1_server_gone(c, ERR_SHUTTING_DOWN);
	else
		http1_server_closed(c);
}

/* ---- as front/ sees it --------------------------------------------------------------------- */

static struct http1_server *server_in(union codec_room *room)
{
	return (struct http1_server *)(void *)room;
}

static void codec_start(union codec_room *room, struct stream *s, struct conn_info *info,
	const struct codec_conf *conf)
{
	http1_server_init(server_in(room), s, info, conf);
}

static void codec_drain(union codec_room *room, uint64_t idle_ns)
{
	http1_server_drain(server_in(room), idle_ns);
}

static void codec_abort(union codec_room *room)
{
	http1_server_abort(server_in(room));
}

const struct codec http1_codec = {
	.start = codec_start,
	.drain = codec_drain,
	.abort = codec_abort,
};
