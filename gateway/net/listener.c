/* Listening sockets. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stat.h"

enum {
	ACCEPT_BATCH = 64,            /* accepted before others get their turn */
	STOP_BATCHES = 1024,          /* a backlog of 65535: who stops accepts what waits, not what goes on coming */
	RETRY_NS = 100 * NS_PER_MS
};
#define QUIET_NS (10 * NS_PER_S) /* between two lines about a shortage */

/* Whether the path is a socket nobody answers on. */
static bool listener_unix_is_stale(const struct addr *a)
{
	struct stat st;
	if (stat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* a full queue is an answer too */
	if (fd < 0)
		return false;
	bool refused = connect(fd, &a->sa, a->len) < 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

static int listener_open_one(const struct addr *a, int backlog)
{
	int one = 1, error;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->sa.sa_family != AF_UNIX) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* accepted ones inherit it */
	}
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (a->sa.sa_family == AF_UNIX && listener_unix_is_stale(a))
		(void)unlink(a->un.sun_path);
	if (bind(fd, &a->sa, a->len) == 0 && listen(fd, backlog) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	return -error;
}

/* SO_REUSEPORT lets a second gateway of the same user share the port in silence: look for it first without. */
static int listener_is_free(const struct addr *a)
{
	int one = 1, error = 0;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &a->sa, a->len) < 0)
		error = -errno;
	(void)close(fd);
	return error;
}

int listener_open(const struct addr *a, unsigned n, int backlog, int *fds)
{
	int error = a->sa.sa_family == AF_UNIX ? 0 : listener_is_free(a);
	unsigned i = 0;
	for (; error == 0 && i < n; i++) {
		if (i > 0 && a->sa.sa_family == AF_UNIX)
			fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		else
			fds[i] = listener_open_one(a, backlog);
		if (fds[i] < 0) {
			error = i > 0 && a->sa.sa_family == AF_UNIX ? -errno : fds[i];
			break;
		}
	}
	if (error) {
		while (i-- > 0)
			(void)close(fds[i]);
	}
	return error;
}

static void acceptor_hold(struct acceptor *a, enum acceptor_hold why)
{
	if (!a->held)
		(void)event_del(&a->ev);
	a->held |= why;
}

static void acceptor_release(struct acceptor *a, enum acceptor_hold why)
{
	bool was_held = a->held;
	a->held &= ~(unsigned)why;
	if (was_held && !a->held)
		(void)event_add(&a->ev, NULL);
}

/* Told once in ten seconds, however many acceptors try. */
static void acceptor_tell(uint64_t now_ns, int error)
{
	static _Atomic uint64_t next_ns;
	uint64_t next = atomic_load_explicit(&next_ns, memory_order_relaxed);
	stat_inc(STAT_ACCEPT_SHORTAGES);
	if (now_ns >= next && atomic_compare_exchange_strong(&next_ns, &next, now_ns + QUIET_NS))
		log_warn("listener", "cannot accept: %s; trying again every 100 ms", strerror(error));
}

static void acceptor_run_short(struct acceptor *a, int error)
{
	acceptor_tell(worker_now(a->worker), error);
	acceptor_hold(a, ACCEPTOR_SHORTAGE);
	worker_timer(a->worker, &a->retry, RETRY_NS);
}

static void acceptor_on_retry(struct timer *t)
{
	acceptor_release(container_of(t, struct acceptor, retry), ACCEPTOR_SHORTAGE);
}

void acceptor_pause(struct acceptor *a)
{
	acceptor_hold(a, ACCEPTOR_PAUSED);
}

void acceptor_go_on(struct acceptor *a)
{
	acceptor_release(a, ACCEPTOR_PAUSED);
}

/* Accept a few. False: there are no more, or it does not go on now. */
static bool acceptor_take(struct acceptor *a)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct addr peer = { .len = sizeof(peer) - offsetof(struct addr, sa) };
		int got = accept4(a->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0) {
			a->on_accept(a, got, &peer);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			acceptor_run_short(a, errno);
		else if (errno == EINTR || errno == ECONNABORTED)
			continue;
		else if (errno != EAGAIN)
			log_error("listener", "accept: %s", strerror(errno));
		return false;
	}
	return true;
}

static void acceptor_on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	(void)acceptor_take(arg);
}

int acceptor_start(struct acceptor *a, struct worker *w, int fd,
                   void (*on_accept)(struct acceptor *, int, const struct addr *), void *data)
{
	*a = (struct acceptor){ .worker = w, .fd = fd, .on_accept = on_accept, .data = data };
	timer_init(&a->retry, acceptor_on_retry);
	if (event_assign(&a->ev, w->base, fd, EV_READ | EV_PERSIST, acceptor_on_event, a) < 0 ||
	    event_add(&a->ev, NULL) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	return 0;
}

void acceptor_stop(struct acceptor *a)
{
	if (!a->held)
		(void)event_del(&a->ev);
	timer_drop(&a->retry);
	for (int i = 0; i < STOP_BATCHES && acceptor_take(a); i++)
		;
	timer_drop(&a->retry);
	(void)close(a->fd);
	a->fd = -1;
}
