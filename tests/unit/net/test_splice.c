/* net/splice: between real sockets, through a real pipe. */
#include "base/sanitize.h"
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

enum { BIG = 8 * 1024 * 1024 };

static struct worker worker;

struct end {
	struct stream s;
	int far; /* the test's own end, non-blocking */
	unsigned drained, failed;
};

static void on_readable(struct stream *s)
{
	(void)s;
}

static void on_drained(struct stream *s)
{
	((struct end *)s->data)->drained++;
}

static void on_fail(struct stream *s, int error)
{
	(void)error;
	((struct end *)s->data)->failed++;
}

static const struct stream_user user = { .on_readable = on_readable,
	.on_drained = on_drained,
	.on_fail = on_fail };
static const struct transport other; /* not plain */

static struct end from, to;
static char *bytes; /* BIG of them, which tell where they belong */
static char *arrived;
static size_t n_sent, n_arrived;

static void end_open(struct end *e)
{
	int fds[2], room = 64 * 1024;
	memset(e, 0, sizeof(*e));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	e->far = fds[1];
	assert_int_equal(stream_init(&e->s, &worker, fds[0], &transport_plain, NULL, &user, e), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(worker_init(&worker, 0), 0);
	end_open(&from);
	end_open(&to);
	n_sent = n_arrived = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_close(&from.s);
	stream_close(&to.s);
	(void)close(from.far);
	(void)close(to.far);
	worker_fini(&worker);
	buf_thread_fini();
	splice_thread_fini();
	return 0;
}

/* The server sends what the socket takes of the first `most` bytes. */
static void server_sends(size_t most)
{
	while (n_sent < most) {
		ssize_t n = send(from.far, bytes + n_sent, most - n_sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		n_sent += (size_t)n;
	}
	worker_turn(&worker);
}

/* The client takes what is there. */
static void client_reads(void)
{
	ssize_t n;
	while ((n = recv(to.far, arrived + n_arrived, BIG - n_arrived, 0)) > 0)
		n_arrived += (size_t)n;
	worker_turn(&worker);
}

static enum splice moves(uint64_t most, uint64_t *n)
{
	return stream_splice(&to.s, &from.s, most, n);
}

static void assert_arrived(size_t n)
{
	assert_int_equal(n_arrived, n);
	assert_memory_equal(arrived, bytes, n);
}

TEST_WITH(through, setup, teardown)
{
	uint64_t n;
	assert_int_equal(moves(100, &n), SPLICE_DRY);
	assert_int_equal(n, 0);
	server_sends(1000);
	assert_int_equal(moves(300, &n), SPLICE_OK);
	assert_int_equal(n, 300);
	assert_int_equal(moves(BIG, &n), SPLICE_DRY);
	assert_int_equal(n, 700);
	client_reads();
	assert_arrived(1000);
	assert_int_equal(from.s.bytes_in, 1000);
	assert_int_equal(to.s.bytes_out, 1000);
	assert_int_equal(moves(0, &n), SPLICE_OK);
	(void)shutdown(from.far, SHUT_WR);
	worker_turn(&worker);
	assert_int_equal(moves(BIG, &n), SPLICE_EOF);
	assert_int_equal(moves(BIG, &n), SPLICE_EOF);
	assert_int_equal(n, 0);
}

/* A client slower than the server: what it does not take waits in the pipe, and no more than
 * that. */
TEST_WITH(full, setup, teardown)
{
	uint64_t n, moved = 0;
	unsigned full = 0;
	while (n_arrived < BIG) {
		server_sends(BIG);
		enum splice r = moves(BIG - moved, &n);
		moved += n;
		if (r == SPLICE_FULL && moved < BIG) {
			full++;
			assert_true(to.s.flags & STREAM_OWED);
			assert_int_equal(moves(BIG, &n), SPLICE_FULL);
			assert_int_equal(n, 0);
			assert_in_range(moved - n_arrived, 1, 2 * 1024 * 1024);
			stream_tell_empty(&to.s);
			worker_turn(&worker);
			to.drained = 0;
			for (int i = 0; i < 1000 && !to.drained; i++)
				client_reads();
			assert_int_equal(to.drained, 1);
			assert_false(to.s.flags & STREAM_OWED);
		}
		client_reads();
	}
	assert_true(full > 3);
	assert_arrived(BIG);
	assert_int_equal(to.s.bytes_out, BIG);
}

/* Nobody knows yet whether it reads at all. */
TEST_WITH(of_a_client_that_stands_still_little_is_taken_ahead, setup, teardown)
{
	uint64_t n;
	do
		server_sends(BIG);
	while (moves(BIG, &n) != SPLICE_FULL);
	assert_in_range(from.s.bytes_in - to.s.bytes_out, 1, 8 * 1024);
	assert_false(to.s.is_read);
	while (to.s.bytes_out < 3 * 1024 * 1024) {
		client_reads();
		server_sends(BIG);
		(void)moves(BIG, &n);
	}
	assert_true(to.s.is_read);
	client_reads();
	assert_arrived(n_arrived);
}

/* What was written before goes out before, what is written afterwards, after. */
TEST_WITH(order, setup, teardown)
{
	uint64_t n;
	server_sends(1000);
	buf_append(&to.s.out, "head", 4);
	assert_int_equal(moves(1000, &n), SPLICE_FULL);
	assert_int_equal(n, 0);
	stream_tell_empty(&to.s);
	worker_turn(&worker);
	assert_int_equal(to.drained, 1);
	char head[4];
	assert_int_equal(recv(to.far, head, sizeof(head), 0), 4);
	assert_memory_equal(head, "head", 4);
	uint64_t moved = 0;
	enum splice r = SPLICE_OK;
	for (int i = 0; i < 1000 && r != SPLICE_FULL; i++) {
		server_sends(BIG);
		r = moves(BIG, &n);
		moved += n;
	}
	assert_int_equal(r, SPLICE_FULL);
	buf_append(&to.s.out, "tail", 4);
	stream_kick(&to.s);
	for (int i = 0; i < 1000 && n_arrived < moved + 4; i++)
		client_reads();
	assert_int_equal(n_arrived, moved + 4);
	assert_memory_equal(arrived, bytes, moved);
	assert_memory_equal(arrived + moved, "tail", 4);
}

TEST_WITH(unable, setup, teardown)
{
	uint64_t n;
	server_sends(1000);
	to.s.transport = &other;
	assert_int_equal(moves(1000, &n), SPLICE_UNABLE);
	to.s.transport = &transport_plain;
	from.s.transport = &other;
	assert_int_equal(moves(1000, &n), SPLICE_UNABLE);
	from.s.transport = &transport_plain;
	assert_int_equal(n, 0);
	assert_int_equal(moves(1000, &n), SPLICE_OK);
	assert_int_equal(n, 1000);
}

/* The client leaves while bytes wait for it: told from the loop. */
TEST_WITH(client_leaves, setup, teardown)
{
	uint64_t n;
	(void)close(to.far);
	to.far = -1;
	server_sends(1000);
	assert_int_equal(moves(1000, &n), SPLICE_FULL);
	assert_int_equal(to.failed, 0);
	worker_turn(&worker);
	assert_int_equal(to.failed, 1);
}

/* Closed with bytes in the pipe, which must not come to the next one that uses a pipe. */
TEST_WITH(close, setup, teardown)
{
	uint64_t n;
	enum splice r = SPLICE_OK;
	for (int i = 0; i < 1000 && r != SPLICE_FULL; i++) {
		server_sends(BIG);
		r = moves(BIG, &n);
	}
	assert_int_equal(r, SPLICE_FULL);
	stream_close(&to.s);
	stream_close(&from.s);
	(void)close(to.far);
	(void)close(from.far);
	end_open(&from);
	end_open(&to);
	n_sent = n_arrived = 0;
	server_sends(1000);
	assert_int_equal(moves(1000, &n), SPLICE_OK);
	client_reads();
	assert_arrived(1000);
}

/* No descriptors left for a pipe: bytes must still be able to pass, the other way. */
TEST_WITH(no_pipe, setup, teardown)
{
	uint64_t n;
	int fds[4096], n_fds = 0;
	splice_thread_fini();
	server_sends(1000);
	while (n_fds < 4096 && (fds[n_fds] = dup(from.far)) >= 0)
		n_fds++;
	enum splice r = moves(1000, &n);
	while (n_fds > 0)
		(void)close(fds[--n_fds]);
	assert_int_equal(r, SPLICE_UNABLE);
	assert_int_equal(n, 0);
	assert_int_equal(stream_fill(&from.s), IO_OK);
	assert_int_equal(from.s.in.len, 1000);
}

/* The same when the quota is used up; and pipes are given back to it when they are closed. */
TEST_WITH(the_quota_of_pipes, setup, teardown)
{
	static struct shares shares;
	struct quota *q = &shares.quota[SHARE_PIPES];
	uint64_t n;
	splice_thread_fini();
	worker.shares = &shares;
	q->most = 4;
	server_sends(1000);
	assert_int_equal(moves(1000, &n), SPLICE_OK);
	/* kept for the next, where anything is */
	assert_int_equal(q->used, MEMORY_IS_WATCHED ? 0 : 1);
	splice_thread_fini();
	assert_int_equal(q->used, 0);
	q->most = 1; /* more than half of it is in use: nothing is kept */
	server_sends(2000);
	assert_int_equal(moves(1000, &n), SPLICE_OK);
	assert_int_equal(q->used, 0);
	assert_true(quota_take(q)); /* somebody else's */
	server_sends(3000);
	assert_int_equal(moves(1000, &n), SPLICE_UNABLE);
	assert_int_equal(n, 0);
	assert_int_equal(q->used, 1);
	client_reads();
	assert_arrived(2000);
}

static int few_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return -1;
	r.rlim_cur = r.rlim_max < 1024 ? r.rlim_max : 1024;
	return setrlimit(RLIMIT_NOFILE, &r);
}

static int group_setup(void **state)
{
	(void)state;
	bytes = malloc(BIG);
	arrived = malloc(BIG + 16);
	if (!bytes || !arrived || few_descriptors() < 0)
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	free(bytes);
	free(arrived);
	return 0;
}

TEST_GROUP(group_setup, group_teardown);
