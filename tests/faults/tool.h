/* What the three programs of the faults share: the time, the end, sockets, and commands that come
 * line by line on standard input. */
#ifndef TOOL_H
#define TOOL_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

enum { TOOL_EVENTS = 256, TOOL_BACKLOG = 4096, TOOL_LINE_MAX = 256 };

static inline uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline struct sockaddr_in address_of(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || !a.sin_port) {
		errno = EINVAL;
		die(host);
	}
	return a;
}

static inline int listen_at(const struct sockaddr_in *a)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const void *)a, sizeof(*a)) || listen(fd, TOOL_BACKLOG))
		die("listen");
	return fd;
}

/* A connection that is being made, or -1. */
static inline int connect_to(const struct sockaddr_in *a)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const void *)a, sizeof(*a)) && errno != EINPROGRESS) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Ends it by a reset in place of a FIN. */
static inline void reset_now(int fd)
{
	struct linger hard = { .l_onoff = 1 };
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	(void)close(fd);
}

static inline void watch(int epoll, int fd, uint32_t events, void *data)
{
	struct epoll_event ev = { .events = events, .data.ptr = data };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
		die("epoll");
}

/* Until the time, in whole milliseconds as epoll wants them; -1 for none. */
static inline int wait_ms(uint64_t due, uint64_t now)
{
	if (due == UINT64_MAX)
		return -1;
	return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

/* Reads what stands on standard input and calls `obey` with each line. False once it has ended. */
static inline bool read_commands(void (*obey)(char *line))
{
	static char line[TOOL_LINE_MAX];
	static size_t len;
	for (;;) {
		ssize_t n = read(STDIN_FILENO, line + len, 1);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (line[len] != '\n') {
			len += len + 1 < sizeof(line);
			continue;
		}
		line[len] = '\0';
		len = 0;
		obey(line);
	}
}

static inline void begin(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
}

static inline void say(const char *text)
{
	(void)puts(text);
	(void)fflush(stdout);
}

#endif
