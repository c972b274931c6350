/* http2/server_due: gRPC calls of clients. Silence is allowed while the connection lives; other
 * requests are timed as ever. */
#include "peer_client.h"

/* What the exchange does with a call. */
static void begin_call(struct call *call)
{
	call->c->head->call = strstr(call->fields, "content-type: application/grpc\n") != NULL;
	call->c->ops->resume(call->c);
}

static struct peer *peer_of(void (*on_request)(struct call *call))
{
	struct peer *p = peer_client_new();
	p->on_request = on_request;
	p->conf.body_ns = 300 * NS_PER_MS;
	peer_client_start(p);
	return p;
}

static void peer_call(struct peer *p, uint32_t stream)
{
	peer_headers(p, stream, 0, ":method", "POST", ":scheme", "http", ":authority", "h", ":path",
		"/a.B/C", "content-type", "application/grpc", NULL);
	peer_run(p);
}

TEST(silence)
{
	struct peer *p = peer_of(begin_call);
	peer_call(p, 1);
	peer_post(p, 3, "/");
	peer_wait(p, 1200);
	assert_int_equal(p->calls[0].gone, 0);
	assert_int_equal(p->calls[1].gone, 1);
	assert_int_equal(p->calls[1].gone_err, ERR_BODY_TIMEOUT);
	peer_data(p, 1, "late", true);
	peer_run(p);
	assert_string_equal(p->calls[0].body, "late");
	call_answer(&p->calls[0], 200, "x");
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

TEST(a_dead_client)
{
	struct peer *p = peer_of(begin_call);
	p->quiet = true;
	peer_call(p, 1);
	peer_wait(p, 1500);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_BODY_TIMEOUT);
	assert_true(p->calls[0].can_answer);
	peer_free(&p);
}

/* Its request was complete: nothing is waited for but the server, perhaps for hours. */
TEST(a_client_that_died)
{
	struct peer *p = peer_of(begin_call);
	for (uint32_t id = 1; id <= 3; id += 2) {
		peer_call(p, id);
		peer_data(p, id, "ask", true);
	}
	peer_run(p);
	call_head(&p->calls[1], 200, -1);
	(void)call_push(&p->calls[1], 100);
	peer_wait(p, 1500);
	assert_int_equal(p->calls[0].gone + p->calls[1].gone, 0);
	p->quiet = true;
	peer_wait(p, 1500);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->calls[i].gone, 1);
		assert_int_equal(p->calls[i].gone_err, ERR_CLIENT_STALLED);
		assert_false(p->calls[i].can_answer);
	}
	peer_free(&p);
}

/* A client that takes nothing for a while, but is there; and one that is not. */
TEST(a_slow_reader)
{
	struct peer *p = peer_of(begin_call);
	p->no_updates = true;
	peer_call(p, 1);
	peer_data(p, 1, "", true);
	peer_run(p);
	call_head(&p->calls[0], 200, -1);
	(void)call_push(&p->calls[0], 100000);
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_wait(p, 1200);
	assert_int_equal(p->calls[0].gone, 0);
	p->quiet = true;
	peer_wait(p, 1500);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_STALLED);
	peer_free(&p);
}

/* An answer to that PING says nothing about the GOAWAY: requests may still be on their way. */
TEST(drain)
{
	struct peer *p = peer_of(begin_call);
	p->quiet = true;
	p->conf.body_ns = 100 * NS_PER_MS;
	peer_call(p, 1);
	peer_wait(p, 150); /* asked */
	http2_server_drain(p->server, 5 * NS_PER_S);
	peer_run(p);
	assert_int_equal(p->n_goaway, 1);
	peer_frame(p, FRAME_PING, FRAME_ACK, 0, "alive?\0\0", 8);
	peer_get(p, 3, "/");
	peer_run(p);
	assert_int_equal(p->n_goaway, 1);
	assert_int_equal(p->n_calls, 2);
	peer_frame(p, FRAME_PING, FRAME_ACK, 0, "\0\0\0\0\0\0\0\0", 8);
	peer_run(p);
	assert_int_equal(p->n_goaway, 2);
	assert_int_equal(p->goaway_last, 3);
	peer_free(&p);
}

/* The length of nothing is said where it was said. */
TEST(lengths)
{
	struct peer *p = peer_of(begin_call);
	for (unsigned i = 0; i < 3; i++) {
		peer_call(p, 2 * i + 1);
		peer_data(p, 2 * i + 1, "", true);
		peer_run(p);
		struct response_head h = { .status = 200,
			.body = i == 2 ? BODY_LENGTH : BODY_NONE,
			.has_length = i == 1 };
		struct client *c = p->calls[i].c;
		c->ops->head(c, &h);
		c->ops->end(c, NULL);
		peer_run(p);
		assert_true(peer_stream(p, 2 * i + 1)->ended);
		assert_string_equal(peer_stream(p, 2 * i + 1)->fields,
			i == 0 ? "" : "content-length: 0\n");
	}
	peer_free(&p);
}
