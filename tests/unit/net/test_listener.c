/* net/listener: sockets that are opened together, and every connection accepted. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

enum { MANY = 150 };

static struct worker worker;
static char folder[] = "/tmp/sluice-listener-XXXXXX";

static struct addr loopback(uint16_t port)
{
	struct addr a = { .len = sizeof(a.in) };
	a.in.sin_family = AF_INET;
	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.in.sin_port = htons(port);
	return a;
}

static struct addr unix_at(const char *name)
{
	struct addr a = { .len = sizeof(a.un) };
	a.un.sun_family = AF_UNIX;
	(void)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s/%s", folder, name);
	return a;
}

static struct addr name_of(int fd)
{
	struct addr a = { .len = sizeof(a) - offsetof(struct addr, sa) };
	assert_int_equal(getsockname(fd, &a.sa, &a.len), 0);
	return a;
}

/* A port that was free a moment ago. */
static struct addr free_port(void)
{
	int fd;
	struct addr a = loopback(0);
	assert_int_equal(listener_open(&a, 1, 8, &fd), 0);
	a = name_of(fd);
	(void)close(fd);
	return a;
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int connect_to(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	if (connect(fd, &a->sa, a->len) == 0)
		return fd;
	int error = errno;
	(void)close(fd);
	return -error;
}

/* ---- opening ------------------------------------------------------------------------------- */

TEST(one_for_each_worker)
{
	struct addr a = free_port();
	int fds[3];
	assert_int_equal(listener_open(&a, 3, 8, fds), 0);
	for (int i = 0; i < 3; i++) {
		struct addr at = name_of(fds[i]);
		assert_true(addr_eq(&at, &a));
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		(void)close(fds[i]);
	}
}

TEST(taken_port)
{
	struct addr a = free_port();
	int other, fds[3];
	/* by somebody who would share it */
	assert_int_equal(listener_open(&a, 1, 8, &other), 0);
	unsigned before = open_fds();
	assert_int_equal(listener_open(&a, 3, 8, fds), -EADDRINUSE);
	assert_int_equal(open_fds(), before);
	(void)close(other);
	assert_int_equal(listener_open(&a, 1, 8, fds), 0);
	(void)close(fds[0]);
}

TEST(foreign_address)
{
	struct addr a = loopback(0);
	int fd;
	a.in.sin_addr.s_addr = htonl(0x01020304);
	unsigned before = open_fds();
	assert_int_equal(listener_open(&a, 1, 8, &fd), -EADDRNOTAVAIL);
	assert_int_equal(open_fds(), before);
}

TEST(unix)
{
	struct addr a = unix_at("gate"), f = unix_at("file"), nowhere = unix_at("no/where");
	int fds[2], again[2];
	assert_int_equal(listener_open(&a, 2, 8, fds), 0);
	int client = connect_to(&a);
	assert_true(client >= 0);
	int got = accept(fds[1], NULL, NULL); /* one queue for both */
	assert_true(got >= 0);
	(void)close(got);
	(void)close(client);
	/* somebody listens */
	unsigned before = open_fds();
	assert_int_equal(listener_open(&a, 2, 8, again), -EADDRINUSE);
	assert_int_equal(open_fds(), before);
	(void)close(fds[0]);
	(void)close(fds[1]);
	/* nobody does: what is left is replaced */
	assert_int_equal(listener_open(&a, 1, 8, fds), 0);
	(void)close(fds[0]);
	/* what is no socket stays */
	FILE *file = fopen(f.un.sun_path, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(listener_open(&f, 1, 8, fds), -EADDRINUSE);
	struct stat st;
	assert_int_equal(stat(f.un.sun_path, &st), 0);
	assert_int_equal(listener_open(&nowhere, 1, 8, fds), -ENOENT);
	(void)unlink(f.un.sun_path);
	(void)unlink(a.un.sun_path);
}

/* Looking whether somebody listens must not wait for somebody who does not accept. */
TEST(unix_with_a_full_queue)
{
	struct addr a = unix_at("full");
	int fd, again, waiting[4], n = 0;
	assert_int_equal(listener_open(&a, 1, 1, &fd), 0);
	for (; n < 4; n++) {
		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(waiting[n], &a.sa, a.len);
	}
	(void)alarm(10);
	assert_int_equal(listener_open(&a, 1, 1, &again), -EADDRINUSE);
	(void)alarm(0);
	while (n-- > 0)
		(void)close(waiting[n]);
	(void)close(fd);
	(void)unlink(a.un.sun_path);
}

/* ---- accepting ----------------------------------------------------------------------------- */

struct door {
	struct acceptor acceptor;
	struct addr at;
	unsigned accepted;
	uint16_t last_port;
	int fds[MANY + 8];
};

static void on_accept(struct acceptor *a, int fd, const struct addr *peer)
{
	struct door *d = a->data;
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	d->last_port = addr_port(peer);
	d->fds[d->accepted++] = fd;
}

static void door_open(struct door *d, int backlog)
{
	int fd;
	*d = (struct door){ .at = loopback(0) };
	assert_int_equal(listener_open(&d->at, 1, backlog, &fd), 0);
	d->at = name_of(fd);
	assert_int_equal(acceptor_start(&d->acceptor, &worker, fd, on_accept, d), 0);
}

static void door_forget(struct door *d)
{
	while (d->accepted)
		(void)close(d->fds[--d->accepted]);
}

static void turns(unsigned n)
{
	while (n--)
		worker_turn(&worker);
}

TEST(accept)
{
	struct door d;
	door_open(&d, 8);
	int client = connect_to(&d.at);
	turns(2);
	assert_int_equal(d.accepted, 1);
	struct addr me = name_of(client);
	assert_int_equal(d.last_port, addr_port(&me));
	acceptor_stop(&d.acceptor);
	assert_int_equal(connect_to(&d.at), -ECONNREFUSED);
	(void)close(client);
	door_forget(&d);
}

/* More than are accepted in one go: the rest comes with the next turns, or with the stop. */
TEST(many)
{
	struct door d;
	int clients[MANY];
	for (int stop = 0; stop < 2; stop++) {
		door_open(&d, MANY + 8);
		for (int i = 0; i < MANY; i++)
			clients[i] = connect_to(&d.at);
		if (stop) {
			acceptor_stop(&d.acceptor);
		} else {
			turns(1);
			assert_in_range(d.accepted, 1, MANY - 1);
			turns(5);
		}
		assert_int_equal(d.accepted, MANY);
		if (!stop)
			acceptor_stop(&d.acceptor);
		for (int i = 0; i < MANY; i++)
			(void)close(clients[i]);
		door_forget(&d);
	}
}

/* Paused: what connects waits in the system's queue, and comes when it goes on, however often it
 * was paused. */
TEST(paused)
{
	struct door d;
	door_open(&d, 8);
	acceptor_pause(&d.acceptor);
	acceptor_pause(&d.acceptor);
	int client = connect_to(&d.at);
	assert_true(client >= 0);
	turns(3);
	assert_int_equal(d.accepted, 0);
	acceptor_go_on(&d.acceptor);
	turns(2);
	assert_int_equal(d.accepted, 1);
	acceptor_go_on(&d.acceptor);
	/* stopped while paused: what waits is accepted, and not lost */
	acceptor_pause(&d.acceptor);
	int second = connect_to(&d.at);
	acceptor_stop(&d.acceptor);
	assert_int_equal(d.accepted, 2);
	(void)close(client);
	(void)close(second);
	door_forget(&d);
}

/* Out of descriptors: it waits a little instead of turning the loop round in vain, then goes on. */
TEST(no_descriptors)
{
	struct door d;
	struct rlimit was, few;
	door_open(&d, 8);
	int client = connect_to(&d.at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	turns(2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(d.accepted, 0);
	assert_true(d.acceptor.held);
	turns(2);
	assert_int_equal(d.accepted, 0);
	wheel_advance(&worker.wheel, clock_ns() + NS_PER_S); /* as if that long had passed */
	turns(2);
	assert_false(d.acceptor.held);
	assert_int_equal(d.accepted, 1);
	/* stopped while it waits */
	int second = connect_to(&d.at);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	turns(1);
	assert_true(d.acceptor.held);
	acceptor_stop(&d.acceptor);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	wheel_advance(&worker.wheel, clock_ns() + 2 * NS_PER_S);
	assert_int_equal(d.accepted, 1);
	(void)close(client);
	(void)close(second);
	door_forget(&d);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR); /* what it warns of is meant */
	return mkdtemp(folder) ? worker_init(&worker, 0) : -1;
}

static int teardown(void **state)
{
	(void)state;
	worker_fini(&worker);
	return rmdir(folder);
}

/* ---- sockets that others have as well ------------------------------------------------------ */

/* What waits in the queue of a lent socket is for the process that accepts from it next, and so is
 * whoever connects after that. */
TEST(lent)
{
	struct door first, second;
	door_open(&first, 8);
	first.acceptor.lent = true;
	int ours = dup(first.acceptor.fd);
	int waits = connect_to(&first.at);
	acceptor_stop(&first.acceptor);
	assert_int_equal(first.accepted, 0);
	int comes = connect_to(&first.at);
	assert_true(waits >= 0 && comes >= 0);
	second = (struct door){ .at = first.at };
	assert_int_equal(listener_adopt(ours, &first.at, 8), 0);
	assert_int_equal(acceptor_start(&second.acceptor, &worker, ours, on_accept, &second), 0);
	turns(2);
	assert_int_equal(second.accepted, 2);
	acceptor_stop(&second.acceptor);
	(void)close(waits);
	(void)close(comes);
	door_forget(&second);
}

/* A socket that another process made may block, and take any number of connections. */
TEST(adopt)
{
	struct addr a = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), only = 0;
	assert_int_equal(bind(fd, &a.sa, a.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	a = name_of(fd);
	assert_int_equal(listener_adopt(fd, &a, 8), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	(void)close(fd);

	struct addr six = { .len = sizeof(six.in6) };
	six.in6.sin6_family = AF_INET6;
	six.in6.sin6_addr = in6addr_loopback;
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return; /* a machine without IPv6 */
	assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)), 0);
	assert_int_equal(listener_adopt(fd, &six, 8), -EAFNOSUPPORT);
	(void)close(fd);
}

/* A file that somebody else put into the place of ours stays. */
TEST(file_is_ours)
{
	struct listener_file f;
	struct addr a = { .len = sizeof(struct sockaddr_un) };
	int fd;
	a.un.sun_family = AF_UNIX;
	(void)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "/tmp/sluice-ours-%d", (int)getpid());
	(void)unlink(a.un.sun_path);
	assert_int_equal(listener_open(&a, 1, 8, &fd), 0);
	listener_file_note(&f, &a);
	assert_true(listener_file_is_ours(&f, &a));
	assert_int_equal(chmod(a.un.sun_path, 0600), 0);
	assert_true(listener_file_is_ours(&f, &a));
	f.made.tv_nsec ^= 1; /* the number of its file was given to another */
	listener_file_unlink(&f, &a);
	assert_int_equal(access(a.un.sun_path, F_OK), 0);
	f.made.tv_nsec ^= 1;
	listener_file_unlink(&f, &a);
	assert_int_equal(access(a.un.sun_path, F_OK), -1);
	(void)close(fd);
}

TEST_GROUP(setup, teardown);
