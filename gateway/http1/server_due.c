/*
 * The deadline of a connection from a client while a request is in progress. There is one: for a
 * client that does not take its response, else for one that does not send its body. The former,
 * once it runs, is extended only when bytes were sent.
 */
#include "base/stat.h"
#include "http1/server_impl.h"

/* ---- what is waited for -------------------------------------------------------------------- */

/* Bound the wait for the client to take bytes. */
static void server_watch_stall(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t wait = rq->c.silence_ns;
	if (unlikely(c->conf->pace.min_rate != 0))
		wait = pace_window_ns(&rq->out, &c->conf->pace, worker_now(c->s->worker), wait);
	rq->stall_mark = c->s->bytes_out;
	stream_deadline(c->s, wait);
}

/* The longest wait for the body, where not only silence is bounded. */
static __attribute__((noinline)) void server_watch_pace(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	const struct pace_rule *rule = &c->conf->pace;
	uint64_t now = worker_now(c->s->worker), wait = TIMER_NEVER;
	bool held = rq->delivery == DELIVERY_HELD;
	if (held)
		pace_stop(&rq->in);
	else if (!rq->in.since_ns)
		pace_start(&rq->in, now, rq->body_bytes);
	if (!held)
		wait = pace_window_ns(&rq->in, rule, now, rq->c.silence_ns);
	wait = pace_request_ns(rule, rq->c.started_ns, now, wait);
	if (wait == TIMER_NEVER)
		stream_no_deadline(c->s);
	else
		stream_deadline(c->s, wait);
}

void http1_server_watch(struct http1_server *c)
{
	const struct http1_request *rq = c->rq;
	if (request_is_sending(rq))
		return;
	if (request_is_received(rq) || rq->receive == RECEIVE_TUNNEL)
		stream_no_deadline(c->s);
	else if (unlikely(pace_is_asked(&c->conf->pace)))
		server_watch_pace(c);
	else if (rq->delivery == DELIVERY_HELD)
		stream_no_deadline(c->s);
	else
		stream_deadline(c->s, rq->c.silence_ns);
}

void http1_server_watch_rate(struct http1_server *c)
{
	pace_start(&c->rq->out, worker_now(c->s->worker), stream_taken(c->s));
	server_watch_stall(c);
}

/* ---- what is late ------------------------------------------------------------------------- */

static void server_late(struct http1_server *c, enum stat_id stat, int err)
{
	stat_inc(stat);
	http1_server_gone(c, err);
}

/* The deadline of the response has passed: find out whether the client is too slow or stalled. */
static void server_judge_stall(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t now = worker_now(c->s->worker);
	if (c->conf->pace.min_rate && pace_judge(&rq->out, &c->conf->pace, now, stream_taken(c->s)))
		server_late(c, STAT_TIMEOUT_RATE, ERR_CLIENT_TOO_SLOW);
	else if (c->s->bytes_out != rq->stall_mark || rq->out.since_ns == now)
		server_watch_stall(c);
	else
		server_late(c, STAT_TIMEOUT_SEND, ERR_CLIENT_STALLED);
}

/* The deadline of the body has passed. */
static void server_judge_body(struct http1_server *c)
{
	struct http1_request *rq = c->rq;
	uint64_t now = worker_now(c->s->worker);
	if (pace_is_over(&c->conf->pace, rq->c.started_ns, now))
		server_late(c, STAT_TIMEOUT_REQUEST, ERR_REQUEST_TIMEOUT);
	else if (pace_judge(&rq->in, &c->conf->pace, now, rq->body_bytes))
		server_late(c, STAT_TIMEOUT_RATE, ERR_BODY_TOO_SLOW);
	else if (rq->delivery == DELIVERY_HELD || rq->in.since_ns == now)
		http1_server_watch(c); /* for another window of the rate */
	else
		server_late(c, STAT_TIMEOUT_BODY, ERR_BODY_TIMEOUT);
}

void http1_server_on_due(struct http1_server *c)
{
	const struct http1_request *rq = c->rq;
	if (request_is_sending(rq))
		server_judge_stall(c);
	else if (!request_is_received(rq) && rq->receive != RECEIVE_TUNNEL)
		server_judge_body(c);
}
