/* The operations of an exchange on its connection to a server: writing the request, holding and
 * resuming the response. */
#include "base/stat.h"
#include "http1/client_impl.h"
#include "http1/write.h"

static struct http1_conn *conn_of(struct origin *o)
{
	return container_of(o, struct http1_conn, o);
}

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
	if (c->state != CONN_BUSY || c->request == REQUEST_CUT) {
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
		http1_conn_await(c);
	return full;
}

static void origin_end(struct origin *o, const struct fields *trailers)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	bool cut = c->request == REQUEST_CUT;
	if (!cut)
		conn_set_request(c, REQUEST_ENDED);
	if (c->tunnel) {
		stream_tell_empty(&c->s); /* then our side ends */
	} else if (c->request_framing == BODY_CHUNKED && !cut) {
		size_t room, size = chunk_tail_size(trailers);
		char *at = buf_reserve(&c->s.out, size, &room);
		buf_commit(&c->s.out, (size_t)(chunk_write_tail(at, trailers) - at));
		stream_kick(&c->s);
	}
	http1_conn_await(c);
	if (c->s.out.len > STREAM_OUT_LOW)
		/* the wait for a response begins when the request was sent */
		stream_tell_empty(&c->s);
}

static void origin_tunnel(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	c->tunnel = true;
	if (c->request == REQUEST_ENDED)
		conn_set_request(c, REQUEST_OPEN);
	c->request_framing = BODY_CLOSE;
	http1_conn_await(c);
}

static void origin_look(struct origin *o)
{
	stream_look(&conn_of(o)->s);
}

static void origin_hold(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY)
		return;
	c->delivery = DELIVERY_HELD;
	http1_conn_await(c);
}

static void origin_resume(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	if (c->state != CONN_BUSY || c->delivery != DELIVERY_HELD)
		return;
	c->delivery = c->body.len || c->response == RESPONSE_WHOLE ? DELIVERY_AGAIN : DELIVERY_ON;
	http1_conn_await(c);
	stream_resume(&c->s);
}

static void origin_release(struct origin *o)
{
	struct http1_conn *c = conn_of(o);
	bool clean = c->state == CONN_BUSY && c->request == REQUEST_ENDED &&
		c->response == RESPONSE_DONE && c->keep_alive && c->s.in.len == 0 &&
		c->s.out.len == 0 && c->body.len == 0 && !stream_has_ended(&c->s) &&
		!stream_is_broken(&c->s);
	http1_conn_count(c);
	stat_add(STAT_UPSTREAM_BYTES_OUT, c->o.bytes_out);
	stat_add(STAT_UPSTREAM_BYTES_IN, c->o.bytes_in);
	c->o.events = NULL;
	c->o.user = NULL;
	c->o.arena = NULL;
	if (!clean) {
		http1_conn_gone(c, 0);
		return;
	}
	conn_set_state(c, CONN_FREE);
	stream_deadline(&c->s, c->conf.idle_ns);
	c->owner->on_free(c);
}

const struct origin_ops http1_origin_ops = {
	.head = origin_head,
	.body = origin_body,
	.end = origin_end,
	.tunnel = origin_tunnel,
	.look = origin_look,
	.hold = origin_hold,
	.resume = origin_resume,
	.release = origin_release,
};
