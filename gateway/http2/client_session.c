/*
 * The library's side of a connection to an upstream server: what it calls, what it is fed, and what
 * it has to send. Its checks of messages are off, ours are stricter; its limits stand, and behind
 * the meter.
 *
 * It is fed frame by frame, so that the meter judges a frame before the library sees it, and
 * nothing is fed to it once it has given up.
 */
#include <pthread.h>

#include "base/log.h"
#include "http2/client_state.h"
#include "http2/memory.h"
#include "http2/write.h"

enum {
	SEND_HEAD_MAX = 4 << 20, /* bytes of a request head: what listeners take is far less */
	ID_LAST = INT32_MAX - 2, /* of a stream that one more may follow */
};

static const struct head_limits trailer_limits = { .max_head = HTTP2_TRAILER_MAX,
	.max_fields = HTTP2_TRAILER_FIELDS };

/* NULL: it was released, or never was. */
static struct conn_request *request_at(struct http2_conn *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->h2, id);
}

/* What the server did is not to be understood as a response: nobody waits for the rest. */
static void session_refuse(struct conn_request *r, int err, const char *why)
{
	conn_request_explain(r, why);
	conn_request_fail(r, err);
	conn_reset(r, err == ERR_NO_MEMORY ? NGHTTP2_CANCEL : NGHTTP2_PROTOCOL_ERROR);
}

/* ---- responses ----------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = user;
	struct conn_request *r = request_at(c, f->hd.stream_id);
	(void)h2;
	c->building = NULL;
	if (!r || r->err || r->phase == RESPONSE_DONE)
		return 0;
	r->o.answered = true;
	buf_fini(&r->kept);
	r->keeping = false;
	if (r->phase == RESPONSE_BODY) {
		response_begin_trailers(&c->builder, &r->trailers, r->o.arena, &trailer_limits,
			c->conf.lenient);
		c->building = r;
		return 0;
	}
	struct response_head *h = arena_alloc(r->o.arena, sizeof(*h));
	if (!h) {
		session_refuse(r, ERR_NO_MEMORY, "");
		return 0;
	}
	r->head = h;
	response_begin(&c->builder, h, r->o.arena, &c->limits, c->conf.lenient);
	c->building = r;
	return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_conn *c = user;
	sluice_str n = str_n((const char *)name, name_len),
		   v = str_n((const char *)value, value_len);
	(void)h2, (void)f, (void)flags;
	if (!c->building)
		return 0;
	response_field(&c->builder, n, v);
	return 0;
}

/* The response is complete: is it as long as it said? */
static void session_end_response(struct conn_request *r)
{
	if (r->left != LENGTH_UNKNOWN && r->left > 0) {
		session_refuse(r, ERR_UPSTREAM_BAD_FRAMING,
			"the body is shorter than its Content-Length");
		return;
	}
	r->phase = RESPONSE_DONE;
	conn_request_news(r, 0);
}

/* The final head says whether there is a tunnel. */
static int session_answer_connect(struct conn_request *r, struct response_head *h)
{
	int err = response_to_connect(h, r->asked, r->o.arena);
	r->tunnel = !err && h->status == 101;
	if (!err && !r->tunnel) { /* then our side has nothing more to say */
		r->request_done = true;
		conn_resume_body(r);
	}
	conn_request_await(r); /* a tunnel may be silent */
	return err;
}

static void session_end_head(struct http2_conn *c, struct conn_request *r, bool end)
{
	struct response_head *h = r->head;
	int err = response_end(&c->builder, (enum method)r->method, end);
	const char *why = err ? response_fault(&c->builder, err) : "";
	if (!err && h->status < 200 && ++r->interim > CONN_INTERIM_MAX) {
		err = ERR_UPSTREAM_BAD_HEAD;
		why = "too many interim responses";
	}
	if (err) {
		session_refuse(r, err, why);
		return;
	}
	if (r->asked && h->status >= 200)
		err = session_answer_connect(r, h);
	if (err) {
		session_refuse(r, err, "");
		return;
	}
	conn_request_news(r, NEWS_HEAD);
	if (h->status < 200 && !r->tunnel)
		return;
	r->phase = RESPONSE_BODY;
	r->left = h->body == BODY_LENGTH             ? h->body_length
		: h->body == BODY_NONE && !r->tunnel ? 0
						     : LENGTH_UNKNOWN;
	if (end)
		session_end_response(r);
}

static void session_end_trailers(struct http2_conn *c, struct conn_request *r, bool end)
{
	int err = response_end_trailers(&c->builder, r->call);
	const char *why = err ? response_fault(&c->builder, err) : "";
	/* RFC 9113 8.1: the second field section is the last; 8.5: and no such thing comes out of a
	 * tunnel */
	if (!err && (!end || r->tunnel)) {
		err = ERR_UPSTREAM_BAD_FRAMING;
		why = "a second header block that does not end the response";
	}
	if (err) {
		session_refuse(r, err, why);
		return;
	}
	r->has_trailers = true;
	session_end_response(r);
}

static void session_on_headers(struct http2_conn *c, const nghttp2_frame *f)
{
	struct conn_request *r = c->building;
	bool end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	c->building = NULL;
	if (!r || r->err)
		return;
	r->o.bytes_in += HTTP2_FRAME_HEAD + f->hd.length;
	conn_request_await(r);
	if (r->phase == RESPONSE_HEAD)
		session_end_head(c, r, end);
	else
		session_end_trailers(c, r, end);
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
	size_t len, void *user)
{
	struct conn_request *r = request_at(user, id);
	(void)flags;
	(void)nghttp2_session_consume_connection(h2, len);
	if (!r || r->err || r->phase == RESPONSE_DONE)
		return 0;
	r->o.answered = true;
	r->o.bytes_in += len;
	/* RFC 9113 8.1, 8.1.1 */
	if (r->phase != RESPONSE_BODY || (r->left != LENGTH_UNKNOWN && len > r->left)) {
		session_refuse(r, ERR_UPSTREAM_BAD_FRAMING,
			r->phase == RESPONSE_BODY ? "the body is longer than its Content-Length"
						  : "DATA before HEADERS");
		return 0;
	}
	if (r->left != LENGTH_UNKNOWN)
		r->left -= len;
	buf_keep(&r->body, (const char *)data, len);
	conn_request_await(r);
	conn_request_news(r, 0);
	return 0;
}

/* ---- the connection ------------------------------------------------------------------------ */

/* Now it is known whether the server takes them. */
static void session_submit_waiting(struct http2_conn *c)
{
	list_each (e, &c->requests) {
		struct conn_request *r = container_of(e, struct conn_request, link);
		int err = r->asked && !r->id && !r->err ? conn_submit(r, r->asked) : 0;
		if (err)
			conn_request_fail(r, err);
		else if (r->asked)
			conn_request_await(r);
	}
}

static void session_on_settings(struct http2_conn *c)
{
	uint32_t max =
		nghttp2_session_get_remote_settings(c->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	if (!c->settled) {
		c->settled = true;
		c->changed = true;
		if (c->n_requests)
			stream_no_deadline(&c->s);
		else
			stream_deadline(&c->s, c->conf.idle_ns);
		session_submit_waiting(c);
	}
	c->changed = c->changed || max != c->peer_max;
	c->peer_max = max;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = user;
	struct conn_request *r;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		session_on_headers(c, f);
		break;
	case NGHTTP2_DATA:
		r = request_at(c, f->hd.stream_id);
		if (r && !r->err && r->phase == RESPONSE_BODY &&
			(f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			session_end_response(r);
		break;
	case NGHTTP2_SETTINGS:
		if (!(f->hd.flags & NGHTTP2_FLAG_ACK))
			session_on_settings(c);
		break;
	case NGHTTP2_GOAWAY: /* the library has closed the streams that the server has not seen */
		conn_drain(c);
		break;
	default:
		break;
	}
	return 0;
}

/* What it means that a stream ended before the response did. Refused: the server has not begun, RFC
 * 9113 8.7. */
static void session_on_reset(struct conn_request *r, uint32_t code)
{
	if (code == NGHTTP2_REFUSED_STREAM && !r->o.answered) {
		r->o.untouched = true;
		conn_request_fail(r, ERR_UPSTREAM_REFUSED);
	} else {
		/* RFC 8441 5: what it stands for */
		int lost = r->tunnel ? ERR_UPSTREAM_RESET : ERR_UPSTREAM_TRUNCATED;
		conn_request_fail(r, r->phase == RESPONSE_BODY ? lost : ERR_UPSTREAM_ABORTED);
	}
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct conn_request *r = request_at(user, id);
	(void)h2;
	if (!r)
		return 0;
	r->closed = true;
	buf_fini(&r->out);
	/* nobody takes it: what comes is thrown away */
	if (r->full || (r->tunnel && r->request_done)) {
		r->full = false;
		conn_request_news(r, NEWS_DRAINED);
	}
	if (r->phase != RESPONSE_DONE && !r->err)
		session_on_reset(r, code);
	return 0;
}

static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *f, int code, void *user)
{
	(void)h2;
	log_debug("http2", "a server sent an invalid frame of type %d: %s", f->hd.type,
		nghttp2_strerror(code));
	((struct http2_conn *)user)->invalid = true;
	return 0;
}

/* ---- what is sent -------------------------------------------------------------------------- */

static ssize_t session_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t max,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct conn_request *r = request_at(user, id);
	(void)buf, (void)source;
	if (!r || r->err) /* its reset is on the way */
		return NGHTTP2_ERR_DEFERRED;
	size_t n = write_frame_size(&r->out, max);
	if (n == 0 && !r->request_done) {
		r->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n < r->out.len || !r->request_done)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (r->trailers_out.n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		(void)nghttp2_submit_trailer(h2, id, r->trailers_out.v, r->trailers_out.n);
	}
	return (ssize_t)n;
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *f, const uint8_t *head, size_t len,
	nghttp2_data_source *source, void *user)
{
	struct http2_conn *c = user;
	struct conn_request *r = request_at(c, f->hd.stream_id);
	(void)h2, (void)source;
	check(r && r->out.len >= len, "a frame of %zu bytes is framed that are not there", len);
	buf_append(&c->s.out, (const char *)head, HTTP2_FRAME_HEAD);
	buf_move(&c->s.out, &r->out, len);
	r->out_end = c->s.bytes_out + c->s.out.len;
	r->o.bytes_out += HTTP2_FRAME_HEAD + len;
	meter_sent(&c->meter, (uint32_t)len, r->out.len > 0);
	conn_request_await(r);
	if (r->full && r->out.len <= CONN_BODY_LOW) {
		r->full = false;
		if (!(r->tunnel && r->request_done))
			conn_request_news(r, NEWS_DRAINED);
	}
	return c->s.out.len >= STREAM_OUT_HIGH ? NGHTTP2_ERR_PAUSE : 0;
}

/* The bytes of a frame are about to be appended to what goes out. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct http2_conn *c = user;
	struct conn_request *r;
	(void)h2;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		r = request_at(c, f->hd.stream_id);
		if (!r)
			break;
		if (r->out_start == OUT_UNKNOWN)
			r->out_start = c->s.bytes_out + c->s.out.len;
		r->o.bytes_out += HTTP2_FRAME_HEAD + f->hd.length;
		break;
	case NGHTTP2_DATA:
		r = request_at(c, f->hd.stream_id);
		if (r && r->tunnel && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
			conn_request_news(r, NEWS_DRAINED);
		break;
	case NGHTTP2_GOAWAY:
		if (f->goaway.error_code != NGHTTP2_NO_ERROR && !c->trouble) {
			log_debug("http2", "a server broke the protocol: %s",
				nghttp2_http2_strerror(f->goaway.error_code));
			c->trouble = ERR_UPSTREAM_PROTOCOL;
		}
		break;
	default:
		break;
	}
	return 0;
}

void conn_pump(struct http2_conn *c)
{
	struct stream *s = &c->s;
	size_t before = s->out.len;
	const uint8_t *p;
	ssize_t n = 0;

	if (!c->h2)
		return;
	while (s->out.len < STREAM_OUT_HIGH && (n = nghttp2_session_mem_send(c->h2, &p)) > 0)
		buf_append(&s->out, (const char *)p, (size_t)n);
	if (n < 0 && !c->trouble)
		c->trouble = n == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_UPSTREAM_PROTOCOL;
	if (s->out.len > before)
		stream_wrote(s);
}

int conn_submit(struct conn_request *r, const struct request_head *h)
{
	struct http2_conn *c = r->conn;
	nghttp2_data_provider body = { .read_callback = session_read };
	nghttp2_nv stack[PAIRS_ON_STACK];
	struct pairs p = PAIRS_IN(stack);

	if (r->asked &&
		!nghttp2_session_get_remote_settings(c->h2,
			NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL))
		return ERR_UPSTREAM_NO_TUNNEL;
	int err = pairs_of_request(&p, h, c->https, r->o.arena);
	if (err)
		return err;
	int32_t id =
		nghttp2_submit_request(c->h2, NULL, p.v, p.n, r->request_done ? NULL : &body, r);
	if (id < 0) {
		conn_drain(c); /* no numbers are left, or no memory */
		r->o.untouched = true;
		return id == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_UPSTREAM_REFUSED;
	}
	r->id = id;
	if (id >= ID_LAST)
		conn_drain(c);
	meter_request(&c->meter);
	conn_wake(c);
	return 0;
}

void conn_consume(struct conn_request *r, size_t n)
{
	struct http2_conn *c = r->conn;
	if (n == 0 || r->closed || r->phase == RESPONSE_DONE || c->state != CONN_OPEN)
		return;
	(void)nghttp2_session_consume_stream(c->h2, r->id, n);
	conn_wake(c);
}

void conn_ping(struct http2_conn *c)
{
	(void)nghttp2_submit_ping(c->h2, NGHTTP2_FLAG_NONE, NULL);
	c->ping_ns = worker_now(c->s.worker);
	conn_wake(c);
}

void conn_resume_body(struct conn_request *r)
{
	if (r->deferred) {
		r->deferred = false;
		(void)nghttp2_session_resume_data(r->conn->h2, r->id);
	}
	conn_wake(r->conn);
}

void conn_reset(struct conn_request *r, uint32_t code)
{
	struct http2_conn *c = r->conn;
	if (r->closed || r->id == 0 || !c->h2)
		return;
	(void)nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, r->id, code);
	conn_wake(c);
}

/* ---- the session --------------------------------------------------------------------------- */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static pthread_once_t session_once = PTHREAD_ONCE_INIT;

static void session_set_up(void)
{
	check(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0,
		"out of memory: %s", "the tables of HTTP/2");
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_http_messaging(options, 1);
	nghttp2_option_set_max_outbound_ack(options, HTTP2_ACKS_MAX);
	nghttp2_option_set_max_settings(options, HTTP2_SETTINGS_MAX);
	nghttp2_option_set_max_send_header_block_length(options, SEND_HEAD_MAX);
	/* what the meter counts the library need not */
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(options, SIZE_MAX / 2);
#endif
}

void conn_session_new(struct http2_conn *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CONN_REQUEST_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->limits.max_head },
	};
	(void)pthread_once(&session_once, session_set_up);
	meter_init(&c->meter, c->limits.max_head);
	c->meter.preface_left = 0; /* a server's is its SETTINGS */
	int rc = nghttp2_session_client_new3(&c->h2, callbacks, c, options, memory_lists());
	if (rc == 0)
		rc = nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, settings,
			sizeof(settings) / sizeof(settings[0]));
	if (rc == 0)
		rc = nghttp2_session_set_local_window_size(c->h2, NGHTTP2_FLAG_NONE, 0,
			CONN_WINDOW);
	check(rc == 0, "an HTTP/2 connection does not begin: %s", nghttp2_strerror(rc));
}

void conn_session_free(struct http2_conn *c)
{
	nghttp2_session_del(c->h2);
	c->h2 = NULL;
	c->building = NULL;
}

/* The connection ends, and the server hears why. */
static void session_give_up(struct http2_conn *c, uint32_t code, int err)
{
	(void)nghttp2_session_terminate_session(c->h2, code);
	if (!c->trouble)
		c->trouble = err;
}

/* The library gives up: it says so itself, unless it is about limits or memory. */
static void session_gave_up(struct http2_conn *c, ssize_t rc)
{
	bool ours = rc == NGHTTP2_ERR_NOMEM || rc == NGHTTP2_ERR_CALLBACK_FAILURE;
	session_give_up(c, ours ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM,
		rc == NGHTTP2_ERR_NOMEM ? ERR_NO_MEMORY : ERR_UPSTREAM_PROTOCOL);
}

/* Whether the frame that begins is for the library. */
static bool session_admits(struct http2_conn *c, const struct frame_head *f)
{
	if (!meter_frame(&c->meter, f, worker_now(c->s.worker))) {
		session_gave_up(c, NGHTTP2_ERR_FLOODED);
		return false;
	}
	/* RFC 9218 7.1: only clients send it. The library would pass it over. */
	if (f->type == FRAME_PRIORITY_UPDATE) {
		list_each (e, &c->requests)
			conn_request_explain(container_of(e, struct conn_request, link),
				"the server sent PRIORITY_UPDATE, which is for clients");
		session_give_up(c, NGHTTP2_PROTOCOL_ERROR, ERR_UPSTREAM_PROTOCOL);
		return false;
	}
	return true;
}

/* The first frame must be SETTINGS (RFC 9113 3.4). What else comes is most often another
 * protocol. */
static void session_look_at_start(struct http2_conn *c, sluice_str start)
{
	bool http1 = str_starts(start, STR("HTTP/"));
	list_each (e, &c->requests) {
		struct conn_request *r = container_of(e, struct conn_request, link);
		if (http1)
			conn_request_explain(r,
				"the server answers in HTTP/1: write `protocol: http/1.1`");
	}
}

void conn_feed(struct http2_conn *c)
{
	struct buf *in = &c->s.in;
	sluice_str run = buf_peek(in);
	struct frame_head f;
	bool begun;
	ssize_t rc = 0;
	size_t n = meter_cut(&c->meter, run.data, run.len, &f, &begun);
	if (unlikely(!c->settled))
		session_look_at_start(c, run);
	if (!begun || session_admits(c, &f))
		rc = nghttp2_session_mem_recv(c->h2, (const uint8_t *)run.data, n);
	buf_drain(in, n);
	if (rc >= 0 &&
		nghttp2_session_get_outbound_queue_size(c->h2) >
			HTTP2_QUEUE_MAX + 2 * (size_t)c->conf.max_requests)
		rc = NGHTTP2_ERR_FLOODED;
	if (rc < 0)
		session_gave_up(c, rc);
}
