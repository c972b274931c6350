/*
 * What is waited for on behalf of one request, and for how long: its body, its client to take the
 * response, and, once it is answered, the rest of a body that nobody wants. One timer serves all of
 * them.
 */
#include "base/stat.h"
#include "http2/state.h"

/* Whether its client may be in the middle of the body. */
bool request_has_rest(const struct http2_request *rq)
{
	return !rq->end_received && !rq->connect && !rq->server->deaf;
}

/* All of the answer is said, and the rest of the request is not wanted. */
static bool request_lingers(const struct http2_request *rq)
{
	return rq->framed && rq->finished && request_has_rest(rq) && !rq->reset && !rq->closed;
}

/* ---- for how long -------------------------------------------------------------------------- */

/* Whether more of its body is due, and in time. */
static bool request_is_paced(const struct http2_request *rq)
{
	return pace_is_asked(&rq->server->conf->pace) && !rq->end_received && !rq->tunnel &&
		!rq->connect && !rq->head.call && !rq->gone && !rq->finished && !rq->reset;
}

/* How long may be waited at most, where more than silence counts. */
static uint64_t request_wait_ns(struct http2_request *rq, uint64_t wait)
{
	struct http2_server *c = rq->server;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = worker_now(c->s->worker);
	if (request_is_paced(rq)) {
		if (rq->held)
			pace_stop(&rq->pace_in);
		else if (!rq->pace_in.since_ns)
			pace_start(&rq->pace_in, now, rq->received);
		wait = pace_window_ns(&rq->pace_in, rule, now, wait);
		wait = pace_request_ns(rule, rq->c.started_ns, now, wait);
	}
	return pace_window_ns(&rq->pace_out, rule, now, wait);
}

void request_watch(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	uint64_t wait = c->conf->body_ns;
	if (unlikely(pace_is_asked(&c->conf->pace)))
		wait = request_wait_ns(rq, wait);
	worker_timer(c->s->worker, &rq->timer, wait);
}

void request_watch_body(struct http2_request *rq)
{
	if (!rq->tunnel) /* whose silence is the exchange's affair */
		request_watch(rq);
}

/* ---- what is due --------------------------------------------------------------------------- */

/* What grows while the client takes the response. */
static uint64_t request_progress(const struct http2_request *rq)
{
	return rq->framed ? rq->server->s->bytes_out : rq->moved;
}

static bool request_has_unsent(const struct http2_request *rq)
{
	/* who opens no window for a little of a tunnel just says nothing yet */
	bool due = !rq->tunnel || rq->full;
	return (rq->out.len && due) || rq->response_done || rq->cut;
}

void request_watch_sending(struct http2_request *rq)
{
	rq->progress = request_progress(rq);
	request_watch(rq);
}

/* The requests of a connection share its bandwidth: it is the connection that has to be fast
 * enough. */
void request_begin_sending(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	if (c->conf->pace.min_rate && !rq->tunnel && !rq->head.call)
		pace_start(&rq->pace_out, worker_now(c->s->worker), stream_taken(c->s));
	request_watch_sending(rq);
}

static void request_late(struct http2_request *rq, enum stat_id stat, int err, uint32_t code)
{
	stat_inc(stat);
	if (rq->finished)
		request_reset(rq, code);
	else
		request_fail(rq, err, code);
}

/* True: it was too slow for what the listener demands, and has ended. */
static bool request_judge_pace(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = worker_now(c->s->worker);
	if (request_is_paced(rq) && pace_is_over(rule, rq->c.started_ns, now))
		request_late(rq, STAT_TIMEOUT_REQUEST, ERR_REQUEST_TIMEOUT, NGHTTP2_NO_ERROR);
	else if (request_is_paced(rq) && !rq->held &&
		pace_judge(&rq->pace_in, rule, now, rq->received))
		request_late(rq, STAT_TIMEOUT_RATE, ERR_BODY_TOO_SLOW, NGHTTP2_NO_ERROR);
	else if (rule->min_rate && request_has_unsent(rq) &&
		pace_judge(&rq->pace_out, rule, now, stream_taken(c->s)))
		request_late(rq, STAT_TIMEOUT_RATE, ERR_CLIENT_TOO_SLOW, NGHTTP2_CANCEL);
	else
		return false;
	return true;
}

/* A window of it has ended, and a new one began; or only the whole request has a deadline. */
static bool request_is_watched_on(const struct http2_request *rq)
{
	uint64_t now = worker_now(rq->server->s->worker);
	return rq->pace_in.since_ns == now || rq->pace_out.since_ns == now ||
		(rq->held && request_is_paced(rq) && !request_has_unsent(rq));
}

static void request_stalled(struct http2_request *rq)
{
	request_late(rq, STAT_TIMEOUT_SEND, ERR_CLIENT_STALLED, NGHTTP2_CANCEL);
}

/* The client of a call may have nothing to say, or take nothing for a while; but its connection has
 * to live. Whether it may yet; then the timer runs. */
static bool request_is_quiet(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	uint64_t now = worker_now(c->s->worker);
	if (!rq->head.call || rq->finished || rq->gone || c->state != SERVER_OPEN)
		return false;
	if (c->ping_ns > c->heard_ns && now - c->ping_ns >= c->conf->body_ns)
		return false;
	if (c->ping_ns <= c->heard_ns && now - c->heard_ns >= c->conf->body_ns)
		session_ping(c);
	request_watch(rq);
	return true;
}

void request_on_due(struct timer *t)
{
	struct http2_request *rq = container_of(t, struct http2_request, timer);
	if (rq->closed)
		return;
	if (rq->reset && (!rq->framed || rq->finished)) {
		server_stalled(rq->server); /* not even these few bytes went out */
	} else if (request_lingers(rq)) {
		request_reset(rq, NGHTTP2_NO_ERROR);
	} else if (unlikely(pace_is_asked(&rq->server->conf->pace)) && request_judge_pace(rq)) {
		return;
	} else if (unlikely(pace_is_asked(&rq->server->conf->pace)) && request_is_watched_on(rq)) {
		request_watch(rq);
	} else if (request_has_unsent(rq)) {
		if (request_progress(rq) != rq->progress)
			request_watch_sending(rq);
		else if (!request_is_quiet(rq))
			request_stalled(rq);
	} else if (rq->held || rq->gone || rq->tunnel || (rq->end_received && !rq->head.call) ||
		request_is_quiet(rq)) {
		return;
	} else if (rq->end_received) { /* a call whose client waits for nothing any more */
		request_stalled(rq);
	} else {
		stat_inc(STAT_TIMEOUT_BODY);
		request_fail(rq, ERR_BODY_TIMEOUT, NGHTTP2_NO_ERROR);
	}
}

/* ---- lingering ----------------------------------------------------------------------------- */

/*
 * An answer may be complete before its request is. The client is then let go on for a while, and
 * what it sends is thrown away: many clients take a RST_STREAM that comes together with the answer,
 * though it says NO_ERROR (RFC 9113 8.1), for a failure, and those that do not look for an answer
 * before they have sent all would wait for the window for ever.
 */
static void request_watch_linger(struct http2_request *rq)
{
	struct http2_server *c = rq->server;
	uint64_t now = worker_now(c->s->worker), silence = c->conf->linger.silence_ns;
	uint64_t left = rq->linger_until_ns > now ? rq->linger_until_ns - now : 0;
	worker_timer(c->s->worker, &rq->timer, left < silence ? left : silence);
}

static uint64_t linger_total(const struct http2_server *c)
{
	uint64_t total = c->conf->linger.total_ns;
	return c->drain != DRAIN_NONE && total > LINGER_HURRY_NS ? LINGER_HURRY_NS : total;
}

/* The exchange is done, and all of the answer framed; whichever comes last begins it. */
void request_linger(struct http2_request *rq)
{
	if (!request_lingers(rq))
		return;
	rq->linger_until_ns = worker_now(rq->server->s->worker) + linger_total(rq->server);
	request_watch_linger(rq);
}

void request_throw_away(struct http2_request *rq, size_t n)
{
	rq->thrown += n;
	if (rq->thrown <= rq->server->conf->linger.bytes) {
		session_consume(rq->server, rq, n);
		if (rq->linger_until_ns)
			request_watch_linger(rq);
		return;
	}
	(void)nghttp2_session_consume_connection(rq->server->h2, n);
	if (request_lingers(rq))
		request_reset(rq, NGHTTP2_NO_ERROR);
}

void requests_hurry(struct http2_server *c)
{
	uint64_t until = worker_now(c->s->worker) + LINGER_HURRY_NS;
	list_each (e, &c->requests) {
		struct http2_request *rq = container_of(e, struct http2_request, link);
		if (!request_lingers(rq) || rq->linger_until_ns <= until)
			continue;
		rq->linger_until_ns = until;
		request_watch_linger(rq);
	}
}
