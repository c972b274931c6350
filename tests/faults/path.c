/*
 * path: the way between a gateway and a server, with the faults of a network, for kernels that have
 * no netem. path ADDRESS PORT SERVER-ADDRESS SERVER-PORT takes connections and passes their bytes
 * on. What the kernel does before it hands over a connection is beyond it: a connection to the
 * path opens at once, whatever the fault.
 *
 * Commands on standard input, each answered by a line:
 *   pass            bytes, ends and resets pass at once
 *   delay MS        all of them take so long, in each direction
 *   loss PERCENT    so many pieces are lost, and come after the 200 ms in which TCP notices; those
 *                   behind wait
 *   stall           nothing passes any more, nor is anything told; after `pass` it does
 *   forget          the server's host is gone: what is open leads nowhere, and the server's side is
 *                   told nothing; after `pass` each byte is answered by a reset
 */
#define _GNU_SOURCE
#include "tool.h"

enum { PIECE_MAX = 16 * 1024, PIECES = 16, RESEND_MS = 200 };
enum mode { PASS, STALL, FORGET };

struct piece {
	uint64_t due;
	size_t len, sent;
	char bytes[PIECE_MAX];
};

/* One direction: what was read of one socket and not yet written to the other. */
struct flow {
	struct piece *pieces[PIECES]; /* a ring; owned */
	unsigned first, n;
	bool ended; /* the reading side has sent FIN */
	bool told;  /* and the writing side knows */
	uint64_t end_due;
};

struct pair {
	struct pair *next, **at;
	int fd[2];           /* of the gateway, of the server; -1: gone */
	struct flow flow[2]; /* from fd[i] to fd[1 - i] */
	bool forgotten, broken;
};

static struct pair *all;
static enum mode mode;
static unsigned delay_ms, loss_percent;
static uint64_t lot = 88172645463325252ULL;

static unsigned draw(unsigned below)
{
	lot ^= lot << 13;
	lot ^= lot >> 7;
	lot ^= lot << 17;
	return (unsigned)(lot % below);
}

/* When what is read now arrives, if all before it arrives by `before`. */
static uint64_t arrival(uint64_t before)
{
	uint64_t due = now_ns() + delay_ms * 1000000ULL, again = RESEND_MS * 1000000ULL;
	while (draw(100) < loss_percent) {
		due += again;
		again *= 2;
	}
	return due > before ? due : before;
}

static uint64_t last_due(const struct flow *f)
{
	return f->n ? f->pieces[(f->first + f->n - 1) % PIECES]->due : 0;
}

/* ---- a pair -------------------------------------------------------------------------------- */

static void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->fd[i] >= 0 && p->broken)
			reset_now(p->fd[i]);
		else if (p->fd[i] >= 0)
			(void)close(p->fd[i]);
		for (; p->flow[i].n; p->flow[i].n--)
			free(p->flow[i].pieces[p->flow[i].first++ % PIECES]);
	}
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	free(p);
}

static void flow_read(struct pair *p, int i)
{
	struct flow *f = &p->flow[i];
	while (f->n < PIECES && !f->ended) {
		struct piece *piece = malloc(sizeof(*piece));
		if (!piece)
			abort();
		ssize_t n = recv(p->fd[i], piece->bytes, PIECE_MAX, 0);
		if (n <= 0) {
			free(piece);
			f->ended = n == 0;
			f->end_due = n == 0 ? arrival(last_due(f)) : 0;
			p->broken |= n < 0 && errno != EAGAIN;
			return;
		}
		piece->due = arrival(last_due(f));
		piece->len = (size_t)n;
		piece->sent = 0;
		f->pieces[(f->first + f->n++) % PIECES] = piece;
	}
}

/* Writes what has arrived. Returns when more will have. */
static uint64_t flow_write(struct pair *p, int i, uint64_t now)
{
	struct flow *f = &p->flow[i];
	int to = p->fd[1 - i];
	while (f->n) {
		struct piece *piece = f->pieces[f->first];
		if (piece->due > now)
			return piece->due;
		ssize_t n = send(to, piece->bytes + piece->sent, piece->len - piece->sent, 0);
		if (n < 0) {
			p->broken |= errno != EAGAIN && errno != ENOTCONN;
			return now + 1000000;
		}
		piece->sent += (size_t)n;
		if (piece->sent < piece->len)
			return now + 1000000;
		free(piece);
		f->first = (f->first + 1) % PIECES;
		f->n--;
	}
	if (f->ended && !f->told && f->end_due > now)
		return f->end_due;
	if (f->ended && !f->told) {
		(void)shutdown(to, SHUT_WR);
		f->told = true;
	}
	return UINT64_MAX;
}

/* Its other side is gone: bytes meet nobody, and a host that knows nothing of it says so. */
static uint64_t forgotten_work(struct pair *p)
{
	char dropped[PIECE_MAX];
	if (mode != PASS)
		return UINT64_MAX;
	ssize_t n = recv(p->fd[0], dropped, sizeof(dropped), 0);
	if (n >= 0 || errno != EAGAIN) {
		p->broken = n > 0;
		pair_free(p);
		return UINT64_MAX;
	}
	return now_ns() + 5000000;
}

/* Returns when there will be more to do. */
static uint64_t pair_work(struct pair *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	if (p->forgotten)
		return forgotten_work(p);
	if (mode != PASS)
		return UINT64_MAX;
	for (int i = 0; i < 2 && !p->broken; i++) {
		flow_read(p, i);
		uint64_t due = flow_write(p, i, now);
		next = due < next ? due : next;
	}
	if (p->broken || (p->flow[0].told && p->flow[1].told)) {
		pair_free(p);
		return UINT64_MAX;
	}
	return next;
}

/* What is on its way, or stands in the sockets, when something has changed. */
static uint64_t work_all(void)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	for (struct pair *p = all, *after; p; p = after) {
		after = p->next;
		uint64_t due = pair_work(p, now);
		next = due < next ? due : next;
	}
	return next;
}

static void accept_all(int epoll, int listener, const struct sockaddr_in *server)
{
	int fd, on = 1;
	while (mode == PASS &&
		(fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct pair *p = calloc(1, sizeof(*p));
		if (!p)
			abort();
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		*p = (struct pair){ .next = all, .at = &all, .fd = { fd, connect_to(server) } };
		if (all)
			all->at = &p->next;
		all = p;
		watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
		p->broken = p->fd[1] < 0;
		if (!p->broken)
			watch(epoll, p->fd[1], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
	}
}

/* ---- commands ------------------------------------------------------------------------------ */

static void forget(void)
{
	mode = FORGET;
	for (struct pair *p = all; p; p = p->next) {
		if (p->fd[1] >= 0)
			reset_now(p->fd[1]);
		p->fd[1] = -1;
		p->forgotten = true;
	}
}

static void obey(char *line)
{
	if (strcmp(line, "stall") == 0)
		mode = STALL;
	else if (strcmp(line, "forget") == 0)
		forget();
	else if (strcmp(line, "pass") == 0)
		mode = PASS, delay_ms = loss_percent = 0;
	else if (sscanf(line, "delay %u", &delay_ms) != 1 &&
		sscanf(line, "loss %u", &loss_percent) != 1) {
		say("what?");
		return;
	}
	say("ok");
}

int main(int argc, char **argv)
{
	struct epoll_event ev[TOOL_EVENTS];
	static char commands, listener;
	if (argc != 5) {
		(void)fprintf(stderr, "usage: path ADDRESS PORT SERVER-ADDRESS SERVER-PORT\n");
		return 2;
	}
	begin();
	struct sockaddr_in a = address_of(argv[1], argv[2]), server = address_of(argv[3], argv[4]);
	int epoll = epoll_create1(EPOLL_CLOEXEC), fd = listen_at(&a);
	watch(epoll, fd, EPOLLIN | EPOLLET, &listener);
	watch(epoll, STDIN_FILENO, EPOLLIN, &commands);
	say("ready");
	for (;;) {
		/* sockets only wake it: which of them matters little with so few of them */
		int n = epoll_wait(epoll, ev, TOOL_EVENTS, wait_ms(work_all(), now_ns()));
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == &commands && !read_commands(obey))
				(void)epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		}
		accept_all(epoll, fd, &server);
	}
}
