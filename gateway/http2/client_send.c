/*
 * What is sent to an upstream server: handing requests to the library, and its callbacks for frames
 * that it sends.
 */
#include "base/log.h"
#include "http2/client_state.h"

enum {
	SEND_HEAD_MAX = 4 << 20, /* bytes of a request head; listeners allow far fewer */
	ID_LAST = INT32_MAX - 2, /* of a stream that one more may follow */
};

void client_data_sent(struct http2_stream *st, size_t n)
{
	struct client_stream *r = client_stream_of(st);
	const struct stream *s = st->link->stream;
	r->out_end = s->bytes_out + s->out.len;
	r->o.bytes_out += HTTP2_FRAME_HEAD + n;
	client_stream_await(r);
}

/* Called before the bytes of a frame are appended to the socket's queue. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = conn_of(user);
	struct client_stream *r;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		r = client_stream_at(c, f->hd.stream_id);
		if (!r)
			break;
		if (r->out_start == OUT_UNKNOWN)
			r->out_start = c->s.bytes_out + c->s.out.len;
		r->o.bytes_out += HTTP2_FRAME_HEAD + f->hd.length;
		break;
	case NGHTTP2_DATA:
		r = client_stream_at(c, f->hd.stream_id);
		if (r && r->st.kind == KIND_TUNNEL && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			http2_stream_note(&r->st, NEWS_DRAINED);
		break;
	case NGHTTP2_GOAWAY: /* also one that the library sends by itself */
		if (f->goaway.error_code != NGHTTP2_NO_ERROR && !c->l.error.err) {
			log_debug("http2", "a server broke the protocol: %s",
				nghttp2_http2_strerror(f->goaway.error_code));
			http2_link_fail(&c->l, f->goaway.error_code);
		}
		break;
	default:
		break;
	}
	return 0;
}

void client_send_set_up(nghttp2_session_callbacks *cb, nghttp2_option *o)
{
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
	nghttp2_option_set_max_send_header_block_length(o, SEND_HEAD_MAX);
}

int client_stream_submit(struct client_stream *r, const struct request_head *h)
{
	struct http2_conn *c = r->conn;
	nghttp2_data_provider body = http2_stream_body();
	nghttp2_nv stack[PAIRS_ON_STACK];
	struct pairs p = PAIRS_IN(stack);

	if (r->asked &&
		!nghttp2_session_get_remote_settings(c->l.h2,
			NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL))
		return ERR_UPSTREAM_NO_TUNNEL;
	int err = pairs_of_request(&p, h, c->https, r->o.arena);
	if (err)
		return err;
	int32_t id = nghttp2_submit_request(c->l.h2, NULL, p.v, p.n,
		r->st.send == SEND_DONE ? NULL : &body, &r->st);
	if (id < 0) {
		conn_drain(c); /* no stream ids or no memory is left */
		r->o.not_processed = true;
		return id == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_UPSTREAM_REFUSED;
	}
	r->st.id = id;
	http2_stream_set_wire(&r->st, WIRE_OPEN);
	if (id >= ID_LAST)
		conn_drain(c);
	meter_request(&c->l.meter);
	http2_link_wake(&c->l);
	return 0;
}

void client_submit_waiting(struct http2_conn *c)
{
	list_each (e, &c->l.streams) {
		struct client_stream *r = container_of(e, struct client_stream, st.all_link);
		bool waits = r->asked && r->st.wire == WIRE_IDLE && !r->st.error.err;
		int err = waits ? client_stream_submit(r, r->asked) : 0;
		if (err)
			client_stream_fail(r, http2_stream_error(err, NGHTTP2_CANCEL));
		else if (r->asked)
			client_stream_await(r);
	}
}

void client_consume(struct client_stream *r, size_t n)
{
	struct http2_link *l = &r->conn->l;
	if (n == 0 || r->st.wire != WIRE_OPEN || http2_stream_has_ended(&r->st) ||
		l->state != LINK_OPEN)
		return;
	(void)nghttp2_session_consume_stream(l->h2, r->st.id, n);
	http2_link_wake_to_write(l); /* most calls only count */
}
