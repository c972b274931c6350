/* Servers on unix sockets, without threads. */
#include "fakeserver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

static char folder[] = "/tmp/sluice-servers-XXXXXX";
static bool has_folder;

static void server_path(unsigned n, char *out, size_t size)
{
	if (!has_folder)
		check(mkdtemp(folder), "no %s", "folder");
	has_folder = true;
	(void)snprintf(out, size, "unix:%s/%u", folder, n);
}

void fakeserver_fini(void)
{
	char path[64];
	if (!has_folder)
		return;
	for (unsigned n = 0; n < FAKESERVERS; n++) {
		server_path(n, path, sizeof(path));
		(void)unlink(path + sizeof("unix:") - 1);
	}
	(void)rmdir(folder);
	has_folder = false;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
}

void fakeserver_up(struct fakeserver *s, unsigned n)
{
	check(n < FAKESERVERS, "server %u", n);
	*s = (struct fakeserver){ .listening = -1 };
	server_path(n, s->address, sizeof(s->address));
	check(addr_parse(str_of(s->address), &s->addr), "%s is no address", s->address);
	fakeserver_listen(s);
}

void fakeserver_listen(struct fakeserver *s)
{
	if (s->listening >= 0)
		return;
	(void)unlink(s->address + sizeof("unix:") - 1);
	s->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(s->listening >= 0 && bind(s->listening, &s->addr.sa, s->addr.len) == 0 &&
			listen(s->listening, FAKESERVER_BACKLOG) == 0,
		"%s: errno %d", s->address, errno);
}

void fakeserver_up_tcp(struct fakeserver *s)
{
	*s = (struct fakeserver){ .listening = socket(AF_INET,
					  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	check(addr_from_ip(STR("127.0.0.1"), 0, &s->addr), "no %s", "address");
	check(s->listening >= 0 && bind(s->listening, &s->addr.sa, s->addr.len) == 0 &&
			listen(s->listening, FAKESERVER_BACKLOG) == 0 &&
			getsockname(s->listening, &s->addr.sa, &s->addr.len) == 0,
		"no port: errno %d", errno);
	(void)addr_text(&s->addr, s->address);
}

void fakeserver_refuse(struct fakeserver *s)
{
	if (s->listening >= 0)
		(void)close(s->listening);
	s->listening = -1;
}

static void peer_fini(struct fakepeer *p)
{
	fakepeer_close(p);
	free(p->got);
	*p = (struct fakepeer){ .fd = -1 };
}

void fakeserver_down(struct fakeserver *s)
{
	fakeserver_refuse(s);
	for (unsigned i = 0; i < s->n_peers; i++)
		peer_fini(&s->peers[i]);
	s->n_peers = 0;
}

void fakeserver_accept(struct fakeserver *s)
{
	int fd;
	while (s->listening >= 0 &&
		(fd = accept4(s->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (s->n_peers == FAKESERVER_CONNS)
			(void)close(fd);
		else
			s->peers[s->n_peers++] = (struct fakepeer){ .fd = fd };
	}
}

void fakepeer_read(struct fakepeer *p)
{
	char bytes[4096];
	ssize_t n = -1;
	while (p->fd >= 0 && (n = recv(p->fd, bytes, sizeof(bytes), 0)) > 0) {
		if (p->got_len + (size_t)n + 1 > p->got_cap) {
			p->got_cap = (p->got_len + (size_t)n + 1) * 2;
			p->got = realloc(p->got, p->got_cap);
			check(p->got, "out of memory: %zu bytes", p->got_cap);
		}
		memcpy(p->got + p->got_len, bytes, (size_t)n);
		p->got_len += (size_t)n;
		p->got[p->got_len] = 0;
	}
	p->eof |= p->fd >= 0 && (n == 0 || errno != EAGAIN);
}

bool fakepeer_connect(struct fakepeer *p, const struct addr *to)
{
	*p = (struct fakepeer){ .fd = socket(to->sa.sa_family,
					SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	check(p->fd >= 0, "no %s", "socket");
	if (connect(p->fd, &to->sa, to->len) == 0)
		return true;
	fakepeer_close(p);
	return false;
}

void fakeserver_read(struct fakeserver *s)
{
	for (unsigned i = 0; i < s->n_peers; i++)
		fakepeer_read(&s->peers[i]);
}

void fakepeer_say(struct fakepeer *p, const char *bytes, size_t n)
{
	if (p->fd >= 0 && n)
		(void)send(p->fd, bytes, n, MSG_NOSIGNAL);
}

void fakepeer_say_text(struct fakepeer *p, const char *text)
{
	fakepeer_say(p, text, strlen(text));
}

void fakepeer_eat(struct fakepeer *p, size_t n)
{
	check(n <= p->got_len, "%zu bytes of %zu", n, p->got_len);
	p->got_len -= n;
	if (p->got)
		memmove(p->got, p->got + n, p->got_len + 1);
}

void fakepeer_clear(struct fakepeer *p)
{
	fakepeer_eat(p, p->got_len);
}

void fakepeer_eof(struct fakepeer *p)
{
	if (p->fd >= 0)
		(void)shutdown(p->fd, SHUT_WR);
}

void fakepeer_close(struct fakepeer *p)
{
	/* no port waits for late packets: there are as many of them as a run has connections */
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	if (p->fd >= 0) {
		(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		(void)close(p->fd);
	}
	p->fd = -1;
}
