/* net/stream: connecting, deadlines, moving, shutting and closing from within. */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>

/* ---- connecting ---------------------------------------------------------------------------- */

static struct probe *probe_to(const struct addr *a)
{
	struct probe *p = probe_new();
	assert_int_equal(stream_connect(&p->s, &probe_worker, a, &transport_plain, NULL,
				 &probe_user, p),
		0);
	return p;
}

TEST(connect)
{
	struct addr a;
	char room[16];
	int l = probe_listen(&a, 4);
	struct probe *p = probe_to(&a);
	buf_append(&p->s.out, "early", 5); /* goes as soon as it can */
	stream_kick(&p->s);
	assert_int_equal(p->opened, 0);
	p->stop_on = HEARD_OPEN;
	assert_runs();
	assert_int_equal(p->opened, 1);
	int fd = accept(l, NULL, NULL);
	worker_turn(&probe_worker);
	assert_int_equal(recv(fd, room, sizeof(room), 0), 5);
	(void)close(fd);
	(void)close(l);
	probe_end(p);
}

TEST(connect_refused)
{
	struct addr a;
	(void)close(probe_listen(&a, 1));
	struct probe *p = probe_to(&a);
	p->stop_on = HEARD_FAIL;
	assert_runs();
	assert_int_equal(p->error, ECONNREFUSED);
	assert_int_equal(p->opened, 0);
	probe_end(p);

	/* not even begun */
	struct addr u = { .len = sizeof(u.un) };
	u.un.sun_family = AF_UNIX;
	(void)snprintf(u.un.sun_path, sizeof(u.un.sun_path), "/nowhere/at/all");
	p = probe_new();
	assert_int_equal(stream_connect(&p->s, &probe_worker, &u, &transport_plain, NULL,
				 &probe_user, p),
		-ENOENT);
	assert_true(p->s.flags & STREAM_CLOSED);
	stream_close(&p->s);
	free(p);
}

TEST(connect_timeout)
{
	struct addr a;
	int l = probe_listen(&a, 0), waiting[4];
	/* nobody accepts: the queue is full, and further ones hear nothing */
	for (int i = 0; i < 4; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], &a.sa, a.len);
	}
	struct probe *p = probe_to(&a);
	p->stop_on = HEARD_TIMEOUT;
	stream_deadline(&p->s, 30 * NS_PER_MS);
	assert_runs();
	assert_int_equal(p->opened + p->failed, 0);
	probe_end(p);
	for (int i = 0; i < 4; i++)
		(void)close(waiting[i]);
	(void)close(l);
}

TEST(deadline)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->stop_on = HEARD_TIMEOUT;
	uint64_t before = worker_now(&probe_worker);
	stream_deadline(&p->s, NS_PER_S);
	stream_deadline(&p->s, 40 * NS_PER_MS); /* the later call holds */
	assert_runs();
	assert_true(clock_ns() - before >= 40 * NS_PER_MS);
	stream_deadline(&p->s, 1);
	stream_no_deadline(&p->s);
	probe_pass(60);
	assert_int_equal(p->timed_out, 1);
	(void)close(fds[1]);
	probe_end(p);
}

/* ---- moving and shutting ------------------------------------------------------------------- */

/* Into another struct, with all that waits: bytes to read and to write, a deadline, what was
 * promised. */
TEST(move)
{
	char room[16];
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]), *q = probe_new();
	p->leave = true;
	p->stop_on = HEARD_READABLE;
	probe_say(fds[1], "before");
	assert_runs();
	buf_append(&p->s.out, "answer", 6);
	stream_tell_empty(&p->s);
	stream_deadline(&p->s, 50 * NS_PER_MS);
	probe_say(fds[1], " after");
	q->want = 12;
	assert_int_equal(stream_move(&q->s, &p->s, &probe_user, q), 0);
	assert_runs();
	assert_string_equal(q->first, "before after");
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 6);
	assert_int_equal(q->drained, 1);
	q->stop_on = HEARD_TIMEOUT;
	assert_runs();
	assert_int_equal(p->readable, 1); /* the old one hears nothing any more */
	assert_int_equal(p->drained + p->timed_out + p->failed, 0);
	stream_close(&p->s); /* and can be closed without harm */
	q->stop_on = 0;
	probe_say(fds[1], "more");
	q->want = 16;
	assert_runs();
	(void)close(fds[1]);
	probe_end(p);
	probe_end(q);
}

TEST(shut)
{
	char room[16];
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	buf_append(&p->s.out, "last", 4);
	stream_kick(&p->s);
	worker_turn(&probe_worker);
	stream_shut(&p->s);
	stream_shut(&p->s);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 4);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 0);
	probe_say(fds[1], "still here");
	p->want = 10;
	assert_runs();
	assert_string_equal(p->first, "still here");
	(void)close(fds[1]);
	probe_end(p);
}

/* ---- closing from within ------------------------------------------------------------------- */

/* What was sent must not pass for whole, nor what is still unsent follow it. */
TEST(close_by_reset)
{
	char room[16];
	int fds[2];
	probe_pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	probe_fill(p, 10);
	worker_turn(&probe_worker);
	stream_close_by_reset(&p->s);
	probe_end(p);
	probe_pass(5);
	ssize_t n = recv(fds[1], room, sizeof(room), 0);
	if (n == 10)
		n = recv(fds[1], room, sizeof(room), 0);
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
	(void)close(fds[1]);
}

TEST(close_in_callbacks)
{
	struct addr a;
	int l = probe_listen(&a, 8), fds[2];
	struct probe *p = probe_to(&a);
	p->close_on = p->stop_on = HEARD_OPEN;
	probe_fill(p, 10);
	assert_runs();
	probe_end(p);
	(void)close(l);

	for (int event = HEARD_READABLE; event <= HEARD_TIMEOUT; event++) {
		probe_pair(fds, false);
		p = probe_on(fds[0]);
		p->close_on = p->stop_on = event;
		if (event == HEARD_READABLE)
			probe_say(fds[1], "x");
		if (event == HEARD_DRAINED)
			stream_tell_empty(&p->s);
		if (event == HEARD_FAIL) {
			p->leave = true;
			(void)shutdown(fds[1], SHUT_RD);
			probe_fill(p, 10);
		}
		if (event == HEARD_TIMEOUT)
			stream_deadline(&p->s, 1);
		assert_runs();
		unsigned heard = p->readable + p->drained + p->failed + p->timed_out;
		stream_kick(&p->s); /* has no effect any more */
		stream_resume(&p->s);
		stream_linger(&p->s, probe_linger(NS_PER_S));
		worker_turn(&probe_worker);
		probe_pass(5);
		assert_int_equal(p->readable + p->drained + p->failed + p->timed_out, heard);
		probe_end(p);
		(void)close(fds[1]);
	}
}

/* One that closes another which the same turn was to flush, to read again and to tell of its
 * deadline. */
TEST(close_a_neighbour)
{
	int fds[2];
	probe_pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	probe_fill(p, 10);
	stream_resume(&p->s);
	stream_deadline(&p->s, 0);
	stream_close(&p->s);
	probe_pass(40);
	assert_int_equal(p->readable + p->drained + p->failed + p->timed_out, 0);
	probe_end(p);
	(void)close(fds[1]);
}

TEST_GROUP(probe_setup, probe_teardown);
