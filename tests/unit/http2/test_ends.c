/* How requests and connections end: resets in every state, deadlines, drain, loss. */
#include "peer_client.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "http2/memory.h"
#include "http2/pages.h"

static void begin_nothing(struct call *call)
{
	(void)call;
}

static void begin_resume(struct call *call)
{
	call->c->ops->resume(call->c);
}

static void stay(struct call *call)
{
	(void)call;
}

static struct peer *peer_of(void (*on_request)(struct call *call))
{
	struct peer *p = peer_client_new();
	p->on_request = on_request;
	return p;
}

/* ---- resets by the client ------------------------------------------------------------------ */

static void expect_gone(struct call *call)
{
	assert_int_equal(call->gone, 1);
	assert_int_equal(call->gone_err, ERR_CLIENT_GONE);
	assert_false(call->can_answer);
	assert_true(call->c == NULL);
}

TEST(reset_everywhere)
{
	struct peer *p = peer_of(begin_nothing);
	peer_client_start(p);
	for (uint32_t id = 1; id <= 13; id += 2)
		peer_post(p, id, "/");
	peer_run(p);
	peer_reset(p, 1, NGHTTP2_CANCEL); /* nothing happened yet */
	peer_data(p, 3, "held", false);   /* a body waits */
	peer_reset(p, 3, NGHTTP2_CANCEL);
	p->calls[2].c->ops->resume(p->calls[2].c); /* between two parts of a body */
	peer_data(p, 5, "part", false);
	peer_run(p);
	peer_reset(p, 5, NGHTTP2_NO_ERROR);
	peer_data(p, 7, "", true); /* the request is complete */
	peer_reset(p, 7, NGHTTP2_CANCEL);
	call_head(&p->calls[4], 200, 100); /* a head was sent */
	peer_run(p);
	peer_reset(p, 9, NGHTTP2_CANCEL);
	call_head(&p->calls[5], 200, -1); /* in the middle of the response */
	(void)call_push(&p->calls[5], 100000);
	peer_run(p);
	peer_reset(p, 11, NGHTTP2_CANCEL);
	call_answer(&p->calls[6], 200, "x"); /* answered, in this turn */
	peer_reset(p, 13, NGHTTP2_CANCEL);
	peer_run(p);
	for (unsigned i = 0; i < 6; i++)
		expect_gone(&p->calls[i]);
	assert_int_equal(p->calls[6].gone + p->calls[6].sent, 1);
	assert_int_equal(p->n_goaway, 0);
	peer_get(p, 15, "/");
	peer_run(p);
	call_answer(&p->calls[7], 200, "fine");
	peer_run(p);
	assert_string_equal(peer_stream(p, 15)->body, "fine");
	peer_free(&p);
}

/* A response that is out is sent, whatever the client says afterwards; also when it says so in the
 * same breath. */
TEST(reset_after_response)
{
	struct peer *p = peer_of(NULL);
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_run(p);
	assert_int_equal(p->calls[0].sent, 1);
	peer_reset(p, 1, NGHTTP2_CANCEL);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 0);
	peer_free(&p);
}

/* A head in pieces, and then a reset, or the end of the connection: no request ever was. */
TEST(reset_of_half_a_head)
{
	struct peer *p = peer_of(NULL);
	peer_client_start(p);
	char block[200];
	size_t n = peer_block(block, ":method", "GET", ":scheme", "http", NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_STREAM, 1, block, n);
	peer_run(p);
	(void)close(p->fd);
	p->fd = -1;
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->n_calls, 0);
	peer_free(&p);
}

/* The exchange that lives longer than its client: what it does then goes nowhere. */
TEST(after_gone)
{
	struct peer *p = peer_of(begin_nothing);
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_run(p);
	struct call *call = &p->calls[0];
	call->keep = true;
	peer_data(p, 1, "body", false);
	peer_reset(p, 1, NGHTTP2_CANCEL);
	peer_run(p);
	assert_int_equal(call->gone, 1);
	call->c->ops->resume(call->c);
	call_head(call, 200, -1);
	assert_false(call_push(call, 1 << 20));
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_int_equal(call->sent, 0);
	assert_int_equal(peer_stream(p, 1)->status, 0);
	call_finish(call);
	peer_get(p, 3, "/");
	peer_run(p);
	call_answer(&p->calls[1], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	peer_free(&p);
}

/* ---- loss of the connection ---------------------------------------------------------------- */

TEST(client_leaves)
{
	for (int how = 0; how < 3; how++) {
		struct peer *p = peer_of(begin_nothing);
		peer_client_start(p);
		for (uint32_t id = 1; id <= 9; id += 2)
			peer_post(p, id, "/");
		peer_run(p);
		p->calls[1].keep = how == 1;
		call_head(&p->calls[2], 200, -1);
		(void)call_push(&p->calls[2], 200000);
		peer_run(p);
		if (how == 2) { /* it leaves with our bytes unread */
			p->no_read = true;
			(void)call_push(&p->calls[2], 200000);
			peer_run(p);
		}
		(void)close(p->fd);
		p->fd = -1;
		p->eof = true;
		peer_run(p);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(p->calls[i].gone, 1);
			assert_int_equal(p->calls[i].gone_err, ERR_CLIENT_GONE);
			assert_false(p->calls[i].can_answer);
		}
		if (how == 1) { /* the connection waits for its last exchange */
			assert_non_null(p->server);
			call_finish(&p->calls[1]);
			peer_run(p);
		}
		assert_null(p->server);
		assert_int_equal(memory_in_use(), 0);
		peer_free(&p);
	}
}

TEST(abort)
{
	struct peer *p = peer_of(begin_nothing);
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_get(p, 3, "/");
	peer_run(p);
	call_answer(&p->calls[1], 200, "x");
	http2_server_abort(p->server);
	assert_non_null(p->server); /* its requests end with the turn */
	worker_turn(&p->w);
	assert_null(p->server);
	assert_int_equal(p->calls[0].gone_err, ERR_SHUTTING_DOWN);
	assert_false(p->calls[0].can_answer);
	peer_free(&p);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

TEST(idle)
{
	struct peer *p = peer_of(NULL);
	p->conf.idle_ns = 60 * NS_PER_MS;
	peer_client_start(p);
	peer_wait(p, 30);
	peer_get(p, 1, "/"); /* begins anew */
	peer_wait(p, 40);
	assert_int_equal(p->n_goaway, 0);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->n_goaway, 1);
	assert_int_equal(p->goaway_code, NGHTTP2_NO_ERROR);
	assert_int_equal(p->goaway_last, 1);
	peer_free(&p);

	p = peer_of(NULL); /* one that never says a word */
	p->conf.idle_ns = 30 * NS_PER_MS;
	peer_client_open(p);
	assert_true(peer_ends(p, 500));
	peer_free(&p);

	p = peer_of(begin_nothing); /* a request in progress is not idle */
	p->conf.idle_ns = 30 * NS_PER_MS;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_wait(p, 120);
	assert_int_equal(p->n_goaway, 0);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_true(peer_ends(p, 500));
	peer_free(&p);
}

/* PINGs keep nothing alive. */
TEST(idle_with_pings)
{
	struct peer *p = peer_of(NULL);
	p->conf.idle_ns = 60 * NS_PER_MS;
	peer_client_start(p);
	for (int i = 0; i < 8; i++) {
		peer_frame(p, FRAME_PING, 0, 0, "12345678", 8);
		peer_wait(p, 15);
	}
	assert_int_equal(p->n_goaway, 1);
	assert_true(p->n_ping_acks >= 2);
	assert_true(peer_ends(p, 500));
	peer_free(&p);
}

TEST(head_timeout)
{
	struct peer *p = peer_of(begin_nothing);
	char block[200];
	p->conf.head_ns = 40 * NS_PER_MS;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	size_t n = peer_block(block, ":method", "GET", ":scheme", "http", ":path", "/x", NULL);
	peer_frame(p, FRAME_HEADERS, FRAME_END_STREAM, 3, block, n);
	peer_wait(p, 120);
	assert_int_equal(p->n_calls, 2);
	assert_int_equal(p->calls[1].bad, ERR_HEAD_TIMEOUT);
	assert_int_equal(peer_stream(p, 3)->status, 408);
	assert_int_equal(p->n_goaway, 1);
	assert_int_equal(p->goaway_last, 3);
	assert_int_equal(p->calls[0].gone, 0); /* the others are finished */
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	assert_true(peer_ends(p, 500));
	peer_free(&p);

	p = peer_of(NULL); /* not even the frame is whole */
	p->conf.head_ns = 40 * NS_PER_MS;
	peer_client_start(p);
	peer_bytes(p, "\0\0\x50\1\5\0\0\0\1\0", 10);
	assert_true(peer_ends(p, 500));
	assert_int_equal(peer_stream(p, 1)->status, 408);
	peer_free(&p);
}

TEST(body_timeout)
{
	struct peer *p = peer_of(begin_resume);
	p->conf.body_ns = 60 * NS_PER_MS;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_post(p, 3, "/");
	for (int i = 0; i < 4; i++) {
		peer_data(p, 3, "more", false); /* keeps going */
		peer_wait(p, 30);
	}
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_BODY_TIMEOUT);
	assert_true(p->calls[0].can_answer);
	assert_int_equal(peer_stream(p, 1)->status, 408);
	assert_true(peer_stream(p, 1)->ended && !peer_stream(p, 1)->reset);
	assert_int_equal(p->calls[1].gone, 0);
	peer_data(p, 3, "", true);
	peer_run(p);
	call_answer(&p->calls[1], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* Held by the exchange, a body is not late. */
TEST(held_is_not_late)
{
	struct peer *p = peer_of(begin_nothing);
	p->conf.body_ns = 30 * NS_PER_MS;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_data(p, 1, "x", false);
	peer_wait(p, 100);
	assert_int_equal(p->calls[0].gone, 0);
	p->calls[0].c->ops->resume(p->calls[0].c);
	peer_run(p);
	p->calls[0].c->ops->hold(p->calls[0].c);
	peer_wait(p, 100);
	assert_int_equal(p->calls[0].gone, 0);
	p->calls[0].c->ops->resume(p->calls[0].c);
	peer_wait(p, 100);
	assert_int_equal(p->calls[0].gone_err, ERR_BODY_TIMEOUT);
	peer_free(&p);
}

/* A client whose window stays shut. */
TEST(stalled_window)
{
	struct peer *p = peer_of(begin_nothing);
	p->conf.body_ns = 60 * NS_PER_MS;
	p->no_updates = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_get(p, 3, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 100000);
	(void)call_push(&p->calls[0], 100000);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	for (int i = 0; i < 5; i++) { /* slow is not stalled */
		peer_wait(p, 30);
		peer_update(p, 0, 100);
		peer_update(p, 1, 100);
	}
	assert_int_equal(p->calls[0].gone, 0);
	peer_wait(p, 200);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_STALLED);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(p->calls[1].gone, 0); /* waits for the exchange, not for the client */
	call_answer(&p->calls[1], 204, "");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->status, 204);
	peer_free(&p);
}

/* One that reads nothing at all. */
TEST(stalled_socket)
{
	for (int how = 0; how < 2; how++) {
		struct peer *p = peer_of(begin_nothing);
		p->conf.body_ns = 50 * NS_PER_MS;
		peer_client_start(p);
		peer_update(p, 0, 100 << 20);
		peer_frame(p, FRAME_SETTINGS, 0, 0, "\0\4\x06\0\0\0", 6);
		peer_get(p, 1, "/");
		peer_run(p);
		p->no_read = true;
		call_head(&p->calls[0], 200, -1);
		for (unsigned i = 0; i < 50; i++) {
			while (!p->calls[0].full)
				(void)call_push(&p->calls[0], 16384);
			peer_run(p);
		}
		/* the exchange has given up already: nothing else tells that the client is dead */
		if (how == 1) {
			p->calls[0].c->ops->abort(p->calls[0].c);
			call_finish(&p->calls[0]);
		}
		assert_true(peer_ends(p, 1000));
		if (how == 0) {
			assert_int_equal(p->calls[0].gone, 1);
			assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_STALLED);
		}
		assert_int_equal(memory_in_use(), 0);
		peer_free(&p);
	}
}

/* A response that is wholly framed, whose last bytes wait for a client that reads nothing: also
 * once the connection ends. */
TEST(stalled_with_a_whole_response)
{
	for (int ending = 0; ending < 2; ending++) {
		struct peer *p = peer_of(begin_nothing);
		p->conf.body_ns = 50 * NS_PER_MS;
		peer_client_start(p);
		peer_update(p, 0, 100 << 20);
		peer_frame(p, FRAME_SETTINGS, 0, 0, "\0\4\x06\0\0\0", 6);
		peer_get(p, 1, "/");
		peer_run(p);
		p->no_read = true;
		call_head(&p->calls[0], 200, -1);
		for (unsigned i = 0; i < 200 && p->s.out.len == 0; i++) {
			(void)call_push(&p->calls[0], 16384);
			peer_run(p);
		}
		assert_true(p->s.out.len > 0);
		p->calls[0].c->ops->end(p->calls[0].c, NULL);
		peer_run(p);
		assert_int_equal(p->calls[0].sent, 0);
		if (ending)
			peer_frame(p, FRAME_SETTINGS, 0, 0, "x", 1);
		uint64_t until = clock_ns() + 2 * NS_PER_S;
		while (!p->calls[0].gone && clock_ns() < until) {
			peer_run(p);
			(void)poll(NULL, 0, 2);
		}
		assert_int_equal(p->calls[0].sent, 0);
		assert_int_equal(p->calls[0].gone, 1);
		assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_STALLED);
		(void)close(p->fd);
		p->fd = -1;
		assert_true(peer_ends(p, 1000));
		assert_int_equal(memory_in_use(), 0);
		peer_free(&p);
	}
}

/* The same for a response that was cut. */
TEST(stalled_after_cut)
{
	struct peer *p = peer_of(begin_nothing);
	p->conf.body_ns = 50 * NS_PER_MS;
	p->no_updates = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, -1);
	(void)call_push(&p->calls[0], 100000);
	p->calls[0].c->ops->abort(p->calls[0].c);
	call_finish(&p->calls[0]);
	peer_wait(p, 200);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
	peer_free(&p);
}

/* The exchange is through, and the client does not take what is left. */
TEST(stalled_after_finish)
{
	struct peer *p = peer_of(begin_nothing);
	p->conf.body_ns = 50 * NS_PER_MS;
	p->conf.idle_ns = 50 * NS_PER_MS;
	p->no_updates = true;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_head(&p->calls[0], 200, 100000);
	(void)call_push(&p->calls[0], 100000);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	call_finish(&p->calls[0]);
	assert_true(peer_ends(p, 1000));
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
	assert_int_equal(p->goaway_code, NGHTTP2_NO_ERROR);
	peer_free(&p);
}

/* ---- drain --------------------------------------------------------------------------------- */

TEST(drain_idle)
{
	struct peer *p = peer_of(NULL);
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	http2_server_drain(p->server, 5 * NS_PER_S);
	assert_true(peer_ends(p, 500)); /* as soon as the client has heard it */
	assert_int_equal(p->n_goaway, 2);
	assert_int_equal(p->first_goaway_last, 0x7fffffff);
	assert_int_equal(p->goaway_last, 1);
	assert_int_equal(p->goaway_code, NGHTTP2_NO_ERROR);
	peer_free(&p);
}

/* What the client sent before it knew is served; what it sends afterwards it may send elsewhere. */
TEST(drain_busy)
{
	struct peer *p = peer_of(begin_nothing);
	p->quiet = true; /* the test answers PING */
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	http2_server_drain(p->server, 5 * NS_PER_S);
	http2_server_drain(p->server, 5 * NS_PER_S); /* once is enough */
	peer_get(p, 3, "/");                         /* on its way */
	peer_run(p);
	assert_int_equal(p->n_calls, 2);
	assert_int_equal(p->n_goaway, 1);
	peer_frame(p, FRAME_PING, FRAME_ACK, 0, "\0\0\0\0\0\0\0\0", 8);
	peer_run(p);
	assert_int_equal(p->n_goaway, 2);
	assert_int_equal(p->goaway_last, 3);
	peer_get(p, 5, "/"); /* it knew */
	peer_run(p);
	assert_int_equal(p->n_calls, 2);
	call_answer(&p->calls[0], 200, "one");
	peer_run(p);
	assert_non_null(p->server);
	call_answer(&p->calls[1], 200, "two");
	assert_true(peer_ends(p, 500));
	assert_string_equal(peer_stream(p, 1)->body, "one");
	assert_string_equal(peer_stream(p, 3)->body, "two");
	peer_free(&p);
}

/* A client that answers no PING: after a while, at least 100 ms, it has heard it all the same. */
TEST(drain_silent)
{
	struct peer *p = peer_of(NULL);
	p->quiet = true;
	peer_client_start(p);
	uint64_t begun = clock_ns();
	http2_server_drain(p->server, 0);
	peer_run(p);
	assert_true(p->n_goaway >= 1);
	assert_true(peer_ends(p, 500));
	assert_true(clock_ns() - begun >= 100 * NS_PER_MS);
	assert_int_equal(p->n_goaway, 2);
	peer_free(&p);
}

/* The client says goodbye: what is in progress is finished. */
TEST(goaway_from_client)
{
	struct peer *p = peer_of(begin_nothing);
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_frame(p, FRAME_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0bye", 11);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 0);
	call_answer(&p->calls[0], 200, "x");
	assert_true(peer_ends(p, 500));
	assert_string_equal(peer_stream(p, 1)->body, "x");
	peer_free(&p);
}

/* A response that is out but not told to be sent yet is not lost when the connection ends
 * politely. */
TEST(sent_while_ending)
{
	struct peer *p = peer_of(begin_nothing);
	p->on_sent = stay;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_int_equal(p->calls[0].sent, 1);
	peer_bytes(p, "\0\0\0\0\0\0\0\0\0", 9); /* DATA on stream 0 */
	peer_run(p);
	assert_non_null(p->server); /* the exchange is not through */
	assert_int_equal(p->calls[0].gone, 0);
	call_finish(&p->calls[0]);
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_PROTOCOL_ERROR);
	peer_free(&p);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* An idle connection holds no block, and few KiB. */
TEST(idle_memory)
{
	struct peer *p = peer_of(NULL);
	peer_client_start(p);
	for (uint32_t id = 1; id < 200; id += 2) {
		peer_get(p, id, "/");
		peer_run(p);
	}
	assert_null(p->s.in.first);
	assert_null(p->s.out.first);
	/* 16 KiB are the library's buffer for frames, of which it touches a page */
	assert_true(memory_in_use() < (pages_are_used() ? 40 : 64) * 1024);
	peer_free(&p);
}

/* A budget too small for the response's head: the client is told that it gets none. */
static void begin_too_much(struct call *call)
{
	static char value[40000];
	struct response_head h = { .status = 200, .body = BODY_CHUNKED };
	memset(value, 'v', sizeof(value) - 1);
	check(fields_add(&h.fields, &call->c->arena, STR("x-long"), str_of(value)) == 0,
		"no memory for %s", "a field");
	call->c->ops->head(call->c, &h);
}

TEST(budget)
{
	struct peer *p = peer_of(begin_too_much);
	p->conf.budget = 16384;
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_NO_MEMORY);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}
