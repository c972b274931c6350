/* http2/client: requests that are gRPC calls. Their trailers are metadata; silence is allowed while
 * the connection lives. */
#include "peer_server.h"

#define END FRAME_END_STREAM

static struct probe *call_begin(struct peer *p)
{
	struct probe *v = probe_send(p, "POST", "/a.B/C", -2, "content-type", "application/grpc",
		"te", "trailers", NULL);
	peer_run(p);
	return v;
}

TEST(metadata)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = call_begin(p);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_headers(p, 1, END, "grpc-status", "0", "retry-after", "1", "location", "here",
		"authorization", "x", NULL);
	peer_run(p);
	assert_string_equal(v->trailers,
		"grpc-status: 0\nretry-after: 1\nlocation: here\nauthorization: x\n");
	/* still fields: these are none */
	v = call_begin(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_headers(p, 3, END, "grpc-status", "0", "Upper", "1", NULL);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	v = call_begin(p);
	peer_headers(p, 5, 0, ":status", "200", NULL);
	peer_headers(p, 5, END, "grpc-status", "0", ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	peer_free(&p);
}

/* A head that ends the response has no length that the server did not say. */
TEST(trailers_only)
{
	struct peer *p = peer_server_new();
	peer_server_start(p, 100);
	struct probe *v = call_begin(p);
	peer_headers(p, 1, END, ":status", "200", "content-type", "application/grpc", "grpc-status",
		"5", NULL);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->kind, BODY_NONE);
	assert_false(v->has_length);
	v = call_begin(p);
	peer_headers(p, 3, END, ":status", "200", "content-length", "0", "grpc-status", "5", NULL);
	peer_run(p);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_int_equal(v->length, 0);
	peer_free(&p);
}

/* Before the head, behind it, and while the client says nothing: the server is asked, and
 * answers. */
TEST(silence)
{
	struct peer *p = peer_server_new();
	p->takes_pings = true;
	p->conn_conf.response_ns = 300 * NS_PER_MS;
	p->conn_conf.ping_ns = 300 * NS_PER_MS;
	peer_server_start(p, 100);
	struct probe *waits = call_begin(p), *streams = call_begin(p), *asks = call_begin(p);
	probe_end(waits);
	probe_end(streams);
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	peer_wait(p, 1500);
	/* one PING for all, after each silence; how many depends on the machine */
	assert_in_range(p->n_pings, 2, 6);
	assert_int_equal(waits->failed + streams->failed + asks->failed, 0);
	peer_headers(p, 1, END, ":status", "200", "grpc-status", "0", NULL);
	peer_headers(p, 3, END, "grpc-status", "0", NULL);
	peer_headers(p, 5, END, ":status", "200", "grpc-status", "0", NULL);
	peer_run(p);
	assert_int_equal(waits->ended + streams->ended + asks->ended, 3);
	peer_free(&p);
}

/* A connection on which others are answered needs not be asked. */
TEST(others_answer)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 1 * NS_PER_S;
	p->conn_conf.ping_ns = 1 * NS_PER_S;
	peer_server_start(p, 100);
	struct probe *call = call_begin(p), *other = probe_get(p, "/");
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "200", NULL);
	for (int i = 0; i < 30; i++) { /* a PING would be one that nobody expects */
		peer_data(p, 3, ".", false);
		peer_wait(p, 50);
	}
	assert_int_equal(call->failed + other->failed, 0);
	peer_free(&p);
}

TEST(a_dead_connection)
{
	struct peer *p = peer_server_new();
	p->takes_pings = p->quiet = true;
	p->conn_conf.response_ns = 60 * NS_PER_MS;
	p->conn_conf.ping_ns = 60 * NS_PER_MS;
	peer_server_start(p, 100);
	struct probe *first = call_begin(p), *second = call_begin(p);
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_run(p);
	assert_true(peer_until(p, &first->failed, 5000));
	assert_true(peer_until(p, &second->failed, 5000));
	assert_int_equal(p->n_pings, 1);
	assert_int_equal(first->err, ERR_UPSTREAM_STALLED);
	assert_int_equal(second->err, ERR_UPSTREAM_TIMEOUT);
	assert_true(!p->conn || http2_conn_room(p->conn) == 0); /* nothing begins on it any more */
	peer_free(&p);
}

/* What is no call is timed as ever, next to one. */
TEST(other_requests)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 60 * NS_PER_MS;
	peer_server_start(p, 100);
	struct probe *call = call_begin(p), *other = probe_get(p, "/");
	assert_true(peer_until(p, &other->failed, 5000));
	assert_int_equal(other->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(call->failed, 0);
	peer_free(&p);
}
