/* net/readable: bytes and the end of a pipe as events. */
#include "net/readable.h"

#include <fcntl.h>
#include <unistd.h>

#include "net/worker.h"
#include "unit.h"

static struct worker worker;
static struct readable readable;
static int fds[2];
static unsigned calls, bytes;

static int setup(void **state)
{
	(void)state;
	calls = bytes = 0;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	readable_stop(&readable);
	readable_stop(&readable); /* once more does nothing */
	(void)close(fds[0]);
	worker_fini(&worker);
	return 0;
}

static void on_readable(void *ctx)
{
	char c;
	assert_ptr_equal(ctx, &worker);
	calls++;
	bytes += read(fds[0], &c, 1) == 1;
}

static void turns(unsigned n)
{
	while (n--)
		worker_turn(&worker);
}

TEST_WITH(bytes_and_the_end, setup, teardown)
{
	assert_int_equal(readable_start(&readable, &worker, fds[0], on_readable, &worker), 0);
	turns(2);
	assert_int_equal(calls, 0);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	turns(3);
	assert_int_equal(bytes, 2);
	assert_int_equal(calls, 2);
	(void)close(fds[1]);
	turns(1);
	assert_int_equal(calls, 3);
	assert_int_equal(bytes, 2);
	readable_stop(&readable);
	turns(2);
	assert_int_equal(calls, 3);
}

/* From within its own event. */
static void on_readable_stop(void *ctx)
{
	(void)ctx;
	calls++;
	readable_stop(&readable);
}

TEST_WITH(stops_itself, setup, teardown)
{
	assert_int_equal(readable_start(&readable, &worker, fds[0], on_readable_stop, NULL), 0);
	assert_int_equal(write(fds[1], "a", 1), 1);
	turns(3);
	assert_int_equal(calls, 1);
	(void)close(fds[1]);
}
