/*
 * server: an HTTP/1.1 server that fails when it is told to. server ADDRESS PORT NAME WORK [FOR MS]
 * Each answer names the server in X-Served-By, and takes WORK milliseconds. With FOR and MS the
 * answers of its first FOR milliseconds take MS each, as those of a program that was just started.
 *
 * Commands on standard input, each answered by a line:
 *   answer | delay MS | status CODE PERCENT | reset | close | cut | hang    what requests meet
 *   health same | ok      what GET /health meets: the same as other requests, or success
 *   vanish                resets all connections and ends: on a dead link nobody hears of it
 *   count                 {"TAG": requests that came with `X-Run: TAG`, ...}
 */
#define _GNU_SOURCE
#include "tool.h"

enum { IN_MAX = 16 * 1024, OUT_MAX = 2048, BODY = 1024, TAGS = 16, TAG_MAX = 24 };
enum mode { ANSWER, DELAY, STATUS, RESET, CLOSE, CUT, HANG };

struct conn {
	struct conn *next, **at; /* of all connections */
	int fd;
	bool asked;    /* a request waits for its answer */
	bool close;    /* after what is in `out` */
	uint64_t due;  /* when the answer leaves; UINT64_MAX: not yet known, or never */
	uint64_t skip; /* bytes of a request body still to come */
	size_t in_len, out_len, out_sent;
	char in[IN_MAX];
	char out[OUT_MAX];
};

struct tally {
	char tag[TAG_MAX];
	uint64_t requests;
};

static struct conn *all;
static struct tally tallies[TAGS];
static const char *name;
static enum mode mode;
static bool health_ok, ended;
static unsigned work_ms, delay_ms, status_code, status_percent, status_sum;
static uint64_t started, slow_for_ns;
static unsigned slow_ms;
static char filler[BODY];

/* ---- what is counted ----------------------------------------------------------------------- */

static void count_request(const char *head)
{
	const char *field = strcasestr(head, "\nx-run:");
	char tag[TAG_MAX] = "";
	if (field)
		(void)sscanf(field + strlen("\nx-run:"), " %23[a-zA-Z0-9._-]", tag);
	for (int i = 0; i < TAGS; i++) {
		if (!tallies[i].requests)
			memcpy(tallies[i].tag, tag, TAG_MAX);
		if (strcmp(tallies[i].tag, tag) == 0) {
			tallies[i].requests++;
			return;
		}
	}
}

static void say_counts(void)
{
	(void)putchar('{');
	for (int i = 0; i < TAGS && tallies[i].requests; i++)
		(void)printf("%s\"%s\": %llu", i ? ", " : "", tallies[i].tag,
			(unsigned long long)tallies[i].requests);
	say("}");
}

/* ---- answers ------------------------------------------------------------------------------- */

static void conn_answer(struct conn *c, unsigned code)
{
	int head = snprintf(c->out, sizeof(c->out),
		"HTTP/1.1 %u %s\r\nX-Served-By: %s\r\nContent-Type: text/plain\r\n"
		"Content-Length: %d\r\n\r\n",
		code, code < 400 ? "OK" : "Out of order", name, BODY);
	memcpy(c->out + head, filler, BODY);
	c->out_len = (size_t)head + BODY;
	c->out_sent = 0;
}

static unsigned status_now(void)
{
	status_sum += status_percent;
	if (status_sum < 100)
		return 200;
	status_sum -= 100;
	return status_code;
}

/* The request is whole: its answer is composed, and leaves at `due`. False: it is closed. */
static bool conn_meet(struct conn *c, bool is_health, uint64_t now)
{
	enum mode m = is_health && health_ok ? ANSWER : mode;
	unsigned ms = is_health ? 0 : now - started < slow_for_ns ? slow_ms : work_ms;
	c->asked = true;
	c->due = now + (m == DELAY ? delay_ms : ms) * 1000000ULL;
	conn_answer(c, m == STATUS ? status_now() : 200);
	if (m == HANG)
		c->due = UINT64_MAX;
	if (m == CUT) {
		c->out_len = 40; /* in the midst of the head */
		c->close = true;
	}
	return m != RESET && m != CLOSE;
}

static void conn_free(struct conn *c, bool hard)
{
	if (hard)
		reset_now(c->fd);
	else
		(void)close(c->fd);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	free(c);
}

static void conn_end(struct conn *c, bool hard)
{
	/* bytes that were not read turn a FIN into a reset */
	while (!hard && recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT) > 0)
		;
	conn_free(c, hard);
}

/* ---- a connection -------------------------------------------------------------------------- */

/* Writes what is due. False: the connection is broken, or at its end. */
static bool conn_send(struct conn *c, uint64_t now)
{
	if (!c->asked || c->due > now)
		return true;
	ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, 0);
	if (n < 0)
		return errno == EAGAIN;
	c->out_sent += (size_t)n;
	if (c->out_sent < c->out_len)
		return true;
	c->asked = false;
	return !c->close;
}

/* True: a whole head was taken from what came, and its request met. */
static bool conn_request(struct conn *c, uint64_t now, bool *alive)
{
	char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end)
		return false;
	end[3] = '\0';
	size_t len = (size_t)(end - c->in) + 4;
	const char *path = strchr(c->in, ' '), *length = strcasestr(c->in, "\ncontent-length:");
	bool is_health = path && strncmp(path, " /health", 8) == 0;
	if (!is_health)
		count_request(c->in);
	c->skip = length ? strtoull(length + strlen("\ncontent-length:"), NULL, 10) : 0;
	*alive = conn_meet(c, is_health, now);
	c->in_len -= len;
	memmove(c->in, c->in + len, c->in_len);
	return true;
}

static bool conn_read(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->in_len += (size_t)n;
	size_t drop = c->skip < c->in_len ? (size_t)c->skip : c->in_len;
	c->skip -= drop;
	c->in_len -= drop;
	memmove(c->in, c->in + drop, c->in_len);
	return true;
}

static void conn_work(struct conn *c)
{
	bool alive = conn_read(c);
	uint64_t now = now_ns();
	while (alive && !c->asked && conn_request(c, now, &alive))
		alive = alive && conn_send(c, now);
	if (!alive)
		conn_end(c, mode == RESET);
}

static void accept_all(int epoll, int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		if (!c)
			abort();
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		*c = (struct conn){ .fd = fd, .next = all, .at = &all, .due = UINT64_MAX };
		if (all)
			all->at = &c->next;
		all = c;
		watch(epoll, fd, EPOLLIN, c);
	}
}

/* Sends what has become due. Returns when the next one is. */
static uint64_t send_due(void)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	for (struct conn *c = all, *after; c; c = after) {
		after = c->next;
		if (!conn_send(c, now))
			conn_end(c, false);
		else if (c->asked && c->due < next)
			next = c->due > now ? c->due : now + 1000000; /* the socket is full */
	}
	return next;
}

/* ---- commands ------------------------------------------------------------------------------ */

static void set_mode(enum mode m)
{
	mode = m;
	/* what hangs is answered once the server works again */
	for (struct conn *c = all; c && m == ANSWER; c = c->next)
		c->due = c->due == UINT64_MAX ? 0 : c->due;
	say("ok");
}

static void vanish(void)
{
	while (all)
		conn_free(all, true);
	ended = true;
	say("ok");
}

static void obey(char *line)
{
	static const struct {
		const char *word;
		enum mode mode;
	} plain[] = { { "answer", ANSWER }, { "reset", RESET }, { "close", CLOSE }, { "cut", CUT },
		{ "hang", HANG } };
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(line, plain[i].word) == 0) {
			set_mode(plain[i].mode);
			return;
		}
	}
	if (sscanf(line, "delay %u", &delay_ms) == 1) {
		set_mode(DELAY);
	} else if (sscanf(line, "status %u %u", &status_code, &status_percent) == 2) {
		set_mode(STATUS);
	} else if (strncmp(line, "health ", 7) == 0) {
		health_ok = strcmp(line + 7, "ok") == 0;
		say("ok");
	} else if (strcmp(line, "vanish") == 0) {
		vanish();
	} else if (strcmp(line, "count") == 0) {
		say_counts();
	} else {
		say("what?");
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev[TOOL_EVENTS];
	static char commands, listener;
	if (argc != 5 && argc != 7) {
		(void)fprintf(stderr, "usage: server ADDRESS PORT NAME WORK [FOR MS]\n");
		return 2;
	}
	begin();
	name = argv[3];
	work_ms = (unsigned)strtoul(argv[4], NULL, 10);
	slow_for_ns = argc == 7 ? strtoull(argv[5], NULL, 10) * 1000000 : 0;
	slow_ms = argc == 7 ? (unsigned)strtoul(argv[6], NULL, 10) : 0;
	memset(filler, 'x', sizeof(filler));
	struct sockaddr_in a = address_of(argv[1], argv[2]);
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = listen_at(&a);
	started = now_ns();
	watch(epoll, fd, EPOLLIN, &listener);
	watch(epoll, STDIN_FILENO, EPOLLIN, &commands);
	say("ready");
	while (!ended) {
		int n = epoll_wait(epoll, ev, TOOL_EVENTS, wait_ms(send_due(), now_ns()));
		for (int i = 0; i < n && !ended; i++) {
			if (ev[i].data.ptr == &listener)
				accept_all(epoll, fd);
			else if (ev[i].data.ptr != &commands)
				conn_work(ev[i].data.ptr);
			else if (!read_commands(obey))
				(void)epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		}
	}
	return 0;
}
