/*
 * load: sends requests at fixed moments and says of each how it went. load ADDRESS PORT TAG RATE
 * START SECONDS FILE [METHOD]. START is a time of CLOCK_MONOTONIC in ns. A time counts from the
 * moment at which the request was to leave, so whoever stalls is charged for every request that
 * it kept waiting. Connections are kept for 50 requests, and taken in turn; when none is free, one
 * more is opened.
 *
 * FILE gets a line for each request: when it was to leave (ns), its time (us), status, server (-
 * where nobody says), connection number, and how it ended: ok        an answer of success status
 * another answer connect   no connection raced     a connection that had carried requests ended
 * before any byte of the answer broken    the answer was not whole, or not HTTP timeout   no answer
 * within 5 s
 */
#define _GNU_SOURCE
#include "tool.h"

enum {
	CONNS = 1024,
	CONNS_AT_FIRST = 32,
	HEAD_MAX = 8192,
	PATIENCE_S = 5,
	SERVER_MAX = 24,
	ON_ONE = 50
};
enum state { CLOSED, CONNECTING, IDLE, BUSY };

struct conn {
	struct conn *next; /* in the queue of those that are free */
	enum state state;
	int fd;
	unsigned id;
	bool asked, close, has_head;
	int used; /* requests that it has carried */
	int status;
	uint64_t due, sent,
		left; /* when it was to leave, when it left; bytes of the body to come */
	char server[SERVER_MAX];
	size_t len;
	char in[HEAD_MAX];
};

static struct conn conns[CONNS];
static struct conn *free_first, *free_last;
static unsigned opened, in_flight;
static struct sockaddr_in gateway;
static int epoll;
static FILE *out;
static char request[512];

static void free_push(struct conn *c)
{
	c->next = NULL;
	if (free_first)
		free_last->next = c;
	else
		free_first = c;
	free_last = c;
}

/* ---- how a request ended ------------------------------------------------------------------- */

static void write_line(uint64_t due, const struct conn *c, const char *how)
{
	(void)fprintf(out, "%llu %llu %d %s %u %s\n", (unsigned long long)due,
		(unsigned long long)((now_ns() - due) / 1000), c->status,
		c->server[0] ? c->server : "-", c->id, how);
}

static void conn_close(struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->state = CLOSED;
	c->used = 0;
}

static void settle(struct conn *c, const char *how)
{
	write_line(c->due, c, how);
	c->asked = false;
	in_flight--;
	bool whole = how[0] == 'o' || how[0] == 's';
	c->used++;
	c->state = IDLE;
	if (!whole || c->close || c->used == ON_ONE)
		conn_close(c);
	free_push(c);
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool parse_head(struct conn *c)
{
	char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
	if (!end)
		return c->len < sizeof(c->in) - 1;
	end[2] = '\0';
	const char *length = strcasestr(c->in, "\ncontent-length:"),
		   *server = strcasestr(c->in, "\nx-served-by:");
	if (sscanf(c->in, "HTTP/1.1 %d", &c->status) != 1 || !length)
		return false;
	if (server)
		(void)sscanf(server + strlen("\nx-served-by:"), " %23s", c->server);
	c->close = strcasestr(c->in, "\nconnection: close") != NULL;
	c->left = strtoull(length + strlen("\ncontent-length:"), NULL, 10);
	c->has_head = true;
	size_t body = c->len - (size_t)(end + 4 - c->in);
	c->left -= body < c->left ? body : c->left;
	return true;
}

/* The connection is over: what that means for its request. */
static const char *broken(const struct conn *c)
{
	return c->used && !c->len ? "raced" : c->state == CONNECTING ? "connect" : "broken";
}

static void conn_read(struct conn *c)
{
	char body[HEAD_MAX];
	for (;;) {
		char *to = c->has_head ? body : c->in + c->len;
		size_t room = c->has_head ? sizeof(body) : sizeof(c->in) - 1 - c->len;
		ssize_t n = recv(c->fd, to, room, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (!c->asked) { /* between requests: it ends, or says what nobody asked for */
			conn_close(c);
			return;
		}
		if (n <= 0) {
			settle(c, broken(c));
			return;
		}
		if (c->has_head)
			c->left -= (uint64_t)n < c->left ? (uint64_t)n : c->left;
		else
			c->len += (size_t)n;
		c->in[c->len] = '\0';
		if (!c->has_head && !parse_head(c)) {
			settle(c, "broken");
			return;
		}
		if (c->has_head && !c->left) {
			settle(c, c->status / 100 == 2 ? "ok" : "status");
			return;
		}
	}
}

/* ---- requests ------------------------------------------------------------------------------ */

static void conn_send(struct conn *c)
{
	size_t len = strlen(request);
	c->state = BUSY;
	c->sent = now_ns();
	if (send(c->fd, request, len, 0) != (ssize_t)len)
		settle(c, broken(c));
}

static struct conn *conn_take(void)
{
	struct conn *c = opened >= CONNS_AT_FIRST ? free_first : NULL;
	if (c) {
		free_first = c->next;
		return c;
	}
	if (opened == CONNS)
		return NULL;
	c = &conns[opened];
	c->fd = -1;
	c->id = opened++;
	return c;
}

static void ask(uint64_t due)
{
	static const struct conn none = { .id = CONNS };
	struct conn *c = conn_take();
	if (!c) {
		write_line(due, &none, "timeout");
		return;
	}
	c->asked = true;
	c->due = due;
	c->has_head = c->close = false;
	c->len = 0;
	c->status = 0;
	c->server[0] = '\0';
	in_flight++;
	if (c->state == IDLE) {
		conn_send(c);
		return;
	}
	c->fd = connect_to(&gateway);
	c->state = CONNECTING;
	if (c->fd < 0)
		settle(c, "connect");
	else
		watch(epoll, c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c);
}

static void conn_event(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (c->state == CONNECTING) {
		(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			settle(c, "connect");
			return;
		}
		conn_send(c);
	}
	if (c->fd >= 0)
		conn_read(c);
}

/* Requests are so many in a row that the oldest is looked for only now and then. */
static void give_up(uint64_t now)
{
	for (unsigned i = 0; i < opened; i++) {
		if (conns[i].asked && now - conns[i].due > PATIENCE_S * 1000000000ULL)
			settle(&conns[i], "timeout");
	}
}

static void turn(uint64_t until)
{
	struct epoll_event ev[TOOL_EVENTS];
	uint64_t now = now_ns(), wait = until > now ? until - now : 0;
	struct timespec t = { .tv_sec = (time_t)(wait / 1000000000),
		.tv_nsec = (long)(wait % 1000000000) };
	int n = epoll_pwait2(epoll, ev, TOOL_EVENTS, &t, NULL);
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		if (c->fd >= 0)
			conn_event(c);
	}
}

static void run(double rate, uint64_t start, double seconds)
{
	uint64_t looked = start, end = start + (uint64_t)(seconds * 1e9);
	for (uint64_t i = 0;; i++) {
		uint64_t due = start + (uint64_t)((double)i * 1e9 / rate);
		if (due >= end)
			break;
		while (now_ns() < due)
			turn(due);
		ask(due);
		if (due - looked > 100000000) {
			looked = due;
			give_up(due);
		}
	}
	while (in_flight) {
		turn(now_ns() + 100000000);
		give_up(now_ns());
	}
}

int main(int argc, char **argv)
{
	if (argc < 8 || argc > 9) {
		(void)fprintf(stderr,
			"usage: load ADDRESS PORT TAG RATE START SECONDS FILE [METHOD]\n");
		return 2;
	}
	begin();
	gateway = address_of(argv[1], argv[2]);
	out = fopen(argv[7], "we");
	if (!out)
		die(argv[7]);
	const char *method = argc == 9 ? argv[8] : "GET";
	(void)snprintf(request, sizeof(request),
		"%s /orders HTTP/1.1\r\nHost: app.test\r\nX-Run: %s\r\n%s\r\n", method, argv[3],
		strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	run(strtod(argv[4], NULL), strtoull(argv[5], NULL, 10), strtod(argv[6], NULL));
	return fclose(out) ? 1 : 0;
}
