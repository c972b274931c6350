/*
 * The library's callbacks for what a client sends: heads, bodies, resets. They run within
 * http2_link_read() and only note what the handler has to know; it is told when the library has
 * returned.
 */
#include "base/stat.h"
#include "http/priority.h"
#include "http2/server_state.h"

static const struct head_limits trailer_limits = { .max_head = HTTP2_TRAILER_MAX,
	.max_fields = HTTP2_TRAILER_FIELDS };

static void receive_request(struct http2_server *c, int32_t id)
{
	struct server_stream *rq;
	bool overload = worker_overload(c->l.stream->worker);
	if (overload)
		stat_inc(STAT_OVERLOAD_STREAMS);
	if (c->n_busy >= HTTP2_STREAMS_MAX || unlikely(overload)) {
		/* a stream that was reset counts until its exchange has ended: CVE-2023-44487 */
		server_refuse(c, id);
		return;
	}
	if (!server_has_memory(c)) {
		server_note_no_memory(c);
		server_refuse(c, id);
		return;
	}
	rq = server_stream_new(c, id);
	(void)nghttp2_session_set_stream_user_data(c->l.h2, id, &rq->st);
	c->building = rq;
	head_begin(&c->builder, &rq->head, &rq->c.arena, &c->limits);
	rq->head.version = 20;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_server *c = server_of(user);
	(void)h2;
	c->building = NULL;
	if (f->headers.cat == NGHTTP2_HCAT_REQUEST) {
		c->last_id = (uint32_t)f->hd.stream_id;
		receive_request(c, f->hd.stream_id);
		return 0;
	}
	struct server_stream *rq = server_stream_at(c, f->hd.stream_id);
	if (!rq || rq->st.owner == OWNER_RELEASED || rq->head_err)
		return 0;
	c->building = rq;
	head_begin_trailers(&c->builder, &rq->st.trailers, &rq->c.arena, &trailer_limits);
	return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_server *c = server_of(user);
	(void)h2, (void)f, (void)flags;
	if (c->building)
		head_field(&c->builder, str_n((const char *)name, name_len),
			str_n((const char *)value, value_len));
	return 0;
}

/* RFC 9218: the order in which responses are sent. */
static void receive_set_priority(struct http2_server *c, int32_t id, const struct priority *p)
{
	nghttp2_extpri pri = { .urgency = p->urgency, .inc = p->incremental };
	(void)nghttp2_session_change_extpri_stream_priority(c->l.h2, id, &pri, 0);
}

/* A PRIORITY_UPDATE is newer than the field, also when it came first (RFC 9218 7). */
static void receive_priority(struct http2_server *c, struct server_stream *rq)
{
	struct priority p;
	const struct field *f = c->builder.once >> TOKEN_PRIORITY & 1
		? fields_find(&rq->head.fields, TOKEN_PRIORITY)
		: NULL;
	bool early = c->updates && updates_take(&c->updates, (uint32_t)rq->st.id, &p);
	if (early || (f && priority_parse(field_value(f), &p)))
		receive_set_priority(c, rq->st.id, &p);
}

/* A few bytes on the wire may stand for a large head (RFC 7541 7.3), so that its decoded size
 * counts. */
static void receive_count_head(struct http2_server *c, struct server_stream *rq)
{
	rq->head_size = (uint32_t)rq->c.arena.used;
	c->heads += rq->head_size;
}

static void receive_head(struct http2_server *c, struct server_stream *rq, bool end)
{
	const struct request_head *h = &rq->head;
	int err = head_end(&c->builder, end);
	receive_count_head(c, rq);
	if (!server_has_memory(c)) {
		server_stream_refuse(rq);
		return;
	}
	if (err && c->builder.malformed)
		rq->st.error.code = NGHTTP2_PROTOCOL_ERROR; /* RFC 9113 8.1.1 */
	rq->head_err = err;
	http2_stream_set_receive(&rq->st, end ? RECEIVE_END : RECEIVE_BODY);
	if (!err && h->upgrade_only)
		http2_stream_set_kind(&rq->st, KIND_CONNECT);
	rq->st.end_told = err || (h->body == BODY_NONE && rq->st.kind == KIND_MESSAGES) ||
		(h->body == BODY_LENGTH && h->body_length == 0);
	rq->want_continue = !err && h->expect_continue && !rq->st.end_told;
	if (!err)
		receive_priority(c, rq);
	meter_request(&c->l.meter);
	http2_stream_news(&rq->st, NEWS_HEAD | (end ? NEWS_END : 0u));
}

/* The request is complete: check that it has the length that it announced. */
static void receive_end(struct server_stream *rq)
{
	bool is_short = rq->head.body == BODY_LENGTH && rq->received != rq->head.body_length;
	http2_stream_set_receive(&rq->st, RECEIVE_END);
	if (rq->st.owner == OWNER_NONE || rq->head_err)
		return;
	/* A client that reads a refusal may end its body too early, as curl does. It gets the rest
	 * of the answer; the exchange is not told that the request is complete. */
	if (is_short && rq->status >= 400)
		rq->st.end_told = true;
	else if (is_short)
		server_stream_fail(rq, http2_stream_error(ERR_BAD_FRAMING, NGHTTP2_PROTOCOL_ERROR));
	else
		http2_stream_news(&rq->st, NEWS_END);
}

static void receive_trailers(struct http2_server *c, struct server_stream *rq, bool end)
{
	int err = head_end_trailers(&c->builder);
	/* RFC 9113 8.1: the second field section is the last; 8.5: a tunnel has none */
	if ((!end || rq->st.kind != KIND_MESSAGES) && !err)
		err = ERR_BAD_FRAMING;
	if (err) {
		server_stream_fail(rq, http2_stream_error(err, NGHTTP2_PROTOCOL_ERROR));
		return;
	}
	rq->st.at_end = &rq->st.trailers;
	receive_end(rq);
}

static void receive_headers(struct http2_server *c, const nghttp2_frame *f)
{
	struct server_stream *rq = c->building;
	bool end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	c->building = NULL;
	if (!rq)
		return;
	rq->c.bytes_in += HTTP2_FRAME_HEAD + f->hd.length;
	if (f->headers.cat == NGHTTP2_HCAT_REQUEST)
		receive_head(c, rq, end);
	else
		receive_trailers(c, rq, end);
}

static void receive_reset(struct http2_server *c, int32_t id)
{
	struct server_stream *rq = server_stream_at(c, id);
	if (!rq)
		return;
	http2_stream_set_receive(&rq->st, RECEIVE_RESET);
	if (!rq->framed)
		server_count_reset(c);
}

/* ---- PRIORITY_UPDATE: to the library it is an extension that it knows nothing of ----------- */

/* The number of streams that are open or half-closed. */
static unsigned receive_open_streams(const struct http2_server *c)
{
	unsigned n = 0;
	list_each (e, &c->l.streams)
		n += container_of(e, struct http2_stream, all_link)->wire != WIRE_CLOSED;
	return n;
}

/* RFC 9218 7.1: a PRIORITY_UPDATE for a stream that the client has not opened yet. Such streams and
 * open ones together may be as many as may be open. */
static bool receive_early_update(struct http2_server *c, const struct update *u)
{
	return updates_keep(&c->updates, u) &&
		updates_kept(c->updates) + receive_open_streams(c) <= (unsigned)HTTP2_STREAMS_MAX;
}

/* The frame is complete. Even numbers belong to pushed streams; there are none, so all of them are
 * idle. */
static void receive_update(struct http2_server *c, int32_t on_stream)
{
	struct update u;
	enum update_kind kind = updates_end(&c->updates, &u);
	if (kind == UPDATE_TOO_SHORT)
		http2_link_fail(&c->l, NGHTTP2_FRAME_SIZE_ERROR);
	else if (on_stream != 0 || u.id % 2 == 0)
		http2_link_fail(&c->l, NGHTTP2_PROTOCOL_ERROR);
	else if (kind == UPDATE_SAYS_NONE)
		return;
	else if (u.id > c->last_id && !receive_early_update(c, &u))
		http2_link_fail(&c->l, NGHTTP2_PROTOCOL_ERROR);
	else if (u.id <= c->last_id && server_stream_at(c, (int32_t)u.id))
		receive_set_priority(c, (int32_t)u.id, &u.priority);
}

static int on_extension_chunk(nghttp2_session *h2, const nghttp2_frame_hd *hd, const uint8_t *data,
	size_t len, void *user)
{
	struct http2_server *c = server_of(user);
	(void)h2, (void)hd;
	updates_add(&c->updates, data, len);
	return 0;
}

/* Without this callback the library ignores the frame. */
static int on_unpack_extension(nghttp2_session *h2, void **payload, const nghttp2_frame_hd *hd,
	void *user)
{
	(void)h2, (void)hd, (void)user;
	*payload = NULL;
	return 0;
}

/* ---- frames -------------------------------------------------------------------------------- */

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_server *c = server_of(user);
	struct server_stream *rq;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		receive_headers(c, f);
		break;
	case NGHTTP2_DATA:
		rq = server_stream_at(c, f->hd.stream_id);
		if (rq)
			rq->c.bytes_in += HTTP2_FRAME_HEAD + f->hd.length;
		if (rq && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			receive_end(rq);
		break;
	case NGHTTP2_RST_STREAM:
		receive_reset(c, f->hd.stream_id);
		break;
	case NGHTTP2_PING:
		/* the PING that followed a GOAWAY */
		if ((f->hd.flags & NGHTTP2_FLAG_ACK) && f->ping.opaque_data[0] == 0 &&
			c->drain == DRAIN_NOTICE)
			c->drain = DRAIN_HEARD;
		break;
	case FRAME_PRIORITY_UPDATE:
		receive_update(c, f->hd.stream_id);
		break;
	default:
		break;
	}
	return 0;
}

/* The longest body that the request may have, by its Content-Length. */
static uint64_t body_bound(const struct server_stream *rq)
{
	return rq->head.body == BODY_LENGTH ? rq->head.body_length : UINT64_MAX;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *user)
{
	struct http2_server *c = server_of(user);
	struct server_stream *rq = server_stream_at(c, id);
	(void)flags;
	if (!rq || rq->st.owner == OWNER_NONE || rq->st.wire != WIRE_OPEN) {
		/* the stream has ended, and only the connection's window gets the bytes back */
		(void)nghttp2_session_consume_connection(h2, len);
		return 0;
	}
	if (rq->head_err || !http2_stream_has_listener(&rq->st)) {
		server_stream_discard(rq, len);
		return 0;
	}
	rq->received += len;
	rq->want_continue = false;
	buf_keep(&rq->st.in, (const char *)data, len);
	if (rq->received > body_bound(rq)) /* RFC 9113 8.1.1 */
		server_stream_fail(rq, http2_stream_error(ERR_BAD_FRAMING, NGHTTP2_PROTOCOL_ERROR));
	else if (rq->st.owner == OWNER_TOLD && server_stream_is_too_large(rq))
		server_stream_fail(rq, http2_stream_error(ERR_BODY_TOO_LARGE, NGHTTP2_NO_ERROR));
	else
		http2_stream_news(&rq->st, NEWS_BODY);
	if (!rq->st.held)
		server_stream_watch_body(rq);
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct server_stream *rq = server_stream_at(server_of(user), id);
	(void)h2, (void)code;
	if (rq)
		server_stream_closed(rq);
	return 0;
}

void server_receive_set_up(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(cb, on_extension_chunk);
	nghttp2_session_callbacks_set_unpack_extension_callback(cb, on_unpack_extension);
}
