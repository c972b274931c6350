/* app/inherited: sockets that the process is started with. */
#include "app/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

enum { MOST = 3 };

/* What the descriptors from INHERITED_FIRST on were before. */
static int saved[MOST];

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	for (int i = 0; i < MOST; i++)
		saved[i] = fcntl(INHERITED_FIRST + i, F_DUPFD_CLOEXEC, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < MOST; i++) {
		(void)close(INHERITED_FIRST + i);
		if (saved[i] >= 0)
			(void)dup2(saved[i], INHERITED_FIRST + i);
		(void)close(saved[i]);
	}
	return 0;
}

/* A socket that listens on port, or any other for 0, as the i-th that is handed over. */
static struct addr give(int i, int type, uint16_t port)
{
	int one = 1, fd = socket(AF_INET, type, 0);
	struct addr a = { .len = sizeof(a.in) };
	a.in.sin_family = AF_INET;
	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.in.sin_port = htons(port);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, &a.sa, &a.len), 0);
	if (fd != INHERITED_FIRST + i) {
		assert_int_equal(dup2(fd, INHERITED_FIRST + i), INHERITED_FIRST + i);
		(void)close(fd);
	}
	return a;
}

static void said(const char *n, const char *names)
{
	char pid[16];
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", n, 1);
	if (names)
		(void)setenv("LISTEN_FDNAMES", names, 1);
}

TEST(by_address)
{
	const int *fds;
	unsigned n;
	int fd;
	struct addr a = give(0, SOCK_STREAM, 0), b = give(1, SOCK_STREAM, 0);
	(void)give(2, SOCK_STREAM, addr_port(&a));
	said("3", "web:other");
	inherited_init(false);
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_LENT);
	assert_int_equal(n, 2);
	assert_int_equal(fds[0], INHERITED_FIRST);
	assert_int_equal(fds[1], INHERITED_FIRST + 2);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	struct addr nobody = a;
	nobody.in.sin_port = htons(1);
	assert_int_equal(inherited_find(&nobody, &fds, &n), INHERITED_NONE);
	struct addr any = b;
	any.in.sin_addr.s_addr = htonl(INADDR_ANY);
	assert_true(inherited_overlaps(&any));
	assert_false(inherited_overlaps(&nobody));
	inherited_settle();
	/* what was lent stays, used or not */
	assert_string_equal(inherited_lent(0, &fd), "web");
	assert_string_equal(inherited_lent(2, &fd), "other");
	assert_int_equal(fd, INHERITED_FIRST + 1);
	assert_null(inherited_lent(3, &fd));
	inherited_fini();
	assert_int_equal(fcntl(INHERITED_FIRST, F_GETFD), -1);
}

/* From a predecessor: what it made is given, and what it was lent is lent. */
TEST(succeeding)
{
	const int *fds;
	unsigned n;
	int fd;
	struct addr a = give(0, SOCK_STREAM, 0), b = give(1, SOCK_STREAM, 0);
	said("2", INHERITED_GIVEN ":web");
	(void)setenv("LISTEN_PID", "1", 1); /* it stands for nothing here */
	inherited_init(true);
	assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_TAKEN);
	assert_int_equal(inherited_find(&b, &fds, &n), INHERITED_LENT);
	inherited_settle();
	assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_NONE);
	assert_false(inherited_overlaps(&a));
	assert_int_equal(fcntl(INHERITED_FIRST, F_GETFD), -1);
	assert_string_equal(inherited_lent(0, &fd), "web");
	inherited_fini();
}

/* For another process, in wrong numbers, or not at all. */
TEST(not_ours)
{
	static const char *const wrong[] = { "", "0", "-1", "x", "1x", " 1", "99999999999999999999",
		"5000" };
	const int *fds;
	unsigned n;
	struct addr a = give(0, SOCK_STREAM, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		said(wrong[i], NULL);
		inherited_init(false);
		assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_NONE);
	}
	said("1", NULL);
	(void)setenv("LISTEN_PID", "1", 1);
	inherited_init(false);
	assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_NONE);
	inherited_init(false); /* without any variables */
	/* even by itself the name of what is given means nothing */
	said("1", INHERITED_GIVEN);
	inherited_init(false);
	assert_int_equal(inherited_find(&a, &fds, &n), INHERITED_LENT);
	inherited_fini();
}

/* Datagrams, descriptors that are none, and names that are too long do no harm. */
TEST(unfit)
{
	char name[200];
	int fd;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	(void)give(0, SOCK_DGRAM, 0);
	(void)close(INHERITED_FIRST + 1);
	(void)give(2, SOCK_STREAM, 0);
	char names[256];
	(void)snprintf(names, sizeof(names), "udp:none:%s", name);
	said("3", names);
	inherited_init(false);
	assert_int_equal(strlen(inherited_lent(0, &fd)), INHERITED_NAME);
	assert_null(inherited_lent(1, &fd));
	inherited_fini();
}

TEST_GROUP(setup, teardown);
