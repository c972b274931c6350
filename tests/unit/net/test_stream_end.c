/* Streams: how the other side's end is seen, and that lingering delivers everything. */
#include "net/stream.h"

#include <sys/socket.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "../unit.h"

/* Lingering that is bounded by time alone. The second of two calls does not change the first. */
static const struct lingering *linger_for(uint64_t ns)
{
	static struct lingering v[8];
	static unsigned n;
	struct lingering *l = &v[n++ % 8];
	*l = (struct lingering){ .silence_ns = ns, .total_ns = ns, .bytes = UINT64_MAX / 2 };
	return l;
}

static struct worker w;

struct seen {
	struct stream s;
	size_t got;
	enum io last;
	int n_ends, failed_with;
	bool timed_out;
};

static void seen_on_readable(struct stream *s)
{
	struct seen *e = s->data;
	while ((e->last = stream_fill(s)) == IO_OK) {
		e->got += s->in.len;
		buf_drain(&s->in, s->in.len);
	}
	if (e->last == IO_EOF) {
		e->n_ends++;
		worker_stop(&w);
	}
}

static void seen_on_fail(struct stream *s, int error)
{
	struct seen *e = s->data;
	e->failed_with = error;
	stream_close(s);
	worker_stop(&w);
}

static void seen_on_timeout(struct stream *s)
{
	struct seen *e = s->data;
	e->timed_out = true;
	worker_stop(&w);
}

static const struct stream_user user = { .on_readable = seen_on_readable,
	.on_fail = seen_on_fail,
	.on_timeout = seen_on_timeout };

static int other_end(struct seen *e)
{
	int fds[2];
	*e = (struct seen){ .failed_with = -2 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	assert_int_equal(stream_init(&e->s, &w, fds[0], &transport_plain, NULL, &user, e), 0);
	stream_deadline(&e->s, 5 * NS_PER_S);
	return fds[1];
}

static void run(void)
{
	atomic_store(&w.stop, false);
	worker_run(&w);
}

static void salvage_on_fail(struct stream *s, int error)
{
	struct seen *e = s->data;
	e->failed_with = error;
	stream_salvage(s);
	seen_on_readable(s);
	worker_stop(&w);
}

static const struct stream_user salvager = { .on_readable = seen_on_readable,
	.on_fail = salvage_on_fail,
	.on_timeout = seen_on_timeout };

/* It answered, and stopped reading before all was written: its answer is there to be read. */
TEST(salvage)
{
	struct seen e;
	int fd = other_end(&e);
	stream_hand_over(&e.s, &salvager, &e);
	assert_int_equal(write(fd, "answer", 6), 6);
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	buf_append(&e.s.out, "request", 7);
	stream_kick(&e.s);
	streams_flush(&w);
	assert_int_equal(e.failed_with, EPIPE);
	assert_int_equal(e.got, 6);
	assert_false(stream_is_broken(&e.s));
	assert_false(stream_has_unsent(&e.s));
	stream_close(&e.s);
	close(fd);
}

TEST(flush_now)
{
	char room[16];
	struct seen e;
	int fd = other_end(&e);
	buf_append(&e.s.out, "farewell", 8);
	stream_flush_now(&e.s);
	stream_close(&e.s);
	assert_int_equal(read(fd, room, sizeof(room)), 8);
	assert_int_equal(read(fd, room, sizeof(room)), 0);
	close(fd);
}

/* Bytes and the end in one: there is one event for both, and the read that takes the bytes is a
 * short one. */
TEST(end_with_the_last_bytes)
{
	struct seen e;
	int fd = other_end(&e);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run();
	assert_false(e.timed_out);
	assert_int_equal(e.got, 5);
	assert_int_equal(e.n_ends, 1);
	stream_close(&e.s);
	close(fd);
}

TEST(linger_delivers_all)
{
	static char sink[300000];
	struct seen e;
	size_t got = 0;
	ssize_t n;
	int fd = other_end(&e);
	for (int i = 0; i < 3; i++)
		buf_append(&e.s.out, sink, 100000);
	stream_linger(&e.s, linger_for(5 * NS_PER_S));
	while (e.failed_with == -2 && !e.timed_out) {
		/* the reader takes a little at a time, and leaves once it has seen the end */
		atomic_store(&w.stop, true);
		worker_run(&w);
		w.stop = false;
		(void)event_base_loop(w.base, EVLOOP_NONBLOCK);
		while (fd >= 0 && (n = read(fd, sink, 7000)) >= 0) {
			got += (size_t)n;
			if (n == 0) {
				close(fd);
				fd = -1;
			}
		}
	}
	assert_int_equal(got, 300000);
	assert_int_equal(e.failed_with, 0);
}

struct talk {
	struct timer timer;
	int fd;
	size_t n;
};

static void talk_on(struct timer *t)
{
	static char words[1000];
	struct talk *k = container_of(t, struct talk, timer);
	if (write(k->fd, words, k->n) < 0)
		k->n = 0; /* the other side is gone */
	worker_timer(&w, &k->timer, 20 * NS_PER_MS);
}

/* How many milliseconds a stream lingers whose other side says n bytes every 20 ms; 0: nothing. */
static uint64_t linger_while(const struct lingering *how, size_t n, bool hurry)
{
	struct seen e;
	struct talk k = { .fd = other_end(&e), .n = n };
	timer_init(&k.timer, talk_on);
	if (n)
		worker_timer(&w, &k.timer, 0);
	uint64_t before = worker_now(&w); /* from which lingering counts */
	stream_linger(&e.s, how);
	if (hurry)
		stream_linger_hurry(&e.s);
	run();
	assert_false(e.timed_out);
	assert_int_equal(e.failed_with, 0);
	timer_drop(&k.timer);
	close(k.fd);
	return (clock_ns() - before) / NS_PER_MS;
}

TEST(lingering_goes_on_while_bytes_come)
{
	const uint64_t ms = NS_PER_MS;
	const struct lingering silence = { 150 * ms, 600 * ms, 1 << 30 },
			       bytes = { 10000 * ms, 10000 * ms, 5000 };
	uint64_t quiet = linger_while(&silence, 0, false);
	assert_true(quiet >= 145 && quiet < 550); /* silence ends it */
	/* bytes do not; the total time does */
	assert_true(linger_while(&silence, 10, false) >= 595);
	assert_true(linger_while(&bytes, 1000, false) < 5000); /* or their number */
}

TEST(lingering_can_be_hurried)
{
	const struct lingering long_one = { 60 * NS_PER_S, 60 * NS_PER_S, 1 << 30 };
	assert_true(linger_while(&long_one, 10, true) < 4 * LINGER_HURRY_NS / NS_PER_MS);
}

static int setup(void **state)
{
	(void)state;
	/* as in the gateway: a write to a connection that the other side closed is an error, no
	 * signal */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	return worker_init(&w, 0);
}

static int teardown(void **state)
{
	(void)state;
	worker_fini(&w);
	buf_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
