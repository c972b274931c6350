/*
 * One connection from a client, from the socket's side: when to read, when to write, how long to
 * wait, and when it is over.
 *
 *   OPEN --GOAWAY, theirs or ours--> ENDING --no request left--> LINGER --flushed--> DEAD -->
 * CLOSED
 *     \--socket broken--> DEAD --no request left--> CLOSED
 */
#include "http2/server.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "http2/memory.h"
#include "http2/pages.h"
#include "http2/server_state.h"

/* For a connection that ends when no request lingers: its client only has to read the GOAWAY. */
static const struct lingering farewell = { .silence_ns = LINGER_HURRY_NS,
	.total_ns = LINGER_HURRY_NS,
	.bytes = 1 << 20 };
/* A client that does not answer the PING is taken to have read the GOAWAY after the idle timeout,
 * within these bounds: */
#define NOTICE_MIN_NS (100 * NS_PER_MS)
#define NOTICE_MAX_NS (1 * NS_PER_S)

enum { GOAWAY_LEN = HTTP2_FRAME_HEAD + 8 };

/* What the stream's deadline is for. */
enum watch { WATCH_NONE, WATCH_IDLE, WATCH_HEAD };

/* ---- ending -------------------------------------------------------------------------------- */

static void server_free(struct grave *g)
{
	free(container_of(g, struct http2_server, l.grave));
}

static void server_closed(struct http2_server *c)
{
	struct worker *w = c->l.stream->worker;
	check(c->n_live == 0, "a connection ends with %u requests", c->n_live);
	if (c->l.state == LINK_CLOSED)
		return;
	http2_link_set_state(&c->l, LINK_CLOSED);
	list_each_safe (e, &c->l.streams) {
		struct server_stream *rq = container_of(e, struct server_stream, st.all_link);
		http2_stream_set_wire(&rq->st, WIRE_CLOSED);
		server_stream_try_free(rq);
	}
	pages_wake(&c->pages);
	http2_link_close(&c->l);
	updates_free(&c->updates);
	pages_free(&c->pages);
	timer_drop(&c->drain_timer);
	c->conf->on_closed(c->info);
	worker_bury(w, &c->l.grave, server_free);
}

/* Cut all streams off from the library: what is not in the socket's queue yet is not sent. */
static void server_cut_off(struct http2_server *c, enum link_state to, int err)
{
	http2_link_set_state(&c->l, to);
	c->building = NULL;
	list_each_safe (e, &c->l.streams)
		server_stream_cut_off(container_of(e, struct server_stream, st.all_link), err,
			to == LINK_DEAD);
	http2_link_wake(&c->l);
}

/* The socket is broken, or is to be closed at once. */
static void server_dead(struct http2_server *c, int err)
{
	if (c->l.state < LINK_LINGER)
		server_cut_off(c, LINK_DEAD, err);
	else
		http2_link_set_state(&c->l, LINK_DEAD);
	stream_no_deadline(c->l.stream);
	http2_link_tell(&c->l);
	if (c->n_live == 0)
		server_closed(c);
}

void server_stalled(struct http2_server *c)
{
	if (server_is_open(c))
		server_dead(c, ERR_CLIENT_STALLED);
}

static void server_linger(struct http2_server *c)
{
	http2_link_set_state(&c->l, LINK_LINGER);
	stream_linger(c->l.stream, &farewell);
	if (stream_is_broken(c->l.stream))
		server_dead(c, ERR_CLIENT_GONE);
}

/* The error that its requests get. */
static int server_why(uint32_t code)
{
	switch (code) {
	case NGHTTP2_ENHANCE_YOUR_CALM:
		return ERR_CLIENT_FLOOD;
	case NGHTTP2_INTERNAL_ERROR:
		return ERR_INTERNAL;
	default:
		return ERR_CLIENT_PROTOCOL;
	}
}

static void server_tell_flood(const struct http2_server *c)
{
	static const struct {
		const char *what;
		enum stat_id stat;
	} floods[FLOODS] = {
		[FLOOD_FRAMES] = { "too many frames that only cost", STAT_FLOOD_FRAMES },
		[FLOOD_RESETS] = { "too many requests that were reset", STAT_FLOOD_RESETS },
		[FLOOD_BLOCK] = { "a header block that is too long, or in too many frames",
			STAT_FLOOD_BLOCK },
		[FLOOD_ANSWERS] = { "it asks for more than it reads", STAT_FLOOD_ANSWERS },
	};
	stat_inc(floods[c->l.meter.flood].stat);
	log_info("http2", "client-flood: %.*s, connection %llu: %s", (int)c->info->peer_ip_len,
		c->info->peer_ip, (unsigned long long)c->info->id, floods[c->l.meter.flood].what);
}

/* Written without the library, because this must be the last frame, whatever the library has
 * queued. */
static void server_write_goaway(struct http2_server *c, uint32_t code)
{
	uint32_t last = (uint32_t)nghttp2_session_get_last_proc_stream_id(c->l.h2);
	const char frame[GOAWAY_LEN] = { 0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, (char)(last >> 24),
		(char)(last >> 16), (char)(last >> 8), (char)last, (char)(code >> 24),
		(char)(code >> 16), (char)(code >> 8), (char)code };
	buf_append(&c->l.stream->out, frame, sizeof(frame));
	stream_kick(c->l.stream);
}

/* The connection ends with GOAWAY, and so do its requests. */
static void server_terminate(struct http2_server *c, struct http2_error e)
{
	if (!server_is_open(c))
		return;
	if (e.code == NGHTTP2_ENHANCE_YOUR_CALM)
		server_tell_flood(c);
	server_write_goaway(c, e.code);
	server_cut_off(c, LINK_ENDING, e.err);
}

/* Send the last GOAWAY; requests in progress finish. */
static void server_goaway(struct http2_server *c)
{
	(void)nghttp2_submit_goaway(c->l.h2, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(c->l.h2), NGHTTP2_NO_ERROR, NULL, 0);
	http2_link_wake(&c->l);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void server_set_memory(struct http2_server *c)
{
	size_t heads = 2 * c->conf->budget;
	if (heads < HTTP2_HEADS_MAX)
		heads = HTTP2_HEADS_MAX;
	c->heads_max = heads;
	c->memory.budget = HTTP2_ARENAS_FACTOR * heads;
}

bool server_has_memory(const struct http2_server *c)
{
	return c->heads <= c->heads_max && c->memory.budget - c->memory.used >= HTTP2_ARENA_MIN;
}

void server_note_no_memory(struct http2_server *c)
{
	stat_inc(STAT_STREAMS_REFUSED_MEMORY);
	if (c->short_of_memory)
		return;
	c->short_of_memory = true;
	log_info("http2",
		"%.*s, connection %llu: requests are refused: those in progress take too much "
		"memory, %zu bytes",
		(int)c->info->peer_ip_len, c->info->peer_ip, (unsigned long long)c->info->id,
		c->memory.used);
}

/* ---- what is due next ---------------------------------------------------------------------- */

static uint64_t server_idle_left(struct http2_server *c)
{
	uint64_t now = server_now(c);
	return c->idle_until_ns > now ? c->idle_until_ns - now : 0;
}

/* Set the deadline after which an idle connection's memory is saved, if it is to be. */
static void server_watch_idle(struct http2_server *c)
{
	uint64_t left = server_idle_left(c), rest_ns = HTTP2_REST_S * NS_PER_S;
	stream_deadline(c->l.stream, left < rest_ns ? left : rest_ns);
}

static void server_watch(struct http2_server *c)
{
	enum watch want = c->l.meter.block_open && !c->l.discards_input ? WATCH_HEAD
		: list_is_empty(&c->l.streams)                          ? WATCH_IDLE
									: WATCH_NONE;
	if (want == c->watch)
		return;
	c->watch = (uint8_t)want;
	if (want == WATCH_IDLE) {
		c->idle_until_ns = server_now(c) + c->conf->idle_ns;
		server_watch_idle(c);
	} else if (want == WATCH_HEAD) {
		stream_deadline(c->l.stream, c->conf->head_ns);
	} else {
		stream_no_deadline(c->l.stream);
	}
}

/* When the library wants to write nothing, no part of a frame is left either: its buffer for frames
 * is empty. */
bool server_may_rest(const struct http2_server *c)
{
	return server_is_open(c) && c->drain == DRAIN_NONE && !c->l.discards_input &&
		!c->l.error.err && list_is_empty(&c->l.streams) && list_is_empty(&c->l.turn.link) &&
		!nghttp2_session_want_write(c->l.h2);
}

void http2_server_rest(struct http2_server *c)
{
	if (!pages_are_resting(&c->pages) && server_may_rest(c))
		(void)pages_rest(&c->pages);
}

/* Restore the session's memory. Called first in every function that is called from outside. */
static void server_wake_pages(struct http2_server *c)
{
	if (likely(!pages_are_resting(&c->pages)))
		return;
	pages_wake(&c->pages);
	if (c->watch == WATCH_IDLE)
		server_watch_idle(c);
}

/* Whether the library has ended the connection. */
static bool server_is_over(const struct http2_server *c)
{
	return !nghttp2_session_want_read(c->l.h2) && !nghttp2_session_want_write(c->l.h2);
}

/* Called after every event: end the connection if it is over, and set its deadline. */
static void server_settle(struct http2_server *c)
{
	struct http2_link *l = &c->l;
	if (l->state == LINK_OPEN && l->error.err)
		server_terminate(c, l->error);
	if (l->state == LINK_OPEN && c->drain == DRAIN_HEARD) {
		c->drain = DRAIN_FINAL;
		server_goaway(c);
	}
	if (l->state == LINK_OPEN && server_is_over(c))
		server_cut_off(c, LINK_ENDING, ERR_CLIENT_PROTOCOL);
	if (!list_is_empty(&l->news))
		return; /* this is called again at the end of the turn */
	if (l->state == LINK_ENDING && c->n_live == 0)
		server_linger(c);
	else if (l->state == LINK_DEAD && c->n_live == 0)
		server_closed(c);
	else if (l->state == LINK_OPEN)
		server_watch(c);
}

/* ---- what the engine asks for -------------------------------------------------------------- */

static void server_set_up(nghttp2_session_callbacks *cb, nghttp2_option *o)
{
	server_receive_set_up(cb);
	server_send_set_up(cb);
	nghttp2_option_set_no_closed_streams(o, 1);
	/* see priority_update.h */
	nghttp2_option_set_user_recv_extension_type(o, FRAME_PRIORITY_UPDATE);
	/* the meter counts them, and answers with ENHANCE_YOUR_CALM */
#ifdef HAVE_NGHTTP2_OPTION_SET_STREAM_RESET_RATE_LIMIT
	nghttp2_option_set_stream_reset_rate_limit(o, UINT32_MAX, UINT32_MAX);
#endif
}

/* Called after each frame. The rest of server_settle() can wait for the end of the turn. */
static void server_frame_fed(struct http2_link *l)
{
	if (l->error.err)
		server_terminate(server_of(l), l->error);
	else if (!list_is_empty(&l->news))
		http2_link_tell(l);
}

static const struct http2_end server_end = {
	.set_up = server_set_up,
	.settle = server_frame_fed,
	.tell = server_stream_tell,
	.data_sent = server_data_sent,
	.pumped = server_pumped,
	.why = server_why,
};

static void server_on_turn_end(struct turn_hook *h)
{
	struct http2_server *c = container_of(h, struct http2_server, l.turn);
	server_wake_pages(c);
	http2_link_tell(&c->l);
	http2_link_pump(&c->l);
	http2_link_tell(&c->l);
	server_settle(c);
}

/* ---- the events of the socket -------------------------------------------------------------- */

static void server_on_readable(struct stream *s)
{
	struct http2_server *c = s->data;

	server_wake_pages(c);
	enum io io = http2_link_read(&c->l, false);
	if (!server_is_open(c))
		return; /* it is done at the end of the turn */
	if (io == IO_AGAIN)
		server_settle(c);
	else
		server_dead(c, ERR_CLIENT_GONE);
}

static void server_on_drained(struct stream *s)
{
	struct http2_server *c = s->data;
	server_wake_pages(c);
	while (!list_is_empty(&c->sending)) {
		struct server_stream *rq =
			container_of(c->sending.next, struct server_stream, sent_link);
		if (rq->sent_at > s->bytes_out)
			break;
		list_del(&rq->sent_link);
		http2_stream_news(&rq->st, NEWS_SENT);
	}
	http2_link_tell(&c->l);
	http2_link_pump(&c->l);
	server_settle(c);
}

static void server_on_fail(struct stream *s, int error)
{
	(void)error;
	server_wake_pages(s->data);
	server_dead(s->data, ERR_CLIENT_GONE);
}

/* A header block does not end, and no other frame can come before its end. Answer its request,
 * finish those in progress, and ignore what still comes in. */
static void server_head_timeout(struct http2_server *c)
{
	struct server_stream *rq = c->building;
	c->building = NULL;
	c->l.discards_input = true;
	if (rq && rq->st.owner == OWNER_NONE) {
		rq->head_err = ERR_HEAD_TIMEOUT;
		rq->st.end_told = true;
		http2_stream_note(&rq->st, NEWS_HEAD);
	} else if (rq) {
		server_stream_fail(rq, http2_stream_error(ERR_HEAD_TIMEOUT, NGHTTP2_NO_ERROR));
	}
	http2_link_tell(&c->l); /* the answer goes out before the GOAWAY */
	server_goaway(c);
}

static void server_on_timeout(struct stream *s)
{
	struct http2_server *c = s->data;
	if (!server_is_open(c))
		return;
	if (c->watch == WATCH_IDLE && server_idle_left(c)) {
		http2_server_rest(c);
		stream_deadline(s, server_idle_left(c));
		return;
	}
	server_wake_pages(c);
	enum watch watch = c->watch;
	c->watch = WATCH_NONE;
	if (watch == WATCH_HEAD) {
		stat_inc(STAT_TIMEOUT_HEAD);
		server_head_timeout(c);
	} else if (watch == WATCH_IDLE) {
		stat_inc(STAT_TIMEOUT_IDLE);
		server_terminate(c, http2_connection_error(ERR_CLIENT_GONE, NGHTTP2_NO_ERROR));
	}
}

static const struct stream_user server_user = {
	.on_readable = server_on_readable,
	.on_drained = server_on_drained,
	.on_fail = server_on_fail,
	.on_timeout = server_on_timeout,
};

/* ---- what the owner calls ------------------------------------------------------------------ */

static void server_on_noticed(struct timer *t)
{
	struct http2_server *c = container_of(t, struct http2_server, drain_timer);
	if (c->drain == DRAIN_NOTICE)
		c->drain = DRAIN_HEARD;
	http2_link_wake(&c->l);
}

static void server_open_session(struct http2_server *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, c->conf->max_head },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		/* always, since the routes decide which tunnels there are */
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
	};
	const struct http2_opening o = { .settings = settings,
		.n_settings = sizeof(settings) / sizeof(settings[0]),
		.window = HTTP2_CONNECTION_WINDOW,
		.max_head = c->conf->max_head,
		.is_server = true };
	nghttp2_mem mem = pages_open(&c->pages);
	http2_link_open(&c->l, &o, &mem);
	pages_shut(&c->pages);
}

struct http2_server *http2_server_new(struct stream *s, struct conn_info *info,
	const struct codec_conf *conf)
{
	struct http2_server *c = mem_new(struct http2_server);
	http2_link_init(&c->l, &server_end, s, LINK_OPEN, server_on_turn_end);
	c->l.queue_max = HTTP2_QUEUE_MAX;
	c->info = info;
	c->conf = conf;
	c->limits = (struct head_limits){ .max_head = conf->max_head,
		.max_fields = conf->max_fields,
		.max_target = conf->max_target,
		.path_rules = conf->path_rules };
	server_set_memory(c);
	list_init(&c->sending);
	timer_init(&c->drain_timer, server_on_noticed);
	stream_hand_over(s, &server_user, c);
	server_open_session(c);
	http2_link_pump(&c->l); /* our SETTINGS go first (RFC 9113 3.4) */
	server_watch(c);
	return c;
}

/* Drain in two steps, so that no request is lost on its way (RFC 9113 6.8): first tell the client
 * to stop. When the answer to a PING shows that it has read that, say which request was the
 * last. */
void http2_server_drain(struct http2_server *c, uint64_t idle_ns)
{
	if (!server_is_open(c) || c->drain != DRAIN_NONE)
		return;
	server_wake_pages(c);
	c->drain = DRAIN_NOTICE;
	server_streams_hurry(c);
	(void)nghttp2_submit_shutdown_notice(c->l.h2);
	(void)nghttp2_submit_ping(c->l.h2, NGHTTP2_FLAG_NONE, NULL);
	uint64_t notice_ns = idle_ns < NOTICE_MIN_NS ? NOTICE_MIN_NS
		: idle_ns > NOTICE_MAX_NS            ? NOTICE_MAX_NS
						     : idle_ns;
	worker_timer(c->l.stream->worker, &c->drain_timer, notice_ns);
	http2_link_wake(&c->l);
}

void server_retire(struct http2_server *c)
{
	if (!server_is_open(c) || c->drain != DRAIN_NONE)
		return;
	stat_inc(STAT_CONNECTIONS_RETIRED);
	http2_server_drain(c, NOTICE_MAX_NS);
}

void http2_server_abort(struct http2_server *c)
{
	server_wake_pages(c);
	if (c->l.state != LINK_CLOSED)
		server_dead(c, ERR_SHUTTING_DOWN);
}

enum http2_preface http2_preface(const char *buf, size_t n)
{
	static const char preface[HTTP2_PREFACE_LEN + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	size_t len = n < HTTP2_PREFACE_LEN ? n : HTTP2_PREFACE_LEN;
	if (memcmp(buf, preface, len) != 0)
		return HTTP2_PREFACE_NO;
	return n < HTTP2_PREFACE_LEN ? HTTP2_PREFACE_MORE : HTTP2_PREFACE_YES;
}

void http2_thread_fini(void)
{
	pages_thread_fini();
	memory_thread_fini();
}

/* ---- as front/ sees it --------------------------------------------------------------------- */

static struct http2_server **server_in(union codec_room *room)
{
	return (struct http2_server **)(void *)room;
}

static void codec_start(union codec_room *room, struct stream *s, struct conn_info *info,
	const struct codec_conf *conf)
{
	*server_in(room) = http2_server_new(s, info, conf);
}

static void codec_drain(union codec_room *room, uint64_t idle_ns)
{
	http2_server_drain(*server_in(room), idle_ns);
}

static void codec_abort(union codec_room *room)
{
	http2_server_abort(*server_in(room));
}

const struct codec http2_codec = {
	.start = codec_start,
	.drain = codec_drain,
	.abort = codec_abort,
};
