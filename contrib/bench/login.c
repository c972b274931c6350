/*
 * login: browsers that log in by OpenID Connect at the gateway, again and again, and says how it
 * went as one line of JSON. A login is three requests: for a page, which is answered by the
 * redirect to the provider; for the redirect URI, with the code that `authority` takes; and for the
 * page again, with the session. The provider's own page is left out: its answer follows from the
 * first. login CONNECTIONS SECONDS [--gate] http://ADDRESS:PORT/PAGE login cookie
 * http://ADDRESS:PORT/PAGE       one login; prints the field Cookie of its session
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gate.h"
#include "histogram.h"

enum { HEAD_MAX = 32 * 1024, COOKIES_MAX = 16 * 1024, WORD = 256, PATIENCE = 10 };

/* What went wrong, in the words of `load`. */
enum trouble { FINE, BROKEN, STATUS };

struct browser {
	pthread_t thread;
	int fd;
	size_t in_len;
	char in[HEAD_MAX + 1], out[HEAD_MAX];
	char cookies[COOKIES_MAX]; /* of the last response, as a field Cookie has them */
	uint64_t done, broken, status;
	struct histogram took;
};

static struct sockaddr_in server = { .sin_family = AF_INET };
static char host[WORD];
static const char *page;
static uint64_t stop;

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "login: %s\n", what);
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* ---- a connection -------------------------------------------------------------------------- */

static bool browser_open(struct browser *b)
{
	int on = 1;
	struct timeval patience = { .tv_sec = PATIENCE };
	b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(b->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	b->in_len = 0;
	return b->fd >= 0 && connect(b->fd, (const void *)&server, sizeof(server)) == 0;
}

static bool browser_read(struct browser *b)
{
	ssize_t n = recv(b->fd, b->in + b->in_len, HEAD_MAX - b->in_len, 0);
	if (n <= 0)
		return false;
	b->in_len += (size_t)n;
	b->in[b->in_len] = '\0';
	return true;
}

/* The next value of a field from `from` on, or NULL; its end is at the line break. */
static char *field(char *from, const char *name)
{
	char *at = strcasestr(from, name);
	return at ? at + strlen(name) + strspn(at + strlen(name), " ") : NULL;
}

/* Keeps what the response sets, as a browser would: not what it takes away. */
static void keep_cookies(struct browser *b)
{
	size_t n = 0;
	b->cookies[0] = '\0';
	for (char *at = b->in; (at = field(at, "\nset-cookie:")) != NULL;) {
		size_t len = strcspn(at, ";\r"), line = strcspn(at, "\r");
		if (memmem(at, line, "Max-Age=0;", 10) || at[line - 1] == '=' ||
			n + len + 3 > sizeof(b->cookies))
			continue;
		n += (size_t)sprintf(b->cookies + n, "%s%.*s", n ? "; " : "", (int)len, at);
	}
}

/* The response to what was sent: its head stays in b->in, its body is dropped. Returns its status,
 * or 0 when there is no whole one. */
static int receive(struct browser *b)
{
	char *end;
	while ((end = strstr(b->in, "\r\n\r\n")) == NULL) {
		if (!browser_read(b))
			return 0;
	}
	*end = '\0';
	size_t head = (size_t)(end - b->in) + 4;
	const char *length = field(b->in, "\ncontent-length:");
	size_t whole = head + (length ? strtoul(length, NULL, 10) : 0);
	while (b->in_len < whole && whole <= HEAD_MAX) {
		if (!browser_read(b))
			return 0;
	}
	keep_cookies(b);
	return whole == b->in_len && strncmp(b->in, "HTTP/1.1 ", 9) == 0 ? atoi(b->in + 9) : 0;
}

/* A page asked for as a browser asks for one that its user wants to see, with the cookies. */
static int ask(struct browser *b, const char *target)
{
	int n = snprintf(b->out, sizeof(b->out),
		"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: login\r\nAccept: text/html\r\n"
		"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n%s%s%s\r\n",
		target, host, b->cookies[0] ? "Cookie: " : "", b->cookies,
		b->cookies[0] ? "\r\n" : "");
	b->in_len = 0;
	b->in[0] = '\0';
	return n < (int)sizeof(b->out) && send(b->fd, b->out, (size_t)n, MSG_NOSIGNAL) == n
		? receive(b)
		: 0;
}

/* ---- a login ------------------------------------------------------------------------------- */

/* A parameter of the redirect's target; base64url, so that nothing in it is escaped. */
static bool parameter(char *location, const char *name, char value[WORD])
{
	char *at = location ? strstr(location, name) : NULL;
	size_t n = at ? strcspn(at + strlen(name), "&\r\n") : 0;
	if (!n || n >= WORD)
		return false;
	memcpy(value, at + strlen(name), n);
	value[n] = '\0';
	return true;
}

/* 0 is no response at all. */
static enum trouble wrong(int status)
{
	return status ? STATUS : BROKEN;
}

static enum trouble log_in(struct browser *b)
{
	char state[WORD], nonce[WORD], callback[3 * WORD];
	b->cookies[0] = '\0';
	int status = ask(b, page);
	char *location = field(b->in, "\nlocation:");
	if (status != 302 || !parameter(location, "&state=", state) ||
		!parameter(location, "&nonce=", nonce))
		return wrong(status);
	(void)snprintf(callback, sizeof(callback), "/oidc/callback?code=%s&state=%s", nonce, state);
	status = ask(b, callback);
	if (status != 303 || !b->cookies[0])
		return wrong(status);
	char session[COOKIES_MAX];
	memcpy(session, b->cookies, sizeof(session));
	status = ask(b, page);
	memcpy(b->cookies, session, sizeof(session));
	return status == 200 ? FINE : wrong(status);
}

static void *browse(void *arg)
{
	struct browser *b = arg;
	while (now_ns() < stop) {
		uint64_t begun = now_ns();
		enum trouble t = log_in(b);
		b->done += t == FINE;
		b->status += t == STATUS;
		b->broken += t == BROKEN;
		if (t == FINE)
			histogram_add(&b->took, (now_ns() - begun) / 1000);
		if (t != BROKEN)
			continue;
		(void)close(b->fd);
		if (!browser_open(b))
			break;
	}
	return NULL;
}

/* ---- the run ------------------------------------------------------------------------------- */

static void parse_url(char *url)
{
	char *slash = strncmp(url, "http://", 7) == 0 ? strchr(url + 7, '/') : NULL, address[WORD];
	size_t n = slash ? (size_t)(slash - url) - 7 : sizeof(host);
	if (n >= sizeof(host))
		die("the URL is http://ADDRESS:PORT/PAGE");
	memcpy(host, url + 7, n);
	memcpy(address, host, sizeof(address));
	page = slash;
	char *colon = strchr(address, ':');
	if (colon)
		*colon++ = '\0';
	if (!colon || inet_pton(AF_INET, address, &server.sin_addr) != 1)
		die("the URL is http://ADDRESS:PORT/PAGE");
	server.sin_port = htons((uint16_t)strtoul(colon, NULL, 10));
}

static int print_cookie(void)
{
	static struct browser b;
	if (!browser_open(&b) || log_in(&b) != FINE)
		die("the login failed");
	(void)printf("Cookie: %s\n", b.cookies);
	return close(b.fd);
}

static int load(unsigned n, double seconds, bool wait)
{
	struct browser *all = calloc(n, sizeof(*all)), sum = { .done = 0 };
	if (!all)
		abort();
	for (unsigned i = 0; i < n; i++) {
		if (!browser_open(&all[i]))
			die("cannot connect");
	}
	gate(wait, "ready");
	uint64_t start = now_ns();
	stop = start + (uint64_t)(seconds * 1e9);
	for (unsigned i = 0; i < n; i++) {
		if (pthread_create(&all[i].thread, NULL, browse, &all[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < n; i++) {
		(void)pthread_join(all[i].thread, NULL);
		sum.done += all[i].done;
		sum.broken += all[i].broken;
		sum.status += all[i].status;
		histogram_join(&sum.took, &all[i].took);
	}
	(void)printf("{\"requests\": %llu, \"seconds\": %.6f, \"failed\": {\"broken\": %llu, "
		     "\"status\": %llu}, \"latency_us\": ",
		(unsigned long long)sum.done, (double)(now_ns() - start) / 1e9,
		(unsigned long long)sum.broken, (unsigned long long)sum.status);
	histogram_print(&sum.took, stdout);
	gate(wait, "}");
	for (unsigned i = 0; i < n; i++)
		(void)close(all[i].fd);
	free(all);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	bool wait = argc == 5 && strcmp(argv[3], "--gate") == 0;
	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (argc == 3 && strcmp(argv[1], "cookie") == 0) {
		parse_url(argv[2]);
		return print_cookie();
	}
	unsigned n = argc == 4 || wait ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	if (!n || n > 1024)
		die("CONNECTIONS SECONDS [--gate] URL, or cookie URL");
	parse_url(argv[argc - 1]);
	return load(n, strtod(argv[2], NULL), wait);
}
