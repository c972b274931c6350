/*
 * Deadlines of one request: for its body, for the client to take the response, and, once it is
 * answered, for the rest of a body that is discarded. One timer serves all of them.
 */
#include "base/stat.h"
#include "http2/server_state.h"

/* Whether the client may still be sending the body. */
bool server_stream_has_rest(const struct server_stream *rq)
{
	return !http2_stream_has_ended(&rq->st) && rq->st.kind == KIND_MESSAGES &&
		!rq->server->l.discards_input;
}

/* Whether the whole answer was given and the rest of the request is discarded. */
static bool server_stream_lingers(const struct server_stream *rq)
{
	return rq->framed && rq->st.owner == OWNER_RELEASED && rq->st.wire == WIRE_OPEN &&
		server_stream_has_rest(rq);
}

/* ---- for how long -------------------------------------------------------------------------- */

/* Whether more of the request body is due within a time. */
static bool server_stream_is_paced(const struct server_stream *rq)
{
	return pace_is_asked(&rq->server->conf->pace) && !http2_stream_has_ended(&rq->st) &&
		rq->st.kind == KIND_MESSAGES && !rq->head.call &&
		http2_stream_has_listener(&rq->st) && rq->st.wire != WIRE_RESET;
}

/* The longest time to wait where not only silence is bounded. */
static uint64_t server_stream_wait_ns(struct server_stream *rq, uint64_t wait)
{
	struct http2_server *c = rq->server;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = server_now(c);
	if (server_stream_is_paced(rq)) {
		if (rq->st.held)
			pace_stop(&rq->pace_in);
		else if (!rq->pace_in.since_ns)
			pace_start(&rq->pace_in, now, rq->received);
		wait = pace_window_ns(&rq->pace_in, rule, now, wait);
		wait = pace_request_ns(rule, rq->c.started_ns, now, wait);
	}
	return pace_window_ns(&rq->pace_out, rule, now, wait);
}

void server_stream_watch(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	uint64_t wait = rq->c.silence_ns;
	if (unlikely(pace_is_asked(&c->conf->pace)))
		wait = server_stream_wait_ns(rq, wait);
	worker_timer(c->l.stream->worker, &rq->st.timer, wait);
}

void server_stream_watch_body(struct server_stream *rq)
{
	if (rq->st.kind != KIND_TUNNEL) /* the exchange bounds the silence of a tunnel */
		server_stream_watch(rq);
}

/* ---- what is due --------------------------------------------------------------------------- */

/* A number that grows while the client takes the response. */
static uint64_t server_stream_progress(const struct server_stream *rq)
{
	return rq->framed ? rq->server->l.stream->bytes_out : rq->moved;
}

static bool server_stream_has_unsent(const struct server_stream *rq)
{
	/* a tunnel's client that opens no window for a few bytes may just be silent */
	bool due = rq->st.kind != KIND_TUNNEL || rq->st.full;
	return (rq->st.out.len && due) || rq->st.send >= SEND_DONE;
}

void server_stream_watch_sending(struct server_stream *rq)
{
	rq->progress = server_stream_progress(rq);
	server_stream_watch(rq);
}

/* The requests of a connection share its bandwidth, so that the rate of the whole connection is
 * judged. */
void server_stream_begin_sending(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	if (c->conf->pace.min_rate && rq->st.kind != KIND_TUNNEL && !rq->head.call)
		pace_start(&rq->pace_out, server_now(c), stream_taken(c->l.stream));
	server_stream_watch_sending(rq);
}

static void server_stream_late(struct server_stream *rq, enum stat_id stat, int err, uint32_t code)
{
	stat_inc(stat);
	if (rq->st.owner == OWNER_RELEASED)
		server_stream_reset(rq, code);
	else
		server_stream_fail(rq, http2_stream_error(err, code));
}

/* True: the client was slower than the listener demands, and the request has ended. */
static bool server_stream_judge_pace(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = server_now(c);
	if (server_stream_is_paced(rq) && pace_is_over(rule, rq->c.started_ns, now))
		server_stream_late(rq, STAT_TIMEOUT_REQUEST, ERR_REQUEST_TIMEOUT, NGHTTP2_NO_ERROR);
	else if (server_stream_is_paced(rq) && !rq->st.held &&
		pace_judge(&rq->pace_in, rule, now, rq->received))
		server_stream_late(rq, STAT_TIMEOUT_RATE, ERR_BODY_TOO_SLOW, NGHTTP2_NO_ERROR);
	else if (rule->min_rate && server_stream_has_unsent(rq) &&
		pace_judge(&rq->pace_out, rule, now, stream_taken(c->l.stream)))
		server_stream_late(rq, STAT_TIMEOUT_RATE, ERR_CLIENT_TOO_SLOW, NGHTTP2_CANCEL);
	else
		return false;
	return true;
}

/* One window of time for the rate has ended, and the next begins; or only the whole request has a
 * deadline. */
static bool server_stream_is_watched_on(const struct server_stream *rq)
{
	uint64_t now = server_now(rq->server);
	return rq->pace_in.since_ns == now || rq->pace_out.since_ns == now ||
		(rq->st.held && server_stream_is_paced(rq) && !server_stream_has_unsent(rq));
}

static void server_stream_stalled(struct server_stream *rq)
{
	server_stream_late(rq, STAT_TIMEOUT_SEND, ERR_CLIENT_STALLED, NGHTTP2_CANCEL);
}

/* The client of a call may send and take nothing for a while, as long as its connection is alive.
 * Returns whether it may go on; then the timer runs. */
static bool server_stream_probe(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	if (!rq->head.call || !http2_stream_has_listener(&rq->st) || !server_is_open(c))
		return false;
	uint64_t left = http2_link_probe(&c->l, rq->c.silence_ns, c->conf->body_ns);
	if (left)
		worker_timer(c->l.stream->worker, &rq->st.timer, left);
	return left > 0;
}

/* The deadline for more of the request body has passed. */
static void server_stream_body_late(struct server_stream *rq)
{
	if (rq->st.held || rq->st.owner == OWNER_GONE || rq->st.kind == KIND_TUNNEL ||
		(http2_stream_has_ended(&rq->st) && !rq->head.call) || server_stream_probe(rq))
		return;
	if (http2_stream_has_ended(&rq->st)) { /* the client of a call does not answer the PING */
		server_stream_stalled(rq);
		return;
	}
	stat_inc(STAT_TIMEOUT_BODY);
	server_stream_fail(rq, http2_stream_error(ERR_BODY_TIMEOUT, NGHTTP2_NO_ERROR));
}

void server_stream_on_due(struct timer *t)
{
	struct server_stream *rq = container_of(t, struct server_stream, st.timer);
	bool paced = pace_is_asked(&rq->server->conf->pace);
	if (rq->st.wire == WIRE_CLOSED && list_is_empty(&rq->sent_link))
		return; /* otherwise the last bytes may wait for a client that does not take them */
	if (rq->st.wire == WIRE_RESET && (!rq->framed || rq->st.owner == OWNER_RELEASED)) {
		server_stalled(rq->server); /* not even the RST_STREAM went out */
	} else if (server_stream_lingers(rq)) {
		server_stream_reset(rq, NGHTTP2_NO_ERROR);
	} else if (unlikely(paced) && server_stream_judge_pace(rq)) {
		return;
	} else if (unlikely(paced) && server_stream_is_watched_on(rq)) {
		server_stream_watch(rq);
	} else if (!server_stream_has_unsent(rq)) {
		server_stream_body_late(rq);
	} else if (server_stream_progress(rq) != rq->progress) {
		server_stream_watch_sending(rq);
	} else if (!server_stream_probe(rq)) {
		server_stream_stalled(rq);
	}
}

/* ---- lingering ----------------------------------------------------------------------------- */

/*
 * An answer may be complete before its request is. The client may then go on for a while, and what
 * it sends is discarded. Many clients take a RST_STREAM that comes together with the answer for a
 * failure, although it says NO_ERROR (RFC 9113 8.1); and clients that read no answer before they
 * have sent everything would wait for the window for ever.
 */
static void server_stream_watch_linger(struct server_stream *rq)
{
	struct http2_server *c = rq->server;
	uint64_t now = server_now(c), silence = c->conf->linger.silence_ns;
	uint64_t left = rq->linger_until_ns > now ? rq->linger_until_ns - now : 0;
	worker_timer(c->l.stream->worker, &rq->st.timer, left < silence ? left : silence);
}

static uint64_t linger_total(const struct http2_server *c)
{
	uint64_t total = c->conf->linger.total_ns;
	return c->drain != DRAIN_NONE && total > LINGER_HURRY_NS ? LINGER_HURRY_NS : total;
}

/* Lingering begins when the exchange is done and the whole answer is framed, whichever comes
 * last. */
void server_stream_linger(struct server_stream *rq)
{
	if (!server_stream_lingers(rq))
		return;
	rq->linger_until_ns = server_now(rq->server) + linger_total(rq->server);
	server_stream_watch_linger(rq);
}

void server_stream_discard(struct server_stream *rq, size_t n)
{
	rq->discarded += n;
	if (rq->discarded <= rq->server->conf->linger.bytes) {
		server_consume(rq, n);
		if (rq->linger_until_ns)
			server_stream_watch_linger(rq);
		return;
	}
	(void)nghttp2_session_consume_connection(rq->server->l.h2, n);
	if (server_stream_lingers(rq))
		server_stream_reset(rq, NGHTTP2_NO_ERROR);
}

void server_streams_hurry(struct http2_server *c)
{
	uint64_t until = server_now(c) + LINGER_HURRY_NS;
	list_each (e, &c->l.streams) {
		struct server_stream *rq = container_of(e, struct server_stream, st.all_link);
		if (!server_stream_lingers(rq) || rq->linger_until_ns <= until)
			continue;
		rq->linger_until_ns = until;
		server_stream_watch_linger(rq);
	}
}
