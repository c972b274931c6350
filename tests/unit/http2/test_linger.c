/* Requests that are answered before they are complete, and bodies and readers that are too slow. */
#include "peer_client.h"

#include "http2/server_state.h"

static void begin_refuse(struct call *call)
{
	call_answer(call, 403, "no");
}

static void begin_nothing(struct call *call)
{
	(void)call;
}

static void begin_resume(struct call *call)
{
	call->c->ops->resume(call->c);
}

static struct peer *peer_of(void (*on_request)(struct call *call))
{
	struct peer *p = peer_client_new();
	p->on_request = on_request;
	return p;
}

static void send_body(struct peer *p, uint32_t stream, size_t n)
{
	static char bytes[16384];
	for (; n; n -= n < sizeof(bytes) ? n : sizeof(bytes)) {
		peer_frame(p, FRAME_DATA, 0, stream, bytes, n < sizeof(bytes) ? n : sizeof(bytes));
		peer_run(p);
	}
}

/* The client is given window for all of it, and no reset: it sees its answer whenever it looks for
 * it. */
TEST(the_rest_of_a_refused_body_is_thrown_away)
{
	struct peer *p = peer_of(begin_refuse);
	p->conf.max_body = 100000;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_headers(p, 3, 0, ":method", "POST", ":scheme", "https", ":path", "/", ":authority",
		"h", "content-length", "900000", NULL);
	for (uint32_t id = 1; id <= 3; id += 2) {
		send_body(p, id, 900000); /* more than seven windows */
		assert_false(peer_stream(p, id)->reset);
		peer_data(p, id, "", true);
		peer_run(p);
		assert_int_equal(peer_stream(p, id)->status, id == 1 ? 403 : 413);
		assert_true(peer_stream(p, id)->ended && !peer_stream(p, id)->reset);
	}
	assert_true(list_is_empty(&p->server->l.streams)); /* nothing is kept of them */
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

TEST(a_client_that_stops_sending_is_reset_after_a_while)
{
	struct peer *p = peer_of(begin_refuse);
	p->conf.linger.silence_ns = 60 * NS_PER_MS;
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended && !peer_stream(p, 1)->reset);
	peer_wait(p, 150);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_NO_ERROR);
	assert_true(list_is_empty(&p->server->l.streams));
	peer_free(&p);
}

TEST(throwing_away_ends_by_time_and_by_size)
{
	struct peer *p = peer_of(begin_refuse);
	p->conf.linger = (struct lingering){ .silence_ns = 10 * NS_PER_S,
		.total_ns = 150 * NS_PER_MS,
		.bytes = 100000 };
	peer_client_start(p);
	peer_post(p, 1, "/time");
	for (int i = 0; i < 100 && !peer_stream(p, 1)->reset; i++) {
		peer_data(p, 1, "x", false);
		peer_wait(p, 10);
	}
	assert_true(peer_stream(p, 1)->reset && peer_stream(p, 1)->reset_code == NGHTTP2_NO_ERROR);
	p->conf.linger.total_ns = 10 * NS_PER_S;
	peer_post(p, 3, "/size");
	peer_run(p);
	send_body(p, 3, 99000);
	assert_false(peer_stream(p, 3)->reset);
	send_body(p, 3, 2000);
	assert_true(peer_stream(p, 3)->reset && peer_stream(p, 3)->reset_code == NGHTTP2_NO_ERROR);
	peer_free(&p);
}

/* A connection that is to end does not wait for long. */
TEST(a_drain_hurries)
{
	struct peer *p = peer_of(begin_refuse);
	peer_client_start(p);
	peer_post(p, 1, "/");
	peer_run(p);
	http2_server_drain(p->server, NS_PER_MS);
	assert_true(peer_ends(p, 2 * LINGER_HURRY_NS / NS_PER_MS + 2000));
	peer_free(&p);
}

/* curl ends its body too early when it hears a refusal. It gets the rest of that, and nobody takes
 * its request for whole. */
TEST(a_body_that_is_given_up_after_a_refusal)
{
	for (int status = 200; status <= 500; status += 300) {
		struct peer *p = peer_of(begin_resume);
		peer_client_start(p);
		peer_headers(p, 1, 0, ":method", "POST", ":scheme", "https", ":path", "/",
			":authority", "h", "content-length", "10", NULL);
		peer_run(p);
		call_head(&p->calls[0], status, -1);
		peer_data(p, 1, "abc", true);
		peer_run(p);
		assert_int_equal(p->calls[0].ended, 0);
		assert_int_equal(p->calls[0].gone, status < 400);
		assert_int_equal(peer_stream(p, 1)->reset, status < 400); /* RFC 9113 8.1.1 */
		if (status >= 400) {
			(void)call_push(&p->calls[0], 1000);
			p->calls[0].c->ops->hold(p->calls[0].c);
			p->calls[0].c->ops->resume(p->calls[0].c);
			peer_run(p);
			assert_int_equal(p->calls[0].ended, 0);
			p->calls[0].c->ops->end(p->calls[0].c, NULL);
			peer_run(p);
			assert_int_equal(peer_stream(p, 1)->body_len, 1000);
			assert_true(peer_stream(p, 1)->ended && !peer_stream(p, 1)->reset);
		}
		peer_free(&p);
	}
}

/* ---- how fast ------------------------------------------------------------------------------ */

TEST(a_body_that_trickles_is_too_slow)
{
	struct peer *p = peer_of(begin_resume);
	p->conf.pace = (struct pace_rule){ .min_rate = 1000, .window_ns = 100 * NS_PER_MS };
	peer_client_start(p);
	peer_post(p, 1, "/slow");
	peer_post(p, 3, "/fast");
	peer_headers(p, 5, 0, ":method", "POST", ":scheme", "https", ":path", "/call", ":authority",
		"h", "content-type", "application/grpc", "te", "trailers", NULL);
	for (int i = 0; i < 30 && !p->calls[0].gone; i++) {
		peer_data(p, 1, "x", false);
		send_body(p, 3, 8000);
		peer_wait(p, 10);
	}
	assert_int_equal(p->calls[0].gone_err, ERR_BODY_TOO_SLOW);
	assert_int_equal(peer_stream(p, 1)->status, 408);
	assert_int_equal(p->calls[1].gone, 0);
	peer_free(&p);
}

TEST(a_request_has_a_total_time)
{
	for (int held = 0; held < 2; held++) {
		struct peer *p = peer_of(begin_resume);
		p->conf.pace = (struct pace_rule){ .request_ns = 150 * NS_PER_MS };
		peer_client_start(p);
		peer_post(p, 1, "/");
		peer_run(p);
		if (held)
			p->calls[0].c->ops->hold(p->calls[0].c);
		for (int i = 0; i < 40 && !p->calls[0].gone; i++) {
			peer_data(p, 1, "x", false);
			peer_wait(p, 10);
		}
		assert_int_equal(p->calls[0].gone_err, ERR_REQUEST_TIMEOUT);
		assert_int_equal(peer_stream(p, 1)->status, 408);
		peer_free(&p);
	}
}

/* A whole request has no deadline, and neither has its answer. */
TEST(an_answer_may_take_its_time)
{
	struct peer *p = peer_of(begin_nothing);
	p->conf.pace = (struct pace_rule){ .request_ns = 30 * NS_PER_MS,
		.min_rate = 1000,
		.window_ns = 20 * NS_PER_MS };
	peer_client_start(p);
	peer_get(p, 1, "/");
	peer_wait(p, 120);
	assert_int_equal(p->calls[0].gone, 0);
	call_head(&p->calls[0], 200, -1);
	peer_wait(p, 120);
	assert_int_equal(p->calls[0].gone, 0);
	peer_free(&p);
}

TEST(a_reader_that_is_too_slow)
{
	for (int rate = 0; rate < 2; rate++) {
		struct peer *p = peer_of(begin_nothing);
		p->conf.pace = (struct pace_rule){ .min_rate = rate ? 100000 : 0,
			.window_ns = 100 * NS_PER_MS };
		p->no_updates = true;
		peer_client_start(p);
		peer_get(p, 1, "/");
		peer_run(p);
		call_head(&p->calls[0], 200, -1);
		while (!call_push(&p->calls[0], 16384))
			peer_run(p);
		for (int i = 0; i < 40 && !p->calls[0].gone; i++) {
			peer_update(p, 1, 10); /* a window of ten bytes each time */
			peer_update(p, 0, 10);
			peer_wait(p, 10);
		}
		assert_int_equal(p->calls[0].gone, rate);
		if (rate)
			assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_TOO_SLOW);
		peer_free(&p);
	}
}

/* ---- memory -------------------------------------------------------------------------------- */

/* A few bytes each that stand for 32 KiB (RFC 7541 6.1): the heads of all requests together are
 * bounded. */
TEST(heads_of_a_connection_are_bounded)
{
	static char block[9000], value[4000];
	struct peer *p = peer_of(begin_nothing);
	unsigned refused = 0;
	peer_client_start(p);
	memset(value, 'v', sizeof(value) - 1);
	size_t n = peer_block(block, ":method", "GET", ":scheme", "https", ":authority", "h",
		       ":path", "/", NULL),
	       short_n = n;
	size_t at = n;
	n += peer_block(block + n, "x-large", value, NULL);
	block[at] = 0x40; /* keep it: 6.2.1 */
	peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, 1, block, n);
	memset(block + short_n, 0xbe, 7);
	for (uint32_t id = 3; id < 2 * HTTP2_STREAMS_MAX; id += 2)
		peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM, id, block,
			short_n + 7);
	peer_run(p);
	assert_true(p->server->memory.used < HTTP2_HEADS_MAX + 100000);
	for (uint32_t id = 1; id < 2 * HTTP2_STREAMS_MAX; id += 2) {
		struct peer_stream *r = peer_stream(p, id);
		refused += r->reset && r->reset_code == NGHTTP2_REFUSED_STREAM;
	}
	assert_true(p->n_calls >= 20 && p->n_calls + refused == HTTP2_STREAMS_MAX);
	assert_int_equal(p->n_goaway, 0);
	/* those that were taken are served, and then there is room again */
	for (unsigned i = 0, n_calls = p->n_calls; i < n_calls; i++)
		call_answer(&p->calls[i], 200, "x");
	peer_run(p);
	assert_int_equal(p->server->memory.used, 0);
	assert_int_equal(p->server->heads, 0);
	p->on_request = NULL;
	peer_get(p, 2 * HTTP2_STREAMS_MAX + 1, "/");
	peer_run(p);
	assert_int_equal(peer_stream(p, 2 * HTTP2_STREAMS_MAX + 1)->status, 200);
	peer_free(&p);
}

/* What the exchanges of a connection take together is bounded as well; who comes in such a moment
 * is refused. */
TEST(arenas_of_a_connection_are_bounded)
{
	struct peer *p = peer_of(begin_nothing);
	peer_client_start(p);
	for (uint32_t id = 1; id < 40; id += 2)
		peer_get(p, id, "/");
	peer_run(p);
	for (unsigned i = 0; i < 20; i++) {
		while (arena_alloc(&p->calls[i].c->arena, 4000))
			;
	}
	assert_true(p->server->memory.used <= HTTP2_ARENAS_FACTOR * HTTP2_HEADS_MAX);
	peer_get(p, 41, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 20);
	assert_true(peer_stream(p, 41)->reset &&
		peer_stream(p, 41)->reset_code == NGHTTP2_REFUSED_STREAM);
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	peer_get(p, 43, "/");
	peer_run(p);
	assert_int_equal(p->n_calls, 21);
	peer_free(&p);
}
