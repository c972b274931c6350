/*
 * One connection from a client. At most one request is in progress; what a client sends ahead waits
 * in the stream, at most PIPELINE_MAX bytes of it. A request lives in its own arena, which dies
 * when the exchange says finish().
 *
 *   IDLE --first byte--> HEAD --head complete--> BUSY --finish--> IDLE (or DISCARD, the rest of a
 * small body, then IDLE) any --> CLOSING: nothing is read any more; the stream lingers or closes,
 * then the owner is told
 */
#include "http1/server.h"

#include <errno.h>

#include "base/stat.h"
#include "http1/chunk.h"
#include "http1/parse.h"
#include "http1/server_impl.h"
#include "http1/write.h"

enum { PIPELINE_MAX = 16 * 1024 }; /* read ahead of a request that waits for its response */

/* ---- ending -------------------------------------------------------------------------------- */

void http1_server_closed(struct http1_server *c)
{
	check(!c->rq, "a connection ends with a request in state %d", c->state);
	c->state = SERVER_CLOSING;
	c->conf->on_closed(c);
}

void http1_server_linger(struct http1_server *c, bool unread)
{
	c->state = SERVER_CLOSING;
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

/* Tell the exchange that its client is lost. It answers if it can, and finishes, now or later. */
static void server_gone(struct http1_server *c, int err)
{
	struct http1_request *rq = c->rq;
	if (rq->gone)
		return;
	bool can_answer = !rq->head_sent && !stream_is_broken(c->s) && err != ERR_CLIENT_GONE &&
		err != ERR_SHUTTING_DOWN;
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
	rq->refused = true;
	c->conf->handler.on_bad_request(c->conf->handler.ctx, &rq->c, err);
}

/* Nothing is wrong with it, but the process takes on no more for the moment. */
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
		.slashes = c->conf->slashes };
	struct http1_request *rq = request_new(c);
	char *head = arena_alloc(&rq->c.arena, len);
	int err = head ? 0 : ERR_NO_MEMORY;

	stream_no_deadline(c->s);
	if (head) {
		memcpy(head, bytes, len);
		buf_drain(&c->s->in, len);
		err = http1_parse_request(&rq->head, head, len, &rq->c.arena, &lim);
	}
	if (!err && rq->head.body == BODY_LENGTH && c->conf->max_body &&
		rq->head.body_length > c->conf->max_body)
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
	rq->request_done = rq->head.body == BODY_NONE ||
		(rq->head.body == BODY_LENGTH && rq->left == 0);
	rq->want_continue = rq->head.expect_continue && !rq->request_done && c->s->in.len == 0;
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

static void server_watch_stall(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t wait = c->conf->body_ns;
	if (unlikely(c->conf->pace.min_rate != 0))
		wait = pace_window_ns(&rq->out, &c->conf->pace, worker_now(c->s->worker), wait);
	rq->stall_mark = c->s->bytes_out;
	stream_deadline(c->s, wait);
}

/* Where more than silence counts. */
static __attribute__((noinline)) void server_watch_pace(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = worker_now(c->s->worker), wait = TIMER_NEVER;
	if (rq->held)
		pace_stop(&rq->in);
	else if (!rq->in.since_ns)
		pace_start(&rq->in, now, rq->body_bytes);
	if (!rq->held)
		wait = pace_window_ns(&rq->in, rule, now, c->conf->body_ns);
	wait = pace_request_ns(rule, rq->c.started_ns, now, wait);
	if (wait == TIMER_NEVER)
		stream_no_deadline(c->s);
	else
		stream_deadline(c->s, wait);
}

/* With a request in progress there is one deadline: for a client that does not take its response,
 * else for one that does not send its body. The former, once it runs, is moved only by bytes that
 * leave. */
void http1_server_watch(struct http1_server *c)
{
	const struct http1_request *rq = c->rq;
	if (rq->full || rq->response_done)
		return;
	if (rq->request_done || rq->tunnel)
		stream_no_deadline(c->s);
	else if (unlikely(pace_is_asked(&c->conf->pace)))
		server_watch_pace(c);
	else if (rq->held)
		stream_no_deadline(c->s);
	else
		stream_deadline(c->s, c->conf->body_ns);
}

void http1_server_watch_rate(struct http1_server *c)
{
	pace_start(&c->rq->out, worker_now(c->s->worker), stream_taken(c->s));
	server_watch_stall(c);
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
	if (rq->held)
		buf_settle(&rq->body);
	http1_server_watch(c);
	if (!rq->request_done)
		return true;
	rq->c.events->on_end(&rq->c, rq->head.body == BODY_CHUNKED ? &rq->chunks.trailers : NULL);
	return c->rq == rq && !rq->gone;
}

/* ---- the reading loop ---------------------------------------------------------------------- */

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
			http1_server_go_on(c);
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
	struct read_turn turn = stream_turn(s);

	while (server_eat(c)) {
		bool awaits = c->state == SERVER_HEAD ||
			(c->state == SERVER_BUSY && !c->rq->request_done);
		enum io io = stream_read(s, &turn, awaits);
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
			http1_server_closed(c);
		return;
	}
}

/* Between requests. */
void http1_server_go_on(struct http1_server *c)
{
	c->empty_lines = 0;
	c->searched = 0;
	if (c->s->in.len || stream_may_read(c->s))
		stream_resume(c->s);
	stream_deadline(c->s, c->conf->idle_ns);
}

/* ---- the other events of the stream -------------------------------------------------------- */

static void server_on_drained(struct stream *s)
{
	struct http1_server *c = s->data;
	struct http1_request *rq = c->rq;
	if (!rq || rq->gone)
		return;
	rq->full = false;
	if (!rq->response_done) {
		http1_server_watch(c);
		rq->c.events->on_drained(&rq->c);
	} else if (!stream_has_unsent(s)) { /* not when it was full and is now less so */
		stream_no_deadline(s);
		http1_request_count(rq);
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
		http1_server_closed(c);
}

static void server_late(struct http1_server *c, enum stat_id stat, int err)
{
	stat_inc(stat);
	server_gone(c, err);
}

/* A deadline of the response has passed: which of them? */
static void server_stall_is_due(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t now = worker_now(c->s->worker);
	if (c->conf->pace.min_rate && pace_judge(&rq->out, &c->conf->pace, now, stream_taken(c->s)))
		server_late(c, STAT_TIMEOUT_RATE, ERR_CLIENT_TOO_SLOW);
	else if (c->s->bytes_out != rq->stall_mark || rq->out.since_ns == now)
		server_watch_stall(c);
	else
		server_late(c, STAT_TIMEOUT_SEND, ERR_CLIENT_STALLED);
}

/* The same of its body. */
static void server_body_is_due(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t now = worker_now(c->s->worker);
	if (pace_is_over(&c->conf->pace, rq->c.started_ns, now))
		server_late(c, STAT_TIMEOUT_REQUEST, ERR_REQUEST_TIMEOUT);
	else if (pace_judge(&rq->in, &c->conf->pace, now, rq->body_bytes))
		server_late(c, STAT_TIMEOUT_RATE, ERR_BODY_TOO_SLOW);
	else if (rq->held || rq->in.since_ns == now)
		http1_server_watch(c); /* for another window */
	else
		server_late(c, STAT_TIMEOUT_BODY, ERR_BODY_TIMEOUT);
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
		http1_server_closed(c);
	} else if (rq->full || rq->response_done) {
		server_stall_is_due(c);
	} else if (!rq->request_done && !rq->tunnel) {
		server_body_is_due(c);
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
	const struct http1_server_conf *conf)
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
	else if (c->rq && !c->rq->head_sent)
		c->close = true;
}

void http1_server_abort(struct http1_server *c)
{
	if (c->state == SERVER_CLOSING && c->rq == NULL) {
		http1_server_closed(c);
		return;
	}
	if (c->rq)
		server_gone(c, ERR_SHUTTING_DOWN);
	else
		http1_server_closed(c);
}
