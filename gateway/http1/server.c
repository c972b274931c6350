/*
 * One connection from a client. At most one request is in progress; what a client sends ahead waits in the stream, at most
 * PIPELINE_MAX bytes of it. A request lives in its own arena, which dies when the exchange says finish().
 *
 *   IDLE --first byte--> HEAD --head complete--> BUSY --finish--> IDLE (or DISCARD, the rest of a small body, then IDLE)
 *   any --> CLOSING: nothing is read any more; the stream lingers or closes, then the owner is told
 */
#include "http1/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/stat.h"
#include "http1/chunk.h"
#include "http1/parse.h"
#include "http1/write.h"

enum {
	READ_SHARE = 512 * 1024,      /* bytes read before others get their turn */
	PIPELINE_MAX = 16 * 1024,     /* read ahead of a request that waits for its response */
	DISCARD_MAX = 64 * 1024       /* rest of a refused body that is read to keep the connection */
};
#define LINGER_NS (2 * NS_PER_S)

enum server_state { SERVER_IDLE, SERVER_HEAD, SERVER_BUSY, SERVER_DISCARD, SERVER_CLOSING };

struct http1_request {
	struct client c;
	struct request_head head;
	struct http1_server *server;
	struct chunk_decoder chunks;
	struct buf body;         /* decoded, not taken yet */
	uint64_t left;           /* of a body with a length */
	uint64_t in_start, out_start; /* the stream's counters when it began */
	uint64_t body_bytes;
	uint8_t response_framing; /* enum body_kind, as written */
	bool body_whole;         /* all of the body was decoded */
	bool request_done;       /* body and trailers were delivered */
	bool held;
	bool offer;              /* what was not taken is to be handed over again */
	bool full;               /* the client takes less of the response than there is: on_drained is owed */
	bool want_continue;      /* the client waits for 100 */
	bool head_sent, response_done;
	bool tunnel;             /* bytes without framing, both ways */
	bool gone;               /* on_gone was called: no event any more */
};

struct http1_server {
	struct stream *s;         /* borrowed: of the owner */
	struct conn_info *info;   /* borrowed: of the owner */
	const struct http1_server_conf *conf;
	struct http1_server_owner owner;
	struct http1_request *rq; /* in its own arena; NULL between requests */
	struct grave grave;
	uint64_t head_began_ns;
	uint64_t discard;         /* bytes of a body nobody wants */
	uint64_t stall_mark;      /* the stream's bytes_out when a write stall began to be watched */
	uint32_t searched;        /* bytes of s->in that hold no end of a head */
	uint8_t state;            /* enum server_state */
	uint8_t empty_lines;
	bool close;               /* after this response */
	bool draining;
};

static const struct client_ops http1_client_ops;
static void server_go_on(struct http1_server *c);

static struct http1_request *request_of(struct client *c)
{
	return container_of(c, struct http1_request, c);
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

static void server_free(struct grave *g)
{
	free(container_of(g, struct http1_server, grave));
}

static void server_closed(struct http1_server *c)
{
	check(!c->rq, "a connection ends with a request in state %d", c->state);
	struct worker *w = c->s->worker;
	c->state = SERVER_CLOSING;
	c->owner.on_closed(c->owner.owner);
	worker_bury(w, &c->grave, server_free);
}

static void server_linger(struct http1_server *c)
{
	c->state = SERVER_CLOSING;
	stream_linger(c->s, LINGER_NS);
	if (c->s->flags & (STREAM_FAILED | STREAM_CLOSED))
		server_closed(c);
}

static void request_count(struct http1_request *rq)
{
	const struct stream *s = rq->server->s;
	rq->c.bytes_out = s->bytes_out - rq->out_start;
	rq->c.bytes_in = s->bytes_in - s->in.len - rq->in_start;
}

/* Tell the exchange that its client is lost. It answers if it can, and finishes, now or later. */
static void server_gone(struct http1_server *c, int err)
{
	struct http1_request *rq = c->rq;
	if (rq->gone)
		return;
	bool can_answer = !rq->head_sent && !(c->s->flags & STREAM_FAILED) && err != ERR_CLIENT_GONE &&
	                  err != ERR_SHUTTING_DOWN;
	rq->gone = true;
	c->close = true;
	stream_no_deadline(c->s);
	request_count(rq);
	rq->c.events->on_gone(&rq->c, err, can_answer);
}

/* ---- reading a head ----------------------------------------------------------------------------------------------- */

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
	rq->server = c;
	rq->held = true;
	c->rq = rq;
	c->state = SERVER_BUSY;
	c->info->requests++;
	rq->in_start = c->s->bytes_in - c->s->in.len;
	rq->out_start = c->s->bytes_out;
	return rq;
}

static void server_refuse(struct http1_server *c, struct http1_request *rq, int err)
{
	stream_no_deadline(c->s);
	buf_drain(&c->s->in, c->s->in.len); /* nothing of it will be read as a request */
	c->close = true;
	rq->request_done = true;
	c->conf->handler.on_bad_request(c->conf->handler.ctx, &rq->c, err);
}

static void server_begin(struct http1_server *c, const char *bytes, size_t len)
{
	const struct http1_limits lim = { .max_fields = c->conf->max_fields, .max_target = c->conf->max_target };
	struct http1_request *rq = request_new(c);
	char *head = arena_alloc(&rq->c.arena, len);
	int err = head ? 0 : ERR_NO_MEMORY;

	stream_no_deadline(c->s);
	if (head) {
		memcpy(head, bytes, len);
		buf_drain(&c->s->in, len);
		err = http1_parse_request(&rq->head, head, len, &rq->c.arena, &lim);
	}
	if (!err && rq->head.body == BODY_LENGTH && c->conf->max_body && rq->head.body_length > c->conf->max_body)
		err = ERR_BODY_TOO_LARGE;
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
	rq->request_done = rq->head.body == BODY_NONE || (rq->head.body == BODY_LENGTH && rq->left == 0);
	rq->want_continue = rq->head.expect_continue && !rq->request_done && c->s->in.len == 0;
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

/* Whether a head begins with what is there; a CR alone may become an empty line. */
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
		c->state = SERVER_HEAD;
		c->searched = 0;
	}
	sluice_str run = buf_peek(in);
	bool whole = http1_find_head_end(run.data, run.len, c->searched, &len);
	/* What lies behind the first block is most often body, and stays where it is. */
	if (!whole && run.len < in->len) {
		run = buf_pullup(in, in->len < c->conf->max_head ? in->len : c->conf->max_head);
		whole = http1_find_head_end(run.data, run.len, c->searched, &len);
	}
	if (whole && len <= c->conf->max_head) {
		server_begin(c, run.data, len);
		return true;
	}
	if (run.len >= c->conf->max_head) {
		server_refuse(c, request_new(c), ERR_HEAD_TOO_LARGE);
		return true;
	}
	if (c->searched == 0)
		stream_deadline(c->s, c->conf->head_ns);
	c->searched = (uint32_t)run.len;
	return false;
}

/* ---- reading a body ----------------------------------------------------------------------------------------------- */

static int request_decode_chunks(struct http1_request *rq, struct buf *in)
{
	while (in->len && !rq->body_whole) {
		sluice_str run = buf_peek(in);
		size_t skip, data;
		int r = chunk_decode(&rq->chunks, run.data, run.len, &skip, &data);
		if (r < 0)
			return r;
		buf_drain(in, skip);
		if (data)
			buf_move(&rq->body, in, data);
		rq->body_bytes += data;
		rq->body_whole = r == CHUNK_DONE;
	}
	return 0;
}

/* With a request in progress there is one deadline: for a client that does not take its response, else for one that does not
 * send its body. The former, once it runs, is moved only by bytes that leave. */
static void server_watch(struct http1_server *c)
{
	const struct http1_request *rq = c->rq;
	if (rq->full || rq->response_done)
		return;
	if (rq->request_done || rq->held || rq->tunnel)
		stream_no_deadline(c->s);
	else
		stream_deadline(c->s, c->conf->body_ns);
}

/* From s->in to rq->body. */
static int request_decode(struct http1_request *rq, struct buf *in)
{
	int err = 0;
	if (rq->tunnel) {
		buf_move_all(&rq->body, in);
	} else if (rq->head.body == BODY_CHUNKED) {
		err = request_decode_chunks(rq, in);
	} else {
		size_t n = in->len < rq->left ? in->len : (size_t)rq->left;
		buf_move(&rq->body, in, n);
		rq->left -= n;
		rq->body_bytes += n;
		rq->body_whole = rq->left == 0;
	}
	uint64_t max = rq->server->conf->max_body;
	return !err && max && rq->body_bytes > max ? ERR_BODY_TOO_LARGE : err;
}

/* Decode what is in s->in and hand it over. False when the request is no more. */
static bool server_body(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	int err = rq->body_whole ? 0 : request_decode(rq, &c->s->in);

	rq->offer = false;
	if (err) {
		server_gone(c, err);
		return false;
	}
	if (rq->body.len)
		rq->c.events->on_body(&rq->c, &rq->body);
	if (c->rq != rq || rq->gone)
		return false;
	rq->request_done = rq->body_whole && rq->body.len == 0;
	server_watch(c);
	if (!rq->request_done)
		return true;
	rq->c.events->on_end(&rq->c, rq->head.body == BODY_CHUNKED ? &rq->chunks.trailers : NULL);
	return c->rq == rq && !rq->gone;
}

/* ---- the reading loop --------------------------------------------------------------------------------------------- */

/* Use what is in s->in. True: more bytes are welcome. */
static bool server_eat(struct http1_server *c)
{
	struct buf *in = &c->s->in;
	for (;;) {
		switch (c->state) {
		case SERVER_IDLE:
		case SERVER_HEAD:
			if (in->len == 0)
				return true;
			if (!server_head(c))
				return true;
			break;
		case SERVER_BUSY:
			if (c->rq->gone)
				return false;
			if (c->rq->request_done ? c->rq->tunnel : c->rq->held)
				return false;
			if (c->rq->request_done || (c->rq->body_whole && !c->rq->offer))
				return in->len < PIPELINE_MAX; /* to see the client leave */
			if (in->len == 0 && !c->rq->offer)
				return true;
			if (!server_body(c) && c->state == SERVER_BUSY)
				return false;
			break;
		case SERVER_DISCARD: {
			size_t n = in->len < c->discard ? in->len : (size_t)c->discard;
			buf_drain(in, n);
			c->discard -= n;
			if (c->discard)
				return true;
			c->state = SERVER_IDLE;
			server_go_on(c);
			break;
		}
		default:
			return false;
		}
	}
}

static void server_on_readable(struct stream *s)
{
	struct http1_server *c = s->data;
	uint64_t start = s->bytes_in;
	bool looked = false;

	while (server_eat(c)) {
		if (!stream_may_read(s) && !(s->flags & STREAM_EOF)) {
			bool waits = c->state == SERVER_HEAD || (c->state == SERVER_BUSY && !c->rq->request_done);
			if (looked || !waits)
				return;
			looked = true;
			stream_ask_again(s);
		}
		if (s->bytes_in - start > READ_SHARE) {
			stream_resume(s);
			return;
		}
		enum io io = stream_fill(s);
		if (io == IO_AGAIN)
			return;
		if (io == IO_OK)
			continue;
		if (io == IO_EOF && c->rq && c->rq->tunnel && !c->rq->gone) {
			c->rq->request_done = true; /* its end of the tunnel; ours may go on */
			c->rq->c.events->on_end(&c->rq->c, NULL);
			return;
		}
		if (io == IO_EOF && c->rq && c->rq->response_done)
			return; /* it says no more, and its whole answer is on the way */
		if (c->rq)
			server_gone(c, ERR_CLIENT_GONE);
		else
			server_closed(c);
		return;
	}
}

/* Between requests. */
static void server_go_on(struct http1_server *c)
{
	c->empty_lines = 0;
	c->searched = 0;
	if (c->s->in.len || stream_may_read(c->s) || (c->s->flags & STREAM_EOF))
		stream_resume(c->s);
	stream_deadline(c->s, c->conf->idle_ns);
}

/* ---- the other events of the stream ------------------------------------------------------------------------------- */

static void server_on_drained(struct stream *s)
{
	struct http1_server *c = s->data;
	struct http1_request *rq = c->rq;
	if (!rq || rq->gone)
		return;
	rq->full = false;
	if (!rq->response_done) {
		server_watch(c);
		rq->c.events->on_drained(&rq->c);
	} else if (s->out.len == 0 && !(s->flags & STREAM_OWED)) { /* not when it was full and is now less so */
		stream_no_deadline(s);
		request_count(rq);
		if (rq->tunnel)
			stream_shut(s);
		rq->c.events->on_sent(&rq->c);
	}
}

static void server_on_fail(struct stream *s, int error)
{
	struct http1_server *c = s->data;
	(void)error;
	if (c->rq)
		server_gone(c, ERR_CLIENT_GONE);
	else
		server_closed(c);
}

static void server_on_timeout(struct stream *s)
{
	struct http1_server *c = s->data;
	struct http1_request *rq = c->rq;
	if (c->state == SERVER_HEAD) {
		stat_inc(STAT_TIMEOUT_HEAD);
		rq = request_new(c);
		server_refuse(c, rq, ERR_HEAD_TIMEOUT);
	} else if (!rq) {
		stat_inc(STAT_TIMEOUT_IDLE);
		server_closed(c);
	} else if (rq->full || rq->response_done) {
		if (s->bytes_out != c->stall_mark) {
			c->stall_mark = s->bytes_out;
			stream_deadline(s, c->conf->body_ns);
		} else {
			stat_inc(STAT_TIMEOUT_SEND);
			server_gone(c, ERR_CLIENT_STALLED);
		}
	} else if (!rq->request_done && !rq->held) {
		stat_inc(STAT_TIMEOUT_BODY);
		server_gone(c, ERR_BODY_TIMEOUT);
	}
}

static const struct stream_user server_user = {
	.on_readable = server_on_readable,
	.on_drained = server_on_drained,
	.on_fail = server_on_fail,
	.on_timeout = server_on_timeout,
};

/* ---- what the exchange calls -------------------------------------------------------------------------------------- */

static void server_watch_stall(struct http1_server *c)
{
	c->stall_mark = c->s->bytes_out;
	stream_deadline(c->s, c->conf->body_ns);
}

static bool request_is_dead(const struct http1_request *rq)
{
	return rq->server->s->flags & (STREAM_FAILED | STREAM_CLOSED);
}

static void client_head(struct client *cl, const struct response_head *h)
{
	struct http1_request *rq = request_of(cl);
	struct http1_server *c = rq->server;
	struct stream *s = c->s;
	bool final = h->status >= 200;

	if (request_is_dead(rq) || (!final && rq->head.version < 11))
		return;
	if (final) {
		bool unread = !rq->request_done;
		bool small = rq->head.body == BODY_LENGTH && rq->left <= DISCARD_MAX && !rq->want_continue;
		if (unread && !small)
			c->close = true;
		rq->response_framing = (uint8_t)http1_response_framing(h, (enum method)rq->head.method,
		                                                       rq->head.version ? rq->head.version : 11);
		if (rq->response_framing == BODY_CLOSE)
			c->close = true;
		rq->head_sent = true;
		rq->want_continue = false;
	}
	size_t room, size = http1_response_head_size(h);
	char *at = buf_reserve(&s->out, size, &room);
	char *end = http1_write_response_head(at, h, (enum method)rq->head.method, rq->head.version ? rq->head.version : 11,
	                                      !c->close);
	check((size_t)(end - at) <= size, "a head of %zu bytes was sized %zu", (size_t)(end - at), size);
	buf_commit(&s->out, (size_t)(end - at));
	stream_kick(s);
}

static bool client_body(struct client *cl, struct buf *data)
{
	struct http1_request *rq = request_of(cl);
	struct stream *s = rq->server->s;

	if (request_is_dead(rq) || rq->response_framing == BODY_NONE) {
		buf_drain(data, data->len);
		return false;
	}
	if (data->len && rq->response_framing == BODY_CHUNKED) {
		char line[CHUNK_HEAD_MAX];
		buf_append(&s->out, line, chunk_head(line, data->len));
		buf_move_all(&s->out, data);
		buf_append(&s->out, "\r\n", 2);
	} else {
		buf_move_all(&s->out, data);
	}
	stream_kick(s);
	if (!stream_is_full(s))
		return false;
	if (!rq->full)
		server_watch_stall(rq->server);
	rq->full = true;
	return true;
}

static void client_end(struct client *cl, const struct fields *trailers)
{
	struct http1_request *rq = request_of(cl);
	struct stream *s = rq->server->s;

	rq->response_done = true;
	if (request_is_dead(rq))
		return;
	if (rq->response_framing == BODY_CHUNKED) {
		if (!rq->head.te_trailers)
			trailers = NULL;
		size_t room, size = chunk_tail_size(trailers);
		char *at = buf_reserve(&s->out, size, &room);
		buf_commit(&s->out, (size_t)(chunk_write_tail(at, trailers) - at));
	}
	if (!rq->gone)
		server_watch_stall(rq->server);
	stream_tell_empty(s);
}

static void client_tunnel(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	rq->tunnel = true;
	rq->head_sent = true;
	rq->held = true;
	rq->request_done = rq->body_whole = false;
	rq->response_framing = BODY_CLOSE;
	rq->server->close = true;
}

static void client_abort(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	/* with a length or chunks, the missing end shows; a body that ends with the connection must end with a reset, and
	 * without the farewell of TLS, which would vouch for it */
	if (rq->head_sent && rq->response_framing == BODY_CLOSE && rq->server->s->fd >= 0) {
		struct linger reset = { .l_onoff = 1, .l_linger = 0 };
		(void)setsockopt(rq->server->s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		rq->server->s->flags |= STREAM_SHUT;
	}
	rq->server->close = true;
	rq->response_done = false;
}

static void client_hold(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	rq->held = true;
	if (!rq->gone)
		server_watch(rq->server);
}

static void client_resume(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	struct http1_server *c = rq->server;

	if (rq->gone || !rq->held)
		return;
	rq->held = false;
	if (rq->request_done)
		return;
	if (rq->want_continue && c->s->in.len == 0) {
		static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
		buf_append(&c->s->out, interim, sizeof(interim) - 1);
		stream_kick(c->s);
	}
	rq->want_continue = false;
	rq->offer = rq->body.len || rq->body_whole;
	server_watch(c);
	if (c->s->in.len || rq->offer || stream_may_read(c->s))
		stream_resume(c->s);
}

static void client_finish(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	struct http1_server *c = rq->server;
	struct stream *s = c->s;
	bool whole = rq->response_done, unread = !rq->request_done;
	uint64_t left = rq->head.body == BODY_LENGTH ? rq->left : UINT64_MAX;
	bool failed = (s->flags & (STREAM_FAILED | STREAM_CLOSED)) != 0;
	bool eof = (s->flags & STREAM_EOF) != 0;
	/* the upstream failed, not the client: it gets what is there of the response, and sees that the end is missing */
	bool cut = !whole && !rq->gone && rq->head_sent && rq->response_framing != BODY_CLOSE;

	buf_fini(&rq->body);
	struct arena a = rq->c.arena;
	arena_fini(&a); /* rq dies here */
	c->rq = NULL;
	if (failed || (!whole && !cut) || eof) {
		server_closed(c);
	} else if (cut || c->close || c->draining || (unread && left > DISCARD_MAX)) {
		server_linger(c);
	} else {
		c->discard = unread ? left : 0;
		c->state = unread ? SERVER_DISCARD : SERVER_IDLE;
		server_go_on(c);
	}
}

static const struct client_ops http1_client_ops = {
	.head = client_head,
	.body = client_body,
	.end = client_end,
	.tunnel = client_tunnel,
	.abort = client_abort,
	.hold = client_hold,
	.resume = client_resume,
	.finish = client_finish,
};

/* ---- what the owner calls ----------------------------------------------------------------------------------------- */

struct http1_server *http1_server_new(struct stream *s, struct conn_info *info, const struct http1_server_conf *conf,
                                      const struct http1_server_owner *owner)
{
	struct http1_server *c = calloc(1, sizeof(*c));
	check(c, "out of memory: a connection of %zu bytes", sizeof(*c));
	c->s = s;
	c->info = info;
	c->conf = conf;
	c->owner = *owner;
	s->user = &server_user;
	s->data = c;
	stream_deadline(s, conf->idle_ns);
	return c;
}

void http1_server_drain(struct http1_server *c, uint64_t idle_ns)
{
	c->draining = true;
	if (c->state == SERVER_IDLE || c->state == SERVER_DISCARD)
		stream_deadline(c->s, idle_ns);
	else if (c->rq && !c->rq->head_sent)
		c->close = true;
}

void http1_server_abort(struct http1_server *c)
{
	if (c->state == SERVER_CLOSING && c->rq == NULL) {
		server_closed(c);
		return;
	}
	if (c->rq)
		server_gone(c, ERR_SHUTTING_DOWN);
	else
		server_closed(c);
}
