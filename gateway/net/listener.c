/* Listening sockets. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stat.h"

enum {
	ACCEPT_BATCH = 64, /* accepted before others get their turn */
	/* a backlog of 65535: a listener that stops accepts those that wait, but not new ones
	 * without end */
	STOP_BATCHES = 1024,
	STOP_WAIT_MS = 1,
	RETRY_NS = 100 * NS_PER_MS,
};
#define QUIET_NS (10 * NS_PER_S) /* between two lines about a shortage */

/* Whether the path is a socket on which no process listens. */
static bool listener_unix_is_stale(const struct addr *a)
{
	struct stat st;
	if (stat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	/* a full queue also shows that a process listens */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool refused = connect(fd, &a->sa, a->len) < 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

int listener_set_access(const struct addr *a, const struct listener_access *access)
{
	const char *path = a->un.sun_path;
	uid_t uid = access->uid < 0 ? (uid_t)-1 : (uid_t)access->uid;
	gid_t gid = access->gid < 0 ? (gid_t)-1 : (gid_t)access->gid;
	if ((access->uid >= 0 || access->gid >= 0) && lchown(path, uid, gid) < 0)
		return -errno;
	return access->mode >= 0 && chmod(path, (mode_t)access->mode) < 0 ? -errno : 0;
}

/* The file gets its mode and owners before the socket listens, so that nobody can connect
 * earlier. */
static int listener_bind(int fd, const struct addr *a, const struct listener_how *how)
{
	if (bind(fd, &a->sa, a->len) < 0)
		return -errno;
	int err = a->sa.sa_family == AF_UNIX ? listener_set_access(a, &how->access) : 0;
	if (!err && listen(fd, how->backlog) < 0)
		err = -errno;
	if (err && a->sa.sa_family == AF_UNIX)
		(void)unlink(a->un.sun_path);
	return err;
}

static int listener_open_one(const struct addr *a, const struct listener_how *how)
{
	int one = 1;
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->sa.sa_family != AF_UNIX) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
		/* accepted ones inherit it */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (a->sa.sa_family == AF_UNIX && listener_unix_is_stale(a))
		(void)unlink(a->un.sun_path);
	int error = listener_bind(fd, a, how);
	if (error == 0)
		return fd;
	(void)close(fd);
	return error;
}

/* SO_REUSEPORT lets a second gateway of the same user share the port unnoticed, so first try to
 * bind without it. */
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

int listener_open_how(const struct addr *a, const struct listener_how *how, int *fds)
{
	bool is_unix = a->sa.sa_family == AF_UNIX;
	int error = is_unix || how->claim == LISTENER_BESIDE_OURS ? 0 : listener_is_free(a);
	unsigned i = 0;
	for (; error == 0 && i < how->n; i++) {
		if (i > 0 && is_unix)
			fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		else
			fds[i] = listener_open_one(a, how);
		if (fds[i] < 0) {
			error = i > 0 && is_unix ? -errno : fds[i];
			break;
		}
	}
	if (error) {
		while (i-- > 0)
			(void)close(fds[i]);
	}
	return error;
}

int listener_adopt(int fd, const struct addr *a, int backlog)
{
	int one = 1, only = 0, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof(only);
	if (a->sa.sa_family == AF_INET6 &&
		(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) < 0 || !only))
		return -EAFNOSUPPORT;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || listen(fd, backlog) < 0)
		return -errno;
	if (a->sa.sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

void listener_file_note(struct listener_file *f, const struct addr *a)
{
	struct stat st;
	*f = (struct listener_file){ 0 };
	if (a->sa.sa_family == AF_UNIX && lstat(a->un.sun_path, &st) == 0)
		*f = (struct listener_file){ st.st_dev, st.st_ino, st.st_mtim };
}

bool listener_file_is_ours(const struct listener_file *f, const struct addr *a)
{
	struct stat st;
	return a->sa.sa_family == AF_UNIX && lstat(a->un.sun_path, &st) == 0 &&
		S_ISSOCK(st.st_mode) && st.st_dev == f->dev && st.st_ino == f->ino &&
		/* an inode number is soon used for another file */
		st.st_mtim.tv_sec == f->made.tv_sec && st.st_mtim.tv_nsec == f->made.tv_nsec;
}

void listener_file_unlink(const struct listener_file *f, const struct addr *a)
{
	if (listener_file_is_ours(f, a))
		(void)unlink(a->un.sun_path);
}

int listener_open(const struct addr *a, unsigned n, int backlog, int *fds)
{
	const struct listener_how how = { n, backlog, LISTENER_ALONE,
		{ LISTENER_AS_IS, LISTENER_AS_IS, LISTENER_AS_IS } };
	return listener_open_how(a, &how, fds);
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

/* Logged once in ten seconds, however many acceptors try. */
static void acceptor_tell(uint64_t now_ns, int error)
{
	static _Atomic uint64_t next_ns;
	uint64_t next = atomic_load_explicit(&next_ns, memory_order_relaxed);
	stat_inc(STAT_ACCEPT_SHORTAGES);
	if (now_ns >= next && atomic_compare_exchange_strong(&next_ns, &next, now_ns + QUIET_NS))
		log_warn("listener", "cannot accept: %s; trying again every 100 ms",
			strerror(error));
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

/* Accept a batch. False: no more connections wait, or accepting has to pause. */
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

/* Drop new SYNs at this socket (SYN without ACK in byte 13 of the TCP header): between the last
 * accept() and close() no connection can come in that close() would reset. */
static void acceptor_refuse_new(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	static const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	int type;
	socklen_t len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &type, &len) == 0 && type != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* Accept what waits, so that closing the socket resets no connection. */
static void acceptor_empty(struct acceptor *a)
{
	struct pollfd more = { .fd = a->fd, .events = POLLIN };
	acceptor_refuse_new(a->fd);
	/* a handshake that another processor is just completing is seen by the short wait */
	for (int i = 0; i < STOP_BATCHES &&
		(acceptor_take(a) || (!a->held && poll(&more, 1, STOP_WAIT_MS) > 0));
		i++)
		;
	timer_drop(&a->retry);
}

void acceptor_stop(struct acceptor *a)
{
	if (!a->held)
		(void)event_del(&a->ev);
	timer_drop(&a->retry);
	if (!a->lent)
		acceptor_empty(a);
	(void)close(a->fd);
	a->fd = -1;
}
