/*
 * websocket: messages through a gateway, there and back.
 *   websocket serve PORT                                      answers each message with itself
 *   websocket load CONNECTIONS SECONDS SIZE [--gate] ADDRESS:PORT/PATH
 *                                                             each connection sends the next
 *                                                             message when the last came back; says
 *                                                             how it went as one line of JSON (see
 *                                                             load.c for --gate)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "histogram.h"

enum { EVENTS = 256, BACKLOG = 4096, BUFFER = 64 * 1024, MESSAGE_MAX = 32 * 1024, KEY = 24 };

struct conn {
	int fd;
	bool open; /* the upgrade is done */
	bool broken;
	uint64_t sent_at;
	size_t in_len, out_len;
	char in[BUFFER], out[BUFFER];
};

static bool serving;
static size_t message_size;
static uint64_t messages, failed, stop;
static unsigned opened;
static struct histogram took;
static const char *host_and_path;

static uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "websocket: %s\n", what);
	exit(2);
}

static void conn_flush(struct conn *c)
{
	while (c->out_len && !c->broken) {
		ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
		if (n < 0) {
			c->broken = errno != EAGAIN;
			return;
		}
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
}

static void in_take(struct conn *c, size_t n)
{
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

/* Appends a text frame (RFC 6455 5.2); a client masks what it sends. */
static void frame_add(struct conn *c, const char *data, size_t n, bool mask)
{
	static const uint8_t key[4] = { 0x12, 0x34, 0x56, 0x78 };
	uint8_t *to = (uint8_t *)c->out + c->out_len;
	size_t at = 2;

	if (c->out_len + n + 14 > sizeof(c->out)) {
		c->broken = true;
		return;
	}
	to[0] = 0x81;
	if (n < 126) {
		to[1] = (uint8_t)n;
	} else {
		to[1] = 126;
		to[2] = (uint8_t)(n >> 8);
		to[3] = (uint8_t)n;
		at = 4;
	}
	if (mask) {
		to[1] |= 0x80;
		memcpy(to + at, key, 4);
		at += 4;
	}
	for (size_t i = 0; i < n; i++)
		to[at + i] = (uint8_t)((uint8_t)data[i] ^ (mask ? key[i % 4] : 0));
	c->out_len += at + n;
}

/* Cuts one message out of what came in. Returns its length, unmasked at c->in + *at; -1: not whole
 * yet. */
static ssize_t frame_cut(struct conn *c, size_t *at, size_t *end)
{
	uint8_t *in = (uint8_t *)c->in;
	if (c->in_len < 2)
		return -1;
	size_t n = in[1] & 0x7f, head = 2;
	bool masked = in[1] & 0x80;
	if (n == 126) {
		if (c->in_len < 4)
			return -1;
		n = (size_t)in[2] << 8 | in[3];
		head = 4;
	}
	if (in[0] != 0x81 || (in[1] & 0x7f) == 127 || n > MESSAGE_MAX || masked != serving) {
		c->broken = true;
		return -1;
	}
	*at = head + (masked ? 4 : 0);
	*end = *at + n;
	if (c->in_len < *end)
		return -1;
	for (size_t i = 0; masked && i < n; i++)
		in[*at + i] ^= in[head + i % 4];
	return (ssize_t)n;
}

static void accept_value(const char *key, char out[64])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char text[KEY + 40];
	unsigned n;
	int len =
		snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", KEY, key);
	if (EVP_Digest(text, (size_t)len, digest, &n, EVP_sha1(), NULL) != 1)
		abort();
	(void)EVP_EncodeBlock((uint8_t *)out, digest, (int)n);
}

static const char client_key[] = "AAECAwQFBgcICQoLDA0ODw==";

static void send_message(struct conn *c)
{
	static char text[MESSAGE_MAX];
	if (!text[0])
		memset(text, 'm', sizeof(text));
	c->sent_at = now_ns();
	frame_add(c, text, message_size, true);
}

/* The head of the upgrade, on either side. */
static void upgrade(struct conn *c)
{
	char value[64];
	const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end) {
		c->broken = c->broken || c->in_len == sizeof(c->in);
		return;
	}
	size_t len = (size_t)(end - c->in) + 4;
	c->in[len - 1] = '\0';
	if (serving) {
		const char *key = strcasestr(c->in, "\nsec-websocket-key:");
		if (!key || !strcasestr(c->in, "\nupgrade: websocket")) {
			c->broken = true;
			return;
		}
		key += strlen("\nsec-websocket-key:");
		accept_value(key + strspn(key, " "), value);
		c->out_len = (size_t)snprintf(c->out, sizeof(c->out),
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			value);
	} else {
		accept_value(client_key, value);
		if (strncmp(c->in, "HTTP/1.1 101 ", 13) != 0 || !strstr(c->in, value)) {
			c->broken = true;
			return;
		}
		opened++;
	}
	c->open = true;
	in_take(c, len);
}

static void take_messages(struct conn *c)
{
	size_t at, end;
	ssize_t n;
	while (!c->broken && (n = frame_cut(c, &at, &end)) >= 0) {
		if (serving) {
			frame_add(c, c->in + at, (size_t)n, false);
		} else {
			messages++;
			failed += (size_t)n != message_size;
			histogram_add(&took, (now_ns() - c->sent_at) / 1000);
			if (now_ns() < stop)
				send_message(c);
		}
		in_take(c, end);
	}
}

static void conn_work(struct conn *c)
{
	for (;;) {
		conn_flush(c);
		if (c->broken)
			return;
		ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
		if (n <= 0) {
			c->broken = n == 0 || errno != EAGAIN;
			return;
		}
		c->in_len += (size_t)n;
		if (!c->open)
			upgrade(c);
		if (c->open)
			take_messages(c);
	}
}

static struct conn *conn_new(int fd, int epoll)
{
	int on = 1;
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->fd = fd;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	return c;
}

static void turn(int epoll, int listener, int timeout)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epoll, ev, EVENTS, timeout), fd;
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		while (!c &&
			(fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
			(void)conn_new(fd, epoll);
		if (!c || c->fd < 0)
			continue;
		conn_work(c);
		if (c->broken) {
			(void)close(c->fd);
			c->fd = -1;
			failed += !serving;
			if (serving)
				free(c);
		}
	}
}

static _Noreturn void serve(int epoll, uint16_t port)
{
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	serving = true;
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const void *)&a, sizeof(a)) || listen(listener, BACKLOG))
		die("cannot listen");
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	for (;;)
		turn(epoll, listener, -1);
}

static struct conn *client_open(int epoll)
{
	char address[64];
	const char *slash = strchr(host_and_path, '/'), *colon = strchr(host_and_path, ':');
	struct sockaddr_in a = { .sin_family = AF_INET };
	if (!slash || !colon || colon > slash || (size_t)(colon - host_and_path) >= sizeof(address))
		die("the last argument is ADDRESS:PORT/PATH");
	memcpy(address, host_and_path, (size_t)(colon - host_and_path));
	address[colon - host_and_path] = '\0';
	a.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
		connect(fd, (const void *)&a, sizeof(a)))
		die("cannot connect");
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	struct conn *c = conn_new(fd, epoll);
	c->out_len = (size_t)snprintf(c->out, sizeof(c->out),
		"GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		slash, (int)(slash - host_and_path), host_and_path, client_key);
	conn_work(c);
	return c;
}

static int load(int epoll, unsigned connections, double seconds, bool wait)
{
	struct conn **conns = calloc(connections, sizeof(struct conn *));
	uint64_t until = now_ns() + 10000000000U;
	if (!conns)
		abort();
	for (unsigned i = 0; i < connections; i++)
		conns[i] = client_open(epoll);
	while (opened < connections && !failed && now_ns() < until)
		turn(epoll, -1, 100);
	if (opened < connections)
		die("not every connection was upgraded");
	gate(wait, "ready");
	uint64_t start = now_ns();
	stop = start + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < connections; i++) {
		send_message(conns[i]);
		conn_flush(conns[i]);
	}
	while (now_ns() < stop + 50000000U)
		turn(epoll, -1, 20);
	(void)printf("{\"requests\": %llu, \"seconds\": %.6f, \"failed\": {\"broken\": %llu}, "
		     "\"latency_us\": ",
		(unsigned long long)messages, seconds, (unsigned long long)failed);
	histogram_print(&took, stdout);
	gate(wait, "}");
	for (unsigned i = 0; i < connections; i++) {
		if (conns[i]->fd >= 0)
			(void)close(conns[i]->fd);
		free(conns[i]);
	}
	free(conns);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	bool wait = argc == 7 && strcmp(argv[5], "--gate") == 0;
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(epoll, (uint16_t)strtoul(argv[2], NULL, 10));
	if (argc < 6 || argc > 7 || strcmp(argv[1], "load") != 0 || (argc == 7 && !wait))
		die("serve PORT, or load CONNECTIONS SECONDS SIZE [--gate] ADDRESS:PORT/PATH");
	host_and_path = argv[argc - 1];
	message_size = strtoul(argv[4], NULL, 10);
	if (!message_size || message_size > MESSAGE_MAX)
		die("the size is between 1 and 32768");
	return load(epoll, (unsigned)strtoul(argv[2], NULL, 10), strtod(argv[3], NULL), wait);
}
