/* See inherited.h. */
#include "app/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* All sockets of one address. */
struct inherited {
	struct addr addr;
	int *fds; /* owned */
	unsigned n;
	char name[INHERITED_NAME + 1]; /* of the first */
	enum inherited_kind kind;
	bool used;
};

static struct inherited *table; /* owned */
static size_t n_table;

/* ---- reading the environment --------------------------------------------------------------- */

/* A decimal number up to max; 0 when the variable is missing or something else. */
static unsigned long inherited_number(const char *variable, unsigned long max)
{
	const char *text = getenv(variable);
	char *end;
	if (!text || *text < '1' || *text > '9')
		return 0;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	return errno || *end || n > max ? 0 : n;
}

/* The next name of a list with colons between; empty when there is none. */
static void inherited_next_name(const char **list, char out[INHERITED_NAME + 1])
{
	const char *from = *list ? *list : "", *colon = strchr(from, ':');
	size_t n = colon ? (size_t)(colon - from) : strlen(from);
	size_t keep = n < INHERITED_NAME ? n : INHERITED_NAME;
	memcpy(out, from, keep);
	out[keep] = 0;
	*list = colon ? colon + 1 : NULL;
}

static int inherited_option(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

/* The address of a stream socket that listens. */
static bool inherited_address(int fd, struct addr *a)
{
	struct addr at = { .len = sizeof(at) - offsetof(struct addr, sa) };
	if (inherited_option(fd, SO_TYPE) != SOCK_STREAM ||
		inherited_option(fd, SO_ACCEPTCONN) != 1 || getsockname(fd, &at.sa, &at.len) < 0)
		return false;
	sa_family_t family = at.sa.sa_family;
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return false;
	*a = (struct addr){ .len = at.len };
	memcpy(&a->sa, &at.sa, at.len < sizeof(a->un) ? at.len : sizeof(a->un));
	return true;
}

static struct inherited *inherited_row(const struct addr *a)
{
	for (size_t i = 0; i < n_table; i++) {
		if (addr_eq(&table[i].addr, a))
			return &table[i];
	}
	return NULL;
}

static void inherited_add(int fd, const char *name, enum inherited_kind kind)
{
	struct addr a;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!inherited_address(fd, &a)) {
		log_warn("listener",
			"descriptor %d (%s), which the gateway was started with, is no stream "
			"socket that listens: it is not used",
			fd, *name ? name : "without a name");
		return;
	}
	struct inherited *it = inherited_row(&a);
	if (!it) {
		table = mem_resize(table, n_table + 1, sizeof(*table), "struct inherited");
		it = &table[n_table++];
		*it = (struct inherited){ .addr = a, .kind = kind };
		memcpy(it->name, name, strlen(name) + 1);
	}
	it->fds = mem_resize(it->fds, it->n + 1, sizeof(int), "inherited.fds");
	it->fds[it->n++] = fd;
}

void inherited_init(bool succeeds)
{
	unsigned long n = inherited_number("LISTEN_FDS", INHERITED_MAX);
	unsigned long pid = inherited_number("LISTEN_PID", INT32_MAX);
	const char *names = getenv("LISTEN_FDNAMES");
	char name[INHERITED_NAME + 1];
	if (!succeeds && pid != (unsigned long)getpid())
		n = 0; /* they were meant for another process */
	for (unsigned long i = 0; i < n; i++) {
		inherited_next_name(&names, name);
		inherited_add((int)(INHERITED_FIRST + i), name,
			succeeds && strcmp(name, INHERITED_GIVEN) == 0 ? INHERITED_TAKEN
								       : INHERITED_LENT);
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

/* ---- using them ---------------------------------------------------------------------------- */

static bool addr_is_any(const struct addr *a)
{
	return a->sa.sa_family == AF_INET ? a->in.sin_addr.s_addr == htonl(INADDR_ANY)
					  : IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr) != 0;
}

bool addr_overlaps(const struct addr *a, const struct addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || a->sa.sa_family == AF_UNIX ||
		addr_port(a) != addr_port(b))
		return false;
	return addr_is_any(a) || addr_is_any(b);
}

enum inherited_kind inherited_find(const struct addr *a, const int **fds, unsigned *n)
{
	struct inherited *it = inherited_row(a);
	if (!it || it->n == 0)
		return INHERITED_NONE;
	it->used = true;
	*fds = it->fds;
	*n = it->n;
	return it->kind;
}

bool inherited_overlaps(const struct addr *a)
{
	for (size_t i = 0; i < n_table; i++) {
		if (table[i].n && addr_overlaps(&table[i].addr, a))
			return true;
	}
	return false;
}

static void inherited_close(struct inherited *it)
{
	for (unsigned i = 0; i < it->n; i++)
		(void)close(it->fds[i]);
	it->n = 0;
}

void inherited_settle(void)
{
	char text[ADDR_TEXT];
	for (size_t i = 0; i < n_table; i++) {
		struct inherited *it = &table[i];
		if (it->kind == INHERITED_TAKEN) {
			inherited_close(it);
			continue;
		}
		if (it->used)
			continue;
		(void)addr_text(&it->addr, text);
		log_warn("listener",
			"nothing is served on %s, although the gateway was started with a socket "
			"for it (%s): no listener has this address",
			text, *it->name ? it->name : "without a name");
	}
}

const char *inherited_lent(size_t i, int *fd)
{
	for (size_t row = 0; row < n_table; row++) {
		const struct inherited *it = &table[row];
		if (it->kind != INHERITED_LENT)
			continue;
		if (i < it->n) {
			*fd = it->fds[i];
			return it->name;
		}
		i -= it->n;
	}
	return NULL;
}

void inherited_fini(void)
{
	for (size_t i = 0; i < n_table; i++) {
		inherited_close(&table[i]);
		free(table[i].fds);
	}
	free(table);
	table = NULL;
	n_table = 0;
}
