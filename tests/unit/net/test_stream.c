/* net/stream: reading, writing, lingering, over real sockets, on a real loop. */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>

/* Over a unix socket, and over TCP. */
#define TEST_OVER_BOTH(name)               \
	static void name##_over(bool tcp); \
	TEST(name)                         \
	{                                  \
		name##_over(false);        \
	}                                  \
	TEST(name##_tcp)                   \
	{                                  \
		name##_over(true);         \
	}                                  \
	static void name##_over(bool tcp)

/* ---- reading ------------------------------------------------------------------------------- */

TEST_OVER_BOTH(short_read)
{
	int fds[2];
	probe_pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	assert_false(stream_may_read(&p->s)); /* its first event tells */
	assert_int_equal(stream_fill(&p->s), IO_AGAIN);
	probe_say(fds[1], "hello");
	p->want = 5;
	assert_runs();
	assert_string_equal(p->first, "hello");
	assert_false(stream_may_read(&p->s));
	unsigned before = p->readable;
	probe_pass(20); /* nothing comes without bytes */
	assert_int_equal(p->readable, before);
	probe_say(fds[1], "again");
	p->want = 10;
	assert_runs();
	assert_int_equal(p->s.bytes_in, 10);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(full_read)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	/* fills the first read to the last byte: the socket may have more */
	probe_say_n(fds[1], STREAM_READ_MIN);
	p->want = STREAM_READ_MIN;
	assert_runs();
	assert_int_equal(p->got, STREAM_READ_MIN);
	assert_false(stream_may_read(&p->s)); /* the second read found that it has not */
	(void)close(fds[1]);
	assert_runs();
	assert_true(p->eof);
	probe_end(p);
}

TEST(reads_grow)
{
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	int room = 1 << 20;
	(void)setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (int i = 0; i < 6; i++) {
		probe_say_n(fds[1], 400 * 1024);
		p->want = (size_t)(i + 1) * 400 * 1024;
		assert_runs();
	}
	assert_int_equal(p->most, STREAM_READ_MAX);
	/* and shrink, so that small requests do not cost large reads */
	for (int i = 0; i < 8; i++) {
		probe_say(fds[1], "x");
		p->want = p->got + 1;
		assert_runs();
	}
	assert_int_equal(p->s.read_growth, 0);
	(void)close(fds[1]);
	probe_end(p);
}

TEST_OVER_BOTH(end_with_the_last_bytes)
{
	int fds[2];
	probe_pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	probe_say(fds[1], "bye");
	(void)close(fds[1]);
	assert_runs();
	assert_string_equal(p->first, "bye");
	assert_true(p->eof);
	assert_int_equal(stream_fill(&p->s), IO_EOF); /* says so as often as asked */
	assert_int_equal(p->failed, 0);
	probe_end(p);
}

TEST(half_closed)
{
	char room[16];
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	probe_say(fds[1], "question");
	assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
	assert_runs();
	assert_true(p->eof);
	buf_append(&p->s.out, "answer", 6); /* the other direction still works */
	stream_kick(&p->s);
	worker_turn(&probe_worker);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 6);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(reset)
{
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	probe_pass(5);
	probe_reset(fds[1]);
	assert_runs();
	assert_true(p->io_failed);
	assert_int_equal(p->failed, 0); /* who read it knows */
	assert_true(stream_is_broken(&p->s));
	probe_end(p);
}

/* Bytes and the reset behind them are told by one event, which does not say so. */
TEST_OVER_BOTH(reset_behind_bytes)
{
	int fds[2];
	probe_pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	p->awaits = true;
	buf_append(&p->s.out, "unread", 6);
	stream_kick(&p->s);
	worker_turn(&probe_worker);
	probe_say(fds[1], "last words");
	if (tcp)
		probe_reset(fds[1]);
	else
		(void)close(fds[1]); /* what it did not read makes this one a reset */
	assert_runs();
	assert_string_equal(p->first, "last words");
	assert_true(p->io_failed || p->eof);
	probe_end(p);
}

TEST(resume)
{
	int a[2], b[2];
	probe_pair(a, true);
	probe_pair(b, true);
	struct probe *p = probe_on(a[0]), *q = probe_on(b[0]);
	p->one_fill = q->one_fill = true;
	probe_say_n(a[1], 300 * 1024);
	probe_say_n(b[1], 20 * 1024);
	q->want = 20 * 1024;
	assert_runs();
	/* the greedy one had no more turns than its neighbour, and a few while its bytes were on
	 * the way */
	assert_in_range(p->readable, 1, q->readable + 3);
	p->want = 300 * 1024;
	assert_runs();
	assert_int_equal(p->got, 300 * 1024);
	(void)close(a[1]);
	(void)close(b[1]);
	probe_end(p);
	probe_end(q);
}

/* A turn takes its share, and puts the rest off to the end of the loop's turn. */
TEST(turn_has_an_end)
{
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	struct read_turn turn = stream_turn(&p->s);
	assert_false(stream_turn_goes_on(&p->s, &turn, false)); /* nothing came */
	assert_true(stream_turn_goes_on(&p->s, &turn, true));   /* but is due: asked once */
	assert_int_equal(stream_fill(&p->s), IO_AGAIN);
	assert_false(stream_turn_goes_on(&p->s, &turn, true));
	probe_say(fds[1], "bytes");
	p->s.flags |= STREAM_RD;
	p->s.bytes_in += STREAM_READ_SHARE;
	assert_true(stream_turn_goes_on(&p->s, &turn, false));
	p->s.bytes_in++;
	assert_false(stream_turn_goes_on(&p->s, &turn, false));
	assert_int_equal(p->readable, 0);
	p->want = 5;
	assert_runs();
	assert_int_equal(p->got, 5);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(bytes_left_behind)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->leave = true;
	p->stop_on = HEARD_READABLE;
	probe_say(fds[1], "wait");
	assert_runs();
	p->stop_on = 0;
	probe_pass(20); /* the edge is used up */
	assert_int_equal(p->readable, 1);
	assert_true(stream_may_read(&p->s));
	p->leave = false;
	p->want = 4;
	stream_resume(&p->s);
	stream_resume(&p->s);
	assert_runs();
	assert_string_equal(p->first, "wait");
	(void)close(fds[1]);
	probe_end(p);
}

/* ---- writing ------------------------------------------------------------------------------- */

TEST(flush_at_the_end_of_a_callback)
{
	char room[16];
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	buf_append(&p->s.out, "one", 3);
	stream_kick(&p->s);
	buf_append(&p->s.out, "two", 3);
	stream_kick(&p->s);
	/* not within the call */
	assert_int_equal(recv(fds[1], room, sizeof(room), MSG_DONTWAIT), -1);
	worker_turn(&probe_worker);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 6); /* and in one write */
	assert_int_equal(p->s.bytes_out, 6);
	assert_null(p->s.out.first);
	(void)close(fds[1]);
	probe_end(p);
}

struct reader {
	pthread_t thread;
	int fd;
	size_t got;
};

static void *reader_run(void *arg)
{
	struct reader *r = arg;
	r->got = probe_hear_all(r->fd);
	return NULL;
}

TEST(full_and_drained)
{
	struct reader r = { 0 };
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	probe_fill(p, STREAM_OUT_HIGH - 1);
	assert_false(stream_wrote(&p->s));
	assert_false(stream_is_full(&p->s));
	probe_fill(p, BIG);
	assert_false(stream_is_full(&p->s)); /* asking changes nothing */
	assert_true(stream_wrote(&p->s));
	assert_true(stream_is_full(&p->s));
	worker_turn(&probe_worker);
	assert_int_equal(p->drained, 0);
	assert_true(p->s.out.len > STREAM_OUT_LOW);
	r.fd = fds[1];
	assert_int_equal(pthread_create(&r.thread, NULL, reader_run, &r), 0);
	p->stop_on = HEARD_DRAINED;
	assert_runs();
	assert_true(p->s.out.len <= STREAM_OUT_LOW);
	assert_int_equal(p->drained, 1); /* once for each time it was full */
	stream_tell_empty(&p->s);
	if (p->s.out.len)
		assert_runs();
	else
		worker_turn(&probe_worker);
	assert_int_equal(p->s.out.len, 0);
	assert_int_equal(p->drained, 2);
	probe_end(p);
	assert_int_equal(pthread_join(r.thread, NULL), 0);
	assert_int_equal(r.got, STREAM_OUT_HIGH - 1 + BIG);
	(void)close(fds[1]);
}

TEST(tell_empty)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	stream_tell_empty(&p->s);
	assert_int_equal(p->drained, 0); /* never within the call */
	worker_turn(&probe_worker);
	assert_int_equal(p->drained, 1);
	worker_turn(&probe_worker);
	assert_int_equal(p->drained, 1);
	probe_fill(p, 10);
	stream_tell_empty(&p->s);
	worker_turn(&probe_worker);
	assert_int_equal(p->drained, 2);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(write_to_nobody)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->leave = true;
	(void)close(fds[1]);
	probe_fill(p, 10);
	assert_int_equal(p->failed, 0);
	worker_turn(&probe_worker);
	assert_int_equal(p->failed, 1);
	assert_int_equal(p->error, EPIPE);
	probe_fill(p, 10);
	worker_turn(&probe_worker);
	assert_int_equal(p->failed, 1); /* only once */
	probe_end(p);
}

/* ---- lingering ----------------------------------------------------------------------------- */

TEST_OVER_BOTH(linger)
{
	struct reader r = { 0 };
	int fds[2];
	probe_pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	probe_say(fds[1], "never read");
	probe_fill(p, BIG);
	stream_linger(&p->s, probe_linger(10 * NS_PER_S));
	stream_linger(&p->s, probe_linger(1)); /* it goes on as it began */
	p->stop_on = HEARD_FAIL;
	r.fd = fds[1];
	assert_int_equal(pthread_create(&r.thread, NULL, reader_run, &r), 0);
	probe_pass(50);
	assert_int_equal(pthread_join(r.thread, NULL), 0); /* it read everything, then our end */
	assert_int_equal(r.got, BIG);
	assert_int_equal(p->failed, 0); /* the other side may still be talking */
	probe_say(fds[1], "talk");
	probe_pass(20);
	assert_int_equal(p->failed, 0);
	(void)close(fds[1]);
	assert_runs();
	assert_int_equal(p->failed, 1);
	assert_int_equal(p->error, 0);
	assert_int_equal(p->readable + p->drained, 0);
	probe_end(p);
}

TEST(linger_has_an_end)
{
	int fds[2];
	for (int flood = 0; flood < 2; flood++) {
		probe_pair(fds, true);
		struct probe *p = probe_on(fds[0]);
		probe_fill(p, flood ? 10 : BIG); /* nobody reads it; or it is gone at once */
		if (flood)
			probe_say_n(fds[1], 500 * 1024);
		uint64_t before = worker_now(&probe_worker);
		stream_linger(&p->s, probe_linger(30 * NS_PER_MS));
		p->stop_on = HEARD_FAIL;
		assert_runs();
		assert_true(clock_ns() - before >= 30 * NS_PER_MS);
		assert_int_equal(p->error, 0);
		(void)close(fds[1]);
		probe_end(p);
	}
}

TEST(linger_after_the_end)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	(void)close(fds[1]);
	assert_runs();
	assert_true(p->eof);
	stream_linger(&p->s, probe_linger(10 * NS_PER_S));
	p->stop_on = HEARD_FAIL;
	assert_runs(); /* nobody to wait for */
	probe_end(p);
}

TEST_GROUP(probe_setup, probe_teardown);
