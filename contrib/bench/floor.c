/*
 * floor: the least that a proxy in user space can do. Bytes go from a client to one server and back
 * by epoll, recv and send, and nobody looks at them. What a proxy costs is told as a ratio to this.
 *   floor PORT SERVER_PORT
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
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 4096 };

/* One socket of a pair. What was received on it and did not fit into the other waits in rest. */
struct end {
	int fd;
	struct end *other;
	char *rest;
	size_t rest_len;
	bool dead;
	struct end *next_dead;
};

static char scratch[64 * 1024];
static struct end *dead; /* pairs of this turn: events may still name them */
static int epoll;

static void end_watch(struct end *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = e };
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, e->fd, &ev);
}

static void end_kill(struct end *e)
{
	if (e->dead)
		return;
	struct end *pair[] = { e, e->other };
	for (int i = 0; i < 2; i++) {
		(void)close(pair[i]->fd);
		pair[i]->dead = true;
		pair[i]->next_dead = dead;
		dead = pair[i];
	}
}

static void bury(void)
{
	while (dead) {
		struct end *e = dead;
		dead = e->next_dead;
		free(e->rest);
		free(e);
	}
}

/* Sends, and returns what went out; -1 for a broken pair. A socket that is not connected yet takes
 * nothing. */
static ssize_t end_send(struct end *e, const char *data, size_t n)
{
	ssize_t sent = send(e->fd, data, n, MSG_NOSIGNAL);
	if (sent >= 0)
		return sent;
	return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
}

/* Returns true when nothing waits any more. */
static bool end_flush(struct end *e)
{
	if (!e->rest_len)
		return true;
	ssize_t sent = end_send(e->other, e->rest, e->rest_len);
	if (sent < 0) {
		end_kill(e);
		return false;
	}
	e->rest_len -= (size_t)sent;
	if (e->rest_len) {
		memmove(e->rest, e->rest + sent, e->rest_len);
		return false;
	}
	free(e->rest);
	e->rest = NULL;
	return true;
}

/* Passes on what has come in, until the socket is empty or the other one is full. */
static void end_forward(struct end *e, bool to_the_end)
{
	while (end_flush(e)) {
		ssize_t n = recv(e->fd, scratch, sizeof(scratch), 0);
		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				end_kill(e);
			return;
		}
		ssize_t sent = end_send(e->other, scratch, (size_t)n);
		if (sent < 0) {
			end_kill(e);
			return;
		}
		if (sent < n) {
			e->rest_len = (size_t)(n - sent);
			e->rest = malloc(e->rest_len);
			if (!e->rest)
				abort();
			memcpy(e->rest, scratch + sent, e->rest_len);
			return;
		}
		if ((size_t)n < sizeof(scratch) && !to_the_end)
			return;
	}
}

static struct end *end_new(int fd)
{
	int on = 1;
	struct end *e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	e->fd = fd;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return e;
}

static void accept_all(int listener, const struct sockaddr_in *server)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (up < 0 ||
			(connect(up, (const void *)server, sizeof(*server)) &&
				errno != EINPROGRESS)) {
			(void)close(fd);
			if (up >= 0)
				(void)close(up);
			continue;
		}
		struct end *client = end_new(fd), *upstream = end_new(up);
		client->other = upstream;
		upstream->other = client;
		end_watch(client);
		end_watch(upstream);
	}
}

static void end_on_event(struct end *e, unsigned events)
{
	if (e->dead)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		end_kill(e);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP))
		end_forward(e, events & EPOLLRDHUP);
	if (!e->dead && (events & EPOLLOUT) && e->other->rest_len)
		end_forward(e->other, false);
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

int main(int argc, char **argv)
{
	int on = 1;
	if (argc != 3) {
		(void)fprintf(stderr, "usage: floor PORT SERVER_PORT\n");
		return 2;
	}
	struct sockaddr_in own = loopback(argv[1]), server = loopback(argv[2]);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const void *)&own, sizeof(own)) || listen(listener, BACKLOG)) {
		perror("floor");
		return 1;
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[EVENTS] = { { .events = EPOLLIN, .data.ptr = NULL } };
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev[0]);
	for (;;) {
		int n = epoll_wait(epoll, ev, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr)
				end_on_event(ev[i].data.ptr, ev[i].events);
			else
				accept_all(listener, &server);
		}
		bury();
	}
}
