/*
 * The library's callbacks for what is sent to a client: DATA, the ends of responses, resets. Called
 * from within http2_link_pump().
 */
#include "base/stat.h"
#include "http2/server_state.h"

/* A request that is reset has cost work for nothing; so has one that the client makes the gateway
 * drop in another way (CVE-2023-44487, CVE-2025-8671). */
void server_count_reset(struct http2_server *c)
{
	if (!meter_reset(&c->l.meter, server_now(c)))
		http2_link_fail(&c->l, NGHTTP2_ENHANCE_YOUR_CALM);
}

void server_refuse(struct http2_server *c, int32_t id)
{
	(void)nghttp2_submit_rst_stream(c->l.h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
	http2_link_wake(&c->l);
}

void server_consume(struct server_stream *rq, size_t n)
{
	struct http2_link *l = &rq->server->l;
	if (l->state != LINK_OPEN || n == 0)
		return;
	if (rq->st.wire == WIRE_OPEN)
		(void)nghttp2_session_consume(l->h2, rq->st.id, n);
	else
		(void)nghttp2_session_consume_connection(l->h2, n);
	http2_link_wake_to_write(l); /* most calls only count */
}

void server_data_sent(struct http2_stream *st, size_t n)
{
	struct server_stream *rq = server_stream_of(st);
	rq->moved += n;
	rq->c.bytes_out += HTTP2_FRAME_HEAD + n;
}

/* Whether a reset by the gateway is charged to the client. Resets for the gateway's own reasons are
 * not: its failure, the end of a tunnel, overload (there the HEADERS have a price, limits.c). */
static bool reset_is_charged(struct http2_server *c, int32_t id, uint32_t code)
{
	const struct server_stream *rq;
	switch (code) {
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_INTERNAL_ERROR:
		return false;
	case NGHTTP2_REFUSED_STREAM:
		return !worker_overload(c->l.stream->worker);
	case NGHTTP2_CANCEL:
		rq = server_stream_at(c, id);
		return !rq || rq->st.kind != KIND_TUNNEL;
	default:
		return true;
	}
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_server *c = server_of(user);
	struct server_stream *rq;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		rq = server_stream_at(c, f->hd.stream_id);
		if (rq)
			rq->c.bytes_out += HTTP2_FRAME_HEAD + f->hd.length;
		if (rq && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			server_stream_framed(rq);
		break;
	case NGHTTP2_DATA:
		if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) {
			rq = server_stream_at(c, f->hd.stream_id);
			if (rq)
				server_stream_framed(rq);
		}
		break;
	case NGHTTP2_RST_STREAM:
		if (f->rst_stream.error_code == NGHTTP2_REFUSED_STREAM)
			stat_inc(STAT_STREAMS_REFUSED);
		if (reset_is_charged(c, f->hd.stream_id, f->rst_stream.error_code))
			server_count_reset(c);
		break;
	default:
		break;
	}
	return 0;
}

/* Note with which byte of the socket the latest responses are sent completely. */
static void server_mark_sent(struct http2_server *c)
{
	const struct stream *s = c->l.stream;
	for (struct list *e = c->sending.prev; e != &c->sending; e = e->prev) {
		struct server_stream *rq = container_of(e, struct server_stream, sent_link);
		if (rq->sent_at != SENT_AT_UNKNOWN)
			break;
		rq->sent_at = s->bytes_out + s->out.len;
	}
}

void server_pumped(struct http2_link *l)
{
	struct http2_server *c = server_of(l);
	server_mark_sent(c);
	if (!list_is_empty(&c->sending))
		stream_tell_empty(l->stream);
}

void server_send_set_up(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
}
