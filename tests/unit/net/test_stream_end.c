/* Streams: how the other side's end is seen, and that lingering delivers everything. */
#include "net/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"

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
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(stream_init(&e->s, &w, fds[0], &transport_plain, NULL, &user, e), 0);
	stream_deadline(&e->s, 5 * NS_PER_S);
	return fds[1];
}

static void run(void)
{
	atomic_store(&w.stop, false);
	worker_run(&w);
}

/* Bytes and the end in one: there is one event for both, and the read that takes the bytes is a short one. */
static void test_end_with_the_last_bytes(void **state)
{
	struct seen e;
	(void)state;
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

static void test_linger_delivers_all(void **state)
{
	static char sink[300000];
	struct seen e;
	size_t got = 0;
	ssize_t n;
	(void)state;
	int fd = other_end(&e);
	for (int i = 0; i < 3; i++)
		buf_append(&e.s.out, sink, 100000);
	stream_linger(&e.s, 5 * NS_PER_S);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end_with_the_last_bytes),
		cmocka_unit_test(test_linger_delivers_all),
	};
	if (worker_init(&w, 0) < 0)
		return 1;
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	worker_fini(&w);
	buf_thread_fini();
	return r;
}
