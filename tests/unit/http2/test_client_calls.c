/* http2/client: requests that are gRPC calls. Their trailers are metadata; silence is allowed while
 * the connection lives. */
#include "far.h"

#define END FRAME_END_STREAM

static struct way *call_begin(struct far *f)
{
	struct way *v = way_send(f, "POST", "/a.B/C", -2, "content-type", "application/grpc", "te",
		"trailers", NULL);
	far_run(f);
	return v;
}

TEST(metadata)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = call_begin(f);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_headers(f, 1, END, "grpc-status", "0", "retry-after", "1", "location", "here",
		"authorization", "x", NULL);
	far_run(f);
	assert_string_equal(v->trailers,
		"grpc-status: 0\nretry-after: 1\nlocation: here\nauthorization: x\n");
	/* still fields: these are none */
	v = call_begin(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_headers(f, 3, END, "grpc-status", "0", "Upper", "1", NULL);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	v = call_begin(f);
	far_headers(f, 5, 0, ":status", "200", NULL);
	far_headers(f, 5, END, "grpc-status", "0", ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	far_free(&f);
}

/* A head that ends the response has no length that the server did not say. */
TEST(trailers_only)
{
	struct far *f = far_new();
	far_start(f, 100);
	struct way *v = call_begin(f);
	far_headers(f, 1, END, ":status", "200", "content-type", "application/grpc", "grpc-status",
		"5", NULL);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->kind, BODY_NONE);
	assert_false(v->has_length);
	v = call_begin(f);
	far_headers(f, 3, END, ":status", "200", "content-length", "0", "grpc-status", "5", NULL);
	far_run(f);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_int_equal(v->length, 0);
	far_free(&f);
}

/* Before the head, behind it, and while the client says nothing: the server is asked, and
 * answers. */
TEST(silence)
{
	struct far *f = far_new();
	f->takes_pings = true;
	f->conf.response_ns = 300 * NS_PER_MS;
	f->conf.ping_ns = 300 * NS_PER_MS;
	far_start(f, 100);
	struct way *waits = call_begin(f), *streams = call_begin(f), *asks = call_begin(f);
	way_end(waits);
	way_end(streams);
	far_run(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	far_wait(f, 1500);
	/* one PING for all, after each silence; how many depends on the machine */
	assert_in_range(f->n_pings, 2, 6);
	assert_int_equal(waits->failed + streams->failed + asks->failed, 0);
	far_headers(f, 1, END, ":status", "200", "grpc-status", "0", NULL);
	far_headers(f, 3, END, "grpc-status", "0", NULL);
	far_headers(f, 5, END, ":status", "200", "grpc-status", "0", NULL);
	far_run(f);
	assert_int_equal(waits->ended + streams->ended + asks->ended, 3);
	far_free(&f);
}

/* A connection on which others are answered needs not be asked. */
TEST(others_answer)
{
	struct far *f = far_new();
	f->conf.response_ns = 1 * NS_PER_S;
	f->conf.ping_ns = 1 * NS_PER_S;
	far_start(f, 100);
	struct way *call = call_begin(f), *other = way_get(f, "/");
	far_run(f);
	far_headers(f, 3, 0, ":status", "200", NULL);
	for (int i = 0; i < 30; i++) { /* a PING would be one that nobody expects */
		far_data(f, 3, ".", false);
		far_wait(f, 50);
	}
	assert_int_equal(call->failed + other->failed, 0);
	far_free(&f);
}

TEST(a_dead_connection)
{
	struct far *f = far_new();
	f->takes_pings = f->quiet = true;
	f->conf.response_ns = 60 * NS_PER_MS;
	f->conf.ping_ns = 60 * NS_PER_MS;
	far_start(f, 100);
	struct way *first = call_begin(f), *second = call_begin(f);
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_run(f);
	assert_true(far_until(f, &first->failed, 5000));
	assert_true(far_until(f, &second->failed, 5000));
	assert_int_equal(f->n_pings, 1);
	assert_int_equal(first->err, ERR_UPSTREAM_STALLED);
	assert_int_equal(second->err, ERR_UPSTREAM_TIMEOUT);
	assert_true(!f->conn || http2_conn_room(f->conn) == 0); /* nothing begins on it any more */
	far_free(&f);
}

/* What is no call is timed as ever, next to one. */
TEST(other_requests)
{
	struct far *f = far_new();
	f->conf.response_ns = 60 * NS_PER_MS;
	far_start(f, 100);
	struct way *call = call_begin(f), *other = way_get(f, "/");
	assert_true(far_until(f, &other->failed, 5000));
	assert_int_equal(other->err, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(call->failed, 0);
	far_free(&f);
}
