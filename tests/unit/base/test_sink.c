/* base/sink, and base/log with its thread: writing never waits, and what found no room is counted
 * and told of. */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stat.h"

#include "unit.h"

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* Lines until there is no room; returns how many bytes went. */
static size_t fill(struct sink *s)
{
	size_t n, sum = 0;
	enum io how;
	do {
		how = sink_write(s, STR("a line of the log\n"), &n);
		sum += n;
	} while (how == IO_OK && sum < 32 << 20);
	assert_int_equal(how, IO_AGAIN);
	return sum;
}

TEST(a_shared_pipe_keeps_its_flags_and_takes_what_fits)
{
	struct sink s;
	int fds[2], saved = dup(STDERR_FILENO);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	sink_borrow(&s, STDERR_FILENO);
	assert_true(s.kind == SINK_STREAM);
	size_t sum = fill(&s);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	assert_false(sink_wait(&s, 10));
	sink_close(&s);
	assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0); /* it stays open for others */
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	(void)close(fds[1]);
	char *text = malloc(sum + 1);
	size_t got = 0;
	for (ssize_t n; (n = read(fds[0], text + got, sum + 1 - got)) > 0;)
		got += (size_t)n;
	assert_int_equal(got, sum);
	assert_int_equal(text[sum - 1], '\n');
	free(text);
	(void)close(fds[0]);
}

TEST(a_socket_takes_what_fits)
{
	struct sink s;
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	sink_borrow(&s, fds[1]);
	assert_true(s.kind == SINK_SOCKET);
	assert_true(fill(&s) > 0);
	(void)close(fds[0]);
	size_t n;
	assert_int_equal(sink_write(&s, STR("x\n"), &n), IO_FAIL);
	assert_int_equal(errno, EPIPE);
	(void)close(fds[1]);
}

TEST(places_for_lines)
{
	struct sink s;
	size_t n;
	assert_int_equal(sink_open(&s, path_of("file")), 0);
	assert_int_equal(sink_write(&s, STR("one\n"), &n), IO_OK);
	sink_close(&s);
	assert_int_equal(sink_open(&s, path_of("file")), 0); /* appends */
	assert_int_equal(sink_write(&s, STR("two\n"), &n), IO_OK);
	sink_close(&s);
	struct stat st;
	assert_int_equal(stat(path_of("file"), &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	/* nobody reads, and it does not wait */
	assert_int_equal(sink_open(&s, path_of("pipe")), 0);
	assert_true(fill(&s) > 0);
	sink_close(&s);
	assert_int_equal(sink_open(&s, "/dev/null"), 0);
	assert_int_equal(sink_write(&s, STR("x\n"), &n), IO_OK);
	sink_close(&s);
	assert_int_equal(sink_open(&s, folder), -EISDIR);
	assert_int_equal(sink_open(&s, path_of("no/folder")), -ENOENT);
	assert_int_equal(sink_open(&s, "/dev/full"), 0);
	assert_int_equal(sink_write(&s, STR("x\n"), &n), IO_FAIL);
	assert_int_equal(errno, ENOSPC);
	sink_close(&s);
}

/* The log with its thread ends with the process: last of the tests. */
TEST(a_log_that_nobody_reads_drops_counts_and_tells)
{
	static char text[1 << 20];
	enum { LINES = 20000 };
	int fds[2], saved = dup(STDERR_FILENO);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	uint64_t before = stat_read(STAT_LOG_DROPPED_ERROR), from = clock_ns();
	log_set_level(LOG_INFO);
	log_start();
	for (unsigned i = 0; i < LINES; i++)
		log_info("test", "line %u, which is a little longer than that", i);
	assert_true(clock_ns() - from < 10 * NS_PER_S);
	uint64_t dropped = stat_read(STAT_LOG_DROPPED_ERROR) - before;
	assert_true(dropped > 0);
	assert_false(log_drain(20));
	size_t got = 0;
	char told[64];
	(void)snprintf(told, sizeof(told), "%llu lines of this log were dropped",
		(unsigned long long)dropped);
	for (unsigned i = 0; i < 5000 && !strstr(text, told); i++) {
		ssize_t n = read(fds[0], text + got, sizeof(text) - 1 - got);
		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	assert_non_null(strstr(text, told));
	log_info("test", "the last line");
	log_stop(5000);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	for (ssize_t n; (n = read(fds[0], text + got, sizeof(text) - 1 - got)) > 0;)
		got += (size_t)n;
	assert_non_null(strstr(text, "the last line\n"));
	unsigned lines = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, LINES - dropped + 2);
	(void)close(saved);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static int setup(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(folder, sizeof(folder), "/tmp/sluice-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path_of("file"));
	(void)unlink(path_of("pipe"));
	return rmdir(folder);
}

TEST_GROUP(setup, teardown);
