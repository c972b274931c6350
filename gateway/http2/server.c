/*
 * One connection from a client, from the stream's side: when to read, when to write, how long to
 * wait, and when it is over.
 *
 *   OPEN --GOAWAY, theirs or ours--> ENDING --no request left--> LINGER --flushed--> CLOSED
 *     \--stream broken--> DEAD --no request left--> CLOSED
 */
#include "http2/server.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/stat.h"
#include "http2/memory.h"
#include "http2/pages.h"
#include "http2/state.h"

/* A connection that ends has no request left that lingers: its client has only to read the
 * farewell. */
static const struct lingering farewell = { .silence_ns = LINGER_HURRY_NS,
	.total_ns = LINGER_HURRY_NS,
	.bytes = 1 << 20 };
/* A client that does not answer a PING has heard our GOAWAY after as long as it may be idle, but at
 * least and at most: */
#define NOTICE_MIN_NS (100 * NS_PER_MS)
#define NOTICE_MAX_NS (1 * NS_PER_S)

/* What the stream's deadline is for. */
enum watch { WATCH_NONE, WATCH_IDLE, WATCH_HEAD };

/* ---- ending -------------------------------------------------------------------------------- */

static void server_free(struct grave *g)
{
	free(container_of(g, struct http2_server, grave));
}

static void server_closed(struct http2_server *c)
{
	struct worker *w = c->s->worker;
	check(c->n_live == 0, "a connection ends with %u requests", c->n_live);
	if (c->state == SERVER_CLOSED)
		return;
	c->state = SERVER_CLOSED;
	list_each_safe (e, &c->requests) {
		struct http2_request *rq = container_of(e, struct http2_request, link);
		rq->closed = true;
		request_try_free(rq);
	}
	session_free(c);
	timer_drop(&c->drain_timer);
	list_del(&c->turn.link);
	c->conf->on_closed(c->info);
	worker_bury(w, &c->grave, server_free);
}

/* The library has no streams any more. What is not in the stream yet will never be. */
static void server_cut(struct http2_server *c, enum server_state to, int err)
{
	c->state = (uint8_t)to;
	c->building = NULL;
	list_each_safe (e, &c->requests) {
		struct http2_request *rq = container_of(e, struct http2_request, link);
		rq->closed = true;
		if (rq->told &&
			(!rq->framed || to == SERVER_DEAD || (rq->tunnel && !rq->end_received)))
			request_fail(rq, err, NGHTTP2_NO_ERROR);
		request_try_free(rq);
	}
	server_wake(c);
}

/* The stream is broken, or not wanted any more. */
static void server_dead(struct http2_server *c, int err)
{
	if (c->state < SERVER_LINGER)
		server_cut(c, SERVER_DEAD, err);
	else
		c->state = SERVER_DEAD;
	stream_no_deadline(c->s);
	requests_dispatch(c);
	if (c->n_live == 0)
		server_closed(c);
}

void server_stalled(struct http2_server *c)
{
	if (c->state == SERVER_OPEN)
		server_dead(c, ERR_CLIENT_STALLED);
}

static void server_linger(struct http2_server *c)
{
	c->state = SERVER_LINGER;
	stream_linger(c->s, &farewell);
	if (stream_is_broken(c->s))
		server_dead(c, ERR_CLIENT_GONE);
}

/* What its requests hear. */
static int server_why(uint32_t code)
{
	switch (code) {
	case NGHTTP2_NO_ERROR:
		return ERR_CLIENT_GONE;
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
	stat_inc(floods[c->meter.flood].stat);
	log_info("http2", "client-flood: %.*s, connection %llu: %s", (int)c->info->peer_ip_len,
		c->info->peer_ip, (unsigned long long)c->info->id, floods[c->meter.flood].what);
}

void server_terminate(struct http2_server *c, uint32_t code)
{
	if (c->state != SERVER_OPEN)
		return;
	if (code == NGHTTP2_ENHANCE_YOUR_CALM)
		server_tell_flood(c);
	session_last_words(c, code);
	server_cut(c, SERVER_ENDING, server_why(code));
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

void server_crowded(struct http2_server *c)
{
	stat_inc(STAT_STREAMS_REFUSED_MEMORY);
	if (c->crowded)
		return;
	c->crowded = true;
	log_info("http2",
		"%.*s, connection %llu: requests are refused: those in progress take too much "
		"memory, %zu bytes",
		(int)c->info->peer_ip_len, c->info->peer_ip, (unsigned long long)c->info->id,
		c->memory.used);
}

/* ---- what is due next ---------------------------------------------------------------------- */

static uint64_t server_idle_left(struct http2_server *c)
{
	uint64_t now = worker_now(c->s->worker);
	return c->idle_until_ns > now ? c->idle_until_ns - now : 0;
}

/* Until it rests, or for ever. */
static void server_watch_idle(struct http2_server *c)
{
	uint64_t left = server_idle_left(c), rest_ns = HTTP2_REST_S * NS_PER_S;
	stream_deadline(c->s, left < rest_ns ? left : rest_ns);
}

static void server_watch(struct http2_server *c)
{
	enum watch want = c->meter.block_open && !c->deaf ? WATCH_HEAD
		: list_is_empty(&c->requests)             ? WATCH_IDLE
							  : WATCH_NONE;
	if (want == c->watch)
		return;
	c->watch = (uint8_t)want;
	if (want == WATCH_IDLE) {
		c->idle_until_ns = worker_now(c->s->worker) + c->conf->idle_ns;
		server_watch_idle(c);
	} else if (want == WATCH_HEAD) {
		stream_deadline(c->s, c->conf->head_ns);
	} else {
		stream_no_deadline(c->s);
	}
}

void http2_server_rest(struct http2_server *c)
{
	if (!pages_are_resting(&c->pages) && session_may_rest(c))
		(void)pages_rest(&c->pages);
}

/* Before anything is done with the session: first in whatever is called from outside. */
static void server_rouse(struct http2_server *c)
{
	if (likely(!pages_are_resting(&c->pages)))
		return;
	pages_wake(&c->pages);
	if (c->watch == WATCH_IDLE)
		server_watch_idle(c);
}

/* After anything that happened: is it over, and what is waited for? */
static void server_settle(struct http2_server *c)
{
	if (c->state == SERVER_OPEN && c->trouble)
		server_terminate(c, c->trouble);
	if (c->state == SERVER_OPEN && c->drain == DRAIN_NOTICE && c->pinged) {
		c->drain = DRAIN_FINAL;
		session_goaway(c);
	}
	if (c->state == SERVER_OPEN && session_is_over(c))
		server_cut(c, SERVER_ENDING, ERR_CLIENT_PROTOCOL);
	if (!list_is_empty(&c->news))
		return; /* the turn's end comes by here again */
	if (c->state == SERVER_ENDING && c->n_live == 0)
		server_linger(c);
	else if (c->state == SERVER_DEAD && c->n_live == 0)
		server_closed(c);
	else if (c->state == SERVER_OPEN)
		server_watch(c);
}

static void server_on_turn_end(struct turn_hook *h)
{
	struct http2_server *c = container_of(h, struct http2_server, turn);
	server_rouse(c);
	requests_dispatch(c);
	session_pump(c);
	requests_dispatch(c);
	server_settle(c);
}

void server_wake(struct http2_server *c)
{
	worker_at_turn_end(c->s->worker, &c->turn);
}

/* ---- the events of the stream -------------------------------------------------------------- */

static void server_on_readable(struct stream *s)
{
	struct http2_server *c = s->data;
	struct read_turn turn = stream_turn(s);

	server_rouse(c);
	for (;;) {
		session_feed(c);
		if (c->state != SERVER_OPEN)
			return; /* the turn's end sees to it */
		enum io io = stream_read(s, &turn, false);
		if (io == IO_AGAIN)
			break;
		if (io != IO_OK) {
			server_dead(c, ERR_CLIENT_GONE);
			return;
		}
		c->heard_ns = worker_now(s->worker);
	}
	server_settle(c);
}

static void server_on_drained(struct stream *s)
{
	struct http2_server *c = s->data;
	server_rouse(c);
	while (!list_is_empty(&c->sending)) {
		struct http2_request *rq =
			container_of(c->sending.next, struct http2_request, sent_link);
		if (rq->sent_at > s->bytes_out)
			break;
		list_del(&rq->sent_link);
		request_tell(rq, TELL_SENT);
	}
	requests_dispatch(c);
	session_pump(c);
	server_settle(c);
}

static void server_on_fail(struct stream *s, int error)
{
	(void)error;
	server_rouse(s->data);
	server_dead(s->data, ERR_CLIENT_GONE);
}

/* A header block does not end, and nothing else can come before its end. Its request is answered,
 * those in progress are finished; what still comes in is not looked at. */
static void server_head_timeout(struct http2_server *c)
{
	struct http2_request *rq = c->building;
	c->building = NULL;
	c->deaf = true;
	if (rq && !rq->told) {
		rq->bad = ERR_HEAD_TIMEOUT;
		rq->end_told = true;
		request_tell(rq, TELL_HEAD);
	} else if (rq) {
		request_fail(rq, ERR_HEAD_TIMEOUT, NGHTTP2_NO_ERROR);
	}
	requests_dispatch(c); /* an answer goes before the farewell */
	session_goaway(c);
}

static void server_on_timeout(struct stream *s)
{
	struct http2_server *c = s->data;
	if (c->state != SERVER_OPEN)
		return;
	if (c->watch == WATCH_IDLE && server_idle_left(c)) {
		http2_server_rest(c);
		stream_deadline(s, server_idle_left(c));
		return;
	}
	server_rouse(c);
	enum watch watch = c->watch;
	c->watch = WATCH_NONE;
	if (watch == WATCH_HEAD) {
		stat_inc(STAT_TIMEOUT_HEAD);
		server_head_timeout(c);
	} else if (watch == WATCH_IDLE) {
		stat_inc(STAT_TIMEOUT_IDLE);
		server_terminate(c, NGHTTP2_NO_ERROR);
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
	c->pinged = true;
	server_wake(c);
}

struct http2_server *http2_server_new(struct stream *s, struct conn_info *info,
	const struct codec_conf *conf)
{
	struct http2_server *c = calloc(1, sizeof(*c));
	check(c, "out of memory: a connection of %zu bytes", sizeof(*c));
	c->s = s;
	c->info = info;
	c->conf = conf;
	c->limits = (struct head_limits){ .max_head = conf->max_head,
		.max_fields = conf->max_fields,
		.max_target = conf->max_target,
		.slashes = conf->slashes };
	server_set_memory(c);
	list_init(&c->requests);
	list_init(&c->news);
	list_init(&c->sending);
	turn_hook_init(&c->turn, server_on_turn_end);
	timer_init(&c->drain_timer, server_on_noticed);
	stream_hand_over(s, &server_user, c);
	session_new(c);
	session_pump(c); /* our SETTINGS go first (RFC 9113 3.4) */
	server_watch(c);
	return c;
}

/* In two steps, so that no request is lost on its way (RFC 9113 6.8): tell the client to stop, and
 * only when it must have heard it, which the answer to a PING shows, say which request was the
 * last. */
void http2_server_drain(struct http2_server *c, uint64_t idle_ns)
{
	if (c->state != SERVER_OPEN || c->drain != DRAIN_NONE)
		return;
	server_rouse(c);
	c->drain = DRAIN_NOTICE;
	c->pinged = false;
	requests_hurry(c);
	(void)nghttp2_submit_shutdown_notice(c->h2);
	(void)nghttp2_submit_ping(c->h2, NGHTTP2_FLAG_NONE, NULL);
	uint64_t notice_ns = idle_ns < NOTICE_MIN_NS ? NOTICE_MIN_NS
		: idle_ns > NOTICE_MAX_NS            ? NOTICE_MAX_NS
						     : idle_ns;
	worker_timer(c->s->worker, &c->drain_timer, notice_ns);
	server_wake(c);
}

void server_retire(struct http2_server *c)
{
	if (c->state != SERVER_OPEN || c->drain != DRAIN_NONE)
		return;
	stat_inc(STAT_CONNECTIONS_RETIRED);
	http2_server_drain(c, NOTICE_MAX_NS);
}

void http2_server_abort(struct http2_server *c)
{
	server_rouse(c);
	if (c->state != SERVER_CLOSED)
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
