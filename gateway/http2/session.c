/*
 * The library's side of a connection: what it is fed, and what it has to send (receive.c has what
 * it tells). Its checks of messages are off, ours (head.c) are stricter and answer with a reason;
 * its limits stand, and behind the meter.
 *
 * It is fed frame by frame. So the meter judges a frame before the library sees it, requests are
 * handed over between two frames, when no function of the library is on the stack, and nothing is
 * fed to it once it has given up.
 */
#include <pthread.h>

#include "base/stat.h"
#include "http2/receive.h"
#include "http2/state.h"
#include "http2/write.h"

enum { GOAWAY_LEN = HTTP2_FRAME_HEAD + 8 };

struct http2_request *session_request(struct http2_server *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->h2, id);
}

/* Requests that are reset are work for nothing, and so is any other way to make us drop them
 * (CVE-2023-44487, CVE-2025-8671). */
void session_count_reset(struct http2_server *c)
{
	if (!meter_reset(&c->meter, worker_now(c->s->worker)) && !c->trouble)
		c->trouble = NGHTTP2_ENHANCE_YOUR_CALM;
}

void session_refuse(struct http2_server *c, int32_t id)
{
	(void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
	server_wake(c);
}

/* ---- what is sent -------------------------------------------------------------------------- */

ssize_t session_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t max, uint32_t *flags,
	nghttp2_data_source *source, void *user)
{
	struct http2_request *rq = source->ptr;
	size_t n = write_frame_size(&rq->out, max);
	(void)buf, (void)user;
	if (n == 0 && rq->cut) {
		rq->reset = true;
		(void)nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, rq->reset_code);
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n == 0 && !rq->response_done) {
		rq->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n < rq->out.len || !rq->response_done)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (rq->trailers_out.n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		(void)nghttp2_submit_trailer(h2, id, rq->trailers_out.v, rq->trailers_out.n);
	}
	return (ssize_t)n;
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *f, const uint8_t *head, size_t len,
	nghttp2_data_source *source, void *user)
{
	struct http2_server *c = user;
	struct http2_request *rq = source->ptr;
	(void)h2, (void)f;
	buf_append(&c->s->out, (const char *)head, HTTP2_FRAME_HEAD);
	buf_move(&c->s->out, &rq->out, len);
	rq->moved += len;
	rq->c.bytes_out += HTTP2_FRAME_HEAD + len;
	meter_sent(&c->meter, (uint32_t)len, rq->out.len > 0);
	if (rq->full && rq->out.len <= HTTP2_RESPONSE_LOW) {
		rq->full = false;
		request_tell(rq, TELL_DRAINED);
	}
	return c->s->out.len >= STREAM_OUT_HIGH ? NGHTTP2_ERR_PAUSE : 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_server *c = user;
	struct http2_request *rq;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		rq = session_request(c, f->hd.stream_id);
		if (rq)
			rq->c.bytes_out += HTTP2_FRAME_HEAD + f->hd.length;
		if (rq && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			request_framed(rq);
		break;
	case NGHTTP2_DATA:
		if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) {
			rq = session_request(c, f->hd.stream_id);
			if (rq)
				request_framed(rq);
		}
		break;
	case NGHTTP2_RST_STREAM:
		if (f->rst_stream.error_code == NGHTTP2_REFUSED_STREAM)
			stat_inc(STAT_STREAMS_REFUSED);
		/* what we do of our own accord is none of its doing; HEADERS have their price
		 * (limits.c) */
		if (f->rst_stream.error_code == NGHTTP2_REFUSED_STREAM &&
			worker_overload(c->s->worker))
			break;
		rq = session_request(c, f->hd.stream_id);
		if (f->rst_stream.error_code != NGHTTP2_NO_ERROR &&
			f->rst_stream.error_code != NGHTTP2_INTERNAL_ERROR &&
			!(rq && rq->tunnel && f->rst_stream.error_code == NGHTTP2_CANCEL))
			session_count_reset(c);
		break;
	default:
		break;
	}
	return 0;
}

/* From now on it is known by which byte of the stream the latest responses are out. */
static void session_mark_sent(struct http2_server *c)
{
	const struct stream *s = c->s;
	for (struct list *e = c->sending.prev; e != &c->sending; e = e->prev) {
		struct http2_request *rq = container_of(e, struct http2_request, sent_link);
		if (rq->sent_at != SENT_AT_UNKNOWN)
			break;
		rq->sent_at = s->bytes_out + s->out.len;
	}
}

void session_pump(struct http2_server *c)
{
	struct stream *s = c->s;
	const uint8_t *p;
	ssize_t n = 0;

	if (c->state != SERVER_OPEN)
		return;
	size_t before = s->out.len;
	while (s->out.len < STREAM_OUT_HIGH && (n = nghttp2_session_mem_send(c->h2, &p)) > 0)
		buf_append(&s->out, (const char *)p, (size_t)n);
	if (n < 0)
		c->trouble = NGHTTP2_INTERNAL_ERROR;
	session_mark_sent(c);
	if (!list_is_empty(&c->sending))
		stream_tell_empty(s);
	if (s->out.len > before)
		stream_wrote(s);
}

/* ---- the session --------------------------------------------------------------------------- */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static pthread_once_t session_once = PTHREAD_ONCE_INIT;

static void session_set_up(void)
{
	check(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0,
		"out of memory: %s", "the tables of HTTP/2");
	receive_callbacks(callbacks);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_http_messaging(options, 1);
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_max_outbound_ack(options, HTTP2_ACKS_MAX);
	nghttp2_option_set_max_settings(options, HTTP2_SETTINGS_MAX);
	/* see priority_update.h */
	nghttp2_option_set_user_recv_extension_type(options, FRAME_PRIORITY_UPDATE);
	/* what the meter counts the library need not: it would say INTERNAL_ERROR, and takes a
	 * header that comes in pieces for several frames */
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(options, SIZE_MAX / 2);
#endif
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
	nghttp2_option_set_stream_reset_rate_limit(options, UINT32_MAX, UINT32_MAX);
#endif
}

void session_new(struct http2_server *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->conf->max_head },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		/* always: which tunnels there are is a matter of routes */
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	(void)pthread_once(&session_once, session_set_up);
	meter_init(&c->meter, c->conf->max_head);
	nghttp2_mem mem = pages_open(&c->pages);
	int rc = nghttp2_session_server_new3(&c->h2, callbacks, c, options, &mem);
	pages_shut(&c->pages);
	if (rc == 0)
		rc = nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, settings,
			sizeof(settings) / sizeof(settings[0]));
	if (rc == 0)
		rc = nghttp2_session_set_local_window_size(c->h2, NGHTTP2_FLAG_NONE, 0,
			HTTP2_CONNECTION_WINDOW);
	check(rc == 0, "an HTTP/2 connection does not begin: %s", nghttp2_strerror(rc));
}

void session_free(struct http2_server *c)
{
	pages_wake(&c->pages);
	nghttp2_session_del(c->h2);
	c->h2 = NULL;
	updates_free(&c->updates);
	pages_free(&c->pages);
}

/* What the library wants to write includes what is left of a frame: without that, its buffer for
 * frames holds nothing. */
bool session_may_rest(struct http2_server *c)
{
	return c->state == SERVER_OPEN && c->drain == DRAIN_NONE && !c->deaf && !c->trouble &&
		list_is_empty(&c->requests) && list_is_empty(&c->turn.link) &&
		!nghttp2_session_want_write(c->h2);
}

bool session_is_over(struct http2_server *c)
{
	return !nghttp2_session_want_read(c->h2) && !nghttp2_session_want_write(c->h2);
}

void session_consume(struct http2_server *c, struct http2_request *rq, size_t n)
{
	if (c->state != SERVER_OPEN || n == 0)
		return;
	if (rq->closed || rq->reset)
		(void)nghttp2_session_consume_connection(c->h2, n);
	else
		(void)nghttp2_session_consume(c->h2, rq->id, n);
	server_wake(c);
}

void session_goaway(struct http2_server *c)
{
	(void)nghttp2_submit_goaway(c->h2, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(c->h2), NGHTTP2_NO_ERROR, NULL, 0);
	server_wake(c);
}

void session_ping(struct http2_server *c)
{
	static const uint8_t opaque[8] = "alive?"; /* not what asks whether a GOAWAY was seen */
	(void)nghttp2_submit_ping(c->h2, NGHTTP2_FLAG_NONE, opaque);
	c->ping_ns = worker_now(c->s->worker);
	server_wake(c);
}

void session_last_words(struct http2_server *c, uint32_t code)
{
	uint32_t last = (uint32_t)nghttp2_session_get_last_proc_stream_id(c->h2);
	const char frame[GOAWAY_LEN] = { 0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, (char)(last >> 24),
		(char)(last >> 16), (char)(last >> 8), (char)last, (char)(code >> 24),
		(char)(code >> 16), (char)(code >> 8), (char)code };
	buf_append(&c->s->out, frame, sizeof(frame));
	stream_kick(c->s);
}

static uint32_t session_error_code(ssize_t rc)
{
	switch (rc) {
	case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
		return NGHTTP2_PROTOCOL_ERROR;
	case NGHTTP2_ERR_NOMEM:
	case NGHTTP2_ERR_CALLBACK_FAILURE:
		return NGHTTP2_INTERNAL_ERROR;
	default: /* its own limits */
		return NGHTTP2_ENHANCE_YOUR_CALM;
	}
}

/* One frame, or what is there of it. */
static void session_feed_frame(struct http2_server *c, struct buf *in)
{
	sluice_str run = buf_peek(in);
	struct frame_head f;
	bool begun;
	size_t n = meter_cut(&c->meter, run.data, run.len, &f, &begun);
	if (begun && !meter_frame(&c->meter, &f, worker_now(c->s->worker))) {
		c->trouble = NGHTTP2_ENHANCE_YOUR_CALM;
		return;
	}
	ssize_t rc = nghttp2_session_mem_recv(c->h2, (const uint8_t *)run.data, n);
	buf_drain(in, n);
	if (rc >= 0 && nghttp2_session_get_outbound_queue_size(c->h2) >= HTTP2_ACKS_MAX / 2)
		/* answers wait for the socket, not for the end of what one read brought */
		session_pump(c);
	if (rc < 0)
		c->trouble = session_error_code(rc);
	else if (nghttp2_session_get_outbound_queue_size(c->h2) > HTTP2_QUEUE_MAX)
		c->trouble = NGHTTP2_ENHANCE_YOUR_CALM;
}

void session_feed(struct http2_server *c)
{
	struct buf *in = &c->s->in;
	while (in->len && c->state == SERVER_OPEN) {
		if (c->deaf) {
			buf_drain(in, in->len);
			break;
		}
		session_feed_frame(c, in);
		if (c->trouble) {
			server_terminate(c, c->trouble);
			break;
		}
		if (!list_is_empty(&c->news))
			requests_dispatch(c);
		/* should it have given up: then its last words leave now, and nothing follows */
		if (c->invalid) {
			c->invalid = false;
			session_pump(c);
			if (c->state == SERVER_OPEN && !nghttp2_session_want_read(c->h2))
				break;
		}
	}
	if (c->state == SERVER_OPEN && nghttp2_session_want_write(c->h2))
		server_wake(c);
}
