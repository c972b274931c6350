/* The engine of an HTTP/2 connection. See the header. Worker's thread only. */
#include "http2/link.h"

#include <pthread.h>

#include "base/log.h"

/* ---- states -------------------------------------------------------------------------------- */

#define TO(state) (1u << (state))

static const uint8_t state_to[] = {
	[LINK_OPENING] = TO(LINK_OPEN) | TO(LINK_CLOSED),
	[LINK_OPEN] = TO(LINK_ENDING) | TO(LINK_DEAD) | TO(LINK_CLOSED),
	[LINK_ENDING] = TO(LINK_LINGER) | TO(LINK_DEAD),
	[LINK_LINGER] = TO(LINK_DEAD),
	[LINK_DEAD] = TO(LINK_CLOSED),
	[LINK_CLOSED] = 0,
};

void http2_link_set_state(struct http2_link *l, enum link_state to)
{
	check(l->state == to || (state_to[l->state] & TO(to)),
		"an HTTP/2 connection goes from state %u to %u", l->state, to);
	l->state = (uint8_t)to;
}

void http2_link_init(struct http2_link *l, const struct http2_end *end, struct stream *s,
	enum link_state state, void (*on_turn)(struct turn_hook *h))
{
	l->end = end;
	l->stream = s;
	l->state = (uint8_t)state;
	list_init(&l->streams);
	list_init(&l->news);
	turn_hook_init(&l->turn, on_turn);
}

void http2_link_wake(struct http2_link *l)
{
	if (l->state != LINK_OPENING && l->state != LINK_CLOSED)
		worker_at_turn_end(l->stream->worker, &l->turn);
}

void http2_link_fail(struct http2_link *l, uint32_t code)
{
	if (!l->error.err)
		l->error = http2_connection_error(l->end->why(code), code);
}

/* ---- what is sent -------------------------------------------------------------------------- */

/* The number of bytes in the next DATA frame, at most max. The frame ends where a block ends, so
 * that blocks are moved and not copied, unless it would be much too short then. */
static size_t frame_size(const struct buf *out, size_t max)
{
	size_t n = 0;
	for (const struct block *b = out->first; b; b = b->next) {
		size_t have = b->end - b->off;
		if (n + have > max)
			return n > max / 2 ? n : max;
		n += have;
	}
	return n;
}

static ssize_t link_read_body(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t max,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http2_stream *st = http2_link_stream(user, id);
	(void)buf, (void)source;
	if (!st || st->wire != WIRE_OPEN) /* its RST_STREAM is on the way */
		return NGHTTP2_ERR_DEFERRED;
	size_t n = frame_size(&st->out, max);
	if (n == 0 && st->send == SEND_CUT) {
		(void)http2_stream_reset(st, st->error.code);
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n == 0 && st->send != SEND_DONE) {
		st->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (n > 0)
		*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n < st->out.len || st->send != SEND_DONE)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (st->trailers_out.n) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		(void)nghttp2_submit_trailer(h2, id, st->trailers_out.v, st->trailers_out.n);
	}
	return (ssize_t)n;
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *f, const uint8_t *head, size_t len,
	nghttp2_data_source *source, void *user)
{
	struct http2_link *l = user;
	struct http2_stream *st = http2_link_stream(l, f->hd.stream_id);
	struct buf *out = &l->stream->out;
	(void)h2, (void)source;
	check(st && st->out.len >= len, "a frame of %zu bytes is framed that are not there", len);
	buf_append(out, (const char *)head, HTTP2_FRAME_HEAD);
	buf_move(out, &st->out, len);
	meter_sent(&l->meter, (uint32_t)len, st->out.len > 0);
	l->end->data_sent(st, len);
	if (st->full && st->out.len <= HTTP2_SEND_LOW) {
		st->full = false;
		http2_stream_note(st, NEWS_DRAINED);
	}
	return out->len >= STREAM_OUT_HIGH ? NGHTTP2_ERR_PAUSE : 0;
}

void http2_link_pump(struct http2_link *l)
{
	struct buf *out = &l->stream->out;
	const uint8_t *p;
	ssize_t n = 0;

	if (l->state != LINK_OPEN)
		return;
	size_t before = out->len;
	while (out->len < STREAM_OUT_HIGH && (n = nghttp2_session_mem_send(l->h2, &p)) > 0)
		buf_append(out, (const char *)p, (size_t)n);
	if (n < 0)
		http2_link_fail(l, NGHTTP2_INTERNAL_ERROR);
	if (out->len > before)
		(void)stream_wrote(l->stream);
	if (l->end->pumped)
		l->end->pumped(l);
}

/* ---- what comes in ------------------------------------------------------------------------- */

static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *f, int code, void *user)
{
	struct http2_link *l = user;
	(void)h2;
	log_debug("http2", "an invalid frame of type %d came: %s", f->hd.type,
		nghttp2_strerror(code));
	l->invalid = true;
	return 0;
}

static uint32_t link_error_code(ssize_t rc)
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

/* Whether the frame that begins is passed to the library. */
static bool link_admits(struct http2_link *l, const struct frame_head *f)
{
	if (!meter_frame(&l->meter, f, worker_now(l->stream->worker))) {
		http2_link_fail(l, NGHTTP2_ENHANCE_YOUR_CALM);
		return false;
	}
	return !l->end->admit || l->end->admit(l, f);
}

/* Pass on one frame, or the part of it that is there. */
static void link_feed_frame(struct http2_link *l, struct buf *in)
{
	sluice_str run = buf_peek(in);
	struct frame_head f;
	bool begun;
	size_t n = meter_cut(&l->meter, run.data, run.len, &f, &begun);
	if (begun && !link_admits(l, &f))
		return;
	ssize_t rc = nghttp2_session_mem_recv(l->h2, (const uint8_t *)run.data, n);
	buf_drain(in, n);
	if (rc >= 0 && nghttp2_session_get_outbound_queue_size(l->h2) >= HTTP2_ACKS_MAX / 2)
		/* write answers now: they wait for the socket only, not until all bytes of one read
		 * are used up */
		http2_link_pump(l);
	if (rc < 0)
		http2_link_fail(l, link_error_code(rc));
	else if (nghttp2_session_get_outbound_queue_size(l->h2) > l->queue_max)
		http2_link_fail(l, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* Whether the library has given up: nothing more is read. */
static bool link_feed_all(struct http2_link *l, struct buf *in)
{
	while (in->len && l->state == LINK_OPEN) {
		if (l->discards_input) {
			buf_drain(in, in->len);
			break;
		}
		link_feed_frame(l, in);
		bool invalid = l->invalid;
		l->invalid = false;
		if (invalid && !l->error.err) /* send what the library says about the frame */
			http2_link_pump(l);
		l->end->settle(l);
		if (invalid && l->state == LINK_OPEN && !nghttp2_session_want_read(l->h2))
			return true;
	}
	return false;
}

/* Use up the bytes that have come. False: read no more. */
static bool link_feed(struct http2_link *l)
{
	struct buf *in = &l->stream->in;
	if (in->len == 0) /* the session has nothing new to say */
		return l->state == LINK_OPEN;
	bool is_over = link_feed_all(l, in);
	if (!list_is_empty(&l->news))
		http2_link_wake(l);
	else
		http2_link_wake_to_write(l);
	return !is_over && l->state == LINK_OPEN;
}

enum io http2_link_read(struct http2_link *l, bool awaits)
{
	struct stream *s = l->stream;
	struct read_turn turn = stream_turn(s);
	while (link_feed(l)) {
		enum io io = stream_read(s, &turn, awaits);
		if (io != IO_OK)
			return io;
		l->heard_ns = worker_now(s->worker);
	}
	return IO_AGAIN;
}

/* ---- the session --------------------------------------------------------------------------- */

/* Tables of both ends, made once and never freed. */
static struct library {
	const struct http2_end *end;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
} libraries[2];
static pthread_mutex_t libraries_lock = PTHREAD_MUTEX_INITIALIZER;

static void library_set_up(struct library *lib, const struct http2_end *end)
{
	check(nghttp2_session_callbacks_new(&lib->callbacks) == 0 &&
			nghttp2_option_new(&lib->options) == 0,
		"out of memory: %s", "the tables of HTTP/2");
	nghttp2_session_callbacks_set_send_data_callback(lib->callbacks, on_send_data);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(lib->callbacks,
		on_invalid_frame);
	nghttp2_option_set_no_auto_window_update(lib->options, 1);
	nghttp2_option_set_no_http_messaging(lib->options, 1);
	nghttp2_option_set_max_outbound_ack(lib->options, HTTP2_ACKS_MAX);
	nghttp2_option_set_max_settings(lib->options, HTTP2_SETTINGS_MAX);
	/* the meter counts these frames; the library's own limit would answer INTERNAL_ERROR, and
	 * counts a header that comes in pieces as several frames */
#ifdef HAVE_NGHTTP2_OPTION_SET_MAX_CONTINUATIONS
	nghttp2_option_set_max_continuations(lib->options, SIZE_MAX / 2);
#endif
	end->set_up(lib->callbacks, lib->options);
	lib->end = end;
}

static const struct library *library_of(const struct http2_end *end, bool is_server)
{
	struct library *lib = &libraries[is_server];
	(void)pthread_mutex_lock(&libraries_lock);
	if (!lib->end)
		library_set_up(lib, end);
	(void)pthread_mutex_unlock(&libraries_lock);
	return lib;
}

void http2_link_open(struct http2_link *l, const struct http2_opening *o, nghttp2_mem *mem)
{
	const struct library *lib = library_of(l->end, o->is_server);
	meter_init(&l->meter, o->max_head);
	if (!o->is_server)
		l->meter.preface_left = 0; /* the preface of a server is a SETTINGS frame */
	int rc = o->is_server
		? nghttp2_session_server_new3(&l->h2, lib->callbacks, l, lib->options, mem)
		: nghttp2_session_client_new3(&l->h2, lib->callbacks, l, lib->options, mem);
	if (rc == 0)
		rc = nghttp2_submit_settings(l->h2, NGHTTP2_FLAG_NONE, o->settings, o->n_settings);
	if (rc == 0)
		rc = nghttp2_session_set_local_window_size(l->h2, NGHTTP2_FLAG_NONE, 0, o->window);
	check(rc == 0, "an HTTP/2 connection does not begin: %s", nghttp2_strerror(rc));
	l->heard_ns = worker_now(l->stream->worker);
}

void http2_link_close(struct http2_link *l)
{
	nghttp2_session_del(l->h2);
	l->h2 = NULL;
	if (l->state == LINK_CLOSED)
		list_del(&l->turn.link);
}

uint64_t http2_link_probe(struct http2_link *l, uint64_t quiet_ns, uint64_t answer_ns)
{
	static const uint8_t opaque[8] = "alive?"; /* differs from the PING that follows a GOAWAY */
	uint64_t now = worker_now(l->stream->worker), due = l->ping_ns + answer_ns;
	if (l->ping_ns <= l->heard_ns && now < l->heard_ns + quiet_ns) {
		due = l->heard_ns + quiet_ns; /* bytes came for another stream */
	} else if (l->ping_ns <= l->heard_ns) {
		(void)nghttp2_submit_ping(l->h2, NGHTTP2_FLAG_NONE, opaque);
		l->ping_ns = now;
		http2_link_wake(l);
		due = now + answer_ns;
	}
	return due > now ? due - now : 0;
}

/* ---- its streams --------------------------------------------------------------------------- */

void http2_stream_init(struct http2_stream *st, struct http2_link *l,
	void (*on_due)(struct timer *t))
{
	st->link = l;
	list_push(&l->streams, &st->all_link);
	list_init(&st->news_link);
	timer_init(&st->timer, on_due);
}

void http2_stream_fini(struct http2_stream *st)
{
	list_del(&st->all_link);
	list_del(&st->news_link);
	timer_drop(&st->timer);
	buf_fini(&st->in);
	buf_fini(&st->out);
}

void http2_stream_news(struct http2_stream *st, unsigned news)
{
	if (!http2_stream_has_listener(st))
		return;
	st->news |= (uint8_t)news;
	if (list_is_empty(&st->news_link))
		list_push(&st->link->news, &st->news_link);
}

void http2_stream_note(struct http2_stream *st, unsigned news)
{
	http2_stream_news(st, news);
	http2_link_wake(st->link);
}

void http2_link_tell(struct http2_link *l)
{
	struct list *e;
	while ((e = list_pop(&l->news))) {
		struct http2_stream *st = container_of(e, struct http2_stream, news_link);
		unsigned news = st->news;
		st->news = 0;
		l->end->tell(st, news);
	}
}

bool http2_stream_reset(struct http2_stream *st, uint32_t code)
{
	if (st->wire != WIRE_OPEN)
		return false;
	http2_stream_set_wire(st, WIRE_RESET);
	buf_fini(&st->out);
	if (st->link->state == LINK_OPEN)
		(void)nghttp2_submit_rst_stream(st->link->h2, NGHTTP2_FLAG_NONE, st->id, code);
	http2_link_wake(st->link);
	return true;
}

void http2_stream_offer(struct http2_stream *st)
{
	if (st->deferred) {
		st->deferred = false;
		(void)nghttp2_session_resume_data(st->link->h2, st->id);
	}
	http2_link_wake(st->link);
}

nghttp2_data_provider http2_stream_body(void)
{
	return (nghttp2_data_provider){ .read_callback = link_read_body };
}
