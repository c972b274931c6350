/*
 * Reading responses. Responses are trusted no more than requests: one that is malformed, framed in
 * two ways, or followed by surplus bytes is a failure, and its connection is never used again.
 *
 * Whatever event the exchange gets, it may release the origin from within: then the connection is
 * not BUSY any more, as no other request begins before the event has returned (http/handler.h).
 */
#include "http1/client_impl.h"
#include "http1/explain.h"
#include "http1/lenient.h"
#include "http1/parse.h"
#include "tls/info.h"

enum {
	SPLICE_MIN = 2 * 1024 * 1024, /* bytes of a body that are worth passing on unread */
	INTERIM_MAX = 16,             /* 1xx responses before the final one */
};

/* ---- the head ------------------------------------------------------------------------------ */

static int conn_parse_head(struct http1_conn *c, struct response_head *h, const char *head,
	size_t len)
{
	const struct http1_limits lim = { .max_fields = c->conf.max_fields,
		.lenient = c->conf.lenient };
	int err = http1_parse_response(h, head, len, c->o.arena, (enum method)c->method, &lim);
	if (unlikely(err == ERR_UPSTREAM_BAD_HEAD) && lim.lenient)
		err = http1_lenient_parse(h, &head, &len, c->o.arena, (enum method)c->method, &lim);
	if (unlikely(err))
		c->o.detail = http1_explain_head(head, len, err, &lim);
	return err;
}

/* More bytes came than belong to the response. A lenient reader discards them, and closes the
 * connection. */
static int conn_surplus(struct http1_conn *c, size_t n)
{
	c->keep_alive = false;
	if (c->conf.lenient) {
		http1_lenient_cut(&c->s.in, n);
		return 0;
	}
	c->o.detail = http1_explain_surplus((enum body_kind)c->framing, c->status, n);
	return ERR_UPSTREAM_BAD_FRAMING;
}

/* A head in s.in: 1 when there was one, 0 when more is needed, else the failure. */
static int conn_take_head(struct http1_conn *c, struct response_head **out)
{
	struct buf *in = &c->s.in;
	size_t len;

	if (unlikely(c->conf.lenient) && http1_lenient_skip(in, &c->empty_lines))
		c->searched = 0;
	sluice_str run;
	bool whole = http1_find_head(in, c->conf.max_head, c->searched, &run, &len);
	if (!whole) {
		c->searched = run.len;
		len = run.len + 1; /* at least */
	}
	if (len > c->conf.max_head) {
		c->o.detail = http1_explain_start(run);
		return ERR_UPSTREAM_HEAD_TOO_LARGE;
	}
	if (!whole)
		return 0;
	char *head = arena_alloc(c->o.arena, len);
	struct response_head *h = arena_alloc(c->o.arena, sizeof(*h));
	if (!head || !h)
		return ERR_NO_MEMORY;
	memcpy(head, run.data, len);
	buf_drain(in, len);
	c->searched = 0;
	*out = h;
	int err = conn_parse_head(c, h, head, len);
	return err ? err : 1;
}

/* A 1xx was received. As conn_head(). */
static int conn_interim(struct http1_conn *c, struct response_head *h)
{
	if (h->status == 101 && c->upgrade) {
		c->framing = BODY_CLOSE;
		c->keep_alive = false;
		conn_set_response(c, RESPONSE_BODY);
	} else if (h->status == 101 || ++c->interim > INTERIM_MAX) {
		/* no tunnel was asked for, or too many 1xx responses came without a final one */
		return ERR_UPSTREAM_BAD_HEAD;
	}
	c->o.events->on_head(&c->o, h);
	return c->state == CONN_BUSY;
}

/* Begin to read the body of a final head. 0, or an enum err. */
static int conn_frame(struct http1_conn *c, const struct response_head *h)
{
	c->framing = h->body;
	c->left = h->body == BODY_LENGTH ? h->body_length : 0;
	c->keep_alive = h->keep_alive;
	c->status = h->status;
	/* a body where none may be, or more of it than was said: the message could be read in two
	 * ways */
	bool sized = h->body == BODY_NONE || h->body == BODY_LENGTH;
	int err = sized && unlikely(c->s.in.len > c->left)
		? conn_surplus(c, (size_t)(c->s.in.len - c->left))
		: 0;
	if (err)
		return err;
	if (h->body == BODY_CHUNKED) {
		chunk_decoder_init(&c->chunks, c->o.arena, ERR_UPSTREAM_BAD_CHUNK);
		c->chunks.accept = c->conf.lenient ? CHUNK_BLANKS | CHUNK_LF : CHUNK_BLANKS;
	}
	if (sized && c->left == 0)
		conn_set_response(c, RESPONSE_DONE);
	else if (sized && c->left >= SPLICE_MIN && c->o.events->on_waiting)
		conn_set_response(c, RESPONSE_UNREAD);
	else
		conn_set_response(c, RESPONSE_BODY);
	return 0;
}

/* A head, where a response begins. Above 0: go on; 0: stop; else the failure. */
static int conn_head(struct http1_conn *c)
{
	struct response_head *h = NULL;
	int r = conn_take_head(c, &h);
	if (r <= 0)
		return r;
	if (h->status < 200)
		return conn_interim(c, h);
	r = conn_frame(c, h);
	if (r)
		return r;
	c->o.events->on_head(&c->o, h);
	if (c->state != CONN_BUSY)
		return 0;
	if (c->response != RESPONSE_DONE)
		return 1;
	c->o.events->on_end(&c->o, NULL);
	return 0;
}

/* ---- the body ------------------------------------------------------------------------------ */

/* Pass what was decoded to the exchange, and behind all of it the end. False when the exchange has
 * released the origin. */
static bool conn_deliver(struct http1_conn *c)
{
	c->delivery = DELIVERY_ON;
	if (c->body.len)
		c->o.events->on_body(&c->o, &c->body);
	if (c->state != CONN_BUSY)
		return false;
	if (c->response != RESPONSE_WHOLE || c->body.len)
		return true;
	conn_set_response(c, RESPONSE_DONE);
	c->o.events->on_end(&c->o, c->framing == BODY_CHUNKED ? &c->chunks.trailers : NULL);
	return c->state == CONN_BUSY;
}

static int conn_body_chunked(struct http1_conn *c)
{
	struct buf *in = &c->s.in;
	while (in->len) {
		sluice_str run = buf_peek(in);
		size_t skip, data;
		int r = chunk_decode(&c->chunks, run.data, run.len, &skip, &data);
		if (r < 0) {
			c->o.detail =
				http1_explain_chunk(&c->chunks, run.data + skip, run.len - skip);
			return r;
		}
		buf_drain(in, skip);
		if (data)
			buf_move(&c->body, in, data);
		if (r == CHUNK_DONE) {
			conn_set_response(c, RESPONSE_WHOLE);
			return in->len ? conn_surplus(c, in->len) : 0;
		}
	}
	return 0;
}

/* Bytes of a body in s.in. Above 0: go on; 0: stop; else the failure. */
static int conn_body(struct http1_conn *c)
{
	struct buf *in = &c->s.in;
	int err = 0;

	if (c->framing == BODY_CHUNKED) {
		err = conn_body_chunked(c);
	} else if (c->framing == BODY_LENGTH) {
		if (unlikely(in->len > c->left) &&
			(err = conn_surplus(c, (size_t)(in->len - c->left))))
			return err;
		c->left -= in->len;
		buf_move_all(&c->body, in);
		if (c->left == 0)
			conn_set_response(c, RESPONSE_WHOLE);
	} else {
		buf_move_all(&c->body, in);
	}
	if (err)
		return err;
	return conn_deliver(c) && c->response < RESPONSE_WHOLE;
}

static void conn_on_eof(struct http1_conn *c)
{
	/* over TLS only close_notify says that this is all: RFC 9112 9.8 */
	bool whole = c->s.in.len == 0 && (c->tunnel || !tls_was_truncated(&c->s));
	if (c->response == RESPONSE_BODY && c->framing == BODY_CLOSE && whole) {
		conn_set_response(c, RESPONSE_WHOLE);
		c->keep_alive = false;
		(void)conn_deliver(c);
		return;
	}
	if (c->response == RESPONSE_HEAD) {
		c->o.detail = http1_explain_start(buf_peek(&c->s.in));
	} else if (c->framing == BODY_LENGTH) {
		c->o.detail = http1_explain_missing(c->left);
	}
	http1_conn_fail(c,
		c->response == RESPONSE_HEAD ? ERR_UPSTREAM_CLOSED : ERR_UPSTREAM_TRUNCATED);
}

/* More of the response is to be read. */
static bool conn_wants_more(const struct http1_conn *c)
{
	return c->response < RESPONSE_WHOLE && c->delivery != DELIVERY_HELD;
}

/* Use the bytes in s.in. False when the exchange has released the origin, or the request failed. */
static bool conn_use_input(struct http1_conn *c)
{
	if (c->delivery == DELIVERY_AGAIN && !conn_deliver(c))
		return false;
	while (c->s.in.len && conn_wants_more(c)) {
		int r = c->response == RESPONSE_HEAD ? conn_head(c) : conn_body(c);
		if (c->state != CONN_BUSY)
			return false;
		if (r < 0) {
			http1_conn_fail(c, r);
			return false;
		}
		if (r == 0)
			break;
	}
	return true;
}

/* ---- the reading loop ---------------------------------------------------------------------- */

/* How many bytes to pass on next. */
static uint64_t conn_splice_most(const struct http1_conn *c)
{
	return c->left < STREAM_READ_SHARE ? c->left : STREAM_READ_SHARE;
}

/* Have the rest of a long body passed on without reading it. True: go on. */
static bool conn_splice(struct http1_conn *c)
{
	uint64_t n = 0;
	enum splice r = c->o.events->on_waiting(&c->o, &c->s, conn_splice_most(c), &n);
	c->left -= n;
	if (c->left == 0) {
		conn_set_response(c, RESPONSE_WHOLE);
		return conn_deliver(c);
	}
	if (r == SPLICE_UNABLE)
		conn_set_response(c, RESPONSE_BODY);
	else if (r == SPLICE_EOF)
		conn_on_eof(c);
	else if (r == SPLICE_FAIL)
		http1_conn_fail(c, ERR_UPSTREAM_RESET);
	return r == SPLICE_OK || r == SPLICE_UNABLE;
}

/* Once more, by either way. IO_OK: go on. */
static enum io conn_fill(struct http1_conn *c)
{
	if (c->response == RESPONSE_UNREAD && c->s.in.len == 0 && c->body.len == 0)
		return conn_splice(c) ? IO_OK : IO_AGAIN;
	enum io io = stream_fill(&c->s);
	if (io == IO_OK)
		c->o.answered = true;
	else if (io == IO_EOF)
		conn_on_eof(c);
	else if (io == IO_FAIL)
		http1_conn_fail(c, ERR_UPSTREAM_RESET);
	return io;
}

void http1_conn_read(struct http1_conn *c)
{
	struct read_turn turn = stream_turn(&c->s);
	enum io io = IO_OK;

	while (io == IO_OK && conn_use_input(c)) {
		/* who looks after a tunnel looks for its reset: origin_ops.look */
		if (!conn_wants_more(c) || !stream_turn_goes_on(&c->s, &turn, !c->tunnel))
			break;
		io = conn_fill(c);
	}
	if (c->state == CONN_BUSY && (turn_has_read(&turn, &c->s) || c->response >= RESPONSE_WHOLE))
		http1_conn_await(c);
}
