/*
 * The library's callbacks for what an upstream server sends: heads, bodies, settings, resets. They
 * run within http2_link_read() and only note what an exchange has to know; it is told when the
 * library has returned.
 */
#include "http2/client_state.h"

static const struct head_limits trailer_limits = { .max_head = HTTP2_TRAILER_MAX,
	.max_fields = HTTP2_TRAILER_FIELDS };

/* The response is invalid: fail the stream, since the rest of the response is of no use. */
static void client_stream_refuse(struct client_stream *r, int err, const char *why)
{
	client_stream_explain(r, why);
	client_stream_fail(r,
		http2_stream_error(err,
			err == ERR_NO_MEMORY ? NGHTTP2_CANCEL : NGHTTP2_PROTOCOL_ERROR));
}

/* ---- responses ----------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = conn_of(user);
	struct client_stream *r = client_stream_at(c, f->hd.stream_id);
	(void)h2;
	c->building = NULL;
	if (!r || r->st.error.err || r->st.receive >= RECEIVE_END)
		return 0;
	r->o.answered = true;
	buf_fini(&r->kept);
	r->keeping = false;
	if (r->st.receive == RECEIVE_BODY) {
		response_begin_trailers(&c->builder, &r->st.trailers, r->o.arena, &trailer_limits,
			c->conf.lenient);
		c->building = r;
		return 0;
	}
	struct response_head *h = arena_alloc(r->o.arena, sizeof(*h));
	if (!h) {
		client_stream_refuse(r, ERR_NO_MEMORY, "");
		return 0;
	}
	r->head = h;
	response_begin(&c->builder, h, r->o.arena, &c->limits, c->conf.lenient);
	h->version = 20;
	c->building = r;
	return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_conn *c = conn_of(user);
	sluice_str n = str_n((const char *)name, name_len),
		   v = str_n((const char *)value, value_len);
	(void)h2, (void)f, (void)flags;
	if (!c->building)
		return 0;
	response_field(&c->builder, n, v);
	return 0;
}

/* The response is complete: check that it has the length that it announced. */
static void client_stream_end_response(struct client_stream *r)
{
	if (r->left != LENGTH_UNKNOWN && r->left > 0) {
		client_stream_refuse(r, ERR_UPSTREAM_BAD_FRAMING,
			"the body is shorter than its Content-Length");
		return;
	}
	http2_stream_set_receive(&r->st, RECEIVE_END);
	http2_stream_news(&r->st, NEWS_END);
}

/* The final head decides whether there is a tunnel. */
static int client_stream_answer_connect(struct client_stream *r, struct response_head *h)
{
	int err = response_to_connect(h, r->asked, r->o.arena);
	if (!err && h->status == 101) {
		http2_stream_set_kind(&r->st, KIND_TUNNEL);
	} else if (!err) { /* no tunnel: nothing more is sent */
		http2_stream_set_send(&r->st, SEND_DONE);
		http2_stream_offer(&r->st);
	}
	client_stream_await(r); /* a tunnel may be silent */
	return err;
}

static void client_stream_end_head(struct http2_conn *c, struct client_stream *r, bool end)
{
	struct response_head *h = r->head;
	int err = response_end(&c->builder, (enum method)r->method, end);
	const char *why = err ? response_fault(&c->builder, err) : "";
	if (!err && h->status < 200 && ++r->interim > CLIENT_INTERIM_MAX) {
		err = ERR_UPSTREAM_BAD_HEAD;
		why = "too many interim responses";
	}
	if (err) {
		client_stream_refuse(r, err, why);
		return;
	}
	if (r->asked && h->status >= 200)
		err = client_stream_answer_connect(r, h);
	if (err) {
		client_stream_refuse(r, err, "");
		return;
	}
	http2_stream_news(&r->st, NEWS_HEAD);
	bool is_tunnel = r->st.kind == KIND_TUNNEL;
	if (h->status < 200 && !is_tunnel)
		return;
	http2_stream_set_receive(&r->st, RECEIVE_BODY);
	r->left = h->body == BODY_LENGTH             ? h->body_length
		: h->body == BODY_NONE && !is_tunnel ? 0
						     : LENGTH_UNKNOWN;
	if (end)
		client_stream_end_response(r);
}

static void client_stream_end_trailers(struct http2_conn *c, struct client_stream *r, bool end)
{
	int err = response_end_trailers(&c->builder, r->call);
	const char *why = err ? response_fault(&c->builder, err) : "";
	/* RFC 9113 8.1: the second field section is the last; 8.5: a tunnel has none */
	if (!err && (!end || r->st.kind == KIND_TUNNEL)) {
		err = ERR_UPSTREAM_BAD_FRAMING;
		why = "a second header block that does not end the response";
	}
	if (err) {
		client_stream_refuse(r, err, why);
		return;
	}
	r->st.at_end = &r->st.trailers;
	client_stream_end_response(r);
}

static void client_on_headers(struct http2_conn *c, const nghttp2_frame *f)
{
	struct client_stream *r = c->building;
	bool end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	c->building = NULL;
	if (!r || r->st.error.err)
		return;
	r->o.bytes_in += HTTP2_FRAME_HEAD + f->hd.length;
	client_stream_await(r);
	if (r->st.receive == RECEIVE_HEAD)
		client_stream_end_head(c, r, end);
	else
		client_stream_end_trailers(c, r, end);
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *user)
{
	struct client_stream *r = client_stream_at(conn_of(user), id);
	(void)flags;
	(void)nghttp2_session_consume_connection(h2, len);
	if (!r || r->st.error.err || r->st.receive >= RECEIVE_END)
		return 0;
	r->o.answered = true;
	r->o.bytes_in += len;
	/* RFC 9113 8.1, 8.1.1 */
	if (r->st.receive != RECEIVE_BODY || (r->left != LENGTH_UNKNOWN && len > r->left)) {
		client_stream_refuse(r, ERR_UPSTREAM_BAD_FRAMING,
			r->st.receive == RECEIVE_BODY ? "the body is longer than its Content-Length"
						      : "DATA before HEADERS");
		return 0;
	}
	if (r->left != LENGTH_UNKNOWN)
		r->left -= len;
	buf_keep(&r->st.in, (const char *)data, len);
	client_stream_await(r);
	http2_stream_news(&r->st, NEWS_BODY);
	return 0;
}

/* ---- the connection ------------------------------------------------------------------------ */

static void client_on_settings(struct http2_conn *c)
{
	uint32_t max = nghttp2_session_get_remote_settings(c->l.h2,
		NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (!c->settled) {
		c->settled = true;
		c->changed = true;
		if (c->n_requests)
			stream_no_deadline(&c->s);
		else
			stream_deadline(&c->s, c->conf.idle_ns);
		client_submit_waiting(c);
	}
	c->changed = c->changed || max != c->peer_max;
	c->peer_max = max;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = conn_of(user);
	struct client_stream *r;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		client_on_headers(c, f);
		break;
	case NGHTTP2_DATA:
		r = client_stream_at(c, f->hd.stream_id);
		if (r && !r->st.error.err && r->st.receive == RECEIVE_BODY &&
			(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			client_stream_end_response(r);
		break;
	case NGHTTP2_SETTINGS:
		if (!(f->hd.flags & NGHTTP2_FLAG_ACK))
			client_on_settings(c);
		break;
	case NGHTTP2_GOAWAY: /* the library has closed the streams that the server has not seen */
		conn_drain(c);
		break;
	default:
		break;
	}
	return 0;
}

/* The error of a stream that ended before its response. REFUSED_STREAM: the server has not begun
 * (RFC 9113 8.7). */
static void client_stream_on_reset(struct client_stream *r, uint32_t code)
{
	if (code == NGHTTP2_REFUSED_STREAM && !r->o.answered) {
		r->o.not_processed = true;
		client_stream_fail(r, http2_stream_error(ERR_UPSTREAM_REFUSED, code));
	} else {
		/* RFC 8441 5: in a tunnel, RST_STREAM stands for a reset of the TCP connection */
		int lost = r->st.kind == KIND_TUNNEL ? ERR_UPSTREAM_RESET : ERR_UPSTREAM_TRUNCATED;
		client_stream_fail(r,
			http2_stream_error(r->st.receive == RECEIVE_BODY ? lost
									 : ERR_UPSTREAM_ABORTED,
				code));
	}
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct client_stream *r = client_stream_at(conn_of(user), id);
	(void)h2;
	if (!r)
		return 0;
	http2_stream_set_wire(&r->st, WIRE_CLOSED);
	buf_fini(&r->st.out);
	/* what the exchange still sends cannot go out: discard it */
	if (r->st.full || (r->st.kind == KIND_TUNNEL && r->st.send == SEND_DONE)) {
		r->st.full = false;
		http2_stream_news(&r->st, NEWS_DRAINED);
	}
	if (r->st.receive < RECEIVE_END && !r->st.error.err)
		client_stream_on_reset(r, code);
	return 0;
}

void client_receive_set_up(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}
