/* upstream: what this machine lacks is no server's fault. socket() and connect() fail here when the
 * test says so. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/err.h"
#include "kit.h"

/* errno of the next calls on the loop's thread; 0: they work */
static __thread int socket_fails, connect_fails;
static __thread unsigned connects_fail; /* how many; UINT32_MAX: all */

int socket(int domain, int type, int protocol)
{
	static int (*real)(int, int, int);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "socket");
	if (socket_fails) {
		errno = socket_fails;
		return -1;
	}
	return real(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	static int (*real)(int, const struct sockaddr *, socklen_t);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "connect");
	if (connect_fails && connects_fail) {
		connects_fail -= connects_fail != UINT32_MAX;
		errno = connect_fails;
		return -1;
	}
	return real(fd, to, len);
}

static struct test_server a, b;
static struct test_conf conf;
static struct shares shares;

static struct upstream *attach(const char *const *addresses)
{
	conf_make(&conf, "test", addresses);
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
}

static int setup(void **state)
{
	(void)state;
	socket_fails = connect_fails = 0;
	connects_fail = UINT32_MAX;
	memset(&shares, 0, sizeof(shares));
	kit_worker.shares = &shares;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	socket_fails = connect_fails = 0;
	server_down(&a);
	server_down(&b);
	kit_pass(10);
	assert_int_equal(shares.quota[SHARE_UPSTREAM].used, 0);
	return 0;
}

static void assert_not_blamed(const struct test_server *s)
{
	struct endpoint_view v = kit_view(s->address);
	assert_int_equal(v.state, ENDPOINT_UP);
	assert_int_equal(v.failures, 0);
	assert_int_equal(v.connect_failures, 0);
	assert_int_equal(v.ejected, 0);
}

TEST_WITH(no_server_is_blamed_or_left_alone, setup, teardown)
{
	static const struct {
		int on_socket, on_connect, err;
	} rows[] = {
		{ EMFILE, 0, ERR_NO_DESCRIPTORS },
		{ ENFILE, 0, ERR_NO_DESCRIPTORS },
		{ ENOBUFS, 0, ERR_NO_DESCRIPTORS },
		{ ENOMEM, 0, ERR_NO_DESCRIPTORS },
		{ 0, ENOBUFS, ERR_NO_DESCRIPTORS },
		{ 0, EADDRNOTAVAIL, ERR_NO_LOCAL_PORT },
		{ 0, EPERM, ERR_CONNECT_FORBIDDEN },
		{ 0, EACCES, ERR_CONNECT_FORBIDDEN },
	};
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		socket_fails = rows[i].on_socket;
		connect_fails = rows[i].on_connect;
		/* far more than failures in a row that make a server rest */
		for (int n = 0; n < 10; n++)
			assert_int_equal(kit_get(u, &p), rows[i].err);
		assert_not_blamed(&a);
		assert_not_blamed(&b);
	}
	socket_fails = connect_fails = 0;
	assert_int_equal(kit_get(u, &p), 0); /* at once: nothing rests */
	upstream_detach(&u);
}

/* What a server alone is concerned of (its address has no local port left) is tried with another;
 * what the process lacks is not. */
TEST_WITH(another_server_may_be_reached, setup, teardown)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	for (int i = 0; i < 4; i++) {
		server_drop_all(&a);
		server_drop_all(&b);
		kit_pass(20);
		connect_fails = i % 2 ? EPERM : EADDRNOTAVAIL;
		connects_fail = 1;
		assert_int_equal(kit_get(u, &p), 0);
		assert_int_equal(p.call.tries, 2);
		assert_int_equal(connects_fail, 0);
	}
	assert_not_blamed(&a);
	assert_not_blamed(&b);
	upstream_detach(&u);
	u = attach((const char *[]){ a.address, b.address, NULL });
	socket_fails = EMFILE;
	assert_int_equal(kit_get(u, &p), ERR_NO_DESCRIPTORS);
	assert_int_equal(p.call.tries, 0); /* nobody was asked */
	upstream_detach(&u);
}

/* A server that is refused by itself is blamed as ever. */
TEST_WITH(a_server_that_refuses_is_blamed, setup, teardown)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	connect_fails = ECONNREFUSED;
	assert_int_equal(kit_get(u, &p), ERR_CONNECT_FAILED);
	assert_int_equal(kit_view(a.address).failures, 1);
	assert_int_equal(kit_view(a.address).connect_failures, 1);
	upstream_detach(&u);
}

TEST_WITH(the_quota_makes_room_by_closing_idle_connections, setup, teardown)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	struct test_conf other;
	conf_make(&other, "other", (const char *[]){ b.address, NULL });
	struct upstream *v = upstream_attach(&kit_worker, &other.conf, NULL, 1, NULL);
	shares.quota[SHARE_UPSTREAM].most = 1;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		assert_int_equal(kit_view(a.address).idle, 1);
		/* the idle one of the other upstream had to go */
		assert_int_equal(kit_get(v, &p), 0);
		assert_int_equal(kit_view(a.address).connections, 0);
		assert_int_equal(kit_view(b.address).idle, 1);
		assert_int_equal(shares.quota[SHARE_UPSTREAM].used, 1);
	}
	upstream_detach(&u);
	upstream_detach(&v);
}

TEST_WITH(beyond_the_quota_requests_fail_and_nobody_is_blamed, setup, teardown)
{
	struct probe p, busy;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	shares.quota[SHARE_UPSTREAM].most = 1;
	probe_init(&busy);
	busy.auto_finish = false;
	probe_open(&busy, u);
	assert_true(kit_run(&busy.ready, 1000));
	for (int i = 0; i < 10; i++)
		assert_int_equal(kit_get(u, &p), ERR_NO_DESCRIPTORS);
	assert_int_equal(shares.quota[SHARE_UPSTREAM].denied, 10);
	assert_not_blamed(&a);
	probe_finish(&busy, ERR_CLIENT_GONE);
	probe_fini(&busy);
	assert_int_equal(kit_get(u, &p), 0);
	upstream_detach(&u);
}

/* Descriptors are gone although the quota has some left: what idles is closed for the one that is
 * needed. */
TEST_WITH(idle_connections_are_closed_when_the_system_has_no_more, setup, teardown)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	assert_int_equal(kit_get(u, &p), 0);
	connect_fails = ENOBUFS;
	connects_fail = 1;
	assert_int_equal(kit_get(u, &p), 0); /* the other server in turn */
	assert_int_equal(kit_view(a.address).connections + kit_view(b.address).connections, 1);
	upstream_close_idle(&kit_worker);
	assert_int_equal(kit_view(a.address).connections + kit_view(b.address).connections, 0);
	upstream_detach(&u);
}

TEST_GROUP(kit_setup, kit_teardown);
