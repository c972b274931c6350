/*
 * One connection to an upstream server. An answer is trusted no more than a request: what is
 * malformed, framed in two ways, or followed by bytes nobody asked for is a failure, and its
 * connection is never used again.
 *
 * Whatever event the exchange gets, it may release the origin from within; `serial` tells whether
 * it did.
 */
#include "http1/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/stat.h"
#include "http1/chunk.h"
#include "http1/explain.h"
#include "http1/lenient.h"
#include "http1/parse.h"
#include "http1/write.h"
#include "net/shortage.h"
#include "tls/info.h"

enum {
	SPLICE_MIN = 2 * 1024 * 1024, /* bytes of a body that are worth passing on unread */
	INTERIM_MAX = 16,             /* 1xx responses before the final one */
	WHY_TEXT = 160,               /* bytes of an explanation */
};

enum conn_state { CONN_OPENING, CONN_FREE, CONN_BUSY, CONN_FAILED, CONN_GONE };
enum response_state { RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE };

struct http1_conn {
	struct origin o;
	struct stream s;
	struct grave grave;
	struct http1_conn_conf conf;
	const struct http1_conn_owner *owner; /* borrowed: const table */
	void *owner_data;                     /* borrowed */
	/* borrowed: while on_gone tells of a connection that did not open */
	const char *why;
	struct buf body; /* decoded, not taken yet */
	struct chunk_decoder chunks;
	uint64_t left;                /* of a body with a length */
	uint64_t out_start, in_start; /* the stream's counters when the request began */
	/* the stream's bytes_out when its silence began to be watched */
	uint64_t out_mark;
	size_t searched;  /* bytes of s.in that hold no end of a head */
	uint32_t serial;  /* counts requests */
	uint8_t state;    /* enum conn_state */
	uint8_t response; /* enum response_state */
	uint8_t framing;  /* enum body_kind of the response */
	uint16_t status;  /* of it */
	uint8_t request_framing;
	uint8_t method;
	uint8_t interim;
	uint8_t empty_lines; /* before this head */
	bool request_done, held, keep_alive;
	bool upgrade; /* the request asks for another protocol */
	bool tunnel;
	bool body_whole; /* all of the response's body was decoded */
	bool offer;      /* what was not taken is to be handed over again */
	bool splice;     /* nobody said yet that the body must be read */
	bool deaf;       /* the server takes no more of the request */
};

static const struct origin_ops http1_origin_ops;

static struct http1_conn *conn_of(struct origin *o)
{
	return container_of(o, struct http1_conn, o);
}

static void conn_free(struct grave *g)
{
	free(container_of(g, struct http1_conn, grave));
}

static void conn_end(struct http1_conn *c)
{
	c->state = CONN_GONE;
	buf_fini(&c->body);
	stream_close(&c->s);
	worker_bury(c->s.worker, &c->grave, conn_free);
}

/* Not carrying a request. */
static void conn_gone(struct http1_conn *c, int err)
{
	conn_end(c);
	c->owner->on_gone(c, err);
}

static void conn_count(struct http1_conn *c)
{
	c->o.sent = c->s.bytes_out != c->out_start;
	c->o.bytes_out = c->s.bytes_out - c->out_start;
	c->o.bytes_in = c->s.bytes_in - c->in_start;
}

/* Carrying one. The exchange releases it, now or later. */
static void conn_fail(struct http1_conn *c, int err)
{
	if (c->state != CONN_BUSY)
		return;
	c->state = CONN_FAILED;
	conn_count(c);
	buf_fini(&c->body);
	stream_close(&c->s);
	c->o.events->on_fail(&c->o, err);
}

/* Whether the server owes us something. Between a 1xx and the end of the request it does not. */
static bool conn_is_due(struct http1_conn *c)
{
	if (c->state != CONN_BUSY || c->held || c->body_whole || c->tunnel)
		return false;
	return c->request_done || c->deaf || c->response == RESPONSE_BODY || c->s.in.len ||
		stream_is_full(&c->s);
}

/* While it does, its silence is bounded. */
static void conn_await(struct http1_conn *c)
{
	c->out_mark = c->s.bytes_out;
	if (conn_is_due(c))
		stream_deadline(&c->s, c->conf.response_ns);
	else
		stream_no_deadline(&c->s);
}

/* ---- reading the response ------------------------------------------------------------------ */

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

/* More arrived than belongs to the response. A lenient reader throws it away, together with the
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
	sluice_str run = buf_peek(in);
	bool whole = http1_find_head_end(run.data, run.len, c->searched, &len);
	/* What lies behind the first block is most often body, and stays where it is. */
	if (!whole && run.len < in->len) {
		run = buf_pullup(in, in->len < c->conf.max_head ? in->len : c->conf.max_head);
		whole = http1_find_head_end(run.data, run.len, c->searched, &len);
	}
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

static int conn_head(struct http1_conn *c)
{
	struct response_head *h = NULL;
	uint32_t serial = c->serial;
	int r = conn_take_head(c, &h);
	if (r <= 0)
		return r;
	if (h->status == 101 && c->upgrade) {
		c->framing = BODY_CLOSE;
		c->keep_alive = false;
		c->response = RESPONSE_BODY;
		c->o.events->on_head(&c->o, h);
		return c->serial == serial;
	}
	if (h->status < 200) {
		/* no tunnel was asked for, and a server that keeps promising is not answering */
		if (h->status == 101 || ++c->interim > INTERIM_MAX)
			return ERR_UPSTREAM_BAD_HEAD;
		c->o.events->on_head(&c->o, h);
		return c->serial == serial;
	}
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
	c->splice = h->body == BODY_LENGTH && c->left >= SPLICE_MIN && c->o.events->on_waiting;
	c->body_whole = h->body == BODY_NONE || (h->body == BODY_LENGTH && h->body_length == 0);
	c->response = c->body_whole ? RESPONSE_DONE : RESPONSE_BODY;
	c->o.events->on_head(&c->o, h);
	if (c->serial != serial || c->state != CONN_BUSY)
		return 0;
	if (c->body_whole)
		c->o.events->on_end(&c->o, NULL);
	return !c->body_whole;
}

/* Hand over what was decoded, and behind all of it the end. False when the exchange is done with
 * us. */
static bool conn_deliver(struct http1_conn *c)
{
	uint32_t serial = c->serial;
	c->offer = false;
	if (c->body.len)
		c->o.events->on_body(&c->o, &c->body);
	if (c->serial != serial || c->state != CONN_BUSY)
		return false;
	if (!c->body_whole || c->body.len)
		return true;
	c->response = RESPONSE_DONE;
	c->o.events->on_end(&c->o, c->framing == BODY_CHUNKED ? &c->chunks.trailers : NULL);
	return c->serial == serial && c->state == CONN_BUSY;
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
			c->body_whole = true;
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
		c->body_whole = c->left == 0;
	} else {
		buf_move_all(&c->body, in);
	}
	if (err)
		return err;
	return conn_deliver(c) && !c->body_whole;
}

static void conn_on_eof(struct http1_conn *c)
{
	/* over TLS only close_notify says that this is all: RFC 9112 9.8 */
	bool whole = c->s.in.len == 0 && (c->tunnel || !tls_was_truncated(&c->s));
	if (c->response == RESPONSE_BODY && c->framing == BODY_CLOSE && whole) {
		c->body_whole = true;
		c->keep_alive = false;
		(void)conn_deliver(c);
		return;
	}
	if (c->response == RESPONSE_HEAD) {
		c->o.detail = http1_explain_start(buf_peek(&c->s.in));
	} else if (c->framing == BODY_LENGTH) {
		c->o.detail = http1_explain_missing(c->left);
	}
	conn_fail(c, c->response == RESPONSE_BODY ? ERR_UPSTREAM_TRUNCATED : ERR_UPSTREAM_CLOSED);
}

/* Use what is in s.in. False when the exchange is done with us, or we failed it. */
static bool conn_eat(struct http1_conn *c)
{
	uint32_t serial = c->serial;
	if (c->offer && !c->held && !conn_deliver(c))
		return false;
	while (c->s.in.len && c->response != RESPONSE_DONE && !c->held && !c->body_whole) {
		int r = c->response == RESPONSE_HEAD ? conn_head(c) : conn_body(c);
		if (c->serial != serial || c->state != CONN_BUSY)
			return false;
		if (r < 0) {
			conn_fail(c, r);
			return false;
		}
		if (r == 0)
			break;
	}
	return true;
}

/* Have the rest of a long body passed on without reading it. True: go on. */
static bool conn_splice(struct http1_conn *c)
{
	uint64_t n = 0;
	enum splice r = c->o.events->on_waiting(&c->o, &c->s,
		c->left < STREAM_READ_SHARE ? c->left : STREAM_READ_SHARE, &n);
	c->left -= n;
	c->body_whole = c->left == 0;
	if (r == SPLICE_UNABLE)
		c->splice = false;
	else if (c->body_whole)
		return conn_deliver(c);
	else if (r == SPLICE_EOF)
		conn_on_eof(c);
	else if (r == SPLICE_FAIL)
		conn_fail(c, ERR_UPSTREAM_RESET);
	return r == SPLICE_OK || r == SPLICE_UNABLE;
}

static void conn_read(struct http1_conn *c)
{
	struct read_turn turn = stream_turn(&c->s);

	while (conn_eat(c)) {
		if (c->held || c->response == RESPONSE_DONE || c->body_whole)
			break;
		if (!stream_turn_goes_on(&c->s, &turn, true))
			break;
		if (c->splice && c->s.in.len == 0 && c->body.len == 0) {
			if (conn_splice(c))
				continue;
			break;
		}
		enum io io = stream_fill(&c->s);
		if (io == IO_AGAIN)
			break;
		if (io == IO_OK) {
			c->o.answered = true;
			continue;
		}
		if (io == IO_EOF)
			conn_on_eof(c);
		else
			conn_fail(c, ERR_UPSTREAM_RESET);
		break;
	}
	if (c->state == CONN_BUSY && (turn_has_read(&turn, &c->s) || c->body_whole))
		conn_await(c);
}

static void conn_on_readable(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_BUSY && c->response != RESPONSE_DONE)
		conn_read(c);
	/* the end, or bytes nobody asked for */
	else if (c->state == CONN_FREE && stream_fill(s) != IO_AGAIN)
		conn_gone(c, 0);
	/* BUSY and DONE: what comes now shows at release */
}

/* ---- the other events of the stream -------------------------------------------------------- */

static void conn_on_open(struct stream *s)
{
	struct http1_conn *c = s->data;
	stream_deadline(s, c->conf.idle_ns); /* whoever asked for it may have left */
	c->state = CONN_FREE;
	c->owner->on_open(c);
}

static void conn_on_drained(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state != CONN_BUSY)
		return;
	if (c->tunnel && c->request_done) {
		if (stream_has_unsent(s))
			return; /* less full, but not empty */
		stream_shut(s);
		c->o.events->on_drained(&c->o);
		return;
	}
	conn_await(c);
	c->o.events->on_drained(&c->o);
}

static void conn_on_fail(struct stream *s, int error)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_OPENING) {
		char why[WHY_TEXT];
		if (error == -1)
			(void)tls_error_text(s, why, sizeof(why));
		else
			(void)snprintf(why, sizeof(why), "%s", strerror(error));
		c->why = why;
		conn_gone(c, error == -1 ? ERR_UPSTREAM_TLS : shortage_of(error));
		c->why = NULL;
	} else if (c->state == CONN_FREE) {
		conn_gone(c, 0);
	} else if (c->state == CONN_BUSY && (c->response != RESPONSE_DONE || c->tunnel)) {
		/* the server may have answered before it stopped reading: that answer counts */
		stream_salvage(s);
		c->deaf = true;
		if (c->tunnel && c->request_done)
			stream_tell_empty(s); /* there is nothing left to wait for */
		conn_await(c);
		conn_read(c);
	}
}

static void conn_on_timeout(struct stream *s)
{
	struct http1_conn *c = s->data;
	if (c->state == CONN_OPENING) {
		stat_inc(STAT_TIMEOUT_CONNECT);
		conn_gone(c, ERR_CONNECT_TIMEOUT);
	} else if (c->state == CONN_FREE) {
		conn_gone(c, 0);
	} else if (c->state == CONN_BUSY && c->s.out.len && c->s.bytes_out != c->out_mark) {
		conn_await(c); /* slow to read the request, but not silent */
	} else if (c->state == CONN_BUSY) {
		stat_inc(STAT_TIMEOUT_RESPONSE);
		conn_fail(c,
			c->response == RESPONSE_BODY ? ERR_UPSTREAM_STALLED : ERR_UPSTREAM_TIMEOUT);
	}
}

static const struct stream_user conn_user = {
	.on_open = conn_on_open,
	.on_readable = conn_on_readable,
	.on_drained = conn_on_drained,
	.on_fail = conn_on_fail,
	.on_timeout = conn_on_timeout,
};

/* ---- what the exchange calls --------------------------------------------------------------- */

static void origin_head(struct origin *o, const struct request_head *h)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	size_t room, size = http1_request_head_size(h);
	char *at = buf_reserve(&c->s.out, size, &room);
	char *end = http1_write_request_head(at, h, true);
	check((size_t)(end - at) <= size, "a head of %zu bytes was sized %zu", (size_t)(end - at),
		size);
	buf_commit(&c->s.out, (size_t)(end - at));
	c->method = h->method;
	c->upgrade = h->upgrade;
	c->request_framing = h->body;
	stream_kick(&c->s);
}

static bool origin_body(struct origin *o, struct buf *data)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY || c->deaf) {
		buf_drain(data, data->len);
		return false;
	}
	if (data->len && c->request_framing == BODY_CHUNKED) {
		char line[CHUNK_HEAD_MAX];
		buf_append(&c->s.out, line, chunk_head(line, data->len));
		buf_move_all(&c->s.out, data);
		buf_append(&c->s.out, "\r\n", 2);
	} else {
		buf_move_all(&c->s.out, data);
	}
	bool full = stream_wrote(&c->s);
	if (full)
		conn_await(c);
	return full;
}

static void origin_end(struct origin *o, const struct fields *trailers)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	c->request_done = true;
	if (c->tunnel) {
		stream_tell_empty(&c->s); /* then our side ends */
	} else if (c->request_framing == BODY_CHUNKED && !c->deaf) {
		size_t room, size = chunk_tail_size(trailers);
		char *at = buf_reserve(&c->s.out, size, &room);
		buf_commit(&c->s.out, (size_t)(chunk_write_tail(at, trailers) - at));
		stream_kick(&c->s);
	}
	conn_await(c);
	if (c->s.out.len > STREAM_OUT_LOW)
		/* the wait for a response begins when the request has left */
		stream_tell_empty(&c->s);
}

static void origin_tunnel(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	c->tunnel = true;
	c->request_done = false;
	c->request_framing = BODY_CLOSE;
	conn_await(c);
}

static void origin_hold(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	c->held = true;
	conn_await(c);
}

static void origin_resume(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY || !c->held)
		return;
	c->held = false;
	c->offer = c->response == RESPONSE_BODY && (c->body.len || c->body_whole);
	conn_await(c);
	stream_resume(&c->s);
}

static void origin_release(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	bool clean = c->state == CONN_BUSY && c->request_done && c->response == RESPONSE_DONE &&
		c->keep_alive && !c->deaf && c->s.in.len == 0 && c->s.out.len == 0 &&
		c->body.len == 0 && !stream_has_ended(&c->s) && !stream_is_broken(&c->s);
	conn_count(c);
	stat_add(STAT_UPSTREAM_BYTES_OUT, c->o.bytes_out);
	stat_add(STAT_UPSTREAM_BYTES_IN, c->o.bytes_in);
	c->serial++;
	c->o.events = NULL;
	c->o.user = NULL;
	c->o.arena = NULL;
	if (!clean) {
		conn_gone(c, 0);
		return;
	}
	c->state = CONN_FREE;
	stream_deadline(&c->s, c->conf.idle_ns);
	c->owner->on_free(c);
}

static const struct origin_ops http1_origin_ops = {
	.head = origin_head,
	.body = origin_body,
	.end = origin_end,
	.tunnel = origin_tunnel,
	.hold = origin_hold,
	.resume = origin_resume,
	.release = origin_release,
};

/* ---- what the owner calls ------------------------------------------------------------------ */

static struct http1_conn *conn_new(const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data)
{
	struct http1_conn *c = calloc(1, sizeof(*c));
	check(c, "out of memory: a connection of %zu bytes", sizeof(*c));
	c->conf = *conf;
	c->owner = owner;
	c->owner_data = owner_data;
	c->o.ops = &http1_origin_ops;
	return c;
}

struct http1_conn *http1_conn_open(struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data, int *err)
{
	struct http1_conn *c = conn_new(conf, owner, owner_data);
	int error = stream_connect(&c->s, w, to, t, tls, &conn_user, c);
	if (error) {
		free(c);
		*err = shortage_tell(-error, to, worker_now(w));
		errno = -error; /* for the pool, which tells why */
		return NULL;
	}
	stream_deadline(&c->s, conf->connect_ns);
	return c;
}

struct http1_conn *http1_conn_adopt(struct stream *s, const struct http1_conn_conf *conf,
	const struct http1_conn_owner *owner, void *owner_data)
{
	struct http1_conn *c = conn_new(conf, owner, owner_data);
	if (stream_move(&c->s, s, &conn_user, c) < 0) {
		free(c);
		return NULL;
	}
	c->state = CONN_FREE;
	stream_deadline(&c->s, conf->idle_ns);
	return c;
}

void *http1_conn_owner_data(struct http1_conn *c)
{
	return c->owner_data;
}

const char *http1_conn_why(const struct http1_conn *c)
{
	return c->why ? c->why : "";
}

struct origin *http1_conn_begin(struct http1_conn *c, const struct origin_events *events,
	void *user, struct arena *arena)
{
	check(c->state == CONN_FREE, "beginning on a connection in state %d", c->state);
	c->state = CONN_BUSY;
	c->response = RESPONSE_HEAD;
	c->framing = BODY_NONE;
	c->request_framing = BODY_NONE;
	c->interim = c->empty_lines = 0;
	c->searched = 0;
	c->request_done = c->held = c->keep_alive = c->upgrade = c->tunnel = false;
	c->body_whole = c->offer = c->deaf = c->splice = false;
	c->out_start = c->s.bytes_out;
	c->in_start = c->s.bytes_in;
	c->o.reused = c->serial > 0;
	c->o.sent = c->o.answered = false;
	c->o.events = events;
	c->o.user = user;
	c->o.arena = arena;
	c->o.bytes_in = c->o.bytes_out = 0;
	c->o.detail = STR_NONE;
	stream_no_deadline(&c->s);
	return &c->o;
}

bool http1_conn_is_stale(struct http1_conn *c)
{
	if (c->state != CONN_FREE || c->s.in.len || stream_has_ended(&c->s) ||
		stream_is_broken(&c->s))
		return true;
	return stream_may_read(&c->s) && stream_fill(&c->s) != IO_AGAIN;
}

void http1_conn_close(struct http1_conn *c)
{
	check(c->state == CONN_FREE || c->state == CONN_OPENING, "closing a connection in state %d",
		c->state);
	conn_end(c);
}
