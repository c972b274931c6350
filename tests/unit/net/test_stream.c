/* net/stream: over real sockets, on a real loop. */
#include "net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

/* Lingering that is bounded by time alone. The second of two calls does not change the first. */
static const struct lingering *linger_for(uint64_t ns)
{
	static struct lingering v[8];
	static unsigned n;
	struct lingering *l = &v[n++ % 8];
	*l = (struct lingering){ .silence_ns = ns, .total_ns = ns, .bytes = UINT64_MAX / 2 };
	return l;
}

enum { LIMIT_MS = 5000, BIG = 3 * 1024 * 1024 };

static struct worker worker;
static struct timer limit;
static bool limit_passed;

static void on_limit(struct timer *t)
{
	(void)t;
	limit_passed = true;
	worker_stop(&worker);
}

/* Run the loop until somebody says stop(). False: nobody did in time. */
static bool run_for(unsigned ms)
{
	worker.clock_is_fresh = false;
	limit_passed = false;
	atomic_store(&worker.stop, false);
	worker_timer(&worker, &limit, ms * NS_PER_MS);
	worker_run(&worker);
	timer_stop(&limit);
	return !limit_passed;
}

static void stop(void)
{
	worker_stop(&worker);
}

static void pass(unsigned ms)
{
	assert_false(run_for(ms));
}

#define assert_runs() assert_true(run_for(LIMIT_MS))

/* ---- a stream, and what happens to it ------------------------------------------------------ */

enum heard { HEARD_OPEN = 1, HEARD_READABLE, HEARD_DRAINED, HEARD_FAIL, HEARD_TIMEOUT };

struct probe {
	struct stream s;
	struct grave grave;
	unsigned opened, readable, drained, failed, timed_out;
	int error;
	bool eof, io_failed;
	size_t got;    /* bytes read and thrown away */
	size_t most;   /* in one fill */
	int stop_on;   /* enum heard: end the loop */
	int close_on;  /* close the stream from within */
	bool leave;    /* on_readable does not read */
	bool one_fill; /* reads once, then resumes */
	bool awaits;   /* more is due: asks the socket once more */
	size_t want;   /* stop when that much was read */
	char first[64];
};

static void probe_free(struct grave *g)
{
	free(container_of(g, struct probe, grave));
}

static bool probe_saw(struct probe *p, int event)
{
	if (p->stop_on == event)
		stop();
	if (p->close_on != event)
		return false;
	stream_close(&p->s);
	return true;
}

static void on_open(struct stream *s)
{
	struct probe *p = s->data;
	p->opened++;
	(void)probe_saw(p, HEARD_OPEN);
}

static void probe_take(struct probe *p)
{
	sluice_str run = buf_peek(&p->s.in);
	if (p->got == 0)
		memcpy(p->first, run.data,
			run.len < sizeof(p->first) - 1 ? run.len : sizeof(p->first) - 1);
	if (p->s.in.len > p->most)
		p->most = p->s.in.len;
	p->got += p->s.in.len;
	buf_drain(&p->s.in, p->s.in.len);
}

static void on_readable(struct stream *s)
{
	struct probe *p = s->data;
	p->readable++;
	if (probe_saw(p, HEARD_READABLE) || p->leave)
		return;
	struct read_turn turn = stream_turn(s);
	enum io io;
	while ((io = stream_read(s, &turn, p->awaits)) == IO_OK) {
		probe_take(p);
		if (p->one_fill) {
			stream_resume(s);
			break;
		}
	}
	p->eof |= io == IO_EOF;
	p->io_failed |= io == IO_FAIL;
	if (io == IO_EOF || io == IO_FAIL || (p->want && p->got >= p->want))
		stop();
}

static void on_drained(struct stream *s)
{
	struct probe *p = s->data;
	p->drained++;
	(void)probe_saw(p, HEARD_DRAINED);
}

static void on_fail(struct stream *s, int error)
{
	struct probe *p = s->data;
	p->failed++;
	p->error = error;
	(void)probe_saw(p, HEARD_FAIL);
}

static void on_timeout(struct stream *s)
{
	struct probe *p = s->data;
	p->timed_out++;
	(void)probe_saw(p, HEARD_TIMEOUT);
}

static const struct stream_user user = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_fail = on_fail,
	.on_timeout = on_timeout,
};

static struct probe *probe_new(void)
{
	struct probe *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	return p;
}

static struct probe *probe_on(int fd)
{
	struct probe *p = probe_new();
	assert_int_equal(stream_init(&p->s, &worker, fd, &transport_plain, NULL, &user, p), 0);
	return p;
}

static void probe_end(struct probe *p)
{
	stream_close(&p->s);
	stream_close(&p->s);
	assert_int_equal(p->s.fd, -1);
	worker_bury(&worker, &p->grave, probe_free);
	worker_turn(&worker);
}

/* ---- sockets ------------------------------------------------------------------------------- */

static int listen_any(struct addr *a, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	memset(a, 0, sizeof(*a));
	a->in.sin_family = AF_INET;
	a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->len = sizeof(a->in);
	assert_int_equal(bind(fd, &a->sa, a->len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, &a->sa, &a->len), 0);
	return fd;
}

/* fds[0]: for a stream, non-blocking; fds[1]: the test's own, blocking. */
static void pair(int fds[2], bool tcp)
{
	if (!tcp) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	} else {
		struct addr a;
		int l = listen_any(&a, 4);
		fds[1] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[1], &a.sa, a.len), 0);
		fds[0] = accept(l, NULL, NULL);
		assert_true(fds[0] >= 0);
		(void)close(l);
	}
	assert_int_equal(evutil_make_socket_nonblocking(fds[0]), 0);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void say_n(int fd, size_t n)
{
	static char zeros[64 * 1024];
	while (n) {
		size_t take = n < sizeof(zeros) ? n : sizeof(zeros);
		ssize_t sent = send(fd, zeros, take, 0);
		assert_true(sent > 0);
		n -= (size_t)sent;
	}
}

static void reset(int fd)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	(void)close(fd);
}

static size_t hear_all(int fd) /* until the end */
{
	char room[65536];
	size_t total = 0;
	for (;;) {
		ssize_t n = recv(fd, room, sizeof(room), 0);
		if (n <= 0)
			return total;
		total += (size_t)n;
	}
}

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
	pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	assert_false(stream_may_read(&p->s)); /* its first event tells */
	assert_int_equal(stream_fill(&p->s), IO_AGAIN);
	say(fds[1], "hello");
	p->want = 5;
	assert_runs();
	assert_string_equal(p->first, "hello");
	assert_false(stream_may_read(&p->s));
	unsigned before = p->readable;
	pass(20); /* nothing comes without bytes */
	assert_int_equal(p->readable, before);
	say(fds[1], "again");
	p->want = 10;
	assert_runs();
	assert_int_equal(p->s.bytes_in, 10);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(full_read)
{
	int fds[2];
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	/* fills the first read to the last byte: the socket may have more */
	say_n(fds[1], STREAM_READ_MIN);
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	int room = 1 << 20;
	(void)setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (int i = 0; i < 6; i++) {
		say_n(fds[1], 400 * 1024);
		p->want = (size_t)(i + 1) * 400 * 1024;
		assert_runs();
	}
	assert_int_equal(p->most, STREAM_READ_MAX);
	/* and shrink, so that small requests do not cost large reads */
	for (int i = 0; i < 8; i++) {
		say(fds[1], "x");
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
	pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	say(fds[1], "bye");
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	say(fds[1], "question");
	assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
	assert_runs();
	assert_true(p->eof);
	buf_append(&p->s.out, "answer", 6); /* the other direction still works */
	stream_kick(&p->s);
	worker_turn(&worker);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 6);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(reset)
{
	int fds[2];
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	pass(5);
	reset(fds[1]);
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
	pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	p->awaits = true;
	buf_append(&p->s.out, "unread", 6);
	stream_kick(&p->s);
	worker_turn(&worker);
	say(fds[1], "last words");
	if (tcp)
		reset(fds[1]);
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
	pair(a, true);
	pair(b, true);
	struct probe *p = probe_on(a[0]), *q = probe_on(b[0]);
	p->one_fill = q->one_fill = true;
	say_n(a[1], 300 * 1024);
	say_n(b[1], 20 * 1024);
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	struct read_turn turn = stream_turn(&p->s);
	assert_false(stream_turn_goes_on(&p->s, &turn, false)); /* nothing came */
	assert_true(stream_turn_goes_on(&p->s, &turn, true));   /* but is due: asked once */
	assert_int_equal(stream_fill(&p->s), IO_AGAIN);
	assert_false(stream_turn_goes_on(&p->s, &turn, true));
	say(fds[1], "bytes");
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
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->leave = true;
	p->stop_on = HEARD_READABLE;
	say(fds[1], "wait");
	assert_runs();
	p->stop_on = 0;
	pass(20); /* the edge is used up */
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

static void fill_out(struct probe *p, size_t n)
{
	static char zeros[65536];
	while (n) {
		size_t take = n < sizeof(zeros) ? n : sizeof(zeros);
		buf_append(&p->s.out, zeros, take);
		n -= take;
	}
	stream_kick(&p->s);
}

TEST(flush_at_the_end_of_a_callback)
{
	char room[16];
	int fds[2];
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	buf_append(&p->s.out, "one", 3);
	stream_kick(&p->s);
	buf_append(&p->s.out, "two", 3);
	stream_kick(&p->s);
	/* not within the call */
	assert_int_equal(recv(fds[1], room, sizeof(room), MSG_DONTWAIT), -1);
	worker_turn(&worker);
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
	r->got = hear_all(r->fd);
	return NULL;
}

TEST(full_and_drained)
{
	struct reader r = { 0 };
	int fds[2];
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	fill_out(p, STREAM_OUT_HIGH - 1);
	assert_false(stream_wrote(&p->s));
	assert_false(stream_is_full(&p->s));
	fill_out(p, BIG);
	assert_false(stream_is_full(&p->s)); /* asking changes nothing */
	assert_true(stream_wrote(&p->s));
	assert_true(stream_is_full(&p->s));
	worker_turn(&worker);
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
		worker_turn(&worker);
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
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	stream_tell_empty(&p->s);
	assert_int_equal(p->drained, 0); /* never within the call */
	worker_turn(&worker);
	assert_int_equal(p->drained, 1);
	worker_turn(&worker);
	assert_int_equal(p->drained, 1);
	fill_out(p, 10);
	stream_tell_empty(&p->s);
	worker_turn(&worker);
	assert_int_equal(p->drained, 2);
	(void)close(fds[1]);
	probe_end(p);
}

TEST(write_to_nobody)
{
	int fds[2];
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->leave = true;
	(void)close(fds[1]);
	fill_out(p, 10);
	assert_int_equal(p->failed, 0);
	worker_turn(&worker);
	assert_int_equal(p->failed, 1);
	assert_int_equal(p->error, EPIPE);
	fill_out(p, 10);
	worker_turn(&worker);
	assert_int_equal(p->failed, 1); /* only once */
	probe_end(p);
}

/* ---- lingering ----------------------------------------------------------------------------- */

TEST_OVER_BOTH(linger)
{
	struct reader r = { 0 };
	int fds[2];
	pair(fds, tcp);
	struct probe *p = probe_on(fds[0]);
	say(fds[1], "never read");
	fill_out(p, BIG);
	stream_linger(&p->s, linger_for(10 * NS_PER_S));
	stream_linger(&p->s, linger_for(1)); /* it goes on as it began */
	p->stop_on = HEARD_FAIL;
	r.fd = fds[1];
	assert_int_equal(pthread_create(&r.thread, NULL, reader_run, &r), 0);
	pass(50);
	assert_int_equal(pthread_join(r.thread, NULL), 0); /* it read everything, then our end */
	assert_int_equal(r.got, BIG);
	assert_int_equal(p->failed, 0); /* the other side may still be talking */
	say(fds[1], "talk");
	pass(20);
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
		pair(fds, true);
		struct probe *p = probe_on(fds[0]);
		fill_out(p, flood ? 10 : BIG); /* nobody reads it; or it is gone at once */
		if (flood)
			say_n(fds[1], 500 * 1024);
		uint64_t before = worker_now(&worker);
		stream_linger(&p->s, linger_for(30 * NS_PER_MS));
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
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	(void)close(fds[1]);
	assert_runs();
	assert_true(p->eof);
	stream_linger(&p->s, linger_for(10 * NS_PER_S));
	p->stop_on = HEARD_FAIL;
	assert_runs(); /* nobody to wait for */
	probe_end(p);
}

/* ---- connecting ---------------------------------------------------------------------------- */

static struct probe *probe_to(const struct addr *a)
{
	struct probe *p = probe_new();
	assert_int_equal(stream_connect(&p->s, &worker, a, &transport_plain, NULL, &user, p), 0);
	return p;
}

TEST(connect)
{
	struct addr a;
	char room[16];
	int l = listen_any(&a, 4);
	struct probe *p = probe_to(&a);
	buf_append(&p->s.out, "early", 5); /* goes as soon as it can */
	stream_kick(&p->s);
	assert_int_equal(p->opened, 0);
	p->stop_on = HEARD_OPEN;
	assert_runs();
	assert_int_equal(p->opened, 1);
	int fd = accept(l, NULL, NULL);
	worker_turn(&worker);
	assert_int_equal(recv(fd, room, sizeof(room), 0), 5);
	(void)close(fd);
	(void)close(l);
	probe_end(p);
}

TEST(connect_refused)
{
	struct addr a;
	(void)close(listen_any(&a, 1));
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
	assert_int_equal(stream_connect(&p->s, &worker, &u, &transport_plain, NULL, &user, p),
		-ENOENT);
	assert_true(p->s.flags & STREAM_CLOSED);
	stream_close(&p->s);
	free(p);
}

TEST(connect_timeout)
{
	struct addr a;
	int l = listen_any(&a, 0), waiting[4];
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
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	p->stop_on = HEARD_TIMEOUT;
	uint64_t before = worker_now(&worker);
	stream_deadline(&p->s, NS_PER_S);
	stream_deadline(&p->s, 40 * NS_PER_MS); /* the later call holds */
	assert_runs();
	assert_true(clock_ns() - before >= 40 * NS_PER_MS);
	stream_deadline(&p->s, 1);
	stream_no_deadline(&p->s);
	pass(60);
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]), *q = probe_new();
	p->leave = true;
	p->stop_on = HEARD_READABLE;
	say(fds[1], "before");
	assert_runs();
	buf_append(&p->s.out, "answer", 6);
	stream_tell_empty(&p->s);
	stream_deadline(&p->s, 50 * NS_PER_MS);
	say(fds[1], " after");
	q->want = 12;
	assert_int_equal(stream_move(&q->s, &p->s, &user, q), 0);
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
	say(fds[1], "more");
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	buf_append(&p->s.out, "last", 4);
	stream_kick(&p->s);
	worker_turn(&worker);
	stream_shut(&p->s);
	stream_shut(&p->s);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 4);
	assert_int_equal(recv(fds[1], room, sizeof(room), 0), 0);
	say(fds[1], "still here");
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
	pair(fds, true);
	struct probe *p = probe_on(fds[0]);
	fill_out(p, 10);
	worker_turn(&worker);
	stream_close_by_reset(&p->s);
	probe_end(p);
	pass(5);
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
	int l = listen_any(&a, 8), fds[2];
	struct probe *p = probe_to(&a);
	p->close_on = p->stop_on = HEARD_OPEN;
	fill_out(p, 10);
	assert_runs();
	probe_end(p);
	(void)close(l);

	for (int event = HEARD_READABLE; event <= HEARD_TIMEOUT; event++) {
		pair(fds, false);
		p = probe_on(fds[0]);
		p->close_on = p->stop_on = event;
		if (event == HEARD_READABLE)
			say(fds[1], "x");
		if (event == HEARD_DRAINED)
			stream_tell_empty(&p->s);
		if (event == HEARD_FAIL) {
			p->leave = true;
			(void)shutdown(fds[1], SHUT_RD);
			fill_out(p, 10);
		}
		if (event == HEARD_TIMEOUT)
			stream_deadline(&p->s, 1);
		assert_runs();
		unsigned heard = p->readable + p->drained + p->failed + p->timed_out;
		stream_kick(&p->s); /* has no effect any more */
		stream_resume(&p->s);
		stream_linger(&p->s, linger_for(NS_PER_S));
		worker_turn(&worker);
		pass(5);
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
	pair(fds, false);
	struct probe *p = probe_on(fds[0]);
	fill_out(p, 10);
	stream_resume(&p->s);
	stream_deadline(&p->s, 0);
	stream_close(&p->s);
	pass(40);
	assert_int_equal(p->readable + p->drained + p->failed + p->timed_out, 0);
	probe_end(p);
	(void)close(fds[1]);
}

static int setup(void **state)
{
	(void)state;
	timer_init(&limit, on_limit);
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_fini(&worker);
	buf_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
