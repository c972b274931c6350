/*
 * authority: a cheap authorization server (HTTP/1.1), so that the gateway before it is measured and
 * not this. What it says follows from what it is asked; it remembers nothing.
 *   authority PORT KEY.PEM JWKS.json     on 127.0.0.1; KEY.PEM signs ID tokens
 *
 *   GET  /.well-known/openid-configuration   of the issuer http://127.0.0.1:PORT
 *   GET  /jwks                               the file
 *   POST /introspect                         token=SUBJECT.ANYTHING is active (RFC 7662)
 *   POST /token                              code=NONCE: tokens of a login with that nonce
 */
#define _GNU_SOURCE
#include "sign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 4096, IN_MAX = 16 * 1024, OUT_MAX = 16 * 1024, BODY_MAX = 8 * 1024 };
enum { VALID_SECONDS = 86400, WORD = 128 };

struct conn {
	int fd;
	bool broken;
	size_t in_len, out_len, out_sent;
	char in[IN_MAX + 1], out[OUT_MAX];
};

static EVP_PKEY *key;
static char jwks[BODY_MAX], document[BODY_MAX];
static unsigned port;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void answer(struct conn *c, const char *status, const char *body)
{
	c->out_len = (size_t)snprintf(c->out, sizeof(c->out),
		"HTTP/1.1 %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		status, strlen(body), body);
	c->out_sent = 0;
	if (c->out_len >= sizeof(c->out))
		abort();
}

/* The value of a parameter of a form up to its end or the given character; empty without one. None
 * of what is read here needs an escape. */
static void parameter(const char *form, const char *name, char until, char value[WORD])
{
	const char *at = form;
	size_t name_len = strlen(name), n = 0;
	while (at && strncmp(at, name, name_len) != 0)
		at = (at = strchr(at, '&')) ? at + 1 : NULL;
	if (at) {
		at += name_len;
		while (at[n] && at[n] != '&' && at[n] != until && n < WORD - 1)
			n++;
		memcpy(value, at, n);
	}
	value[n] = '\0';
}

static void introspect(struct conn *c, const char *form)
{
	char subject[WORD], body[BODY_MAX];
	parameter(form, "token=", '.', subject);
	long now = (long)time(NULL);
	(void)snprintf(body, sizeof(body),
		"{\"active\":true,\"aud\":\"bench\",\"sub\":\"%s\",\"client_id\":\"load\","
		"\"scope\":\"read write\",\"token_type\":\"Bearer\",\"iat\":%ld,\"exp\":%ld}",
		subject, now, now + VALID_SECONDS);
	answer(c, "200 OK", subject[0] ? body : "{\"active\":false}");
}

static void tokens(struct conn *c, const char *form)
{
	char nonce[WORD], claims[512], id_token[TOKEN_MAX], body[BODY_MAX];
	long now = (long)time(NULL);
	parameter(form, "code=", '&', nonce);
	(void)snprintf(claims, sizeof(claims),
		"{\"iss\":\"http://127.0.0.1:%u\",\"aud\":\"bench\",\"sub\":\"user\",\"nonce\":"
		"\"%s\",\"email\":\"user@example.com\",\"iat\":%ld,\"exp\":%ld}",
		port, nonce, now, now + VALID_SECONDS);
	token_sign(key, "JWT", claims, id_token);
	(void)snprintf(body, sizeof(body),
		"{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"Bearer\","
		"\"expires_in\":%d,\"id_token\":\"%s\"}",
		VALID_SECONDS, id_token);
	if (nonce[0])
		answer(c, "200 OK", body);
	else
		answer(c, "400 Bad Request", "{\"error\":\"invalid_grant\"}");
}

static bool asks(const struct conn *c, const char *what)
{
	return strncmp(c->in, what, strlen(what)) == 0;
}

static void request(struct conn *c, const char *body)
{
	if (asks(c, "POST /introspect "))
		introspect(c, body);
	else if (asks(c, "POST /token "))
		tokens(c, body);
	else if (asks(c, "GET /jwks "))
		answer(c, "200 OK", jwks);
	else if (asks(c, "GET /.well-known/openid-configuration "))
		answer(c, "200 OK", document);
	else
		answer(c, "404 Not Found", "{}");
}

/* ---- connections --------------------------------------------------------------------------- */

/* Answers a request that is whole. Returns false without one. */
static bool take_request(struct conn *c)
{
	c->in[c->in_len] = '\0';
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return false;
	const char *length = strcasestr(c->in, "\ncontent-length:");
	size_t head = (size_t)(end - c->in) + 4;
	size_t whole = head +
		(length && length < end ? strtoul(length + strlen("\ncontent-length:"), NULL, 10)
					: 0);
	if (c->in_len < whole)
		return false;
	char kept = c->in[whole];
	c->in[whole] = '\0';
	request(c, c->in + head);
	c->in[whole] = kept;
	c->in_len -= whole;
	memmove(c->in, c->in + whole, c->in_len);
	return true;
}

/* Returns false while the socket takes no more. */
static bool conn_send(struct conn *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, 0);
		if (n < 0) {
			c->broken = errno != EAGAIN;
			return false;
		}
		c->out_sent += (size_t)n;
	}
	return true;
}

static void conn_work(struct conn *c)
{
	while (conn_send(c)) {
		if (take_request(c))
			continue;
		ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, 0);
		if (n <= 0) {
			c->broken = n == 0 || errno != EAGAIN;
			return;
		}
		c->in_len += (size_t)n;
	}
}

static void accept_all(int epoll, int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		c->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	}
}

static int listen_here(void)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const void *)&a, sizeof(a)) || listen(fd, BACKLOG))
		die("authority");
	return fd;
}

static void read_jwks(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(jwks, 1, sizeof(jwks) - 1, f) : 0;
	if (!n || fclose(f))
		die(path);
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct epoll_event ev[EVENTS];
	port = argc == 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	key = argc == 4 ? key_read(argv[2]) : NULL;
	if (!port || !key) {
		(void)fprintf(stderr, "usage: authority PORT KEY.PEM JWKS.json\n");
		return 2;
	}
	read_jwks(argv[3]);
	(void)snprintf(document, sizeof(document),
		"{\"issuer\":\"http://127.0.0.1:%u\",\"authorization_endpoint\":\"http://"
		"127.0.0.1:%u/authorize\",\"token_endpoint\":\"http://127.0.0.1:%u/token\","
		"\"jwks_uri\":\"http://127.0.0.1:%u/jwks\"}",
		port, port, port, port);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_here();
	struct epoll_event first = { .events = EPOLLIN, .data.ptr = NULL };
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first);
	for (;;) {
		int n = epoll_wait(epoll, ev, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			if (!c) {
				accept_all(epoll, listener);
				continue;
			}
			conn_work(c);
			if (c->broken) {
				(void)close(c->fd);
				free(c);
			}
		}
	}
}
