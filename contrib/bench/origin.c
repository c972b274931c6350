/*
 * origin: a cheap HTTP/1.1 server, so that what stands before it is measured and not this. GET /N
 * answers with N bytes (none given: 1024); a request body is read and dropped. Connections are
 * kept. origin PORT [ADDRESSES]    on 127.0.0.1, and with ADDRESSES on as many less one of
 * 127.1.0.1, 127.1.0.2 ... 127.1.1.1 ...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 4096, HEAD_MAX = 16 * 1024, FILLER = 1024 * 1024, PER_NET = 250 };
enum { SEND_SHARE = 4 * FILLER }; /* bytes sent before others get their turn */

struct conn {
	int fd;
	bool listener;
	bool broken;
	bool unfinished; /* it gave others their turn, not because the socket was full */
	bool answering;  /* a head was read: the answer follows its body */
	uint64_t skip;   /* bytes of a request body still to come */
	uint64_t body;   /* bytes of the response's body still to send */
	size_t head_len, head_sent, in_len;
	char head[192];
	char in[HEAD_MAX];
};

static char filler[FILLER], dropped[FILLER];

/* Returns false while the socket takes no more, or others are to have their turn. */
static bool conn_send(struct conn *c)
{
	size_t sent = 0;
	if (c->answering && c->skip)
		return true;
	c->answering = false;
	while (c->head_sent < c->head_len || c->body) {
		if (sent > SEND_SHARE) {
			c->unfinished = true;
			return false;
		}
		size_t part = c->body < sizeof(filler) ? (size_t)c->body : sizeof(filler);
		struct iovec iov[2] = { { c->head + c->head_sent, c->head_len - c->head_sent },
			{ filler, part } };
		ssize_t n = writev(c->fd, iov, 2);
		if (n < 0) {
			c->broken = errno != EAGAIN;
			return false;
		}
		sent += (size_t)n;
		size_t of_head = (size_t)n < iov[0].iov_len ? (size_t)n : iov[0].iov_len;
		c->head_sent += of_head;
		c->body -= (size_t)n - of_head;
	}
	return true;
}

static void conn_take(struct conn *c, size_t n)
{
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

static void conn_answer(struct conn *c, const char *status, uint64_t n)
{
	c->head_len = (size_t)snprintf(c->head, sizeof(c->head),
		"HTTP/1.1 %s\r\nServer: origin\r\nContent-Type: text/plain\r\nContent-Length: "
		"%llu\r\n\r\n",
		status, (unsigned long long)n);
	c->head_sent = 0;
	c->body = n;
	c->answering = true;
}

/* Answers what is complete. The head ends at in[end - 1]. */
static void conn_request(struct conn *c, size_t end)
{
	c->in[end - 1] = '\0';
	const char *length = strcasestr(c->in, "\ncontent-length:"), *path = strchr(c->in, ' ');
	if (!path || strcasestr(c->in, "\ntransfer-encoding:")) {
		conn_answer(c, "411 Length Required", 0);
	} else {
		uint64_t n = strtoull(path + 1 + (path[1] == '/'), NULL, 10);
		conn_answer(c, "200 OK", n ? n : 1024);
	}
	c->skip = length ? strtoull(length + strlen("\ncontent-length:"), NULL, 10) : 0;
	conn_take(c, end);
}

static void conn_work(struct conn *c)
{
	while (conn_send(c)) {
		size_t drop = c->skip < c->in_len ? (size_t)c->skip : c->in_len;
		conn_take(c, drop);
		c->skip -= drop;
		if (c->answering && !c->skip)
			continue;
		const char *end = c->skip ? NULL : memmem(c->in, c->in_len, "\r\n\r\n", 4);
		if (end) {
			conn_request(c, (size_t)(end - c->in) + 4);
			continue;
		}
		size_t room = sizeof(c->in) - c->in_len;
		ssize_t n = 0;
		if (c->skip) /* TCP drops what is asked for with MSG_TRUNC: a body costs no copy */
			n = recv(c->fd, dropped,
				c->skip < sizeof(dropped) ? (size_t)c->skip : sizeof(dropped),
				MSG_TRUNC);
		else if (room)
			n = recv(c->fd, c->in + c->in_len, room, 0);
		if (n <= 0) {
			c->broken = n == 0 || errno != EAGAIN;
			return;
		}
		if (c->skip)
			c->skip -= (uint64_t)n;
		else
			c->in_len += (size_t)n;
	}
}

static void watch(int epoll, struct conn *c, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev);
}

static struct conn *conn_new(int fd, bool listener)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->fd = fd;
	c->listener = listener;
	return c;
}

static void accept_all(int epoll, int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		watch(epoll, conn_new(fd, false), EPOLLIN | EPOLLOUT | EPOLLET);
	}
}

static void listen_at(int epoll, uint16_t port, unsigned long i)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint32_t address = INADDR_LOOPBACK;
	if (i)
		address = (127U << 24) + (1U << 16) +
			(uint32_t)((i - 1) / PER_NET * 256 + (i - 1) % PER_NET + 1);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(address) };
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const void *)&a, sizeof(a)) || listen(fd, BACKLOG)) {
		perror("origin");
		exit(1);
	}
	watch(epoll, conn_new(fd, true), EPOLLIN);
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct epoll_event ev[EVENTS];
	unsigned long addresses = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	uint16_t port = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 0;

	if (!port || !addresses || addresses > 10000) {
		(void)fprintf(stderr, "usage: origin PORT [ADDRESSES]\n");
		return 2;
	}
	(void)sigaction(SIGPIPE, &ignore, NULL);
	memset(filler, 'x', sizeof(filler));
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned long i = 0; i < addresses; i++)
		listen_at(epoll, port, i);
	for (;;) {
		int n = epoll_wait(epoll, ev, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			if (c->listener) {
				accept_all(epoll, c->fd);
				continue;
			}
			conn_work(c);
			/* one event for each socket and turn: nothing names it any more */
			if (c->broken) {
				(void)close(c->fd);
				free(c);
			} else if (c->unfinished) { /* asked for anew, an edge that has passed is
						       told again */
				struct epoll_event again = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
					.data.ptr = c };
				c->unfinished = false;
				(void)epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &again);
			}
		}
	}
}
