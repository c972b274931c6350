/* The operations of an exchange on its client's connection: writing the response, holding and
 * resuming the request. */
#include "http1/server_impl.h"

#include "http1/write.h"

static struct http1_request *request_of(struct client *c)
{
	return container_of(c, struct http1_request, c);
}

static bool request_is_dead(const struct http1_request *rq)
{
	return stream_is_broken(rq->server->s);
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
		bool small = rq->head.body == BODY_LENGTH && rq->left <= DISCARD_MAX &&
			rq->receive != RECEIVE_EXPECT;
		if (!request_is_received(rq) && !small)
			c->close = true;
		rq->response_framing = (uint8_t)http1_response_framing(h,
			(enum method)rq->head.method, rq->head.version ? rq->head.version : 11);
		if (rq->response_framing == BODY_CLOSE)
			c->close = true;
		request_set_send(rq, SEND_BODY);
		if (rq->receive == RECEIVE_EXPECT)
			request_set_receive(rq, RECEIVE_BODY);
	}
	size_t room, size = http1_response_head_size(h);
	char *at = buf_reserve(&s->out, size, &room);
	char *end = http1_write_response_head(at, h, (enum method)rq->head.method,
		rq->head.version ? rq->head.version : 11, !c->close);
	check((size_t)(end - at) <= size, "a head of %zu bytes was sized %zu", (size_t)(end - at),
		size);
	buf_commit(&s->out, (size_t)(end - at));
	stream_kick(s);
}

/* The client does not take all of the response: on_drained must follow. Returns true. */
static bool request_full(struct http1_request *rq)
{
	if (rq->send != SEND_FULL) {
		request_set_send(rq, SEND_FULL);
		http1_server_watch_stall(rq->server);
	}
	return true;
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
	return stream_wrote(s) && request_full(rq);
}

static enum splice client_splice(struct client *cl, struct stream *from, uint64_t most, uint64_t *n)
{
	struct http1_request *rq = request_of(cl);
	struct stream *s = rq->server->s;

	if (request_is_dead(rq) || rq->response_framing == BODY_NONE ||
		rq->response_framing == BODY_CHUNKED)
		return SPLICE_UNABLE;
	enum splice r = stream_splice(s, from, most, n);
	if (r == SPLICE_FULL) {
		(void)request_full(rq);
		stream_tell_empty(s);
	}
	return r;
}

static void client_end(struct client *cl, const struct fields *trailers)
{
	struct http1_request *rq = request_of(cl);
	struct stream *s = rq->server->s;

	request_set_send(rq, SEND_DONE);
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
		http1_server_watch_stall(rq->server);
	if (rq->server->close && !request_is_tunnel(rq))
		stream_mark_last(s);
	stream_tell_empty(s);
}

static void client_tunnel(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	request_set_receive(rq, RECEIVE_TUNNEL);
	request_set_send(rq, SEND_BODY);
	rq->delivery = DELIVERY_HELD;
	rq->response_framing = BODY_CLOSE;
	rq->server->close = true;
}

static void client_look(struct client *cl)
{
	stream_look(request_of(cl)->server->s);
}

static void client_abort(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	/* With a length or chunks the client sees that the end is missing. A body that ends with
	 * the connection needs a reset, and no close_notify, which would vouch for it. */
	if (rq->send != SEND_HEAD && rq->response_framing == BODY_CLOSE)
		stream_close_by_reset(rq->server->s);
	if (rq->send != SEND_HEAD)
		request_set_send(rq, SEND_CUT);
	rq->server->close = true;
}

static void client_hold(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	rq->delivery = DELIVERY_HELD;
	if (!rq->gone)
		http1_server_watch(rq->server);
}

/* Tell a client that waits for it to send the body, unless it has begun (RFC 9110 10.1.1). */
static void request_continue(struct stream *s)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (s->in.len)
		return;
	buf_append(&s->out, interim, sizeof(interim) - 1);
	stream_kick(s);
}

static void client_resume(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	struct http1_server *c = rq->server;

	if (rq->gone || rq->delivery != DELIVERY_HELD)
		return;
	bool again = rq->body.len || rq->receive == RECEIVE_WHOLE;
	rq->delivery = again ? DELIVERY_AGAIN : DELIVERY_ON;
	if (request_is_received(rq))
		return;
	if (rq->receive == RECEIVE_EXPECT) {
		request_set_receive(rq, RECEIVE_BODY);
		request_continue(c->s);
	}
	http1_server_watch(c);
	if (c->s->in.len || again || stream_may_read(c->s))
		stream_resume(c->s);
}

/* Bytes of the body that have not come; UINT64_MAX: nobody knows how many. */
static uint64_t request_left(const struct http1_request *rq)
{
	return rq->head.body == BODY_LENGTH ? rq->left : UINT64_MAX;
}

static void client_finish(struct client *cl)
{
	struct http1_request *rq = request_of(cl);
	struct http1_server *c = rq->server;
	struct stream *s = c->s;
	bool whole = rq->send == SEND_DONE, unread = !request_is_received(rq);
	bool rest = unread || rq->receive == RECEIVE_REFUSED;
	uint64_t left = request_left(rq);
	bool lost = stream_is_broken(s) || stream_has_ended(s);
	/* The upstream failed, not the client: send what there is of the response; the client sees
	 * that the end is missing. */
	bool cut = !whole && !rq->gone && rq->send != SEND_HEAD &&
		rq->response_framing != BODY_CLOSE;

	buf_fini(&rq->body);
	struct arena a = rq->c.arena;
	arena_fini(&a); /* this frees rq */
	c->rq = NULL;
	if (lost || (!whole && !cut)) {
		http1_server_closed(c);
	} else if (cut || c->close || (unread && left > DISCARD_MAX)) {
		http1_server_linger(c, rest);
	} else {
		c->discard = unread ? left : 0;
		server_set_state(c, unread ? SERVER_DISCARD : SERVER_IDLE);
		http1_server_go_on(c);
	}
}

static void client_count(struct client *c)
{
	struct http1_request *rq = container_of(c, struct http1_request, c);
	if (!rq->gone)
		http1_request_count(rq);
}

static bool client_keeps(const struct client *cl)
{
	const struct http1_request *rq = container_of(cl, struct http1_request, c);
	const struct http1_server *c = rq->server;
	bool unread = rq->send == SEND_DONE && !request_is_received(rq);
	if (c->close || rq->gone || stream_is_broken(c->s) || stream_has_ended(c->s))
		return false;
	return !unread || request_left(rq) <= DISCARD_MAX;
}

const struct client_ops http1_client_ops = {
	.head = client_head,
	.body = client_body,
	.splice = client_splice,
	.end = client_end,
	.tunnel = client_tunnel,
	.look = client_look,
	.abort = client_abort,
	.hold = client_hold,
	.resume = client_resume,
	.count = client_count,
	.keeps = client_keeps,
	.finish = client_finish,
};
